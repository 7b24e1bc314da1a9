"""Models that flags name beside the one that is served: who downloads them?"""

from collections.abc import Iterator

from gpuyard.catalogue.flagvalues import mapping
from gpuyard.catalogue.vllm import rules
from gpuyard.fit.budget import Origin
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.resolve.inference.options import Options
from gpuyard.resolve.inference.server import Source
from gpuyard.resolve.inference.storage import downloads
from gpuyard.resolve.problems import Problems

__all__ = ["check", "named"]

_MODULE = "custom_class"
"""The way to draft whose model is a Python class."""


def check(blueprint: Blueprint[Inference], options: Options, source: Source, problems: Problems) -> None:
    """A server without the internet finds only what is on its volumes."""
    if source.kind is Origin.HF and not downloads(blueprint, source):
        return
    for path, name in named(options):
        if not name.startswith("/"):
            problems.add(
                blueprint.file,
                options.path("args", *path),
                f"the server has no access to Hugging Face, and {name} is not copied; "
                "give a path on a claim that it mounts (/models/… or /cache/…), or set storage.download: false",
            )


def named(options: Options) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The flag that names a model, where in it, and the name."""
    modules = options.args.get("spec-method") == _MODULE
    for place, words in rules()["repositories"].items():
        flag, _, key = place.partition(".")
        if flag in options.args and not (flag == "spec-model" and modules):
            for path, name in _names(options.args[flag], key):
                if isinstance(name, str) and name and name not in words:
                    yield (flag, *path), name


def _names(value: object, key: str) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """The values at a key of an object, or of each in a list; where it is written, as far as that has a line."""
    if not key:
        yield (), value
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from (((index, *path), name) for path, name in _names(entry, key))
    elif (read := mapping(value)) is not None:
        if read.get("method") != _MODULE:
            for each in (each for each in read if key in ("*", each.replace("-", "_"))):
                yield ((each,) if isinstance(value, dict) else ()), read[each]
    elif isinstance(value, str) and "=" in value:
        yield (), value.partition("=")[2]
