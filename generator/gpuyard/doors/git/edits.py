"""What of a commit's files becomes another one, and what stands in its way there."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from gpuyard.doors.git.fastimport import Edit
from gpuyard.errors import ConflictError, OwnershipError

__all__ = ["REGULAR", "Entry", "edits_of", "obstacles", "refuse_conflict", "refuse_obstacles"]

REGULAR = ("100644", "100755")
"""Modes of plain files."""
_KINDS = {"120000": "a symbolic link", "160000": "a submodule"}


class Entry(NamedTuple):
    """A file as a commit has it; `mode` is git's, in octal."""

    mode: str
    blob: str


Files = Mapping[str, Entry]
BlobId = Callable[[bytes], str]


def edits_of(latest: Files, wanted: Mapping[str, str | None], blob_id: BlobId) -> dict[str, Edit]:
    """What of the wanted isn't so already; a file keeps its mode."""
    edits = {}
    for name, text in wanted.items():
        entry = latest.get(name)
        if text is None:
            if entry:
                edits[name] = Edit(entry.mode, None)
        elif not entry or entry.mode not in REGULAR or entry.blob != blob_id(text.encode()):
            edits[name] = Edit(entry.mode if entry else REGULAR[0], text)
    return edits


def refuse_conflict(base: Files, latest: Files, wanted: Mapping[str, str | None], where: str, blob_id: BlobId) -> None:
    """Somebody else's change of a file of ours is not ours to overwrite."""
    for name, text in wanted.items():
        was, found = base.get(name), latest.get(name)
        agrees = found is None if text is None else found and found.blob == blob_id(text.encode())
        if found != was and not agrees:
            message = f"{name} was changed on {where} in the meantime; nothing was committed, run this again"
            raise ConflictError(message)


def refuse_obstacles(latest: Files, edits: Mapping[str, Edit], label: str) -> None:
    """What isn't a plain file was never written by us: links and submodules stay, and so do directories."""
    for name, edit in edits.items():
        if edit.mode not in REGULAR:
            raise OwnershipError(f"{name} is {_KINDS.get(edit.mode, 'no plain file')} in {label}; remove it")
    written = {name for name, edit in edits.items() if edit.text is not None}
    for name, kind, whole in obstacles(latest, written, edits.keys() - written):
        there = "; remove it" if whole else ", where a directory has to be; remove it"
        raise OwnershipError(f"{name} is {kind} in {label}{there}")


def obstacles(latest: Files, written: Collection[str], leaving: Collection[str]) -> Iterator[tuple[str, str, bool]]:
    """What stands where files are written, with its kind; True: where the file itself goes, and not a directory."""
    directories = set()
    for name in latest.keys() - leaving:
        while (name := name.rpartition("/")[0]) and name not in directories:
            directories.add(name)
    for name in written:
        if name in directories:
            yield name, "a directory", True
        elif name in latest and latest[name].mode not in REGULAR:
            yield name, _KINDS.get(latest[name].mode, "no plain file"), True
        above = name
        while above := above.rpartition("/")[0]:
            if above in latest and above not in leaving:
                yield above, _KINDS.get(latest[above].mode, "a file"), False
