"""Rules about objects that are not pods: what a cluster refuses, what an engine does otherwise, who gets in and out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gpuyard.review.dangerengine import at, engine
from gpuyard.review.dangernetwork import network, outside
from gpuyard.review.dangerrefused import refused
from gpuyard.review.dangerrights import limits, rights
from gpuyard.review.dangervalues import values
from gpuyard.review.fields import ABSENT, ObjectChange, Told, What

__all__ = ["found"]

Object = Mapping[str, Any]

_CHART = (
    ("spec", "chart", "spec", "chart"),
    ("spec", "releaseName"),
    ("spec", "source", "chart"),
    ("spec", "source", "helm", "releaseName"),
    ("spec", "storageNamespace"),
    ("spec", "targetNamespace"),
)
"""Of a release: Helm knows it by these."""
_SAME: Mapping[str, Sequence[tuple[str, ...]]] = {
    "Application": (("spec", "source", "chart"), ("spec", "source", "path"), ("spec", "destination", "server")),
    "HelmRelease": (("spec", "chart", "spec", "chart"), ("spec", "chartRef", "name")),
    "HorizontalPodAutoscaler": (("spec", "scaleTargetRef"),),
    "Kustomization": (("spec", "path"),),
    "ScaledObject": (("spec", "scaleTargetRef"),),
}
"""What two objects with different names have in common, if one takes the other's place."""


def found(changes: Sequence[ObjectChange], *, of_stack: bool = False) -> Iterator[Told]:
    """In the order of the objects."""
    yield from _renamed(changes)
    gone = [each.old for each in changes if each.what is What.REMOVED]
    new = [each.new for each in changes if each.what is What.ADDED]
    for each in changes:
        told = [*_of_object(each, gone, new), *engine(each, of_stack=of_stack)]
        yield from ((rule, f"{each.identity}: {text}") for rule, text in told)


def _of_object(each: ObjectChange, gone: list[Object], new: list[Object]) -> Iterator[Told]:
    if each.what is What.CHANGED:
        yield from refused(each)
    yield from rights(each)
    yield from limits(each, new)
    yield from network(each, gone, new)
    yield from outside(each)
    yield from values(each)


def _renamed(changes: Sequence[ObjectChange]) -> Iterator[Told]:
    added = [each for each in changes if each.what is What.ADDED]
    for old in (each for each in changes if each.what is What.REMOVED and each.identity.kind in _SAME):
        kind = old.identity.kind
        same = [each for each in added if each.identity.kind == kind and _same(old.old, each.new, _SAME[kind])]
        for new in same:
            moved = old.identity.name == new.identity.name
            yield "renamed", f"{old.identity} to {new.identity if moved else new.identity.name}"
        if not same and (release := _release(old.old)) and release not in [_release(each.new) for each in added]:
            yield "chart-removed", f"{old.identity}"
    for each in changes:
        if each.identity.kind in ("Application", "HelmRelease") and each.what is What.CHANGED:
            for keys in _CHART:
                if at(each.old, keys) != at(each.new, keys) and ABSENT not in (at(each.old, keys), at(each.new, keys)):
                    yield "renamed", f"{each.identity}: {'.'.join(keys)}"


def _release(obj: Object) -> Any:
    """What Helm calls it, whichever engine asks for it; none: it is no release."""
    found = (at(obj, keys) for keys in (("spec", "releaseName"), ("spec", "source", "helm", "releaseName")))
    return next((each for each in found if each is not ABSENT), None)


def _same(old: Object, new: Object, paths: Sequence[tuple[str, ...]]) -> bool:
    both = [(at(old, keys), at(new, keys)) for keys in paths]
    return any(one is not ABSENT for one, _ in both) and all(one == other for one, other in both)
