"""`gpuyard images`: the images and charts of a stack, and their digests."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_json, emit_notes, say, table

if TYPE_CHECKING:
    from gpuyard.catalogue.images import Image
    from gpuyard.resolve import Resolved

__all__ = ["command"]

_CALICO = "Calico, if `bootstrap apply` installs it"


@click.command("images", epilog="Example: gpuyard images gitops; gpuyard images gitops --lock")
@options.directory
@click.option("--lock", is_flag=True, help="Ask the registries for the digests of all images and write images.lock.")
@click.option(
    "--insecure", "plain", multiple=True, metavar="HOST", help="With --lock: a registry that speaks plain HTTP."
)
@options.output
def command(directory: Path, lock: bool, plain: tuple[str, ...], as_json: bool) -> None:
    """List the images and charts of the stack in DIR (default: the current directory), and their mirrors.

    A site without internet must mirror all of them. Listing uses no network; --lock does. Registries that require a
    login get the one that `docker login` keeps in ~/.docker/config.json (or in $DOCKER_CONFIG, or in
    $DOCKER_AUTH_CONFIG as text), credential helpers included.
    """
    from gpuyard.project.load import load
    from gpuyard.resolve import resolve

    if plain and not lock:
        raise click.UsageError("--insecure only applies with --lock: without it, no registry is asked")
    resolved = resolve(load(directory))
    if lock:
        from gpuyard.cli.pinning import pin

        lines = pin(directory, resolved.images, plain)
        if as_json:
            emit_json(_data(resolve(load(directory))))
        else:
            say(*lines)
    elif as_json:
        emit_json(_data(resolved))
    else:
        say(*_listing(resolved))
        emit_notes(resolved.notes)


def _listing(resolved: "Resolved") -> list[str]:
    rows = [(each.upstream, each.digest or "none", _mirror(each) or "none", of) for each, of in _users(resolved)]
    lines = table([("IMAGE", "DIGEST", "MIRROR", "OF"), *rows])
    if resolved.every_release:
        charts = list(dict.fromkeys((each.chart, each.version, each.repository) for each in resolved.every_release))
        lines += ["", *table([("CHART", "VERSION", "FROM"), *charts])]
    return lines


def _users(resolved: "Resolved") -> Iterator[tuple["Image", str]]:
    """Each image, and what uses it."""
    for image, blueprints in _servers(resolved).items():
        yield image, f"model servers, their init containers and download Jobs: {', '.join(blueprints)}"
    platform = (
        (image, f"{each.chart} {each.version}") for each in resolved.every_release for image in each.images or ()
    )
    yield from dict.fromkeys(platform)
    yield from ((image, _CALICO) for image in _of_bootstrap(resolved))


def _of_bootstrap(resolved: "Resolved") -> list["Image"]:
    """Of what `bootstrap apply` installs and the repository does not have: Calico, at the version that it names."""
    from gpuyard.bootstrap.handover.policyengine import wanted
    from gpuyard.catalogue.calico import calico
    from gpuyard.catalogue.images import image

    stack = resolved.stack
    some = [resolved.stack_at(each.name) for each in stack.clusters if wanted(stack, each)]
    named = [name.rpartition(":") for name in calico().images]
    found = [image(name, tag, mirrors=each.images.mirrors, locked={}) for each in some for name, _, tag in named]
    return list(dict.fromkeys(found))


def _servers(resolved: "Resolved") -> dict["Image", list[str]]:
    """The blueprints of each image of theirs."""
    found: dict[Image, list[str]] = {}
    for workload in resolved.every_workload:
        names = found.setdefault(workload.image, [])
        if workload.name not in names:
            names.append(workload.name)
    return found


def _mirror(image: "Image") -> str | None:
    """Where it is pulled from, if a mirror stands for its registry."""
    return image.repository if image.mirror else None


def _data(resolved: "Resolved") -> dict[str, Any]:
    ours = [{**_image(image), "blueprints": names, "chart": None} for image, names in _servers(resolved).items()]
    platform = [
        {**_image(image), "blueprints": [], "chart": release.chart}
        for release in resolved.every_release
        for image in release.images or ()
    ]
    calico = [{**_image(image), "blueprints": [], "chart": None} for image in _of_bootstrap(resolved)]
    charts = [
        {
            "chart": each.chart,
            "version": each.version,
            "repository": each.repository,
            "images": None if each.images is None else [image.upstream for image in each.images],
        }
        for each in resolved.every_release
    ]
    return {"images": [*ours, *_once(platform), *calico], "charts": _once(charts), "notes": list(resolved.notes)}


def _once(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Releases of clusters that differ may differ only in values."""
    return [row for index, row in enumerate(rows) if row not in rows[:index]]


def _image(image: "Image") -> dict[str, Any]:
    return {
        "image": str(image),
        "upstream": image.upstream,
        "mirror": _mirror(image),
        "digest": image.digest,
        "reason": image.reason,
    }
