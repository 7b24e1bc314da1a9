"""Runs a job of a workflow as GitHub's runner does, as far as our workflows need it.

The steps' own `run:` texts are run by bash, with the files and variables that GitHub gives them. For each `uses:` a
function stands in that the test names; an expression without a value, or an action without a stand-in, is an error.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT

__all__ = ["Job", "Ran", "program", "run_job"]

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_OUTPUT = re.compile(r"steps\.(\w+)\.outputs\.(\w+)")
_CONSOLE = """#!{python}
import sys
sys.path.insert(1, {generator!r})  # as installed: first comes the folder of this script, never the current one
from gpuyard.cli.main import main
main()
"""
TIMEOUT = 300
"""Seconds a step may take before the machine must be protected from it: no measure of anything."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a job."""

    statuses: Mapping[str, int]
    """Of each step that was run, by its name; what is missing was skipped."""
    log: str
    summary: str
    outputs: Mapping[tuple[str, str], str]

    @property
    def failed(self) -> bool:
        return any(self.statuses.values())


@dataclass(slots=True)
class Job:
    """Where a job runs, and what it is given."""

    folder: Path
    """Holds the workspace, the runner's temporary folder, and programs that stand in for others."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Expressions, by their text."""
    uses: Mapping[str, Callable[["Job", Mapping[str, str]], None]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    prefix: Sequence[str] = ()
    """What starts each step, such as another user."""
    every: bool = False
    """Whether a step is run after one that failed, as with `if: always()`."""

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def temporary(self) -> Path:
        return self.folder / "temp"

    @property
    def programs(self) -> Path:
        return self.folder / "bin"


def program(job: Job, name: str, text: str) -> None:
    """A program that steps find before all others."""
    job.programs.mkdir(parents=True, exist_ok=True)
    (job.programs / name).write_text(text, encoding="utf-8")
    (job.programs / name).chmod(0o755)


def console(job: Job, python: str = sys.executable) -> None:
    """The `gpuyard` command, as pip installs it, and the Python that pip installs for."""
    program(job, "python", f'#!/bin/sh\nPYTHONPATH={ROOT / "generator"} exec {python} "$@"\n')
    program(job, "gpuyard", _CONSOLE.format(python=python, generator=str(ROOT / "generator")))


def run_job(text: str, job: Job, name: str | None = None) -> Ran:
    """Run a job of a workflow, or the only one, until a step fails, or all of it."""
    workflow = yaml.safe_load(text)
    (body,) = [each for key, each in workflow["jobs"].items() if name in {None, key}]
    shell = body.get("defaults", workflow.get("defaults", {})).get("run", {}).get("shell", "")
    for each in (job.workspace, job.temporary, job.programs):
        each.mkdir(parents=True, exist_ok=True)
        each.chmod(0o777)
    outputs: dict[tuple[str, str], str] = {}
    statuses: dict[str, int] = {}
    log = ""
    for number, step in enumerate(body["steps"]):
        called = step.get("name") or step["uses"].partition("@")[0]
        if "if" in step and not _value(step["if"], job, outputs):
            continue
        if "uses" in step:
            given = {key: _filled(str(value), job, outputs) for key, value in step.get("with", {}).items()}
            job.uses[called](job, given)
            statuses[called] = 0
            continue
        environment = {**body.get("env", {}), **step.get("env", {})}
        script = job.temporary / f"step{number}.sh"
        script.write_text(step["run"], encoding="utf-8")
        env = {key: _filled(str(value), job, outputs) for key, value in environment.items()}
        statuses[called], said = _shell(script, shell, job, env)
        log += said
        outputs |= {(step.get("id", ""), key): value for key, value in _outputs(job).items()}
        if statuses[called] and not job.every:
            break
    summary = job.temporary / "summary"
    return Ran(statuses, log, summary.read_text(encoding="utf-8") if summary.exists() else "", outputs)


def _shell(script: Path, shell: str, job: Job, env: Mapping[str, str]) -> tuple[int, str]:
    options = ["--noprofile", "--norc", "-eo", "pipefail"] if shell == "bash" else ["-e"]
    for name in ("summary", "output"):
        (job.temporary / name).touch()
        (job.temporary / name).chmod(0o666)
    (job.temporary / "output").write_text("")
    given = {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(job.temporary / "output"),
        "GITHUB_STEP_SUMMARY": str(job.temporary / "summary"),
        "GITHUB_WORKSPACE": str(job.workspace),
        "HOME": str(job.folder / "home"),
        "LANG": "C.UTF-8",
        "PATH": f"{job.programs}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "RUNNER_TEMP": str(job.temporary),
    }
    done = subprocess.run(
        [*job.prefix, "bash", *options, str(script)],
        cwd=job.workspace,
        env={**given, **job.environment, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8", "surrogateescape")


def _outputs(job: Job) -> dict[str, str]:
    lines = (job.temporary / "output").read_text(encoding="utf-8").splitlines()
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def _filled(text: str, job: Job, outputs: Mapping[tuple[str, str], str]) -> str:
    return _EXPRESSION.sub(lambda found: _value(found[1], job, outputs), text)


def _value(expression: str, job: Job, outputs: Mapping[tuple[str, str], str]) -> str:
    if found := _OUTPUT.fullmatch(expression):
        return outputs.get((found[1], found[2]), "")
    if expression == "runner.temp":
        return str(job.temporary)
    return job.values[expression]


def steps(text: str) -> list[dict[str, Any]]:
    """All steps of a workflow."""
    return [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]
