"""What engines call a workload: names that are labels of all objects that belong to it, too."""

from collections.abc import Iterable

from gpuyard.project.stack import Engine, Stack
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.workload import Workload
from gpuyard.tree import SERVERS, WEIGHTS

__all__ = ["check"]

_LONGEST = 63
"""Characters of a label's value, https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/."""


def check(stack: Stack, workloads: Iterable[Workload], problems: Problems) -> None:
    """Names that are too long with the stack's in front: no object of theirs would be accepted."""
    if stack.engine is not Engine.FLUX:  # Argo CD has its names in an annotation
        return
    for workload in workloads:
        name = stack.named(SERVERS, workload.name, WEIGHTS if workload.first else "")
        if len(name) > _LONGEST:
            most = len(workload.name) - (len(name) - _LONGEST)
            message = (
                f"{stack.engine.product} would call it {name}, which has {len(name)} characters, and {_LONGEST} are "
                f"the most for a label; with {stack.name} in front, use a name of at most {most}"
            )
            problems.add(workload.file, ("metadata", "name"), message)
