"""Stage 1, load: a directory with stack.yaml, blueprints/ and models/ in, checked dataclasses out.

The only place that sees dicts from users. Problems of all files are collected; files without any go on to `resolve`,
which reports them beside its own.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from gpuyard.catalogue.models import Model, catalogue
from gpuyard.doors import yamlio
from gpuyard.doors.cache import NOTHING, Cache, recall, remember
from gpuyard.doors.schema import untold, validate, with_defaults
from gpuyard.doors.yamlio import Document, show_path
from gpuyard.errors import MOST_PROBLEMS, InputError, Location, Problem
from gpuyard.project import ownmodels, podfiles, siteoverrides
from gpuyard.project.blueprint import Blueprint, Spec, blueprint_from
from gpuyard.project.formats import of_blueprint, schema
from gpuyard.project.imageslock import IMAGES_LOCK
from gpuyard.project.ownmodels import known
from gpuyard.project.secrets import find_in_comments, find_secrets
from gpuyard.project.stack import Stack, stack_from
from gpuyard.project.unique import duplicates
from gpuyard.project.userfiles import BLUEPRINTS, MODELS, MOST_BYTES, STACK_FILE, Sources, misplaced, read

__all__ = ["Project", "Sources", "bring", "load", "parse"]

_TOO_MUCH = f"is not read: the files of this repository have more than {MOST_BYTES >> 20} MiB together"


@dataclass(frozen=True, slots=True)
class Project:
    """The user's files, checked; `documents` keeps their positions, by file name."""

    sources: Sources
    stack: Stack
    blueprints: tuple[Blueprint[Spec], ...]
    digests: Mapping[str, str]
    """Of images, by name and tag: images.lock."""
    documents: Mapping[str, Document]
    problems: tuple[Problem, ...] = ()
    """What is wrong with other files, and between files; `resolve` goes on with those that are right."""
    sites: Mapping[str, Stack] = field(default_factory=dict)
    """By the name of each cluster that differs: the stack as it holds there."""
    broken: frozenset[str] = frozenset()
    """Blueprints that can't be asked about: names as far as they are known, and names of files."""
    models: Mapping[str, Model] = field(default_factory=catalogue)
    """All that blueprints can name: the catalogue's, and those of the user's files."""
    broken_models: frozenset[str] = frozenset()
    """By the names of their files."""
    more: int = 0
    """Problems that are not among `problems`."""
    unread: int = 0
    """Files that were not looked at any more."""

    def at(self, file: str, *path: str | int, key: bool = False) -> Location:
        """Where a value of a user's file stands, or its key."""
        return self.documents[file].at(path, key=key)


def load(directory: Path, cache: Cache = NOTHING) -> Project:
    """The project in a directory; raises InputError where the stack is wrong, and keeps other problems."""
    return bring(parse(*read(directory), cache), directory)


def bring(project: Project, directory: Path) -> Project:
    """With the files that its blueprints bring into their pods, which are sources, too, and what is wrong with them."""
    found, problems = dict(project.sources), list(project.problems)
    known: dict[str, bytes | str] = {}
    total = sum(map(len, found.values()))
    for blueprint in project.blueprints:
        size = 0
        for path, name in blueprint.spec.brought():
            if name not in known:
                known[name] = podfiles.read(directory, name) if total <= MOST_BYTES else _TOO_MUCH
                total += len(known[name])
            data = known[name]
            if isinstance(data, str):
                problems.append(Problem(project.at(blueprint.file, *path), f"{show_path(path)}: {name} {data}"))
            else:
                found[name], size = data, size + len(data)
        if size > podfiles.MOST_TOGETHER:
            path = ("spec", "serving", "files")
            message = f"{size} bytes are more than a ConfigMap holds; {podfiles.MOST_TOGETHER} at most"
            problems.append(Problem(project.at(blueprint.file, *path, key=True), f"{show_path(path)}: {message}"))
    return replace(project, sources=found, problems=tuple(problems))


def parse(sources: Sources, problems: Sequence[Problem] = (), cache: Cache = NOTHING) -> Project:
    """The project in the files that `read` found, with its problems; InputError where the stack is wrong."""
    before = _known(sources, cache)
    documents, new, told = _read({name: data for name, data in sources.items() if name not in before})
    found = [*told.problems, *problems]
    remember(cache, {_question(name, sources[name]): each for name, each in new.items()}, _written)
    both = {**before, **new}
    right = {name: both[name].document for name in sources if name in both}
    if STACK_FILE not in right:
        raise InputError(found, more=told.more, unread=told.unread)
    values = {name: both[name].value for name in right}
    blueprints = tuple(
        sorted(
            (blueprint_from(value, name) for name, value in values.items() if _kind(name) == "blueprint"),
            key=lambda blueprint: blueprint.name,
        )
    )
    digests = values[IMAGES_LOCK]["images"] if IMAGES_LOCK in values else {}
    unread = [*sources.keys() - right.keys(), *(problem.location.file for problem in problems)]
    broken = frozenset(_broken((name for name in unread if _kind(name) == "blueprint"), documents))
    models = known({name: value for name, value in values.items() if _kind(name) == "model"})
    broken_models = frozenset(PurePosixPath(name).stem for name in unread if _kind(name) == "model")
    stack = stack_from(values[STACK_FILE], STACK_FILE)
    found += duplicates(stack, blueprints, right)
    sites = siteoverrides.stacks(right[STACK_FILE], schema("stack"), stack)
    return Project(
        sources,
        stack,
        blueprints,
        digests,
        right,
        tuple(found),
        sites,
        broken,
        models,
        broken_models,
        told.more,
        told.unread,
    )


def _kind(name: str) -> str:
    other = "model" if name.startswith(f"{MODELS}/") else "blueprint"
    return {STACK_FILE: "stack", IMAGES_LOCK: "images-lock"}.get(name, other)


def _question(name: str, data: bytes) -> bytes:
    return b"document %s\0%s" % (os.fsencode(name), data)


class _Filled(NamedTuple):
    """A file in which nothing is wrong, and its value with the schema's defaults."""

    document: Document
    value: Any


def _filled(name: str, document: Document) -> _Filled:
    return _Filled(document, with_defaults(document.value, _schema(name, document)))


def _written(found: _Filled) -> bytes:
    return yamlio.written(found.document) + b"\n" + json.dumps(found.value).encode()


def _known(sources: Sources, cache: Cache) -> dict[str, _Filled]:
    """The files in which nothing was wrong when they were read before."""
    questions = {_question(name, data): name for name, data in sources.items()}
    return {questions[question]: filled for question, filled in recall(cache, questions, _read_again).items()}


def _read_again(answer: bytes) -> _Filled:
    document, _, value = answer.partition(b"\n")
    return _Filled(yamlio.read_again(document), json.loads(value))


@dataclass(slots=True)
class _Told:
    """What is wrong with files, as far as it is worth telling; the rest is counted."""

    problems: list[Problem] = field(default_factory=list)
    more: int = 0
    unread: int = 0


def _read(sources: Sources) -> tuple[dict[str, Document], dict[str, _Filled], _Told]:
    """Each file as it was read, each in which nothing is wrong, and what is; after enough of that, no more is read.

    The stack is the first of them.
    """
    documents: dict[str, Document] = {}
    right: dict[str, _Filled] = {}
    told = _Told()
    for name, data in sources.items():
        if len(told.problems) >= MOST_PROBLEMS:
            told.unread += 1
            continue
        if name not in (STACK_FILE, IMAGES_LOCK) and (message := misplaced(name)):
            told.problems.append(Problem(Location(MODELS if _kind(name) == "model" else BLUEPRINTS), message))
            continue
        try:
            documents[name] = document = yamlio.read(data, name)
        except InputError as error:
            told.problems += error.problems
            told.more += error.more
            continue
        if found := _breaches(name, document) or find_in_comments(name, data):
            told.problems += found
            told.more += untold(document, _schema(name, document)) if len(found) >= MOST_PROBLEMS else 0
        else:
            right[name] = _filled(name, document)
    return documents, right, told


def _breaches(name: str, document: Document) -> list[Problem]:
    found = validate(document, _schema(name, document))
    if not found and _kind(name) == "stack":
        found = list(siteoverrides.breaches(document, schema("stack")))
    if not found and _kind(name) == "model":
        found = list(ownmodels.breaches(document, name))
    return [*found, *find_secrets(document)]


def _schema(name: str, document: Document) -> Mapping[str, Any]:
    kind = _kind(name)
    return of_blueprint(document.value) if kind == "blueprint" else schema(kind)


def _broken(files: Iterable[str], documents: Mapping[str, Document]) -> Iterator[str]:
    """What others may call the blueprints in files with problems."""
    for file in files:
        yield PurePosixPath(file).stem
        value = documents[file].value if file in documents else None
        metadata = value.get("metadata") if isinstance(value, dict) else None
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if isinstance(name, str):
            yield name
