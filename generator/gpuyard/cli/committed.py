"""What a release is made of: the commit that is checked out, and nothing that stands only in a work tree."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from gpuyard import pipeline
from gpuyard.commit.parent import check_committed
from gpuyard.commit.place import check_place
from gpuyard.commit.stale import check_current
from gpuyard.doors import git, yamlio
from gpuyard.errors import InputError, Location, MissingError, OutputError, Problem
from gpuyard.project.located import located
from gpuyard.project.userfiles import STACK_FILE
from gpuyard.release.evidence import Origin
from gpuyard.tree import FOLDERS

if TYPE_CHECKING:
    from gpuyard.doors.git import Snapshot
    from gpuyard.pipeline import Compiled

__all__ = ["ChartSource", "Committed", "chart", "committed", "is_chart", "origin"]

_METADATA = "Chart.yaml"
_LOCALLY = "https://github.com/gpuyard/gpuyard/blob/main/docs/release.md#builders"


@dataclass(frozen=True, slots=True)
class Committed:
    """A stack whose generated files follow from its sources, all in one commit."""

    compiled: "Compiled"
    files: Mapping[PurePosixPath, bytes]
    """What is in the generated folders, the user's own files included."""
    commit: str
    seconds: int


@dataclass(frozen=True, slots=True)
class ChartSource:
    """A chart by itself."""

    name: str
    files: Mapping[PurePosixPath, bytes]
    commit: str
    seconds: int
    url: str


def committed(directory: Path) -> Committed:
    """The same Plan that `compile --check` makes, against the commit: it has to be empty."""
    cache = pipeline.remembered()
    project = pipeline.sound(directory, cache)
    check_place(project, directory)
    with git.read_base(_top(directory), "HEAD", project.stack.folder) as snapshot:
        check_committed(snapshot, project.sources)
        before = pipeline.running(snapshot)
        compiled = pipeline.compile(project, before, cache)
        check_current(pipeline.plan(compiled, snapshot, base=before))
        return Committed(compiled, snapshot.contents(*FOLDERS), _commit(snapshot), snapshot.seconds)


def is_chart(directory: Path) -> bool:
    """Whether a directory is a chart, and no stack."""
    return (directory / _METADATA).is_file() and not (directory / STACK_FILE).exists()


def chart(directory: Path, version: str) -> ChartSource:
    """A chart as it is committed, which says itself which version it is."""
    top = _top(directory)
    folder = PurePosixPath(directory.resolve().relative_to(top.resolve()).as_posix())
    with git.read_base(top, "HEAD", folder.parent) as snapshot:
        files = {path.relative_to(folder.name): data for path, data in snapshot.contents(folder.name).items()}
        _check_clean(directory, files)
        metadata = yamlio.load_data(files[PurePosixPath(_METADATA)].decode())
        if metadata.get("version") != version:
            said = f"is {metadata.get('version')}, and the release {version}; change one of both"
            raise InputError([Problem(Location(str(directory / _METADATA)), f"the version of the chart {said}")])
        kept = {path: data for path, data in files.items() if path.parts[0] != "ci"}
        home = str(metadata.get("home") or f"file://{folder}")
        return ChartSource(str(metadata["name"]), kept, _commit(snapshot), snapshot.seconds, home)


def origin(name: str, version: str, url: str, commit: str, seconds: int) -> Origin:
    """Where a release comes from."""
    return Origin(name, version, url, commit, seconds, _builder(os.environ))


def _builder(environment: Mapping[str, str]) -> str:
    """The workflow or pipeline, as Fulcio would name it, too; or somebody's machine."""
    server, workflow = environment.get("GITHUB_SERVER_URL"), environment.get("GITHUB_WORKFLOW_REF")
    project, tag = environment.get("CI_PROJECT_URL"), environment.get("CI_COMMIT_TAG")
    if server and workflow:
        return f"{server}/{workflow}"
    config = environment.get("CI_CONFIG_PATH") or ".gitlab-ci.yml"
    return f"{project}//{config}@refs/tags/{tag}" if project and tag else _LOCALLY


def _top(directory: Path) -> Path:
    found = located(directory)
    if found is None:
        raise MissingError(f"{directory} is in no Git repository, and a release is made of a commit")
    return found.top


def _commit(snapshot: "Snapshot") -> str:
    if snapshot.commit is None:
        raise MissingError(f"{snapshot.target.label} has no commit yet, and a release is made of one")
    return snapshot.commit


def _check_clean(directory: Path, files: Mapping[PurePosixPath, bytes]) -> None:
    """That the files of a chart are those of the commit."""
    if PurePosixPath(_METADATA) not in files:
        raise OutputError(f"{directory / _METADATA} is not in the commit that is released; commit it first")
    changed = []
    for path, data in sorted(files.items()):
        here = b""
        with suppress(OSError):
            here = (directory / path).read_bytes()
        if here != data:
            changed.append(f"  {path}")
    if changed:
        raise OutputError(f"files of {directory} differ from those of the commit that is released:", *changed)
