"""The one door to cattrs: a checked value of a user's file as frozen dataclasses; keys are camelCase in files."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override

__all__ = ["structured"]

T = TypeVar("T")


def structured(value: Mapping[str, Any], kind: type[T]) -> T:
    """An instance of the dataclass; the schema has refused what it has no field for."""
    return _converter().structure(value, kind)


@cache
def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)

    def of_dataclass(kind: Any) -> Any:
        names: Any = {each.name: override(rename=_camel(each.name)) for each in fields(kind)}
        return make_dict_structure_fn(kind, converter, **names)

    converter.register_structure_hook_factory(is_dataclass, of_dataclass)
    # One text stands for a list of one.
    converter.register_structure_hook_func(
        lambda kind: kind == tuple[str, ...],
        lambda value, _: (value,) if isinstance(value, str) else tuple(value),
    )
    return converter


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
