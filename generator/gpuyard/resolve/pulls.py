"""What is pulled from where: what the stack doesn't allow, what isn't pinned, and what nobody knows."""

from collections.abc import Iterator, Mapping, Sequence

from gpuyard.catalogue.images import Image
from gpuyard.catalogue.platform import Release
from gpuyard.project.imageslock import IMAGES_LOCK
from gpuyard.project.stack import Stack
from gpuyard.resolve.problems import Problems

__all__ = ["check", "notes"]

_MIRRORS = ("spec", "images", "mirrors")


def check(stack: Stack, server: Image, releases: Sequence[Release], problems: Problems) -> None:
    """Mirrors that no registry can be, and a model server from where the policy allows none.

    The policy is for the model server: which other images there are follows from charts that gpuyard has chosen.
    """
    for name, mirror in stack.images.mirrors.items():
        host = mirror.partition("/")[0]
        if host != "localhost" and "." not in host and ":" not in host:
            message = (
                f"is {mirror}, which clusters read as docker.io/{mirror}; give the registry's full domain or its port"
            )
            problems.add(stack.file, (*_MIRRORS, name), message)
    for each in (server, *(each for release in releases for each in release.images or ())):
        if "/" not in each.repository:
            message = f"is {each.repository}, which leaves no image name for {each.upstream}; include the path"
            problems.add(stack.file, (*_MIRRORS, each.mirror), message)
    if any(server.repository.startswith(f"{registry}/") for registry in stack.policy.registries):
        return
    listed = f"a registry that is not in spec.policy.registries ({', '.join(stack.policy.registries)})"
    if server.mirror:
        message = f"{stack.vllm.image} is then pulled from {server.repository}, {listed}"
        problems.add(stack.file, (*_MIRRORS, server.mirror), message)
    else:
        problems.add(stack.file, ("spec", "vllm", "image"), f"{stack.vllm.image} comes from {listed}")


def notes(locked: Mapping[str, str], server: Image, releases: Sequence[Release]) -> Iterator[str]:
    """Images that aren't pinned or aren't known, and pins that are for nothing."""
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
    for name in sorted(set(locked) - {each.upstream for each in (server, *platform)}):
        yield f"{IMAGES_LOCK} pins {name}, which the stack does not use; `gpuyard images --lock` rewrites it"
