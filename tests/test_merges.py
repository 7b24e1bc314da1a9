"""Branches that change different blueprints merge, by plain `git merge`, and are up to date afterwards."""

import random
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import pytest

from gpuyard.commit.lock import is_lock
from gpuyard.doors import yamlio
from gpuyard.pipeline import compile, load
from gpuyard.tree import is_generated, owner
from tests.conftest import write_tree
from tests.projects import BLUEPRINT, STACK, Values, merged, with_token
from tests.test_compile import git, run, save

NAMES = ("archive", "chat", "draft", "search", "summary")
CLUSTERS = [
    {"name": "phx", "shapes": {"a10": "BM.GPU.A10.4", "h100": "BM.GPU.H100.8"}},
    {"name": "iad", "shapes": {"h100": "BM.GPU.H100.8"}},
]
Edit = tuple[str, Values | None]
"""A blueprint and its spec; None: it is removed."""


def blueprint(name: str, spec: Values) -> str:
    whole = {"metadata": {"name": name}, "spec": {"model": {"name": "qwen3-8b"}, **spec}}
    return yamlio.dump(with_token(merged(BLUEPRINT, whole)))


def edit(root: Path, change: Edit) -> None:
    name, spec = change
    file = root / "blueprints" / f"{name}.yaml"
    if spec is None:
        file.unlink()
    else:
        file.write_text(blueprint(name, spec), encoding="utf-8")


def pairs() -> Iterator[tuple[Edit, Edit]]:
    """Two adds, two removals and an add beside a removal, all of neighbours; then by chance."""
    yield ("mail", {}), ("map", {})
    yield ("chat", None), ("draft", None)
    yield ("draft", None), ("dreams", {})
    chance = random.Random(11)  # noqa: S311 - the same pairs every time
    changes: tuple[Callable[[], Values | None], ...] = (
        lambda: {"serving": {"contextLength": chance.choice((4096, 8192, 12288))}},
        lambda: {"scaling": {"min": 1, "max": chance.choice((2, 3))}},
        lambda: {"shapes": chance.choice(({"h100": {}}, {"a10": {}, "h100": {}}))},
        lambda: None,
    )
    for index in range(17):
        names = chance.sample(NAMES, 2)
        first, second = ((name, chance.choice(changes)()) for name in names)
        added = (f"new-{index}", chance.choice(changes[:3])() or {})
        yield (added, second) if chance.random() < 0.3 else (first, second)


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """With a cache for this module alone."""
    return {"GPUYARD_COMPILE_CACHE": "", "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory, env: Mapping[str, str]) -> Path:
    """Five blueprints in two clusters, compiled."""
    root = tmp_path_factory.mktemp("merges") / "start"
    stack = merged(STACK, {"spec": {"clusters": CLUSTERS, "policy": {"maxGpus": 500}}})
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    git(root, "config", "user.name", "t")
    git(root, "config", "user.email", "t@t")
    texts = {PurePosixPath("blueprints", f"{name}.yaml"): blueprint(name, {}) for name in NAMES}
    write_tree(root, {PurePosixPath("stack.yaml"): yamlio.dump(stack), **texts})
    save(root, "sources")
    compiled(root, env, "main")
    return root


def compiled(root: Path, env: Mapping[str, str], branch: str, *changes: Edit) -> None:
    for change in changes:
        edit(root, change)
    if changes:
        save(root, branch)
    result = run("compile", root, "--branch", branch, env=dict(env))
    assert result.exit_code == 0, result.output


def generated(root: Path) -> dict[PurePosixPath, str]:
    """Beside the locks, whose placements are what ran before."""
    paths = [PurePosixPath(name) for name in git(root, "ls-files").splitlines() if is_generated(name)]
    return {path: (root / path).read_text(encoding="utf-8") for path in paths if not is_lock(path)}


@pytest.mark.parametrize("pair", list(pairs()), ids=lambda pair: f"{pair[0][0]}-{pair[1][0]}")
def test_two_blueprints(pair: tuple[Edit, Edit], start: Path, tmp_path: Path, env: Mapping[str, str]) -> None:
    root = tmp_path / "gitops"
    subprocess.run(["cp", "-r", str(start), str(root)], check=True)
    for branch, change in zip(("left", "right"), pair, strict=True):
        git(root, "switch", "-qc", branch, "main")
        compiled(root, env, branch, change)
    for into, other in (("left", "right"), ("right", "left")):
        git(root, "switch", "-qC", "merged", into)
        git(root, "merge", "-q", "--no-edit", other)
        head = git(root, "rev-parse", "HEAD")
        check = run("compile", root, "--check", env=dict(env))
        assert (check.exit_code, check.stdout) == (0, "up to date\n"), check.output
        again = run("compile", root, "--branch", "merged", env=dict(env))
        assert (again.exit_code, again.stdout.partition(":")[0]) == (0, "up to date"), again.output
        assert git(root, "rev-parse", "HEAD") == head
        assert generated(root) == compile(load(root)).tree


def test_a_change_of_a_blueprint_is_in_its_own_files(start: Path, tmp_path: Path, env: Mapping[str, str]) -> None:
    """What makes the merges work, and reviews short."""
    root = tmp_path / "gitops"
    subprocess.run(["cp", "-r", str(start), str(root)], check=True)
    for change in (("chat", {"serving": {"contextLength": 4096}}), ("new", {}), ("chat", None)):
        compiled(root, env, "main", change)
        names = git(root, "show", "--name-only", "--format=", "HEAD").splitlines()
        assert {owner(PurePosixPath(name)) for name in names} == {change[0]}


def test_a_checkout_with_other_ends_of_lines_is_the_same(start: Path, tmp_path: Path, env: Mapping[str, str]) -> None:
    """As Git for Windows makes it, where nobody wrote a .gitattributes."""
    root = tmp_path / "gitops"
    subprocess.run(["git", "clone", "-q", "-c", "core.autocrlf=true", str(start), str(root)], check=True)
    assert b"\r\n" in (root / "base" / "chat" / "service.yaml").read_bytes()
    check = run("compile", root, "--check", env=dict(env))
    assert (check.exit_code, check.stdout) == (0, "up to date\n"), check.output
    assert run("compile", root, env=dict(env)).stdout.startswith("up to date")
    with (root / "base" / "chat" / "service.yaml").open("a", encoding="utf-8") as file:
        file.write("# mine\r\n")
    edited = run("compile", root, "--check", env=dict(env))
    assert (edited.exit_code, "service.yaml: was edited by hand" in edited.output) == (76, True)
    assert edited.output.count("was edited by hand") == 1


def test_a_commit_with_other_ends_of_lines_is_the_same(start: Path, tmp_path: Path, env: Mapping[str, str]) -> None:
    """One verdict: compile doesn't write what --check lets pass."""
    root = tmp_path / "gitops"
    subprocess.run(["cp", "-r", str(start), str(root)], check=True)
    file = root / "base" / "chat" / "service.yaml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    save(root, "from an editor")
    for options in (("--check",), ()):
        result = run("compile", root, *options, env=dict(env))
        assert (result.exit_code, result.stdout.startswith("up to date")) == (0, True), result.output
