"""Where a workflow gets gpuyard from: an index, a commit of its repository, or a mirror; pinned in each case."""

import re
import shlex

from gpuyard import __version__
from gpuyard.doors.urls import parse_url
from gpuyard.errors import InputError, Location, Problem

__all__ = ["INDEX", "installation", "movable"]

INDEX = "index"
"""The one that pip asks: PyPI, or what the runner is set to."""
_OPTION = "--install"
_PLAIN = re.compile(r"[-A-Za-z0-9._~:/@+%#=]{1,500}")
"""Characters that mean nothing to a shell, to YAML, or to a workflow's expressions."""
_GIT = re.compile(r"git\+(?:https|ssh)://(?:[^@/#]+@)?[^@/#]+/[^@#]+@(?P<ref>[^@#/][^@#]*)")
_FILE = re.compile(r"https://[^#]+\.(?:whl|tar\.gz)(?P<hash>#sha256=[0-9a-f]{64})?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_WAYS = "index, git+https://HOST/PATH@REF, or the https:// address of an index or of a wheel with #sha256=DIGEST"


def installation(where: str) -> str:
    """The command that installs gpuyard; InputError for a place that is not pinned, or is no place."""
    if where == INDEX:
        return _pip(f"gpuyard=={__version__}")
    if not _PLAIN.fullmatch(where) or (found := parse_url(where)) is None:
        raise _refused(f"must be {_WAYS}")
    user, at, _ = found.authority.rpartition("@")
    if ":" in user or (at and found.scheme != "git+ssh"):
        raise _refused("has a login in its address; set PIP_INDEX_URL or a credential helper in the runner instead")
    if found.scheme in ("git+https", "git+ssh"):
        if not _GIT.fullmatch(where):
            raise _refused("must name what to install: git+https://HOST/PATH@REF, best with a whole commit as REF")
        return _pip(f"gpuyard @ {where}")
    if found.scheme != "https":
        raise _refused(f"must be {_WAYS}")
    if file := _FILE.fullmatch(where):
        if not file["hash"]:
            raise _refused("must say which bytes are meant: add #sha256= and the digest of the file")
        return _pip(f"gpuyard @ {where}")
    if "#" in where:
        raise _refused(f"must be {_WAYS}")
    return _pip("--index-url", where, f"gpuyard=={__version__}")


def movable(where: str) -> str:
    """The name in a Git address that somebody can point to another commit; or none."""
    found = _GIT.fullmatch(where)
    return found["ref"] if found and not _COMMIT.fullmatch(found["ref"]) else ""


def _pip(*arguments: str) -> str:
    return shlex.join(["pip", "install", "--no-input", "--disable-pip-version-check", *arguments])


def _refused(message: str) -> InputError:
    return InputError([Problem(Location(_OPTION), message)])
