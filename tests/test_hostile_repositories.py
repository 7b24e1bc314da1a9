"""The commands in repositories that mean harm: one verdict, and nothing run, opened, changed or told.

`make test` tries a fifth of them, `make crash` all.
"""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.gittools import git, isolate
from tests.hostilerepositories import CANARY, REPOSITORIES, Repository
from tests.hostileruns import ran, remembering
from tests.test_compile import lower_context, run, save
from tests.test_repo_crash import EVERY

_MARKS = (
    pytest.mark.attack("A7 Git arguments"),
    pytest.mark.attack("A18 hostile lock"),
    pytest.mark.attack("A19 generated files"),
    pytest.mark.attack("A20 linked folders"),
    pytest.mark.attack("A21 printed text"),
    pytest.mark.attack("A22 engine-read folders"),
    pytest.mark.attack("A28 Git attributes and checkouts"),
)
MARKS = {mark.args[0]: mark for mark in _MARKS}
CASES = [
    pytest.param(name, id=name, marks=MARKS[each.attack])
    for number, (name, each) in enumerate(REPOSITORIES.items())
    if EVERY or number % 5 == 0
]
LARGEST = 64 * 1024
"""Characters of what a command says, whatever the pull request brings."""
OURS = (
    *("README.md", ".gpuyard.lock", "base/", "charts/", "clusters/"),
    *("overlays/", "platform/", "workloads/", ".git", "elsewhere/"),
)
"""What a compile may write: what is generated, and Git's own, wherever that is."""
LOOKING = (("check",), ("diff", "--base", "main"), ("compile", "--check"))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A pull request in order, of a stack that was compiled before; every command has run there once."""
    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch, remembering():
        isolate(patch, folder / "home")
        root = folder / "gitops"
        assert run("init", root, "--name", "demo", "--url", "https://git.example.com/acme/gitops").exit_code == 0
        assert run("compile", root).exit_code == 0
        git(root, "switch", "-qc", "proposal")
        lower_context(root)
        save(root)
        assert run("compile", root, "--branch", "proposal").exit_code == 0
        for name, *options in (*LOOKING, ("compile", "--no-commit")):
            assert run(name, root, *options).exit_code == 0
        yield root


def seen(folder: Path) -> Mapping[str, str]:
    """Each file by what a change of it changes."""
    found = {}
    for above, folders, files in os.walk(folder, followlinks=False):
        for name in (*folders, *files):
            path = Path(above, name)
            now = path.lstat()
            if not stat.S_ISDIR(now.st_mode):
                found[os.path.relpath(path, folder)] = f"{now.st_mode} {now.st_ino} {now.st_size} {now.st_mtime_ns}"
    return found


def users(files: Mapping[str, str]) -> Mapping[str, str]:
    """What no compile has any business with."""
    return {name: each for name, each in files.items() if not name.startswith(OURS)}


def proposed(case: Repository, template: Path, folder: Path) -> Path:
    """The pull request with the one thing that means harm, and a machine around it."""
    root, machine = folder / "gitops", folder / "machine"
    shutil.copytree(template, root, symlinks=True)
    machine.mkdir()
    (machine / "secret").write_text(f"{CANARY}\n", encoding="utf-8")
    case.make(root, machine)
    if case.committed and git(root, "status", "--porcelain"):
        git(root, "add", "-A")
        if git(root, "diff", "--cached", "--name-only"):  # or attributes made it nothing
            save(root, "a pull request")
    return root


@pytest.mark.parametrize("name", CASES)
def test_a_repository_that_means_harm(name: str, template: Path, tmp_path: Path) -> None:
    case = REPOSITORIES[name]
    root = proposed(case, template, tmp_path)
    before, machine, said = seen(root), seen(tmp_path / "machine"), []
    for command, *options in LOOKING:
        said.append(ran(command, root, *options, within=root))
        assert seen(root) == before, command
    checked, compared, asked = said
    if case.committed:
        compiled = ran("compile", root, "--branch", "proposal", within=root)
    else:  # a commit has none of it
        written = ran("compile", root, "--no-commit", within=root)
        compiled = ran("compile", root, "--branch", "proposal", within=root)
        assert written.exit_code == checked.exit_code
    assert tuple(each.exit_code for each in (checked, asked, compiled, compared)) == case.ends
    assert all(len(each.output) < LARGEST for each in (*said, compiled))
    assert users(seen(root)) == users(before)
    assert seen(tmp_path / "machine") == machine
    assert not [each for each in seen(tmp_path) if each.endswith("/ran")]
    if compiled.exit_code == 0 and case.committed:
        assert ran("compile", root, "--check", within=root).exit_code == 0


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 60
    assert {each.attack for each in REPOSITORIES.values()} == MARKS.keys()
