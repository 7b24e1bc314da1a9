"""Signs a commit where Git is set to, with the program that the user has set.

A repository may say that its commits are signed, how, and by which key. What is run to do so is the user's affair
alone: a repository that somebody else has packed could name any program there.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gpuyard.doors.git.process import Result, Store, checked, last_words, run
from gpuyard.errors import ToolError

__all__ = ["Signing", "sign", "signing_of"]

_KEYS = r"^(commit\.gpgsign|user\.signingkey|gpg\.format|gpg\.(.*\.)?program|gpg\.ssh\.defaultkeycommand)$"
_RUN = re.compile(r"program$|command$")
_OF_REPOSITORY = ("local", "worktree")
_FALSE = re.compile(r"(?i)false|no|off|0*|")
_IDENTITY = re.compile(rb"^(author|committer) (.*) <(.*)> ([0-9]+ [+-][0-9]{4})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Signing:
    """How: Git's own settings; and those of a repository that name what to run."""

    settings: Mapping[str, str]
    ignored: tuple[str, ...]


def signing_of(git_dir: Path) -> Signing | None:
    """What the configuration of a repository and of its user says; None: commits are not signed."""
    arguments = ("config", "-z", "--show-scope", "--includes", "--get-regexp", _KEYS)
    env = {"GIT_DIR": str(git_dir), "GIT_CONFIG_NOSYSTEM": os.environ.get("GIT_CONFIG_NOSYSTEM", "0")}
    result = run(*arguments, env=env, user_config=True)
    if result.status == 1:  # none
        return None
    fields = checked(result, "reading git's configuration").decode("utf-8", "surrogateescape").split("\0")
    settings, ignored = {}, set()
    for scope, entry in zip(fields[:-1:2], fields[1::2], strict=True):
        key, given, value = entry.partition("\n")
        if scope in _OF_REPOSITORY and _RUN.search(key):
            ignored.add(key)
        else:
            settings[key] = value if given else "true"
    if _FALSE.fullmatch(settings.pop("commit.gpgsign", "")):
        return None
    return Signing(settings, tuple(sorted(ignored)))


def sign(store: Store, commit: str, how: Signing, directory: Path | None) -> str:
    """The same commit with a signature, in place of the one without; a key's relative path begins in `directory`."""
    content = checked(store.run("cat-file", "commit", commit), "signing the commit")
    head, _, message = content.partition(b"\n\n")
    lines = [line.split(" ", 1) for line in head.decode("utf-8", "surrogateescape").splitlines()]
    parents = [text for key, text in lines if key == "parent"]
    tree = next(text for key, text in lines if key == "tree")
    old = list((store.directory / "objects/pack").iterdir())
    result = store.run(
        *("commit-tree", "-S", *(part for parent in parents for part in ("-p", parent)), "-F", "-", tree),
        cwd=directory or "/",
        env={**_identity(head), **_config(how.settings)},
        stdin=message,
    )
    if result.status != 0:
        raise ToolError(_failure(result, how))
    signed = result.out.decode().strip()
    new = ["--not", *parents] if parents else []
    objects = checked(store.run("rev-list", "--objects", "--no-object-names", signed, *new), "signing the commit")
    pack = ("pack-objects", "-q", "--window=0", str(store.directory / "objects/pack/pack"))
    checked(store.run(*pack, stdin=objects), "signing the commit")
    for file in old:
        file.unlink()
    return signed


def _identity(head: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _IDENTITY.finditer(head):
        role, name, email, date = (part.decode("utf-8", "surrogateescape") for part in match.groups())
        start = f"GIT_{role.upper()}"
        found |= {f"{start}_NAME": name, f"{start}_EMAIL": email, f"{start}_DATE": f"@{date}"}
    return found


def _config(settings: Mapping[str, str]) -> dict[str, str]:
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def _failure(result: Result, how: Signing) -> str:
    ways = "`git config commit.gpgsign false` commits without a signature"
    if how.ignored:
        names = " and ".join(how.ignored)
        ways = f"{names} of the repository itself is not run, set it with `git config --global`; {ways}"
    return f"the commit cannot be signed: {last_words(result)}; nothing was committed; {ways}"
