"""`gpuyard promote`: moves what was tried in one cluster to the next, in stack.yaml."""

from pathlib import Path

import click

from gpuyard.cli import options
from gpuyard.cli.commands.pr import api_option, forge_option
from gpuyard.cli.output import emit_notes, say

__all__ = ["command"]


@click.command("promote", epilog="Example: gpuyard promote chat --from staging --to fra-prod gitops --pr")
@click.argument("blueprint")
@options.directory
@click.option("--from", "source", required=True, metavar="CLUSTER", help="Where it was tried.")
@click.option("--to", "target", required=True, metavar="CLUSTER", help="Which is to have the same.")
@click.option("--pr", "request", is_flag=True, help="Then do what `gpuyard pr` does.")
@forge_option
@api_option
def command(
    blueprint: str, directory: Path, source: str, target: str, kind: str | None, api: str | None, *, request: bool
) -> None:
    """Give a cluster the vLLM (version, image, tag) with which BLUEPRINT runs in another one.

    Only that placement in stack.yaml changes; comments and all else stay. The model, its flags and values are the
    blueprint's and the same in all clusters; replicas, nodes and host stay the cluster's own. The request of --pr has
    stack.yaml and what follows from it; where other sources differ from the branch, none is opened.
    """
    from gpuyard.doors.plainfiles import PlainFiles
    from gpuyard.errors import InputError
    from gpuyard.project.load import load, parse
    from gpuyard.project.promotion import promotion
    from gpuyard.project.userfiles import STACK_FILE

    project = load(directory)
    if project.problems:
        raise InputError(project.problems, more=project.more, unread=project.unread)
    found = promotion(project, blueprint, source, target)
    if not found.moves:
        say(f"nothing to move: {target} has the vLLM of {source} for {blueprint}")
    else:
        text = found.text.encode()
        parse({**project.sources, STACK_FILE: text})
        with PlainFiles(directory) as files:
            files.replace(STACK_FILE, text, executable=False)
        say(f"{directory / STACK_FILE}: {blueprint} in {target}", *(f"  {each}" for each in found.moves))
    if not request:
        if found.moves:
            say(f"Next: gpuyard diff {directory}, then gpuyard pr {directory}")
        return
    from gpuyard.cli.proposing import propose
    from gpuyard.commit.message import Words

    title = Words(f"Promote {blueprint} from {source} to {target}")  # also of what an earlier run has written
    made = propose(directory, base=None, branch=None, words=title, kind=kind, api=api, artifact=None, only=STACK_FILE)
    say(*made.lines())
    emit_notes(made.notes)
