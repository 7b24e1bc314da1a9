"""Flux and Argo CD apply the same objects: whatever the stack, and in a cluster that differs from the others, too.

One mark of an engine is left: the hook by which Argo CD waits for weights, where Flux waits for a Kustomization.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.project.load import parse
from gpuyard.render import render
from gpuyard.resolve import Resolved, resolve
from tests import engines
from tests.conftest import demo_sources, write_tree
from tests.differing import FRA, HELM, stack
from tests.engines import Object, Tools
from tests.projects import sources

MIRROR = {"platform": {"registry": "oci://registry.example.com/charts", "insecure": True}}
OWN_PROMETHEUS = {"platform": {"prometheus": {"enabled": False, "address": "http://prometheus.observability.svc:9090"}}}
ROLE = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "chat"}, "rules": []}
CASES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "plain": ({}, {}),
    "another namespace": ({}, {"namespace": "models"}),
    "in a folder": ({}, {"repository": {"path": "platform/gpu"}}),
    "names of before": ({}, {"names": "plain"}),
    "a mirror": ({}, MIRROR),
    "no platform": ({}, {"platform": {"keda": {"enabled": False}, **OWN_PROMETHEUS["platform"]}}),
    "kuberay": ({}, {"platform": {"kuberay": {"enabled": True}}}),
    "no download": ({"storage": {"cache": {"kind": "ephemeral"}}}, {}),
    "not scaled": ({"scaling": {"min": 2, "max": 2}}, {}),
    "objects of its author": ({"values": {"extraObjects": [ROLE]}}, {}),
    "a cluster that differs": (
        {},
        stack({"platform": {"keda": {"enabled": False}}, "storage": {"fss": "other"}, "policy": {"maxGpus": 8}}),
    ),
    "what a chart has by itself is taken away": ({}, {"platform": {"keda": {"values": {"a": {"b": None}, "c": "on"}}}}),
    "a cluster takes it away": ({}, stack({"platform": {"keda": {"values": {"a": None}}}})),
    "a hub": ({}, {**stack({"policy": {"maxGpus": 8}}), "argocd": {"hub": "ops"}}),
    "a hub and a folder": ({}, {**stack({}), "argocd": {"hub": "ops"}, "repository": {"path": "platform/gpu"}}),
    "a cluster with another server": ({}, stack({"vllm": {"version": "0.33.0"}})),
}


def compiled(spec: Mapping[str, Any], own: Mapping[str, Any], engine: str) -> tuple[Resolved, dict[Any, str]]:
    of_other = () if engine == "argocd" else ("argocd",)
    found = resolve(parse(sources(spec, {**{key: own[key] for key in own if key not in of_other}, "engine": engine})))
    return found, render(found, shipped_charts(), HELM)


@pytest.fixture
def tools(tmp_path: Path, kubectl: Path, helm_binary: Path) -> Tools:
    return Tools(kubectl, helm_binary, tmp_path / "scratch")


def both(flux: dict[Any, str], argocd: dict[Any, str], folder: str, clusters: list[str], tools: Tools) -> None:
    roots = {name: tools.scratch.parent / name for name in ("flux", "argocd")}
    for root, tree in zip(roots.values(), (flux, argocd), strict=True):
        write_tree(root / folder, tree)
    for cluster in clusters:
        ours = engines.flux(roots["flux"], cluster, tools, folder)
        theirs = engines.argocd(roots["argocd"], cluster, tools, folder)
        assert list(engines.names(ours)) == list(engines.names(theirs))
        assert ours == theirs


@pytest.mark.parametrize("name", CASES)
def test_the_same_objects(name: str, tools: Tools) -> None:
    spec, own = CASES[name]
    (found, flux), (_, argocd) = (compiled(spec, own, engine) for engine in ("flux", "argocd"))
    both(flux, argocd, str(found.stack.repository.path), [each.name for each in found.stack.clusters], tools)


def test_the_shipped_blueprints(demo_tree: dict[Any, str], tools: Tools) -> None:
    files = demo_sources()
    files["stack.yaml"] = files["stack.yaml"].replace(b"engine: flux", b"engine: argocd")
    found = resolve(parse(files))
    both(demo_tree, render(found, shipped_charts(), HELM), "", ["phx"], tools)


def test_what_is_not_an_engine_s_is_the_same_text() -> None:
    """Charts, bases, overlays and pages don't know who syncs them."""
    (_, flux), (_, argocd) = (compiled({}, {}, engine) for engine in ("flux", "argocd"))
    differ = {path.parts[0] for path in flux.keys() | argocd.keys() if flux.get(path) != argocd.get(path)}
    assert differ == {"README.md", "clusters", "platform"}


def test_both_refuse_the_same_mutation(tools: Tools) -> None:
    """The comparison sees a field, and an object that is missing."""
    (_, flux), (_, argocd) = (compiled({}, {}, engine) for engine in ("flux", "argocd"))
    for change in ({"maxReplicaCount: ": "maxReplicaCount: 9"}, {"- service.yaml\n": ""}):
        (old, new), *_ = change.items()
        mutated = {path: text.replace(old, new) for path, text in argocd.items()}
        assert mutated != argocd
        with pytest.raises(AssertionError):
            both(flux, mutated, "", ["phx"], Tools(tools.kubectl, tools.helm, tools.scratch / old[:5] / "s"))


def permitted(project: Object, obj: Object, destination: Object) -> bool:
    """As AppProject.IsResourcePermitted has it."""
    group, kind = str(obj["apiVersion"]).rpartition("/")[0], obj["kind"]
    named = {"group": group, "kind": kind}
    spec = project["spec"]
    if not (namespace := obj["metadata"].get("namespace")):
        return named in spec["clusterResourceWhitelist"]
    only = spec.get("namespaceResourceWhitelist")
    where = {key: value for key, value in destination.items() if key != "namespace"}
    return (only is None or named in only) and {**where, "namespace": namespace} in spec["destinations"]


@pytest.mark.parametrize("name", CASES)
def test_projects_permit_what_is_applied(name: str, tools: Tools, tmp_path: Path) -> None:
    spec, own = CASES[name]
    found, tree = compiled(spec, own, "argocd")
    folder = str(found.stack.repository.path)
    root = tmp_path / "argocd"
    write_tree(root / folder, tree)
    for cluster in (each.name for each in found.stack.clusters):
        projects = {
            each["metadata"]["name"]: each
            for each in engines.entry(root, cluster, folder)
            if each["kind"] == "AppProject"
        }
        used = set()
        for each in engines.applications(root, cluster, folder):
            project = projects[each["spec"]["project"]]
            used.add(each["spec"]["project"])
            for source in each["spec"].get("sources") or [each["spec"]["source"]]:
                assert source["repoURL"] in project["spec"]["sourceRepos"]
            for obj in engines.application(root, each, tools):
                assert permitted(project, obj, each["spec"]["destination"]), (project["metadata"]["name"], obj)
            assert permitted(projects[found.stack.name], each, {"server": "https://kubernetes.default.svc"})
            assert not permitted(project, each, each["spec"]["destination"]), "a model could make Applications"
        assert used == projects.keys() - {found.stack.name}


def test_a_model_may_do_less_than_the_platform(tmp_path: Path) -> None:
    _, tree = compiled({}, {}, "argocd")
    write_tree(tmp_path, tree)
    projects = {
        each["metadata"]["name"]: each for each in engines.entry(tmp_path, "phx") if each["kind"] == "AppProject"
    }
    here = {"server": "https://kubernetes.default.svc"}
    for kind, namespace in (("ClusterRole", ""), ("Deployment", "keda"), ("Deployment", "kube-system")):
        metadata = {"name": "x", **({"namespace": namespace} if namespace else {})}
        obj = {"apiVersion": "rbac.authorization.k8s.io/v1" if not namespace else "apps/v1", "kind": kind}
        assert not permitted(projects["demo-inference"], {**obj, "metadata": metadata}, here)
        assert permitted(projects["demo-platform"], {**obj, "metadata": metadata}, here)
    assert FRA["name"] not in str(projects)
