"""A resource as it should be, one as it is, and the kinds that there are of them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from gpuyard.bootstrap.links import linked
from gpuyard.doors.oci import Cloud

__all__ = ["MANAGED", "RESOURCE", "SPEC", "STACK", "Found", "Kind", "Place", "Resource", "digest"]

MANAGED, STACK, RESOURCE, SPEC = "managed-by", "gpuyard-stack", "gpuyard-resource", "gpuyard-spec"
"""Freeform tags."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look: a region and a compartment in it; `domains` are its availability domains."""

    region: str
    compartment: str
    domains: tuple[str, ...] = ()
    namespace: str = ""
    """Of Object Storage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What should be there: `id` is the stack's own name for it, `body` what it is made with."""

    id: str
    kind: str
    region: str
    body: Mapping[str, Any]
    parent: str = ""
    """Link to what it is a part of, where it has no tags of its own."""
    after: tuple[str, ...] = ()
    """Resources that come before, though the body does not name them."""
    tags: Mapping[str, str] = field(default_factory=dict)
    usd_per_hour: float = 0.0
    """List price."""

    @property
    def needs(self) -> frozenset[str]:
        """Ids of what must be there before it."""
        return frozenset([*linked(self.body), *linked(self.parent), *self.after])

    def labelled(self, stack: str) -> dict[str, str]:
        """The tags by which it is found again; the last says what it was made from."""
        own = {MANAGED: "gpuyard", STACK: stack, RESOURCE: self.id, SPEC: digest(self.body)}
        return {**own, **self.tags}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is there; `data` is OCI's answer, with `id` in it."""

    kind: str
    region: str
    data: Mapping[str, Any]
    tags: Mapping[str, str] = field(default_factory=dict)
    parent: str = ""
    """OCID of what it is a part of."""

    @property
    def id(self) -> str:
        """OCID, or the name where it has none."""
        return str(self.data["id"])

    @property
    def state(self) -> str:
        """As OCI calls it; empty: it has none."""
        return str(self.data.get("lifecycleState") or "")

    @property
    def name(self) -> str:
        """As people see it in the console."""
        return str(self.data.get("displayName") or self.data.get("name") or self.data["id"])


Find = Callable[[Cloud, "Kind", Place, Iterable[Found]], Iterator[Found]]
"""All of a kind in a place; the last argument has what was found of the kinds before it."""
Make = Callable[[Cloud, "Kind", Resource, Mapping[str, Any], str], Found]
"""Resource, body without links, retry token."""
Alter = Callable[[Cloud, "Kind", Found, Resource, Mapping[str, Any]], None]
Remove = Callable[[Cloud, "Kind", Found], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of resource: what its requests are called, and what of it can be changed."""

    name: str
    title: str
    service: str
    noun: str
    """In the names of the SDK's operations: create_<noun>."""
    listing: str = ""
    """Where it is not list_<noun>s."""
    terraform: str = ""
    changes: frozenset[str] = frozenset()
    """Keys of the body that an update takes; any other difference needs another one in its place."""
    unseen: frozenset[str] = frozenset()
    """Keys of the body, or paths in it, that are set once: OCI does not show them, or others change them."""
    exact: frozenset[str] = frozenset()
    """Mappings of the body in which nothing else may be."""
    least: frozenset[str] = frozenset()
    """Keys of the body whose number may be higher."""
    tagged: bool = True
    within: bool = False
    """Whether it is read by the id of what it is a part of, and its own."""
    home: bool = False
    """Whether it is made in the home region."""
    domains: bool = False
    """Whether it is listed by availability domain."""
    works: bool = False
    """Whether work requests make and delete it."""
    keeps: bool = False
    """Whether it holds what users put there."""
    seconds: int = 5
    """That it typically takes."""
    unique: str = ""
    """Key of the body that no other one in the same place may have."""
    find: Find
    create: Make
    update: Alter
    delete: Remove


def digest(body: Mapping[str, Any]) -> str:
    """Of a body with its links: the same as long as the stack asks for the same."""
    return sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
