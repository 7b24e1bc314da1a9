"""A real kube-state-metrics, told what our platform tells it: every series that alerts and dashboards read is there."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.fleet import nodes, shapes
from tests.e2e.samples import ROOT
from tests.e2e.vllm import workloads

IMAGE = "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.20.0"
PLATFORM = ROOT / "generator/gpuyard/catalogue/platform/kube-prometheus-stack.yaml"
KINDS = ("deployments", "horizontalpodautoscalers", "jobs", "pods", "replicasets")
FOLDER = "/etc/customresourcestate"
SECONDS = 60
NUMBER = 90
"""Of the node, behind those that the world has."""
NO_DEFINITION = {"HTTPRoute"}
ENDING = {"kube_pod_deletion_timestamp"}
"""Of pods that are going, as one on a lost node does for ever."""
_LABEL = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Selector:
    """What stands in an expression: kube_pod_created{namespace="a",pod=~"b.*"}."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        return name == self.name and all(
            self._holds(labels.get(key, ""), how, what) for key, how, what in self.matchers
        )

    @staticmethod
    def _holds(value: str, how: str, what: str) -> bool:
        found = value == what if how in {"=", "!="} else re.fullmatch(what, value) is not None
        return found is not how.startswith("!")


def selectors(expression: str) -> Iterator[Selector]:
    for name, inside in re.findall(r"\b(kube_\w+)(?:\{([^}]*)\})?", expression):
        yield Selector(name, tuple(_LABEL.findall(inside)))


def series(text: str) -> list[tuple[str, dict[str, str], float]]:
    lines = re.findall(r"^(kube_\w+)\{(.*)\} (\S+)$", text, re.MULTILINE)
    return [
        (name, {key: value for key, _, value in _LABEL.findall(inside)}, float(number))
        for name, inside, number in lines
    ]


def settings() -> Mapping[str, Any]:
    """What the platform's values give to the subchart."""
    values: Mapping[str, Any] = yaml.safe_load(PLATFORM.read_text())["values"]["kube-state-metrics"]
    return values


def program(namespace: str) -> list[Object]:
    """As its chart renders it, as far as it matters here: arguments, configuration, rights."""
    name, given = f"ksm-{namespace}", settings()
    metadata = {"name": "ksm", "namespace": namespace}
    groups = ["", "apps", "autoscaling", "batch"]
    rules = [{"apiGroups": groups, "resources": list(KINDS), "verbs": ["list", "watch"]}, *given["rbac"]["extraRules"]]
    if given["customResourceState"]["enabled"]:
        definitions = {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"]}
        rules.append({**definitions, "verbs": ["list", "watch"]})
    argv = [f"--resources={','.join(KINDS)}", f"--custom-resource-state-config-file={FOLDER}/config.yaml"]
    volume = {"name": "config", "configMap": {"name": "ksm"}}
    container = {"name": "ksm", "image": IMAGE, "args": argv, "volumeMounts": [{"name": "config", "mountPath": FOLDER}]}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    rbac = "rbac.authorization.k8s.io/v1"
    subjects = [{"kind": "ServiceAccount", "name": "ksm", "namespace": namespace}]
    config = json.dumps(given["customResourceState"]["config"])
    spec = {"serviceAccountName": "ksm", "containers": [container], "volumes": [volume]}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": rbac, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules},
        {
            "apiVersion": rbac,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": role,
            "subjects": subjects,
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"config.yaml": config}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
    ]


def autoscaler(namespace: str) -> Object:
    """The one that KEDA makes; nobody answers for its metric here, so it doesn't scale and says so."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"}
    wanted = {"metric": {"name": "s0"}, "target": {"type": "AverageValue", "averageValue": "1"}}
    spec = {
        "scaleTargetRef": target,
        "minReplicas": 1,
        "maxReplicas": 4,
        "metrics": [{"type": "External", "external": wanted}],
    }
    metadata = {"name": "keda-hpa-chat", "namespace": namespace}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


@pytest.fixture
def chat(cluster: Cluster, namespace: str, crds: None) -> Iterator[dict[str, Object]]:
    """The blueprint with its autoscaler, whose signal is lost, on a node of its own; and who shows it."""
    machine = next(each for each in shapes(ROOT / "overlays") if each.shape == "BM.GPU.A10.4")
    (node,) = nodes([machine], first=NUMBER)
    cluster.create([node])
    place = {"kubernetes.io/hostname": node["metadata"]["labels"]["kubernetes.io/hostname"]}
    objects = workloads.rendered("chat", shape="a10", namespace=namespace, nodeSelector=place)
    for kind, item in objects.items():
        if kind not in NO_DEFINITION:
            cluster.apply({**item, "metadata": {**item["metadata"], "namespace": namespace}})
    cluster.apply([autoscaler(namespace), *program(namespace)])
    conditions = [{"type": "Ready", "status": "True"}, {"type": "Fallback", "status": "True"}]
    cluster.patch(f"scaledobject/chat -n {namespace}", {"status": {"conditions": conditions}}, subresource="status")
    yield objects
    for named in (f"clusterrole/ksm-{namespace}", f"clusterrolebinding/ksm-{namespace}", f"node/{_name(node)}"):
        cluster.discard(named)


def test_alerts_and_dashboards_ask_for_what_is_there(cluster: Cluster, namespace: str, chat: dict[str, Object]) -> None:
    assert chat["PrometheusRule"]["spec"]["groups"]
    wanted = {found for expression in workloads.alerts(namespace) for found in selectors(expression)}
    assert Selector("kube_replicaset_created", _labels(namespace=namespace)) in wanted
    assert Selector("kube_job_status_succeeded", ()) in wanted
    names = set(re.findall(r"\bkube_\w+", json.dumps(workloads.dashboards())))
    assert names
    cluster.wait(f"deployment/chat -n {namespace}", "Available", within=SECONDS)
    address = cluster.wait(f"pod/ksm -n {namespace}", within=SECONDS)["status"]["podIP"]

    missing: object = "no answer yet"
    for _ in range(SECONDS):
        shown = _shown(address)
        known = {each for each in wanted if any(each.matches(name, labels) for name, labels, _ in shown)}
        missing = [each for each in wanted - known if each.name not in ENDING]
        missing += sorted(names - {name for name, _, _ in shown})
        if not missing:
            break
        time.sleep(1)
    assert missing == []
    found = {
        labels["condition"]: value
        for name, labels, value in shown
        if name == "kube_customresource_scaledobject_status_condition" and labels["namespace"] == namespace
    }
    assert found == {"Ready": 1, "Fallback": 1}


def test_a_lost_node_is_seen_at_once(cluster: Cluster, namespace: str, chat: dict[str, Object]) -> None:
    """What VllmDown asks: no server, one is wanted, and no start explains it, for its ReplicaSet is the old one."""
    cluster.wait(f"deployment/chat -n {namespace}", "Available", within=SECONDS)
    address = cluster.wait(f"pod/ksm -n {namespace}", within=SECONDS)["status"]["podIP"]
    before = _when(address, namespace, available=1)
    assert before["kube_deployment_spec_replicas"] == 1

    (pod,) = cluster.objects("pod", namespace=namespace, labels={"app.kubernetes.io/name": "chat"})
    cluster.delete(f"node/{pod['spec']['nodeName']}")
    cluster.wait(f"pod/{_name(pod)} -n {namespace}", "deleted", within=3 * SECONDS)
    # Its condition Available stays true: with maxUnavailable 1 no server is enough for a Deployment of one.
    after = _when(address, namespace, available=0)
    assert after["kube_deployment_spec_replicas"] == 1
    assert after["kube_replicaset_created"] == before["kube_replicaset_created"]
    assert after["kube_pod_created"] > before["kube_pod_created"]


ASKED = {"kube_deployment_spec_replicas", "kube_replicaset_created", "kube_pod_created"}
"""Of kinds that it lists one after the other."""


def _when(address: str, namespace: str, *, available: int) -> dict[str, float]:
    """What is shown once so many servers are: it comes a moment after the cluster's own status."""
    shown: dict[str, float] = {}
    for _ in range(SECONDS):
        shown = _of(address, namespace)
        if shown.get("kube_deployment_status_replicas_available") == available and shown.keys() >= ASKED:
            return shown
        time.sleep(1)
    pytest.fail(f"not {available} server(s) within {SECONDS} s: {shown}")


def _of(address: str, namespace: str) -> dict[str, float]:
    """The newest or largest value of each series of the model."""
    found: dict[str, float] = {}
    for name, labels, value in _shown(address):
        whose = next((labels[key] for key in ("deployment", "replicaset", "pod") if key in labels), "")
        if labels.get("namespace") == namespace and whose.startswith("chat"):
            found[name] = max(value, found.get(name, value))
    return found


def _name(item: Object) -> str:
    name: str = item["metadata"]["name"]
    return name


def _labels(**labels: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((key, "=", value) for key, value in labels.items())


def _shown(address: str) -> list[tuple[str, dict[str, str], float]]:
    try:
        with urllib.request.urlopen(f"http://{address}:8080/metrics", timeout=10) as answer:
            return series(answer.read().decode())
    except OSError:
        return []
