"""How a repository is spoilt: its locks, generated files, links, names, and what is Git's own."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gpuyard.commit.lock import sha256
from tests.gittools import git
from tests.hostilecheckouts import CHAT_LOCK, Spoil, edit, file, git_settings, link

__all__ = ["LOCK"]
__all__ += [
    "bare_inside",
    "changed",
    "config",
    "copied",
    "deep",
    "file_at",
    "folder_at",
    "listing",
    "lock",
    "locks",
    "moved",
    "named",
    "pack_none",
    "placed",
    "promised",
    "replaced",
    "rewritten",
    "socket_at",
    "sparse",
    "submodules",
    "tampered",
]

LOCK = ".gpuyard.lock"

# --- locks ---------------------------------------------------------------------------------------------------


def lock(change: Callable[[dict[str, Any]], object], name: str = LOCK) -> Spoil:
    """One whose data are changed."""

    def make(root: Path, machine: Path) -> None:
        data = json.loads((root / name).read_text())
        found = change(data)
        (root / name).write_text(json.dumps(found if isinstance(found, dict | list) else data, indent=1) + "\n")

    return make


def listing(*entries: object, name: str = LOCK) -> Spoil:
    """More files that it has, with their digests."""
    files = {str(each): "0" * 64 for each in entries}
    return lock(lambda data: data["files"].update(files), name)


def placed(**changes: object) -> Spoil:
    """What it says of where the blueprint runs."""
    return lock(lambda data: data["placements"]["phx"].update(changes), CHAT_LOCK)


def rewritten(change: Callable[[str], str | bytes], name: str = LOCK) -> Spoil:
    """The text of a file."""

    def make(root: Path, machine: Path) -> None:
        found = change((root / name).read_text())
        (root / name).write_bytes(found if isinstance(found, bytes) else found.encode("utf-8", "surrogatepass"))

    return make


def locks(count: int) -> Spoil:
    def make(root: Path, machine: Path) -> None:
        for number in range(count):
            (root / f"workloads/b{number}.lock").write_text("{}")

    return make


# --- generated files -----------------------------------------------------------------------------------------


def tampered(name: str, more: str = "", agreed: bool = True) -> Spoil:
    """A generated file with something more at its end, and a lock that agrees."""

    def make(root: Path, machine: Path) -> None:
        text = (root / name).read_text() + more
        (root / name).write_text(text)
        for each in (LOCK, CHAT_LOCK) if agreed else ():
            data = json.loads((root / each).read_text())
            if name in data["files"]:
                data["files"][name] = sha256(text)
                (root / each).write_text(json.dumps(data, indent=1) + "\n")

    return make


def sparse(name: str, size: int) -> Spoil:
    def make(root: Path, machine: Path) -> None:
        with (root / name).open("wb") as stream:
            stream.truncate(size)

    return make


# --- links and what is no file -------------------------------------------------------------------------------


def socket_at(name: str) -> Spoil:
    def make(root: Path, machine: Path) -> None:
        (root / name).unlink(missing_ok=True)
        here = Path.cwd()
        os.chdir((root / name).parent)  # its path is longer than a socket's may be
        try:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(Path(name).name)
        finally:
            os.chdir(here)

    return make


def folder_at(name: str) -> Spoil:
    def make(root: Path, machine: Path) -> None:
        here = root / name
        shutil.rmtree(here) if here.is_dir() else here.unlink(missing_ok=True)
        (here / "x").mkdir(parents=True)
        (here / "x/y.yaml").write_text("a: 1\n")

    return make


def file_at(name: str) -> Spoil:
    def make(root: Path, machine: Path) -> None:
        shutil.rmtree(root / name)
        (root / name).write_text("a file\n")

    return make


def copied(name: str) -> Spoil:
    """A link to a copy of what was there, which could be believed."""

    def make(root: Path, machine: Path) -> None:
        here, there = root / name, machine / Path(name).name
        shutil.copytree(here, there) if here.is_dir() else shutil.copy(here, there)
        link(name, str(there))(root, machine)

    return make


def deep(name: str, levels: int) -> Spoil:
    def make(root: Path, machine: Path) -> None:
        below = os.open(root / name, os.O_RDONLY)
        for _ in range(levels):
            os.mkdir("d", dir_fd=below)
            inside = os.open("d", os.O_RDONLY, dir_fd=below)
            os.close(below)
            below = inside
        os.close(os.open("x.yaml", os.O_CREAT | os.O_WRONLY, dir_fd=below))
        os.close(below)

    return make


# --- names ---------------------------------------------------------------------------------------------------


def named(folder: str, *names: bytes | str, data: bytes = b"a: 1\n") -> Spoil:
    def make(root: Path, machine: Path) -> None:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            (root / folder / os.fsdecode(name)).write_bytes(data)

    return make


# --- Git's own -----------------------------------------------------------------------------------------------


def changed(root: Path, machine: Path) -> None:
    """A blueprint is edited, so that compile has something to commit."""
    edit("blueprints/chat.yaml", "8192", "4096")(root, machine)
    git(root, "commit", "-qam", "a pull request")


def config(*lines: str) -> Spoil:
    """More of the repository's configuration."""

    def make(root: Path, machine: Path) -> None:
        with (root / ".git/config").open("a") as stream:
            stream.write("\n".join(lines).replace("MACHINE", str(machine)) + "\n")

    return make


def moved(name: str = "elsewhere") -> Spoil:
    """The git directory is another of the work tree, with everything by which Git runs programs."""

    def make(root: Path, machine: Path) -> None:
        git_settings(root, machine)
        (root / ".git").rename(root / name)
        (root / ".git").write_text(f"gitdir: {name}\n")

    return make


def bare_inside(root: Path, machine: Path) -> None:
    """Files by which Git takes a folder for a bare repository, where it isn't told which one is meant."""
    for name in (".", "base", "base/chat", "blueprints", "workloads"):
        file(f"{name}/HEAD", "ref: refs/heads/main\n")(root, machine)
        (root / name / "refs").mkdir(exist_ok=True)
        file(f"{name}/refs/x", "")(root, machine)
        file(f"{name}/objects/x", "")(root, machine)
        ran = f"touch {machine}/ran"
        file(f"{name}/config", f"[core]\n\tbare = false\n\tworktree = .\n\tfsmonitor = {ran}\n")(root, machine)


def promised(root: Path, machine: Path) -> None:
    """An object is gone, and Git would ask a remote for it, by a command."""
    blob = git(root, "rev-parse", f"HEAD:{CHAT_LOCK}")
    pack_none(root)
    (root / f".git/objects/{blob[:2]}/{blob[2:]}").unlink()
    config(
        *("[core]", "\trepositoryFormatVersion = 1", "[extensions]", "\tpartialClone = origin"),
        *('[remote "origin"]', "\tpromisor = true", "\turl = ext::sh -c touch% MACHINE/ran"),
        *('[protocol "ext"]', "\tallow = always"),
    )(root, machine)


def pack_none(root: Path) -> None:
    for pack in [*(root / ".git/objects/pack").glob("*.pack")]:
        there = pack.rename(root / pack.name)
        pack.with_suffix(".idx").unlink()
        with there.open("rb") as stream:
            subprocess.run(["git", "-C", str(root), "unpack-objects", "-q"], stdin=stream, check=True)
        there.unlink()


def replaced(root: Path, machine: Path) -> None:
    """Another commit in place of the branch that clusters follow, for whoever obeys such refs."""
    main, empty = git(root, "rev-parse", "main"), git(root, "hash-object", "-wt", "tree", "/dev/null")
    other = git(root, "commit-tree", "-m", "x", empty)
    git(root, "replace", main, other)
    git(root, "replace", git(root, "rev-parse", "HEAD"), other)


def submodules(text: str, *paths: str) -> Spoil:
    def make(root: Path, machine: Path) -> None:
        file(".gitmodules", text)(root, machine)
        for path in paths:
            shutil.rmtree(root / path, ignore_errors=True)
            (root / path).mkdir(parents=True)
            git(root, "rm", "-rqf", "--cached", "--ignore-unmatch", path)
            git(root, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{path}")
        if paths:
            git(root, "add", ".gitmodules")
            git(root, "commit", "-qm", "a submodule")

    return make
