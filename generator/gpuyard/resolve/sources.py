"""Which model a blueprint means, and where its weights are."""

from gpuyard import models
from gpuyard.blueprint import Blueprint, ModelRef
from gpuyard.errors import InputError, Location
from gpuyard.models import Model
from gpuyard.names import nearest
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.workload import Source

__all__ = ["find"]

Path = tuple[str | int, ...]


def find(blueprint: Blueprint, reference: ModelRef, path: Path, problems: Problems) -> tuple[Model, Source] | None:
    """The model that a reference names and the source of its weights; None when a problem was noted."""
    model = _model(blueprint, reference, path, problems)
    if model is None:
        return None
    source = _source(model, reference)
    if source is None:
        problems.add(
            blueprint.file,
            path,
            "says nothing about where the weights are; add source: hf://organisation/model@commit",
        )
        return None
    return model, source


def _model(blueprint: Blueprint, reference: ModelRef, path: Path, problems: Problems) -> Model | None:
    if reference.architecture is not None:
        try:
            return models.model_from(reference.architecture, Location(blueprint.file))
        except InputError as error:
            for problem in error.problems:
                problems.add(blueprint.file, (*path, "architecture"), problem.message)
            return None
    if reference.name is None:
        problems.add(blueprint.file, path, "names no model; give name (a catalogue entry) or architecture (its facts)")
        return None
    if reference.name not in models.catalogue():
        message = f"{reference.name} is not in the catalogue; {nearest(reference.name, models.catalogue())}"
        problems.add(blueprint.file, (*path, "name"), f"{message}, or give the model's facts as architecture")
        return None
    return models.catalogue()[reference.name]


def _source(model: Model, reference: ModelRef) -> Source | None:
    """hf://repository@revision or pvc://claim/path; the schema has checked the form."""
    if reference.source is None:
        return Source(model.repository, model.revision, None, None) if model.repository else None
    scheme, _, rest = reference.source.partition("://")
    if scheme == "hf":
        repository, _, revision = rest.partition("@")
        return Source(repository, revision or None, None, None)
    claim, _, path = rest.partition("/")
    return Source(None, None, claim, path or None)
