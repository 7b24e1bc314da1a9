"""What a cluster would refuse or wait for in vain, seen in the objects alone: pure functions, and a table of them.

A rule looks at all that one cluster gets, and says where an author wrote what is wrong.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gpuyard.review.lintpods import linked, unmirrored
from gpuyard.review.lintseries import unscraped
from gpuyard.review.world import Item, Origin, World, mapping, parts

__all__ = ["ANNOTATIONS", "RULES", "STORED", "Finding", "Rule", "findings"]

Kind = tuple[str, str]
Said = tuple[Origin, str]

ANNOTATIONS = 262_144
"""Bytes of an object's annotations, keys and values, that the API server takes."""
STORED = 1 << 20
"""Bytes of a Secret, in which Helm stores a release."""
_FULL = 0.7
_CLAIMS = ("claim", "claimName", "existingClaim")
"""Keys by which objects and charts name a claim that is there."""
_OLD_CLASS = "volume.beta.kubernetes.io/storage-class"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says of something that an author wrote; `refused`: it can't work."""

    rule: str
    origin: Origin
    message: str
    refused: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, and whether what breaks it can't work or is only worth saying."""

    name: str
    check: Callable[[World], Iterator[Said]]
    refuses: bool


def findings(world: World) -> Iterator[Finding]:
    """What all rules find, in their order."""
    for rule in RULES:
        for origin, message in rule.check(world):
            yield Finding(rule.name, origin, message, rule.refuses)


def _early(world: World) -> Iterator[Said]:
    own: dict[Kind, Item] = {}
    for item in sorted(world.written, key=lambda each: each.step):
        if item.defines:
            own.setdefault(item.defines, item)
    for item in world.written:
        step, component = world.defines.get(item.kind, (-1, ""))
        by = own.get(item.kind)
        if component:
            early = step >= item.step
        elif by:
            component, early = by.unit, not item.staged if by.unit == item.unit else by.step > item.step
        if component and early:
            yield _said(
                item,
                f"is applied with {item.unit}, and {component}, which defines {item.kind[1]}, is not there before: the "
                "first sync fails for ever; put it into values.extraObjects of a blueprint",
            )


def _twice(world: World) -> Iterator[Said]:
    owners: dict[tuple[Any, ...], Item] = {}
    for item in sorted(world.items, key=lambda each: each.origin.file != ""):  # gpuyard's own were there first
        other = owners.setdefault((item.kind[0], item.kind[1], world.space(item), item.name), item)
        if item.origin.file and item.defines and item.defines in world.defines:
            unit = world.defines[item.defines][1]
        elif other is item or not item.origin.file or not item.name:
            continue
        elif other.unit == item.unit:
            yield _said(item, f"is in {item.unit} twice; keep one")
            continue
        else:
            unit = other.unit
        yield _said(item, f"is already applied with {unit}, and both would change it in turn; keep one")


def _waiting(world: World) -> Iterator[Said]:
    late, mounted = _late(world), set(_mounted(world))
    for item in world.written:
        spec = mapping(item.obj.get("spec"))
        if item.kind != ("", "PersistentVolumeClaim") or spec.get("volumeName") or item.step < 0:
            continue
        annotations = mapping(mapping(item.obj.get("metadata")).get("annotations"))
        chosen = spec.get("storageClassName", annotations.get(_OLD_CLASS))
        if chosen is not None and str(chosen) not in late:
            continue
        if (item.step, world.space(item), item.name) not in mounted:
            what = f"StorageClass {chosen}" if chosen else "the cluster's default StorageClass"
            yield _said(
                item,
                f"is mounted by no pod of {item.unit}, and {what} makes a volume only when a pod asks for it: every "
                "sync waits until its timeout; mount it there, or remove it",
            )


def _late(world: World) -> set[str]:
    """Those of the cluster, as authors' own definitions of a class change them."""
    late = set(world.late)
    for item in world.written:
        if item.kind == ("storage.k8s.io", "StorageClass"):
            waits = item.obj.get("volumeBindingMode") == "WaitForFirstConsumer"
            (late.add if waits else late.discard)(item.name)
    return late


def _mounted(world: World) -> Iterator[tuple[int, str, str]]:
    """Step, namespace and name of claims that pods mount; what a step gates, nothing waits for in the same one."""
    yield from world.claims
    for given in world.given:
        yield from ((given.step, given.namespace or world.namespace, name) for name in _claims(given.values))
    for item in world.written:
        spec = mapping(item.obj.get("spec"))
        if spec.get("replicas") != 0 and spec.get("suspend") is not True:
            yield from ((item.step, world.space(item), name) for name in _claims(item.obj))


def _claims(value: Any) -> Iterator[str]:
    return (each for path, each in parts(value) if path[-1:] and path[-1] in _CLAIMS and isinstance(each, str))


def _stored(world: World) -> Iterator[Said]:
    most = int(STORED * _FULL)
    for origin, (chart, size) in world.stored.items():
        if size > most:
            message = (
                f"Helm would store about {size >> 10} KiB of {chart} in one Secret, and Kubernetes takes "
                f"{STORED >> 10} KiB; stay below {most >> 10} KiB, with dashboards in ConfigMaps of their own"
            )
            yield origin, message


def _annotated(world: World) -> Iterator[Said]:
    """Of an object, of the pods that it makes, and of what a chart makes by its values."""
    for item in world.written:
        for path, value in parts(item.obj):
            if path[-2:] == ("metadata", "annotations") and (size := _size(value)) > ANNOTATIONS:
                yield _said(item, f"has annotations of {size} bytes, and Kubernetes takes {ANNOTATIONS}")
    for given in world.given:
        for path, value in parts(given.values):
            if str(path[-1] if path else "").lower().endswith("annotations") and (size := _size(value)) > ANNOTATIONS:
                message = f"gives annotations of {size} bytes to {given.unit}, and Kubernetes takes {ANNOTATIONS}"
                yield given.origin.below(path), message


def _size(annotations: Any) -> int:
    return sum(len(str(text).encode()) for pair in mapping(annotations).items() for text in pair)


RULES: tuple[Rule, ...] = (
    Rule("a kind before what defines it", _early, refuses=True),
    Rule("an object with two owners", _twice, refuses=True),
    Rule("a claim that waits for a pod", _waiting, refuses=True),
    Rule("a release that is too large to store", _stored, refuses=True),
    Rule("annotations that are too long", _annotated, refuses=True),
    Rule("a metric that nothing scrapes", unscraped, refuses=False),
    Rule("a Service that sets vLLM's variables", linked, refuses=True),
    Rule("an image that no mirror has", unmirrored, refuses=False),
)
"""All of them. Patches that match nothing are looked for in files: gpuyard.review.patched, gpuyard.render.ownlist."""


def _said(item: Item, message: str) -> Said:
    """Of an object, at the place of it."""
    return item.origin, f"{item} {message}"
