"""The workflow of pull requests on checkouts that mean harm, as root and as somebody who may do nothing.

`make test` tries some of them, `make crash` all.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.hostilecheckouts import CANARY, CASES, Case
from tests.test_ci import CHECK, proposed, upload
from tests.test_compile import git, lower_context, run, save
from tests.test_repo_crash import EVERY
from tests.unprivileged import USERS, given, prefix
from tests.workflows import Job, Ran, console, program, run_job

_MARKS = (
    pytest.mark.attack("A3 YAML bombs"),
    pytest.mark.attack("A7 Git arguments"),
    pytest.mark.attack("A11 committed secrets"),
    pytest.mark.attack("A15 workflow injection"),
    pytest.mark.attack("A18 hostile lock"),
    pytest.mark.attack("A19 generated files"),
    pytest.mark.attack("A20 linked folders"),
    pytest.mark.attack("A21 printed text"),
    pytest.mark.attack("A22 engine-read folders"),
    pytest.mark.attack("A25 large refusals"),
    pytest.mark.attack("A28 Git attributes and checkouts"),
)
MARKS = {mark.args[0].partition(" ")[0]: mark for mark in _MARKS}
SOME = {
    "a lock of the machine's files",
    "a blueprint that waits",
    "names that a terminal obeys",
    "settings and hooks of Git",
    "a library",
    "a secret",
}
"""Those of `make test`."""
STEPS = ("Check the files", "Show what the merge changes", "Check the generated files")
LARGEST = 64 * 1024
"""Bytes of a log and of a summary, whatever the pull request brings."""
OURS = "::warning title=gpuyard::The merge has a danger for a cluster; the summary of this run says which."


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stack with the workflows, and a pull request that is in order, to which something is added."""
    root = tmp_path_factory.mktemp("compiled") / "gitops"
    assert run("init", root, "--name", "demo", "--url", "https://git.example.com/acme/gitops").exit_code == 0
    assert run("compile", root).exit_code == 0
    git(root, "switch", "-qc", "proposal")
    lower_context(root)
    save(root)
    assert run("compile", root, "--branch", "proposal").exit_code == 0
    return root


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that every user may enter; those of pytest are its user's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def origin(compiled: Path, folder: Path, case: Case) -> Path:
    root = Path(shutil.copytree(compiled, folder / "origin", symlinks=True))
    git(root, "branch", "-qm", case.branch)
    case.propose(root, folder / "machine")
    if git(root, "status", "--porcelain"):
        save(root, "a pull request")
    return proposed(root)


def machine(folder: Path) -> Mapping[str, str]:
    """What anybody may write, so that only gpuyard's own care protects it."""
    (folder / "machine").mkdir()
    (folder / "machine/secret").write_text(f"{CANARY}\n", encoding="utf-8")
    for each in (folder / "machine/secret", folder / "machine"):
        each.chmod(0o777)
    return files(folder / "machine")


def files(folder: Path) -> Mapping[str, str]:
    """Each file with what a change of it changes; of Git's own, what decides what it does and holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.startswith(".git/") and not name.startswith((".git/HEAD", ".git/config", ".git/hooks", ".git/refs")):
            continue
        now = path.lstat()
        found[ascii(name)] = f"{now.st_mode} {now.st_ino}" + (
            "" if path.is_dir() else f" {now.st_size} {now.st_mtime_ns}"
        )
    return found


def tried(case: Case, user: str, compiled: Path, folder: Path) -> tuple[Ran, Mapping[str, str]]:
    """The workflow, and the work tree as the steps found it."""
    source = origin(compiled, folder, case)
    job = Job(folder / "runner", prefix=prefix(user, folder / "view"), every=True)
    before: dict[str, str] = {}

    def checked_out(job: Job, _: Mapping[str, str]) -> None:
        shutil.rmtree(job.workspace)
        git(job.folder, "init", "-q", str(job.workspace))
        git(job.workspace, "remote", "add", "origin", f"file://{source}")
        refs = ("+refs/heads/*:refs/remotes/origin/*", "+refs/pull/7/merge:refs/remotes/pull/7/merge")
        git(job.workspace, "fetch", "-q", *([f"--depth={case.depth}"] if case.depth else []), "origin", *refs)
        git(job.workspace, "checkout", "-q", "--force", "refs/remotes/pull/7/merge")
        case.place(job.workspace, folder / "machine")
        for each in (job.workspace, job.temporary, job.folder / "home"):
            given(each, user)
        before.update(files(job.workspace))

    job.values = {"github.base_ref": "main", "github.event.pull_request.number": "7"}
    job.environment = {"ACTIONS_RUNTIME_TOKEN": CANARY}
    job.uses = {
        "actions/setup-python": lambda job, given: None,
        "actions/checkout": checked_out,
        "actions/upload-artifact": upload,
    }
    (job.folder / "home").mkdir(parents=True)
    console(job)
    program(job, "pip", "#!/bin/sh\n")
    return run_job((source / CHECK).read_text(encoding="utf-8"), job), before


def obeyed(log: str) -> list[str]:
    """Lines that GitHub's runner takes for a command, as it splits lines and looks for commands in them."""
    lines = re.split(r"\r\n|\r|\n", log)
    return [line for line in lines if line != OURS and (line.lstrip().startswith("::") or "##[" in line)]


def named(text: str, folder: Path) -> list[str]:
    """Paths of this machine, but for the directory that the commands were given."""
    text = text.replace(str(folder / "runner/workspace"), "")
    places = (folder, tempfile.gettempdir(), ROOT, sys.prefix, sys.base_prefix, "/root", Path.home(), "site-packages")
    return [str(place) for place in places if str(place) in text]


EACH = [
    pytest.param(name, user, id=f"{name} - {user}", marks=MARKS[CASES[name].attack])
    for name in CASES
    if EVERY or name in SOME
    for user in USERS
]


@pytest.mark.parametrize(("name", "user"), EACH)
def test_a_checkout_that_means_harm(name: str, user: str, compiled: Path, folder: Path) -> None:
    theirs = machine(folder)
    case = CASES[name]
    ran, before = tried(case, user, compiled, folder)
    said = ran.log + ran.summary
    assert tuple(ran.statuses[step] for step in STEPS) == case.ends, said[:4000]
    assert "Traceback" not in said
    assert max(len(os.fsencode(ran.log)), len(ran.summary.encode())) < LARGEST
    assert (CANARY in said, obeyed(ran.log), named(said, folder)) == (False, [], []), said[:4000]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", said)
    assert files(folder / "machine") == theirs
    assert files(folder / "runner/workspace") == before


def test_there_are_enough_of_them_and_each_has_its_class() -> None:
    assert len(CASES) >= 20
    assert {case.attack for case in CASES.values()} == MARKS.keys()
    assert CASES.keys() >= SOME
