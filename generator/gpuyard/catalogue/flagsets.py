"""Flags of vLLM that need, exclude or bound each other, by the rules of rules.yaml."""

from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.catalogue.flagvalues import mapping, readable
from gpuyard.catalogue.vllm import rules

__all__ = ["together"]

Path = tuple[str, ...]

_NOTHING = object()


def together(args: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """What each flag may be and all of them, or the arithmetic, may not; at the flag, or at the key in it."""
    for name in args:
        if name.startswith("no-") and name.removeprefix("no-") in args:
            yield (name,), f"conflicts with {name.removeprefix('no-')}; keep one"
    given = {name.removeprefix("no-"): not value if _negated(name, value) else value for name, value in args.items()}
    for rule in rules()["together"]:
        value = _value(given, rule["flag"])
        if value is _NOTHING or value == rule.get("default", _NOTHING) or value not in rule.get("is", [value]):
            continue
        for message in _broken(rule, value, given):
            yield _place(args, rule["flag"]), message


def _negated(name: str, value: object) -> bool:
    return name.startswith("no-") and isinstance(value, bool)


def _broken(rule: Mapping[str, Any], value: object, given: Mapping[str, Any]) -> Iterator[str]:
    """In words; a rule may ask for several things."""
    because = f": {rule['because']}" if "because" in rule else ""
    needs: Mapping[str, list[object]] = rule.get("needs", {})
    if needs and not any(_has(given, name, values) for name, values in needs.items()):
        yield f"needs {' or '.join(_wanted(name, values) for name, values in needs.items())}{because}"
    for name in rule.get("excludes", ()):
        if name == rule["flag"]:
            yield f"is not taken{because}"
        elif _value(given, name) is not _NOTHING:
            yield f"conflicts with {name}; keep one{because}"
    if bound := rule.get("at-least"):
        least, own = readable(_value(given, bound)), readable(value)
        least = rule.get("missing") if least is None else least
        if least is not None and own is not None and own < least:
            yield f"{own} is less than {bound}, {least}"


def _has(given: Mapping[str, Any], name: str, values: list[object]) -> bool:
    value = _value(given, name)
    return value is not _NOTHING and (value not in ("", "none", None) if not values else value in values)


def _wanted(name: str, values: list[object]) -> str:
    shown = " or ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values)
    return f"{name}: {shown}" if shown else name


def _value(given: Mapping[str, Any], name: str) -> object:
    """Of a flag, or of a key in its object, whose dashes count as underscores."""
    flag, _, key = name.partition(".")
    if not key or flag not in given:
        return given.get(flag, _NOTHING)
    read = mapping(given[flag]) or {}
    return next(
        (value for each, value in read.items() if each.replace("-", "_") == key and value is not None), _NOTHING
    )


def _place(args: Mapping[str, Any], name: str) -> Path:
    """The flag as it is written, and the key where it has a line of its own."""
    flag, _, key = name.partition(".")
    written = flag if flag in args else f"no-{flag}"
    keys = args[written] if isinstance(args[written], dict) else {}
    return (written, *(each for each in keys if key and each.replace("-", "_") == key))
