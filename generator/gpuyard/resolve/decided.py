"""What becomes of each blueprint, asked for by the files that it follows from: those that didn't change are known.

A workload follows from its own file and from all that isn't a blueprint; of the others it knows their names.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gpuyard.catalogue.shapes import Shape, catalogue
from gpuyard.doors.cache import Cache, recall, remember
from gpuyard.doors.schema import Records
from gpuyard.project.blueprint import Blueprint, Spec
from gpuyard.project.load import Project
from gpuyard.resolve.kinds import KINDS
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Site
from gpuyard.resolve.workload import Refusal, Workload

__all__ = ["Ahead", "Decided", "decide"]


@dataclass(frozen=True, slots=True)
class Decided:
    """A blueprint on the shapes of the stack."""

    workloads: tuple[Workload, ...]
    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...]
    """What is worth saying of it on any shape."""


_RECORDS = Records(Decided, {Shape: catalogue})


Ahead = Callable[[Project, Site, Sequence[str], Cache], None]
"""May have in the cache, by then, what becomes of the blueprints in some files."""


def decide(project: Project, site: Site, problems: Problems, cache: Cache, ahead: Ahead | None = None) -> list[Decided]:
    """Of every blueprint, in their order; what is wrong goes to `problems`, and then nothing is remembered."""
    common = _common(project, site)
    questions = [_question(common, blueprint, project) for blueprint in project.blueprints]
    known = recall(cache, questions, _RECORDS.read)
    missing = {question: each.file for each, question in zip(project.blueprints, questions, strict=True)}
    missing = {question: file for question, file in missing.items() if question not in known}
    if ahead and missing and not problems.raised():
        ahead(project, site, list(missing.values()), cache)
        known |= recall(cache, missing, _RECORDS.read)
    found, new = [], {}
    for blueprint, question in zip(project.blueprints, questions, strict=True):
        if (each := known.get(question)) is None:
            each = new[question] = _decided(blueprint, site, problems)
        found.append(each)
    if not problems.found:
        remember(cache, new, _RECORDS.written)
    return found


def _decided(blueprint: Blueprint[Spec], site: Site, problems: Problems) -> Decided:
    kind = KINDS[blueprint.kind]
    results = list(kind.workloads(blueprint, site, problems))
    return Decided(
        tuple(each for each in results if isinstance(each, Workload)),
        tuple(each for each in results if isinstance(each, Refusal)),
        () if problems.found else tuple(kind.notes(blueprint, site)),
    )


def _common(project: Project, site: Site) -> bytes:
    """All that `site` follows from: every file but the blueprints', and what they and broken models are called."""
    own = {blueprint.file for blueprint in project.blueprints}
    whole = hashlib.sha256(repr((sorted(site.blueprints), sorted(site.broken_models))).encode())
    for name, data in sorted(project.sources.items()):
        if name not in own:
            whole.update(repr((name, len(data))).encode() + data)
    return whole.digest()


def _question(common: bytes, blueprint: Blueprint[Spec], project: Project) -> bytes:
    return b"decided %s %s\0%s" % (common, blueprint.file.encode(), project.sources[blueprint.file])
