"""Where a workflow gets gpuyard from: an index, a commit of its repository, or a mirror; pinned in each case.

First gpuyard by itself, then what it depends on from the lock inside it (requirements.txt), by hashes and as wheels: so
the same workflow installs the same bytes on every day, wherever they come from.
"""

import re
import shlex
from typing import NamedTuple

from gpuyard import __version__
from gpuyard.doors.urls import parse_url
from gpuyard.errors import InputError, Location, Problem

__all__ = ["INDEX", "Installation", "installation", "movable"]

INDEX = "index"
"""The one that pip asks: PyPI, or what the runner is set to."""
_OPTION = "--install"
_PLAIN = re.compile(r"[-A-Za-z0-9._~:/@+%#=]{1,500}")
"""Characters that mean nothing to a shell, to YAML, or to a workflow's expressions."""
_GIT = re.compile(r"git\+(?:https|ssh)://(?:[^@/#]+@)?[^@/#]+/[^@#]+@(?P<ref>[^@#/][^@#]*)")
_FILE = re.compile(r"https://[^#]+\.(?:whl|tar\.gz)(?P<hash>#sha256=[0-9a-f]{64})?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LOCK = """-r "$(python -Pc 'import gpuyard; print(*gpuyard.__path__)')/requirements.txt\""""
"""By the same Python that pip installs for, which does not look at the current directory (-P)."""
_WAYS = "index, git+https://HOST/PATH@REF, or the https:// address of an index or of a wheel with #sha256=DIGEST"


class Installation(NamedTuple):
    """Two commands, to be run one after the other."""

    gpuyard: str
    dependencies: str


def installation(where: str) -> Installation:
    """The commands that install gpuyard; InputError for a place that is not pinned, or is no place."""
    if where == INDEX:
        return _commands(f"gpuyard=={__version__}")
    if not _PLAIN.fullmatch(where) or (found := parse_url(where)) is None:
        raise _refused(f"must be {_WAYS}")
    user, at, _ = found.authority.rpartition("@")
    if ":" in user or (at and found.scheme != "git+ssh"):
        raise _refused("has a login in its address; set PIP_INDEX_URL or a credential helper in the runner instead")
    if found.scheme in ("git+https", "git+ssh"):
        if not _GIT.fullmatch(where):
            raise _refused("must name what to install: git+https://HOST/PATH@REF, best with a whole commit as REF")
        return _commands(f"gpuyard @ {where}")
    if found.scheme != "https":
        raise _refused(f"must be {_WAYS}")
    if file := _FILE.fullmatch(where):
        if not file["hash"]:
            raise _refused("must say which bytes are meant: add #sha256= and the digest of the file")
        return _commands(f"gpuyard @ {where}")
    if "#" in where:
        raise _refused(f"must be {_WAYS}")
    return _commands(f"gpuyard=={__version__}", "--index-url", where)


def movable(where: str) -> str:
    """The name in a Git address that somebody can point to another commit; or none."""
    found = _GIT.fullmatch(where)
    return found["ref"] if found and not _COMMIT.fullmatch(found["ref"]) else ""


def _commands(wanted: str, *index: str) -> Installation:
    pip = ["pip", "install", "--no-input", "--disable-pip-version-check", *index]
    locked = shlex.join([*pip, "--require-hashes", "--only-binary", ":all:"])
    return Installation(shlex.join([*pip, "--no-deps", wanted]), f"{locked} {_LOCK}")


def _refused(message: str) -> InputError:
    return InputError([Problem(Location(_OPTION), message)])
