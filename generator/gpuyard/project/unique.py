"""Two files must not describe the same thing: objects, metrics and routes are told apart by names."""

from collections.abc import Iterator, Mapping, Sequence

from gpuyard.doors.yamlio import Document, Path, show_path
from gpuyard.errors import Problem
from gpuyard.project.blueprint import Blueprint, Spec
from gpuyard.project.stack import Stack

__all__ = ["duplicates"]

_NAME: Path = ("metadata", "name")


def duplicates(
    stack: Stack, blueprints: Sequence[Blueprint[Spec]], documents: Mapping[str, Document]
) -> Iterator[Problem]:
    """Names that a blueprint or a cluster shares with one before it."""
    names: dict[str, str] = {}
    seen: dict[tuple[str, str], str] = {}
    for blueprint in blueprints:
        document = documents[blueprint.file]
        if blueprint.name in names:
            message = f"{blueprint.name} is {names[blueprint.name]}'s name already"
            yield Problem(document.at(_NAME), f"{show_path(_NAME)} {message}")
        for each in blueprint.spec.unique():
            # What the file doesn't say follows from the blueprint's name, which has been reported.
            path = each.path if each.path in document.places else _NAME
            other = seen.setdefault((each.what, each.value), blueprint.file)
            if other != blueprint.file and not (path == _NAME and blueprint.name in names):
                message = each.clash.replace("{other}", other)
                yield Problem(document.at(path), f"{show_path(path)}: {message}")
        names.setdefault(blueprint.name, blueprint.file)
    before: set[str] = set()
    for index, name in enumerate(cluster.name for cluster in stack.clusters):
        if name in before:
            where = documents[stack.file].at(("spec", "clusters", index, "name"))
            yield Problem(where, f"spec.clusters: two clusters are called {name}")
        before.add(name)
