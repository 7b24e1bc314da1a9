"""base/ and overlays/: the objects of every blueprint, and what each shape adds to them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, groupby, islice
from pathlib import PurePosixPath
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.doors.cache import Cache
from gpuyard.doors.helm import Helm
from gpuyard.render.patches import common, patch
from gpuyard.resolve import Resolved, Workload
from gpuyard.tree import HEADER, SERVERS, Tree, base, overlay

__all__ = ["files", "kustomization", "objects"]

Object = Mapping[str, Any]
Named = Mapping[str, Object]
"""Objects by the name of their file."""

_AT_ONCE = 100
"""Blueprints whose objects are in memory."""
_BATCH = 12
"""Workloads that Helm renders at once: more are not faster."""


def files(resolved: Resolved, helm: Helm, cache: Cache) -> Tree:
    """base/<blueprint>/ and overlays/<shape>/<blueprint>/ of every workload, and a gathering file per shape."""
    tree: Tree = {}
    blueprints = [list(group) for _, group in groupby(resolved.workloads, key=lambda workload: workload.name)]
    # Helm renders outside Python's lock, or in processes of its own: two cores, half the time.
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(blueprints), _AT_ONCE):
            some = {_question(resolved, each, helm): each for each in blueprints[start : start + _AT_ONCE]}
            known = cache.read(some)
            new = {question: each for question, each in some.items() if question not in known}
            made = dict(zip(new, _rendered(resolved, list(new.values()), helm, pool), strict=True))
            cache.write({question: _written(each) for question, each in made.items()})
            for question in some:
                tree.update(made[question] if question in made else _read(known[question]))
    for shape in sorted({workload.shape.name for workload in resolved.workloads}):
        names = [workload.name for workload in resolved.workloads if workload.shape.name == shape]
        tree[overlay(shape) / "kustomization.yaml"] = HEADER.format(source="stack.yaml") + kustomization(names)
    return tree


def _question(resolved: Resolved, workloads: Sequence[Workload], helm: Helm) -> bytes:
    """All that a blueprint's files follow from, beside our own code."""
    first = workloads[0]
    values = [(workload.shape.name, workload.values) for workload in workloads]
    facts = (first.name, first.file, resolved.stack.namespace, helm.identity(first.chart), values)
    return b"blueprint " + json.dumps(facts, separators=(",", ":")).encode()


def _written(tree: Tree) -> bytes:
    return json.dumps({str(path): text for path, text in tree.items()}).encode()


def _read(answer: bytes) -> Tree:
    return {PurePosixPath(path): text for path, text in json.loads(answer).items()}


def _rendered(
    resolved: Resolved, blueprints: Sequence[Sequence[Workload]], helm: Helm, pool: ThreadPoolExecutor
) -> Iterator[Tree]:
    workloads = [workload for each in blueprints for workload in each]
    batches = [workloads[start : start + _BATCH] for start in range(0, len(workloads), _BATCH)]
    found = chain.from_iterable(pool.map(lambda batch: _objects(resolved, batch, helm), batches))
    for each in blueprints:
        yield _blueprint(each, [_by_file(objects) for objects in islice(found, len(each))])


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


def kustomization(resources: Sequence[str], patches: Sequence[Object] = ()) -> str:
    """A kustomization.yaml."""
    content: dict[str, Any] = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    if resources:
        content["resources"] = list(resources)
    if patches:
        content["patches"] = list(patches)
    return yamlio.dump(content)


def _blueprint(workloads: Sequence[Workload], rendered: Sequence[Named]) -> Tree:
    """One blueprint's base and overlays."""
    name, header = workloads[0].name, HEADER.format(source=workloads[0].file)
    # The Job that downloads has another name on another shape, since its pod can't be changed.
    shared = [file for file in rendered[0] if len({_name(objects, file) for objects in rendered}) == 1]
    everywhere = {file: common([objects[file] for objects in rendered]) for file in shared}
    folder = base(name)
    tree = {folder / file: header + yamlio.dump(obj) for file, obj in everywhere.items()}
    tree[folder / "kustomization.yaml"] = header + kustomization(sorted(everywhere))
    for workload, full in zip(workloads, rendered, strict=True):
        tree.update(_overlay(workload, everywhere, full, header))
    return tree


def _overlay(workload: Workload, everywhere: Named, full: Named, header: str) -> Tree:
    folder = overlay(workload.shape.name, workload.name)
    added = {file: obj for file, obj in full.items() if file not in everywhere}
    changed = {file: change for file, obj in everywhere.items() if (change := patch(obj, full[file]))}
    tree = {folder / file: header + yamlio.dump(obj) for file, obj in {**added, **changed}.items()}
    resources = [f"../../../base/{workload.name}", *sorted(added)]
    tree[folder / "kustomization.yaml"] = header + kustomization(resources, [{"path": file} for file in changed])
    return tree


def _name(found: Named, file: str) -> str | None:
    return str(found[file]["metadata"]["name"]) if file in found else None


def _by_file(found: Sequence[Object]) -> Named:
    """Each object under its kind; where a kind comes more than once, under its name too."""
    kinds = [obj["kind"] for obj in found]
    named = {}
    for obj in found:
        kind = str(obj["kind"]).lower()
        several = kinds.count(obj["kind"]) > 1
        named[f"{kind}-{obj['metadata']['name']}.yaml" if several else f"{kind}.yaml"] = obj
    return named
