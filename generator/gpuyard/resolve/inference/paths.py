"""Paths in flags and variables at which a server would find nothing."""

import posixpath
import re
from collections.abc import Collection, Iterator

from gpuyard.catalogue import reach
from gpuyard.doors.yamlio import Path, show_path
from gpuyard.resolve.inference import hatch
from gpuyard.resolve.inference.build import build
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.inference.texts import Text, of_args, of_variables
from gpuyard.resolve.overrides import Values, nearest
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Site

__all__ = ["check"]

_WHOLE = re.compile(r"(?:[-\w.]+=)?(/[^\s{}<>\"'`$|;*?]*)")
"""A path, or a name and a path as lora-modules has them."""
_RELATIVE = re.compile(r"[-\w.]{1,80}(?:/[-\w.]{1,80}){0,9}", re.ASCII)
"""What is longer is a text of another kind."""
_VOLUMES = ("/cache", "/dev/shm", "/home/vllm", "/tmp")  # noqa: S108 - in pods
"""Of every server."""


def check(server: Server, site: Site, values: Values, problems: Problems) -> tuple[str, ...]:
    """A problem for each path with nothing there; a build of one's own may hold anything, so it only gets notes."""
    file, found = server.blueprint.file, dict.fromkeys(_unmounted(server, site, values))
    if not build(server.blueprint, site).released:
        return tuple(f"{file}: {show_path(path)}: {message}" for path, message in found)
    for path, message in found:
        problems.add(file, path, message)
    return ()


def _unmounted(server: Server, site: Site, values: Values) -> Iterator[tuple[Path, str]]:
    """Where a path is written, and what to do about it; `values` are what the chart gets."""
    there = [*_VOLUMES, *reach.paths()["image"], *_mounted(server, site, values)]
    for text in of_args(server.options.args):
        for path, written in _paths(text):
            if not _found(path, there):
                yield server.options.path("args", text.names[0]), _message(text, path, written)
    for text in of_variables(values):
        for path, written in _paths(text, variable=True):
            if not _found(path, there):
                yield _place(server, text.name), _message(text, path, written)


def _mounted(server: Server, site: Site, values: Values) -> Iterator[str]:
    """What not every server has."""
    yield from server.spec.serving.files
    yield from (posixpath.normpath(each["mountPath"]) for each in values.get("extraVolumeMounts", ()))
    if server.source.claim:
        yield "/models"
    if site.stack.network.ca:
        yield "/etc/trust"


def _found(path: str, there: Collection[str]) -> bool:
    """Below something, or a folder that holds something."""
    return any(path == each or path.startswith(f"{each}/") or each.startswith(f"{path}/") for each in there)


def _paths(text: Text, *, variable: bool = False) -> Iterator[tuple[str, str]]:
    """Each path that a text holds, from the root on, and as it is written."""
    rules = reach.paths()
    if any(reach.matched(name, rules["ignored"]) for name in text.names):
        return
    held = reach.matched(text.name, rules["held"])
    for part in text.value.split(":") if variable else [text.value]:
        if found := _WHOLE.fullmatch(part):
            if held or not variable or text.name.endswith(tuple(rules["endings"])):
                yield posixpath.normpath(found[1]), found[1]
        elif held and held not in rules["models"] and _RELATIVE.fullmatch(part):
            yield posixpath.normpath(f"{rules['folder']}/{part}"), part


def _place(server: Server, name: str) -> Path:
    """Of a variable: a key of its own, or an entry of a list of the chart's values."""
    if name in server.options.env:
        return server.options.path("env", name)
    return nearest(hatch.layers(server.blueprint, server.shape.name), ("extraEnv",))


def _message(text: Text, path: str, written: str) -> str:
    inside = f"{text.shown}: " if len(text.names) > 1 else ""
    known = reach.paths()
    where = written if path == written else f"{written}, which is {path} in vLLM's image"
    own = path if path == written else f"/etc/vllm/{posixpath.basename(path)}"
    site = " (authorities of the site: spec.network.ca in stack.yaml)" if text.name in known["authorities"] else ""
    return (
        f"{inside}nothing is mounted at {where}; bring the file by serving.files: {{{own}: {{file: FILE}}}} (of this "
        f"repository; or configMap or secret, and key){site}, or name one below /cache or /tmp"
    )
