"""Many odd inputs through `check`, and what it takes of them through `compile`: batches at once, culprits one by one.

A traceback, or a disagreement between the two, is a fault; so is an error that a user couldn't read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from gpuyard.catalogue.shippedchart import chart_values, shipped_charts
from gpuyard.doors.helm import Embedded
from gpuyard.errors import InputError, Problem
from gpuyard.project.load import parse
from gpuyard.render import render
from gpuyard.resolve import Workload, resolve
from tests.projects import STACK, Values, merged

__all__ = ["NESTED", "NUMBERS", "ODD", "TEXTS", "Verdict", "compiled", "faults_of", "in_batches", "readable", "tried"]

TEXTS: Sequence[str] = (
    *("", " ", "x", "true", "null", "0", "-1", "1.5", "16k", "1e400", "-", "--trust-remote-code", "-x", "a=b", "a,b"),
    *("{}", "[]", '{"a": 1}', '{"a": ', "[1, 2", '{"a": NaN}', "'", '"', "$(HOME)", "${HOME}", "{{ .Values }}", "$$"),
    *("é", "漢字", "🙂", "\u202e", "a\u200bb", "\ufeff", "a\nb", "a\tb", "../..", "/etc/passwd", "x" * 3000, "*", "%s"),
)
NUMBERS: Sequence[float] = (
    *(0, 1, -1, 7, 2**31, -(2**31), 2**53, 2**63, -(2**63), 10**30, 10**400),
    *(0.0, -0.0, 0.5, 1.5, 1e-320, 1e308, -1e308, float("inf"), float("-inf"), float("nan")),
)
NESTED: Sequence[Any] = (
    *([], [""], [None], [[]], [{}], [[1]], [1, "a", True], ["a", "a"], [float("nan")], [-1], ["-x"], ["a\nb"]),
    *({}, {"a": 1}, {"a": None}, {"a": {"b": [1, {"c": None}]}}, {1: 2}, {"": ""}, {True: 1}, {"a": float("nan")}),
    *({"model": 1}, {"model": [], "method": {}}, [{"name": "a", "path": "b"}], {"a": "x\x00y"}),
)
ODD: Sequence[Any] = (*TEXTS, *NUMBERS, True, False, None, *NESTED)

_HELM = Embedded(shipped_charts())
_PYTHON = re.compile(r"Traceback|<class |object at 0x|NoneType|\bdict_|Error\(|mappingproxy|PosixPath")


@dataclass(frozen=True)
class Verdict:
    """What `check` says of a blueprint: problems, or what runs; or how it broke."""

    problems: tuple[Problem, ...] = ()
    workloads: tuple[Workload, ...] = ()
    broke: str = ""


def tried(blueprints: Mapping[str, Values], stack: Mapping[str, Any]) -> dict[str, Verdict]:
    """The verdict on each, by its name; `stack` is what differs in the spec of the stack."""
    head = {"stack.yaml": _bytes(merged(STACK, {"spec": stack}))}
    files = {name: {f"blueprints/{name}.yaml": _bytes(content)} for name, content in blueprints.items()}
    return dict(_tried(files, head))


def _bytes(content: Values) -> bytes:
    return yaml.dump(content, Dumper=yaml.CSafeDumper, allow_unicode=True).encode("utf-8", "surrogatepass")


def _tried(files: Mapping[str, Mapping[str, bytes]], head: Mapping[str, bytes]) -> Iterator[tuple[str, Verdict]]:
    if not files:
        return
    sources = {**head, **{file: data for each in files.values() for file, data in each.items()}}
    try:
        whole = resolve(parse(sources))
    except InputError as error:
        by_file: dict[str, list[Problem]] = {}
        for problem in error.problems:
            by_file.setdefault(problem.location.file, []).append(problem)
        refused = {name: by_file[file] for name, each in files.items() for file in each if file in by_file}
        if not refused and len(files) == 1:
            refused = {name: list(error.problems) for name in files}
        for name, problems in refused.items():
            yield name, Verdict(tuple(problems))
        left = {name: each for name, each in files.items() if name not in refused}
        yield from _tried(left, head) if refused else _halves(left, head)
    except Exception as error:  # whatever breaks: that is what is looked for
        if len(files) > 1:
            yield from _halves(files, head)
        else:
            yield from ((name, Verdict(broke=repr(error))) for name in files)
    else:
        for name in files:
            found = tuple(workload for workload in whole.workloads if workload.name == name)
            yield name, Verdict(workloads=found)


def _halves(files: Mapping[str, Mapping[str, bytes]], head: Mapping[str, bytes]) -> Iterator[tuple[str, Verdict]]:
    names = list(files)
    for part in (names[::2], names[1::2]):
        yield from _tried({name: files[name] for name in part}, head)


def in_batches(
    blueprints: Mapping[str, Values], stack: Mapping[str, Any], size: int = 250
) -> Iterator[tuple[str, Verdict]]:
    """The same of very many."""
    names = list(blueprints)
    for start in range(0, len(names), size):
        yield from tried({name: blueprints[name] for name in names[start : start + size]}, stack).items()


def faults_of(verdict: Verdict) -> Iterator[str]:
    """What is wrong with the verdict itself: a traceback, words for nobody, values that the chart doesn't take."""
    if verdict.broke:
        yield verdict.broke
    for problem in verdict.problems:
        if not readable(problem):
            yield f"not for users: {problem}"
    for workload in verdict.workloads:
        refused = list(chart_values(workload.chart).problems(workload.values))
        yield from (f"check takes what the chart refuses: {message[:300]}" for message in refused[:1])


def readable(problem: Problem) -> bool:
    """A file and a line, one printable line, and nothing of Python's."""
    placed = problem.location.line or not problem.location.file.endswith(".yaml")
    return bool(placed and problem.message.isprintable() and not _PYTHON.search(problem.message))


def compiled(blueprints: Mapping[str, Values], stack: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """How `compile` breaks, or disagrees with `check`, about what that took."""
    sources = {name: _bytes(content) for name, content in blueprints.items()}
    head = _bytes(merged(STACK, {"spec": stack}))
    try:
        whole = resolve(parse({"stack.yaml": head, **{f"blueprints/{name}.yaml": sources[name] for name in sources}}))
        render(whole, shipped_charts(), _HELM)
    except Exception as error:  # whatever breaks: that is what is looked for
        names = list(blueprints)
        if len(names) == 1:
            yield names[0], f"check takes what compile refuses: {error!r}"[:400]
            return
        for part in (names[::2], names[1::2]):
            yield from compiled({name: blueprints[name] for name in part}, stack)
