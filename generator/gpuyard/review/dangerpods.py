"""Rules about pods: what they may do, who may ask them, and what of them is not pinned."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gpuyard.review.dangerobjects import Told
from gpuyard.review.fields import ObjectChange, What
from gpuyard.review.served import containers

__all__ = ["found"]

Object = Mapping[str, Any]

_KEY = "VLLM_API_KEY"
_TAG = re.compile(r":v?(\d+)\.(\d+)(?:[.\d]*)(?:@|$)")
_DIGEST = "@sha256:"
_USUAL = frozenset({"readOnlyRootFilesystem is not true"})
"""What new pods may do without a word: CUDA's libraries need it on some shapes."""


def found(changes: Sequence[ObjectChange], unsafe: Sequence[str], removals: Mapping[str, str]) -> Iterator[Told]:
    """In the order of the objects; one that is gone is no danger here."""
    images = {image for each in changes for image in _images(each.old)}
    for each in changes:
        if each.what is What.REMOVED or not containers(each.new):
            continue
        told = [*_security(each), *_keys(each), *_pins(each), *_flags(each, unsafe, removals)]
        yield from ((rule, f"{each.identity}: {text}") for rule, text in told)
        new = (image for image in _images(each.new) if _DIGEST not in image and image not in images)
        yield from (("image-unpinned", image) for image in new)


def _images(obj: Object) -> list[str]:
    return [str(each["image"]) for each in containers(obj) if "image" in each]


def _security(each: ObjectChange) -> Iterator[Told]:
    known = set(_weak(each.old)) if each.old else set()
    for container, text in dict.fromkeys(_weak(each.new)):
        if (container, text) not in known and (each.old or text not in _USUAL):
            yield "security-loosened", f"{container}: {text}" if container else text


def _weak(obj: Object) -> Iterator[tuple[str, str]]:
    """What its pods may do that they need not, with the container."""
    pod = _pod(obj)
    own = pod.get("securityContext") or {}
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name) is True:
            yield "", f"{name} is true"
    if pod.get("automountServiceAccountToken") is not False:
        yield "", "automountServiceAccountToken is not false"
    for volume in pod.get("volumes") or ():
        if "hostPath" in volume:
            yield "", f"volume {volume.get('name')} is of the host"
    for container in containers(obj):
        name, context = str(container.get("name")), {**own, **(container.get("securityContext") or {})}
        yield from ((name, text) for text in _allowed(context))


def _allowed(context: Mapping[str, Any]) -> Iterator[str]:
    capabilities = context.get("capabilities") or {}
    if context.get("privileged") is True:
        yield "privileged is true"
    for key, wanted in (("allowPrivilegeEscalation", False), ("runAsNonRoot", True), ("readOnlyRootFilesystem", True)):
        if context.get(key) is not wanted:
            yield f"{key} is not {str(wanted).lower()}"
    if context.get("runAsUser") == 0:
        yield "runs as root"
    if "ALL" not in (capabilities.get("drop") or ()):
        yield "keeps capabilities of Linux"
    for each in capabilities.get("add") or ():
        yield f"gets the capability {each}"
    if (context.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "has no seccomp profile"


def _pod(obj: Object) -> Mapping[str, Any]:
    spec = obj.get("spec") or {}
    for key in ("jobTemplate", "template"):
        spec = spec[key].get("spec", {}) if isinstance(spec.get(key), dict) else spec
    return spec


def _keys(each: ObjectChange) -> Iterator[Told]:
    old, new = ({name for name in _named(obj) if name in (_KEY, "--api-key")} for obj in (each.old, each.new))
    if old and not new:
        yield "api-key-removed", f"no {sorted(old)[0]}"


def _named(obj: Object) -> Iterator[str]:
    """The flags, with their dashes, and the variables of its containers."""
    for container in containers(obj):
        yield from (str(each.get("name")) for each in container.get("env") or ())
        yield from (str(each).partition("=")[0] for each in container.get("args") or () if str(each).startswith("--"))


def _pins(each: ObjectChange) -> Iterator[Told]:
    old, new = (_unpinned(obj) for obj in (each.old, each.new))
    if new and not old:
        yield "model-unpinned", f"{new} has no --revision"


def _unpinned(obj: Object) -> str:
    """The model that vLLM loads from a hub at whatever revision is there; a path or URL isn't one."""
    for container in containers(obj):
        arguments = [str(each) for each in container.get("args") or ()]
        if list(container.get("command") or ())[:2] == ["vllm", "serve"] and arguments:
            hub = re.fullmatch(r"[\w.-]+/[\w.-]+", arguments[0])
            if hub and not any(each.startswith("--revision=") for each in arguments):
                return arguments[0]
    return ""


def _flags(each: ObjectChange, unsafe: Sequence[str], removals: Mapping[str, str]) -> Iterator[Told]:
    old = set(_named(each.old)) if each.old else set()
    for name in dict.fromkeys(_named(each.new)):
        plain = name.removeprefix("--")
        if name not in old and plain in unsafe:
            yield "unsafe-flag", name
        if name not in old and plain in removals and _before(_images(each.new), removals[plain]):
            yield "flag-removed", f"{name} is gone in vLLM {removals[plain]}"


def _before(images: Sequence[str], version: str) -> bool:
    """Whether one of the images is of an older minor version, by its tag."""
    wanted = tuple(int(part) for part in version.split(".")[:2])
    return any((int(tag[1]), int(tag[2])) < wanted for image in images if (tag := _TAG.search(image)))
