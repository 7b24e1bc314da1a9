"""What a flag of vLLM, or a key of its JSON, may hold: types, closed sets, ranges."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ANY", "Kind", "read_kind", "rows"]

_RANGES = ("minimum", "above", "maximum", "below")


@dataclass(frozen=True, slots=True)
class Kind:
    """`types` are JSON's, or any; what else there is narrows them."""

    types: tuple[str, ...] = ("any",)
    choices: tuple[object, ...] = ()
    """A closed set; the other types that are allowed aren't bound to it."""
    more: str | None = None
    """The flag or key that brings names beside the choices; empty: plugins do; None: nothing does."""
    any_case: bool = False
    suffix: bool = False
    """16k and 16K are numbers."""
    null: bool = False
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None
    below: float | None = None
    items: "Kind | None" = None
    """Of a list's entries, or of the values of an object."""
    object: str | None = None
    """The object whose keys are known; it has no others."""
    required: bool = False

    @property
    def type(self) -> str:
        """The only type, or any."""
        return self.types[0] if len(self.types) == 1 else "any"


ANY = Kind()


def read_kind(row: Mapping[str, Any]) -> Kind:
    """As a file of the catalogue says it."""
    types = row.get("type", "any")
    return Kind(
        types=(types,) if isinstance(types, str) else tuple(types),
        choices=tuple(row.get("choices", ())),
        more=row.get("open"),
        any_case="case" in row,
        suffix="suffix" in row,
        null="null" in row,
        items=read_kind(row["items"]) if "items" in row else None,
        object=row.get("object"),
        required="required" in row,
        **{name: row.get(name) for name in _RANGES},
    )


def rows(table: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Kind]:
    """Of each key of an object."""
    return {key: read_kind(row) for key, row in table.items()}
