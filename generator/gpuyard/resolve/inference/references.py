"""Secrets, ConfigMaps and claims that the chart's values name, and that somebody else must make."""

from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.resolve.overrides import at
from gpuyard.resolve.workload import KeyUse
from gpuyard.review.podspecs import containers_of, pod_specs

__all__ = ["account", "claims", "made", "uses"]

Values = Mapping[str, Any]

_KINDS = {"secret": "Secret", "configMap": "ConfigMap"}
_LOGINS = {"basic": ("username", "password"), "bearer": ("bearerToken",), "tls": ("cert", "key")}
"""Keys of the Secret by which KEDA asks Prometheus, by autoscaling.prometheus.auth.mode."""
_MAKERS = ("Secret", "ConfigMap", "ExternalSecret", "SealedSecret")
"""Kinds of objects that are, or make, a Secret or a ConfigMap of their name."""


def uses(values: Values, name: str) -> Iterator[KeyUse]:
    """Each key of a Secret or ConfigMap; an empty key stands for all. `name` is the blueprint's."""
    own = made(values)
    for found in (*_named(values, name), *_of_objects(values, name)):
        if found.name not in own:
            yield found


def account(values: Values) -> str:
    """The ServiceAccount of its pods, where somebody else makes it; empty: nobody has to."""
    given = values.get("serviceAccount") or {}
    name = "" if given.get("create", True) else given.get("name") or ""
    own = {each["metadata"]["name"] for each in values.get("extraObjects", ()) if each["kind"] == "ServiceAccount"}
    return "" if name in own or name == "default" else name


def claims(values: Values) -> Iterator[str]:
    """Claims of volumes more."""
    for volume in values.get("extraVolumes", ()):
        if claim := volume.get("persistentVolumeClaim"):
            yield claim["claimName"]


def made(values: Values) -> frozenset[str]:
    """Names of what the author's own objects bring."""
    objects = [each for each in values.get("extraObjects", ()) if each["kind"] in _MAKERS]
    targets = (at(each, ("spec", "target", "name")) for each in objects)
    return frozenset({each["metadata"]["name"] for each in objects} | {target for target in targets if target})


def _named(values: Values, name: str) -> Iterator[KeyUse]:
    containers = [("", values)]
    containers += [
        (each["name"], each) for key in ("initContainers", "extraContainers") for each in values.get(key, ())
    ]
    for container, content in containers:
        variables = content.get("env" if container else "extraEnv", ())
        yield from _of_environment(variables, content.get("envFrom", ()), f"{name}: environment")
    for volume in values.get("extraVolumes", ()):
        yield from _of_volume(volume, f"{name}: volume {volume['name']}")
    login = at(values, ("autoscaling", "prometheus", "auth")) or {}
    if secret := login.get("secret"):
        names, called = _LOGINS.get(str(login.get("mode")), ()), login.get("keys") or {}
        for key in (*names, *(("ca",) if login.get("ca") else ())):
            yield KeyUse(secret, called.get(key, key), f"{name}: asking Prometheus")


def _of_objects(values: Values, name: str) -> Iterator[KeyUse]:
    """Of the pods of an author's own objects, in which anything may be of any type."""
    for each in values.get("extraObjects", ()):
        whose = f"{name}: {each['kind']} {each['metadata']['name']}"
        for pod in pod_specs(each):
            for container in containers_of(pod):
                yield from _of_environment(container.get("env"), container.get("envFrom"), f"{whose}, environment")
            for volume in _maps(pod.get("volumes")):
                yield from _of_volume(volume, f"{whose}, volume {volume.get('name')}")


def _of_environment(variables: Any, sources: Any, purpose: str) -> Iterator[KeyUse]:
    for variable in _maps(variables):
        for group, kind in _KINDS.items():
            found = _needed(at(variable, ("valueFrom", f"{group}KeyRef")))
            if found and isinstance(found.get("key"), str):
                yield KeyUse(found["name"], found["key"], f"{purpose}, {variable.get('name')}", kind)
    for source in _maps(sources):
        for group, kind in _KINDS.items():
            if found := _needed(source.get(f"{group}Ref")):
                yield KeyUse(found["name"], "", purpose, kind)


def _of_volume(volume: Values, purpose: str) -> Iterator[KeyUse]:
    for source in (volume, *_maps(at(volume, ("projected", "sources")))):
        for group, kind in _KINDS.items():
            given = source.get(group)
            found = _needed({"name": given.get("secretName"), **given} if isinstance(given, Mapping) else None)
            if found is None:
                continue
            keys = [key for each in _maps(found.get("items")) if isinstance(key := each.get("key"), str)] or [""]
            yield from (KeyUse(found["name"], key, purpose, kind) for key in keys)
    if found := _needed(at(volume, ("csi", "nodePublishSecretRef"))):
        yield KeyUse(found["name"], "", purpose)


def _needed(found: Any) -> Values | None:
    """What names something that has to be there."""
    named = isinstance(found, Mapping) and isinstance(found.get("name"), str)
    return found if named and not found.get("optional") else None


def _maps(value: Any) -> Iterator[Values]:
    """The mappings of a list."""
    yield from (each for each in value if isinstance(each, Mapping)) if isinstance(value, list | tuple) else ()
