"""`gpuyard images --lock`: asks the registries, and writes images.lock."""

import os
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path

from gpuyard.catalogue.images import Image
from gpuyard.cli.output import progress
from gpuyard.doors import registry
from gpuyard.doors.logins import Logins
from gpuyard.errors import MissingError, OutputError
from gpuyard.project.imageslock import IMAGES_LOCK, write_images_lock

__all__ = ["pin"]


def pin(directory: Path, wanted: Iterable[Image], plain: Collection[str]) -> list[str]:
    """Write the digests of these images to images.lock; returns what has changed, as lines."""
    wanted = list(wanted)
    digests = _ask(wanted, plain)
    text, file = write_images_lock(digests), directory / IMAGES_LOCK
    before = file.read_text(encoding="utf-8") if file.is_file() else None
    if text == before:
        return [f"up to date: {file}"]
    _write(file, text)
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
        raise MissingError("\n".join(missing))
    return digests


def _write(file: Path, text: str) -> None:
    """Whole or not at all."""
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as stream:
            stream.write(text)
        Path(stream.name).chmod(0o644)
        os.replace(stream.name, file)  # noqa: PTH105 - replaces a link, too, instead of what it leads to
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror}") from error
