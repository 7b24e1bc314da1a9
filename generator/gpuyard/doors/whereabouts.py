"""How messages name a place on this machine: as it is reached from where the command runs.

A log of CI is public, and what lies above a checkout is nobody's business there. Somebody who works on several
directories reads the same path that they would type.
"""

import os
import re
import shlex
import tempfile
from pathlib import Path

__all__ = ["argument", "repository_shown", "shown", "words_shown"]

_HERE = "this repository"


def repository_shown(root: Path, what: str = "") -> str:
    """A repository by its top directory, after `what` it is; `this repository` for whoever is in it."""
    here = _here()
    return _HERE if here and here.is_relative_to(root) else f"{what}{shown(root)}"


def shown(path: Path) -> str:
    """A path from the current directory; as it is, where that is short already, or the two have nothing in common."""
    here = _here()
    if here is None or not path.is_absolute() or os.path.commonpath((here, path)) == here.root:
        return str(path)
    return os.path.relpath(path, here)


def argument(path: Path) -> str:
    """The absolute path, as a shell takes it; the current directory by the shell's name for it."""
    return '"$PWD"' if _here() == path else shlex.quote(str(path))


def words_shown(text: str) -> str:
    """What another program says, with the paths that are below the current directory told from there."""
    here = _here()
    places = {f"{tempfile.gettempdir()}/": "$TMPDIR/", f"{here}/": ""} if here and here.name else {}
    for place in sorted(places, key=len, reverse=True):
        text = re.sub(rf"(?<![\w./-]){re.escape(place)}", places[place], text)
    return text


def _here() -> Path | None:
    """None: somebody has deleted it."""
    try:
        return Path.cwd()
    except OSError:
        return None
