"""What a blueprint's flags, variables and values let its author do, which an entry of serving.unsafe has to name."""

from collections.abc import Iterator

from gpuyard.catalogue import chartpowers, flagpowers
from gpuyard.catalogue.flagrules import allowed, check_args, check_unsafe, needed
from gpuyard.doors.yamlio import Path
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.resolve.inference import hatch, options
from gpuyard.resolve.inference.build import Build
from gpuyard.resolve.inference.options import Options
from gpuyard.resolve.problems import Problems

__all__ = ["check", "listed"]

Fields = tuple[Path, str, str]
"""Where it is written, the entry that allows it, and what it allows."""


def check(blueprint: Blueprint[Inference], runs: Build, problems: Problems) -> None:
    """Flags and variables on every shape, the chart's values, and the entries that allow some of them."""
    unsafe, files, needs = blueprint.spec.serving.unsafe, _open_files(blueprint), set[str]()
    found = options.every(blueprint, runs.version)
    for each in found:
        wrong = check_args(each.given, each.env, unsafe, runs.version, released=runs.released, files=files)
        for place, message in wrong:
            problems.add(blueprint.file, each.path(*place), message, key=True)
        needs |= _of_shape(blueprint, each, runs).keys()
        for path, entry, allows in _given(blueprint, each.shape):
            if entry not in unsafe:
                problems.add(blueprint.file, path, allowed(entry, allows), key=True)
    given = {name for each in found for name in (*each.given, *each.env)} | set(hatch.variables(blueprint))
    given |= {*blueprint.spec.serving.files}
    for index, message in check_unsafe(unsafe, given, needs):
        problems.add(blueprint.file, ("spec", "serving", "unsafe", index), message)


def _of_shape(blueprint: Blueprint[Inference], own: Options, runs: Build) -> dict[str, str]:
    """The entries that it may have on a shape, and what each of them allows."""
    names = {*own.env, *hatch.variables_on(blueprint, own.shape)}
    found = needed(own.args, names, runs.version, released=runs.released, files=_open_files(blueprint))
    return {**found, **{entry: allows for _, entry, allows in _given(blueprint, own.shape)}}


def listed(blueprint: Blueprint[Inference], own: Options, runs: Build) -> dict[str, str]:
    """Those of them that its author has."""
    entries = {*map(flagpowers.entry, blueprint.spec.serving.unsafe)}
    return {each: allows for each, allows in _of_shape(blueprint, own, runs).items() if each in entries}


def _given(blueprint: Blueprint[Inference], shape: str) -> Iterator[Fields]:
    for layer in hatch.layers(blueprint, shape):
        for path, entry, allows in chartpowers.find(layer.values):
            yield (*layer.path, *path), entry, allows
    for name in blueprint.spec.serving.files:
        if (does := chartpowers.of_file(name)) is not None:
            yield ("spec", "serving", "files", name), name, does


def _open_files(blueprint: Blueprint[Inference]) -> frozenset[str]:
    """Paths of the pod that hold nothing secret."""
    files = blueprint.spec.serving.files
    return frozenset(path for path, each in files.items() if each.secret is None)
