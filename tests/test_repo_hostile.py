"""Repositories and addresses made to run something, or to be written through: nothing may come of them."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from gpuyard.doors.git.host import create_repository
from gpuyard.doors.git.repository import commit, read_tree
from gpuyard.doors.plainfiles import NotPlainError, PlainFiles
from gpuyard.errors import GpuyardError, InputError, MissingError, OutputError, OwnershipError
from tests.gittools import clone, copy, git, healthy, isolate, new, put, serve, status, user_commit

FIRST = {"deploy/a.yaml": "a: 1\n", "deploy/b.yaml": "b: 1\n", ".gpuyard.lock": "1\n"}
SECOND = {"deploy/a.yaml": "a: 2\n", "deploy/b.yaml": None, "deploy/c/d.yaml": "d: 2\n", ".gpuyard.lock": "2\n"}
HOOKS = [
    *("applypatch-msg", "commit-msg", "fsmonitor-watchman", "p4-pre-submit", "post-applypatch", "post-checkout"),
    *("post-commit", "post-index-change", "post-merge", "post-receive", "post-rewrite", "post-update"),
    *("pre-applypatch", "pre-auto-gc", "pre-commit", "pre-merge-commit", "pre-push", "pre-rebase", "pre-receive"),
    *("prepare-commit-msg", "proc-receive", "push-to-checkout", "reference-transaction", "update"),
]

PROGRAMS = [
    *("core.sshCommand", "core.editor", "core.pager", "core.askPass", "core.gitProxy"),
    *("sequence.editor", "credential.helper", "gpg.program", "gpg.ssh.program", "diff.external"),
    *("uploadpack.packObjectsHook", "core.alternateRefsCommand", "trailer.x.command"),
    *("interactive.diffFilter", "web.browser", "remote.origin.uploadpack"),
    *("remote.origin.receivepack", "remote.origin.vcs", "sendemail.smtpServer"),
]


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path / "home")


class Trap:
    """A program that leaves a file behind when it runs."""

    def __init__(self, where: Path) -> None:
        self.canary = where / "canary"
        self.program = where / "trap"
        self.program.write_text(f'#!/bin/sh\necho "$0 $*" >> {self.canary}\nexit 1\n')
        self.program.chmod(0o755)

    def sprung(self) -> str:
        return self.canary.read_text() if self.canary.exists() else ""


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("template") / "tree"
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, where.parent / "home")
        clone(new(where.parent / "origin.git", "--bare"), where)
        user_commit(where, {"stack.yaml": "mine\n"})
        assert put(where, FIRST, push=True)
        git(where, "branch", "idle")
    return where


@pytest.fixture
def tree(template: Path, tmp_path: Path) -> Path:
    """A clone with our first commit checked out, and a bare origin next to it."""
    return copy(template, tmp_path / "tree")


def every_way(tree: Path) -> None:
    """Read and commit: checked out, not checked out, pushed, removed, refused."""
    with read_tree(tree, "main") as snapshot:
        snapshot.read(*(PurePosixPath(name) for name in FIRST))
        assert commit(snapshot, {PurePosixPath(name): text for name, text in SECOND.items()}, message="x")
    assert put(tree, {"deploy/a.yaml": "a: 3\n"}, push=True)
    assert put(tree, {"deploy/e.yaml": "e: 3\n"}, branch="idle")
    assert put(tree, {"deploy/e.yaml": "e: 3\n"}, branch="idle") is None
    (tree / "deploy/a.yaml").write_text("mine\n")
    with pytest.raises(OwnershipError):
        put(tree, {"deploy/a.yaml": "a: 4\n"})
    create_repository(tree)


def plain_git(tree: Path) -> None:
    """What a user without gpuyard does; it has to spring the trap, or the trap is none."""
    (tree / "deploy/a.yaml").write_text("by hand\n")
    for arguments in (["add", "-A"], ["commit", "-q", "-m", "x"], ["push", "-q", "origin", "HEAD"], ["fetch", "-q"]):
        subprocess.run(["git", *arguments], cwd=tree, check=False, capture_output=True)


def hooks(tree: Path, trap: Trap) -> None:
    for where in (tree / ".git/hooks", tree.parent / "origin.git/hooks"):
        where.mkdir(exist_ok=True)
        for name in HOOKS:
            (where / name).unlink(missing_ok=True)
            (where / name).symlink_to(trap.program)


def hooks_path(tree: Path, trap: Trap) -> None:
    for name in HOOKS:
        where = tree / "evil"
        where.mkdir(exist_ok=True)
        (where / name).symlink_to(trap.program)
    git(tree, "config", "core.hooksPath", "evil")


def filters(tree: Path, trap: Trap) -> None:
    for kind in ("clean", "smudge", "process"):
        git(tree, "config", f"filter.evil.{kind}", f"{trap.program} {kind}")
    git(tree, "config", "filter.evil.required", "true")
    git(tree, "config", "diff.evil.textconv", str(trap.program))
    git(tree, "config", "diff.evil.command", str(trap.program))
    git(tree, "config", "merge.evil.driver", str(trap.program))
    (tree / ".git/info").mkdir(exist_ok=True)
    (tree / ".git/info/attributes").write_text("* filter=evil diff=evil merge=evil\n")
    git(tree, "config", "core.attributesFile", str(tree / ".git/info/attributes"))


def filters_by_commit(tree: Path, trap: Trap) -> None:
    user_commit(tree, {".gitattributes": "* filter=evil diff=evil merge=evil text eol=crlf\n"})
    git(tree, "config", "filter.evil.clean", f"{trap.program} clean")
    git(tree, "config", "filter.evil.smudge", f"{trap.program} smudge")


def fsmonitor(tree: Path, trap: Trap) -> None:
    git(tree, "config", "core.fsmonitor", str(trap.program))
    subprocess.run(["git", "update-index", "--fsmonitor"], cwd=tree, check=True, capture_output=True)
    trap.canary.unlink(missing_ok=True)


def programs(tree: Path, trap: Trap) -> None:
    """Every setting of a repository that names a program; its commits are signed, with the user's key."""
    home = Path(os.environ["HOME"])
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / "key")], check=True)
    for name, value in {"gpg.format": "ssh", "user.signingkey": str(home / "key.pub")}.items():
        git(home, "config", "--global", name, value)
    for place in (tree, tree.parent / "origin.git"):
        for name in PROGRAMS:
            git(place, "config", name, str(trap.program))
        for name in ("commit.gpgSign", "push.gpgSign", "tag.gpgSign", "receive.autogc"):
            git(place, "config", name, "true")
        for alias in ("fast-import", "update-ref", "ls-tree", "read-tree", "push"):
            git(place, "config", f"alias.{alias}", f"!{trap.program}")
    (tree.parent / "spare").mkdir()
    new(tree.parent / "spare/x")
    alternates = tree.parent / "origin.git/objects/info/alternates"
    alternates.write_text(f"{tree.parent}/spare/x/.git/objects\n")


def included(tree: Path, trap: Trap) -> None:
    """The same by way of other files."""
    text = f"[core]\n\thooksPath = {tree}/evil\n\tfsmonitor = {trap.program}\n\tsshCommand = {trap.program}\n"
    (tree / ".git/evil").write_text(text + f'[filter "evil"]\n\tclean = {trap.program}\n')
    (tree / "evil").mkdir()
    for name in HOOKS:
        (tree / "evil" / name).symlink_to(trap.program)
    git(tree, "config", "include.path", "evil")
    git(tree, "config", "includeIf.onbranch:main.path", "evil")
    git(tree, "config", f"includeIf.gitdir:{tree}/.path", "evil")
    git(tree, "config", "extensions.worktreeConfig", "true")
    (tree / ".git/config.worktree").write_text(f"[core]\n\thooksPath = {tree}/evil\n")


@pytest.mark.attack("A7 Git arguments")
@pytest.mark.parametrize("plant", [hooks, hooks_path, filters, filters_by_commit, fsmonitor, programs, included])
def test_nothing_of_the_repository_runs(plant: Callable[[Path, Trap], None], tree: Path, trap: Trap) -> None:
    plant(tree, trap)
    every_way(tree)
    assert trap.sprung() == ""
    plain_git(tree)
    assert trap.sprung() != ""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("remote.origin.url", "ext::{trap} %S"),
        ("remote.origin.pushurl", "ext::{trap} %S"),
        ("remote.origin.url", "evil::x"),
        ("remote.origin.url", "--receive-pack={trap}"),
        ("remote.origin.url", "ssh://-oProxyCommand={trap}/x"),
        ("remote.origin.url", "file://{tree}/../origin.git"),
        ("branch.main.remote", "--receive-pack={trap}"),
        ("branch.main.merge", "--receive-pack={trap}"),
        ("url.ext::{trap} .insteadOf", "/"),
    ],
)
def test_pushing_to_where_the_repository_says_runs_nothing(key: str, value: str, tree: Path, trap: Trap) -> None:
    git(tree, "config", "protocol.ext.allow", "always")
    words = {"trap": str(trap.program), "tree": str(tree)}
    git(tree, "config", key.format(**words), value.format(**words))
    try:
        put(tree, SECOND, push=True)
    except GpuyardError:
        pass
    else:
        assert key.startswith("url.")  # the repository's own rewriting doesn't count
    assert trap.sprung() == ""


def test_a_partial_clone_fetches_nothing(tree: Path, trap: Trap) -> None:
    """Git runs the promisor remote's program for an object that is missing."""
    git(tree, "config", "protocol.ext.allow", "always")
    git(tree, "config", "extensions.partialClone", "evil")
    git(tree, "config", "core.repositoryFormatVersion", "1")
    git(tree, "config", "remote.evil.url", f"ext::{trap.program} %S")
    git(tree, "config", "remote.evil.promisor", "true")
    missing = git(tree, "rev-parse", "main:deploy/a.yaml")
    (tree / ".git/objects" / missing[:2] / missing[2:]).unlink()
    with read_tree(tree, "main") as snapshot, pytest.raises(GpuyardError, match=f"lacks object {missing}"):
        snapshot.read(PurePosixPath("deploy/a.yaml"))
    put(tree, SECOND)
    assert trap.sprung() == ""
    subprocess.run(["git", "cat-file", "-p", missing], cwd=tree, check=False, capture_output=True)
    assert trap.sprung() != ""


def test_replaced_objects_are_not_what_is_committed(tree: Path) -> None:
    real, other = git(tree, "rev-parse", "main:deploy/a.yaml"), git(tree, "rev-parse", "main:stack.yaml")
    git(tree, "replace", real, other)
    with read_tree(tree, "main") as snapshot:
        assert snapshot.read(PurePosixPath("deploy/a.yaml")) == {PurePosixPath("deploy/a.yaml"): "a: 1\n"}


ADDRESSES = [
    "ext::sh -c 'touch {canary}'",
    "ext::{trap}",
    "fd::3",
    "file:///{tmp}/origin.git",
    "http://git.example.com/x",
    "http://127.0.0.1/x",
    "git://git.example.com/x",
    "ftp://git.example.com/x",
    "svn://git.example.com/x",
    "javascript:x",
    "--upload-pack={trap}",
    "--upload-pack=touch {canary};{tmp}/origin.git",
    "-oProxyCommand={trap}",
    "-u{trap}",
    "ssh://-oProxyCommand={trap}/x",
    "ssh://git@-oProxyCommand={trap}/x",
    "ssh://-oProxyCommand={trap}@host/x",
    "ssh://git@host:-oProxyCommand/x",
    "ssh://git@host/-oProxyCommand={trap}",
    "ssh://git@host/a b",
    "ssh://git@host/a\nb",
    "ssh://git@host",
    "-oProxyCommand={trap}@host:x",
    "git@-oProxyCommand={trap}:x",
    "git@host:-oProxyCommand={trap}",
    "git@host::x",
    "git@host:",
    "https://-x/y",
    "https://host",
    "https:///x",
    "https://host/a b",
    "https://host/\x1b[2J",
    "https://user:pass word@host/x",
    "https://--x@host/y",
    "HTTPS+EXT://host/x",
    "ssh+git://host/x",
    "git+ssh://host/x",
    "::",
    "\x00",
]


@pytest.mark.attack("A7 Git arguments")
@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_that_are_no_repository(
    address: str, tree: Path, trap: Trap, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "home/.gitconfig").write_text("[protocol]\n\tallow = always\n")
    serve(monkeypatch, tmp_path, f"#!/bin/sh\ntouch {trap.canary}\n")
    monkeypatch.chdir(tmp_path)
    words = address.replace("{trap}", str(trap.program)).replace("{canary}", str(trap.canary))
    with pytest.raises((InputError, MissingError, OutputError)) as caught:
        put(words.replace("{tmp}", str(tmp_path)), SECOND)
    assert "\x1b" not in str(caught.value)
    assert "pass" not in str(caught.value)
    assert trap.sprung() == ""


@pytest.mark.parametrize(
    "branch", ["--upload-pack={trap}", "-x", "main:refs/heads/x", "+main", "a b", "$({trap})", "`{trap}`", "x;{trap}"]
)
def test_branches_that_are_none(
    branch: str, tree: Path, trap: Trap, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    serve(monkeypatch, tmp_path)
    for target in (tree, f"ssh://git@host{tree.parent}/origin.git"):
        with pytest.raises((InputError, MissingError)):
            put(target, SECOND, branch=branch.replace("{trap}", str(trap.program)))
    assert trap.sprung() == ""


# links


@pytest.mark.attack("A6 symbolic links")
@pytest.mark.parametrize("depth", range(4))
def test_links_in_the_work_tree_lead_nowhere(depth: int, tree: Path, tmp_path: Path) -> None:
    """A link at every depth of the path; the file it leads to keeps its text."""
    parts = ["x", "y", "z", "file.yaml"]
    outside = tmp_path / "outside"
    target = outside.joinpath(*parts[depth:])
    target.parent.mkdir(parents=True)
    target.write_text("victim\n")
    (tree.joinpath(*parts[:depth])).mkdir(parents=True, exist_ok=True)
    leads_to = outside if depth < 3 else target
    tree.joinpath(*parts[: depth + 1]).symlink_to(leads_to / parts[depth] if depth < 3 else leads_to)
    with pytest.raises(OwnershipError, match="symbolic link"):
        put(tree, {"x/y/z/file.yaml": "ours\n"})
    assert target.read_text() == "victim\n"
    assert sorted(outside.rglob("*")) == sorted({*outside.rglob("*")})
    healthy(tree)


def test_a_link_that_appears_at_the_last_moment(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    with PlainFiles(tree) as files:
        assert files.read("deploy/a.yaml") == b"a: 1\n"
        (tree / "deploy").rename(tree / "gone")
        (tree / "deploy").symlink_to(tmp_path / "outside")
        files.replace("deploy/a.yaml", b"ours\n")  # the directory that was checked, wherever it is now
        with pytest.raises(NotADirectoryError):
            files.replace("deploy/c/d.yaml", b"ours\n")
        with pytest.raises(NotPlainError, match="deploy is a symbolic link"):
            files.read("deploy/c/d.yaml")
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/x", "a//b", ".git/hooks/post-commit", "a/.GIT/config", "."])
def test_paths_that_lead_out_of_the_work_tree(path: str, tree: Path) -> None:
    with PlainFiles(tree) as files:
        for act in (files.read, files.remove, lambda name: files.replace(name, b"x")):
            with pytest.raises(NotPlainError, match="not a path of a work tree"):
                act(path)


def test_a_planted_journal_and_a_crafted_commit(tree: Path, tmp_path: Path) -> None:
    """The journal of a killed run names what is to be written; a hostile one names a hook and a parent."""
    old = git(tree, "rev-parse", "main")
    blob = git(tree, "hash-object", "-w", "stack.yaml")
    inner = b"100755 post-commit\0" + bytes.fromhex(blob)
    for name in (b"hooks", b".git"):
        made = subprocess.run(
            ["git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally"],
            cwd=tree,
            input=inner,
            capture_output=True,
            check=True,
        )
        inner = b"40000 " + name + b"\0" + bytes.fromhex(made.stdout.decode().strip())
    up = b"40000 ..\0" + inner[-20:]
    crafted = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally"],
        cwd=tree,
        input=up + inner,
        capture_output=True,
        check=True,
    )
    tip = git(tree, "commit-tree", "-p", old, "-m", "x", crafted.stdout.decode().strip())
    (tree / ".git/refs/heads/main").write_text(tip + "\n")
    (tree / ".git/gpuyard").mkdir()
    (tree / ".git/gpuyard/journal").write_text(f"refs/heads/main {old} {tip}")
    with read_tree(tree, "main"):
        pass
    assert not (tree / ".git/hooks/post-commit").exists()
    assert not (tmp_path / "hooks").exists()
    assert not (tree / ".git/gpuyard").exists()


@pytest.mark.attack("A27 temporary files")
def test_a_planted_corner_of_ours(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("victim\n")
    (tree / ".git/gpuyard").symlink_to(outside)
    with pytest.raises(GpuyardError, match="is a symbolic link; delete it"):
        put(tree, SECOND)
    assert [path.name for path in outside.iterdir()] == ["file"]
    (tree / ".git/gpuyard").unlink()
    (tree / ".git/gpuyard").mkdir()
    (tree / ".git/gpuyard/journal").write_text(f"refs/heads/main {'1' * 40} {'2' * 40}")
    with pytest.raises(GpuyardError, match=r"journal cannot be used \(.*\); delete it"):
        put(tree, SECOND)
    (tree / ".git/gpuyard/journal").write_text("--upload-pack=x y z")
    with pytest.raises(GpuyardError, match="is not one of gpuyard's journals; delete it"):
        put(tree, SECOND)


def test_another_users_repository_is_not_opened(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(GpuyardError, match=f"{tree} belongs to another user; `git config --global --add safe"):
        put(tree, SECOND)


def test_status_of_the_tree_is_what_it_was(tree: Path) -> None:
    every_way(tree)
    assert status(tree) == [" M deploy/a.yaml"]
