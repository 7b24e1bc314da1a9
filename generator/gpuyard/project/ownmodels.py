"""Models of the user's own: the files of models/, which blueprints name like the entries of the catalogue."""

from collections import ChainMap
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import PurePosixPath
from typing import Any, cast

from gpuyard.catalogue import datafiles
from gpuyard.catalogue.models import Model, catalogue, impossible, model_from
from gpuyard.doors.yamlio import Document
from gpuyard.errors import Problem
from gpuyard.project.userfiles import MODELS

__all__ = ["OVERRIDE", "architecture", "breaches", "files", "known", "schema"]

OVERRIDE = "override"
_OVERRIDE = {
    "type": "boolean",
    "default": False,
    "description": "Take the place of the catalogue's model of the same name.",
}


_CATALOGUE = ("variantOf",)
"""Keys that are read in the catalogue only."""


@cache
def architecture() -> Mapping[str, Any]:
    """The JSON Schema of a model's facts in a blueprint."""
    whole = {key: part for key, part in datafiles.schema("model").items() if key not in ("$schema", "$id", "title")}
    return {**whole, "properties": {key: part for key, part in whole["properties"].items() if key not in _CATALOGUE}}


@cache
def schema() -> Mapping[str, Any]:
    """The JSON Schema of a file in models/."""
    whole, facts = datafiles.schema("model"), architecture()["properties"]
    return {**whole, "properties": {**facts, OVERRIDE: _OVERRIDE}}


def breaches(document: Document, file: str) -> Iterator[Problem]:
    """What a schema can't say of a file that it accepts."""
    value = document.value
    for path, message in impossible(value):
        yield document.problem(path, message)
    name, stem = value["name"], PurePosixPath(file).stem
    if name != stem:
        yield document.problem(("name",), f"must be the file's: {stem}")
    elif name in catalogue() and not value.get(OVERRIDE):
        message = f"{name} is a model of the catalogue; give yours another, or add {OVERRIDE}: true to replace it"
        yield document.problem(("name",), message)
    elif name not in catalogue() and value.get(OVERRIDE):
        yield document.problem((OVERRIDE,), f"has nothing to replace: the catalogue has no {name}; remove it")


def files(documents: Mapping[str, Document]) -> Mapping[str, str]:
    """The files of models, by the model's name."""
    return {PurePosixPath(name).stem: name for name in documents if name.startswith(f"{MODELS}/")}


def known(own: Mapping[str, Any]) -> Mapping[str, Model]:
    """All models that blueprints can name; `own` are the values of the user's files."""
    return ChainMap({value["name"]: model_from(value) for value in own.values()}, cast(dict[str, Model], catalogue()))
