"""What the pipelines of GitLab's merge requests have left: GitLab runs nothing with rights when one of them ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gpuyard.doors.forge.calls import RefusedError, part
from gpuyard.doors.forge.gitlab import GitLab
from gpuyard.doors.forge.requests import at, number_at, text_at
from gpuyard.errors import MissingError

__all__ = ["Left", "left", "open_numbers"]

_PAGE = 100
_ENDED = frozenset({"success", "failed"})
_OWN = ".gitlab"
"""What the names of GitLab's own files begin with: .gitlab-ci.yml, and those in .gitlab/."""


@dataclass(frozen=True, slots=True)
class Left:
    """A file of a request's newest pipeline; or why there is none that may be posted."""

    head: str = ""
    """The commit that the pipeline is of."""
    data: bytes = b""
    why: str = ""


def open_numbers(forge: GitLab) -> Iterator[int]:
    """The open requests."""
    for each in forge.api.pages(forge.path, _PAGE, state="opened", scope="all"):
        yield number_at(each, "iid")


def left(forge: GitLab, number: int, job: str, file: str) -> Left:
    """What a job has left in the pipeline of a request, as far as that pipeline is one of ours."""
    found = forge.api.call("GET", f"{forge.path}/{number}")
    pipeline, head = at(found, "head_pipeline"), text_at(found, "sha")
    if not head or text_at(pipeline, "sha") != head:
        return Left(why="has no pipeline at its newest commit")
    if text_at(pipeline, "status") not in _ENDED:
        return Left(why="has a pipeline that has not ended")
    if why := _unsound(forge, number, text_at(found, "changes_count")):
        return Left(why=why)
    project, jobs = number_at(pipeline, "project_id"), _jobs(forge, pipeline, job)
    if not jobs:
        return Left(why=f"has a pipeline without a job {job}")
    try:
        return Left(head, forge.api.read(f"/projects/{project}/jobs/{max(jobs)}/artifacts/{part(file)}"))
    except (MissingError, RefusedError) as error:
        if isinstance(error, RefusedError) and error.status != 403:  # of a fork that does not show it
            raise
        return Left(why=f"has no {file} of its job {job}: the job failed before it could compare")


def _unsound(forge: GitLab, number: int, count: str) -> str:
    """A pipeline is what the request's own files say, so none of GitLab's may be changed."""
    changed = list(forge.api.pages(f"{forge.path}/{number}/diffs", _PAGE))
    if count != str(len(changed)):
        return "changes more files than GitLab lists, so what its pipeline says is not posted"
    if any(text_at(each, name).startswith(_OWN) for each in changed for name in ("old_path", "new_path")):
        return "changes .gitlab-ci.yml or .gitlab/, so what its pipeline says is not posted"
    return ""


def _jobs(forge: GitLab, pipeline: Any, name: str) -> list[int]:
    where = f"/projects/{number_at(pipeline, 'project_id')}/pipelines/{number_at(pipeline, 'id')}/jobs"
    return [number_at(each, "id") for each in forge.api.pages(where, _PAGE) if text_at(each, "name") == name]
