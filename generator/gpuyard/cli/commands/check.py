"""`gpuyard check`: are the files right, and does everything fit? Writes nothing."""

from pathlib import Path

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_json, emit_notes

__all__ = ["command"]


@click.command("check", epilog="Example: gpuyard check gitops")
@options.directory
@options.output
def command(directory: Path, as_json: bool) -> None:
    """Validate the stack and the blueprints in DIR (default: the current directory) and list what runs where.

    Nothing is written.
    """
    from gpuyard.cli.report import as_data, as_lines
    from gpuyard.commit.directory import Directory
    from gpuyard.commit.place import check_place
    from gpuyard.pipeline import beside, load, running
    from gpuyard.render.moves import with_refusals
    from gpuyard.resolve import resolve

    project, place = load(directory), Directory(directory)
    found = running(place)
    resolved = resolve(with_refusals(project, found), found)
    check_place(project, directory)
    notes = [*resolved.notes, *beside(resolved, place)]
    if as_json:
        emit_json({"ok": True, **as_data(resolved), "notes": notes})
        return
    for line in as_lines(resolved):
        click.echo(line)
    emit_notes(notes)
