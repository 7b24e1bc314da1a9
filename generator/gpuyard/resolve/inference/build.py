"""Which vLLM a blueprint runs: its version, whose flags and metrics it has, and its image."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gpuyard.catalogue.flagrules import assumptions
from gpuyard.catalogue.images import Image
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.project.stack import Stack
from gpuyard.resolve import pulls
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Site

__all__ = ["Build", "build", "check", "notes"]

_PATH = ("spec", "vllm")
_OWN = re.compile(r"(?:.+/)?vllm/vllm-openai")
"""vLLM's own image, wherever a copy of it lies."""
_TAG = re.compile(r"v([0-9]+\.[0-9]+\.[0-9]+)(?:-.+)?")
"""Of a release: v0.32.0 or v0.32.0-cu129."""


@dataclass(frozen=True, slots=True)
class Build:
    """A vLLM: the version that it is checked by, and where it is pulled from."""

    version: str
    image: Image

    @property
    def released(self) -> bool:
        """It is vLLM's own release of that version, so that it has no flag that the version doesn't have."""
        return _release(self.image) == self.version


def build(blueprint: Blueprint[Inference], site: Site) -> Build:
    """The blueprint's own, else the stack's; a tag belongs to the version and image that are named with it."""
    own, stack = blueprint.spec.vllm, site.stack.vllm
    version = own.version or stack.version
    tag = own.tag or (None if own.version or own.image else stack.tag)
    return Build(version, site.image(own.image or stack.image, tag or f"v{version}"))


def check(blueprint: Blueprint[Inference], found: Build, stack: Stack, problems: Problems) -> None:
    """A tag that isn't the version's, and a registry that the stack doesn't allow."""
    own = blueprint.spec.vllm
    if (release := _release(found.image)) not in (None, found.version):
        message = f"{found.image.tag} is not vLLM {found.version}, by which flags are checked; set version: {release}"
        problems.add(blueprint.file if own.tag else stack.file, (*_PATH, "tag"), message)
    pulls.check_source(stack, found.image, blueprint.file if own.image else stack.file, (*_PATH, "image"), problems)


def notes(blueprint: Blueprint[Inference]) -> Iterator[str]:
    """What isn't known of a version of the blueprint's own."""
    if version := blueprint.spec.vllm.version:
        yield from (f"{blueprint.file}: {each}" for each in assumptions(version))


def _release(image: Image) -> str | None:
    """The version of a release of vLLM's own; None: it is none, or nobody can tell."""
    tag = _TAG.fullmatch(image.tag)
    return tag[1] if tag and _OWN.fullmatch(image.upstream.rpartition(":")[0]) else None
