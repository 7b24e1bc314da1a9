"""Runs a job of a GitLab pipeline as GitLab's runner does, as far as our jobs need it.

Which jobs a pipeline has follows from their rules; the checkout is made as the runner makes it, with a detached HEAD
and only the refs of its pipeline; and the job's own `script` is run by bash in one go. What it leaves is kept.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.gittools import git
from tests.workflows import TIMEOUT, Job

__all__ = ["Done", "check_out", "jobs", "pipeline", "run_script"]

_TERM = re.compile(r'\$(\w+) (==|=~) (?:"([^"]*)"|/(.+)/)')


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a job; `state` is what GitLab calls it."""

    code: int
    state: str
    log: str
    kept: Mapping[str, str] = field(default_factory=dict)


def jobs(files: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """All jobs that .gitlab-ci.yml includes, by name."""
    included = [each["local"] for each in yaml.safe_load(files[".gitlab-ci.yml"])["include"]]
    return {name: job for path in included for name, job in yaml.safe_load(files[path]).items()}


def pipeline(files: Mapping[str, str], variables: Mapping[str, str]) -> list[str]:
    """The names of the jobs that a pipeline with these variables has."""
    return [
        name
        for name, job in jobs(files).items()
        if any(all(_holds(term, variables) for term in rule["if"].split(" && ")) for rule in job["rules"])
    ]


def _holds(term: str, variables: Mapping[str, str]) -> bool:
    found = _TERM.fullmatch(term)
    assert found, f"{term}: no rule that the stand-in of GitLab reads"
    value = variables.get(found[1], "")
    return value == found[3] if found[2] == "==" else bool(re.search(found[4].replace(r"\/", "/"), value))


def check_out(job: Job, origin: Path, commit: str, *refs: str) -> None:
    """As the runner does with GIT_STRATEGY: clone and GIT_DEPTH: 0."""
    shutil.rmtree(job.workspace, ignore_errors=True)
    job.folder.mkdir(exist_ok=True)
    git(job.folder, "init", "-q", str(job.workspace))
    git(job.workspace, "remote", "add", "origin", f"file://{origin}")
    git(job.workspace, "fetch", "-q", "--no-tags", "origin", *refs)
    git(job.workspace, "checkout", "-q", "--force", "--detach", commit)


def run_script(body: Mapping[str, Any], job: Job, variables: Mapping[str, str]) -> Done:
    """All of a job's script."""
    for each in (job.workspace, job.temporary, job.programs, job.folder / "home"):
        each.mkdir(parents=True, exist_ok=True)
        each.chmod(0o777)
    script = job.temporary / "script.sh"
    script.write_text("set -eo pipefail\n" + "\n".join(map(str, body["script"])), encoding="utf-8")
    given = {
        "CI": "true",
        "GITLAB_CI": "true",
        "CI_PROJECT_DIR": str(job.workspace),
        "HOME": str(job.folder / "home"),
        "LANG": "C.UTF-8",
        "PATH": f"{job.programs}{os.pathsep}/usr/local/bin{os.pathsep}/usr/bin{os.pathsep}/bin",
        "TMPDIR": str(job.temporary),
    }
    done = subprocess.run(
        [*job.prefix, "bash", str(script)],
        cwd=job.workspace,
        env={**given, **body.get("variables", {}), **job.environment, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT,
        check=False,
    )
    allowed = body.get("allow_failure", {}).get("exit_codes")
    state = "success" if not done.returncode else "warning" if done.returncode == allowed else "failed"
    return Done(done.returncode, state, done.stdout.decode("utf-8", "surrogateescape"), _kept(body, job))


def _kept(body: Mapping[str, Any], job: Job) -> dict[str, str]:
    """The artifacts: plain files in the workspace, as GitLab packs them."""
    paths = [job.workspace / name for name in body.get("artifacts", {}).get("paths", ())]
    return {path.name: path.read_text("utf-8") for path in paths if path.is_file() and not path.is_symlink()}
