"""The kinds of things in this cloud, from kinds.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.oci.operations import client

VERBS = ("create", "get", "list", "update", "delete")


@dataclass(frozen=True)
class Kind:
    """A kind of thing: who serves it, and through which states it goes."""

    name: str
    service: str
    making: str
    ready: str
    deleting: str
    deleted: str
    operations: Mapping[str, str]
    """What the SDK's client calls each verb."""
    everywhere: bool = False
    """Of the tenancy, and not of a region."""
    lag: bool = False
    """Isn't seen at once when it was made: eventual consistency."""
    work: bool = False
    """A work request makes and deletes it."""
    tombstone: bool = False
    """Is still shown when it was deleted, for good."""
    lingers: bool = False
    """Its last state is no end: it can be had back."""
    unique: str | None = None
    """The field whose value only one thing in a compartment may have."""
    limit: tuple[str, str] | None = None
    """Service and name of the limit that counts it."""


def _loaded() -> tuple[Mapping[str, Kind], Mapping[str, frozenset[str]]]:
    data = yaml.safe_load((Path(__file__).parent / "kinds.yaml").read_text(encoding="utf-8"))
    kinds = {name: _kind(name, entry, data["states"]) for name, entry in data["kinds"].items()}
    return kinds, {field: frozenset(names) for field, names in data["references"].items()}


def _kind(name: str, entry: dict[str, Any], states: Mapping[str, list[str]]) -> Kind:
    plural = entry.get("plural", f"{name}s")
    usual = {verb: f"{verb}_{plural if verb == 'list' else name}" for verb in VERBS}
    making, ready, deleting, deleted = states[entry["states"]]
    given = {key: value for key, value in entry.items() if key not in {"states", "plural"}}
    if "limit" in given:
        given["limit"] = tuple(given["limit"])
    return Kind(
        **{"operations": usual, **given},
        name=name,
        making=making,
        ready=ready,
        deleting=deleting,
        deleted=deleted,
    )


KINDS, REFERENCES = _loaded()


@cache
def served() -> Mapping[tuple[str, str], tuple[str, Kind]]:
    """Service and operation to verb and kind, of every operation that the kinds have by themselves."""
    return {
        (kind.service, name): (verb, kind)
        for kind in KINDS.values()
        for verb, name in kind.operations.items()
        if hasattr(client(kind.service), name)
    }
