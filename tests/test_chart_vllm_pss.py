"""The evaluator of the Pod Security Standards: one pod that breaks each rule, and one that breaks none."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.chart import pss

Spec = dict[str, Any]

GOOD: Spec = {
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "containers": [
        {
            "name": "main",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "ports": [{"containerPort": 8000}],
            "livenessProbe": {"httpGet": {"path": "/", "port": 8000}},
        }
    ],
    "volumes": [
        {"name": "tmp", "emptyDir": {}},
        {"name": "claim", "persistentVolumeClaim": {"claimName": "x"}},
    ],
}


def container(**keys: Any) -> Callable[[Spec], None]:
    return lambda spec: spec["containers"][0].update(keys)


def context(**keys: Any) -> Callable[[Spec], None]:
    return lambda spec: spec["containers"][0]["securityContext"].update(keys)


def whole(**keys: Any) -> Callable[[Spec], None]:
    return lambda spec: spec["securityContext"].update(keys)


def extra(kind: str, **keys: Any) -> Callable[[Spec], None]:
    return lambda spec: spec.update({kind: [{**copy.deepcopy(spec["containers"][0]), "name": "extra", **keys}]})


BASELINE: list[tuple[str, Callable[[Spec], None]]] = [
    ("hostNamespaces", lambda spec: spec.update(hostNetwork=True)),
    ("hostNamespaces", lambda spec: spec.update(hostPID=True)),
    ("hostNamespaces", lambda spec: spec.update(hostIPC=True)),
    ("privileged", context(privileged=True)),
    ("capabilities_baseline", context(capabilities={"drop": ["ALL"], "add": ["NET_RAW"]})),
    ("hostPathVolumes", lambda spec: spec["volumes"].append({"name": "host", "hostPath": {"path": "/"}})),
    ("hostPorts", container(ports=[{"containerPort": 8000, "hostPort": 8000}])),
    ("appArmorProfile", context(appArmorProfile={"type": "Unconfined"})),
    ("seLinuxOptions", whole(seLinuxOptions={"type": "spc_t"})),
    ("seLinuxOptions", whole(seLinuxOptions={"role": "sysadm_r"})),
    ("procMount", context(procMount="Unmasked")),
    ("seccompProfile_baseline", context(seccompProfile={"type": "Unconfined"})),
    ("sysctls", whole(sysctls=[{"name": "kernel.msgmax", "value": "1"}])),
    ("windowsHostProcess", whole(windowsOptions={"hostProcess": True})),
    ("hostProbesAndHostLifecycle", container(livenessProbe={"httpGet": {"port": 1, "host": "10.0.0.1"}})),
    ("hostProbesAndHostLifecycle", container(lifecycle={"preStop": {"tcpSocket": {"port": 1, "host": "a"}}})),
    ("privileged", extra("initContainers", securityContext={"privileged": True})),
    ("privileged", extra("ephemeralContainers", securityContext={"privileged": True})),
]
RESTRICTED: list[tuple[str, Callable[[Spec], None]]] = [
    ("restrictedVolumes", lambda spec: spec["volumes"].append({"name": "nfs", "nfs": {"path": "/"}})),
    ("allowPrivilegeEscalation", context(allowPrivilegeEscalation=None)),
    ("runAsNonRoot", whole(runAsNonRoot=None)),
    ("runAsNonRoot", context(runAsNonRoot=False)),
    ("runAsUser", context(runAsUser=0)),
    ("seccompProfile_restricted", whole(seccompProfile=None)),
    ("capabilities_restricted", context(capabilities={"drop": ["NET_RAW"]})),
    ("capabilities_restricted", context(capabilities={"drop": ["ALL"], "add": ["CHOWN"]})),
    ("capabilities_restricted", extra("initContainers", securityContext={})),
]
ALLOWED: list[Callable[[Spec], None]] = [
    lambda spec: None,
    context(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
    whole(seccompProfile={"type": "Localhost", "localhostProfile": "x"}),
    whole(sysctls=[{"name": "net.ipv4.tcp_syncookies", "value": "1"}]),
    whole(seLinuxOptions={"type": "container_t", "level": "s0"}),
    extra("initContainers"),
]


def changed(change: Callable[[Spec], None]) -> Spec:
    spec = copy.deepcopy(GOOD)
    change(spec)
    return {"spec": spec}


@pytest.mark.parametrize("change", ALLOWED)
def test_allowed(change: Callable[[Spec], None]) -> None:
    assert pss.restricted(changed(change)) == []


def test_an_annotation_that_unconfines() -> None:
    key = "container.apparmor.security.beta.kubernetes.io/main"
    assert pss.baseline({"metadata": {"annotations": {key: "unconfined"}}, "spec": GOOD}) == ["appArmorProfile"]


def test_a_user_namespace_may_unmask_proc() -> None:
    pod = changed(context(procMount="Unmasked"))
    pod["spec"]["hostUsers"] = False
    assert (pss.baseline(pod), pss.restricted(pod)) == ([], ["procMount"])


def test_windows_has_no_capabilities() -> None:
    spec: Spec = {
        "os": {"name": "windows"},
        "securityContext": {"runAsNonRoot": True},
        "containers": [{"name": "main"}],
    }
    assert pss.restricted({"spec": spec}) == []


@pytest.mark.parametrize(("rule", "change"), BASELINE)
def test_baseline(rule: str, change: Callable[[Spec], None]) -> None:
    assert rule in pss.baseline(changed(change))
    assert rule in pss.restricted(changed(change))


@pytest.mark.parametrize(("rule", "change"), RESTRICTED)
def test_restricted(rule: str, change: Callable[[Spec], None]) -> None:
    assert rule in pss.restricted(changed(change))
    assert pss.baseline(changed(change)) == []
