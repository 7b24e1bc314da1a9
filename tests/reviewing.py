"""A diff without a repository: the generated files of a base in memory, and who reads what of them."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.commit.lock import blob_id, lock_of
from gpuyard.commit.lockfile import write_locks
from gpuyard.doors.helm import Embedded, Helm
from gpuyard.pipeline import Compiled, difference, placements_of
from gpuyard.project.load import parse
from gpuyard.render import render
from gpuyard.resolve import resolve
from gpuyard.review.diff import Base, Diff
from gpuyard.review.placed import Running
from gpuyard.tree import Tree
from tests.projects import Values, merged, sources

__all__ = ["Held", "built", "compared", "running", "two"]

HELM = Embedded(shipped_charts())
BASE = Base("main", "0" * 40)


class Held:
    """A member of `Place`, and the paths that were read from it."""

    def __init__(self, tree: Mapping[PurePosixPath, str]) -> None:
        self.tree, self.reads = dict(tree), set[PurePosixPath]()

    def ids(self, paths: Iterable[PurePosixPath]) -> dict[PurePosixPath, str]:
        return {path: self.blob_id(self.tree[path].encode()) for path in paths if path in self.tree}

    def read(self, *paths: PurePosixPath) -> dict[PurePosixPath, str]:
        self.reads |= set(paths)
        return {path: self.tree[path] for path in paths if path in self.tree}

    def below(self, path: PurePosixPath) -> list[str]:
        return [str(each) for each in self.tree if each.is_relative_to(path)]

    def blob_id(self, data: bytes) -> str:
        return blob_id(data)

    def check_clear(self, written: Any, deleted: Any) -> None:
        raise AssertionError("a diff writes nothing")


def built(files: Mapping[str, bytes], helm: Helm = HELM, before: Running | None = None) -> Compiled:
    """Compiled, as the clusters of `before` would take it."""
    project = parse(files)
    resolved = resolve(project, before or Running())
    tree = render(resolved, shipped_charts(), helm)
    return Compiled(project, resolved, tree, "", placements_of(resolved, tree))


def running(compiled: Compiled) -> Running:
    return Running(compiled.resolved.stack.name, compiled.resolved.stack.namespace, compiled.placements)


def place(compiled: Compiled, changed: Mapping[str, str] | None = None) -> Held:
    """What a commit of it has, with some files as somebody else wrote them."""
    tree: Tree = {**compiled.tree, **write_locks(lock_of(compiled.tree, running(compiled)))}
    return Held({**tree, **{PurePosixPath(path): text for path, text in (changed or {}).items()}})


def compared(before: Compiled, after: Compiled, there: Held | None = None) -> Diff:
    return difference(after, there or place(before), running(before), BASE)


def two(old: Values, new: Values, old_stack: Values | None = None, new_stack: Values | None = None) -> Diff:
    """One blueprint, chat, before and after; the stack stays the same where the second isn't given."""
    stack = old_stack or {}
    before = built(sources(old, stack))
    after = built(sources(merged(old, new), merged(stack, new_stack or {})), before=running(before))
    return compared(before, after)
