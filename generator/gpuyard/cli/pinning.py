"""`gpuyard images --lock`: asks the registries, and writes images.lock."""

from collections.abc import Collection, Iterable
from pathlib import Path

from gpuyard.catalogue.images import Image
from gpuyard.cli.output import progress
from gpuyard.doors import registry
from gpuyard.doors.logins import Logins
from gpuyard.doors.plainfiles import Kind, PlainFiles
from gpuyard.errors import MissingError, OutputError
from gpuyard.project.imageslock import IMAGES_LOCK, write_images_lock

__all__ = ["pin"]


def pin(directory: Path, wanted: Iterable[Image], plain: Collection[str]) -> list[str]:
    """Write the digests of these images to images.lock; returns what has changed, as lines."""
    wanted = list(wanted)
    digests = _ask(wanted, plain)
    text, file = write_images_lock(digests), directory / IMAGES_LOCK
    with PlainFiles(directory) as files:
        if files.kind(IMAGES_LOCK) is Kind.FILE and files.read(IMAGES_LOCK) == text.encode():
            return [f"up to date: {file}"]
        try:
            files.replace(IMAGES_LOCK, text.encode())
        except OSError as error:
            raise OutputError(f"{file}: cannot be written: {error.strerror}") from error
    return [
        *(_line(image, digests[image.upstream]) for image in wanted),
        f"{file}: commit it, then run gpuyard compile",
    ]


def _line(image: Image, digest: str) -> str:
    was = f" (was {image.digest})" if image.digest not in (None, digest) else ""
    return f"{image.upstream}: {digest}{was}"


def _ask(wanted: Iterable[Image], plain: Collection[str]) -> dict[str, str]:
    """Digest by name; what a mirror lacks is said of all images at once, a registry that fails ends it."""
    digests, missing, logins = {}, [], Logins()
    for image in wanted:
        progress(f"asking for {image.repository}:{image.tag}")
        try:
            digests[image.upstream] = registry.digest(image.repository, image.tag, plain=plain, logins=logins)
        except MissingError as error:
            missing.append(str(error))
    if missing:
        raise MissingError(*missing)
    return digests
