"""Commands on a checkout that means harm, and what holds of each of them whatever is in it.

No traceback, no long wait, nothing opened outside, no secret and nothing but text printed, and one verdict of all.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import HealthCheck

from gpuyard import pipeline
from gpuyard.pipeline import Compiled
from tests.mutations import CANARY
from tests.opened import opened, outside
from tests.test_compile import run
from tests.test_said import harmless

__all__ = ["LONGEST", "examples", "one_verdict", "ran", "remembering"]

FUZZ = float(os.environ.get("GPUYARD_FUZZ", "0.05"))
"""How many times as many examples as `make test` has; less than one for a first look."""
LONGEST = 2.0 if FUZZ > 1 else 20.0
"""Seconds of this process's own time; `make test` has other things to do at the same time."""
_STALE = 79


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
    before = time.process_time()
    with opened() as seen:
        result = run(*map(str, command))
    spent = time.process_time() - before
    said = result.stdout + result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit), f"{command}: {result.exc_info}"
    assert outside(seen, within) == []
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
    assert json.loads(data.stdout)["ok"] == (checked.exit_code == 0) == (data.exit_code == 0)
    if compiled.exit_code == 0:
        assert checked.exit_code == 0, codes
        assert asked.exit_code in (0, _STALE), codes
        assert ran("compile", "--check", root, within=root).exit_code == 0
        assert ("up to date" in compiled.stdout) == (asked.exit_code == 0), codes
    else:
        assert {code for code, _ in codes.values()} == {compiled.exit_code}, codes
        # A compile that commits reads the commit and not the directory, and may see another mistake first.
        assert problems(checked) == problems(asked), codes
    return compiled.exit_code


def problems(result: Result) -> list[str]:
    """What a command says is wrong; notes of what is right are each command's own."""
    return sorted(line for line in result.stderr.splitlines() if not line.startswith("note: "))


def remembering(patch: pytest.MonkeyPatch) -> None:
    """What follows from the same sources is computed once: rendering takes ten times as long as all the rest."""
    really: Callable[..., Compiled] = pipeline.compile
    known: dict[str, Compiled] = {}

    def compile(project: Any, running: Any = pipeline.NOTHING_RUNS, *rest: Any) -> Compiled:
        if project.problems:
            return really(project, running, *rest)
        question = repr((sorted(project.sources.items()), running))
        if question not in known:
            known[question] = really(project, running, *rest)
        return known[question]

    patch.setattr(pipeline, "compile", compile)
