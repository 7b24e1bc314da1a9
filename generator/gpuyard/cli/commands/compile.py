"""`gpuyard compile`: write and commit everything that follows from the stack and its blueprints."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from gpuyard.catalogue.shippedchart import shipped_chart
from gpuyard.cli import options
from gpuyard.cli.output import emit_json, emit_notes, on_error, progress
from gpuyard.cli.report import as_data, as_lines, folders
from gpuyard.commit.changes import changes
from gpuyard.commit.digest import input_digest
from gpuyard.commit.lock import LOCK, Lock, listing_digest, lock_of, read_lock, sha256, write_lock
from gpuyard.commit.parent import check_parent
from gpuyard.commit.stale import check_standing
from gpuyard.doors.helm import engine
from gpuyard.project.load import Project, parse, parse_stack
from gpuyard.project.userfiles import read
from gpuyard.render import render
from gpuyard.resolve import resolve
from gpuyard.review.claims import VALUES, refusals
from gpuyard.review.departures import departures, is_entry
from gpuyard.tree import Tree

if TYPE_CHECKING:
    from gpuyard.doors.git import Commit, Snapshot

__all__ = ["command"]

_NAMED = 5
"""Blueprints that a commit's subject names."""
_DIGEST = "Input-Digest"
"""The trailer by which a generated commit is known: it can be made again from its parent."""
_SHORT = 12
"""Digits of a commit that people read."""


@click.command("compile", epilog="Example: gpuyard compile gitops --push")
@options.directory
@click.option(
    "--repo", "target", metavar="PATH|URL", callback=options.given, help="Repository to commit to. Default: DIR."
)
@click.option(
    "--branch", callback=options.given, help="Branch to commit to. Default: spec.repository.branch of the stack."
)
@click.option("--push", is_flag=True, help="Push a local repository's branch to the remote that it follows.")
@click.option("--check", is_flag=True, help="Write nothing; fail (79) if the files in DIR aren't what compile makes.")
@click.option("--overwrite", is_flag=True, help="Replace generated files that were edited by hand.")
@options.output
def command(
    directory: Path, target: str | None, branch: str | None, push: bool, check: bool, overwrite: bool, as_json: bool
) -> None:
    """Compile the stack in DIR (default: here) and commit the result; unchanged input makes no commit.

    Only generated files are committed: what you have staged, changed or added yourself stays as it is.
    """
    if check:
        _check(directory, as_json, alone=not (target or branch or push or overwrite))
        return
    from gpuyard.doors import git  # GitPython is slow to import

    on_error(_result(branch or ""))
    sources, unread = read(directory)
    if unread:
        resolve(parse(sources, unread))  # raises, with whatever else is wrong
    digest = input_digest(sources)
    place, named = target or str(directory), branch is not None
    branch = branch or parse_stack(sources).repository.branch
    on_error(_result(branch))
    progress(f"reading {place}")
    with git.read_tree(place, branch) as snapshot:
        check_parent(snapshot, sources, directory, named=named)
        lock = read_lock(snapshot.read(LOCK).get(LOCK))
        if lock.input == digest and lock.listing == _listing(snapshot, lock):
            # A push that failed the last time is made good now.
            git.commit(snapshot, {}, message="", push=push, mark=_DIGEST)
            _unchanged(snapshot, as_json)
            return
        project = parse(sources)
        resolved = resolve(project)
        progress("rendering")
        tree = render(resolved, shipped_chart(), engine(shipped_chart()))
        new = lock_of(tree, digest)
        ids = {PurePosixPath(name): entry.blob for name, entry in snapshot.files.items()}
        change = changes(tree, lock, ids, lambda paths: snapshot.read(*paths), overwrite=overwrite)
        change[LOCK] = write_lock(new)
        notes = [*resolved.notes, *_consequences(snapshot, lock, tree, resolved.stack.namespace)]
        progress("committing")
        commit = git.commit(snapshot, change, message=_message(project, digest), push=push, mark=_DIGEST)
    if commit is None:
        _unchanged(snapshot, as_json)
    elif as_json:
        emit_json(_result(commit.branch, resolved=as_data(resolved), commit=commit.id, notes=notes))
    else:
        summary = _summary(commit, None if push else snapshot.remote)
        click.echo("\n".join([*folders(tree), "", *_block(as_lines(resolved)), summary]))
        emit_notes(notes)


def _block(lines: list[str]) -> list[str]:
    return [*lines, ""] if lines else []


def _consequences(snapshot: "Snapshot", lock: Lock, tree: Tree, namespace: str) -> list[str]:
    """What the change means in the clusters, beyond what Flux will do by itself."""
    wanted = [path for path in lock.files if path.parent == VALUES or is_entry(path)]
    before = snapshot.read(*wanted)
    unedited = {path: text for path, text in before.items() if lock.files[path] == sha256(text)}
    return [*departures(unedited, tree, namespace), *refusals(unedited, tree)]


def _result(
    branch: str,
    *,
    resolved: Mapping[str, Any] | None = None,
    commit: str | None = None,
    base: str | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The same keys whatever happened; an error has them, too."""
    data = resolved or {"workloads": [], "refused": [], "placements": []}
    whole = {**data, "commit": commit, "branch": branch, "base": base, "notes": list(notes)}
    return {"ok": True, "error": None, "problems": [], **whole}


def _listing(snapshot: "Snapshot", lock: Lock) -> str:
    """The digest of our files as the commit has them; it equals the lock's when nobody touched one."""
    found = ((path, snapshot.files[str(path)].blob) for path in lock.files if str(path) in snapshot.files)
    return listing_digest(found)


def _message(project: Project, digest: str) -> str:
    """What a reader of the log wants: which files it follows from."""
    names = ", ".join(blueprint.name for blueprint in project.blueprints[:_NAMED])
    more = len(project.blueprints) - _NAMED
    subject = f"Compile {names or 'the platform'}{f' and {more} more' if more > 0 else ''}"
    return f"{subject}\n\nGenerated by gpuyard; edit stack.yaml or blueprints/ instead.\n\n{_DIGEST}: {digest}\n"


def _unchanged(snapshot: "Snapshot", as_json: bool) -> None:
    if as_json:
        emit_json(_result(snapshot.branch, base=snapshot.commit))
    else:
        click.echo(f"up to date: {snapshot.branch} at {(snapshot.commit or '')[:_SHORT]}")


def _check(directory: Path, as_json: bool, *, alone: bool) -> None:
    """Whether a commit would follow from the directory as it stands."""
    if not alone:
        raise click.UsageError("--check looks at the files in DIR alone: it goes with no other option but --output")
    sources, unread = read(directory)
    resolved = resolve(parse(sources, unread))
    progress("rendering")
    check_standing(directory, render(resolved, shipped_chart(), engine(shipped_chart())), input_digest(sources))
    if as_json:
        branch = resolved.stack.repository.branch
        emit_json(_result(branch, resolved=as_data(resolved), notes=resolved.notes))
    else:
        click.echo("up to date")
        emit_notes(resolved.notes)


def _summary(commit: "Commit", unpushed: str | None) -> str:
    counts = [(len(commit.written), "written"), (len(commit.deleted), "deleted")]
    parts = ", ".join(f"{count} files {what}" for count, what in counts if count)
    hint = f"; not pushed to {unpushed}, where clusters read it; run this again with --push" if unpushed else ""
    return f"commit {commit.id[:_SHORT]} on {commit.branch}: {parts}{hint}"
