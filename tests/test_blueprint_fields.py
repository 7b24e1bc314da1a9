"""Every key of a blueprint and of a stack does something: it changes what is generated, or it is refused.

A key that nobody reads is a promise that nobody keeps. The table must name all keys of the schemas, no more, no less.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from gpuyard.bootstrap.handover import policyengine
from gpuyard.bootstrap.handover.vaulted import details
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.deploykey import DeployKey
from gpuyard.doors.helm import Embedded
from gpuyard.errors import InputError
from gpuyard.project.formats import schema
from gpuyard.project.load import Project, parse
from gpuyard.render import render
from gpuyard.resolve import resolve
from gpuyard.tree import Tree
from tests.ociresources import wanted
from tests.projects import BLUEPRINT, STACK, Values, merged, with_token, workload

Spec = Mapping[str, Any]
HELM = Embedded(shipped_charts())
SECRET = {"secret": "s", "key": "k"}
FACTS: Values = {
    "name": "mine",
    "parameters": 8190735360,
    "weightsBytes": 16381470720,
    "attention": {
        "layers": 36,
        "hidden": 4096,
        "heads": 32,
        "kvHeads": 8,
        "headDim": 128,
        "vocabulary": 151936,
        "maxContext": 40960,
    },
}
HERE = "hf://acme/mine@" + "1" * 40
BUCKET = {"source": "oci://models@acme/mine", "credentials": SECRET}
UPSTREAM = {"signal": "upstream", "upstream": {"query": "sum(gateway_requests)", "target": 2}}
ADAPTER = {"name": "sql", "source": "pvc://weights/sql", "rank": 8}
WITH_ADAPTER = {"model": {"source": "pvc://weights"}, "serving": {"adapters": [ADAPTER]}}
DRAFTED = {"method": "draft_model", "model": "/models/draft", "num_speculative_tokens": 3}
DRAFTING: Spec = {
    "model": {"source": "pvc://weights"},
    "shapes": {"h100": {}},
    "serving": {"args": {"speculative-config": DRAFTED}},
}
EXPOSED = {"expose": {"host": "chat.example.com"}}
GATEWAY = {"gateway": {"name": "public", "namespace": "gateways"}}
INGRESS = {"ingress": {"className": "nginx", "namespace": "ingress", "plainHttp": True}}
PROXY = {"cidr": "10.0.7.9/32", "port": 3128}
CLUSTER = STACK["spec"]["clusters"][0]
TOLD = {"type": "slack", "secret": "hook"}
CALLED = {"type": "github", "secret": "hook"}
PUSHED = {"url": "oci://registry.example.com/acme/gitops"}
PUBLISHED = {"repository": {"oci": PUSHED}}
PUBLIC = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"
WORKFLOW = {
    "issuer": "https://token.actions.githubusercontent.com",
    "identity": "https://github.com/acme/gitops/.github/workflows/gpuyard-release.yaml@refs/tags/v*",
}
BY_A_WORKFLOW = {"repository": {"oci": {**PUSHED, "verify": WORKFLOW}}}
ON_ARGOCD = {"engine": "argocd"}
PROJECT = {"name": "team", "namespaces": ["argocd", "inference", "keda", "kube-system", "monitoring"]}


@dataclass(frozen=True)
class Case:
    """What a key's value becomes, in what surroundings; `refused` is part of the message."""

    after: Spec
    before: Spec = field(default_factory=dict)
    stack: Spec = field(default_factory=dict)
    """Of a blueprint's case: the stack around it. Of a stack's case: nothing."""
    blueprint: Spec = field(default_factory=dict)
    """Of a stack's case: the blueprint around it."""
    refused: str | None = None
    noted: str | None = None
    """Part of a note, of what only matters where the stack was another in the clusters."""
    built: bool = False
    """Whether it changes what `gpuyard bootstrap` makes, and nothing that is generated."""
    example: Spec | None = None
    """For docs/keys.md, where what is refused would be a poor one."""


FRA = {"name": "fra", "shapes": {"a10": ["VM.GPU.A10.2", "BM.GPU.A10.4"]}}


def cluster(**own: Any) -> dict[str, Any]:
    """A second one, with what is its own."""
    return {"clusters": [CLUSTER, {**FRA, **own}]}


def placed(**own: Any) -> dict[str, Any]:
    return cluster(blueprints={"chat": {"shape": "a10", **own}})


PLACED = {
    "nodes": {"nodes": ["VM.GPU.A10.2"]},
    "zones": {"zones": ["PHX-AD-1"]},
    "min": {"min": 2},
    "max": {"max": 2},
    "host": {"host": "chat.fra.example.com"},
    "vllm.version": {"vllm": {"version": "0.33.0"}},
    "vllm.image": {"vllm": {"image": "docker.io/acme/vllm"}},
    "vllm.tag": {"vllm": {"tag": "v0.32.0-cu129"}},
}
OF_CLUSTERS = {
    "vllm": {"vllm": {"version": "0.33.0"}},
    "images": {"images": {"mirrors": {"quay.io": "registry.example.com"}}},
    "platform": {"platform": {"prometheus": {"enabled": False, "address": "http://prometheus.observability.svc:9090"}}},
    "gateway": GATEWAY,
    "ingress": INGRESS,
    "network": {"network": {"dns": ["10.96.5.5/32"]}},
    "scheduling": {"scheduling": {"priorityClass": "high"}},
    "storage": {"storage": {"fss": "other"}},
    "alerts": {"alerts": {"labels": {"env": "staging"}}},
    "policy": {"policy": {"maxGpus": 32}},
}


def h100(**override: Any) -> dict[str, Any]:
    return {"shapes": {"h100": override}}


BLUEPRINT_KEYS: dict[str, Case] = {
    "metadata.name": Case({"metadata": {"name": "other"}}),
    "metadata.description": Case({"metadata": {"description": "Talks."}}),
    "spec.model.name": Case({"model": {"name": "qwen3-8b"}}),
    "spec.model.ropeScaling.factor": Case({"model": {"ropeScaling": {"factor": 4}}}, {"model": {"name": "qwen3-8b"}}),
    "spec.model.ropeScaling.originalContext": Case(
        {"model": {"ropeScaling": {"factor": 4, "originalContext": 40960}}},
        {"model": {"name": "qwen3-8b", "ropeScaling": {"factor": 4}}},
    ),
    "spec.model.architecture": Case({"model": {"name": None, "architecture": FACTS, "source": HERE}}),
    "spec.model.source": Case({"model": {"source": HERE}}),
    "spec.model.region": Case({"model": {"region": "us-ashburn-1"}}, {"model": BUCKET}),
    "spec.model.servedName": Case({"model": {"servedName": "llama"}}),
    "spec.model.credentials.secret": Case(
        {"model": {"credentials": {"secret": "other"}}}, {"model": {"credentials": SECRET}}
    ),
    "spec.model.credentials.key": Case(
        {"model": {"credentials": {"key": "other"}}}, {"model": {"credentials": SECRET}}
    ),
    "spec.serving.contextLength": Case({"serving": {"contextLength": 4096}}),
    "spec.serving.concurrency": Case({"serving": {"concurrency": 8}}),
    "spec.serving.gpuMemoryUtilization": Case({"serving": {"gpuMemoryUtilization": 0.8}}),
    "spec.serving.args.*": Case({"serving": {"args": {"seed": 7}}}),
    "spec.serving.env.*": Case({"serving": {"env": {"NCCL_DEBUG": "WARN"}}}),
    "spec.serving.files.*": Case(
        {"serving": {"files": {"/etc/vllm/chat.jinja": {"configMap": "c", "key": "k"}}}},
        example={
            "serving": {
                "files": {
                    "/etc/vllm/chat.jinja": {"file": "templates/chat.jinja"},
                    "/etc/certs/ca.crt": {"configMap": "corp-ca", "key": "ca.crt"},
                }
            }
        },
    ),
    "spec.serving.adapters[].name": Case({"serving": {"adapters": [{**ADAPTER, "name": "law"}]}}, WITH_ADAPTER),
    "spec.serving.adapters[].source": Case(
        {"serving": {"adapters": [{**ADAPTER, "source": "pvc://weights/law"}]}}, WITH_ADAPTER
    ),
    "spec.serving.adapters[].rank": Case({"serving": {"adapters": [{**ADAPTER, "rank": 64}]}}, WITH_ADAPTER),
    "spec.serving.draft.name": Case(
        {"serving": {"draft": {"name": "qwen3-32b"}}},
        {**DRAFTING, "serving": {**DRAFTING["serving"], "draft": {"name": "qwen3-8b"}}},
        example={**DRAFTING, "serving": {**DRAFTING["serving"], "draft": {"name": "qwen3-8b"}}},
    ),
    "spec.serving.draft.architecture": Case(
        {"serving": {"draft": {"architecture": {"parameters": 32762123264, "weightsBytes": 65524246528}}}},
        {**DRAFTING, "serving": {**DRAFTING["serving"], "draft": {"architecture": FACTS}}},
        example={**DRAFTING, "serving": {**DRAFTING["serving"], "draft": {"architecture": FACTS}}},
    ),
    "spec.serving.unsafe": Case(
        {"serving": {"unsafe": []}},
        {"serving": {"args": {"trust-remote-code": True}, "unsafe": ["trust-remote-code"]}},
        refused="add trust-remote-code to serving.unsafe",
        example={"serving": {"args": {"trust-remote-code": True}, "unsafe": ["trust-remote-code"]}},
    ),
    "spec.shapes.*.nodes": Case(
        {"shapes": {"a10": {"nodes": ["BM.GPU.A10.4"]}}}, {"shapes": {"a10": {"nodes": ["VM.GPU.A10.2"]}}}
    ),
    "spec.shapes.*.model.name": Case(h100(model={"name": "qwen3-8b"}), h100()),
    "spec.shapes.*.model.ropeScaling.factor": Case(
        h100(model={"name": "qwen3-8b", "ropeScaling": {"factor": 4}}), h100(model={"name": "qwen3-8b"})
    ),
    "spec.shapes.*.model.ropeScaling.originalContext": Case(
        h100(model={"name": "qwen3-8b", "ropeScaling": {"factor": 4, "originalContext": 40960}}),
        h100(model={"name": "qwen3-8b", "ropeScaling": {"factor": 4}}),
    ),
    "spec.shapes.*.model.architecture": Case(h100(model={"architecture": FACTS, "source": HERE}), h100()),
    "spec.shapes.*.model.source": Case(
        h100(model={"name": "qwen3-8b", "source": HERE}), h100(model={"name": "qwen3-8b"})
    ),
    "spec.shapes.*.model.region": Case(
        h100(model={"region": "us-ashburn-1"}), h100(model={"name": "qwen3-8b", **BUCKET})
    ),
    "spec.shapes.*.model.credentials.secret": Case(
        h100(model={"credentials": {"secret": "other"}}), h100(model={"name": "qwen3-8b", **BUCKET})
    ),
    "spec.shapes.*.model.credentials.key": Case(
        h100(model={"credentials": {"key": "other"}}), h100(model={"name": "qwen3-8b", **BUCKET})
    ),
    "spec.shapes.*.tensorParallel": Case(h100(tensorParallel=4), h100()),
    "spec.shapes.*.contextLength": Case(h100(contextLength=4096), h100()),
    "spec.shapes.*.concurrency": Case(h100(concurrency=8), h100()),
    "spec.shapes.*.gpuMemoryUtilization": Case(h100(gpuMemoryUtilization=0.8), h100()),
    "spec.shapes.*.scaling.min": Case(h100(scaling={"min": 2}), h100()),
    "spec.shapes.*.scaling.max": Case(h100(scaling={"max": 2}), h100()),
    "spec.scaling.min": Case({"scaling": {"min": 2}}),
    "spec.scaling.max": Case({"scaling": {"max": 2}}),
    "spec.scaling.signal": Case({"scaling": {"signal": "queue"}}),
    "spec.scaling.queue.target": Case({"scaling": {"queue": {"target": 9}}}, {"scaling": {"signal": "queue"}}),
    "spec.scaling.kv.target": Case({"scaling": {"kv": {"target": 0.6}}}, {"scaling": {"signal": "kv"}}),
    "spec.scaling.upstream.query": Case(
        {"scaling": {"upstream": {"query": "sum(gateway_queue)"}}}, {"scaling": UPSTREAM}
    ),
    "spec.scaling.upstream.target": Case({"scaling": {"upstream": {"target": 3}}}, {"scaling": UPSTREAM}),
    "spec.storage.download": Case({"storage": {"download": False}}),
    "spec.storage.cache.kind": Case({"storage": {"cache": {"kind": "ephemeral"}}}),
    "spec.storage.cache.size": Case({"storage": {"cache": {"size": "1Ti"}}}),
    "spec.storage.cache.claim": Case({"storage": {"cache": {"claim": "mine"}}}),
    "spec.rollout.spareGpus": Case({"rollout": {"spareGpus": 8}}),
    "spec.budget.startSeconds": Case({"budget": {"startSeconds": 3000}}),
    "spec.budget.scheduleSeconds": Case({"budget": {"scheduleSeconds": 30}}),
    "spec.budget.shutdownSeconds": Case({"budget": {"shutdownSeconds": 600}}),
    "spec.expose.host": Case({"expose": {"host": "other.example.com"}}, EXPOSED, GATEWAY),
    "spec.expose.apiKey.secret": Case(
        {"expose": {"apiKey": {"secret": "other"}}}, {"expose": {**EXPOSED["expose"], "apiKey": SECRET}}, GATEWAY
    ),
    "spec.expose.apiKey.key": Case(
        {"expose": {"apiKey": {"key": "other"}}}, {"expose": {**EXPOSED["expose"], "apiKey": SECRET}}, GATEWAY
    ),
    "spec.expose.tlsSecret": Case({"expose": {"tlsSecret": "own"}}, EXPOSED, INGRESS),
    "spec.vllm.version": Case({"vllm": {"version": "0.33.0"}}),
    "spec.vllm.image": Case({"vllm": {"image": "docker.io/acme/vllm"}}),
    "spec.vllm.tag": Case({"vllm": {"tag": "v0.32.0-cu129"}}),
    "spec.priorityClass": Case({"priorityClass": "high"}),
    "spec.clientNamespaces": Case({"clientNamespaces": ["apps"]}),
    "spec.values": Case({"values": {"nodeSelector": {"pool": "gpu"}}}),
    "spec.shapes.*.args.*": Case(h100(args={"seed": 7}), h100()),
    "spec.shapes.*.env.*": Case(h100(env={"NCCL_DEBUG": "WARN"}), h100()),
    "spec.shapes.*.values": Case(h100(values={"nodeSelector": {"pool": "gpu"}}), h100()),
    "spec.slo.ttft": Case({"slo": {"ttft": "10s"}}),
}

ELSEWHERE = {"address": "http://prometheus.observability.svc:9090"}
OUTSIDE = {"enabled": False, "address": "https://prometheus.example.com"}
THROUGH = {"network": {"proxy": {"https": "http://10.0.7.9:3128"}}}
ASKING = {
    "platform": {
        "prometheus": {"enabled": False, "address": "https://prometheus.example.com", "namespace": "observability"}
    }
}
STACK_KEYS: dict[str, Case] = {
    "metadata.name": Case({"metadata": {"name": "other"}}),
    "spec.version": Case({"version": "1.2.3"}),
    "spec.names": Case({"names": "plain"}),
    "spec.namespace": Case({"namespace": "models"}),
    "spec.engine": Case({"engine": "argocd"}),
    "spec.moved.engine": Case({"moved": {"engine": "flux"}}, ON_ARGOCD),
    "spec.flux.serviceAccount": Case({"flux": {"serviceAccount": "models"}}),
    "spec.flux.verifySecret": Case({"flux": {"verifySecret": "signers"}}),
    "spec.flux.notifications.type": Case(
        {"flux": {"notifications": {**TOLD, "type": "msteams"}}}, {"flux": {"notifications": TOLD}}
    ),
    "spec.flux.notifications.secret": Case(
        {"flux": {"notifications": {**TOLD, "secret": "a"}}}, {"flux": {"notifications": TOLD}}
    ),
    "spec.flux.notifications.channel": Case(
        {"flux": {"notifications": {**TOLD, "channel": "ml"}}}, {"flux": {"notifications": TOLD}}
    ),
    "spec.flux.notifications.severity": Case(
        {"flux": {"notifications": {**TOLD, "severity": "info"}}}, {"flux": {"notifications": TOLD}}
    ),
    "spec.flux.receiver.type": Case(
        {"flux": {"receiver": {**CALLED, "type": "gitlab"}}}, {"flux": {"receiver": CALLED}}
    ),
    "spec.flux.receiver.secret": Case(
        {"flux": {"receiver": {**CALLED, "secret": "a"}}}, {"flux": {"receiver": CALLED}}
    ),
    "spec.repository.oci.url": Case({"repository": {"oci": PUSHED}}),
    "spec.repository.oci.tag": Case(
        {"repository": {"oci": {**PUSHED, "tag": "main"}}}, {"repository": {"oci": PUSHED}}
    ),
    "spec.repository.oci.secret": Case(
        {"repository": {"oci": {**PUSHED, "secret": "login"}}}, {"repository": {"oci": PUSHED}}
    ),
    "spec.repository.oci.verify.key": Case({"repository": {"oci": {**PUSHED, "verify": {"key": PUBLIC}}}}, PUBLISHED),
    "spec.repository.oci.verify.issuer": Case(
        {"repository": {"oci": {**PUSHED, "verify": {**WORKFLOW, "issuer": "https://gitlab.com"}}}}, BY_A_WORKFLOW
    ),
    "spec.repository.oci.verify.identity": Case(
        {"repository": {"oci": {**PUSHED, "verify": {**WORKFLOW, "identity": "https://github.com/acme/*"}}}},
        BY_A_WORKFLOW,
    ),
    "spec.repository.oci.insecure": Case(
        {"repository": {"oci": {**PUSHED, "insecure": True}}}, {"repository": {"oci": PUSHED}}
    ),
    "spec.argocd.version": Case(
        {"argocd": {"version": "3.1"}},
        ON_ARGOCD,
        refused="3.1 is too old; 3.2 or newer",
        example={**ON_ARGOCD, "argocd": {"version": "3.6"}},
    ),
    "spec.argocd.hub": Case({"argocd": {"hub": "ops"}}, ON_ARGOCD),
    "spec.argocd.project.name": Case(
        {"argocd": {"project": {**PROJECT, "name": "ml"}}}, {**ON_ARGOCD, "argocd": {"project": PROJECT}}
    ),
    "spec.argocd.project.namespaces": Case(
        {"argocd": {"project": {**PROJECT, "namespaces": ["inference"]}}},
        {**ON_ARGOCD, "argocd": {"project": PROJECT}},
        refused="team does not permit argocd",
        example={**ON_ARGOCD, "argocd": {"project": PROJECT}},
    ),
    "spec.moved.name": Case({"moved": {"name": "old"}}, noted="spec.moved.name has no effect"),
    "spec.moved.namespace": Case({"moved": {"namespace": "old"}}, noted="spec.moved.namespace has no effect"),
    "spec.ownFiles": Case({"ownFiles": ["clusters/phx/roles.yaml"]}),
    "spec.repository.url": Case({"repository": {"url": "https://git.example.com/other"}}),
    "spec.repository.branch": Case({"repository": {"branch": "prod"}}),
    "spec.repository.path": Case({"repository": {"path": "platform/gpu"}}),
    "spec.repository.source": Case({"repository": {"source": "flux-system"}}),
    "spec.repository.charts": Case({"repository": {"charts": False}}),
    "spec.repository.secret": Case({"repository": {"secret": "git"}}),
    "spec.repository.insecure": Case(
        {"repository": {"insecure": False}},
        {"repository": {"url": "http://git.example.com/demo", "insecure": True}},
        refused="plain http can be read and changed in transit",
        example={"repository": {"url": "http://git.example.com/demo", "insecure": True}},
    ),
    "spec.vllm.version": Case({"vllm": {"version": "0.33.0"}}),
    "spec.vllm.image": Case({"vllm": {"image": "docker.io/acme/vllm"}}),
    "spec.vllm.tag": Case({"vllm": {"tag": "v0.32.0-cu129"}}),
    "spec.images.mirrors.*": Case({"images": {"mirrors": {"quay.io": "registry.example.com"}}}),
    "spec.images.pullSecrets[]": Case({"images": {"pullSecrets": ["ocir"]}}),
    "spec.clusters[].name": Case({"clusters": [{**CLUSTER, "name": "iad"}]}),
    "spec.clusters[].region": Case({"clusters": [{**CLUSTER, "region": "us-ashburn-1"}]}, blueprint={"model": BUCKET}),
    "spec.clusters[].kubernetes": Case(
        {"clusters": [{**CLUSTER, "kubernetes": "1.29"}]},
        refused="1.29 is too old",
        example={"clusters": [{**CLUSTER, "kubernetes": "1.35"}]},
    ),
    "spec.clusters[].shapes.*": Case({"clusters": [{**CLUSTER, "shapes": {"a10": "BM.GPU.A10.4"}}]}),
    "spec.clusters[].blueprints.*.shape": Case(
        {"clusters": [{**CLUSTER, "blueprints": {"chat": {"shape": "a10"}}}]},
        {"clusters": [{**CLUSTER, "blueprints": {"chat": "h100"}}]},
    ),
    **{
        f"spec.clusters[].blueprints.*.{key}": Case(
            placed(**own),
            {**placed(), **GATEWAY},
            example={
                "clusters": [{**FRA, "blueprints": {"chat": {"shape": "a10", **own}}}],
                **(GATEWAY if key == "host" else {}),
            },
        )
        for key, own in PLACED.items()
    },
    **{
        f"spec.clusters[].{key}": Case(cluster(**own), cluster(), example={"clusters": [{**FRA, **own}]})
        for key, own in OF_CLUSTERS.items()
    },
    "spec.platform.registry": Case({"platform": {"registry": "oci://registry.example.com/charts"}}),
    "spec.platform.insecure": Case(
        {"platform": {"insecure": True}}, {"platform": {"registry": "oci://registry.example.com/charts"}}
    ),
    "spec.platform.registrySecret": Case(
        {"platform": {"registrySecret": "mirror"}}, {"platform": {"registry": "oci://registry.example.com/charts"}}
    ),
    "spec.platform.keda.enabled": Case({"platform": {"keda": {"enabled": False}}}),
    "spec.platform.keda.version": Case({"platform": {"keda": {"version": "2.20.3"}}}),
    "spec.platform.keda.values": Case({"platform": {"keda": {"values": {"replicas": 2}}}}),
    "spec.platform.prometheus.values": Case({"platform": {"prometheus": {"values": {"a": 1}}}}),
    "spec.platform.kuberay.values": Case(
        {"platform": {"kuberay": {"values": {"replicas": 2}}}}, {"platform": {"kuberay": {"enabled": True}}}
    ),
    "spec.platform.prometheus.retention": Case({"platform": {"prometheus": {"retention": "30d"}}}),
    "spec.platform.prometheus.storage.size": Case({"platform": {"prometheus": {"storage": {"size": "100Gi"}}}}),
    "spec.platform.prometheus.storage.storageClass": Case(
        {"platform": {"prometheus": {"storage": {"storageClass": "fast"}}}},
        {"platform": {"prometheus": {"storage": {"size": "100Gi"}}}},
    ),
    "spec.platform.prometheus.alertmanager.configSecret": Case(
        {"platform": {"prometheus": {"alertmanager": {"configSecret": "alertmanager"}}}}
    ),
    "spec.platform.prometheus.grafana.adminSecret": Case(
        {"platform": {"prometheus": {"grafana": {"adminSecret": "grafana"}}}}
    ),
    **{
        f"spec.platform.{name}.{key}": Case(
            {"platform": {name: {key: value}}}, {"platform": {name: {"enabled": True}}} if key != "enabled" else {}
        )
        for name, version in (("dcgmExporter", "4.8.3"), ("devicePlugin", "0.20.1"))
        for key, value in (("enabled", True), ("version", version), ("values", {"priorityClassName": "gpu"}))
    },
    "spec.platform.prometheus.enabled": Case({"platform": {"prometheus": {"enabled": False, **ELSEWHERE}}}),
    "spec.platform.prometheus.address": Case(
        {"platform": {"prometheus": {"address": "https://other.observability.svc/prom"}}},
        {"platform": {"prometheus": {"enabled": False, **ELSEWHERE}}},
    ),
    "spec.platform.prometheus.namespace": Case(
        {"platform": {"prometheus": {"namespace": "agents"}}},
        {"platform": {"prometheus": {**OUTSIDE, "namespace": "observability"}}},
    ),
    "spec.platform.prometheus.labels.*": Case({"platform": {"prometheus": {"labels": {"release": "kps"}}}}),
    "spec.platform.prometheus.insecure": Case({"platform": {"prometheus": {"insecure": True}}}, ASKING),
    **{
        f"spec.platform.prometheus.auth.{way}.{key}": Case(
            {"platform": {"prometheus": {"auth": {way: {key: "other"}}}}},
            merged(ASKING, {"platform": {"prometheus": {"auth": {way: {"secret": "prometheus"}}}}}),
        )
        for way, keys in (
            ("bearer", ("secret", "key")),
            ("basic", ("secret", "usernameKey", "passwordKey")),
            ("tls", ("secret", "certKey", "keyKey")),
        )
        for key in keys
    },
    "spec.platform.prometheus.version": Case({"platform": {"prometheus": {"version": "88.5.4"}}}),
    "spec.platform.kuberay.enabled": Case({"platform": {"kuberay": {"enabled": True}}}),
    "spec.platform.kuberay.version": Case(
        {"platform": {"kuberay": {"version": "1.6.1"}}}, {"platform": {"kuberay": {"enabled": True}}}
    ),
    "spec.gateway.name": Case({"gateway": {"name": "private"}}, GATEWAY, blueprint=EXPOSED),
    "spec.gateway.namespace": Case({"gateway": {"namespace": "other"}}, GATEWAY, blueprint=EXPOSED),
    "spec.gateway.listener": Case({"gateway": {"listener": "https"}}, GATEWAY, blueprint=EXPOSED),
    "spec.gateway.proxyNamespace": Case({"gateway": {"proxyNamespace": "envoy"}}, GATEWAY, blueprint=EXPOSED),
    "spec.ingress.className": Case({"ingress": {"className": "other"}}, INGRESS, blueprint=EXPOSED),
    "spec.ingress.namespace": Case({"ingress": {"namespace": "other"}}, INGRESS, blueprint=EXPOSED),
    "spec.ingress.tlsSecret": Case({"ingress": {"tlsSecret": "wildcard"}}, INGRESS, blueprint=EXPOSED),
    "spec.ingress.plainHttp": Case(
        {"ingress": {"plainHttp": False}},
        INGRESS,
        blueprint=EXPOSED,
        refused="chat.example.com needs a certificate",
        example=INGRESS,
    ),
    "spec.ingress.annotations.*": Case(
        {"ingress": {"annotations": {"example.com/owner": "search"}}}, INGRESS, blueprint=EXPOSED
    ),
    "spec.network.egress[].cidr": Case(
        {"network": {"egress": [{**PROXY, "cidr": "10.0.7.8/32"}]}}, {"network": {"egress": [PROXY]}}
    ),
    "spec.network.egress[].port": Case(
        {"network": {"egress": [{**PROXY, "port": 8080}]}}, {"network": {"egress": [PROXY]}}
    ),
    "spec.network.dns[]": Case({"network": {"dns": ["10.96.5.5/32"]}}),
    "spec.network.proxy.https": Case({"network": {"proxy": {"https": "http://10.0.7.8:3128"}}}, THROUGH),
    "spec.network.proxy.http": Case({"network": {"proxy": {"http": "http://10.0.7.9:3128"}}}, THROUGH),
    "spec.network.proxy.no": Case({"network": {"proxy": {"no": [".corp.example.com"]}}}, THROUGH),
    "spec.network.proxy.secret": Case({"network": {"proxy": {"secret": "proxy"}}}, THROUGH),
    "spec.network.ca.secret": Case({"network": {"ca": {"secret": "corp-ca"}}}),
    "spec.network.ca.configMap": Case({"network": {"ca": {"configMap": "corp-ca"}}}),
    "spec.network.ca.key": Case(
        {"network": {"ca": {"key": "bundle.pem"}}}, {"network": {"ca": {"configMap": "corp-ca"}}}
    ),
    "spec.network.clients[]": Case({"network": {"clients": ["10.0.20.0/24"]}}, GATEWAY, blueprint=EXPOSED),
    "spec.scheduling.priorityClass": Case({"scheduling": {"priorityClass": "high"}}),
    "spec.scheduling.runtimeClass": Case({"scheduling": {"runtimeClass": "nvidia"}}),
    "spec.storage.fss": Case({"storage": {"fss": "other"}}),
    "spec.storage.block": Case(
        {"storage": {"block": "other"}},
        blueprint={"storage": {"cache": {"kind": "block"}}, "scaling": {"max": 1}},
    ),
    "spec.storage.nvme": Case(
        {"storage": {"nvme": "other"}},
        {"storage": {"nvme": "local"}},
        blueprint={"storage": {"cache": {"kind": "nvme"}}},
    ),
    "spec.alerts.labels.*": Case({"alerts": {"labels": {"team": "search"}}}),
    "spec.alerts.disabled": Case({"alerts": {"disabled": ["VllmKvCacheFull"]}}),
    "spec.alerts.thresholds.kvCacheUsage": Case({"alerts": {"thresholds": {"kvCacheUsage": 0.9}}}),
    "spec.alerts.thresholds.queueSeconds": Case({"alerts": {"thresholds": {"queueSeconds": 10}}}),
    "spec.alerts.thresholds.preemptedShare": Case({"alerts": {"thresholds": {"preemptedShare": 0.1}}}),
    "spec.alerts.thresholds.errorShare": Case({"alerts": {"thresholds": {"errorShare": 0.1}}}),
    "spec.alerts.runbookUrl": Case({"alerts": {"runbookUrl": "https://wiki.example.com"}}),
    "spec.policy.maxGpus": Case({"policy": {"maxGpus": 32}}),
    "spec.policy.maxReplicas": Case(
        {"policy": {"maxReplicas": 3}},
        refused="spec.policy.maxReplicas of the stack, 3",
        example={"policy": {"maxReplicas": 16}},
    ),
    "spec.policy.registries": Case(
        {"policy": {"registries": ["ghcr.io"]}},
        refused="that is not in spec.policy.registries (ghcr.io)",
        example={"policy": {"registries": ["docker.io/vllm", "quay.io"]}},
    ),
}

OCI = {"oci": {"compartment": "gpu"}}
VAULT = {"id": "ocid1.vault.oc1.phx.aaaavault", "key": "ocid1.key.oc1.phx.aaaakey"}
KEEPING = {"oci": {"compartment": "gpu", "vault": VAULT}}
STACK_KEYS |= {
    "spec.oci.compartment": Case({"oci": {"compartment": "gpu-clusters"}}, OCI, built=True),
    "spec.oci.parent": Case(
        {"oci": {"compartment": "gpu", "parent": "ocid1.compartment.oc1..aaaaparent"}}, OCI, built=True
    ),
    "spec.oci.bucket": Case({"oci": {"compartment": "gpu", "bucket": "weights"}}, OCI, built=True),
    "spec.oci.repositories": Case(
        {"oci": {"compartment": "gpu", "repositories": ["vllm/vllm-openai"]}}, OCI, built=True
    ),
    "spec.oci.vault.id": Case(
        {"oci": {"vault": {**VAULT, "id": "ocid1.vault.oc1.phx.aaaaother"}}}, KEEPING, built=True
    ),
    "spec.oci.vault.key": Case(
        {"oci": {"vault": {**VAULT, "key": "ocid1.key.oc1.phx.aaaaother"}}}, KEEPING, built=True
    ),
    **{
        f"spec.clusters[].oci.{key}": Case({"clusters": [{**CLUSTER, "oci": own}]}, OCI, built=True)
        for key, own in {
            "cluster": {"cluster": "ocid1.cluster.oc1.phx.aaaacluster"},
            "networkPolicy": {"networkPolicy": "none"},
            "vcn": {"vcn": "ocid1.vcn.oc1.phx.aaaavcn"},
            "cidr": {"cidr": "10.20.0.0/16"},
            "api[]": {"api": ["203.0.113.0/24"]},
            "availabilityDomains": {"availabilityDomains": [2, 1]},
            "reservations.*": {"reservations": {"BM.GPU.H100.8": "ocid1.capacityreservation.oc1.phx.aaaa"}},
            "system.shape": {"system": {"shape": "VM.Standard.E4.Flex"}},
            "system.ocpus": {"system": {"ocpus": 8}},
            "system.memory": {"system": {"memory": 64}},
            "system.nodes": {"system": {"nodes": 4}},
        }.items()
    },
}

EXCLUDED = {
    "blueprint": {
        "apiVersion": "one value; the schema refuses every other",
        "kind": "one value; the schema refuses every other",
        "spec.type": "one value so far; the schema refuses every other",
    },
    "stack": {
        "apiVersion": "one value; the schema refuses every other",
        "kind": "one value; the schema refuses every other",
    },
}


def leaves(kind: str) -> Iterator[str]:
    """Every key of a schema that holds no further keys."""
    whole = schema(kind)

    def walk(node: Values, path: str) -> Iterator[str]:
        while "$ref" in node or "then" in node:
            if node.get("$ref", "").startswith(("#/$defs/own-", "#/$defs/architecture")):
                yield path  # the stack's keys, which test_differing sets in a cluster, or those of a model file
                return
            node = whole["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node["then"]
        items, others = node.get("items", {}), node.get("additionalProperties")
        if "properties" in node:
            for name, part in node["properties"].items():
                yield from walk(part, f"{path}.{name}" if path else name)
        elif isinstance(others, dict):
            yield from walk(others, f"{path}.*")
        elif "$ref" in items or "properties" in items:
            yield from walk(items, f"{path}[]")
        else:
            yield path

    return walk(dict(whole), "")


@pytest.mark.parametrize(("kind", "table"), [("blueprint", BLUEPRINT_KEYS), ("stack", STACK_KEYS)])
def test_the_table_is_complete(kind: str, table: Mapping[str, Case]) -> None:
    assert not set(table) & set(EXCLUDED[kind])
    assert sorted([*table, *EXCLUDED[kind]]) == sorted(leaves(kind))


def tree(blueprint: Values, stack: Values) -> Tree:
    return _tree(tuple(files(blueprint, stack).items()))


@cache
def _tree(sources: tuple[tuple[str, bytes], ...]) -> Tree:
    """Most cases begin with the same two files."""
    return render(resolve(parse(dict(sources))), shipped_charts(), HELM)


def files(blueprint: Values, stack: Values) -> dict[str, bytes]:
    blueprint = with_token(blueprint)
    return {"stack.yaml": yamlio.dump(stack).encode(), "blueprints/chat.yaml": yamlio.dump(blueprint).encode()}


def changed(base: Values, difference: Spec) -> Values:
    """A difference is in the spec, unless it says metadata."""
    return merged(base, difference if "metadata" in difference else {"spec": difference})


def check(before: tuple[Values, Values], after: tuple[Values, Values], refused: str | None) -> None:
    first = tree(*before)
    if refused is None:
        assert tree(*after) != first
        return
    with pytest.raises(InputError) as caught:
        tree(*after)
    assert refused in str(caught.value)


@pytest.mark.parametrize("key", BLUEPRINT_KEYS)
def test_blueprint(key: str) -> None:
    case = BLUEPRINT_KEYS[key]
    stack, before = changed(STACK, case.stack), changed(BLUEPRINT, case.before)
    check((before, stack), (changed(before, case.after), stack), case.refused)


def made(project: Project) -> object:
    """What bootstrap makes of it, on Oracle Cloud and in the clusters."""
    policies = [policyengine.wanted(project.stack, each) for each in project.stack.clusters]
    vault, key = project.stack.oci.vault if project.stack.oci else None, DeployKey("private", "public")
    return wanted(project), policies, vault and details(vault, "", project.stack.name, "phx", key)


@pytest.mark.parametrize("key", STACK_KEYS)
def test_stack(key: str) -> None:
    case = STACK_KEYS[key]
    blueprint, before = changed(BLUEPRINT, case.blueprint), changed(STACK, case.before)
    if case.built:
        projects = [parse(files(blueprint, each)) for each in (before, changed(before, case.after))]
        assert made(projects[0]) != made(projects[1])
        assert tree(blueprint, before) == tree(blueprint, changed(before, case.after))
        return
    if case.noted:
        found = resolve(parse(files(blueprint, changed(before, case.after))))
        assert any(note.startswith(case.noted) for note in found.notes)
        return
    check((blueprint, before), (blueprint, changed(before, case.after)), case.refused)


@pytest.mark.parametrize("key", [key for key, case in BLUEPRINT_KEYS.items() if case.refused])
def test_the_documented_example_of_a_blueprint_compiles(key: str) -> None:
    """Those that are not refused compile above."""
    case = BLUEPRINT_KEYS[key]
    assert case.example
    assert tree(changed(BLUEPRINT, case.example), changed(STACK, case.stack))


@pytest.mark.parametrize("key", [key for key, case in STACK_KEYS.items() if case.refused or case.example])
def test_the_documented_example_of_a_stack_compiles(key: str) -> None:
    case = STACK_KEYS[key]
    assert case.example
    assert tree(changed(BLUEPRINT, case.blueprint), changed(STACK, case.example))


@pytest.mark.parametrize(("most", "expected"), [(8192, 8192), (16384, 16384), (40960, 16384)])
def test_a_context_that_nobody_asks_for_is_no_longer_than_the_model_s(most: int, expected: int) -> None:
    facts = {**FACTS, "attention": {**FACTS["attention"], "maxContext": most}}
    assert workload({"model": {"name": None, "architecture": facts, "source": HERE}}).facts["context"].value == expected


def test_a_shape_s_own_context_goes_first() -> None:
    spec = {"serving": {"contextLength": 4096}, "shapes": {"a10": {}, "h100": {"contextLength": 8192}}}
    assert [workload(spec, shape=shape).facts["context"].value for shape in ("a10", "h100")] == [4096, 8192]
