"""charts/vllm: every key lands where a user of other charts expects it, and does something."""

from functools import cache
from typing import Any

import helm_python
import pytest

from tests.chart import places
from tests.chart.places import Place
from tests.chart.rendering import CASES, case, objects, schema, server, text

Spec = dict[str, Any]

POD = ("Deployment", "spec", "template", "spec")
META = ("Deployment", "spec", "template", "metadata")
SERVER = (*POD, "containers", 0)
JOB = ("download-Job", "spec", "template", "spec")
POLICY = ("NetworkPolicy", "spec")
SELECTOR = {"app.kubernetes.io/name": "vllm", "app.kubernetes.io/instance": "release"}
TOLERATIONS = [{"key": "amd.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
AFFINITY = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}}
SPREAD = {
    "topologyKey": "topology.kubernetes.io/zone",
    "maxSkew": 2,
    "whenUnsatisfiable": "DoNotSchedule",
    "minDomains": 3,
}
OTHERS = {"matchLabels": {"team": "search"}}
SECRET = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "password"}}}
FIELD = {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
SOURCES = [{"configMapRef": {"name": "site"}}, {"prefix": "S_", "secretRef": {"name": "site", "optional": True}}]
FILES = [
    {"path": "/etc/vllm/chat.jinja", "content": "{{ x }}"},
    {"path": "/etc/site/ca.crt", "configMap": "ca", "key": "ca.crt"},
    {"path": "/srv/key", "secret": "s", "key": "k"},
]
VOLUME = {"name": "certificates", "csi": {"driver": "csi.cert-manager.io", "readOnly": True}}
MOUNT = {"name": "certificates", "mountPath": "/etc/ssl/site", "subPath": "a", "readOnly": True}
CONTAINER = {"name": "extra", "image": "busybox", "restartPolicy": "Always", "volumeMounts": [MOUNT]}
EXEC = {"exec": {"command": ["true"]}}
HEALTH = {"httpGet": {"path": "/health", "port": "http"}}
SURGE = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}
RULE = {"from": [{"podSelector": {"matchLabels": {"app": "probe"}}}], "ports": [{"port": 9000}]}
EGRESS = {"to": [{"ipBlock": {"cidr": "fd00:9::/64"}}], "ports": [{"port": 4317, "protocol": "TCP"}]}
DIGEST = "sha256:" + "a" * 64
DNS = {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.10"]}, "hostAliases": [{"ip": "10.0.0.1"}]}
OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "site"}, "data": {"A": "{{ no template }}"}}

Row = tuple[str, Spec, tuple[str | int, ...], Any]
"""Which ci file, what is changed in it, and what is then where."""

KEYS: list[Row] = [
    ("default", {"nodeSelector": {"pool": "gpu"}}, (*POD, "nodeSelector"), {"pool": "gpu"}),
    ("default", {"tolerations": TOLERATIONS}, (*POD, "tolerations"), TOLERATIONS),
    ("default", {}, (*POD, "tolerations"), [{"key": "nvidia.com/gpu", "operator": "Exists"}]),
    ("default", {"tolerations": []}, (*POD, "tolerations"), None),
    ("default", {"tolerations": TOLERATIONS}, ("test-Pod", "spec", "tolerations"), TOLERATIONS),
    ("default", {"affinity": AFFINITY}, (*POD, "affinity"), AFFINITY),
    ("default", {}, (*POD, "affinity"), None),
    (
        "default",
        {"topologySpreadConstraints": [SPREAD, SPREAD]},
        (*POD, "topologySpreadConstraints"),
        [{**SPREAD, "labelSelector": {"matchLabels": SELECTOR}}] * 2,
    ),
    (
        "default",
        {"topologySpreadConstraints": [{**SPREAD, "labelSelector": OTHERS}]},
        (*POD, "topologySpreadConstraints", 0, "labelSelector"),
        OTHERS,
    ),
    ("default", {}, (*POD, "topologySpreadConstraints", 0, "whenUnsatisfiable"), "ScheduleAnyway"),
    ("default", {}, (*POD, "topologySpreadConstraints", 0, "topologyKey"), "kubernetes.io/hostname"),
    ("default", {"topologySpreadConstraints": []}, (*POD, "topologySpreadConstraints"), None),
    ("default", {"priorityClassName": "high"}, (*POD, "priorityClassName"), "high"),
    ("default", {"resources": {"claims": [{"name": "nic"}]}}, (*SERVER, "resources", "claims"), [{"name": "nic"}]),
    ("default", {"service": {"sessionAffinity": "ClientIP"}}, ("Service", "spec", "sessionAffinity"), "ClientIP"),
    ("default", {}, ("Service", "spec", "sessionAffinity"), None),
    ("volume", {}, ("Service", "spec", "externalTrafficPolicy"), "Local"),
    ("volume", {}, ("Service", "spec", "loadBalancerClass"), "example.com/internal"),
    ("volume", {}, ("Service", "spec", "loadBalancerSourceRanges"), ["10.0.8.0/24"]),
    ("default", {}, ("Service", "spec", "loadBalancerSourceRanges"), None),
    ("default", {"runtimeClassName": "nvidia"}, (*POD, "runtimeClassName"), "nvidia"),
    ("default", {}, (*POD, "priorityClassName"), None),
    ("default", {"podLabels": {"a": "true"}}, (*META, "labels", "a"), "true"),
    ("default", {"podLabels": {"a": "b"}}, ("Deployment", "metadata", "labels", "a"), None),
    ("default", {"podLabels": {"a": "b"}, "commonLabels": {"a": "c"}}, (*META, "labels", "a"), "b"),
    ("default", {"podLabels": {"a": "b"}}, ("Deployment", "spec", "selector", "matchLabels"), SELECTOR),
    ("default", {"podAnnotations": {"a/b": "x: y"}}, (*META, "annotations", "a/b"), "x: y"),
    ("default", {}, (*META, "annotations"), None),
    ("default", {"commonLabels": {"team": "1"}}, ("Service", "metadata", "labels", "team"), "1"),
    ("default", {"commonLabels": {"team": "1"}}, (*META, "labels", "team"), "1"),
    ("default", {"commonLabels": {"team": "1"}}, ("test-Pod", "metadata", "labels", "team"), "1"),
    (
        "default",
        {"commonLabels": {"app.kubernetes.io/managed-by": "gpuyard"}},
        ("Service", "metadata", "labels", "app.kubernetes.io/managed-by"),
        "gpuyard",
    ),
    ("default", {"extraEnv": [SECRET, FIELD]}, (*SERVER, "env", -2), SECRET),
    ("default", {"extraEnv": [SECRET, FIELD]}, (*SERVER, "env", -1), FIELD),
    ("shared-cache", {"extraEnv": [SECRET]}, (*JOB, "containers", 0, "env", -1), SECRET),
    ("default", {"envFrom": SOURCES}, (*SERVER, "envFrom"), SOURCES),
    ("shared-cache", {"envFrom": SOURCES}, (*JOB, "containers", 0, "envFrom"), SOURCES),
    ("default", {}, (*SERVER, "envFrom"), None),
    ("default", {"extraVolumes": [VOLUME]}, (*POD, "volumes", -1), VOLUME),
    ("default", {"extraVolumeMounts": [MOUNT]}, (*SERVER, "volumeMounts", -1), MOUNT),
    ("default", {"files": FILES}, (*SERVER, "volumeMounts", -1, "mountPath"), "/srv/key"),
    ("default", {"files": FILES}, (*POD, "volumes", -1, "projected", "sources", 2, "secret", "name"), "s"),
    ("default", {"files": FILES}, ("ConfigMap", "metadata", "name"), "release-vllm-files"),
    ("default", {"files": FILES[1:]}, ("ConfigMap",), None),
    ("default", {"initContainers": [CONTAINER]}, (*POD, "initContainers"), [CONTAINER]),
    ("shared-cache", {"initContainers": [CONTAINER]}, (*POD, "initContainers", -1), CONTAINER),
    ("default", {}, (*POD, "initContainers"), None),
    ("default", {"extraContainers": [CONTAINER]}, (*POD, "containers", -1), CONTAINER),
    ("default", {"extraContainers": [CONTAINER]}, (*POD, "containers", 0, "name"), "vllm"),
    *(
        row
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
        for row in [
            ("default", {}, (*SERVER, probe, "httpGet"), HEALTH["httpGet"]),
            ("default", {probe: EXEC}, (*SERVER, probe, "exec"), EXEC["exec"]),
            ("default", {probe: EXEC}, (*SERVER, probe, "httpGet"), None),
            ("default", {probe: {"grpc": {"port": 9}}}, (*SERVER, probe, "httpGet"), None),
            ("default", {probe: {"tcpSocket": {"port": 9}}}, (*SERVER, probe, "httpGet"), None),
            ("default", {probe: {"httpGet": {"path": "/x", "port": 9}}}, (*SERVER, probe, "httpGet", "path"), "/x"),
            ("default", {probe: {"initialDelaySeconds": 7}}, (*SERVER, probe, "initialDelaySeconds"), 7),
            ("default", {probe: {"failureThreshold": 7}}, (*SERVER, probe, "failureThreshold"), 7),
            ("default", {probe: {"httpGet": {"path": "/x"}}}, (*SERVER, probe, "httpGet", "port"), "http"),
            ("default", {probe: None}, (*SERVER, probe), None),
        ]
    ),
    ("default", {"livenessProbe": dict.fromkeys(("periodSeconds", "timeoutSeconds", "failureThreshold"))},
     (*SERVER, "livenessProbe"), HEALTH),
    ("default", {"startupProbe": dict.fromkeys(("periodSeconds", "timeoutSeconds"))},
     (*SERVER, "startupProbe"), {**HEALTH, "failureThreshold": 180}),
    ("default", {"startupProbe": {"periodSeconds": 30}}, (*SERVER, "startupProbe", "failureThreshold"), 60),
    ("default", {"lifecycle": {"postStart": EXEC}}, (*SERVER, "lifecycle", "postStart"), EXEC),
    ("default", {"lifecycle": {"postStart": EXEC}}, (*SERVER, "lifecycle", "preStop"), {"sleep": {"seconds": 15}}),
    ("default", {"lifecycle": {"preStop": EXEC}}, (*SERVER, "lifecycle"), {"preStop": EXEC}),
    ("default", {"resources": {"limits": {"example.com/rdma": 1}}},
     (*SERVER, "resources", "limits", "example.com/rdma"), 1),
    ("default", {"resources": {"limits": {"cpu": "8"}}}, (*SERVER, "resources", "limits", "cpu"), "8"),
    ("default", {"resources": {"limits": {"memory": None}}}, (*SERVER, "resources", "limits", "memory"), None),
    ("default", {"resources": {"requests": {"hugepages-2Mi": "1Gi"}}},
     (*SERVER, "resources", "requests", "hugepages-2Mi"), "1Gi"),
    ("default", {"resources": {"limits": None}}, (*SERVER, "resources", "limits"), {"nvidia.com/gpu": 1}),
    ("default", {"resources": {"requests": None}}, (*SERVER, "resources", "requests"), None),
    ("default", {"resources": None}, (*SERVER, "resources"), {"limits": {"nvidia.com/gpu": 1}}),
    *(
        ("default", {"resources": {"limits": {"memory": amount}}}, (*SERVER, "resources", "limits", "memory"), amount)
        for amount in (34359738368, 3.5e10, "64e9", "1.5Gi", ".5Ti", "1Pi", "128M", "34359738368000m")
    ),
    ("default", {}, (*SERVER, "resources", "limits", "nvidia.com/gpu"), 1),
    *(
        ("default", {"gpu": {"count": 2, "resource": name}}, (*SERVER, "resources", "limits", name), 2)
        for name in ("amd.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.10gb", "gpu.intel.com/xe")
    ),
    ("default", {"gpu": {"resource": "amd.com/gpu"}}, (*SERVER, "resources", "limits", "nvidia.com/gpu"), None),
    ("default", {"gpu": {"count": 0}},
     (*SERVER, "resources", "limits"), {"memory": "24Gi", "ephemeral-storage": "40Gi"}),
    ("default", {"gpu": {"count": 0}, "resources": {"limits": {"nvidia.com/gpu": 2}}},
     (*SERVER, "resources", "limits", "nvidia.com/gpu"), 2),
    ("default", {}, ("Service", "spec", "type"), "ClusterIP"),
    ("default", {"service": {"type": "NodePort"}}, ("Service", "spec", "type"), "NodePort"),
    ("default", {"service": {"type": "LoadBalancer"}}, ("Service", "spec", "type"), "LoadBalancer"),
    ("default", {"service": {"labels": {"a": "b"}}}, ("Service", "metadata", "labels", "a"), "b"),
    ("default", {"service": {"labels": {"a": "b"}}}, ("Deployment", "metadata", "labels", "a"), None),
    ("default", {"service": {"annotations": {"a": "b"}}}, ("Service", "metadata", "annotations"), {"a": "b"}),
    ("default", {"service": {"port": 80}},
     ("Service", "spec", "ports"), [{"name": "http", "port": 80, "targetPort": "http"}]),
    ("default", {"service": {"type": "NodePort", "nodePort": 30080}},
     ("Service", "spec", "ports", 0, "nodePort"), 30080),
    *(
        ("default", {"service": {name: value}}, ("Service", "spec", name), value)
        for name, value in {
            "clusterIP": "None", "externalIPs": ["10.0.8.9", "fd00::9"], "loadBalancerIP": "10.0.8.9",
            "internalTrafficPolicy": "Local", "trafficDistribution": "PreferSameZone",
        }.items()
    ),
    ("default", {"service": {"ipFamilies": ["IPv6"]}}, ("Service", "spec", "ipFamilies"), ["IPv6"]),
    ("default", {"service": {"ipFamilyPolicy": "RequireDualStack"}},
     ("Service", "spec", "ipFamilyPolicy"), "RequireDualStack"),
    ("default", {}, ("Service", "spec", "ipFamilies"), None),
    ("default", {}, ("Service", "spec", "ipFamilyPolicy"), None),
    ("default", {"networkPolicy": {"clientCidrs": ["fd00::/64"]}}, (*POLICY, "ingress", 0, "from", 1),
     {"ipBlock": {"cidr": "fd00::/64"}}),
    ("default", {"networkPolicy": {"extraIngress": [RULE]}}, (*POLICY, "ingress", -1), RULE),
    ("default", {"networkPolicy": {"extraEgress": [EGRESS]}}, (*POLICY, "egress", -1), EGRESS),
    ("shared-cache", {"networkPolicy": {"extraEgress": [EGRESS]}},
     ("download-NetworkPolicy", "spec", "egress", -1), EGRESS),
    ("default", {"extraPodSpec": DNS}, (*POD, "dnsConfig"), DNS["dnsConfig"]),
    ("default", {"extraPodSpec": {"schedulerName": "volcano"}}, (*POD, "schedulerName"), "volcano"),
    ("default", {"extraPodSpec": {"shareProcessNamespace": True}}, (*POD, "shareProcessNamespace"), True),
    ("default", {"extraObjects": [OBJECT]}, ("extra-ConfigMap",), OBJECT),
    ("default", {"strategy": SURGE}, ("Deployment", "spec", "strategy"), SURGE),
    ("default", {}, ("PodDisruptionBudget", "spec", "maxUnavailable"), 1),
    ("default", {"podDisruptionBudget": {"maxUnavailable": 3}}, ("PodDisruptionBudget", "spec", "maxUnavailable"), 3),
    ("default", {"podDisruptionBudget": {"enabled": False}}, ("PodDisruptionBudget",), None),
    *(
        ("shared-cache", {"imagePullSecrets": [{"name": "a"}, {"name": "b"}]}, (*where, "imagePullSecrets"),
         [{"name": "a"}, {"name": "b"}])
        for where in (POD, JOB, ("test-Pod", "spec"))
    ),
    *(
        ("shared-cache", {"image": {"digest": digest, "pullPolicy": given}}, (*where, "imagePullPolicy"), policy)
        for digest, given, policy in [
            ("", "", "Always"), (DIGEST, "", "IfNotPresent"), ("", "Never", "Never"), (DIGEST, "Always", "Always"),
        ]
        for where in [SERVER, (*POD, "initContainers", 0), (*POD, "initContainers", 1), (*JOB, "containers", 0),
                      ("test-Pod", "spec", "containers", 0)]
    ),
    *(
        ("default", {"image": {"repository": repository, "tag": tag, "digest": digest}}, (*SERVER, "image"),
         f"{repository}:{tag}" + (f"@{digest}" if digest else ""))
        for repository, tag, digest in [
            ("docker.io/vllm/vllm-openai", "v0.32.0-cu129", ""), ("ghcr.io/acme/vllm_own", "2026-11.1_rc", ""),
            ("registry.example.com:5000/a/b-c/vllm", "nightly-0123abc", ""), ("localhost:5000/vllm", "1", DIGEST),
            ("docker.io/vllm/vllm-openai", "latest", DIGEST), ("docker.io/vllm/vllm-openai", "latest_of_mine", ""),
        ]
    ),
    ("default", {"podSecurityContext": {"runAsUser": None, "fsGroup": 5}}, (*POD, "securityContext", "fsGroup"), 5),
    ("default", {"podSecurityContext": {"runAsUser": None}}, (*POD, "securityContext", "runAsUser"), None),
    ("default", {"podSecurityContext": None}, (*POD, "securityContext"), {}),
    ("default", {"securityContext": None}, (*SERVER, "securityContext"), {}),
    ("shared-cache", {"securityContext": None},
     (*JOB, "containers", 0, "securityContext"), {"readOnlyRootFilesystem": True}),
    ("default", {"tolerations": None}, (*POD, "tolerations"), None),
    ("default", {"topologySpreadConstraints": None}, (*POD, "topologySpreadConstraints"), None),
    ("default", {"securityContext": {"capabilities": {"add": ["IPC_LOCK"]}}},
     (*SERVER, "securityContext", "capabilities"), {"drop": ["ALL"], "add": ["IPC_LOCK"]}),
    ("default", {"securityContext": {"readOnlyRootFilesystem": True}},
     (*SERVER, "securityContext", "readOnlyRootFilesystem"), True),
    ("shared-cache", {"download": {"nodeSelector": {"pool": "cpu"}}}, (*JOB, "nodeSelector", "pool"), "cpu"),
    ("shared-cache", {"download": {"tolerations": TOLERATIONS}}, (*JOB, "tolerations"), TOLERATIONS),
    ("shared-cache", {"download": {"affinity": AFFINITY}},
     (*JOB, "affinity", "podAntiAffinity"), AFFINITY["podAntiAffinity"]),
    ("shared-cache", {"nodeSelector": {"gpu": "a10"}}, (*JOB, "nodeSelector", "gpu"), None),
    ("default", {"serviceAccount": {"annotations": {"a": "b"}}},
     ("ServiceAccount", "metadata", "annotations"), {"a": "b"}),
    ("default", {"serviceAccount": {"create": False, "name": "mine"}}, (*POD, "serviceAccountName"), "mine"),
    ("default", {"replicas": 0}, ("Deployment", "spec", "replicas"), 0),
]  # fmt: skip


def at(found: Any, path: tuple[str | int, ...]) -> Any:
    """What is there; None where nothing is."""
    for step in path:
        found = found.get(step) if isinstance(step, str) else found[step]
        if found is None:
            return None
    return found


@pytest.mark.parametrize(
    ("name", "changes", "path", "expected"),
    KEYS,
    ids=[f"{'+'.join(changes) or 'default'}: {'.'.join(map(str, path))}" for _, changes, path, _ in KEYS],
)
def test_a_key_lands_where_it_is_expected(
    name: str, changes: Spec, path: tuple[str | int, ...], expected: object
) -> None:
    assert at(objects(case(name, **changes)), path) == expected


@pytest.mark.parametrize("variable", ["HF_HOME", "VLLM_NO_USAGE_STATS", "HF_HUB_OFFLINE", "HF_TOKEN_PATH"])
def test_a_variable_that_the_chart_sets_is_replaced_and_not_doubled(variable: str) -> None:
    name = "volume" if variable == "HF_HUB_OFFLINE" else "shared-cache"
    values = case(name, extraEnv=[{"name": variable, "valueFrom": SECRET["valueFrom"]}], download={"enabled": False})
    assert variable in {entry["name"] for entry in server(case(name, download={"enabled": False}))["env"]}
    found = [entry for entry in server(values)["env"] if entry["name"] == variable]
    assert found == [{"name": variable, "valueFrom": SECRET["valueFrom"]}]


@pytest.mark.parametrize("name", CASES)
def test_no_variable_is_there_twice(name: str) -> None:
    names = [entry["name"] for entry in server(case(name))["env"]]
    assert len(set(names)) == len(names)


# --- every key does something ---------------------------------------------------------------------------------

SAMPLES = [
    *("x", "b/c", "x/y.z", "1", "7Gi", "8m", "10.7.0.0/16", "s3://models/other", "https://x.example.com", "/x"),
    *("b" * 40, "sha256:" + "b" * 64),
]
ELSEWHERE = {
    ("enabled",),  # an umbrella chart reads it
    ("ingress", "plainHttp"),  # allows what else is refused
    *(("files", 0, name) for name in ("configMap", "secret", "key")),  # in place of content; KEYS has each
    ("service", "ipFamilies", 0),  # must differ from the next one
    ("prometheusRule", "slo", "ttftSeconds"),  # test_chart_vllm_alerts.py
    ("prometheusRule", "slo", "objective"),
}


@cache
def before(name: str) -> str:
    return text(case(name))


def others(place: Place) -> list[Any]:
    """Values that may stand there, too."""
    kind = place.node.get("type")
    if "enum" in place.node:
        return list(place.node["enum"])
    if kind == "boolean":
        return [True, False]
    if kind == "object":
        return [{"name": "x"}, {"podSelector": {}}]
    bounds = [place.node.get(bound, 1) for bound in ("minimum", "maximum")]
    return SAMPLES if kind == "string" else [*bounds, *SAMPLES] if isinstance(kind, list) else [*bounds, 2, 7, 61, 120]


def changes_something(name: str, place: Place) -> bool:
    for value in others(place):
        values = case(name)
        try:
            places.put(values, place.path, value)
            if text(values) != before(name):
                return True
        except (helm_python.HelmError, IndexError, KeyError):
            continue
    return False


def is_tested_here(place: Place) -> bool:
    return place.path not in ELSEWHERE and "valueFrom" not in place.path  # of which there may be one


@pytest.mark.parametrize("place", [*filter(is_tested_here, places.leaves())], ids=str)
def test_every_key_does_something(place: Place) -> None:
    order = sorted(CASES, key=lambda name: name != place.case)
    assert any(changes_something(name, place) for name in order)


def test_every_group_of_the_schema_has_a_place() -> None:
    reached = {place.path[0] for place in places.leaves()}
    assert set(schema()["properties"]) - reached == {"global"}
