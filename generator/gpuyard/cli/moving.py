"""What `bootstrap apply` does where nodes cannot start: the blueprint's next shape is committed for the next run."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gpuyard.bootstrap.apply import Event, apply
from gpuyard.bootstrap.fallback import Move, edited, moves
from gpuyard.bootstrap.planning import Plan
from gpuyard.doors.oci import Cloud
from gpuyard.errors import GpuyardError, StoppedError, ToolError
from gpuyard.project.load import Project, parse
from gpuyard.project.userfiles import STACK_FILE
from gpuyard.resolve import Resolved

__all__ = ["Moving", "carry_out"]


class _MovedError(ToolError):
    """The same command goes on elsewhere."""

    exit_code = 75


@dataclass(frozen=True, slots=True)
class Moving:
    """The stack that is carried out, and where it is committed to."""

    directory: Path
    project: Project
    resolved: Resolved
    push: bool


def carry_out(cloud: Cloud, plan: Plan, report: Callable[[Event], None], moving: Moving) -> None:
    """The plan; where nodes of it cannot start, what runs on them moves, and the error says so."""
    short = {check.short for check in plan.refused if check.short}

    def heard(event: Event) -> None:
        if event.short:
            short.add(event.change.id)
        report(event)

    try:
        apply(cloud, plan, heard)
    except StoppedError:
        raise
    except GpuyardError as error:
        if found := moves(moving.project, moving.resolved, short):
            raise _MovedError(*str(error).split("\n"), *_told(found, moving)) from error
        raise


def _told(found: Collection[Move], moving: Moving) -> list[str]:
    lines = [each.told for each in found]
    try:
        commit = _committed(moving, found)
    except GpuyardError as error:
        places = ", ".join(f"{each.blueprint}: {each.shape} ({each.node}) in {each.cluster}" for each in found)
        why = str(error).split("\n")
        return [
            *lines,
            "this cannot be committed:",
            *why,
            f"set blueprints of the cluster in {STACK_FILE} so: {places}",
        ]
    return [*lines, f"committed as {commit}; run the same command again: it shows the price there, and asks"]


def _committed(moving: Moving, found: Collection[Move]) -> str:
    """stack.yaml and all that follows from it, in one commit of the stack's branch."""
    from gpuyard import pipeline
    from gpuyard.commit.message import DIGEST, Words
    from gpuyard.commit.parent import check_parent
    from gpuyard.commit.place import check_place
    from gpuyard.doors import git
    from gpuyard.project.located import located

    project, directory = moving.project, moving.directory
    text = edited(project, moving.resolved, found)
    changed = parse({**project.sources, STACK_FILE: text.encode()})
    check_place(project, directory)
    where, stack = located(directory), project.stack
    place = str(where.top if where else directory)
    title = f"Move {', '.join(dict.fromkeys(each.blueprint for each in found))} to where there is capacity"
    with git.read_tree(place, stack.repository.branch, stack.folder) as snapshot:
        check_parent(snapshot, project.sources, directory, named=False)
        before = pipeline.synced_with_branch(changed, snapshot, place, None)
        compiled = pipeline.compile(changed, before)
        body = "\n".join([title, "", *(each.told for each in found)])
        plan = pipeline.plan(compiled, snapshot, base=before, words=Words(body))
        edits = {PurePosixPath(STACK_FILE): text, **plan.written, **dict.fromkeys(plan.deleted)}
        made = git.commit(snapshot, edits, message=plan.message, push=moving.push, mark=DIGEST)
    return made.id[:12] if made else str(snapshot.commit)[:12]
