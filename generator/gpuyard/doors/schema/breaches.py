"""JSON Schema (2020-12) as users meet it: every error in plain words, at its place in the file.

A schema may say in words what would be right: `x-error` beside pattern, oneOf, anyOf or not, `x-forms` beside an anyOf
of which a mapping has the keys of no form. `x-elsewhere` says it of keys that belong somewhere else, or that nobody has
yet; capitals, dashes, underscores and a last s make no difference.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from gpuyard.doors.schema.breach import Breach
from gpuyard.doors.schema.violation import Violation, nearest_branch
from gpuyard.doors.schema.wording import bad_name, describe, identity, unknown
from gpuyard.doors.yamlio import Document
from gpuyard.errors import MOST_PROBLEMS, Problem

__all__ = ["StrictValidator", "breaches", "of_value", "surplus"]

Words = Callable[[], str]


def breaches(document: Document, schema: Mapping[str, Any]) -> list[Problem]:
    """The ways in which a document breaks its schema, in the order of the file; a hundred at most."""
    ordered = sorted(_violations(document.value, schema), key=lambda violation: document.at(violation.path))
    found = islice((breach for violation in ordered for breach in _breaches(violation)), MOST_PROBLEMS)
    return sorted({document.problem(each.path, each.message, key=each.key) for each in found})


def surplus(value: Any, schema: Mapping[str, Any]) -> int:
    """How many ways there are in which a value breaks a schema beyond those that `breaches` tells."""
    return max(0, sum(map(_count, _violations(value, schema))) - MOST_PROBLEMS)


def of_value(value: Any, schema: Mapping[str, Any]) -> Iterator[Breach]:
    """The ways in which a value breaks a schema that stands in no file, or in several."""
    for violation in _violations(value, schema):
        yield from _breaches(violation)


def _violations(value: Any, schema: Mapping[str, Any]) -> list[Violation]:
    found = list(map(Violation.of, StrictValidator(schema).iter_errors(value)))
    mistyped = {each.path for each in found if each.keyword == "type"}  # there, nothing else is worth saying
    return [each for each in found if each.keyword == "type" or each.path not in mistyped]


def _breaches(violation: Violation) -> Iterator[Breach]:
    path = violation.path
    if violation.of_name:
        yield Breach((*path, violation.value), bad_name(violation), key=True)
    elif violation.keyword in _OF_KEYS:
        for key, message in _OF_KEYS[violation.keyword](violation):
            yield Breach((*path, key), message(), key=True)
    elif nearest := nearest_branch(violation):
        for each in nearest:
            yield from _breaches(each)
    else:
        yield Breach(path, describe(violation))


def _count(violation: Violation) -> int:
    """How many breaches a violation is; none of them is put into words."""
    if violation.keyword in _OF_KEYS and not violation.of_name:
        return sum(1 for _ in _OF_KEYS[violation.keyword](violation))
    return sum(map(_count, nearest_branch(violation))) or 1


def _unknown_keys(violation: Violation) -> Iterator[tuple[str, Words]]:
    known, patterns = violation.rule.get("properties", {}), violation.rule.get("patternProperties", {})
    elsewhere = violation.rule.get("x-elsewhere", {})
    for key in violation.value:
        if key not in known and not _matches(key, patterns):
            yield key, partial(_unknown, key, known, elsewhere)


def _unknown(key: str, known: Iterable[str], elsewhere: Mapping[str, str]) -> str:
    plain = {_plain(name): text for name, text in elsewhere.items()}
    return plain.get(_plain(key)) or unknown(key, known)


def _plain(key: str) -> str:
    """computeCluster, compute_cluster and Compute-Clusters are one name."""
    return "".join(char for char in key.casefold() if char not in "-_ ").removesuffix("s")


def _missing(violation: Violation) -> Iterator[tuple[str, Words]]:
    return ((key, lambda: "is missing; add it") for key in violation.wanted if key not in violation.value)


def _companions(violation: Violation) -> Iterator[tuple[str, Words]]:
    for key in violation.wanted.keys() & violation.value.keys():
        for other in violation.wanted[key]:
            if other not in violation.value:
                yield other, partial("is required with {}; add it".format, key)


_OF_KEYS: Mapping[str, Callable[[Violation], Iterator[tuple[str, Words]]]] = {
    "additionalProperties": _unknown_keys,
    "required": _missing,
    "dependentRequired": _companions,
}
"""Keywords that are about the keys of a mapping: each key, and what says what is wrong with it."""


def _matches(key: str, patterns: Iterable[str]) -> bool:
    return any(re.search(pattern, key) for pattern in patterns)


def _pattern(
    _validator: Validator, pattern: str, instance: object, rule: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """As in ECMA 262, `$` is the end of the text and not of its last line; too long a text isn't matched."""
    if not isinstance(instance, str) or len(instance) > rule.get("maxLength", len(instance)):
        return
    if not re.search(_ECMA_END.sub(_end, pattern), instance):
        yield ValidationError("")


def _end(match: re.Match[str]) -> str:
    return r"\Z" if match.group() == "$" else match.group()


def _unique(
    _validator: Validator, wanted: bool, instance: object, _rule: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """In linear time; the library compares every pair of mappings."""
    if wanted and isinstance(instance, list) and len(set(map(identity, instance))) < len(instance):
        yield ValidationError("")


_ECMA_END = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\$")
# JSON Schema takes 1.0 for an integer; here it would travel on as a float and be written as one.
_TYPES = Draft202012Validator.TYPE_CHECKER.redefine(
    "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
)
StrictValidator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _pattern, "uniqueItems": _unique}, type_checker=_TYPES
)
