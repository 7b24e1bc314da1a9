"""Builds a commit: the stream that one `git fast-import` reads."""

import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gpuyard.doors.git.process import Store, checked, quote
from gpuyard.errors import InputError, Location, Problem

__all__ = ["Edit", "build", "header"]

_log = logging.getLogger(__name__)
_IS = {1: "is", 2: "are"}
_AUTHOR = re.compile(r"([^<>\n]+) <([^<>\s]+)>")


class Edit(NamedTuple):
    """What a file becomes; None deletes it."""

    mode: str
    text: str | None


def header(config: Mapping[str, str], *, message: str, author: str | None) -> bytes:
    """Who commits, when and why; git's own GIT_AUTHOR_… and GIT_COMMITTER_… count as they do for git."""
    now = f"@{int(time.time())} {time.strftime('%z')}"
    lines, missing = [], set()
    for role in ("author", "committer"):
        variables = (f"GIT_{role.upper()}_{part}" for part in ("NAME", "EMAIL", "DATE"))
        name, email, date = (os.environ.get(variable) for variable in variables)
        if author and role == "author":
            match = _AUTHOR.fullmatch(author)
            if not match:
                raise InputError([Problem(Location(author), "not an author; write `Name <email>`")])
            name, email = match.groups()
        name = re.sub(r"[<>\n\0]", "", name or config.get("user.name") or "")
        email = re.sub(r"[<>\s\0]", "", email or config.get("user.email") or "")
        missing |= {key for key, value in (("user.name", name), ("user.email", email)) if not value}
        name, email = name or "gpuyard", email or "gpuyard@localhost"
        lines.append(f"{role} {name} <{email}> {date or now}\n")
    if missing:
        names = " and ".join(sorted(missing, reverse=True))
        _log.warning("%s of git %s not set, so the commit is by %s", names, _IS[len(missing)], f"{name} <{email}>")
    text = (message.rstrip("\n") + "\n").encode()
    return "".join(lines).encode() + b"data %d\n%s" % (len(text), text)


def build(store: Store, parent: str | None, edits: Mapping[str, Edit], header: bytes) -> str:
    """Write the files, directories and the commit into the store; the commit's id."""
    arguments = ("fast-import", "--quiet", "--done", "--depth=0", "--force", "--date-format=rfc2822")
    with (store.directory / "stream").open("w+b") as stream:  # in memory it would be one more copy of all files
        stream.writelines(_commands(parent, edits, header))
        stream.seek(0)
        return checked(store.run(*arguments, stdin=stream), "building the commit").decode().strip()


def _commands(parent: str | None, edits: Mapping[str, Edit], header: bytes) -> Iterator[bytes]:
    yield b"feature done\ncommit refs/gpuyard/new\nmark :1\n" + header
    yield b"from %s\n" % parent.encode() if parent else b""
    for name in sorted(edits, key=lambda name: (edits[name].text is not None, name)):  # deletions first
        mode, text = edits[name]
        if text is None:
            yield b"D %s\n" % quote(name)
        else:
            data = text.encode()
            yield from (b"M %s inline %s\ndata %d\n" % (mode.encode(), quote(name), len(data)), data, b"\n")
    yield b"get-mark :1\ndone\n"
