"""What has to happen: each resource as it should be against what is there. Pure; what is printed is carried out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gpuyard.bootstrap.families import KINDS
from gpuyard.bootstrap.links import filled
from gpuyard.bootstrap.resource import RESOURCE, SPEC, Found, Kind, Resource, digest
from gpuyard.bootstrap.states import Standing, standing

__all__ = ["REGION", "Action", "Change", "Field", "difference", "known"]

REGION = "region"
"""Path of the field that says where a resource is."""


class Action(StrEnum):
    """What happens to a resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    KEEP = "keep"
    """It is as it should be."""
    LEAVE = "leave"
    """It is no longer asked for, and holds what users put there."""


@dataclass(frozen=True, slots=True)
class Field:
    """A value that differs; `path` has dots."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happens to one resource, and why."""

    id: str
    kind: str
    action: Action
    resource: Resource | None = None
    found: Found | None = None
    fields: tuple[Field, ...] = ()
    drift: bool = False
    """The stack asks for what it asked for before: somebody else has changed the resource."""


def difference(wanted: Mapping[str, Resource], ours: Mapping[str, Found]) -> tuple[Change, ...]:
    """In the order of what is wanted; what is no longer wanted comes last, dependents first."""
    there = known(ours)
    changes = [_change(resource, ours.get(name), there) for name, resource in wanted.items()]
    order = list(KINDS)
    gone = sorted(ours.keys() - wanted.keys(), key=lambda name: (-order.index(ours[name].kind), name))
    changes += [_gone(name, ours[name]) for name in gone if _asked_for(ours[name])]
    return tuple(changes)


def known(ours: Mapping[str, Found]) -> dict[str, Mapping[str, Any]]:
    """What links lead to: a resource that is made anew has another OCID then."""
    return {name: found.data for name, found in ours.items() if not _broken(found)}


def _broken(found: Found) -> bool:
    return standing(KINDS[found.kind], found.state) is Standing.BROKEN


def _asked_for(found: Found) -> bool:
    """Whether somebody asked for it once: OKE brings add-ons of its own, and nodes are their pools'."""
    return found.kind not in ("addon", "nodes")


def _gone(name: str, found: Found) -> Change:
    action = Action.LEAVE if KINDS[found.kind].keeps else Action.DELETE
    return Change(id=name, kind=found.kind, action=action, found=found)


def _change(resource: Resource, found: Found | None, known: Mapping[str, Mapping[str, Any]]) -> Change:
    if found is None:
        return Change(id=resource.id, kind=resource.kind, action=Action.CREATE, resource=resource)
    kind = KINDS[resource.kind]
    fields = tuple(_fields(kind, filled(resource.body, known), found.data))
    missing = tuple(
        Field(f"freeformTags.{key}", found.tags.get(key), value)
        for key, value in resource.tags.items()
        if found.tags.get(key) != value
    )
    action = Action.KEEP
    broken, moved = _broken(found), found.region != resource.region
    if moved:
        fields, action = (Field(REGION, found.region, resource.region),), Action.REPLACE
    elif broken:
        fields, action = (Field("lifecycleState", found.state, "ACTIVE"),), Action.REPLACE
    elif fields or missing:
        changeable = all(field.path.partition(".")[0] in kind.changes for field in fields)
        action = Action.UPDATE if changeable else Action.REPLACE
    return Change(
        id=resource.id,
        kind=resource.kind,
        action=action,
        resource=resource,
        found=found,
        fields=(*fields, *missing),
        drift=bool(fields)
        and not (broken or moved)
        and found.tags.get(SPEC, "") in ("", digest(resource.body))
        and RESOURCE in found.tags,
    )


def _fields(kind: Kind, wanted: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[Field]:
    for key, value in wanted.items():
        if key in kind.least:
            if (there.get(key) or 0) < value:
                yield Field(key, there.get(key) or 0, value)
        elif key in kind.exact:
            yield from _same_keys(key, value, there.get(key) or {})
        else:
            yield from _differing(kind, key, value, there.get(key))


def _same_keys(path: str, wanted: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[Field]:
    for name in [*wanted, *(each for each in there if each not in wanted)]:
        if wanted.get(name) != there.get(name):
            yield Field(f"{path}.{name}", there.get(name), wanted.get(name))


def _differing(kind: Kind, path: str, wanted: Any, there: Any) -> Iterator[Field]:
    """Only what is wanted is compared: OCI fills in what nobody asked for."""
    if path in kind.unseen:
        return
    if isinstance(wanted, Mapping):
        for key, value in wanted.items():
            yield from _differing(kind, f"{path}.{key}", value, (there or {}).get(key))
    elif isinstance(wanted, Sequence) and not isinstance(wanted, str):
        if not _alike(wanted, there or []):
            yield Field(path, there, wanted)
    elif wanted != there and not (wanted in (False, "") and there is None):
        yield Field(path, there, wanted)


def _alike(wanted: Sequence[Any], there: Sequence[Any]) -> bool:
    """Whether two lists hold the same, in whatever order; of a mapping only the wanted keys count."""
    left = list(there)
    if len(left) != len(wanted):
        return False
    for each in wanted:
        match = next((other for other in left if _covers(each, other)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _covers(wanted: Any, there: Any) -> bool:
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return all(_covers(value, there.get(key)) for key, value in wanted.items())
    return bool(wanted == there)
