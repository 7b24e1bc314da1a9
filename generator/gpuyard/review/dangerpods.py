"""Rules about pods: what they may do, who may ask them, and what of them is not pinned."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gpuyard.review.fields import ObjectChange, Told, What
from gpuyard.review.podrights import weak
from gpuyard.review.podspecs import containers_of, images_of, pod_specs
from gpuyard.review.unpinned import unpinned

__all__ = ["found"]

Object = Mapping[str, Any]

_KEYS = frozenset({"--api-key", "VLLM_API_KEY"})
_KEY_FILE = "/etc/vllm/api-key.yaml"
_TAG = re.compile(r":v?(\d+\.\d+)[-+.\w]*(?:@|$)")
_DIGEST = "@sha256:"
_USUAL = frozenset({"readOnlyRootFilesystem is not true"})
"""What new pods may do without a word: CUDA's libraries need it on some shapes."""


def found(
    changes: Sequence[ObjectChange], unsafe: Sequence[str], removals: Mapping[str, str], version: str = ""
) -> Iterator[Told]:
    """In the order of the objects; one that is gone is no danger here."""
    images = {image for each in changes for image in images_of(each.old)}
    for each in changes:
        if each.what is What.REMOVED or not any(pod_specs(each.new)):
            continue
        told = [*_security(each), *_keys(each), *_pins(each), *_flags(each, unsafe, removals, version)]
        yield from ((rule, f"{each.identity}: {text}") for rule, text in told)
        new = (image for image in images_of(each.new) if _DIGEST not in image and image not in images)
        yield from (("image-unpinned", image) for image in new)


def _containers(obj: Object) -> list[Mapping[str, Any]]:
    return [each for pod in pod_specs(obj) for each in containers_of(pod)]


def _security(each: ObjectChange) -> Iterator[Told]:
    known = set(weak(each.old)) if each.old else set()
    for container, text in dict.fromkeys(weak(each.new)):
        if (container, text) not in known and (each.old or text not in _USUAL):
            yield "security-loosened", f"{container}: {text}" if container else text


def _keys(each: ObjectChange) -> Iterator[Told]:
    if _asks(each.old) and not _asks(each.new):
        yield "api-key-removed", "nothing asks clients for a key"


def _asks(obj: Object) -> bool:
    """By a flag, a variable, or the file that charts/vllm has it in."""
    given = (str(word) for container in _containers(obj) for word in container.get("args") or ())
    return not _KEYS.isdisjoint(_named(obj)) or _KEY_FILE in given


def _named(obj: Object) -> Iterator[str]:
    """The flags, with their dashes, and the variables of its containers."""
    for container in _containers(obj):
        yield from (str(each.get("name")) for each in container.get("env") or ())
        yield from (str(each).partition("=")[0] for each in container.get("args") or () if str(each).startswith("--"))


def _pins(each: ObjectChange) -> Iterator[Told]:
    old = set(unpinned(_commands(each.old)))
    yield from (("model-unpinned", text) for text in dict.fromkeys(unpinned(_commands(each.new))) if text not in old)


def _commands(obj: Object) -> Iterator[list[str]]:
    """What each container runs, with its arguments."""
    for container in _containers(obj):
        yield [str(each) for key in ("command", "args") for each in container.get(key) or ()]


def _flags(each: ObjectChange, unsafe: Sequence[str], removals: Mapping[str, str], version: str) -> Iterator[Told]:
    old = set(_named(each.old)) if each.old else set()
    other = {key.strip("[]") for change in each.fields for key in change.keys}
    for name in dict.fromkeys(_named(each.new)):
        plain = name.removeprefix("--")
        if plain in unsafe and (name not in old or name in other):
            yield "unsafe-flag", name if name not in old else f"{name} has another value"
        gone = removals.get(plain) or removals.get(plain.removeprefix("no-"))
        if name not in old and gone and _before(each.new, gone, version):
            yield "flag-removed", f"{name} is gone in vLLM {gone}"


def _before(obj: Object, removal: str, version: str) -> bool:
    """Whether it runs an older minor version: the one that the stack says, or else by the tags of its images."""
    tags = [version] if version else [tag[1] for image in images_of(obj) if (tag := _TAG.search(image))]
    return any(_minor(tag) < _minor(removal) for tag in tags)


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
