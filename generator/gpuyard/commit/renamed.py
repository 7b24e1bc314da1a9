"""Would a cluster's objects get other names? An engine takes that for objects that leave, with all that they hold."""

import re

from gpuyard.commit.plan import Place
from gpuyard.errors import InputError, Problem
from gpuyard.project.load import Project
from gpuyard.project.stack import Names
from gpuyard.tree import PLATFORM, Tree

__all__ = ["check_names"]

_LAYER = re.compile(rf"\bname: (([-a-z0-9]+-)?{PLATFORM}-configs)$", re.MULTILINE)
"""The layer that every cluster has; no YAML is parsed that somebody may have edited."""


def check_names(project: Project, tree: Tree, place: Place) -> None:
    """InputError with the line that keeps the names that a place has now."""
    entries = [path for path in tree if path.parts[0] == "clusters"]
    found = [match for text in place.read(*entries).values() for match in _LAYER.finditer(text)]
    if not found:
        return
    had = Names.STACK if found[0][2] else Names.PLAIN
    if had is project.stack.names:
        return
    message = (
        f"spec.names: the clusters know {found[0][1]}, and would delete all that it and its like hold, every model "
        f"included, if they were called otherwise; keep their names with `names: {had.value}` in spec"
    )
    raise InputError([Problem(project.at(project.stack.file, "spec", "names"), message)])
