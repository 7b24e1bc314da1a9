"""One blueprint's base and overlays: what its shapes have in common, and what each adds."""

from collections.abc import Mapping, Sequence
from os.path import commonprefix
from pathlib import PurePosixPath
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.render.labels import common_labels, without
from gpuyard.render.patches import common, patch, patchable
from gpuyard.resolve import Workload
from gpuyard.tree import HEADER, WEIGHTS, Tree, base, overlay, path_of

__all__ = ["blueprint", "by_file", "kustomization"]

Object = Mapping[str, Any]
Named = Mapping[str, Object]
"""Objects by the name of their file."""


def blueprint(workloads: Sequence[Workload], rendered: Sequence[Sequence[Object]]) -> Tree:
    """One blueprint's bases and overlays: one of each, and one more of what comes first, where something does."""
    tree: Tree = {}
    for part in ("", WEIGHTS):
        found = [_part(workload, objects, part) for workload, objects in zip(workloads, rendered, strict=True)]
        having = [(workload, objects) for workload, objects in zip(workloads, found, strict=True) if objects]
        if having:
            tree.update(_folders(part, having))
    return tree


def kustomization(
    resources: Sequence[str], patches: Sequence[Object] = (), labels: Mapping[str, str] | None = None
) -> str:
    """A kustomization.yaml; the labels are those of all its objects and of their pods, and never of a selector."""
    content: dict[str, Any] = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    if labels:
        content["labels"] = [{"pairs": dict(labels), "includeTemplates": True}]
    if resources:
        content["resources"] = list(resources)
    if patches:
        content["patches"] = list(patches)
    return yamlio.dump(content)


def _part(workload: Workload, found: Sequence[Object], part: str) -> Named:
    first = workload.first
    return by_file([obj for obj in found if bool(first and first.holds(obj)) == (part == WEIGHTS)])


def _folders(part: str, having: Sequence[tuple[Workload, Named]]) -> Tree:
    """The base of a part and the overlays of the shapes that have it."""
    workloads, rendered = zip(*having, strict=True)
    # Not its file, which may be renamed: the README leads to it.
    name, header = workloads[0].name, HEADER.format(source=f"the blueprint {workloads[0].name}")
    everywhere = {}
    for file in rendered[0]:
        if all(file in objects for objects in rendered) and (found := _common([objects[file] for objects in rendered])):
            everywhere[file] = found
    folder, labels = base(name, part), common_labels(list(everywhere.values()))
    tree = {path_of(f"{folder}/{file}"): header + yamlio.dump(without(obj, labels)) for file, obj in everywhere.items()}
    if everywhere:
        tree[path_of(f"{folder}/kustomization.yaml")] = header + kustomization(sorted(everywhere), labels=labels)
    for workload, full in having:
        tree.update(_overlay(overlay(workload.shape.name, name, part), folder, everywhere, full, header))
    return tree


def _overlay(folder: PurePosixPath, base: PurePosixPath, everywhere: Named, full: Named, header: str) -> Tree:
    added = {file: obj for file, obj in full.items() if file not in everywhere}
    changed = {file: change for file, obj in everywhere.items() if (change := patch(obj, full[file]))}
    targets = [_target(file, everywhere[file], change) for file, change in changed.items()]
    tree = {path_of(f"{folder}/{file}"): header + yamlio.dump(obj) for file, obj in {**added, **changed}.items()}
    below = ["/".join([".."] * len(folder.parts)) + f"/{base}"] if everywhere else []
    tree[path_of(f"{folder}/kustomization.yaml")] = header + kustomization([*below, *sorted(added)], targets)
    return tree


def _common(found: Sequence[Object]) -> Object | None:
    """What forms of one object have in common; None: they are different objects, or no patch tells them apart."""
    names = [obj["metadata"]["name"] for obj in found]
    forms = {(obj["apiVersion"], obj["kind"]) for obj in found}
    if len(forms) > 1 or not patchable(found):
        return None
    if len(set(names)) == 1:
        return common(found)
    if forms != {("batch/v1", "Job")}:
        return None
    # A Job that does something else has another name, for its pod can't be changed: the overlay gives it.
    content = common(found)
    name = commonprefix(names).rpartition("-")[0]
    return {**content, "metadata": {"name": name, **content.get("metadata", {})}} if name else None


def _target(file: str, base: Object, change: Object) -> Object:
    """A patch names its object by itself, but where it gives it another name."""
    name = base["metadata"]["name"]
    if change["metadata"]["name"] == name:
        return {"path": file}
    return {
        "path": file,
        "target": {"kind": change["kind"], "name": name},
        "options": {"allowNameChange": True},
    }


def by_file(found: Sequence[Object]) -> Named:
    """Each object under its kind; where a kind comes more than once, or is Kustomize's own, under its name too."""
    kinds = [str(obj["kind"]).lower() for obj in found]
    named: dict[str, Object] = {}
    for kind, obj in zip(kinds, found, strict=True):
        alone = kinds.count(kind) == 1 and kind != "kustomization"
        file = kind if alone else f"{kind}-{obj['metadata']['name']}"
        while f"{file}.yaml" in named:  # a kind in other letters
            file += "-more"
        named[f"{file}.yaml"] = obj
    return named
