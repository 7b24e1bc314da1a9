"""base/ and overlays/: the objects of every blueprint, and what each shape adds to them; and the charts' values."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, groupby, islice
from typing import Any

from gpuyard.doors.cache import NOTHING, Cache, recall, remember, written
from gpuyard.doors.helm import Helm
from gpuyard.render.charts import servers
from gpuyard.render.overlays import blueprint
from gpuyard.resolve import Resolved, Workload
from gpuyard.review.patched import refuse, unmatched
from gpuyard.tree import SERVERS, Tree, path_of

__all__ = ["files", "objects"]

_AT_ONCE = 100
"""Blueprints whose objects are in memory."""
_BATCH = 8
"""Blueprints that Helm renders at once, with all of their shapes: more are not faster."""
_BETWEEN = "\0"
"""Paths and texts of what is remembered: neither has one in it, and JSON takes twice as long to read."""


def files(resolved: Resolved, helm: Helm, cache: Cache) -> Tree:
    """base/<blueprint>/ and overlays/<shape>/<blueprint>/ of every workload, and its values where there are charts.

    InputError with each patch that matches no object: of what is remembered, there is none.
    """
    tree: Tree = {}
    lost: list[str] = []
    blueprints = [list(group) for _, group in groupby(resolved.workloads, key=lambda workload: workload.name)]
    # Helm renders outside Python's lock, or in processes of its own: two cores, half the time.
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(blueprints), _AT_ONCE):
            some = {_question(resolved, each, helm): each for each in blueprints[start : start + _AT_ONCE]}
            known = recall(cache, some, _read)
            new = {question: each for question, each in some.items() if question not in known}
            made = dict(zip(new, _rendered(resolved, list(new.values()), helm, pool), strict=True))
            lost += chain.from_iterable(map(unmatched, made.values()))
            remember(NOTHING if lost else cache, made, _written)
            for question in some:
                tree.update(made[question] if question in made else known[question])
    refuse(lost, resolved.stack.file)
    return tree


def _question(resolved: Resolved, workloads: Sequence[Workload], helm: Helm) -> bytes:
    """All that a blueprint's files follow from, beside our own code."""
    first = workloads[0]
    values = [(each.shape.name, each.values, sorted(each.first.components) if each.first else ()) for each in workloads]
    stack = resolved.stack
    facts = (first.name, stack.namespace, first.chart, stack.repository.charts, helm.identity(first.chart), values)
    return b"blueprint " + written(facts)


def _written(tree: Tree) -> bytes:
    return _BETWEEN.join(part for path, text in tree.items() for part in (str(path), text)).encode()


def _read(answer: bytes) -> Tree:
    parts = answer.decode().split(_BETWEEN)
    if not all(parts[::2]):
        raise ValueError("no files of a blueprint")
    return dict(zip(map(path_of, parts[::2]), parts[1::2], strict=True))


def _rendered(
    resolved: Resolved, blueprints: Sequence[Sequence[Workload]], helm: Helm, pool: ThreadPoolExecutor
) -> Iterator[Tree]:
    batches = [blueprints[start : start + _BATCH] for start in range(0, len(blueprints), _BATCH)]
    found = chain.from_iterable(pool.map(lambda some: _objects(resolved, list(chain(*some)), helm), batches))
    for each in blueprints:
        tree = blueprint(each, list(islice(found, len(each))))
        if resolved.stack.repository.charts:
            for workload in each:
                tree.update(servers.values(workload.shape.name, workload))
        yield tree


def _objects(resolved: Resolved, workloads: Sequence[Workload], helm: Helm) -> list[list[dict[str, Any]]]:
    """The same of several workloads."""
    found = []
    for chart, group in groupby(workloads, key=lambda workload: workload.chart):
        values = [workload.values for workload in group]
        found += helm.render_all(chart, values, release=SERVERS, namespace=resolved.stack.namespace)
    return found


def objects(resolved: Resolved, workload: Workload, helm: Helm) -> list[dict[str, Any]]:
    """The final objects of a blueprint on a shape."""
    # The release that `helm template inference charts/inference` makes: both must give the same objects.
    return helm.render(workload.chart, workload.values, release=SERVERS, namespace=resolved.stack.namespace)
