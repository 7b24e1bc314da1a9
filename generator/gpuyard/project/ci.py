"""The files by which a CI system checks pull requests of a stack, and on demand compiles and releases it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import PurePosixPath

from gpuyard.project.installation import INDEX, installation
from gpuyard.tree import Tree

__all__ = ["Ci", "Extra", "Pipeline", "additions", "pipeline_files"]

_BLANK = re.compile(r"@([A-Z_]+)@")
_ON_MERGE = 'COMPILED_ON_MERGE: "true"'


class Ci(StrEnum):
    """What runs the files."""

    GITHUB = "github"


class Extra(StrEnum):
    """What not everybody wants."""

    COMPILE = "compile"
    RELEASE = "release"


_ALWAYS: Mapping[Ci, Mapping[str, str]] = {
    Ci.GITHUB: {
        "gpuyard.yaml": ".github/workflows/gpuyard.yaml",
        "gpuyard-comment.yaml": ".github/workflows/gpuyard-comment.yaml",
    },
}
"""Templates, and where what comes of them lies below the top of the repository."""
_EXTRA: Mapping[Ci, Mapping[Extra, Mapping[str, str]]] = {
    Ci.GITHUB: {
        Extra.COMPILE: {"gpuyard-compile.yaml": ".github/workflows/gpuyard-compile.yaml"},
        Extra.RELEASE: {"gpuyard-release.yaml": ".github/workflows/gpuyard-release.yaml"},
    },
}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What somebody wants of their CI system."""

    ci: Ci = Ci.GITHUB
    extras: frozenset[Extra] = frozenset()
    install: str = INDEX


def pipeline_files(wanted: Pipeline, folder: PurePosixPath, branch: str) -> Tree:
    """Its files, below the top of the repository, for a stack in a folder of it whose clusters follow a branch."""
    return {PurePosixPath(path): _filled(wanted, name, folder, branch) for name, path in _names(wanted).items()}


def additions(wanted: Pipeline, path: PurePosixPath, folder: PurePosixPath, text: str) -> tuple[str, ...]:
    """What has to be added to a file that is there already and is its owner's; nothing where it can stay as it is."""
    lines: list[str] = []
    if str(path) == _ALWAYS[Ci.GITHUB]["gpuyard.yaml"]:
        where = f" {folder}" if folder.parts else ""
        steps = ("gpuyard check", "gpuyard compile --check")
        lines += [f"      - run: {step}{where}" for step in steps if step not in text]
        if Extra.COMPILE in wanted.extras and not lines and _ON_MERGE not in text:
            lines.append(f"      {_ON_MERGE}")
    return tuple(lines)


def _names(wanted: Pipeline) -> dict[str, str]:
    chosen = [_EXTRA[wanted.ci][extra] for extra in Extra if extra in wanted.extras]
    return {name: path for part in (_ALWAYS[wanted.ci], *chosen) for name, path in part.items()}


def _filled(wanted: Pipeline, name: str, folder: PurePosixPath, branch: str) -> str:
    """A template with its blanks filled in; names of folders and branches have letters, digits and -._/ alone."""
    values = {
        "BRANCH": json.dumps(branch),
        "BRANCH_NAME": f"'{branch}'",
        "COMPILED_ON_MERGE": json.dumps(Extra.COMPILE in wanted.extras),
        "DIR": json.dumps(str(folder)),
        "INSTALL": installation(wanted.install),
        "TAGS": f"{folder}/v*" if folder.parts else "v*",
    }
    template = resources.files("gpuyard") / "project" / "templates" / "ci" / wanted.ci / name
    return _BLANK.sub(lambda found: values[found[1]], template.read_text(encoding="utf-8"))
