"""Whether a value keeps to a schema, in a hundredth of the time that it takes to say why it doesn't."""

import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

__all__ = ["accepts", "fits"]

_PLAIN = frozenset({str, int, bool})
_compiled: "dict[int, tuple[Mapping[str, Any], Draft202012Validator]]" = {}
"""By the identity of the schema, which is kept so that no other gets it: schemas are few, and read once."""


def accepts(schema: Mapping[str, Any], value: object) -> bool:
    """True: the strict validator finds nothing either. False: it has to be asked, being stricter in one point."""
    return fits(schema, value) and not _has_whole_float(value)


def fits(schema: Mapping[str, Any], value: object) -> bool:
    """Whether a value keeps to a schema as the standard has it, where 1.0 is an integer."""
    try:
        return _validator(schema).is_valid(value)
    except ValueError:  # a value that no JSON can hold, or a schema that isn't one: the strict validator says which
        return False


def _validator(schema: Mapping[str, Any]) -> "Draft202012Validator":
    found = _compiled.get(id(schema))
    if found is None:
        found = _compiled[id(schema)] = (schema, _library()(dict(schema)))
    return found[1]


def _library() -> "type[Draft202012Validator]":
    """Ctrl-C while it is loaded would end in a panic of Rust's: the signal waits until that is over."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        from jsonschema_rs import Draft202012Validator
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return Draft202012Validator


def _has_whole_float(value: object) -> bool:
    """1.0 is an integer to JSON Schema, and travels on as a float."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict | list):
            inside = found.values() if isinstance(found, dict) else found
            waiting += [each for each in inside if type(each) not in _PLAIN]  # most are, and subclasses take time
        elif isinstance(found, float) and found.is_integer():
            return True
    return False
