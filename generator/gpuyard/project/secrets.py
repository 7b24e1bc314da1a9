"""Secrets that stand in a user's file: they belong in a Secret of the cluster, never in Git."""

import re
from typing import Any

from gpuyard.doors.redaction import looks_secret, names_secret, names_secret_variable
from gpuyard.doors.yamlio import Document, Path
from gpuyard.errors import Location, Problem

__all__ = ["find_in_comments", "find_secrets"]

_MAX_PROBLEMS = 100
_OURS, _OF_KUBERNETES = "secret: NAME, key: KEY", "valueFrom: {secretKeyRef: {name: NAME, key: KEY}}"
_SWITCHES = ("true", "false", "yes", "no", "on", "off", "0", "1")
_ENVIRONMENTS = ("env", "environment", "envvars", "extraenvvars", "stringdata")
_COMMENT = re.compile(r"(?:^|\s)#(.*)")
_PUBLIC_KEY = re.compile(r"-----BEGIN PUBLIC KEY-----\n(?=M)(?:[A-Za-z0-9+/=]{1,64}\n)+-----END PUBLIC KEY-----\n?")
"""As random as a secret, and made to be known; M is how its DER begins."""
_REFERENCE = re.compile(r"\$[({].*|(?:/[a-z0-9_.-]+){2,}")


def find_secrets(document: Document) -> list[Problem]:
    """Every key and value of a user's file that looks like a secret; the problems don't repeat it."""
    problems: list[Problem] = []
    for path, value, is_key in document.scalars():
        if not isinstance(value, str) or len(problems) == _MAX_PROBLEMS:
            continue
        if _PUBLIC_KEY.fullmatch(value):
            continue
        kind = looks_secret(value)
        if not kind and not is_key and _promised(document, path) and not _harmless(value):
            kind = "a secret"
        if kind and not _sealed(document, path):
            form = _OF_KUBERNETES if path[-1:] == ("value",) else _OURS
            message = f"looks like {kind}; keep it in a Secret and name that here ({form})"
            problems.append(document.problem(path, message, key=is_key))
    return problems


def find_in_comments(file: str, data: bytes) -> list[Problem]:
    """Comments are committed, too; where a text has such lines, `find_secrets` says it of the text."""
    problems: list[Problem] = []
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        found = _COMMENT.search(line)
        if found and len(problems) < _MAX_PROBLEMS and (kind := looks_secret(found[1].strip())):
            message = f"the comment looks like {kind}; remove it, and replace that secret: Git keeps what was committed"
            problems.append(Problem(Location(file, number, found.start(1)), message))
    return problems


def _promised(document: Document, path: Path) -> bool:
    """Whether the name of a value says that it is secret; a file that is nothing but a text gives it none."""
    if not path:
        return False
    name = _name(document, path)
    if looks_secret(name):
        return False  # said of the name
    variable = (
        (path[-1] == "value" and name != "value")
        or name.isupper()
        or (len(path) > 1 and str(path[-2]).lower().endswith(_ENVIRONMENTS))
    )
    return names_secret_variable(name) if variable else names_secret(name)


def _harmless(value: str) -> bool:
    """Nothing, a switch, or a reference to another variable or a file."""
    return not value or value.lower() in _SWITCHES or _REFERENCE.fullmatch(value) is not None


def _name(document: Document, path: Path) -> str:
    """What a value is called: by its key, or in a list of variables by the key beside it (name: …, value: …)."""
    name = next((each for each in reversed(path) if isinstance(each, str)), "")
    beside = _above(document, path) if path[-1] in ("value", "secretKey") else {}
    if name == "secretKey" and "remoteRef" in beside:
        return ""  # an ExternalSecret says by which key of its Secret it fetches something
    return str(beside.get("name", name) if name == "value" and beside else name)


def _sealed(document: Document, path: Path) -> bool:
    """Whether it is encrypted for the cluster: what a SealedSecret holds is made to be in Git."""
    if "encryptedData" not in path:
        return False
    holder = _above(document, path[: path.index("encryptedData")])
    return bool(holder.get("kind") == "SealedSecret")


def _above(document: Document, path: Path) -> Any:
    """The mapping or list that holds a value."""
    found = document.value
    for step in path[:-1]:
        found = found[step]
    return found
