"""One thing in the cloud, and a request to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.oci.kinds import KINDS, REFERENCES, Kind
from tests.oci.operations import Operation


@dataclass
class Thing:
    """A thing: what it has, in the words of the wire, and what becomes of it."""

    id: str
    name_of_kind: str
    region: str
    has: dict[str, Any]
    owner: str | None = None
    """Goes when its owner goes, and isn't in its way."""
    ahead: list[str] = field(default_factory=list)
    """The states that are still to come."""
    reads: int = 0
    """Reads until the next of them."""
    hidden: int = 0
    """Reads that don't find it yet."""
    version: int = 1
    work: str | None = None
    """The work request that decides what comes next."""
    gone: bool = False
    purged: bool = False
    """Not even shown as deleted any more."""
    note: dict[str, Any] = field(default_factory=dict)
    """What callers don't see."""

    @property
    def kind(self) -> Kind:
        return KINDS[self.name_of_kind]

    @property
    def state(self) -> str:
        return str(self.has.get("lifecycleState", ""))

    @state.setter
    def state(self, state: str) -> None:
        self.has["lifecycleState"] = state
        self.version += 1

    @property
    def etag(self) -> str:
        return f"{self.id[-12:]}-{self.version}"

    @property
    def ending(self) -> bool:
        """Is deleted, or is about to be."""
        return self.gone or self.state == self.kind.deleted != "" or self.kind.deleted in self.ahead


def references(value: object) -> Iterator[tuple[str, str]]:
    """The ids in a body that name other things, and the fields in which they stand."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key in REFERENCES:
                yield from ((key, one) for one in (each if isinstance(each, list) else [each]) if isinstance(one, str))
            elif key in {"source", "destination"} and value.get(f"{key}Type") == "NETWORK_SECURITY_GROUP":
                yield "nsgIds", str(each)
            else:
                yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


@dataclass(frozen=True)
class Request:
    """A request that is signed, allowed and well-formed."""

    operation: Operation
    region: str
    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any
    part: str = ""
    """What the endpoint says after the service: whose it is, such as a vault's."""

    def asked(self, name: str) -> str | None:
        """The value of a parameter in the query, or of a header; the first of several."""
        found = self.query.get(name)
        return found[0] if found else self.headers.get(name)

    @property
    def target(self) -> str:
        """The last id in the path."""
        return list(self.path.values())[-1]


@dataclass
class Answer:
    """What is said to a request; `content` becomes JSON unless it is bytes."""

    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    beside: dict[str, Any] = field(default_factory=dict)
    """What a collection has beside its items."""


@dataclass
class Logged:
    """One line of the log of requests."""

    number: int
    method: str
    path: str
    region: str = ""
    service: str = ""
    operation: str = ""
    query: dict[str, list[str]] = field(default_factory=dict)
    token: str | None = None
    body: Any = None
    status: int = 0
    """0: never answered."""
    code: str = ""

    @property
    def writes(self) -> bool:
        return self.method not in {"GET", "HEAD"}
