"""Secrets that stand in a user's file: they belong in a Secret of the cluster, never in Git."""

import re

from gpuyard.doors.redaction import looks_secret, names_secret
from gpuyard.doors.yamlio import Document
from gpuyard.errors import Problem

__all__ = ["find_secrets"]

_MAX_PROBLEMS = 100
_REFERENCE = re.compile(r"\$[({].*")


def find_secrets(document: Document) -> list[Problem]:
    """Every key and value of a user's file that looks like a secret; the problems don't repeat it."""
    problems: list[Problem] = []
    for path, value, is_key in document.scalars():
        if not isinstance(value, str) or len(problems) == _MAX_PROBLEMS:
            continue
        kind = looks_secret(value)
        name = path[-1] if path else ""
        if not kind and not is_key and isinstance(name, str) and names_secret(name) and value:
            kind = "" if _REFERENCE.fullmatch(value) else "a secret"
        if kind:
            message = f"looks like {kind}; keep it in a Secret and name that here (secret: NAME, key: KEY)"
            problems.append(document.problem(path, message, key=is_key))
    return problems
