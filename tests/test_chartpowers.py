"""Values of the chart that run, mount, open or create something need an entry in unsafe, named by their path."""

from typing import Any

import pytest

from gpuyard.catalogue import chartpowers
from gpuyard.catalogue.shippedchart import chart_defaults
from gpuyard.resolve.inference.values import CHART
from tests.test_variablepowers import told

pytestmark = pytest.mark.attack("A23 nested keys")

CONTAINER = {"name": "x", "image": "docker.io/evil/x:1", "env": [{"name": "LD_PRELOAD", "value": "/x.so"}]}
SAMPLES: dict[str, Any] = {
    "envFrom": [{"configMapRef": {"name": "x"}}],
    "podSecurityContext": {"runAsUser": 0},
    "securityContext": {"privileged": True},
    "startupProbe.exec": {"command": ["sh"]},
    "readinessProbe.httpGet": {"host": "169.254.169.254", "port": 80},
    "livenessProbe.tcpSocket": {"host": "10.0.0.1", "port": 22},
    "lifecycle": {"postStart": {"exec": {"command": ["sh"]}}},
    "initContainers": [CONTAINER],
    "extraContainers": [CONTAINER],
    "extraVolumes": [{"name": "x", "hostPath": {"path": "/"}}],
    "extraVolumeMounts": [{"name": "cache", "mountPath": "/usr/lib/python3"}],
    "extraPodSpec": {"hostNetwork": True},
    "extraObjects": [{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "x"}}],
    "podAnnotations": {"sidecar.example.com/inject": "true"},
    "serviceAccount.name": "admin",
    "serviceAccount.annotations": {"a.example.com/role": "admin"},
    "service.type": "LoadBalancer",
    "service.externalIPs": ["10.0.8.9"],
    "service.annotations": {"a.example.com/internal": "false"},
    "networkPolicy.enabled": False,
    "networkPolicy.internet": "always",
    "networkPolicy.clientCidrs": ["0.0.0.0/0"],
    "networkPolicy.extraIngress": [{}],
    "networkPolicy.extraEgress": [{}],
    "httpRoute.annotations": {"a.example.com/b": "c"},
    "ingress.annotations": {"nginx.ingress.kubernetes.io/server-snippet": "x"},
}


def nested(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


@pytest.mark.parametrize("path", SAMPLES)
def test_it_needs_an_entry(path: str) -> None:
    values, entry = nested(path, SAMPLES[path]), f"values.{path}"
    for spec in ({"values": values}, {"shapes": {"h100": {"values": values}}}):
        assert [each for each in told(spec) if each.endswith(f"; to allow it, add {entry} to serving.unsafe")]
        assert not [each for each in told({**spec, "serving": {"unsafe": [entry]}}) if "serving.unsafe" in each]


@pytest.mark.parametrize("path", ["podSecurityContext", "securityContext"])
def test_what_takes_the_chart_s_own_away_needs_one(path: str) -> None:
    assert [entry for _, entry, _ in chartpowers.find({path: None})] == [f"values.{path}"]
    assert any(f"add values.{path} to" in each for each in told({"values": {path: None}}))


def test_what_moves_and_sizes_needs_none() -> None:
    values = {
        "nodeSelector": {"a": "b"},
        "readinessProbe": {"periodSeconds": 10},
        "podLabels": {"team": "search"},
        "networkPolicy": {"clientNamespaces": None},
        "service": {"port": 80},
    }
    assert list(chartpowers.find(values)) == []


def test_every_value_of_the_chart_has_been_looked_at() -> None:
    table = chartpowers.table()
    first = {path.partition(".")[0] for path in table["unsafe"]}
    whole = {path for path in table["unsafe"] if "." not in path}
    assert chart_defaults(CHART).keys() == {*table["harmless"], *first}
    assert not whole & {*table["harmless"]}


def test_an_entry_for_nothing_is_refused() -> None:
    (found,) = told({"serving": {"unsafe": ["values.extraObjects"]}})
    assert found.startswith("spec.serving.unsafe[0]: values.extraObjects is ")


@pytest.mark.parametrize(
    "path",
    [
        "/etc/ld.so.preload",
        "/etc/environment",
        "/etc/ld.so.conf.d/a.conf",
        "/etc/python3/sitecustomize.py",
        "/etc/ssl/openssl.cnf",
        "/etc/OpenCL/vendors/a.icd",
        "/usr/local/lib/python3.12/dist-packages/sitecustomize.py",
        "/usr/bin/nvidia-smi",
        "/opt/venv/lib/a.pth",
        "/vllm-workspace/vllm.py",
        "/root/.bashrc",
        "/lib/x86_64-linux-gnu/libc.so.6",
    ],
)
def test_a_file_in_the_place_of_a_program_needs_an_entry(path: str) -> None:
    files = {path: {"configMap": "c", "key": "k"}}
    (found,) = told({"serving": {"files": files}})
    assert found.endswith(f"; to allow it, add {path} to serving.unsafe")
    assert told({"serving": {"files": files, "unsafe": [path]}}) == []


@pytest.mark.parametrize(
    "path", ["/etc/vllm/a.jinja", "/etc/certs/ca.crt", "/etc/otel/ca.crt", "/config/a.yaml", "/mnt/a/b"]
)
def test_a_file_of_its_own_needs_none(path: str) -> None:
    assert told({"serving": {"files": {path: {"configMap": "c", "key": "k"}}}}) == []
