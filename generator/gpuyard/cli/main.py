"""The command line: options in, exit code out; the one place where errors become a message."""

import atexit
import errno
import gc
import io
import os
import resource
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import import_module
from typing import Any

import click

from gpuyard import __version__
from gpuyard.cli.output import JSON, RESULT, emit_json, say
from gpuyard.errors import GpuyardError, InputError, nearest

__all__ = ["cli", "main"]

_COMMANDS = {
    "init": "Create a stack with a first blueprint, and its repository.",
    "check": "Validate the files, and that every model fits its GPUs.",
    "compile": "Generate all manifests and commit them.",
    "diff": "Show what a merge changes in the clusters.",
    "pr": "Open a pull request for what the files change.",
    "promote": "Give one cluster the vLLM that another one has tried.",
    "release": "Push what is committed to a registry, with a version.",
    "verify": "Check that files and a release follow from the sources.",
    "render": "Print the final objects of one blueprint on one GPU shape.",
    "images": "List all images and charts, or pin the images by digest.",
    "models": "List the models with their size, fit and price.",
    "model": "Add a model of your own from its config.json.",
    "shapes": "List the GPU shapes with their memory and list price.",
    "bootstrap": "Make the clusters and all they need on Oracle Cloud.",
    "token": "Print a token for an OKE cluster, for kubectl.",
    "schema": "Print the JSON Schema of a blueprint, stack or model.",
}
"""What `gpuyard --help` says of each, within 60 columns."""
_INTERRUPTED = 130
_BROKEN_PIPE = 141
_LIMITED = 71
_UNWRITTEN = 74
_OPEN: int = 64
"""Files that a run may have open at once; Go's runtime, a part of us, dies of fewer without a word of ours."""
_TOO_FEW = f"error: no more than {{files}} files may be open at once, and gpuyard needs {_OPEN}: `ulimit -n 1024`"
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _Cli(click.Group):
    """Imports a command when it is run: to list or complete them all, click gets only names and short help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return click.Command(cmd_name, short_help=_COMMANDS[cmd_name]) if cmd_name in _COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(f"there is no command {args[0]}; {nearest(args[0], _COMMANDS)}", ctx) from error
        return name, command and import_module(f"gpuyard.cli.commands.{name}").command, rest

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GpuyardError as error:
            _report(error, ctx.meta.get(RESULT, dict), for_machine=ctx.meta.get(JSON, False))
            ctx.exit(error.exit_code)


def _report(error: GpuyardError, result: Callable[[], Mapping[str, Any]], *, for_machine: bool) -> None:
    """An error for people on stderr, and as data on stdout where a machine reads."""
    problems = error.problems if isinstance(error, InputError) else ()
    first, *others = str(error).split("\n")
    say(first if problems else f"error: {first}", *others, err=True)
    if for_machine:
        listed = [{**asdict(problem.location), "message": problem.message} for problem in problems]
        landed: dict[str, Any] = {"commit": error.landed} if error.landed else {}
        if isinstance(error, InputError) and (error.more or error.unread):
            landed |= {"more": error.more, "unread": error.unread}
        data = {**result(), **landed, "ok": False, "error": str(error), "problems": listed}
        emit_json(data)


@click.command(cls=_Cli, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Compile blueprints, one YAML file per model, into the Git repository that your clusters follow.

    \b
    gpuyard init gitops          create a repository with one blueprint
    gpuyard compile gitops       generate all manifests and commit them
    """  # noqa: D301 - click wants the character itself


def main() -> None:
    """Run the command line; a user's mistake ends without a traceback, a bug of ours with one."""
    if (files := resource.getrlimit(resource.RLIMIT_NOFILE)[0]) < _OPEN and files != resource.RLIM_INFINITY:
        say(_TOO_FEW.format(files=files), err=True)
        sys.exit(_LIMITED)
    gc.disable()  # a command ends in seconds and makes hardly any circles; looking for them takes a tenth of the time
    atexit.register(gc.freeze)  # nor does Python look for them at the end, when all of it goes
    try:
        # What ctx.exit() was given comes back as the result; commands themselves return nothing.
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(file=shown)
        say(*shown.getvalue().rstrip("\n").split("\n"), err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        stop = error.__cause__ if isinstance(error, click.Abort) else error
        say(str(stop or "") or "interrupted; nothing was left half done", err=True)
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # `gpuyard … | head`: the reader has what it wanted.
        _silence()
        sys.exit(_BROKEN_PIPE)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            say(_TOO_FEW.format(files=resource.getrlimit(resource.RLIMIT_NOFILE)[0]), err=True)
            sys.exit(_LIMITED)
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        # Files that we write have names: this is where the results go.
        say(f"error: cannot write the results: {error.strerror}", err=True)
        _silence()
        sys.exit(_UNWRITTEN)


def _silence() -> None:
    """What is still in the buffer would fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
