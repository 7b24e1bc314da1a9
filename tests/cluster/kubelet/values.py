"""Values that a container takes from elsewhere: environment, fields of its pod, resources, Secrets, ConfigMaps."""

import base64
import re
from collections.abc import Mapping

from tests.cluster.addresses import API, API_PORT
from tests.cluster.api import Api, Object
from tests.cluster.errors import NotFoundError

__all__ = ["MissingError", "data_of", "environment", "expand", "field_of", "quantity", "resource_of"]

_UNITS = {"m": 0.001, "": 1.0} | {
    f"{letter}{suffix}": float(base ** (power + 1))
    for suffix, base in (("", 1000), ("i", 1024))
    for power, letter in enumerate("KMGTPE")
}
_UNITS["k"] = 1000.0


class MissingError(Exception):
    """A Secret or ConfigMap, or a key of it, isn't there yet; the container waits for it."""


def environment(api: Api, pod: Object, container: Object) -> dict[str, str]:
    """The container's environment; raises MissingError."""
    namespace = pod["metadata"]["namespace"]
    env = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "HOSTNAME": pod["metadata"]["name"],
        "KUBERNETES_SERVICE_HOST": API,
        "KUBERNETES_SERVICE_PORT": str(API_PORT),
        "KUBERNETES_SERVICE_PORT_HTTPS": str(API_PORT),
    }
    for source in container.get("envFrom", []):
        for kind, key in (("secrets", "secretRef"), ("configmaps", "configMapRef")):
            if key in source:
                found = data_of(api, kind, namespace, source[key]["name"], optional=source[key].get("optional", False))
                env |= {source.get("prefix", "") + name: value.decode() for name, value in found.items()}
    for entry in container.get("env", []):
        value = _value(api, pod, container, entry)
        if value is not None:
            env[entry["name"]] = expand(value, env)
    return env


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace $(NAME) where the name is known; $$(NAME) stays, with one $."""

    def known(match: re.Match[str]) -> str:
        dollars, name = match.groups()
        return f"$({name})" if dollars == "$$" else env.get(name, match[0])

    return re.sub(r"(\$\$?)\(([^)]+)\)", known, text)


def field_of(pod: Object, path: str) -> str:
    """A field of the pod, as downward API paths name it."""
    if match := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
        return str(pod["metadata"].get(match[1], {}).get(match[2], ""))
    value: object = pod
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, dict):
        return "\n".join(f'{name}="{text}"' for name, text in sorted(value.items()))
    return "" if value is None else str(value)


def resource_of(pod: Object, container: Object, reference: Object) -> str:
    """A limit or request as a whole number of its divisor; without a limit the node's share counts, here one GiB."""
    named = reference.get("containerName")
    owner = next((each for each in pod["spec"]["containers"] if each["name"] == named), container)
    kind, _, resource = reference["resource"].partition(".")
    amount = owner.get("resources", {}).get(kind, {}).get(resource)
    if amount is None:
        amount = "1Gi" if resource == "memory" else "1"
    divisor = quantity(str(reference.get("divisor") or "1")) or 1
    return str(-int(-quantity(str(amount)) // divisor))


def quantity(text: str) -> float:
    """A Kubernetes quantity as a number: 500m is 0.5, 1Gi is 1073741824."""
    match = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", text)
    if match is None or match[2] not in _UNITS:
        raise ValueError(f"{text!r} is no quantity")
    return float(match[1]) * _UNITS[match[2]]


def data_of(api: Api, kind: str, namespace: str, name: str, *, optional: bool = False) -> dict[str, bytes]:
    """The data of a Secret or ConfigMap; raises MissingError unless it is optional."""
    try:
        found = api.get(f"/api/v1/namespaces/{namespace}/{kind}/{name}")
    except NotFoundError:
        if optional:
            return {}
        raise MissingError(f"{kind[:-1]} {name} isn't there") from None
    plain = found.get("data") or {}
    if kind == "secrets":
        return {key: base64.b64decode(value) for key, value in plain.items()}
    binary = {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
    return {key: value.encode() for key, value in plain.items()} | binary


def _value(api: Api, pod: Object, container: Object, entry: Object) -> str | None:
    source = entry.get("valueFrom")
    if source is None:
        return str(entry.get("value", ""))
    if "fieldRef" in source:
        return field_of(pod, source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return resource_of(pod, container, source["resourceFieldRef"])
    kind, key = ("secrets", "secretKeyRef") if "secretKeyRef" in source else ("configmaps", "configMapKeyRef")
    wanted, optional = source[key], source[key].get("optional", False)
    found = data_of(api, kind, pod["metadata"]["namespace"], wanted["name"], optional=optional).get(wanted["key"])
    if found is None and not optional:
        raise MissingError(f"{kind[:-1]} {wanted['name']} has no key {wanted['key']}")
    return None if found is None else found.decode()
