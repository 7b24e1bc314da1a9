"""One schema error in plain words: what is wrong; what would be right."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from gpuyard.doors.redaction import looks_secret, names_secret
from gpuyard.doors.schema.violation import Violation
from gpuyard.doors.yamlio.scalars import AmbiguousError, core
from gpuyard.errors import meant

__all__ = ["bad_name", "describe", "identity", "unknown"]

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}
_WORDS = {
    **dict.fromkeys(("y", "yes", "on", "true"), "true"),
    **dict.fromkeys(("n", "no", "off", "false"), "false"),
}
_SHOWN = 40
_LISTED = 20


def describe(violation: Violation) -> str:
    """An error's text behind its path: `is 0; must be at least 1`. Secrets are not repeated."""
    own_words = violation.rule.get("x-error", violation.rule.get("x-forms"))
    if own_words and violation.keyword in {"pattern", "minLength", "oneOf", "anyOf", "not"}:
        return f"is {_shown(violation)}; {own_words}"
    describer = _DESCRIBERS.get(violation.keyword)
    return describer(violation) if describer else "is not allowed here; remove it"


def unknown(key: str, names: Iterable[object]) -> str:
    """The text for a key that isn't among the known names: the nearest one, or all of them."""
    known = [str(name) for name in names]
    if key.split(":")[0] in known:
        return "is not known; put a space after the colon"
    if near := meant(key, known):
        return f"is not known; did you mean {near}?"
    return f"is not known; known keys: {_listed(known)}" if known else "is not known; no keys are allowed here"


def bad_name(violation: Violation) -> str:
    """The text for a key whose name the schema refuses."""
    if violation.keyword == "enum":
        return unknown(str(violation.value), violation.wanted)
    if "x-error" in violation.rule:
        return f"is not an allowed name; {violation.rule['x-error']}"
    return f"is not an allowed name; {describe(violation).partition('; ')[2]}"


def identity(item: object) -> str:
    """The same text for the same items, so that many of them are compared fast."""
    return json.dumps(item, sort_keys=True)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")


def _shown(violation: Violation) -> str:
    value = violation.value
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "empty"
    name = violation.path[-1] if violation.path else ""
    if isinstance(value, str) and (looks_secret(value) or names_secret(str(name))):
        return "a text that looks like a secret"
    return _written(value)


def _written(value: object) -> str:
    if isinstance(value, str) and len(value) > _SHOWN:
        value = value[: _SHOWN - 1] + "…"
    return json.dumps(value, ensure_ascii=False)


def _type(violation: Violation) -> str:
    value = violation.value
    wanted = [violation.wanted] if isinstance(violation.wanted, str) else list(violation.wanted)
    kind = "the text " if isinstance(value, str) else "the number " if type(value) in {int, float} else ""
    shown = _shown(violation)
    if shown.startswith("a text"):
        kind = ""
    return f"is {kind}{shown}; must be {' or '.join(_TYPES[name] for name in wanted)}{_hint(value, wanted)}"


def _hint(value: object, wanted: Sequence[str]) -> str:
    if value is None:
        return ", or be omitted"
    if isinstance(value, str) and "boolean" in wanted and value.lower() in _WORDS:
        right = _WORDS[value.lower()]
        return ", so drop the quotes" if value == right else f", so write {right}"
    if isinstance(value, str) and {"integer", "number"} & set(wanted):
        return _number_hint(value)
    if isinstance(value, float) and "integer" in wanted and value.is_integer():
        return f", so write {int(value)}"
    if isinstance(value, int | float) and "string" in wanted:
        return ", so put it in quotes"
    if not isinstance(value, dict) and wanted == ["array"]:
        return ", so put it in [ ]"
    return ""


def _number_hint(text: str) -> str:
    for plain, hint in ((text, "drop the quotes"), (text.replace("_", "").replace(",", ""), "write {0}")):
        try:
            number = core(plain)
        except AmbiguousError:
            return ""
        if type(number) in {int, float}:
            return f", so {hint.format(number)}"
    return ""


def _enum(violation: Violation) -> str:
    known = [name if isinstance(name, str) else _written(name) for name in violation.wanted if name != ""]
    if len(known) == 1:
        return f"is {_shown(violation)}; must be {known[0]}"
    near = meant(violation.value, known) if isinstance(violation.value, str) else ""
    hint = f" (did you mean {near}?)" if near else ""
    return f"is {_shown(violation)}; must be one of {_listed(known)}{hint}"


def _twice(violation: Violation) -> str:
    seen: set[str] = set()
    for item in violation.value:
        if identity(item) in seen:
            return f"holds {_shown(replace(violation, value=item))} twice; keep one"
        seen.add(identity(item))
    return "holds an item twice; keep one"


def _forms(violation: Violation) -> str:
    keys = [key for branch in violation.wanted for key in branch.get("required", [])]
    if violation.branches:  # none fits
        return (
            f"has none of {_listed(keys)}; give one"
            if keys
            else f"is {_shown(violation)}; must have one of the forms in the schema"
        )
    return (
        f"has more than one of {_listed(keys)}; keep one"
        if keys
        else "has more than one of the allowed forms; keep one"
    )


def _count(what: str, right: str) -> Callable[[Violation], str]:
    def text(violation: Violation) -> str:
        count = len(violation.value)
        return f"has {count} {what[:-1] if count == 1 else what}; must have {right} {violation.wanted}"

    return text


def _bound(right: str) -> Callable[[Violation], str]:
    return lambda violation: f"is {_shown(violation)}; must be {right}{_written(violation.wanted)}"


_DESCRIBERS: Mapping[str, Callable[[Violation], str]] = {
    "type": _type,
    "enum": _enum,
    "const": _bound(""),
    "pattern": _bound("text that matches "),
    "minimum": _bound("at least "),
    "maximum": _bound("at most "),
    "exclusiveMinimum": _bound("more than "),
    "exclusiveMaximum": _bound("less than "),
    "multipleOf": _bound("a multiple of "),
    "minLength": _count("characters", "at least"),
    "maxLength": _count("characters", "at most"),
    "minItems": _count("items", "at least"),
    "maxItems": _count("items", "at most"),
    "minProperties": _count("keys", "at least"),
    "maxProperties": _count("keys", "at most"),
    "uniqueItems": _twice,
    "oneOf": _forms,
    "anyOf": _forms,
}
