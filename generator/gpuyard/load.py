"""Stage 1, load: a directory with stack.yaml and blueprints/ in, checked dataclasses out.

The only place that sees dicts from users. All problems of all files are reported at once.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from gpuyard import yamlio
from gpuyard.blueprint import Blueprint, blueprint_from
from gpuyard.errors import GpuyardError, InputError, Location, MissingError, Problem
from gpuyard.images import LOCK as IMAGES_LOCK
from gpuyard.schema import validate, with_defaults
from gpuyard.secrets import find_secrets
from gpuyard.stack import Stack, stack_from
from gpuyard.yamlio import Document

__all__ = ["Project", "Sources", "load", "parse", "parse_stack", "read", "schema"]

Sources = Mapping[str, bytes]
"""The user's files by the name that errors show."""

STACK_FILE = "stack.yaml"
BLUEPRINTS = "blueprints"
_FILE = re.compile(r"blueprints/[A-Za-z0-9][-A-Za-z0-9._]*")
"""Names that may stand in headers and in the README as they are: they come with a pull request, too."""
_ENOUGH = 1 << 20
"""Bytes; more than the reader accepts, less than a memory full."""


@dataclass(frozen=True, slots=True)
class Project:
    """The user's files, checked; `documents` keeps their positions, by file name."""

    stack: Stack
    blueprints: tuple[Blueprint, ...]
    digests: Mapping[str, str]
    """Of images, by name and tag: images.lock."""
    documents: Mapping[str, Document]

    def at(self, file: str, *path: str | int, key: bool = False) -> Location:
        """Where a value of a user's file stands, or its key."""
        return self.documents[file].at(path, key=key)


def load(directory: Path) -> Project:
    """The project in a directory; raises InputError with every problem found."""
    return parse(read(directory))


def parse_stack(sources: Sources) -> Stack:
    """The stack alone; where it is wrong, the problems of all files are raised."""
    documents, problems = _parse({STACK_FILE: sources[STACK_FILE]})
    if problems or _validate(documents):
        return parse(sources).stack
    return stack_from(with_defaults(documents[STACK_FILE].value, schema("stack")), STACK_FILE)


def parse(sources: Sources) -> Project:
    """The project in the files that `read` found; raises InputError with every problem found."""
    documents, problems = _parse(sources)
    problems += _validate(documents)
    if problems:
        raise InputError(problems)
    values = {name: with_defaults(doc.value, schema(_kind(name))) for name, doc in documents.items()}
    blueprints = tuple(
        sorted(
            (blueprint_from(value, name) for name, value in values.items() if _kind(name) == "blueprint"),
            key=lambda blueprint: blueprint.name,
        )
    )
    digests = values[IMAGES_LOCK]["images"] if IMAGES_LOCK in values else {}
    project = Project(stack_from(values[STACK_FILE], STACK_FILE), blueprints, digests, documents)
    if problems := _duplicates(project):
        raise InputError(problems)
    return project


@cache
def schema(kind: str) -> Mapping[str, Any]:
    """The JSON Schema of `blueprint`, `stack` or another kind of file."""
    text = (resources.files("gpuyard") / "schemas" / f"{kind}.schema.json").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = json.loads(text)
    return loaded


def _kind(name: str) -> str:
    return {STACK_FILE: "stack", IMAGES_LOCK: "images-lock"}.get(name, "blueprint")


def read(directory: Path) -> Sources:
    """stack.yaml, blueprints/*.yaml and images.lock as bytes, by the name that errors show."""
    if not directory.is_dir():
        raise MissingError(f"{directory}: no such directory")
    if not (directory / STACK_FILE).is_file():
        raise MissingError(f"{directory}: no {STACK_FILE} here; `gpuyard init DIR` makes a new repository")
    files = [directory / STACK_FILE, *sorted((directory / BLUEPRINTS).glob("*.y*ml"))]
    if len(files) == 1:
        raise MissingError(f"{directory / BLUEPRINTS}: no blueprints here; write one as blueprints/<name>.yaml")
    if os.path.lexists(directory / IMAGES_LOCK):
        files.append(directory / IMAGES_LOCK)
    return {file.relative_to(directory).as_posix(): _bytes(file, directory) for file in files}


def _bytes(file: Path, directory: Path) -> bytes:
    """A file's bytes; a link that leads out of the directory would show other people's files in errors."""
    if not file.resolve().is_relative_to(directory.resolve()):
        raise InputError([Problem(Location(str(file)), "is a link that leads out of the directory; use a plain file")])
    try:
        with file.open("rb") as stream:
            return stream.read(_ENOUGH)
    except OSError as error:
        raise GpuyardError(f"{file}: can't be read: {error.strerror}") from error


def _parse(sources: Sources) -> tuple[dict[str, Document], list[Problem]]:
    documents: dict[str, Document] = {}
    problems: list[Problem] = []
    for name, data in sources.items():
        if _kind(name) == "blueprint" and not _FILE.fullmatch(name):
            message = f"{name!a}: name the file with letters, digits, dashes, dots and underscores alone"
            problems.append(Problem(Location(BLUEPRINTS), message))
            continue
        try:
            documents[name] = yamlio.read(data, name)
        except InputError as error:
            problems += error.problems
    return documents, problems


def _validate(documents: Mapping[str, Document]) -> list[Problem]:
    return [
        problem
        for name, document in documents.items()
        for problem in [*validate(document, schema(_kind(name))), *find_secrets(document)]
    ]


def _duplicates(project: Project) -> list[Problem]:
    """Two files must not describe the same thing: objects are named after it."""
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    served: dict[str, str] = {}
    for blueprint in project.blueprints:
        if blueprint.name in seen:
            where = project.at(blueprint.file, "metadata", "name")
            problems.append(Problem(where, f"metadata.name {blueprint.name} is {seen[blueprint.name]}'s name already"))
        elif blueprint.served_name in served:
            problems.append(_served_twice(project, blueprint, served[blueprint.served_name]))
        seen.setdefault(blueprint.name, blueprint.file)
        served.setdefault(blueprint.served_name, blueprint.file)
    problems += _hosts(project)
    names = [cluster.name for cluster in project.stack.clusters]
    for index, name in enumerate(names):
        if name in names[:index]:
            where = project.at(STACK_FILE, "spec", "clusters", index, "name")
            problems.append(Problem(where, f"spec.clusters: two clusters are called {name}"))
    return problems


def _hosts(project: Project) -> Iterator[Problem]:
    """Two routes for all paths of one host: one of the models would get no request."""
    seen: dict[str, str] = {}
    for blueprint in project.blueprints:
        if blueprint.expose and blueprint.expose.host in seen:
            message = f"{blueprint.expose.host} leads to {seen[blueprint.expose.host]} already; give it another host"
            yield Problem(project.at(blueprint.file, "spec", "expose", "host"), f"spec.expose.host: {message}")
        elif blueprint.expose:
            seen[blueprint.expose.host] = blueprint.name


def _served_twice(project: Project, blueprint: Blueprint, other: str) -> Problem:
    """Metrics are told apart by this name: each would scale on the requests of both."""
    name, spec = blueprint.served_name, project.documents[blueprint.file].value["spec"]
    path = ("spec", "model", "servedName") if "servedName" in spec["model"] else ("metadata", "name")
    message = f"clients and metrics know the model of {other} by {name} already; give it another servedName"
    return Problem(project.at(blueprint.file, *path), f"{'.'.join(path)}: {message}")
