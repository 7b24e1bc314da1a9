"""The hatch: values that authors give to the charts themselves arrive where they expect them, by helm and by kustomize.

All cases are blueprints of one stack, so that each program runs once for a shape.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.project.load import parse
from gpuyard.render import render
from gpuyard.render.kustomize import objects
from gpuyard.resolve import Resolved, resolve
from tests.conftest import gathered, write_tree
from tests.projects import BLUEPRINT, STACK, Values, merged, with_token, with_unsafe

Objects = dict[tuple[str, str], dict[str, Any]]
POD = ("spec", "template", "spec")
SERVER = (*POD, "containers", "vllm")
GONE = object()
"""Where nothing may be."""


@dataclass(frozen=True)
class Case:
    """What an author writes, and what is then where."""

    values: Values
    kind: str
    path: tuple[str | int, ...]
    expected: Any
    name: str = ""
    """Of the object, after the blueprint's."""
    elsewhere: Any = None
    """On the other shape, where only h100 has the values; None: they are the whole blueprint's."""
    spec: Values = field(default_factory=dict)
    """More of the blueprint."""


def pod(values: Values, *path: str | int, to: Any, **more: Any) -> Case:
    return Case(values, "Deployment", (*POD, *path), to, **more)


def server(values: Values, *path: str | int, to: Any, **more: Any) -> Case:
    return Case(values, "Deployment", (*SERVER, *path), to, **more)


def of(kind: str, values: Values, *path: str | int, to: Any, **more: Any) -> Case:
    return Case(values, kind, path, to, **more)


GPU = {"key": "nvidia.com/gpu", "operator": "Exists"}
TEAM = {"key": "team", "operator": "Equal", "value": "a", "effect": "NoSchedule"}
AVOID = {
    "podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 1,
                "podAffinityTerm": {
                    "topologyKey": "kubernetes.io/hostname",
                    "labelSelector": {"matchLabels": {"a": "b"}},
                },
            }
        ]
    }
}
ZONES = {"topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
CERTIFICATES = {"name": "certificates", "configMap": {"name": "ca"}}
MOUNT = {"name": "certificates", "mountPath": "/etc/ca", "readOnly": True}
SIDECAR = {
    "name": "proxy",
    "image": "example.com/proxy:1",
    "env": [{"name": "A", "value": "b"}],
    "ports": [
        {"containerPort": 53, "protocol": "UDP", "name": "dns"},
        {"containerPort": 53, "protocol": "TCP", "name": "dns-tcp"},
    ],
}
SECRET_KEY = {"secretKeyRef": {"name": "s", "key": "k"}}
RULES = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "{{ b }}\n", "on": "1e3"}}
MADE = {"apiVersion": "example.com/v1", "kind": "Thing", "spec": {"a": "b"}}
SYNCED = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "spec": {"path": "./x"}}


def kruise(name: str, image: str) -> Values:
    """Of a kind that Kustomize knows from another group, whose lists it joins."""
    containers = [{"name": "a", "image": image, "env": [{"name": "A", "value": "b"}]}, {"name": "b", "image": "c"}]
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    return {
        "apiVersion": "apps.kruise.io/v1beta1",
        "kind": "StatefulSet",
        "metadata": {"name": f"{name}-set"},
        "spec": spec,
    }


ANYWHERE = [{"ports": [{"port": 9000, "protocol": "TCP"}]}]
POLICIES = {"scaleUp": {"policies": [{"type": "Percent", "value": 400, "periodSeconds": 60}]}}
ZERO = {"scaling": {"min": 0, "signal": "upstream", "upstream": {"query": "vector(1)", "target": 2}}}
TTFT = {"slo": {"ttft": "1s"}, "scaling": {"signal": "ttft"}}
EXPOSED = {"expose": {"host": "HOST.example.com"}}

CASES: dict[str, Case] = {
    # where the pod runs
    "node-selector": pod({"nodeSelector": {"pool": "gpu"}}, "nodeSelector", "pool", to="gpu"),
    "toleration": pod({"tolerations": [TEAM]}, "tolerations", to=[GPU, TEAM]),
    "affinity": pod({"affinity": AVOID}, "affinity", "podAntiAffinity", to=AVOID["podAntiAffinity"]),
    "spread": pod(
        {"topologySpreadConstraints": [ZONES]}, "topologySpreadConstraints", 0, "topologyKey", to=ZONES["topologyKey"]
    ),
    "scheduler": pod({"extraPodSpec": {"schedulerName": "volcano"}}, "schedulerName", to="volcano"),
    # what is said about it
    "pod-label": Case(
        {"podLabels": {"team": "a"}}, "Deployment", ("spec", "template", "metadata", "labels", "team"), "a"
    ),
    "pod-annotation": Case(
        {"podAnnotations": {"example.com/a": "true"}},
        "Deployment",
        ("spec", "template", "metadata", "annotations", "example.com/a"),
        "true",
    ),
    "common-label": of("Service", {"commonLabels": {"team": "a"}}, "metadata", "labels", "team", to="a"),
    "part-of-stays": of(
        "Deployment", {"commonLabels": {"team": "a"}}, "metadata", "labels", "app.kubernetes.io/part-of", to="demo"
    ),
    # variables
    "variable": server({"extraEnv": [{"name": "A", "value": "b"}]}, "env", "A", "value", to="b"),
    "variable-of-the-chart": server(
        {"extraEnv": [{"name": "HF_HUB_DISABLE_TELEMETRY", "value": "0"}]},
        "env",
        "HF_HUB_DISABLE_TELEMETRY",
        "value",
        to="0",
    ),
    "variable-of-a-secret": server(
        {"extraEnv": [{"name": "A", "valueFrom": SECRET_KEY}]}, "env", "A", "valueFrom", to=SECRET_KEY
    ),
    "variable-of-a-field": server(
        {"extraEnv": [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]},
        "env",
        "NODE",
        "valueFrom",
        "fieldRef",
        "fieldPath",
        to="spec.nodeName",
    ),
    "variable-beside-serving": server(
        {"extraEnv": [{"name": "A", "value": "b"}]}, "env", "B", "value", to="c", spec={"serving": {"env": {"B": "c"}}}
    ),
    "env-from": server({"envFrom": [{"secretRef": {"name": "s"}}]}, "envFrom", to=[{"secretRef": {"name": "s"}}]),
    "serving-env": server({}, "env", "http_proxy", "value", to="", spec={"serving": {"env": {"http_proxy": ""}}}),
    "serving-env-secret": server(
        {}, "env", "A", "valueFrom", to=SECRET_KEY, spec={"serving": {"env": {"A": {"secret": "s", "key": "k"}}}}
    ),
    "serving-env-config-map": server(
        {},
        "env",
        "A",
        "valueFrom",
        "configMapKeyRef",
        to={"name": "c", "key": "k"},
        spec={"serving": {"env": {"A": {"configMap": "c", "key": "k"}}}},
    ),
    # volumes and containers
    "volume": pod({"extraVolumes": [CERTIFICATES]}, "volumes", "certificates", "configMap", to={"name": "ca"}),
    "mount": server(
        {"extraVolumes": [CERTIFICATES], "extraVolumeMounts": [MOUNT]}, "volumeMounts", "certificates", to=MOUNT
    ),
    "empty-dir": pod(
        {"extraVolumes": [{"name": "x", "emptyDir": {}}]}, "volumes", "x", to={"name": "x", "emptyDir": {}}
    ),
    "init-container": pod({"initContainers": [SIDECAR]}, "initContainers", "proxy", to=SIDECAR),
    "sidecar": pod({"extraContainers": [SIDECAR]}, "containers", "proxy", to=SIDECAR),
    "startup-probe": server({"startupProbe": {"periodSeconds": 20}}, "startupProbe", "periodSeconds", to=20),
    "readiness-probe": server(
        {"readinessProbe": {"httpGet": {"path": "/ping", "port": 8000}}},
        "readinessProbe",
        "httpGet",
        "path",
        to="/ping",
    ),
    "liveness-probe": server({"livenessProbe": {"failureThreshold": 9}}, "livenessProbe", "failureThreshold", to=9),
    "probe-of-a-path": server(
        {"readinessProbe": {"httpGet": {"path": "/ping"}}}, "readinessProbe", "httpGet", "port", to="http"
    ),
    "no-liveness-probe": server({"livenessProbe": None}, "livenessProbe", to=GONE),
    "no-startup-probe": server({"startupProbe": None}, "startupProbe", to=GONE),
    "lifecycle": server(
        {"lifecycle": {"postStart": {"exec": {"command": ["true"]}}}},
        "lifecycle",
        "postStart",
        "exec",
        "command",
        to=["true"],
    ),
    # what it may use
    "memory": server({"resources": {"limits": {"memory": "64Gi"}}}, "resources", "limits", "memory", to="64Gi"),
    "processor-limit": server({"resources": {"limits": {"cpu": 8}}}, "resources", "limits", "cpu", to=8),
    "no-memory-limit": server({"resources": {"limits": {"memory": None}}}, "resources", "limits", "memory", to=GONE),
    "no-limits": server({"resources": {"limits": None}}, "resources", "limits", "memory", to=GONE),
    "no-requests": server({"resources": {"requests": None}}, "resources", "requests", to=GONE),
    "part-of-a-processor": server({"resources": {"requests": {"cpu": 0.5}}}, "resources", "requests", "cpu", to=0.5),
    "rdma": server(
        {"resources": {"limits": {"nvidia.com/rdma-vf": 1}}}, "resources", "limits", "nvidia.com/rdma-vf", to=1
    ),
    "resource-claim": server(
        {
            "resources": {"claims": [{"name": "nic"}]},
            "extraPodSpec": {"resourceClaims": [{"name": "nic", "resourceClaimTemplateName": "nic"}]},
        },
        "resources",
        "claims",
        to=[{"name": "nic"}],
    ),
    "gpu-name": server(
        {"gpu": {"resource": "nvidia.com/gpu.shared"}}, "resources", "limits", "nvidia.com/gpu", to=GONE
    ),
    "shared-memory": pod({"sharedMemory": {"size": "32Gi"}}, "volumes", "shm", "emptyDir", "sizeLimit", to="32Gi"),
    "scratch": pod({"scratch": {"size": "9Gi"}}, "volumes", "tmp", "emptyDir", "sizeLimit", to="9Gi"),
    "init-resources": pod(
        {"init": {"resources": {"limits": {"memory": "1Gi"}}}},
        "initContainers",
        "await-weights",
        "resources",
        "limits",
        "memory",
        to="1Gi",
    ),
    # how it changes and ends
    "strategy": of("Deployment", {"strategy": {"type": "Recreate"}}, "spec", "strategy", to={"type": "Recreate"}),
    "pull-policy": server({"image": {"pullPolicy": "Never"}}, "imagePullPolicy", to="Never"),
    "disruption": of(
        "PodDisruptionBudget", {"podDisruptionBudget": {"maxUnavailable": 2}}, "spec", "maxUnavailable", to=2
    ),
    "no-disruption": of("PodDisruptionBudget", {"podDisruptionBudget": {"enabled": False}}, to=GONE),
    "pre-stop": server({"drain": {"preStopSeconds": 30}}, "lifecycle", "preStop", "sleep", "seconds", to=30),
    # who it is
    "pod-security": pod({"podSecurityContext": {"fsGroup": 2000}}, "securityContext", "fsGroup", to=2000),
    "no-pod-security": pod({"podSecurityContext": None}, "securityContext", "runAsUser", to=GONE),
    "no-toleration": pod({"tolerations": None}, "tolerations", to=GONE),
    "no-default": pod({"podSecurityContext": {"fsGroup": None}}, "securityContext", "fsGroup", to=GONE),
    "security": server(
        {"securityContext": {"readOnlyRootFilesystem": True}}, "securityContext", "readOnlyRootFilesystem", to=True
    ),
    "dns": pod(
        {"extraPodSpec": {"dnsConfig": {"options": [{"name": "ndots", "value": "2"}]}}},
        "dnsConfig",
        "options",
        0,
        "value",
        to="2",
    ),
    "aliases": pod(
        {"extraPodSpec": {"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}]}},
        "hostAliases",
        0,
        "hostnames",
        to=["a"],
    ),
    "account-annotation": of(
        "ServiceAccount", {"serviceAccount": {"annotations": {"a": "b"}}}, "metadata", "annotations", "a", to="b"
    ),
    "account": pod({"serviceAccount": {"create": False, "name": "mine"}}, "serviceAccountName", to="mine"),
    # how it is reached, and what it reaches
    "service-type": of("Service", {"service": {"type": "LoadBalancer"}}, "spec", "type", to="LoadBalancer"),
    "node-port": of(
        "Service", {"service": {"type": "NodePort", "nodePort": 30080}}, "spec", "ports", 0, "nodePort", to=30080
    ),
    "headless": of("Service", {"service": {"clusterIP": "None"}}, "spec", "clusterIP", to="None"),
    "external-addresses": of(
        "Service", {"service": {"externalIPs": ["10.0.8.9"]}}, "spec", "externalIPs", to=["10.0.8.9"]
    ),
    "own-node": of(
        "Service", {"service": {"internalTrafficPolicy": "Local"}}, "spec", "internalTrafficPolicy", to="Local"
    ),
    "reserved-address": of(
        "Service",
        {"service": {"type": "LoadBalancer", "loadBalancerIP": "10.0.8.9"}},
        "spec",
        "loadBalancerIP",
        to="10.0.8.9",
    ),
    "nearest": of(
        "Service", {"service": {"trafficDistribution": "PreferClose"}}, "spec", "trafficDistribution", to="PreferClose"
    ),
    "service-port": of("Service", {"service": {"port": 80}}, "spec", "ports", 0, "port", to=80),
    "service-annotation": of(
        "Service", {"service": {"annotations": {"a": "b"}}}, "metadata", "annotations", "a", to="b"
    ),
    "families": of(
        "Service", {"service": {"ipFamilyPolicy": "PreferDualStack"}}, "spec", "ipFamilyPolicy", to="PreferDualStack"
    ),
    "session": of("Service", {"service": {"sessionAffinity": "ClientIP"}}, "spec", "sessionAffinity", to="ClientIP"),
    "traffic": of(
        "Service",
        {"service": {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}},
        "spec",
        "externalTrafficPolicy",
        to="Local",
    ),
    "balancer": of(
        "Service",
        {"service": {"type": "LoadBalancer", "loadBalancerClass": "example.com/internal"}},
        "spec",
        "loadBalancerClass",
        to="example.com/internal",
    ),
    "clients-of-balancer": of(
        "Service",
        {"service": {"type": "LoadBalancer", "loadBalancerSourceRanges": ["10.0.0.0/8"]}},
        "spec",
        "loadBalancerSourceRanges",
        to=["10.0.0.0/8"],
    ),
    "client-addresses": of(
        "NetworkPolicy",
        {"networkPolicy": {"clientCidrs": ["10.0.0.0/24"]}},
        "spec",
        "ingress",
        0,
        "from",
        1,
        "ipBlock",
        "cidr",
        to="10.0.0.0/24",
    ),
    "ingress-rule": of(
        "NetworkPolicy", {"networkPolicy": {"extraIngress": ANYWHERE}}, "spec", "ingress", -1, to=ANYWHERE[0]
    ),
    "egress-rule": of(
        "NetworkPolicy", {"networkPolicy": {"extraEgress": ANYWHERE}}, "spec", "egress", -1, to=ANYWHERE[0]
    ),
    "route-annotation": of(
        "HTTPRoute", {"httpRoute": {"annotations": {"a": "b"}}}, "metadata", "annotations", "a", to="b", spec=EXPOSED
    ),
    # how it scales
    "behaviour": of(
        "ScaledObject",
        {"autoscaling": {"behavior": POLICIES}},
        "spec",
        "advanced",
        "horizontalPodAutoscalerConfig",
        "behavior",
        "scaleUp",
        "policies",
        to=POLICIES["scaleUp"]["policies"],
    ),
    "polling": of("ScaledObject", {"autoscaling": {"pollingInterval": 5}}, "spec", "pollingInterval", to=5, spec=ZERO),
    "cooldown": of(
        "ScaledObject", {"autoscaling": {"cooldownPeriod": 7200}}, "spec", "cooldownPeriod", to=7200, spec=ZERO
    ),
    "activation": of(
        "ScaledObject",
        {"autoscaling": {"upstream": {"activation": 3}}},
        "spec",
        "triggers",
        0,
        "metadata",
        "activationThreshold",
        to="3",
        spec=ZERO,
    ),
    "prometheus-login": of(
        "TriggerAuthentication",
        {"autoscaling": {"prometheus": {"auth": {"mode": "bearer", "secret": "prom"}}}},
        "spec",
        "secretTargetRef",
        0,
        "name",
        to="prom",
    ),
    "objective": of(
        "PrometheusRule",
        {"prometheusRule": {"slo": {"objective": 99}}},
        "spec",
        "groups",
        0,
        "rules",
        -1,
        "expr",
        to="vector(0.01)",
        spec=TTFT,
    ),
    "scrape-interval": of(
        "PodMonitor", {"podMonitor": {"intervalSeconds": 30}}, "spec", "podMetricsEndpoints", 0, "interval", to="30s"
    ),
    # the download
    "download-memory": of(
        "Job",
        {"download": {"resources": {"limits": {"memory": "9Gi"}}}},
        *POD,
        "containers",
        "download",
        "resources",
        "limits",
        "memory",
        to="9Gi",
    ),
    "download-node": of("Job", {"download": {"nodeSelector": {"pool": "cpu"}}}, *POD, "nodeSelector", "pool", to="cpu"),
    "download-toleration": of("Job", {"download": {"tolerations": [TEAM]}}, *POD, "tolerations", to=[TEAM]),
    "download-affinity": of("Job", {"download": {"affinity": AVOID}}, *POD, "affinity", to=AVOID),
    # anything else
    "object": of(
        "ConfigMap",
        {"extraObjects": [{**RULES, "metadata": {"name": "object-rules"}}]},
        "data",
        to=RULES["data"],
        name="-rules",
    ),
    "object-of-flux": of(
        "Kustomization",
        {"extraObjects": [{**SYNCED, "metadata": {"name": "object-of-flux-own"}}]},
        "spec",
        to=SYNCED["spec"],
        name="-own",
    ),
    # on one shape
    "shape-node": pod({"nodeSelector": {"pool": "gpu"}}, "nodeSelector", "pool", to="gpu", elsewhere=GONE),
    "shape-toleration": pod({"tolerations": [TEAM]}, "tolerations", to=[GPU, TEAM], elsewhere=[GPU]),
    "shape-memory": server(
        {"resources": {"limits": {"memory": "64Gi"}}}, "resources", "limits", "memory", to="64Gi", elsewhere="384Gi"
    ),
    "shape-no-memory": server(
        {"resources": {"limits": {"memory": None}}}, "resources", "limits", "memory", to=GONE, elsewhere="384Gi"
    ),
    "shape-no-default": pod(
        {"podSecurityContext": {"fsGroup": None}}, "securityContext", "fsGroup", to=GONE, elsewhere=10001
    ),
    "shape-variable": server({"extraEnv": [{"name": "A", "value": "b"}]}, "env", "A", "value", to="b", elsewhere=GONE),
    "shape-no-limits": server(
        {"resources": {"limits": None}}, "resources", "limits", "memory", to=GONE, elsewhere="384Gi"
    ),
    "shape-no-readiness-probe": server(
        {"readinessProbe": None}, "readinessProbe", "periodSeconds", to=GONE, elsewhere=5
    ),
    "shape-no-toleration": pod({"tolerations": None}, "tolerations", to=GONE, elsewhere=[GPU]),
    "shape-no-security": server(
        {"securityContext": None}, "securityContext", "capabilities", "drop", to=GONE, elsewhere=["ALL"]
    ),
    "shape-node-port": of(
        "Service",
        {"service": {"type": "NodePort", "nodePort": 30081}},
        "spec",
        "ports",
        0,
        "nodePort",
        to=30081,
        elsewhere=GONE,
    ),
    "shape-volume": pod(
        {"extraVolumes": [{"name": "x", "emptyDir": {}}]},
        "volumes",
        "x",
        to={"name": "x", "emptyDir": {}},
        elsewhere=GONE,
    ),
    "shape-other-volume": pod(
        {"extraVolumes": [{"name": "x", "emptyDir": {"medium": "Memory"}}]},
        "volumes",
        "x",
        to={"name": "x", "emptyDir": {"medium": "Memory"}},
        elsewhere={"name": "x", "hostPath": {"path": "/x"}},
        spec={"values": {"extraVolumes": [{"name": "x", "hostPath": {"path": "/x"}}]}},
    ),
    "shape-sidecar": pod({"extraContainers": [SIDECAR]}, "containers", "proxy", to=SIDECAR, elsewhere=GONE),
    "shape-other-sidecar": pod(
        {"extraContainers": [SIDECAR]},
        "containers",
        "proxy",
        to=SIDECAR,
        elsewhere={"name": "proxy", "image": "a", "ports": [{"containerPort": 1}]},
        spec={"values": {"extraContainers": [{"name": "proxy", "image": "a", "ports": [{"containerPort": 1}]}]}},
    ),
    "shape-init-container": pod({"initContainers": [SIDECAR]}, "initContainers", "proxy", to=SIDECAR, elsewhere=GONE),
    "shape-aliases": pod(
        {
            "extraPodSpec": {
                "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}, {"ip": "10.0.0.1", "hostnames": ["b"]}]
            }
        },
        "hostAliases",
        1,
        to={"ip": "10.0.0.1", "hostnames": ["b"]},
        elsewhere=GONE,
    ),
    "shape-spread": pod(
        {"topologySpreadConstraints": [ZONES, {**ZONES, "whenUnsatisfiable": "ScheduleAnyway", "maxSkew": 2}]},
        "topologySpreadConstraints",
        1,
        "maxSkew",
        to=2,
        elsewhere=GONE,
    ),
    "shape-mounts": server(
        {"extraVolumeMounts": [{"name": "tmp", "mountPath": "/b", "subPath": "b"}, {"name": "tmp", "mountPath": "/a"}]},
        "volumeMounts",
        -1,
        to={"name": "tmp", "mountPath": "/a"},
        elsewhere={"name": "tmp", "mountPath": "/b"},
        spec={"values": {"extraVolumeMounts": [{"name": "tmp", "mountPath": "/b"}]}},
    ),
    "shape-download-memory": of(
        "Job",
        {"download": {"resources": {"limits": {"memory": "9Gi"}}}},
        *POD,
        "containers",
        "download",
        "resources",
        "limits",
        "memory",
        to="9Gi",
        elsewhere="8Gi",
    ),
    "shape-args": server(
        {},
        "args",
        -1,
        to="--tensor-parallel-size=1",
        elsewhere="--tensor-parallel-size=2",
        spec={"shapes": {"h100": {"args": {"seed": 7}}}},
    ),
    "shape-env": server(
        {},
        "env",
        "A",
        "value",
        to="h",
        elsewhere="all",
        spec={"serving": {"env": {"A": "all"}}, "shapes": {"h100": {"env": {"A": "h"}}}},
    ),
    "shape-object": of(
        "ConfigMap",
        {"extraObjects": [{**RULES, "metadata": {"name": "shape-object-rules"}}]},
        "data",
        to=RULES["data"],
        name="-rules",
        elsewhere=GONE,
    ),
    "shape-other-object": of(
        "ConfigMap",
        {"extraObjects": [{**RULES, "metadata": {"name": "shape-other-object-rules"}}]},
        "data",
        to=RULES["data"],
        name="-rules",
        elsewhere={"a": "c"},
        spec={
            "values": {
                "extraObjects": [{**RULES, "data": {"a": "c"}, "metadata": {"name": "shape-other-object-rules"}}]
            }
        },
    ),
    "shape-other-version": of(
        "Thing",
        {"extraObjects": [{**MADE, "apiVersion": "example.com/v2", "metadata": {"name": "shape-other-version-a"}}]},
        "apiVersion",
        to="example.com/v2",
        name="-a",
        elsewhere="example.com/v1",
        spec={"values": {"extraObjects": [{**MADE, "metadata": {"name": "shape-other-version-a"}}]}},
    ),
    "shape-other-kind": of(
        "THING",
        {"extraObjects": [{**MADE, "kind": "THING", "metadata": {"name": "shape-other-kind-a"}}]},
        "spec",
        to=MADE["spec"],
        name="-a",
        elsewhere=GONE,
        spec={"values": {"extraObjects": [{**MADE, "metadata": {"name": "shape-other-kind-a"}}]}},
    ),
    "shape-other-letters": of(
        "Thing",
        {
            "extraObjects": [
                {**MADE, "kind": kind, "metadata": {"name": "shape-other-letters-a"}} for kind in ("Thing", "THING")
            ]
        },
        "spec",
        to=MADE["spec"],
        name="-a",
        elsewhere=GONE,
    ),
    "shape-of-kruise": of(
        "StatefulSet",
        {"extraObjects": [kruise("shape-of-kruise", "2")]},
        *POD,
        "containers",
        to=kruise("", "2")["spec"]["template"]["spec"]["containers"],
        name="-set",
        elsewhere=kruise("", "1")["spec"]["template"]["spec"]["containers"],
        spec={"values": {"extraObjects": [kruise("shape-of-kruise", "1")]}},
    ),
    "shape-second-service": of(
        "Service",
        {
            "extraObjects": [
                {
                    "apiVersion": "v1",
                    "kind": "Service",
                    "metadata": {"name": "shape-second-service-more"},
                    "spec": {
                        "ports": [
                            {"port": 53, "protocol": "UDP", "name": "a"},
                            {"port": 53, "protocol": "TCP", "name": "b"},
                        ]
                    },
                }
            ]
        },
        "spec",
        "ports",
        1,
        "name",
        to="b",
        name="-more",
        elsewhere=GONE,
    ),
    "shape-orders": of(
        "ConfigMap",
        {"extraObjects": [{**RULES, "data": {"$patch": "delete"}, "metadata": {"name": "shape-orders-rules"}}]},
        "data",
        to={"$patch": "delete"},
        name="-rules",
        elsewhere={"a": "c"},
        spec={"values": {"extraObjects": [{**RULES, "data": {"a": "c"}, "metadata": {"name": "shape-orders-rules"}}]}},
    ),
    "shape-behaviour": of(
        "ScaledObject",
        {"autoscaling": {"behavior": POLICIES}},
        "spec",
        "advanced",
        "horizontalPodAutoscalerConfig",
        "behavior",
        "scaleUp",
        "policies",
        0,
        "value",
        to=400,
        elsewhere=100,
    ),
    "shape-no-node": pod(
        {"nodeSelector": {"node.kubernetes.io/instance-type": None}},
        "nodeSelector",
        to=GONE,
        elsewhere={"pool": "a"},
        spec={"shapes": {"a10": {"values": {"nodeSelector": {"pool": "a"}}}}},
    ),
    "shape-no-label": pod(
        {"nodeSelector": {"pool": None}},
        "nodeSelector",
        to={"node.kubernetes.io/instance-type": "BM.GPU.H100.8"},
        elsewhere={"pool": "a"},
        spec={"values": {"nodeSelector": {"pool": "a"}}},
    ),
    "shape-no-liveness-probe": server(
        {"livenessProbe": None},
        "livenessProbe",
        to=GONE,
        elsewhere={
            "failureThreshold": 9,
            "httpGet": {"path": "/health", "port": "http"},
            "periodSeconds": 10,
            "timeoutSeconds": 10,
        },
        spec={"values": {"livenessProbe": {"failureThreshold": 9}}},
    ),
    "shape-other-hook": server(
        {"lifecycle": {"preStop": {"exec": None, "sleep": {"seconds": 30}}}},
        "lifecycle",
        "preStop",
        to={"sleep": {"seconds": 30}},
        elsewhere={"exec": {"command": ["a"]}},
        spec={"values": {"lifecycle": {"preStop": {"exec": {"command": ["a"]}}}}},
    ),
    "shape-over-blueprint": pod(
        {"nodeSelector": {"pool": "h"}},
        "nodeSelector",
        "pool",
        to="h",
        elsewhere="a",
        spec={"values": {"nodeSelector": {"pool": "a", "zone": "a"}}},
    ),
}


def case_blueprint(name: str, case: Case) -> Values:
    spec: Values = {"shapes": {"a10": {}, "h100": {}}}
    own = {"values": case.values} if case.values else {}
    spec = merged(spec, {"shapes": {"h100": own}} if case.elsewhere is not None else own)
    spec = merged(spec, case.spec)
    if "expose" in spec:
        spec["expose"] = {"host": f"{name}.example.com"}
    return with_unsafe(with_token(merged(BLUEPRINT, {"metadata": {"name": name}, "spec": spec})))


@pytest.fixture(scope="module")
def everything() -> Resolved:
    more = {"gateway": {"name": "public", "namespace": "gateways", "listener": "https"}, "policy": {"maxGpus": 100000}}
    files = {"stack.yaml": yamlio.dump(merged(STACK, {"spec": more})).encode()}
    for name, case in CASES.items():
        files[f"blueprints/{name}.yaml"] = yamlio.dump(case_blueprint(name, case)).encode()
    return resolve(parse(files))


@pytest.fixture(scope="module")
def place(everything: Resolved, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hatch")
    write_tree(root, render(everything, shipped_charts(), Embedded(shipped_charts())))
    return root


def run(*argv: str | Path) -> Objects:
    done = subprocess.run([str(part) for part in argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = yamlio.parse_manifests(done.stdout)
    named = {(obj["kind"], obj["metadata"]["name"]): obj for obj in found}
    assert len(named) == len(found)
    return named


@pytest.fixture(scope="module")
def built(place: Path, kubectl: Path) -> Mapping[str, Objects]:
    return {shape: run(kubectl, "kustomize", gathered(place, shape)) for shape in ("a10", "h100")}


@pytest.fixture(scope="module")
def templated(place: Path, helm_binary: Path) -> Mapping[str, Objects]:
    chart = place / "charts" / "inference"
    argv = (helm_binary, "template", "inference", chart, "-n", "inference")
    return {shape: run(*argv, "-f", chart / f"values-{shape}.yaml") for shape in ("a10", "h100")}


def look(found: Any, path: tuple[str | int, ...]) -> Any:
    """What is there: in a list, by index or by name; GONE where nothing is."""
    for step in path:
        if isinstance(found, list) and isinstance(step, str):
            found = next((item for item in found if item["name"] == step), GONE)
        elif isinstance(found, list):
            found = found[step] if -len(found) <= step < len(found) else GONE
        elif isinstance(found, dict):
            found = found.get(step, GONE)
        if found is GONE:
            break
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_value_is_where_one_expects_it(name: str, built: Mapping[str, Objects]) -> None:
    case = CASES[name]
    expected = {"h100": case.expected, "a10": case.expected if case.elsewhere is None else case.elsewhere}
    for shape, value in expected.items():
        made = {key: obj for key, obj in built[shape].items() if key[1].startswith(name)}
        (found,) = [
            obj
            for (kind, full), obj in made.items()
            if kind == case.kind and (full == name + case.name or full.startswith(f"{name}-download-"))
        ] or [GONE]
        assert look(found, case.path) == value, shape


@pytest.mark.parametrize("name", CASES)
def test_helm_and_kustomize_agree(name: str, built: Mapping[str, Objects], templated: Mapping[str, Objects]) -> None:
    for shape in ("a10", "h100"):
        assert _of(name, built[shape]) == _of(name, templated[shape])


def test_render_shows_the_same(everything: Resolved, built: Mapping[str, Objects]) -> None:
    helm = Embedded(shipped_charts())
    for workload in everything.workloads:
        found = {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects(everything, workload, helm)}
        assert found == {key: built[workload.shape.name][key] for key in found}


def _of(name: str, found: Objects) -> Objects:
    """A blueprint's own; some names begin another."""
    longer = [other for other in CASES if other.startswith(f"{name}-")]
    return {
        key: obj
        for key, obj in found.items()
        if key[1].startswith(name) and not any(key[1].startswith(other) for other in longer)
    }
