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

__all__ = ["Ci", "Extra", "Pipeline", "additions", "is_shared", "pipeline_files"]

_BLANK = re.compile(r"@([A-Z_]+)@")
_STEPS = ("gpuyard check", "gpuyard compile --check")


class Ci(StrEnum):
    """What runs the files."""

    GITHUB = "github"
    GITLAB = "gitlab"


class Extra(StrEnum):
    """What not everybody wants."""

    COMPILE = "compile"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class _Files:
    """Templates of a CI system, and where what comes of them lies below the top of the repository."""

    checks: tuple[str, str]
    """The one that checks requests."""
    always: Mapping[str, str]
    extra: Mapping[Extra, tuple[str, str]]
    on_merge: str
    """What the one that checks has where the merge compiles."""
    step: str
    """How a command is added to what somebody has there."""
    entry: str = ""
    """The file that GitLab reads, which includes all others."""


_GITHUB = _Files(
    ("gpuyard.yaml", ".github/workflows/gpuyard.yaml"),
    {"gpuyard-comment.yaml": ".github/workflows/gpuyard-comment.yaml"},
    {
        Extra.COMPILE: ("gpuyard-compile.yaml", ".github/workflows/gpuyard-compile.yaml"),
        Extra.RELEASE: ("gpuyard-release.yaml", ".github/workflows/gpuyard-release.yaml"),
    },
    'COMPILED_ON_MERGE: "true"',
    "- run: ",
)
_GITLAB = _Files(
    ("gpuyard.yml", ".gitlab/ci/gpuyard.yml"),
    {"gitlab-ci.yml": ".gitlab-ci.yml"},
    {
        Extra.COMPILE: ("gpuyard-compile.yml", ".gitlab/ci/gpuyard-compile.yml"),
        Extra.RELEASE: ("gpuyard-release.yml", ".gitlab/ci/gpuyard-release.yml"),
    },
    "compiled_on_merge=true",
    "- ",
    ".gitlab-ci.yml",
)
_FILES: Mapping[Ci, _Files] = {Ci.GITHUB: _GITHUB, Ci.GITLAB: _GITLAB}


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
    files = _FILES[wanted.ci]
    if str(path) == files.entry:
        missing = [each for each in _included(wanted) if each not in text]
        return tuple(([] if "include:" in text else ["include:"]) + [f"  - local: {each}" for each in missing])
    lines: list[str] = []
    if str(path) == files.checks[1]:
        where = f" {folder}" if folder.parts else ""
        lines += [f"      {files.step}{step}{where}" for step in _STEPS if step not in text]
        if Extra.COMPILE in wanted.extras and not lines and files.on_merge not in text:
            lines.append(f"      {files.on_merge}")
    return tuple(lines)


def is_shared(wanted: Pipeline, path: PurePosixPath) -> bool:
    """Whether a file has jobs of its owner's, too: nobody would delete it for a new one."""
    return str(path) == _FILES[wanted.ci].entry


def _names(wanted: Pipeline) -> dict[str, str]:
    files = _FILES[wanted.ci]
    return dict([files.checks, *files.always.items(), *(files.extra[each] for each in Extra if each in wanted.extras)])


def _included(wanted: Pipeline) -> list[str]:
    """All but the file that includes them."""
    return [path for path in _names(wanted).values() if path != _FILES[wanted.ci].entry]


def _filled(wanted: Pipeline, name: str, folder: PurePosixPath, branch: str) -> str:
    """A template with its blanks filled in; names of folders and branches have letters, digits and -._/ alone."""
    commands = installation(wanted.install)
    tags = f"{folder}/v" if folder.parts else "v"
    pattern = re.escape(tags).replace("/", r"\/")
    values = {
        "BRANCH": json.dumps(branch),
        "BRANCH_NAME": f"'{branch}'",
        "COMPILED_ON_MERGE": json.dumps(Extra.COMPILE in wanted.extras),
        "DEPENDENCIES": commands.dependencies,
        "DIR": json.dumps(str(folder)),
        "INCLUDES": "\n".join(f"  - local: {each}" for each in _included(wanted)),
        "INSTALL": commands.gpuyard,
        "TAGS": f"{tags}*",
        "TAG_PATTERN": pattern,
    }
    template = resources.files("gpuyard") / "project" / "templates" / "ci" / wanted.ci / name
    return _BLANK.sub(lambda found: values[found[1]], template.read_text(encoding="utf-8"))
