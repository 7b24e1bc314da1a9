"""Frozen dataclasses as JSON and back: what we write for ourselves, where `structured` reads what users write."""

import json
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, Generic, TypeVar

from cattrs import Converter
from cattrs.preconf.json import make_converter

__all__ = ["Records"]

T = TypeVar("T")


class Records(Generic[T]):
    """Of one class; objects of the classes in `known` are written as their names, and looked up there again."""

    def __init__(self, kind: type[T], known: Mapping[type, Callable[[], Mapping[str, Any]]]) -> None:
        self._kind, self._known = kind, known

    def written(self, record: T) -> bytes | None:
        """As JSON; None where not the very same could be read from it, such as a list in the place of a tuple."""
        text = json.dumps(self._converter.unstructure(record), separators=(",", ":")).encode()
        return text if self.read(text) == record else None

    def read(self, text: bytes) -> T:
        """What was written; a ValueError, TypeError or LookupError for anything else."""
        return self._converter.structure(json.loads(text), self._kind)

    @cached_property
    def _converter(self) -> Converter:
        converter = make_converter(detailed_validation=False)
        # Most of what there is, and nothing to look into.
        converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], lambda value, _: tuple(value))
        for kind, known in self._known.items():
            converter.register_unstructure_hook(kind, lambda value: value.name)
            converter.register_structure_hook(kind, partial(_looked_up, known))
        return converter


def _looked_up(known: Callable[[], Mapping[str, Any]], name: str, _: type) -> Any:
    return known()[name]
