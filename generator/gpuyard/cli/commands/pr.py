"""`gpuyard pr`: what a checkout changes, as one pull or merge request with one comment."""

from pathlib import Path

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_json, emit_notes, say
from gpuyard.errors import meant

__all__ = ["KINDS", "api_option", "command", "forge_option"]

KINDS = ("github", "gitlab", "gitea")
_MOST = 4 * 2**20
"""Bytes of a file that is posted."""
_OPEN = "open"


class _Requests(click.Group):
    """`gpuyard pr [DIR]` opens; what else there is has a name of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = args and args[0] in self.commands
        if args and not named and not Path(args[0]).exists() and (near := meant(args[0], self.commands)):
            ctx.fail(f"there is no command {args[0]}; did you mean {near}?")
        return super().parse_args(ctx, args if named else [_OPEN, *args])


forge_option = click.option(
    "--forge", "kind", type=click.Choice(KINDS), help="Kind of the forge. Default: from the remote's host."
)
api_option = click.option(
    "--api", metavar="URL", callback=options.given, help="Address of the forge's API, if it is moved."
)


@click.group("pr", cls=_Requests)
def command() -> None:
    """Open a pull request, or comment on one."""


@command.command("open", epilog="Example: gpuyard pr gitops. For a trusted workflow: gpuyard pr comment --help")
@options.directory
@click.option(
    "--base", metavar="BRANCH", callback=options.given, help="What to change. Default: spec.repository.branch."
)
@click.option(
    "--branch", callback=options.given, help="Branch of the request. Default: one that is named by its content."
)
@click.option("--message", "-m", callback=options.given, help="Title, and message of the commit.")
@click.option("--artifact", type=click.Path(path_type=Path), metavar="FILE", help="Write the whole diff there, too.")
@options.registries
@forge_option
@api_option
@options.output
def _open(
    directory: Path,
    base: str | None,
    branch: str | None,
    message: str | None,
    artifact: Path | None,
    ask: bool,
    kind: str | None,
    api: str | None,
    as_json: bool,
) -> None:
    """Compile DIR (default: the current directory), push it to a branch of its own, and open one pull request for it.

    The request has the source files as they are in DIR, committed or not, and all that follows from them; its one
    comment says what a merge changes in the clusters, and a label whether one of the changes is a danger. Nothing in
    DIR changes. Run again, it finds its branch, request and comment and brings them up to date. The token comes from
    $GH_TOKEN or $GITHUB_TOKEN, $GITLAB_TOKEN, $GITEA_TOKEN or $FORGEJO_TOKEN.
    """
    from gpuyard.cli.output import on_error
    from gpuyard.cli.proposing import Made, propose
    from gpuyard.commit.message import Words

    on_error(Made(base or "").data)
    words = Words(message or "")
    made = propose(directory, base=base, branch=branch, words=words, kind=kind, api=api, artifact=artifact, ask=ask)
    if as_json:
        emit_json(made.data())
        return
    say(*made.lines())
    emit_notes(made.notes)


@command.command("comment", epilog="Example: gpuyard pr comment --number 7 --file diff.md gitops")
@options.directory
@click.option("--number", type=click.IntRange(min=1, max=10**9), required=True, help="Of the request.")
@click.option("--file", type=click.Path(path_type=Path), required=True, help="What `gpuyard diff -o markdown` printed.")
@click.option(
    "--head",
    metavar="COMMIT",
    callback=options.given,
    help="Commit that the request must be at. Default: that of the workflow run which started this one, if one did.",
)
@forge_option
@api_option
def _comment(directory: Path, number: int, file: Path, head: str | None, kind: str | None, api: str | None) -> None:
    """Post the Markdown of an untrusted run as the one comment of a request, or bring that comment up to date.

    The file counts as text of a stranger: what mentions somebody, links, hides or commands is taken out of it. DIR is
    a checkout that you trust; nothing in it is run or compiled. In CI nothing has to be checked out: the environment
    says which repository it is, and DIR then is the folder of the stack in it.
    """
    from gpuyard.cli.commenting import comment_on

    say(comment_on(directory, number, _read(file), head or "", kind, api))


@command.command("comment-all", epilog="Example: gpuyard pr comment-all --job gpuyard --file gpuyard-diff.md gitops")
@options.directory
@click.option("--job", callback=options.given, required=True, help="Name of the job that has left the file.")
@click.option(
    "--file", callback=options.given, required=True, help="Its artifact: what `gpuyard diff -o markdown` printed."
)
@forge_option
@api_option
def _comment_all(directory: Path, job: str, file: str, kind: str | None, api: str | None) -> None:
    """Post what the pipelines of all open merge requests have left, each as the one comment of its request (GitLab).

    GitLab starts nothing with rights when the pipeline of a merge request ends, so a scheduled one does this. A request
    that changes .gitlab-ci.yml or .gitlab/ gets no comment, since its pipeline may be anything. The files count as text
    of strangers, as with `gpuyard pr comment`; nothing has to be checked out.
    """
    from gpuyard.cli.commenting import comment_on_all

    for line in comment_on_all(directory, job, file, kind, api):
        say(line)


def _read(file: Path) -> str:
    from gpuyard.errors import MissingError

    try:
        with file.open("rb") as stream:
            return stream.read(_MOST).decode("utf-8", "replace")
    except OSError as error:
        raise MissingError(f"{file}: {error.strerror}") from error
