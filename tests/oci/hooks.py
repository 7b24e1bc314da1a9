"""What kinds and operations have of their own, registered by name by the modules of the services."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from tests.oci.thing import Answer, Request, Thing

if TYPE_CHECKING:
    from tests.oci.cloud import Cloud

T = TypeVar("T")
Handler = Callable[["Cloud", Request], Answer]
Check = Callable[["Cloud", Request, dict[str, Any]], None]
OfThing = Callable[["Cloud", Thing], None]
Work = Callable[["Cloud", Thing, dict[str, str]], None]
Amend = Callable[["Cloud", Thing, dict[str, Any]], None]

HANDLERS: dict[tuple[str, str], Handler] = {}
"""Operations that aren't one of the five verbs, or are in a way of their own."""
CHECKS: dict[str, Check] = {}
"""Of a kind: raises where a body for a new one won't do."""
BORN: dict[str, OfThing] = {}
"""Of a kind: completes a new one."""
AMENDED: dict[str, Amend] = {}
"""Of a kind: what a change of it means beyond its fields."""
LEAVES: dict[str, OfThing] = {}
"""Of a kind: raises where one may not be deleted."""
WORK: dict[str, Work] = {}
"""By its name, what a work request does when it ends, and `fail` with the fault from the script."""


def handles(service: str, *operations: str) -> Callable[[Handler], Handler]:
    """Register a handler for operations of a service."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update({(service, name): handler for name in operations})
        return handler

    return register


def of(table: dict[str, T], *kinds: str) -> Callable[[T], T]:
    """Register a function for kinds in one of the tables above."""

    def register(function: T) -> T:
        table.update(dict.fromkeys(kinds, function))
        return function

    return register
