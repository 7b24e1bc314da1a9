"""What is pulled from where: what the stack doesn't allow, what isn't pinned, and what nobody knows."""

from collections.abc import Iterator, Mapping, Sequence

from gpuyard.catalogue.images import Image, of_hub
from gpuyard.catalogue.platform import Release
from gpuyard.project.imageslock import IMAGES_LOCK
from gpuyard.project.stack import Stack
from gpuyard.resolve.problems import Problems

__all__ = ["check", "check_source", "notes"]

_MIRRORS = ("spec", "images", "mirrors")


def check(stack: Stack, releases: Sequence[Release], problems: Problems) -> None:
    """Mirrors and registries that none can be."""
    for name, mirror in stack.images.mirrors.items():
        if of_hub(mirror):
            message = (
                f"is {mirror}, which clusters read as docker.io/{mirror}; give the registry's full domain or its port"
            )
            problems.add(stack.file, (*_MIRRORS, name), message)
        if of_hub(name):
            message = f"matches no image, because each is named with its registry; write docker.io/{name}"
            problems.add(stack.file, (*_MIRRORS, name), message, key=True)
    for index, name in enumerate(stack.policy.registries):
        if of_hub(name) and name not in stack.images.mirrors.values():  # of which it has been said
            message = f"{name} is not a registry; on Docker Hub it is docker.io/{name}"
            problems.add(stack.file, ("spec", "policy", "registries", index), message)
    for each in (each for release in releases for each in release.images or ()):
        _check_name(stack, each, problems)


def check_source(stack: Stack, server: Image, file: str, path: tuple[str, ...], problems: Problems) -> None:
    """A server's image, named there, from where the policy allows none.

    Other images aren't held to it: which there are follows from charts that gpuyard has chosen.
    """
    _check_name(stack, server, problems)
    if whole := of_hub(server.upstream.rpartition(":")[0]):
        problems.add(file, path, f"names no registry; write {whole}")
        return
    if any(server.repository.startswith(f"{registry}/") for registry in stack.policy.registries):
        return
    name = server.upstream.rpartition(":")[0]
    listed = f"a registry that is not in spec.policy.registries ({', '.join(stack.policy.registries)})"
    if server.mirror:
        message = f"{name} is then pulled from {server.repository}, {listed}"
        problems.add(stack.file, (*_MIRRORS, server.mirror), message)
    else:
        problems.add(file, path, f"{name} comes from {listed}")


def _check_name(stack: Stack, image: Image, problems: Problems) -> None:
    if "/" not in image.repository:
        message = f"is {image.repository}, which leaves no image name for {image.upstream}; include the path"
        problems.add(stack.file, (*_MIRRORS, image.mirror), message)


def notes(locked: Mapping[str, str], servers: Sequence[Image], releases: Sequence[Release]) -> Iterator[str]:
    """Images that aren't pinned or aren't known, and pins that are for nothing."""
    for server in servers:
        if server.digest is None:
            yield f"{server} is not pinned: {server.reason}; `gpuyard images --lock` asks the registry"
    platform = [each for release in releases for each in release.images or ()]
    if loose := [each for each in platform if each.digest is None]:
        yield (
            f"{len(loose)} of {len(platform)} platform images are pinned by tag only; "
            "`gpuyard images --lock` asks the registries"
        )
    for release in releases:
        if release.images is None:
            yield (
                f"{release.chart} {release.version}: its images are not known, so they are neither listed nor pinned "
                f"(gpuyard knows those of {release.known.version}); `helm template` shows them"
            )
    for name in sorted(set(locked) - {each.upstream for each in (*servers, *platform)}):
        yield f"{IMAGES_LOCK} pins {name}, which the stack does not use; `gpuyard images --lock` rewrites it"
