"""Who runs a job: this user and, where that is root, one who may do nothing."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

__all__ = ["NOBODY", "USERS", "given", "prefix"]

USERS = ("root", "unprivileged") if os.geteuid() == 0 else ("unprivileged",)
NOBODY = 65534
_NEEDED = (Path(sys.base_prefix), Path(sys.prefix), ROOT)
"""What a step reads of this machine."""
_MOUNT = """
view=$1
shift
number=0
for each in $NEEDED; do
  number=$((number + 1))
  mkdir -p "$view/$number"
  mount --bind "$each" "$view/$number"
done
for each in $CLOSED; do mount -t tmpfs -o mode=755 none "$each"; done
number=0
for each in $NEEDED; do
  number=$((number + 1))
  mkdir -p "$each"
  mount --bind "$view/$number" "$each"
done
exec "$@"
"""


def prefix(user: str, view: Path) -> tuple[str, ...]:
    """What starts a program as a user, who sees an interpreter in the home of root only in a view of their own."""
    if user == "root" or os.geteuid() != 0:
        return ()
    change = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    closed = {each: top for each in _NEEDED for top in _closed(each)}
    if not closed:
        return change
    view.mkdir()
    needed, tops = " ".join(map(str, closed)), " ".join(sorted({str(top) for top in closed.values()}))
    script = f"NEEDED='{needed}' CLOSED='{tops}'\n{_MOUNT}"
    return ("unshare", "--mount", "--propagation", "private", "sh", "-euc", script, "sh", str(view), *change)


def _closed(path: Path) -> Iterator[Path]:
    """The topmost folder of a path that others may not enter."""
    for folder in reversed([path, *path.parents]):
        if not folder.stat().st_mode & stat.S_IXOTH:
            yield folder
            return


def given(folder: Path, user: str) -> None:
    """A folder and what is in it, to a user."""
    if user == "root" or os.geteuid() != 0:
        return
    for each in (folder, *folder.rglob("*")):
        os.chown(each, NOBODY, NOBODY, follow_symlinks=False)
