"""What the SDK's models say of a body: unknown fields, types, enums, and what is required."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import ModuleType

_NOT_IN_THE_SDK = {"CycleMode": frozenset({"BOOT_VOLUME_REPLACE", "INSTANCE_REPLACE"})}
"""Enumerations that fields of the SDK name, and that it has not; the values are those of Oracle's API reference."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a body, and where in it."""

    where: str
    what: str
    missing: bool = False


@dataclass(frozen=True)
class Field:
    """One field of a model, by the name that it has on the wire."""

    type: str
    required: bool
    allowed: frozenset[str]


def problems(value: object, type_: str, models: ModuleType, where: str = "") -> Iterator[Problem]:
    """Everything that a value has wrong, for its swagger type."""
    if found := re.fullmatch(r"list\[(.*)\]", type_):
        yield from _items(value, found[1], models, where)
    elif found := re.fullmatch(r"dict\((\w+), (.*)\)", type_):
        yield from _entries(value, found[2], models, where)
    elif type_ in _PLAIN:
        if not _PLAIN[type_](value):
            yield Problem(where, f"{_shown(value)} is not {type_}")
    elif hasattr(models, type_):
        yield from _model(value, type_, models, where)
    else:
        yield from _choice(value, _NOT_IN_THE_SDK[type_], where)


def project(value: object, type_: str, models: ModuleType) -> object:
    """A value with only those fields that its model has: how one object shows as a summary and as itself."""
    if found := re.fullmatch(r"list\[(.*)\]", type_):
        return [project(each, found[1], models) for each in value] if isinstance(value, list) else value
    if type_ in _PLAIN or type_.startswith("dict(") or not isinstance(value, Mapping):
        return value
    known = fields(_concrete(type_, value, models), models)
    return {key: project(value[key], field.type, models) for key, field in known.items() if value.get(key) is not None}


@cache
def fields(model: str, models: ModuleType) -> Mapping[str, Field]:
    """The fields of a model by their names on the wire."""
    class_ = getattr(models, model)
    made = class_()
    return {
        wire: _field(getattr(class_, name).__doc__, made.swagger_types[name])
        for name, wire in made.attribute_map.items()
    }


def _field(doc: str, type_: str) -> Field:
    allowed = re.search(r"Allowed values for .*?: (\".*)", doc)
    return Field(
        type=type_,
        required=doc.lstrip().startswith("**[Required]**"),
        allowed=frozenset(re.findall(r'"([^"]*)"', allowed[1])) if allowed else frozenset(),
    )


def _model(value: object, model: str, models: ModuleType, where: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(where, f"{_shown(value)} is not a {model}")
        return
    model = _concrete(model, value, models)
    known = fields(model, models)
    for key in value.keys() - known.keys():
        yield Problem(f"{where}.{key}", f"unknown field of {model}")
    for key, field in known.items():
        inside = f"{where}.{key}"
        if value.get(key) is None:
            if field.required:
                yield Problem(inside, f"required by {model}", missing=True)
            continue
        yield from problems(value[key], field.type, models, inside)
        if field.allowed:
            yield from _choice(value[key], field.allowed, inside)


def _choice(value: object, allowed: frozenset[str], where: str) -> Iterator[Problem]:
    for each in value if isinstance(value, list) else [value]:
        if each not in allowed:
            yield Problem(where, f"{_shown(each)} is none of {', '.join(sorted(allowed))}")


def _concrete(model: str, value: Mapping[str, object], models: ModuleType) -> str:
    """The model that the discriminator of a value names."""
    choose: Callable[[Mapping[str, object]], str] | None = getattr(getattr(models, model), "get_subtype", None)
    if choose is None:
        return model
    try:
        return choose(value)
    except KeyError:
        return model


def _items(value: object, type_: str, models: ModuleType, where: str) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(where, f"{_shown(value)} is not a list")
        return
    for index, each in enumerate(value):
        yield from problems(each, type_, models, f"{where}[{index}]")


def _entries(value: object, type_: str, models: ModuleType, where: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(where, f"{_shown(value)} is not a map")
        return
    for key, each in value.items():
        yield from problems(each, type_, models, f"{where}.{key}")


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _moment(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


_PLAIN: Mapping[str, Callable[[object], bool]] = {
    "str": lambda value: isinstance(value, str),
    "int": _whole,
    "float": lambda value: _whole(value) or isinstance(value, float),
    "bool": lambda value: isinstance(value, bool),
    "datetime": _moment,
    "date": _moment,
    "object": lambda _: True,
}


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
