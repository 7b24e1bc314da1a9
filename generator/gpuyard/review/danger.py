"""What a reviewer must not miss, as a table of rules, and what of it a change does."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources

from gpuyard.doors import yamlio
from gpuyard.review import dangerobjects, dangerpods
from gpuyard.review.fields import ObjectChange
from gpuyard.review.placed import Consequence, Effect

__all__ = ["Danger", "Knowledge", "Rule", "Severity", "of_consequences", "of_objects", "rules"]


class Severity(StrEnum):
    """How much of a surprise it would be."""

    DANGER = "danger"
    CAUTION = "caution"


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table; its id is its section of docs/danger.md."""

    id: str
    severity: Severity
    what: str
    consequence: Mapping[str, str]
    """By engine."""


@dataclass(frozen=True, slots=True)
class Danger:
    """A rule that a change meets; blueprint empty: of the stack."""

    rule: Rule
    clusters: tuple[str, ...]
    blueprint: str
    detail: str
    """The object and field, or the consequence in the words of the plan."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What rules know beside the objects."""

    unsafe: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Flags and variables that a blueprint was allowed by name before; what is newly allowed is a consequence."""
    removals: Mapping[str, str] = field(default_factory=dict)
    """The minor version of vLLM that no longer has a flag."""
    versions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Of vLLM, by cluster and blueprint."""


_OF_EFFECT = {
    Effect.REMOVED: "model-deleted",
    Effect.CLUSTER_LEAVES: "cluster-leaves",
    Effect.AWAY: "downtime",
    Effect.MISSING: "secret-needed",
    Effect.REFUSED: "refused",
    Effect.HANDED_OVER: "engine-changed",
    Effect.ALLOWED: "unsafe-flag",
}


@cache
def rules() -> Mapping[str, Rule]:
    """By id, in the order of the table."""
    text = resources.files("gpuyard").joinpath("review", "dangers.yaml").read_text(encoding="utf-8")
    return {
        name: Rule(name, Severity(row.pop("severity")), row.pop("what"), row)
        for name, row in yamlio.load_data(text).items()
    }


def of_consequences(found: Iterable[Consequence]) -> Iterator[Danger]:
    """Those of the plan that are among the rules."""
    for each in found:
        if name := _OF_EFFECT.get(each.effect):
            yield Danger(rules()[name], (each.cluster,), each.blueprint or "", each.message)


def of_objects(
    found: Sequence[ObjectChange], clusters: tuple[str, ...], blueprint: str, known: Knowledge
) -> Iterator[Danger]:
    """Of the objects of a blueprint, or of the stack, in clusters where they are the same."""
    unsafe = known.unsafe.get(blueprint, ())
    version = min((known.versions.get((each, blueprint), "") for each in clusters), key=_numbers, default="")
    told = [
        *dangerobjects.found(found, of_stack=not blueprint),
        *dangerpods.found(found, unsafe, known.removals, version),
    ]
    for name, detail in dict.fromkeys(told):
        yield Danger(rules()[name], clusters, blueprint, detail)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdecimal()]
