"""What Argo CD reads: projects, and Applications of the platform's charts and layers and of each blueprint's parts."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from gpuyard import tree
from gpuyard.catalogue.argocd import facts
from gpuyard.catalogue.health import SCALED_OBJECT
from gpuyard.catalogue.platform import Layer, Release
from gpuyard.project.stack import Engine, Stack
from gpuyard.render import argosources
from gpuyard.render.engines import argogate, argohealth
from gpuyard.render.engines.argoapps import PART_OF, Application, named, projects
from gpuyard.render.engines.argofolder import READ, applies, beside, effect, own_files
from gpuyard.render.engines.argomoves import adopt, bare, forget, give, managers, remove, rename_danger, stop, suspend
from gpuyard.render.namespaces import first_of_each
from gpuyard.resolve import Resolved, Workload
from gpuyard.resolve.workload import KeyUse

__all__ = ["adopt", "applies", "bare", "beside", "by_hand", "cluster", "commands", "context", "effect", "fleet"]
__all__ += [
    "forget",
    "give",
    "managers",
    "needs",
    "own_files",
    "pace",
    "release",
    "remove",
    "rename_danger",
    "secrets",
    "stop",
    "suspend",
    "way_in",
]

Object = dict[str, Any]
Folders = Mapping[PurePosixPath, PurePosixPath]

_COMMON: Folders = {}
"""A cluster that has no folders of its own."""
_NAMESPACE = Engine.ARGOCD.namespace
_ENTRY = "entry.yaml"
_FLEET = "fleet.yaml"
_REPLICAS = {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}
"""The scaler's."""


def release(release: Release) -> list[Object]:
    """Nothing beside its layer: an Application is of one cluster, and all clusters have the same layers."""
    return []


def by_hand(stack: Stack, cluster: str) -> PurePosixPath:
    """Its entry isn't among what it syncs, so that no commit widens its own projects."""
    return tree.cluster(_FLEET) if stack.argocd.hub else tree.cluster(cluster) / _ENTRY


def pace() -> str:
    """Argo CD doesn't wait for one Application before another."""
    return "each as soon as what it needs is there"


def cluster(resolved: Resolved, cluster: str, folders: Folders = _COMMON) -> Mapping[str, list[Object]]:
    """The Applications of a cluster, by file name, and its own entry where no other cluster is its hub."""
    stack = resolved.stack
    found = {} if stack.argocd.hub else {_ENTRY: _entry(resolved, cluster)}
    applications = [*_charts(resolved, cluster), *_layers(resolved, cluster, folders)]
    found["platform.yaml"] = [each.built(stack, cluster) for each in applications]
    for workload in (each.workload for each in resolved.placements if each.cluster == cluster):
        parts = [each.built(stack, cluster) for each in _inference(stack, cluster, workload, folders)]
        found[f"{tree.SERVERS}-{workload.name}.yaml"] = parts
        if workload.first:
            here = tree.own(cluster, workload.name, argogate.FOLDER)
            weights = _folder(workload, tree.WEIGHTS, folders)
            made = argogate.gate(workload.name, weights, here, workload.first.sync_timeout)
            found[f"{workload.name}/{argogate.FOLDER}/kustomization.yaml"] = [made]
    return found


def fleet(resolved: Resolved) -> Mapping[str, list[Object]]:
    """The entry of all clusters, where the Argo CD of one cluster syncs them."""
    stack = resolved.stack
    if not stack.argocd.hub:
        return {}
    names = [each.name for each in stack.clusters]
    return {_FLEET: [*_settings(resolved, names), *projects(resolved, names), _application_set(stack)]}


def needs(stack: Stack, releases: Iterable[Release]) -> Iterator[str]:
    """Argo CD itself, the clusters that it has to know, and what it can't read from a Secret."""
    where = f"`{stack.argocd.hub}` syncs this cluster, and has " if stack.argocd.hub else ""
    yield (
        f"{where}Argo CD {facts().oldest} or newer, installed by `kubectl create namespace {_NAMESPACE}` and "
        "`kubectl apply "
        f"--server-side --force-conflicts --namespace {_NAMESPACE} -f install.yaml` (a client-side apply fails at its "
        "largest CRD), which tracks objects by annotation, as it does by default"
    )
    if stack.argocd.hub:
        yield (
            f"in `{stack.argocd.hub}`, a cluster Secret of this cluster's name (`argocd cluster add CONTEXT "
            "--name NAME`), "
            "also for the hub itself if models run there"
        )
    if project := stack.argocd.project:
        permitted = ", ".join(f"`{each}`" for each in project.namespaces)
        yield (
            f"the AppProject `{project.name}`, which permits this repository, the charts' repositories, the namespaces "
            f"{permitted} and the kinds that the charts make in none"
        )
    yield from argosources.needs(stack, releases)


def secrets(stack: Stack, releases: Iterable[Release]) -> Iterator[tuple[str, KeyUse]]:
    """Those of its sources."""
    yield from argosources.secrets(stack, releases)


def context(stack: Stack, cluster: str) -> str:
    """Where the Argo CD of a cluster runs."""
    return stack.argocd.hub or cluster


def commands(stack: Stack, cluster: str) -> Iterator[str]:
    """Labels of Secrets, authorities, and last the entry."""
    yield from argosources.labels(stack)
    yield from argosources.trusted(stack, context(stack, cluster))
    yield f"apply --server-side --field-manager gpuyard-{stack.name} -f {by_hand(stack, cluster)}"


def way_in(stack: Stack) -> str:
    """How a cluster comes to follow the stack, in Markdown."""
    entry = by_hand(stack, "<cluster>")
    made = "an ApplicationSet, which makes an Application for each" if stack.argocd.hub else "an Application for the"
    bounds = "" if stack.argocd.project else "AppProjects, outside of which nothing is applied, "
    return (
        f"The last command applies `{entry}`: {bounds}health checks (in Argo CD's own\n"
        f"ConfigMap `argocd-cm`; the rest of it stays as it is), and {made} folder\n"
        f"`{tree.cluster('<cluster>')}`, which from then on keeps it in step. Argo CD does not apply this file "
        "itself, so that no\n"
        "commit lifts its own limits: where a change rewrites it, `gpuyard compile` says so, and the last "
        "command has\n"
        "to be run again, because Argo CD refuses what the old one does not permit."
    )


def _entry(resolved: Resolved, cluster: str) -> list[Object]:
    """What is applied by hand, and by nothing else."""
    return [*_settings(resolved, [cluster]), *projects(resolved, [cluster]), _root(resolved.stack, cluster)]


def _settings(resolved: Resolved, clusters: Iterable[str]) -> list[Object]:
    """Of Argo CD itself."""
    sites = [resolved.at(name) for name in clusters]
    releases = [release for site in sites for release in site.releases]
    health = [SCALED_OBJECT, *(each for release in releases for each in release.health)]
    return [argohealth.settings(_NAMESPACE, health), *argosources.plain_http(resolved.stack, releases)]


def _root(stack: Stack, cluster: str) -> Object:
    """The Application of all the others of a cluster."""
    whole = Application(
        name=stack.name,
        project=_project(stack, stack.name),
        namespace=_NAMESPACE,
        sources=[_applications(stack, tree.cluster(cluster))],
        paths=[str(tree.cluster(cluster))],
    )
    return whole.built(stack, cluster, here=True)


def _applications(stack: Stack, folder: object) -> Object:
    return {**argosources.folder(stack, folder), "directory": {"include": f"{{{','.join(READ)}}}"}}


def _application_set(stack: Stack) -> Object:
    """One such Application for each folder of a cluster; a cluster that leaves keeps what it has."""
    depth = len(stack.folder.parts) + 1
    cluster = f"{{{{ index .path.segments {depth} }}}}"
    template = _root(stack, cluster)
    template["metadata"]["name"] = f"{stack.name}-{cluster}"
    template["spec"]["source"]["path"] = "{{ .path.path }}"
    template["metadata"]["annotations"]["argocd.argoproj.io/manifest-generate-paths"] = "."
    git = {
        "repoURL": stack.repository.url,
        "revision": stack.repository.branch,
        "directories": [{"path": str(stack.folder / "clusters" / "*")}],
    }
    metadata = {"name": stack.name, "namespace": _NAMESPACE, "labels": {PART_OF: stack.name}}
    spec = {
        "goTemplate": True,
        "goTemplateOptions": ["missingkey=error"],
        "generators": [{"git": git}],
        "syncPolicy": {"applicationsSync": "create-update", "preserveResourcesOnDeletion": True},
        "template": {"metadata": _of_template(template["metadata"]), "spec": template["spec"]},
    }
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "metadata": metadata, "spec": spec}


def _of_template(metadata: Object) -> Object:
    """All of them are in the ApplicationSet's own namespace."""
    return {key: value for key, value in metadata.items() if key != "namespace"}


def _project(stack: Stack, own: str) -> str:
    return stack.argocd.project.name if stack.argocd.project else own


def _charts(resolved: Resolved, cluster: str) -> Iterator[Application]:
    """A chart of the platform, at its locked version and by server-side apply, as its definitions are large."""
    stack = resolved.stack
    for each in resolved.releases:
        yield Application(
            name=named(stack, cluster, tree.PLATFORM, each.chart),
            project=_project(stack, stack.named(tree.PLATFORM)),
            namespace=each.namespace,
            sources=[argosources.chart(each)],
            prune=each.layer is not Layer.CRDS,
            # An operator looks once, when it starts, which of its kinds there are: prometheus-operator that is there
            # before its definitions runs for ever and makes no Prometheus.
            whole=True,
        )


def _layers(resolved: Resolved, cluster: str, folders: Folders) -> Iterator[Application]:
    """What of a layer isn't a chart: namespaces, and settings."""
    stack = resolved.stack
    filled = {each.layer for each in first_of_each(resolved.releases)} | {Layer.CONFIGS}
    for layer in resolved.layers:
        if layer not in filled:
            continue
        common = tree.platform(layer)
        folder = folders.get(common, common)
        yield Application(
            name=named(stack, cluster, tree.PLATFORM, layer),
            project=_project(stack, stack.named(tree.PLATFORM)),
            namespace=stack.namespace,
            sources=[argosources.folder(stack, folder)],
            paths=list(dict.fromkeys([str(common), str(folder)])),
            prune=layer is not Layer.CRDS,
        )


def _folder(workload: Workload, part: str, folders: Folders) -> PurePosixPath:
    common = tree.overlay(workload.shape.name, workload.name, part)
    return folders.get(common, common)


def _inference(stack: Stack, cluster: str, workload: Workload, folders: Folders) -> Iterator[Application]:
    """A blueprint of its own, so that one bad model blocks nothing else; what comes first of it, and the rest."""
    project, ignored = _project(stack, stack.named(tree.SERVERS)), []
    if SCALED_OBJECT in workload.health:
        ignored = [_REPLICAS]
    parts = ("", *([tree.WEIGHTS] if workload.first else []))
    for part in reversed(parts):
        folder, shape = _folder(workload, part, folders), workload.shape.name
        read = [folder, tree.overlay(shape, workload.name, part), tree.base(workload.name, part)]
        gated = workload.first and not part
        if gated:
            read.append(gate := tree.own(cluster, workload.name, argogate.FOLDER))
        sources = [folder, *([gate] if gated else [])]
        yield Application(
            name=named(stack, cluster, tree.SERVERS, workload.name, part),
            project=project,
            namespace=stack.namespace,
            sources=[_kustomized(stack, each) for each in sources],
            paths=list(dict.fromkeys(map(str, read))),
            # A Job that is replaced runs again, and only one that differs has to.
            options=["ApplyOutOfSyncOnly=true"] if part else [],
            ignored=[] if part else ignored,
        )


def _kustomized(stack: Stack, folder: PurePosixPath) -> Object:
    """As Flux's targetNamespace does it."""
    return {**argosources.folder(stack, folder), "kustomize": {"namespace": stack.namespace}}
