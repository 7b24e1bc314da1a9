"""images.lock: the user's file that pins images by digest; `gpuyard images --lock` writes it."""

from collections.abc import Mapping

from gpuyard.doors import yamlio

__all__ = ["IMAGES_LOCK", "write_images_lock"]

IMAGES_LOCK = "images.lock"
"""The user's file beside stack.yaml; `gpuyard images --lock` writes it."""

_HEADER = """\
# Written by `gpuyard images --lock`, which asked the registries. Commit it: `gpuyard compile` pins images by it.
"""


def write_images_lock(digests: Mapping[str, str]) -> str:
    """The text of images.lock."""
    document = {"apiVersion": "gpuyard.dev/v1alpha1", "kind": "ImagesLock", "images": dict(sorted(digests.items()))}
    return _HEADER + yamlio.dump(document)
