"""`gpuyard images`: the images and charts of a stack, and their digests."""

import os
import tempfile
from pathlib import Path
from typing import Any

import click

from gpuyard import images, registry
from gpuyard.commands import options
from gpuyard.errors import OutputError
from gpuyard.load import load
from gpuyard.progress import progress
from gpuyard.report import table
from gpuyard.resolve import Resolved, resolve

__all__ = ["command"]

_CHARTS = "The images of these charts are named by the charts themselves; `helm template` shows them."


class _Images(click.Group):
    """`gpuyard images DIR` lists; so that a directory isn't taken for a command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("images", cls=_Images, epilog="Example: gpuyard images gitops; gpuyard images lock gitops")
def command() -> None:
    """List what a site without internet must mirror, or (lock) look up the digests of images."""


@command.command("list", epilog="Example: gpuyard images gitops --output json")
@options.directory
@options.output
def listing(directory: Path, as_json: bool) -> None:
    """List the images of our objects and the charts of the platform in DIR (default: here); asks no network."""
    resolved = resolve(load(directory))
    if as_json:
        options.emit_json(_data(resolved))
        return
    image = resolved.image
    rows = [("IMAGE", "DIGEST", "OF"), (f"{image.repository}:{image.tag}", image.digest or "none", _users(resolved))]
    lines = table(rows)
    if resolved.releases:
        charts = [(each.chart, each.version, each.repository) for each in resolved.releases]
        lines += ["", *table([("CHART", "VERSION", "FROM"), *charts]), "", _CHARTS]
    click.echo("\n".join(lines))
    for note in resolved.notes:
        click.echo(f"note: {note}", err=True)


@command.command("lock", epilog="Example: gpuyard images lock gitops")
@options.directory
@click.option("--insecure", "plain", multiple=True, metavar="HOST", help="A registry that speaks plain http.")
def lock(directory: Path, plain: tuple[str, ...]) -> None:
    """Ask the registries for the digests of the images in DIR (default: here) and write them to images.lock."""
    image = resolve(load(directory)).image
    progress(f"asking for {image.repository}:{image.tag}")
    digests = {image.upstream: registry.digest(image.repository, image.tag, plain=plain)}
    text, file = images.write_lock(digests), directory / images.LOCK
    before = file.read_text(encoding="utf-8") if file.is_file() else None
    if text == before:
        click.echo(f"up to date: {file}")
        return
    _write(file, text)
    for name, digest in digests.items():
        was = f" (was {image.digest})" if image.digest not in (None, digest) else ""
        click.echo(f"{name}: {digest}{was}")
    click.echo(f"{file}: commit it, then run gpuyard compile")


def _users(resolved: Resolved) -> str:
    names = sorted({workload.name for workload in resolved.workloads})
    return f"model servers, their init containers and download Jobs: {', '.join(names)}"


def _data(resolved: Resolved) -> dict[str, Any]:
    image = resolved.image
    return {
        "images": [
            {
                "image": str(image),
                "upstream": image.upstream,
                "digest": image.digest,
                "reason": image.reason,
                "blueprints": sorted({workload.name for workload in resolved.workloads}),
            }
        ],
        "charts": [
            {"chart": each.chart, "version": each.version, "repository": each.repository, "images": None}
            for each in resolved.releases
        ],
        "notes": [*resolved.notes, *([_CHARTS] if resolved.releases else [])],
    }


def _write(file: Path, text: str) -> None:
    """Whole or not at all."""
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as stream:
            stream.write(text)
        Path(stream.name).chmod(0o644)
        os.replace(stream.name, file)  # noqa: PTH105 - replaces a link, too, instead of what it leads to
    except OSError as error:
        raise OutputError(f"{file}: can't be written: {error.strerror}") from error
