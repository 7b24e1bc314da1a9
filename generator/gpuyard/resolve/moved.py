"""The author's word that the stack has another name or namespace, once it isn't needed any more."""

from collections.abc import Iterator

from gpuyard.project.stack import Stack
from gpuyard.review.placed import Running

__all__ = ["notes"]


def notes(stack: Stack, running: Running) -> Iterator[str]:
    """What can be deleted."""
    if stack.moved is None:
        return
    for key, now, was, said in (
        ("name", stack.name, running.stack, stack.moved.name),
        ("namespace", stack.namespace, running.namespace, stack.moved.namespace),
    ):
        if said and was in ("", now):
            yield f"spec.moved.{key} has no effect: the clusters have the stack as {was or 'nothing yet'}; delete it"
    if stack.moved.engine is stack.engine:  # any other is in the README until its author deletes it
        yield f"spec.moved.engine has no effect: the stack has the engine {stack.engine.value}; delete it"
