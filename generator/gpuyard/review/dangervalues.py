"""Rules about what a chart of the platform is given: names of values that say in every chart what pods may do."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.errors import InputError
from gpuyard.review.dangerengine import at
from gpuyard.review.fields import ABSENT, ObjectChange, Told, What

__all__ = ["values"]


_PATHS = (("spec", "values"), ("spec", "source", "helm", "valuesObject"))
_TEXT = ("spec", "source", "helm", "values")
"""The same as a text."""
_WEAK: Mapping[str, tuple[Any, ...]] = {
    "allowPrivilegeEscalation": (True,),
    "automountServiceAccountToken": (True,),
    "hostIPC": (True,),
    "hostNetwork": (True,),
    "hostPID": (True,),
    "privileged": (True,),
    "readOnlyRootFilesystem": (False,),
    "runAsGroup": (0,),
    "runAsNonRoot": (False,),
    "runAsUser": (0,),
    "shareProcessNamespace": (True,),
}
"""Values that loosen."""
_STRONG: Mapping[str, bool] = {
    "allowPrivilegeEscalation": False,
    "automountServiceAccountToken": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
}
"""Values that are missed when they go: what the chart has instead is not known."""
_OUTSIDE = ("LoadBalancer", "NodePort")
_POLICIES = ("networkPolicies", "networkPolicy")
_ROUTES = ("gateway", "httpRoute", "ingress", "route")
_PINS = ("digest", "sha")


def values(each: ObjectChange) -> Iterator[Told]:
    """Of a release, new or changed."""
    if each.identity.kind not in ("Application", "HelmRelease") or each.what is What.REMOVED:
        return
    old, new = (dict(fact for given in _given(obj) for fact in _facts(given, "")) for obj in (each.old, each.new))
    yield from ((rule, text) for text, (rule, good) in new.items() if not good and text not in old)
    bad = {text.partition(" ")[0] for text, (_, good) in new.items() if not good}
    for text, (rule, good) in old.items() if each.what is What.CHANGED else ():
        if good and text not in new and text.partition(" ")[0] not in bad:
            yield rule, f"no longer {text}"


def _given(obj: Mapping[str, Any]) -> Iterator[Any]:
    """Where a release has them."""
    yield from (at(obj, path) for path in _PATHS)
    if isinstance(text := at(obj, _TEXT), str):
        with suppress(InputError):  # which Helm refuses, too
            yield yamlio.read(text.encode(errors="replace"), "values").value


def _facts(value: Any, path: str) -> Iterator[tuple[str, tuple[str, bool]]]:
    """What it says, each with its rule and whether that is good."""
    if isinstance(value, Mapping):
        for key, inside in value.items():
            here = f"{path}.{key}".removeprefix(".")
            yield from _said(str(key), inside, here)
            yield from _facts(inside, here)
    elif isinstance(value, list):
        for index, inside in enumerate(value):
            yield from _facts(inside, f"{path}[{index}]")


def _said(key: str, value: Any, path: str) -> Iterator[tuple[str, tuple[str, bool]]]:
    text = f"{path} is {str(value).lower() if isinstance(value, bool) else value}"
    if any(type(value) is type(each) and value == each for each in _WEAK.get(key, ())):
        yield text, ("security-loosened", False)
    elif value is _STRONG.get(key, ABSENT):
        yield text, ("security-loosened", True)
    elif key.lower().endswith("securitycontext"):
        yield f"{path} is {'set' if value else 'empty'}", ("security-loosened", bool(value))
    elif key == "hostPath" and value:
        yield f"{path} is of the host", ("security-loosened", False)
    elif key == "type" and value in _OUTSIDE:
        yield text, ("host-exposed", False)
    elif key in _PINS and isinstance(value, str) and value:
        yield f"{path} is set", ("image-unpinned", True)
    elif isinstance(value, Mapping):
        yield from _of_mapping(key, value, path)


def _of_mapping(key: str, value: Mapping[str, Any], path: str) -> Iterator[tuple[str, tuple[str, bool]]]:
    enabled = value.get("enabled")
    if key == "seccompProfile":
        good = value.get("type") in ("RuntimeDefault", "Localhost")
        yield f"{path}.type is {value.get('type')}", ("security-loosened", good)
    elif key == "capabilities":
        yield from ((f"{path}.add has {each}", ("security-loosened", False)) for each in value.get("add") or ())
        yield from ((f"{path}.drop has {each}", ("security-loosened", True)) for each in value.get("drop") or ())
    elif key in _POLICIES and isinstance(enabled, bool):
        yield f"{path}.enabled is {str(enabled).lower()}", ("network-opened", enabled)
    elif key in _ROUTES and enabled is True:
        yield f"{path}.enabled is true", ("host-exposed", False)
