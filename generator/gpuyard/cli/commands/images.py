"""`gpuyard images`: the images and charts of a stack, and their digests."""

import os
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from gpuyard.catalogue.images import Image
from gpuyard.cli import options
from gpuyard.cli.output import emit_json, emit_notes, progress, table
from gpuyard.doors import registry
from gpuyard.errors import MissingError, OutputError
from gpuyard.project.imageslock import IMAGES_LOCK, write_images_lock
from gpuyard.project.load import load
from gpuyard.resolve import Resolved, resolve

__all__ = ["command"]


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
    """List the images and charts of the stack in DIR (default: here), and their mirrors; asks no network."""
    resolved = resolve(load(directory))
    if as_json:
        emit_json(_data(resolved))
        return
    rows = [(each.upstream, each.digest or "none", _mirror(each) or "none", of) for each, of in _users(resolved)]
    lines = table([("IMAGE", "DIGEST", "MIRROR", "OF"), *rows])
    if resolved.releases:
        charts = [(each.chart, each.version, each.repository) for each in resolved.releases]
        lines += ["", *table([("CHART", "VERSION", "FROM"), *charts])]
    click.echo("\n".join(lines))
    emit_notes(resolved.notes)


@command.command("lock", epilog="Example: gpuyard images lock gitops")
@options.directory
@click.option("--insecure", "plain", multiple=True, metavar="HOST", help="A registry that speaks plain http.")
def lock(directory: Path, plain: tuple[str, ...]) -> None:
    """Ask the registries for the digests of the images in DIR (default: here) and write them to images.lock."""
    wanted = resolve(load(directory)).images
    digests = _ask(wanted, plain)
    text, file = write_images_lock(digests), directory / IMAGES_LOCK
    before = file.read_text(encoding="utf-8") if file.is_file() else None
    if text == before:
        click.echo(f"up to date: {file}")
        return
    _write(file, text)
    for image in wanted:
        digest = digests[image.upstream]
        was = f" (was {image.digest})" if image.digest not in (None, digest) else ""
        click.echo(f"{image.upstream}: {digest}{was}")
    click.echo(f"{file}: commit it, then run gpuyard compile")


def _ask(wanted: Iterable[Image], plain: Collection[str]) -> dict[str, str]:
    """Digest by name; what a mirror lacks is said of all images at once, a registry that fails ends it."""
    digests, missing = {}, []
    for image in wanted:
        progress(f"asking for {image.repository}:{image.tag}")
        try:
            digests[image.upstream] = registry.digest(image.repository, image.tag, plain=plain)
        except MissingError as error:
            missing.append(str(error))
    if missing:
        raise MissingError("\n".join(missing))
    return digests


def _users(resolved: Resolved) -> Iterator[tuple[Image, str]]:
    """Each image, and what uses it."""
    names = ", ".join(_blueprints(resolved))
    yield resolved.image, f"model servers, their init containers and download Jobs: {names}"
    for release in resolved.releases:
        for image in release.images or ():
            yield image, f"{release.chart} {release.version}"


def _blueprints(resolved: Resolved) -> list[str]:
    return sorted({workload.name for workload in resolved.workloads})


def _mirror(image: Image) -> str | None:
    """Where it is pulled from, if a mirror stands for its registry."""
    return image.repository if image.mirror else None


def _data(resolved: Resolved) -> dict[str, Any]:
    ours = {**_image(resolved.image), "blueprints": _blueprints(resolved), "chart": None}
    platform = [
        {**_image(image), "blueprints": [], "chart": release.chart}
        for release in resolved.releases
        for image in release.images or ()
    ]
    charts = [
        {
            "chart": each.chart,
            "version": each.version,
            "repository": each.repository,
            "images": None if each.images is None else [image.upstream for image in each.images],
        }
        for each in resolved.releases
    ]
    return {"images": [ours, *platform], "charts": charts, "notes": list(resolved.notes)}


def _image(image: Image) -> dict[str, Any]:
    return {
        "image": str(image),
        "upstream": image.upstream,
        "mirror": _mirror(image),
        "digest": image.digest,
        "reason": image.reason,
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
