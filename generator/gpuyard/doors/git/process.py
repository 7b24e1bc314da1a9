"""Runs git: the one module that imports GitPython, and the one hardened way to start it.

Nothing that the target contains or configures may run: no hook, filter, fsmonitor, submodule or transport.
Objects are read and written through a git directory of our own, a `Store`; the target's config is read only
where git has to have it: to find its branches, to move one, and for the user's name.
"""

import functools
import hashlib
import os
import re
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from gpuyard.doors.redaction import redacted
from gpuyard.doors.whereabouts import words_shown
from gpuyard.errors import GpuyardError, OutputError, ToolError, visible

if TYPE_CHECKING:
    from git.cmd import Git

__all__ = [
    "Result",
    "Store",
    "checked",
    "explain",
    "last_words",
    "printable",
    "quote",
    "read_config",
    "run",
]

# `git rev-parse --local-env-vars` and their kin: set when a hook or `git rebase --exec` starts us, and then
# about another repository.
_INHERITED = (
    *(
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
    ),
    *("GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_QUARANTINE_PATH", "GIT_REPLACE_REF_BASE"),
    *("GIT_SHALLOW_FILE", "GIT_TEMPLATE_DIR", "GIT_WORK_TREE"),
)
_SETTINGS = {
    "core.attributesFile": "/dev/null",
    "core.filesRefLockTimeout": "2000",  # ms; somebody else's update of the same branch takes a few
    "core.fsmonitor": "false",
    "core.fsync": "committed,loose-object,reference",
    "core.fsyncMethod": "batch",
    "core.hooksPath": "/dev/null",
    "core.packedRefsTimeout": "2000",
    "core.splitIndex": "false",
    "fastimport.unpackLimit": "0",  # one pack, to be handed on as it is
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "60",  # s; a silent server is an error, not a wait without end
    "maintenance.auto": "false",
    "push.gpgSign": "false",
    "push.recurseSubmodules": "no",
    "safe.bareRepository": "all",  # the user named it
    "submodule.recurse": "false",
}
_ENVIRONMENT = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    # glibc hands memory back to the kernel after every object packed; kept, it packs in half the time
    "MALLOC_TOP_PAD_": "16777216",
    "MALLOC_TRIM_THRESHOLD_": "134217728",
}
_OPTIONS = tuple(part for key, value in _SETTINGS.items() for part in ("-c", f"{key}={value}"))
_NOISE = re.compile(r"Please make sure you have|and the repository exists|hint: |To ")
_UNWRITABLE = re.compile(
    r"Permission denied|Read-only file system|insufficient permission|Operation not permitted|Not a directory"
)
_LOGIN = re.compile(
    r"could not read (Username|Password)|Authentication failed|returned error: 40[13]|Permission denied \(",
    re.IGNORECASE,
)
_FULL = re.compile(r"No space left on device|Disk quota exceeded|File too large")


class Result(NamedTuple):
    """What git answered."""

    command: str
    status: int
    out: bytes
    err: str


@functools.cache
def _git() -> "Git":
    try:
        from git.cmd import Git
    except ImportError as error:  # GitPython looks for the program when it is imported
        raise ToolError("git is not on PATH; install it and run this again") from error
    return Git()


def run(
    *arguments: str,
    cwd: Path | str = "/",
    env: Mapping[str, str] | None = None,
    stdin: bytes | BinaryIO = b"",
    protocols: str = "",
    user_config: bool = False,
    holding: int | None = None,
) -> Result:
    """Run `git arguments…` to its end; a network is touched only by the `protocols` that are named.

    A command that is `holding` a descriptor (a lock) has a session of its own: when we are killed it ends in
    its own time and keeps the lock until then.
    """
    environment = _ENVIRONMENT | {"GIT_ALLOW_PROTOCOL": protocols} | dict(env or {})
    if not user_config:
        environment["GIT_CONFIG_GLOBAL"] = "/dev/null"
    inherited = _INHERITED if user_config else (*_INHERITED, "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS")
    unset = [name for name in inherited if name in os.environ and name not in environment]
    prefix = ["env", *(part for name in unset for part in ("-u", name))] if unset else []
    process = _git().execute(
        [*prefix, "git", "-C", str(cwd), *_OPTIONS, *arguments],
        istream=(PIPE if stdin else DEVNULL) if isinstance(stdin, bytes) else stdin,
        as_process=True,
        env=environment,
        start_new_session=holding is not None,
        pass_fds=() if holding is None else (holding,),
    )
    out, err = process.communicate(stdin if isinstance(stdin, bytes) and stdin else None)
    return Result(arguments[0], process.returncode, out, err.decode("utf-8", "replace"))


def read_config(git_dir: Path, pattern: str, *scope: str) -> dict[str, str]:
    """The user's settings whose key matches, the repository's own over the global ones."""
    arguments = ("config", *scope, "-z", "--includes", "--get-regexp", pattern)
    result = run(*arguments, env={"GIT_DIR": str(git_dir)}, user_config=True)
    if result.status == 1:  # none
        return {}
    out = checked(result, "reading git's configuration").decode("utf-8", "replace")
    pairs = (entry.partition("\n") for entry in out.split("\0") if entry)
    return {key: value for key, _, value in pairs}


def checked(result: Result, doing: str, *, login: str | None = None) -> bytes:
    """What git printed, or the error that says what we were `doing`."""
    if result.status != 0:
        raise explain(result, doing, login=login)
    return result.out


def explain(result: Result, doing: str, *, login: str | None = None) -> GpuyardError:
    """The error for a git command that failed while `doing` something, in git's own last words.

    `login` is what messages call that which lets us in at another machine; None: there is no other machine.
    """
    words = last_words(result)
    if _FULL.search(result.err):
        return OutputError(f"{doing}: the disk is full ({words})")
    if login is None and _UNWRITABLE.search(result.err):
        return OutputError(f"{doing}: {words}")
    if login and _LOGIN.search(result.err):
        return ToolError(f"{doing}: the server does not accept {login}, or not for this ({words})")
    return ToolError(f"{doing}: git {result.command} failed: {words}")


def last_words(result: Result) -> str:
    """The last two lines of git's complaint that say something, without secrets and control characters."""
    if result.status < 0:
        return f"stopped by {signal.Signals(-result.status).name}"
    lines = [line.strip() for line in result.err.splitlines() if line.strip() and not _NOISE.match(line)]
    text = "; ".join(re.sub(r"^(fatal|error): ", "", line) for line in lines[-2:])
    return printable(words_shown(text)) or f"exit code {result.status}"


def printable(text: str) -> str:
    """What somebody else wrote, fit for a terminal: no secret of a URL and no control character."""
    return visible(redacted(text))


def quote(path: str) -> bytes:
    """The path as git's own files and streams have it between double quotes."""
    return b'"%s"' % os.fsencode(path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))


@dataclass(frozen=True, slots=True)
class Store:
    """A git directory of our own that can read the `borrowed` objects of another; new ones stay in it."""

    directory: Path
    hash_name: str = "sha1"

    @classmethod
    def create(
        cls, directory: Path, *, hash_name: str = "sha1", borrowed: Path | None = None, shallow: bytes = b""
    ) -> "Store":
        """Make the few files that a git directory needs; `git init` would bring the user's template."""
        for part in ("objects/info", "objects/pack", "refs/heads"):
            (directory / part).mkdir(parents=True)
        version = 0 if hash_name == "sha1" else 1
        extension = "" if hash_name == "sha1" else f"[extensions]\n\tobjectFormat = {hash_name}\n"
        config = f"[core]\n\trepositoryFormatVersion = {version}\n\tbare = true\n{extension}"
        (directory / "config").write_text(config, encoding="ascii")
        (directory / "HEAD").write_bytes(b"ref: refs/heads/none\n")
        if borrowed:
            (directory / "objects/info/alternates").write_bytes(quote(str(borrowed)) + b"\n")
        if shallow:
            (directory / "shallow").write_bytes(shallow)
        return cls(directory, hash_name)

    @property
    def index(self) -> Path:
        """Where a copy of the user's index can be worked on."""
        return self.directory / "index"

    def run(
        self,
        *arguments: str,
        stdin: bytes | BinaryIO = b"",
        cwd: Path | str = "/",
        env: Mapping[str, str] | None = None,
        protocols: str = "",
    ) -> Result:
        """Run git on this store; the user's own config counts only where a network may be used."""
        environment = {"GIT_DIR": str(self.directory), "GIT_INDEX_FILE": str(self.index), **(env or {})}
        return run(
            *arguments,
            cwd=cwd,
            env=environment,
            stdin=stdin,
            protocols=protocols,
            user_config=bool(protocols),
        )

    def blob_id(self, data: bytes) -> str:
        """The id that git gives a file with these bytes."""
        return self._id(b"blob", data)

    def empty_tree(self) -> str:
        """The id of the tree without files, which git always knows."""
        return self._id(b"tree", b"")

    def _id(self, kind: bytes, data: bytes) -> str:
        digest = hashlib.sha256 if self.hash_name == "sha256" else hashlib.sha1  # to find one by its name takes longer
        return digest(b"%s %d\0" % (kind, len(data)) + data, usedforsecurity=False).hexdigest()

    def sizes(self, ids: Iterable[str]) -> dict[str, int]:
        """The sizes in bytes of many blobs, by id, with one process; of those that are there."""
        if not (wanted := sorted(set(ids))):
            return {}
        form = "--batch-check=%(objectname) %(objectsize)"
        out = checked(self.run("cat-file", form, stdin="\n".join([*wanted, ""]).encode()), "reading files")
        lines = (line.split() for line in out.decode().splitlines())
        return {name: int(size) for name, size in lines if size.isdigit()}

    def blobs(self, ids: Iterable[str]) -> dict[str, bytes]:
        """The bytes of many blobs, by id, with one process."""
        wanted = sorted(set(ids))
        if not wanted:
            return {}
        out = checked(self.run("cat-file", "--batch", stdin="\n".join([*wanted, ""]).encode()), "reading files")
        found, start = {}, 0
        for blob in wanted:
            end = out.index(b"\n", start)
            header = out[start:end].split()
            if header[1:2] != [b"blob"]:
                raise ToolError(f"reading files: the repository lacks object {blob}; `git fsck` says more")
            size = int(header[2])
            found[blob] = out[end + 1 : end + 1 + size]
            start = end + size + 2
        return found
