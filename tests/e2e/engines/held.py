"""What an engine holds in a cluster: every object of which it manages fields, without what the cluster adds to it."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.cluster.api import Object
from tests.cluster.cluster import Cluster

__all__ = ["Held", "Shelf", "differing", "held", "uids"]

Held = Mapping[str, Object]
"""Objects by kind, namespace and name."""

_ENGINES = {"kustomize-controller", "helm-controller", "argocd-controller", "argocd-application-controller"}
_OWN = ("toolkit.fluxcd.io", "argoproj.io", "events", "events.k8s.io")
"""Kinds and groups of the engines' own objects."""
_HOMES = ("flux-system", "argocd")
_MARKS = ("kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "meta.helm.sh/", "argocd.argoproj.io/")
_CLUSTERS = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink", "finalizers")
_SET_LATER: Mapping[str, tuple[str, ...]] = {
    "Service": ("clusterIP", "clusterIPs"),
    "PersistentVolumeClaim": ("volumeName",),
    "Job": ("selector", "suspend"),
}
"""Fields of a spec that the API server or a controller chooses."""
_CHOSEN = ("controller-uid", "batch.kubernetes.io/controller-uid")
_BOUND = "pv.kubernetes.io/"
_REVISION = "deployment.kubernetes.io/revision"


class Shelf:
    """Where worlds leave for each other what they hold."""

    def __init__(self, directory: Path, patience: float = 600) -> None:
        self.patience = patience
        self._directory = directory

    def put(self, engine: str, objects: Held) -> None:
        """Leave it, whole."""
        written = self._directory / f"{engine}.new"
        written.write_text(json.dumps(objects), encoding="utf-8")
        written.replace(self._directory / f"{engine}.json")

    def get(self, engine: str) -> Held | None:
        """What was left; a world beside may still be at it."""
        file, end = self._directory / f"{engine}.json", time.monotonic() + self.patience
        while not file.exists():
            if time.monotonic() > end:
                return None
            time.sleep(1)
        objects: Held = json.loads(file.read_text(encoding="utf-8"))
        return objects


def held(cluster: Cluster) -> Held:
    """As it is applied; two engines that were given the same commit hold the same."""
    return {_named(each): _plain(each) for each in _objects(cluster)}


def uids(cluster: Cluster) -> Mapping[str, str]:
    """What shows that an object was not made anew."""
    return {_named(each): each["metadata"]["uid"] for each in _objects(cluster)}


def differing(ours: Held, theirs: Held) -> list[str]:
    """What isn't the same, by its path, and how."""
    return [line for name in sorted({*ours, *theirs}) for line in _paths(name, ours.get(name), theirs.get(name))]


def _paths(path: str, ours: Any, theirs: Any) -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            yield from _paths(f"{path} {key}", ours.get(key), theirs.get(key))
    elif ours != theirs:
        yield f"{path}: {str(ours)[:200]} and {str(theirs)[:200]}"


def _objects(cluster: Cluster) -> Iterator[Object]:
    kinds = cluster.kubectl("api-resources", "--verbs=list,patch", "-o", "name").split()
    ours = [kind for kind in kinds if not kind.endswith(_OWN)]
    listed = cluster.kubectl("get", ",".join(ours), "-A", "-o", "json", "--show-managed-fields", "--ignore-not-found")
    for each in json.loads(listed or '{"items": []}')["items"]:
        metadata = each["metadata"]
        managers = {field["manager"] for field in metadata.get("managedFields", ())}
        if metadata.get("namespace") in _HOMES:
            continue
        if managers & _ENGINES and "ownerReferences" not in metadata and each.get("type") != "helm.sh/release.v1":
            yield each


def _named(each: Object) -> str:
    metadata = each["metadata"]
    return f"{each['apiVersion']} {each['kind']} {metadata.get('namespace', '')}/{metadata['name']}"


def _plain(each: Object) -> Object:
    metadata = {key: value for key, value in each["metadata"].items() if key not in _CLUSTERS}
    for kind in ("labels", "annotations"):
        metadata[kind] = {key: value for key, value in metadata.get(kind, {}).items() if not _mark(key, value)}
    plain: dict[str, Any] = {key: value for key, value in each.items() if key not in ("status", "metadata")}
    if isinstance(spec := plain.get("spec"), dict):
        gone = _SET_LATER.get(each["kind"], ())
        plain["spec"] = {key: value for key, value in spec.items() if key not in (*gone, "caBundle")}
    for hook in plain.get("webhooks", ()):  # KEDA makes its own certificate in each cluster
        hook["clientConfig"].pop("caBundle", None)
    return {**plain, "metadata": metadata} if each["kind"] != "Job" else _unchosen({**plain, "metadata": metadata})


def _mark(key: str, value: str) -> bool:
    helms = key == "app.kubernetes.io/managed-by" and value != "gpuyard"  # Helm writes over what a chart says
    return key.startswith((*_MARKS, _BOUND)) or key in (*_CHOSEN, _REVISION) or helms


def _unchosen(job: Object) -> Object:
    """A Job's pods carry its uid."""
    labels = job["spec"]["template"]["metadata"]["labels"]
    job["spec"]["template"]["metadata"]["labels"] = {key: labels[key] for key in labels if key not in _CHOSEN}
    return job
