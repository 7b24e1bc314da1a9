"""Images that clusters pull: which digest pins them, and which mirror they come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from gpuyard.catalogue.datafiles import read

__all__ = ["Image", "image", "mirrored", "of_hub"]


@dataclass(frozen=True, slots=True)
class Image:
    """One image as clusters pull it."""

    repository: str
    tag: str
    digest: str | None
    upstream: str
    """Its name and tag before mirrors apply; the key in the lock."""
    reason: str
    """Why there is no digest; empty when there is one."""
    mirror: str
    """The stack's mirror that it is pulled from, by what it stands for; empty: none."""

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}" + (f"@{self.digest}" if self.digest else "")


def image(repository: str, tag: str, *, mirrors: Mapping[str, str], locked: Mapping[str, str]) -> Image:
    """The image of that name: pinned by the stack's lock, else by ours; pulled from its mirror."""
    upstream = f"{repository}:{tag}"
    ours, reason = _catalogue().get(upstream, (None, "gpuyard's catalogue does not list it"))
    digest = locked.get(upstream, ours)
    pulled, mirror = mirrored(repository, mirrors)
    return Image(pulled, tag, digest, upstream, "" if digest else reason, mirror)


def mirrored(repository: str, mirrors: Mapping[str, str]) -> tuple[str, str]:
    """The repository under its mirror, and which one; the longest prefix that ends at a slash decides."""
    for prefix in sorted(mirrors, key=len, reverse=True):
        if repository == prefix or repository.startswith(f"{prefix}/"):
            return mirrors[prefix] + repository[len(prefix) :], prefix
    return repository, ""


def of_hub(name: str) -> str | None:
    """The whole name of what clusters take for an image or a path of Docker Hub; None: a registry is named."""
    host, slash, _ = name.partition("/")
    if host == "localhost" or "." in host or ":" in host:
        return None
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


@cache
def _catalogue() -> Mapping[str, tuple[str | None, str]]:
    """Digest, and the reason where there is none, by name and tag."""
    rows = read(resources.files("gpuyard") / "catalogue" / "images.yaml", "images")["images"]
    return {f"{row['repository']}:{row['tag']}": (row["digest"], row.get("reason", "")) for row in rows}
