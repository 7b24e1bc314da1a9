"""A broken rule of a JSON Schema as data, and which branch of a oneOf or anyOf a user meant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any

from jsonschema.exceptions import ValidationError

from gpuyard.doors.yamlio import Path
from gpuyard.errors import meant

__all__ = ["Violation", "nearest_branch"]

_LOOKED_AT = 10
"""Keys of a mapping that say which form its author meant."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A keyword of a schema that a value doesn't keep to."""

    path: Path
    value: Any
    keyword: str
    wanted: Any  # what the schema says behind the keyword
    rule: Mapping[str, Any]  # the schema around the keyword; empty for `false`
    of_name: bool  # the value is a key's name (propertyNames)
    branches: tuple[tuple["Violation", ...], ...] = ()  # of oneOf and anyOf: why each of them doesn't fit

    @classmethod
    def of(cls, error: ValidationError) -> "Violation":
        """The library's error as our data."""
        reasons = sorted(error.context or (), key=_branch)
        return cls(
            path=tuple(error.absolute_path),
            value=error.instance,
            keyword=str(error.validator),
            wanted=error.validator_value,
            rule=error.schema if isinstance(error.schema, Mapping) else {},
            of_name="propertyNames" in error.absolute_schema_path,
            branches=tuple(tuple(map(cls.of, group)) for _, group in groupby(reasons, key=_branch)),
        )


def _branch(error: ValidationError) -> int:
    return int(error.relative_schema_path[0])


def nearest_branch(violation: Violation) -> Sequence[Violation]:
    """What to report in place of a broken oneOf or anyOf; nothing when it is to be told as a whole.

    A value of a wrong kind is told all kinds, a wrong discriminator (const or enum in each branch) all its
    values; else the branch with the fewest violations counts, unless each misses all keys that it requires.
    """
    left = list(violation.branches)
    if not left or "x-error" in violation.rule:
        return ()
    for keywords, depth in (({"type"}, 0), ({"const", "enum"}, 1)):
        deepest = len(violation.path) + depth
        refusals = [_first(branch, keywords, deepest) for branch in left]
        found = [each for each in refusals if each]
        if len(found) == len(left) and len({each.path for each in found}) == 1:
            return [_merged(found)]
        left = [branch for branch, each in zip(left, refusals, strict=True) if not each] or left
    if "x-forms" in violation.rule and _mixes(left, violation):
        return ()
    if all(_misses_all(each, violation.path) for branch in left for each in branch):
        return ()
    return min(left, key=lambda branch: (len(branch), _strangers(branch, violation)))


def _strangers(branch: Sequence[Violation], violation: Violation) -> int:
    """How many keys of a mapping, of its first ones, are not even misspelled ones of a branch."""
    here = (each for each in branch if each.keyword == "additionalProperties" and each.path == violation.path)
    found = next(here, None)
    if found is None:
        return 0
    known = found.rule.get("properties", ())
    return sum(1 for key in islice(violation.value, _LOOKED_AT) if not meant(str(key), known))


def _first(branch: Sequence[Violation], keywords: set[str], deepest: int) -> Violation | None:
    return next((each for each in branch if each.keyword in keywords and len(each.path) <= deepest), None)


def _merged(violations: Sequence[Violation]) -> Violation:
    """One violation in place of several of the same value: any of their types or choices would do."""
    wanted: list[Any] = []
    for each in violations:
        wanted += each.wanted if isinstance(each.wanted, list) else [each.wanted]
    choices = [value for index, value in enumerate(wanted) if value not in wanted[:index]]
    return replace(
        violations[0], keyword="type" if violations[0].keyword == "type" else "enum", wanted=choices, rule={}
    )


def _mixes(branches: Sequence[Sequence[Violation]], violation: Violation) -> bool:
    """Whether each key of a mapping is one of some branch, and no branch has just these."""
    refusals = [next((each for each in branch if _of_keys(each, violation.path)), None) for branch in branches]
    known = {key for each in refusals if each for key in each.rule.get("properties", ())}
    return all(refusals) and known.issuperset(violation.value)


def _of_keys(violation: Violation, path: Path) -> bool:
    """Whether it is about which keys the value has, and not about what they hold."""
    return violation.path == path and violation.keyword in {"additionalProperties", "required"}


def _misses_all(violation: Violation, path: Path) -> bool:
    required = violation.keyword == "required" and violation.path == path
    return required and not any(key in violation.value for key in violation.wanted)
