"""`gpuyard compile` killed at every step in checkouts that mean harm: as before or as after, and the next run goes on.

`make test` kills at some steps of some scenes, `make crash` at all of them, and prints what came of it.
"""

import json
import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gpuyard.commit.lock import sha256
from tests.gittools import git, isolate, status
from tests.test_compile import lower_context, run, save
from tests.test_repo_crash import EVERY, Kill, Record, killer, record

pytestmark = pytest.mark.attack("A29 killed and interrupted runs")

SOME = 3
"""Kills of a scene in `make test`."""
SERVICE, DEPLOYMENT = "base/chat/service.yaml", "base/chat/deployment.yaml"
ROOTS = ("README.md", "base", "charts", "clusters", "overlays", "platform", "workloads", ".gpuyard.lock", ".git")


def lock(root: Path, **more: str) -> None:
    """More files that a blueprint's lock calls gpuyard's."""
    file = root / "workloads/chat.lock"
    data = json.loads(file.read_text())
    data["files"] |= {name.replace("__", "/"): digest for name, digest in more.items()}
    file.write_text(json.dumps(data, indent=1) + "\n")


def tampered(root: Path) -> None:
    text = (root / SERVICE).read_text() + "# and more\n"
    (root / SERVICE).write_text(text)
    lock(root, **{SERVICE: sha256(text)})


def stale(root: Path) -> None:
    """Files that gpuyard generated once, which this compile takes away."""
    text = (root / SERVICE).read_text()
    for name in ("base/chat/old.yaml", "overlays/a10/chat/old.yaml"):
        (root / name).write_text(text)
        lock(root, **{name: sha256(text)})


def link(name: str, target: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(target)

    return make


def file(name: str, text: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    return make


def drafts(root: Path) -> None:
    """Names that gpuyard's own temporary files begin with."""
    file("base/chat/.gpuyard-b335630551682c19", "theirs\n")(root)
    file(".gpuyard-x/y", "theirs\n")(root)
    (root / "overlays/.gpuyard-link").symlink_to("../stack.yaml")


def pipes(root: Path) -> None:
    for name in ("pipe", "overlays/pipe", ".gpuyard-pipe"):
        os.mkfifo(root / name)


COMMITTED: dict[str, tuple[Callable[[Path], None], int]] = {
    "nothing hostile": (lambda root: None, 0),
    "a lock that names a source": (lambda root: lock(root, **{"stack.yaml": "0" * 64}), 65),
    "a lock that leads out": (lambda root: lock(root, **{"base/../../machine/secret": "0" * 64}), 65),
    "a lock that is no JSON": (file("workloads/chat.lock", "[" * 9000), 65),
    "a lock that agrees with other text": (tampered, 0),
    "a lock of files that go": (stale, 0),
    "a link where a file goes": (link(SERVICE, "../../stack.yaml"), 76),
    "a link out of the repository": (link("overlays/notes", "../../machine/secret"), 0),
    "somebody's files": (file("overlays/notes.txt", "ours\n"), 0),
    "what Flux would apply": (file("clusters/phx/zz.yaml", "kind: Role\n"), 65),
    "an edited file": (file(DEPLOYMENT, "edited\n"), 76),
    "attributes: CRLF": (file(".gitattributes", "* text eol=crlf\n"), 0),
    "attributes: a filter": (file(".gitattributes", "base/** filter=lfs\n"), 0),
    "attributes: not merged, not shown": (file(".gitattributes", "* -diff -merge export-ignore ident\n"), 0),
    "names of drafts": (drafts, 0),
    "pipes": (pipes, 0),
}
"""What a pull request brings, and the code that compile ends with."""


class State(NamedTuple):
    """All that can be seen from outside: the branch, what Git says of the work tree, and every file."""

    tree: str
    commits: str
    status: tuple[str, ...]
    files: dict[str, tuple[int, bytes]]


def seen(root: Path) -> State:
    found = {}
    for path in sorted(root.parent.rglob("*")):
        name = str(path.relative_to(root.parent))
        kind = stat.S_IFMT(path.lstat().st_mode)
        if name.startswith("gitops/.git/") or kind == stat.S_IFDIR:
            continue
        found[name] = (
            kind,
            b"" if stat.S_ISFIFO(kind) else os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes(),
        )
    tree, commits = git(root, "rev-parse", "main^{tree}"), git(root, "rev-list", "--count", "main")
    return State(tree, commits, tuple(status(root)), found)


def users(state: State) -> dict[str, tuple[int, bytes]]:
    """What no compile has any business with, whatever a lock says."""
    generated = {f"gitops/{name}" for name in ROOTS}
    return {name: each for name, each in state.files.items() if "/".join(name.split("/")[:2]) not in generated}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository that was compiled; what rendering takes is remembered, so that no run starts Helm."""
    folder = tmp_path_factory.mktemp("compiled")
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, folder / "home")
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setenv("GPUYARD_COMPILE_CACHE", "on")
        assert run("init", folder / "gitops", "--name", "gitops").exit_code == 0
        assert run("compile", folder / "gitops").exit_code == 0
        shutil.copytree(folder / "gitops", folder / "warm" / "gitops")
        lower_context(folder / "warm" / "gitops")
        save(folder / "warm" / "gitops")
        assert run("compile", folder / "warm" / "gitops").exit_code == 0
        yield folder / "gitops"


@pytest.fixture(scope="module")
def kill(compiled: Path) -> Iterator[Kill]:
    with killer() as found:
        yield found


def scene(name: str, compiled: Path, where: Path) -> Path:
    """A checkout of the pull request, which changes a blueprint as well, and work of the user's of every kind."""
    root = where / "gitops"
    shutil.copytree(compiled, root)
    (where / "machine").mkdir()
    (where / "machine/secret").write_text("theirs\n")
    COMMITTED[name][0](root)
    lower_context(root)
    save(root, "a pull request")
    (root / "notes.txt").write_text("staged\n")
    git(root, "add", "notes.txt")
    (root / "notes.txt").write_text("staged, then changed\n")
    (root / "new.txt").write_text("new\n")
    return root


@pytest.mark.parametrize("name", COMMITTED)
def test_killed_in_a_checkout_that_means_harm(
    name: str, compiled: Path, kill: Kill, tmp_path: Path, record_property: Record
) -> None:
    root = scene(name, compiled, tmp_path / "template")
    before = seen(root)
    where = tmp_path / "run"
    shutil.copytree(root.parent, where, symlinks=True, copy_function=_copy)
    root = where / "gitops"
    steps = kill(target=str(root), compile=True)["steps"]
    assert isinstance(steps, list)
    after = seen(root)
    code = run("compile", root).exit_code
    assert code == COMMITTED[name][1]
    assert (seen(root), users(after)) == (after, users(before))
    assert (after.commits == before.commits) == (code != 0)
    numbers = range(len(steps)) if EVERY else sorted({len(steps) * part // SOME for part in range(SOME) if steps})
    outcome = Counter[str]()
    for number in numbers:
        shutil.rmtree(where)
        shutil.copytree(tmp_path / "template", where, symlinks=True, copy_function=_copy)
        assert kill(target=str(root), compile=True, step=number)["killed"], steps[number]
        outcome[after_a_kill(root, before, after)] += 1
        assert run("compile", root).exit_code == code, f"killed at {number}: {steps[number]}"
        assert seen(root) == after, f"killed at {number}: {steps[number]}"
        healthy(root)
    record(record_property, f"{name} ({code})", outcome)


def after_a_kill(root: Path, before: State, after: State) -> str:
    """What holds at every moment: the branch is one of the two, and each file, too; what is the user's is untouched."""
    found = seen(root)
    assert found.tree in {before.tree, after.tree}
    assert users(found) == users(before)
    for name, each in found.files.items():
        ours = name not in before.files and name not in after.files
        assert (ours and ".gpuyard-" in name) or each in (before.files.get(name), after.files.get(name)), name
    gone = before.files.keys() - found.files.keys()
    assert gone <= before.files.keys() - after.files.keys()
    return "after" if found.tree == after.tree != before.tree else "before"


def healthy(root: Path) -> None:
    """Everything is there and whole, and nothing of ours is left."""
    git(root, "fsck", "--strict", "--no-dangling")
    assert not [*(root / ".git").rglob("*.lock"), *(root / ".git").rglob("gpuyard")]


def _copy(source: str, target: str) -> str:
    """As copytree would, pipes, too."""
    if stat.S_ISFIFO(os.lstat(source).st_mode):
        os.mkfifo(target)
        return target
    return str(shutil.copy2(source, target, follow_symlinks=False))
