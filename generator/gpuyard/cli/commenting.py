"""The one comment of a stack on a request: made, replaced where it is, and posted for runs that may not."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TypeVar

from gpuyard.cli.meeting import whose
from gpuyard.doors.forge import Comment, Forge, GitLab, UnsureError, left, open_numbers
from gpuyard.errors import ConflictError, MissingError, ToolError
from gpuyard.review.comment import LONGEST, cleaned, mark_of, marked

__all__ = ["LIMIT", "SHORT", "comment_on", "comment_on_all", "name_of", "post", "sought"]

T = TypeVar("T")

LIMIT = LONGEST - 1_536
"""Bytes of the diff itself: what stands around it is short."""
SHORT = 12
"""Digits of a commit that people see."""
_WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds between looks for what a forge that is slow may still be making."""
_UNTRUSTED = "Made by a run of this request's own files, without rights."


def name_of(forge: Forge) -> str:
    """Whose token this is: the name by which comments are known as ours."""
    if found := forge.me():
        return found
    raise ToolError("the forge does not say whose token this is, so no comment can be known as ours")


def post(forge: Forge, me: str, folder: PurePosixPath, number: int, text: str) -> None:
    """The one comment of the stack in a folder, under our name: made, or replaced where it is; copies are removed."""
    mark = mark_of(str(folder))
    body = marked(mark, text)

    def ours() -> list[Comment]:
        return [each for each in forge.comments(number) if each.author == me and each.body.startswith(mark)]

    mine = ours()
    if not mine:
        unsure: UnsureError | None = None
        try:
            forge.comment(number, body)
        except UnsureError as error:
            unsure = error
        mine = sought(ours, unsure)
        if unsure and not mine:
            raise unsure
    for each in mine[:1]:
        if each.body.replace("\r\n", "\n").strip() != body.strip():
            forge.edit(number, each.id, body)
    for each in mine[1:]:
        with suppress(MissingError):  # another run was faster
            forge.delete(number, each.id)


def sought(look: Callable[[], T], unsure: UnsureError | None) -> T:
    """What is there; where the answer to making it was lost, it may be there only a moment later."""
    found = look()
    for wait in _WAITS if unsure else ():
        if found:
            break
        time.sleep(wait)
        found = look()
    return found


def comment_on(directory: Path, number: int, text: str, head: str, kind: str | None, api: str | None) -> str:
    """Post what an untrusted run has made; what has been done, as a line."""
    forge, folder = whose(directory, kind, api)
    return _posted(forge, folder, number, text, head or _event_head())


def comment_on_all(directory: Path, job: str, file: str, kind: str | None, api: str | None) -> Iterator[str]:
    """Post what a job has left in the pipelines of all open requests; what has been done, as lines."""
    forge, folder = whose(directory, kind, api)
    if not isinstance(forge, GitLab):
        raise ToolError("comment-all is for GitLab; on other forges the run of each request starts one that comments")
    for number in open_numbers(forge):
        found = left(forge, number, job, file)
        if found.why:
            yield f"request {number} {found.why}"
            continue
        try:
            yield _posted(forge, folder, number, found.data.decode("utf-8", "replace"), found.head)
        except ConflictError as error:  # somebody has pushed meanwhile: the next run has its pipeline
            yield str(error)


def _posted(forge: Forge, folder: PurePosixPath, number: int, text: str, wanted: str) -> str:
    request = forge.get(number)
    if wanted and request.head != wanted:
        raise ConflictError(
            f"request {number} is at {request.head[:SHORT]} and not at {wanted[:SHORT]}, of which the file is; "
            "nothing was posted"
        )
    if not request.open:
        return f"nothing was posted: {request.url} is closed"
    post(forge, name_of(forge), folder, number, f"{cleaned(text, LIMIT).rstrip()}\n\n{_UNTRUSTED}")
    return f"commented on {request.url}"


def _event_head() -> str:
    """The commit whose run has started this one, as GitHub and Gitea tell a workflow; empty: none has."""
    try:
        text = Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8")
        found = json.loads(text)["workflow_run"]["head_sha"]
    except (KeyError, OSError, ValueError, TypeError):
        return ""
    return found if isinstance(found, str) else ""
