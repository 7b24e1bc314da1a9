"""Attributes of paths that have Git store something else than what is written there; told, and never followed."""

import os
from collections.abc import Iterable
from pathlib import Path

from gpuyard.doors.git.process import run
from gpuyard.tree import FOLDERS

__all__ = ["conflicts"]

_CHANGING = ("filter", "working-tree-encoding")
"""Ends of lines are no difference for anybody, so eol is none of them."""
_HARMLESS = ("unspecified", "unset")


def conflicts(root: Path, git_dir: Path, paths: Iterable[str]) -> str:
    """What is said of a work tree in which some of these paths are committed otherwise by Git itself; or nothing."""
    env = {"GIT_DIR": str(git_dir), "GIT_WORK_TREE": str(root)}
    asked = os.fsencode("".join(f"{path}\0" for path in paths))
    result = run("check-attr", "-z", "--stdin", *_CHANGING, cwd=root, env=env, stdin=asked)
    fields = iter(os.fsdecode(result.out).split("\0")) if result.status == 0 else iter(())
    found = [each for each in zip(fields, fields, fields, strict=False) if each[2] not in _HARMLESS]
    if not found:
        return ""
    path, name, value = found[0]
    files = len({each[0] for each in found})
    more = f" and {files - 1} more generated files" if files > 1 else ""
    lines = sorted({f"{_pattern(path)} -{name}" for path, name, _ in found})
    return (
        f".gitattributes gives {path}{more} {name}={value}, and gpuyard commits generated files as they are, because "
        f"clusters read them so: Git may show them as modified, and would commit something else. End .gitattributes "
        f"with {', '.join(f'`{line}`' for line in lines)}"
    )


def _pattern(path: str) -> str:
    """All that is generated beside a file."""
    parts = path.split("/")
    depth = next((index for index, part in enumerate(parts[:-1]) if part in FOLDERS), None)
    return f"/{path}" if depth is None else f"/{'/'.join(parts[: depth + 1])}/**"
