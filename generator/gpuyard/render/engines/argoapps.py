"""Applications and what bounds them: a project names repositories, namespaces and kinds, and nothing else passes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gpuyard.catalogue.argocd import facts
from gpuyard.catalogue.platform import Layer, Release
from gpuyard.project.stack import Engine, Stack
from gpuyard.render import argosources
from gpuyard.resolve import Resolved
from gpuyard.tree import PLATFORM, SERVERS

__all__ = ["CLUSTER", "PART_OF", "RETRY", "Application", "destination", "named", "namespaces", "projects", "roots"]

Object = dict[str, Any]
Kinds = Mapping[str, Sequence[str]]

PART_OF = "app.kubernetes.io/part-of"
"""By which all Applications of a stack are found."""
CLUSTER = "gpuyard.dev/cluster"
"""By which those of a cluster are."""
_API = "argoproj.io/v1alpha1"
_NAMESPACE = Engine.ARGOCD.namespace
_HERE = "https://kubernetes.default.svc"
_FINALIZER = "resources-finalizer.argocd.argoproj.io"
_OPTIONS = ("ServerSideApply=true", "RespectIgnoreDifferences=true")
_SKIP = "SkipDryRunOnMissingResource=true"
# Without an end, and each time with the newest commit: a limit that is used up waits for the next commit, and one
# without `refresh` never takes it.
RETRY = {"limit": -1, "refresh": True, "backoff": {"duration": "10s", "factor": 2, "maxDuration": "1m"}}
_DEFINITIONS = {"apiextensions.k8s.io": ("CustomResourceDefinition",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What one Application of a stack syncs to one cluster, and how."""

    name: str
    project: str
    namespace: str
    sources: Sequence[Object]
    paths: Sequence[str] = ()
    """Folders of the stack whose change refreshes it; none: it reads no folder."""
    prune: bool = True
    """Whether what leaves it is deleted, and all with it."""
    whole: bool = False
    """Whether nothing of it is applied before all its kinds are known."""
    options: Sequence[str] = ()
    ignored: Sequence[Object] = ()
    """Fields that others write."""

    def built(self, stack: Stack, cluster: str, *, here: bool = False) -> Object:
        """The object; `here`: its objects are Argo CD's own, where it runs itself."""
        below = ";".join(f"/{stack.folder / path}" for path in self.paths)
        spec: Object = {
            "project": self.project,
            "destination": {
                **({"server": _HERE} if here else destination(stack, cluster)),
                "namespace": self.namespace,
            },
            **({"sources": list(self.sources)} if self.sources[1:] else {"source": self.sources[0]}),
            "syncPolicy": {
                "automated": {"enabled": True, "prune": self.prune, "selfHeal": True},
                "syncOptions": [*_OPTIONS, *([] if self.whole else [_SKIP]), *self.options],
                "retry": RETRY,
            },
            **({"ignoreDifferences": list(self.ignored)} if self.ignored else {}),
        }
        metadata = {
            "name": self.name,
            "namespace": _NAMESPACE,
            "labels": {PART_OF: stack.name, CLUSTER: cluster},
            "annotations": {
                "argocd.argoproj.io/compare-options": "ServerSideDiff=true",
                **({"argocd.argoproj.io/manifest-generate-paths": below} if below else {}),
            },
            # What it made is deleted with it, as it would be without Argo CD; its own entry never goes.
            **({"finalizers": [_FINALIZER]} if self.prune and not here else {}),
        }
        return {"apiVersion": _API, "kind": "Application", "metadata": metadata, "spec": spec}


def named(stack: Stack, cluster: str, *parts: str) -> str:
    """What an Application is called; with those of other clusters beside it, by its cluster, too."""
    return stack.named(*([cluster] if stack.argocd.hub else []), *parts)


def roots(stack: Stack) -> list[str]:
    """The Applications of all others: one, or with a hub one for each cluster."""
    return [f"{stack.name}-{each.name}" for each in stack.clusters] if stack.argocd.hub else [stack.name]


def destination(stack: Stack, cluster: str) -> Object:
    """A cluster as Argo CD knows it: itself, or by the name of a cluster Secret."""
    return {"name": cluster} if stack.argocd.hub else {"server": _HERE}


def namespaces(stack: Stack, releases: Iterable[Release]) -> list[str]:
    """Where the platform and its settings are."""
    found = [stack.namespace]
    for release in releases:
        found += [release.namespace, *release.outside_namespaces]
    return list(dict.fromkeys(found))


def projects(resolved: Resolved, clusters: Sequence[str]) -> list[Object]:
    """Three of the stack: for its Applications, the platform, and the models; none where the stack names one."""
    stack = resolved.stack
    if stack.argocd.project:
        return []
    sites = [resolved.at(cluster) for cluster in clusters]
    releases = [release for site in sites for release in site.releases]
    url = stack.repository.url
    here = [{"server": _HERE, "namespace": _NAMESPACE}]
    everywhere = _destinations(stack, clusters, namespaces(stack, releases))
    platform = _merged([{"": ["Namespace"]}, *(_kinds(release) for release in releases)])
    charts, models = argosources.repositories(stack, releases), _destinations(stack, clusters, [stack.namespace])
    return [
        _project(stack, "Applications", stack.name, [url], here, {}, {"argoproj.io": ["Application"]}),
        _project(stack, "The platform", stack.named(PLATFORM), charts, everywhere, platform),
        _project(stack, "The models", stack.named(SERVERS), [url], models, _merged(_added(resolved))),
    ]


def _project(
    stack: Stack,
    what: str,
    name: str,
    sources: Sequence[str],
    destinations: Sequence[Object],
    kinds: Kinds,
    only: Kinds | None = None,
) -> Object:
    spec = {
        "description": f"{what} of the stack {stack.name}.",
        "sourceRepos": list(sources),
        "destinations": list(destinations),
        "clusterResourceWhitelist": _listed(kinds),
        **({"namespaceResourceWhitelist": _listed(only)} if only else {}),
    }
    metadata = {"name": name, "namespace": _NAMESPACE, "labels": {PART_OF: stack.name}}
    return {"apiVersion": _API, "kind": "AppProject", "metadata": metadata, "spec": spec}


def _destinations(stack: Stack, clusters: Sequence[str], found: Sequence[str]) -> list[Object]:
    where = list({str(each): each for each in (destination(stack, name) for name in clusters)}.values())
    return [{**each, "namespace": namespace} for each in where for namespace in found]


def _kinds(release: Release) -> Kinds:
    """In no namespace; a chart of definitions, or one that brings its own, has those."""
    defined = _DEFINITIONS if release.provides or release.layer is Layer.CRDS else {}
    return {**defined, **release.outside_kinds}


def _added(resolved: Resolved) -> list[Kinds]:
    """Kinds in no namespace that authors add to their models."""
    objects = [each for workload in resolved.every_workload for each in workload.values.get("extraObjects", ())]
    found = [(each["apiVersion"].rpartition("/")[0], each["kind"]) for each in objects]
    return [{group: [kind]} for group, kind in found if facts().in_no_namespace(group, kind)]


def _merged(found: Iterable[Kinds]) -> Kinds:
    whole: dict[str, list[str]] = {}
    for each in found:
        for group, kinds in each.items():
            whole[group] = sorted({*whole.get(group, ()), *kinds})
    return whole


def _listed(kinds: Kinds) -> list[Object]:
    return [{"group": group, "kind": kind} for group, names in sorted(kinds.items()) for kind in names]
