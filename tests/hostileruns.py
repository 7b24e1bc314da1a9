"""Commands on a checkout that means harm, and what holds of each of them whatever is in it.

No traceback, no long wait, nothing opened outside, no secret and nothing but text printed, and one verdict of all.
"""

import gc
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import Result
from hypothesis import HealthCheck

from gpuyard import pipeline
from gpuyard import resolve as resolving
from gpuyard.errors import InputError, Problem
from gpuyard.project import load
from gpuyard.project.load import Project, Sources
from tests.mutations import CANARY
from tests.opened import opened, outside
from tests.test_compile import run
from tests.test_said import harmless

__all__ = ["LONGEST", "examples", "one_verdict", "ran", "remembering"]

FUZZ = float(os.environ.get("GPUYARD_FUZZ", "1"))
"""1 is 2,000 examples in all, and what `make test` tries."""
LONGEST = 2.0 if FUZZ > 1 else 20.0
"""Seconds of this process's own time; `make test` has other things to do at the same time."""
_STALE = 79
_MARK = re.compile(r"##(?=\w*\[)")
"""What a terminal is told escaped, and a machine is told as it is."""


def examples(count: int) -> Mapping[str, Any]:
    """Settings of Hypothesis: in `make test` the same examples every time, and in `make fuzz` many others."""
    return {
        "max_examples": max(1, int(count * FUZZ)),
        "deadline": None,
        "derandomize": FUZZ <= 1,
        "database": None,
        "suppress_health_check": list(HealthCheck),
    }


def ran(*command: object, within: Path) -> Result:
    """One command, which opens nothing outside of a folder; for machines it says nothing else."""
    before, _MEMORY.spent = time.process_time(), 0.0
    gc.disable()  # as the program does; a large file takes many times as long with it
    try:
        with opened() as seen:
            result = run(*map(str, command))
    finally:
        gc.enable()
    spent = time.process_time() - before + _MEMORY.spent
    said = result.stdout + result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit), f"{command}: {result.exc_info}"
    assert outside(seen, within) == [], f"{command} opens {outside(seen, within)}"
    assert CANARY[:10] not in said, f"{command} prints a secret: {said}"
    assert harmless(said), f"{command}: {said!a}"
    assert "Traceback" not in said
    assert (result.exit_code == 0) or said.strip(), f"{command} ends with {result.exit_code} and says nothing"
    assert spent < LONGEST, f"{command} takes {spent:.1f} s: {said[:300]}"
    return result


def one_verdict(root: Path, write: tuple[str, ...] = ("--no-commit",)) -> int:
    """Check, ask and compile, and ask again; the code that compile ends with."""
    checked, asked = ran("check", root, within=root), ran("compile", "--check", root, within=root)
    data = ran("check", "-o", "json", root, within=root)
    compiled = ran("compile", root, *write, within=root)
    said = {"check": checked, "compile --check": asked, "compile": compiled}
    codes = {name: (result.exit_code, result.stderr) for name, result in said.items()}
    found = json.loads(data.stdout)
    assert found["ok"] == (checked.exit_code == 0) == (data.exit_code == 0)
    assert data.exit_code == checked.exit_code, codes
    if found["problems"]:
        assert [_line(each) for each in found["problems"]] == checked.stderr.splitlines()[: len(found["problems"])]
    if compiled.exit_code == 0:
        assert checked.exit_code == 0, codes
        assert asked.exit_code in (0, _STALE), codes
        again = json.loads(ran("compile", "--check", "-o", "json", root, within=root).stdout)
        assert (again["ok"], again["stale"]) == (True, []), codes
        assert ("up to date" in compiled.stdout) == (asked.exit_code == 0), codes
    else:
        assert {code for code, _ in codes.values()} == {compiled.exit_code}, codes
        # A compile that commits reads the commit and not the directory, and may see another mistake first.
        assert problems(checked) == problems(asked), codes
    return compiled.exit_code


def _line(problem: Mapping[str, Any]) -> str:
    """As people are told what a machine is."""
    place = f"{problem['file']}:{problem['line']}:{problem['column']}" if problem["line"] else problem["file"]
    return _MARK.sub(r"#\\x23", f"{place}: {problem['message']}")


def problems(result: Result) -> list[str]:
    """What a command says is wrong; notes of what is right are each command's own."""
    return sorted(line for line in result.stderr.splitlines() if not line.startswith("note: "))


class _Memory:
    """What pure functions gave before, errors included, and how long each took: that counts whoever asks again."""

    def __init__(self) -> None:
        self.spent = 0.0
        self._known: dict[object, tuple[Any, InputError | None, float]] = {}

    def of(self, question: object, answer: Callable[[], Any]) -> Any:
        """The answer, found once."""
        if question not in self._known:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            before, found, wrong = time.process_time(), None, None
            try:
                found = answer()
            except InputError as error:
                wrong = error
            self._known[question] = found, wrong, time.process_time() - before
        else:
            self.spent += self._known[question][2]
        found, wrong, _ = self._known[question]
        if wrong is not None:
            raise wrong.with_traceback(None)
        return found


_MEMORY = _Memory()
_REMEMBERED = 200


@contextmanager
def remembering() -> Iterator[None]:
    """What follows from the same sources is computed once: reading and rendering take ten times as long as the rest.

    Each command still finds, opens and compares the files itself; its time is what it would have taken alone.
    """
    parse, solve, make = load.parse, resolving.resolve, pipeline.compile

    def question(project: Project, running: object) -> object:
        return tuple(sorted(project.sources.items())), project.problems, repr(running)

    def parsed(sources: Sources, problems: Sequence[Problem] = (), *cache: Any) -> Project:
        key = "parse", tuple(sources.items()), tuple(problems)
        return cast(Project, _MEMORY.of(key, lambda: parse(sources, problems, *cache)))

    def resolved(project: Project, running: Any = pipeline.NOTHING_RUNS, *rest: Any) -> Any:
        key = "resolve", question(project, running), bool(rest[1:])
        return _MEMORY.of(key, lambda: solve(project, running, *rest))

    def compiled(project: Project, running: Any = pipeline.NOTHING_RUNS, *rest: Any) -> Any:
        return _MEMORY.of(("compile", question(project, running)), lambda: make(project, running, *rest))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "parse", parsed)
        for module in (resolving, pipeline):
            patch.setattr(module, "resolve", resolved)
        patch.setattr(pipeline, "compile", compiled)
        yield
