"""The monitoring that a stack installs: where measurements stay, who is told, who may look, and what is scraped."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gpuyard.catalogue.platform import Release, catalogue
from gpuyard.catalogue.shapes import catalogue as shapes
from gpuyard.render.monitors import objects as monitors
from gpuyard.render.required import required
from gpuyard.resolve import Resolved
from gpuyard.resolve.monitoring import KEYS
from tests.projects import problems, resolved

FULL = {
    "retention": "30d",
    "storage": {"size": "100Gi"},
    "alertmanager": {"configSecret": "receivers"},
    "grafana": {"adminSecret": "grafana-admin"},
}


def stack(**prometheus: Any) -> dict[str, Any]:
    return {"platform": {"prometheus": prometheus}}


def release(found: Resolved, chart: str = "kube-prometheus-stack") -> Release:
    return next(each for each in found.releases if each.chart == chart)


def at(values: Any, path: str) -> Any:
    for name in path.split("."):
        values = values.get(name, {})
    return values


def leaves(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{path}{key}"
        if isinstance(value, Mapping):
            yield from leaves(value, f"{path}{key}.")


# --- what the charts' own objects need ------------------------------------------------------------------------


def test_no_value_makes_the_operator_reject_the_charts_own_monitors() -> None:
    """Those of kubelet, API server and CoreDNS name files of Prometheus' pod: the token and the CA of its account."""
    for each in resolved({}, stack(**FULL)).releases:
        assert not [path for path in leaves(each.values) if path.endswith("arbitraryFSAccessThroughSMs")]


def test_every_monitor_and_rule_is_taken() -> None:
    spec = at(release(resolved({})).values, "prometheus.prometheusSpec")
    selected = {name for name in spec if name.endswith("SelectorNilUsesHelmValues")}
    assert {name.removesuffix("SelectorNilUsesHelmValues") for name in selected} == {
        "podMonitor",
        "probe",
        "rule",
        "scrapeConfig",
        "serviceMonitor",
    }
    assert not any(spec[name] for name in selected)


@pytest.mark.parametrize("part", ["kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler"])
def test_what_a_managed_control_plane_does_not_show_is_not_missed(part: str) -> None:
    assert at(release(resolved({})).values, f"{part}.enabled") is False


# --- keys of the stack's own ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "path", "value"),
    [
        ({"retention": "30d"}, "prometheus.prometheusSpec.retention", "30d"),
        (
            {"storage": {"size": "100Gi"}},
            "prometheus.prometheusSpec.storageSpec.volumeClaimTemplate.spec",
            {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "oci-bv",
                "resources": {"requests": {"storage": "100Gi"}},
            },
        ),
        (
            {"storage": {"size": "50Gi", "storageClass": "fast"}},
            "prometheus.prometheusSpec.storageSpec.volumeClaimTemplate.spec.storageClassName",
            "fast",
        ),
        ({"storage": {"size": "100Gi"}}, "prometheus.prometheusSpec.retentionSize", "81920MiB"),
        ({"storage": {"size": "1Gi"}}, "prometheus.prometheusSpec.retentionSize", "819MiB"),
        ({"alertmanager": {"configSecret": "a"}}, "alertmanager.alertmanagerSpec.configSecret", "a"),
        ({"alertmanager": {"configSecret": "a"}}, "alertmanager.alertmanagerSpec.useExistingSecret", True),
        ({"grafana": {"adminSecret": "a"}}, "grafana.admin.existingSecret", "a"),
        ({"grafana": {"adminSecret": "a"}}, "grafana.enabled", True),
        ({"grafana": {"adminSecret": "a"}}, "grafana.testFramework.enabled", False),
    ],
)
def test_a_key_is_a_value_of_the_chart(keys: dict[str, Any], path: str, value: object) -> None:
    assert at(release(resolved({}, stack(**keys))).values, path) == value
    assert at(release(resolved({})).values, path) in ({}, False)


def test_the_storage_class_is_the_stacks() -> None:
    found = resolved({}, {**stack(storage={"size": "50Gi"}), "storage": {"block": "encrypted"}})
    claim = "prometheus.prometheusSpec.storageSpec.volumeClaimTemplate.spec"
    assert at(release(found).values, claim)["storageClassName"] == "encrypted"


def test_the_secrets_are_prerequisites() -> None:
    named = {(each.namespace, each.name): each.keys for each in required(resolved({}, stack(**FULL)), "phx")}
    assert named["monitoring", "receivers"] == ("alertmanager.yaml",)
    assert named["monitoring", "grafana-admin"] == ("admin-user", "admin-password")
    assert not {("monitoring", "receivers"), ("monitoring", "grafana-admin")} & {
        (each.namespace, each.name) for each in required(resolved({}), "phx")
    }


def test_grafanas_images_are_those_of_a_stack_that_has_it() -> None:
    names = {each.upstream.rpartition(":")[0] for each in resolved({}, stack(**FULL)).images}
    grafana = {"docker.io/grafana/grafana", "quay.io/kiwigrid/k8s-sidecar"}
    assert grafana <= names
    assert not grafana & {each.upstream.rpartition(":")[0] for each in resolved({}).images}


@pytest.mark.parametrize("key", sorted(KEYS))
def test_it_is_only_for_what_is_installed(key: str) -> None:
    off = {"enabled": False, "address": "http://prometheus.observability.svc:9090", key: FULL[key]}
    assert problems({}, stack(**off)) == [
        f"spec.platform.prometheus.{key}: only applies where enabled is true; remove it"
    ]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"retention": "forever"}, 'retention is "forever"; must be a duration such as 30d'),
        ({"retention": "0d"}, "must be a duration such as 30d"),
        ({"storage": {}}, "storage.size is missing"),
        ({"storage": {"size": "1Ti"}}, "must be a size such as 100Gi"),
        ({"grafana": {}}, "grafana.adminSecret is missing"),
        ({"alertmanager": {"configSecret": "A B"}}, "alertmanager.configSecret"),
    ],
)
def test_a_wrong_key_is_named(keys: dict[str, Any], words: str) -> None:
    (found,) = problems({}, stack(**keys))
    assert words in found


@pytest.mark.parametrize(
    ("values", "noted"),
    [
        ({"enabled": True}, True),
        ({"enabled": True, "admin": {"userKey": "user"}}, True),
        ({"enabled": True, "admin": {"existingSecret": "own"}}, False),
        ({"enabled": False}, False),
    ],
)
def test_a_password_that_is_generated_again_and_again_is_told(values: dict[str, Any], noted: bool) -> None:
    told = "its password is generated again with every rendering"
    assert any(told in each for each in resolved({}, stack(values={"grafana": values})).notes) is noted
    both = stack(values={"grafana": values}, grafana={"adminSecret": "grafana"})
    assert not any(told in each for each in resolved({}, both).notes)


def test_every_option_of_a_chart_has_its_key() -> None:
    assert {name for each in catalogue() for name in each.options} == set(KEYS)


# --- GPUs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("component", ["dcgmExporter", "devicePlugin"])
def test_it_runs_on_every_gpu_node_and_on_no_other(component: str) -> None:
    found = resolved({}, {"platform": {component: {"enabled": True}}})
    (here,) = (each for each in found.releases if each.component == component)
    required_ = here.values["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (term,) = required_["nodeSelectorTerms"]
    (wanted,) = term["matchExpressions"]
    nodes = {node: shape for shape in shapes().values() for node in shape.nodes}
    assert wanted["key"] == "node.kubernetes.io/instance-type"
    assert set(wanted["values"]) == {name for name, shape in nodes.items() if shape.resource == "nvidia.com/gpu"}
    assert {"key": "nvidia.com/gpu", "operator": "Exists"} in here.values["tolerations"]
    assert here.pod_security == "privileged"
    assert component not in {each.component for each in resolved({}).releases}


def test_the_gpus_are_scraped_where_the_exporter_is() -> None:
    found = resolved({}, {"platform": {"dcgmExporter": {"enabled": True}}})
    assert {each["metadata"]["name"] for each in monitors(found)} == {"keda-operator", "dcgm-exporter"}
    assert release(found, "dcgm-exporter").values["serviceMonitor"] == {"enabled": False}


def test_two_plugins_on_a_node_are_warned_of() -> None:
    notes = resolved({}, {"platform": {"devicePlugin": {"enabled": True}}}).notes
    assert any("spec.platform.devicePlugin: OKE's add-on NvidiaGpuPlugin must be off" in each for each in notes)
    assert not any("NvidiaGpuPlugin" in each for each in resolved({}).notes if "devicePlugin" in each)
