"""Links between resources: `${phx/vcn}` in a body stands for the OCID of the VCN, `${phx/vcn:field}` for a field."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["filled", "link", "linked"]

_LINK = re.compile(r"\$\{([^}:]+)(?::([A-Za-z0-9.]+))?\}")


def link(resource: str, field: str = "id") -> str:
    """What stands for a field of a resource until it is known."""
    return f"${{{resource}}}" if field == "id" else f"${{{resource}:{field}}}"


def linked(value: Any) -> Iterator[str]:
    """Ids of the resources that a value names."""
    if isinstance(value, str):
        yield from (match[1] for match in _LINK.finditer(value))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from linked(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from linked(each)


def filled(value: Any, known: Mapping[str, Mapping[str, Any]]) -> Any:
    """The same with what is known in the place of the links; those of others stay."""
    if isinstance(value, str):
        return _LINK.sub(lambda match: _value(match, known), value)
    if isinstance(value, Mapping):
        return {key: filled(each, known) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(each, known) for each in value]
    return value


def _value(match: re.Match[str], known: Mapping[str, Mapping[str, Any]]) -> str:
    found: Any = known.get(match[1])
    for step in (match[2] or "id").split(".") if found is not None else ():
        found = found.get(step)
        if found is None:
            break
    return match[0] if found is None else str(found)
