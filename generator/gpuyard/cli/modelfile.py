"""A file of models/: its facts from a model's files and from options, checked before it is written."""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gpuyard.catalogue.checkpoint import Given, Read, open_checkpoint, read_facts
from gpuyard.doors import yamlio
from gpuyard.doors.plainfiles import NotPlainError, PlainFiles
from gpuyard.doors.schema import validate
from gpuyard.errors import InputError, Location, MissingError, OutputError, Problem
from gpuyard.project import ownmodels
from gpuyard.project.load import load
from gpuyard.project.userfiles import MODELS, STACK_FILE

__all__ = ["Origin", "read", "text", "write"]

_SOURCE = re.compile(r"hf://(?P<repository>[^/@]+/[^/@]+)(@(?P<revision>[0-9a-f]{40}))?")
_CACHED = re.compile(r"models--(?P<organisation>.+?)--(?P<model>.+)")
"""A folder of Hugging Face's own cache; below it, snapshots/<commit>."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model is from, and what its files don't say."""

    name: str
    repository: str | None
    revision: str | None
    licence: str | None
    gated: bool

    @classmethod
    def of(
        cls, path: Path, *, name: str | None, source: str | None, revision: str | None, licence: str | None, gated: bool
    ) -> "Origin":
        """From options, and else from the path: its last folder, or what Hugging Face's cache calls it."""
        folder = path.resolve() if path.is_dir() else path.resolve().parent
        repository, commit = _of_source(source, revision) if source or revision else _cached(folder)
        called = name or (repository or folder.name).rpartition("/")[2]
        return cls(_slug(called), repository, commit, licence, gated)

    @property
    def facts(self) -> dict[str, Any]:
        """The keys of the model file that the files don't have."""
        return {
            "name": self.name,
            **({"repository": self.repository} if self.repository else {}),
            **({"revision": self.revision} if self.revision else {}),
        }


def _of_source(source: str | None, revision: str | None) -> tuple[str | None, str | None]:
    found = _SOURCE.fullmatch(source or "")
    if found is None:
        problem = "must be hf://organisation/model@commit; other places of weights go into model.source of a blueprint"
        raise InputError([Problem(Location("--source"), problem if source else "is needed with --revision")])
    if revision and not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise InputError([Problem(Location("--revision"), "must be a commit, 40 digits of 0-9 and a-f")])
    return found["repository"], revision or found["revision"]


def _cached(folder: Path) -> tuple[str | None, str | None]:
    found = _CACHED.fullmatch(folder.parent.parent.name)
    if found is None or folder.parent.name != "snapshots":
        return None, None
    commit = folder.name if re.fullmatch(r"[0-9a-f]{40}", folder.name) else None
    return f"{found['organisation']}/{found['model']}", commit


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:80] or "model"


def read(path: Path, directory: Path | None, origin: Origin, given: Given) -> Read:
    """The whole model file; InputError with what is wrong. `directory` is the stack's, None: there is none."""
    version = None
    if directory is not None:
        if not (directory / STACK_FILE).is_file():
            raise MissingError(f"{directory}: no {STACK_FILE} here; give the directory of a stack, or --print")
        version = load(directory).stack.vllm.version
    found = read_facts(open_checkpoint(path), replace(given, version=version))
    facts = {
        **origin.facts,
        **found.facts,
        **({"gated": True} if origin.gated else {}),
        **({"licence": origin.licence} if origin.licence else {}),
        "source": "config.json and the headers or index of the weights, read by `gpuyard model add`",
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
    }
    _check(facts)
    return Read(facts, found.notes)


def _check(facts: Mapping[str, Any]) -> None:
    """By what holds for every file of models/."""
    name = f"{MODELS}/{facts['name']}.yaml"
    document = yamlio.read(text(facts).encode(), name)
    for each in list(validate(document, ownmodels.schema())) or list(ownmodels.breaches(document, name)):
        where = "--name" if each.message.startswith("name ") else name
        raise InputError([Problem(Location(where), each.message)])


def text(facts: Mapping[str, Any]) -> str:
    """As YAML."""
    return yamlio.dump(facts)


def write(directory: Path, facts: Mapping[str, Any]) -> Path:
    """Write models/NAME.yaml; OutputError where it is there already."""
    file = directory / MODELS / f"{facts['name']}.yaml"
    name = f"{MODELS}/{facts['name']}.yaml"
    try:
        with PlainFiles(directory) as files:
            if files.kind(name) is not None:
                raise OutputError(f"{file}: is there already; remove it first, or give another --name")
            files.replace(name, text(facts).encode())
    except NotPlainError as error:
        raise OutputError(f"{file}: cannot be written: {error}") from error
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror}") from error
    return file
