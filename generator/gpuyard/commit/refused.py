"""What a cluster refuses for certain, as problems of the files that ask for it."""

from collections.abc import Iterable, Iterator

from gpuyard.errors import Problem
from gpuyard.project.load import Project
from gpuyard.review.placed import Consequence

__all__ = ["refused"]


def refused(project: Project, found: Iterable[Consequence]) -> Iterator[Problem]:
    """One for each certain failure, where what asks for it stands, or would."""
    files = {blueprint.name: blueprint.file for blueprint in project.blueprints}
    for each in found:
        if each.certain_failure:
            where, *path = each.key or ("stack",)
            file = files.get(each.blueprint or "") if where == "blueprint" else None
            yield Problem(project.at(file or project.stack.file, *path), each.message)
