"""Rules of what a reviewer must not miss: each by a change that meets it, and by one next to it that doesn't."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from gpuyard.project.stack import Engine
from gpuyard.review.danger import Knowledge, Severity, of_consequences, of_objects, rules
from gpuyard.review.fields import between, by_identity
from gpuyard.review.placed import Consequence, Effect
from tests.conftest import ROOT
from tests.projects import merged

PAGE = (ROOT / "docs" / "danger.md").read_text(encoding="utf-8")
POD: dict[str, Any] = {
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "vllm",
            "image": "vllm:v0.32.0@sha256:0",
            "command": ["vllm", "serve"],
            "args": ["org/model", "--revision=1111111111111111111111111111111111111111", "--port=8000"],
            "env": [{"name": "VLLM_API_KEY", "value": "x"}],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
    "volumes": [{"name": "cache", "emptyDir": {}}],
}
LABELS = {"app": "chat"}


def obj(kind: str, spec: Mapping[str, Any] | None = None, group: str = "x/v1", **metadata: Any) -> dict[str, Any]:
    name = metadata.pop("name", "chat")
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, **metadata}, "spec": dict(spec or {})}


def deployment(change: Mapping[str, Any] | None = None, container: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The pod above, with what differs of it and of its container."""
    pod = merged(POD, {**(change or {}), "containers": [merged(POD["containers"][0], container or {})]})
    template = {"metadata": {"labels": LABELS}, "spec": pod}
    return obj("Deployment", {"selector": {"matchLabels": LABELS}, "template": template}, "apps/v1")


def claim(size: str = "100Gi", name: str = "fss") -> dict[str, Any]:
    return obj("PersistentVolumeClaim", {"storageClassName": name, "resources": {"requests": {"storage": size}}}, "v1")


def policy(**spec: Any) -> dict[str, Any]:
    selected = {"podSelector": {"matchLabels": LABELS}, "policyTypes": ["Egress", "Ingress"]}
    return obj("NetworkPolicy", {**selected, "ingress": [{"ports": [1]}], **spec})


def noted(found: Mapping[str, Any], name: str, value: str) -> dict[str, Any]:
    return merged(dict(found), {"metadata": {"annotations": {name: value}}})


def met(old: list[dict[str, Any]], new: list[dict[str, Any]], blueprint: str = "chat") -> set[str]:
    changes = between(by_identity(old, "models"), by_identity(new, "models"))
    known = Knowledge({"chat": ["trust-remote-code", "HF_X"]}, {"old-flag": "0.33", "older-flag": "0.32"})
    return {each.rule.id for each in of_objects(changes, ("phx",), blueprint, known)}


DRY = obj("ResourceQuota", {"hard": {"requests.nvidia.com/gpu": "8", "pods": "4"}})
SCALED = obj("ScaledObject", {"scaleTargetRef": {"name": "chat"}})
SYNC = obj("Kustomization", {"prune": True, "path": "./a"})
GIT = obj("GitRepository", {"url": "https://git.example.com/g", "ref": {"branch": "main"}, "verify": {"mode": "HEAD"}})
APP = obj("Application", {"source": {"repoURL": "https://git.example.com/g", "targetRevision": "main", "path": "a"}})
OF_CHART = obj("Application", {"source": {"repoURL": "https://c", "targetRevision": "1.0.0", "chart": "keda"}})
CHART = obj("HelmRelease", {"releaseName": "keda", "chart": {"spec": {"chart": "keda", "version": "1"}}})
ROUTE = obj("Ingress", {"rules": [{"host": "a.example.com"}]})
SPACE = obj("Namespace", labels={"pod-security.kubernetes.io/enforce": "restricted"})
JOB = obj("Job", {"template": {"spec": POD}, "backoffLimit": 1}, "batch/v1")
TWICE = merged(JOB, {"spec": {"completions": 2}})
ARGS = ["org/model", "--revision=1111111111111111111111111111111111111111", "--port=8000"]
CASES: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]] = [
    # the rule, before, after that meets it, after that does not
    ("immutable-field", [deployment()], [merged(deployment(), {"spec": {"selector": {"matchLabels": {"app": "x"}}}})],
     [merged(deployment(), {"spec": {"replicas": 2}})]),
    ("immutable-field", [JOB], [merged(JOB, {"spec": {"template": {"spec": {"priority": 1}}}})],
     [merged(JOB, {"spec": {"backoffLimit": 2}})]),
    ("immutable-field", [JOB], [merged(JOB, {"spec": {"completions": 2}})],
     [noted(TWICE, "kustomize.toolkit.fluxcd.io/force", "enabled")]),
    ("immutable-field", [JOB], [noted(TWICE, "argocd.argoproj.io/sync-options", "Prune=false")],
     [noted(TWICE, "argocd.argoproj.io/sync-options", "Force=true,Replace=true")]),
    ("immutable-field", [{**obj("ConfigMap"), "immutable": True, "data": {"a": "1"}}],
     [{**obj("ConfigMap"), "immutable": True, "data": {"a": "2"}}],
     [{**obj("ConfigMap", labels={"a": "b"}), "immutable": True, "data": {"a": "1"}}]),
    ("pvc-shrink", [claim()], [claim("99Gi")], [claim("1Ti")]),
    ("pvc-class", [claim()], [claim(name="block")], [claim("200Gi")]),
    ("renamed", [SCALED], [{**SCALED, "metadata": {"name": "chat-2"}}], []),
    ("renamed", [CHART], [{**CHART, "metadata": {"name": "scaler"}}],
     [{**merged(CHART, {"spec": {"chart": {"spec": {"chart": "other"}}}}), "metadata": {"name": "other"}}]),
    ("renamed", [CHART], [merged(CHART, {"spec": {"releaseName": "scaler"}})],
     [merged(CHART, {"spec": {"chart": {"spec": {"version": "2"}}}})]),
    ("suspended", [SYNC], [merged(SYNC, {"spec": {"suspend": True}})], [merged(SYNC, {"spec": {"suspend": False}})]),
    ("suspended", [SCALED], [merged(SCALED, {"metadata": {"annotations": {"autoscaling.keda.sh/paused": "true"}}})],
     [merged(SCALED, {"metadata": {"annotations": {"autoscaling.keda.sh/paused": "false"}}})]),
    ("suspended", [], [merged(JOB, {"spec": {"suspend": True}})], [JOB]),
    ("source-moved", [GIT], [merged(GIT, {"spec": {"ref": {"branch": "theirs"}}})],
     [merged(GIT, {"spec": {"interval": "9m"}})]),
    ("source-moved", [GIT], [merged(GIT, {"spec": {"url": "https://git.example.com/x"}})], []),
    ("source-moved", [GIT], [merged(GIT, {"spec": {"verify": None}})], []),
    ("source-moved", [APP], [merged(APP, {"spec": {"source": {"targetRevision": "theirs"}}})],
     [merged(APP, {"spec": {"source": {"path": "b"}}})]),
    ("source-moved", [OF_CHART], [merged(OF_CHART, {"spec": {"source": {"repoURL": "https://x"}}})],
     [merged(OF_CHART, {"spec": {"source": {"targetRevision": "2.0.0"}}})]),
    ("prune-changed", [SYNC], [merged(SYNC, {"spec": {"prune": False}})], [merged(SYNC, {"spec": {"path": "./b"}})]),
    ("prune-changed", [claim()], [noted(claim(), "kustomize.toolkit.fluxcd.io/prune", "disabled")],
     [noted(claim(), "note", "disabled")]),
    ("security-loosened", [deployment()], [deployment({"hostNetwork": True})], [deployment({"hostNetwork": False})]),
    ("security-loosened", [deployment()], [deployment({"securityContext": {"runAsUser": 0}})],
     [deployment({"securityContext": {"runAsUser": 10002}})]),
    ("security-loosened", [deployment()], [deployment(container={"securityContext": {"privileged": True}})],
     [deployment(container={"securityContext": {"privileged": False}})]),
    ("security-loosened", [deployment()], [deployment(container={"securityContext": {"capabilities": {"drop": []}}})],
     [deployment(container={"securityContext": {"capabilities": {"drop": ["ALL", "NET_RAW"]}}})]),
    ("security-loosened", [deployment(container={"securityContext": {"readOnlyRootFilesystem": True}})], [deployment()],
     [deployment(container={"securityContext": {"readOnlyRootFilesystem": True}, "tty": True})]),
    ("security-loosened", [], [deployment({"volumes": [{"name": "host", "hostPath": {"path": "/"}}]})], [deployment()]),
    ("security-loosened", [SPACE], [obj("Namespace", labels={"pod-security.kubernetes.io/enforce": "baseline"})],
     [merged(SPACE, {"metadata": {"labels": {"team": "x"}}})]),
    ("network-opened", [policy()], [policy(ingress=[{"ports": [1]}, {}])], [policy(ingress=[])]),
    ("network-opened", [policy()], [policy(egress=[{}])], [policy(egress=[])]),
    ("network-opened", [policy()], [policy(policyTypes=["Ingress"])], [policy(policyTypes=["Ingress", "Egress"])]),
    ("network-opened", [policy(), deployment()], [deployment()], []),
    ("unsafe-flag", [deployment()], [deployment(container={"args": [*ARGS, "--trust-remote-code"]})],
     [deployment(container={"args": [*ARGS, "--seed=1"]})]),
    ("unsafe-flag", [deployment()], [deployment(container={"env": [*POD["containers"][0]["env"], {"name": "HF_X"}]})],
     [deployment(container={"env": [*POD["containers"][0]["env"], {"name": "HF_Y"}]})]),
    ("api-key-removed", [deployment()], [deployment(container={"env": []})],
     [deployment(container={"env": [{"name": "VLLM_API_KEY", "value": "y"}]})]),
    ("host-exposed", [], [ROUTE], [policy()]),
    ("host-exposed", [ROUTE], [merged(ROUTE, {"spec": {"rules": [{"host": "b.example.com"}]}})],
     [merged(ROUTE, {"spec": {"class": "x"}})]),
    ("host-exposed", [obj("Service", {"type": "ClusterIP"}, "v1")], [obj("Service", {"type": "LoadBalancer"}, "v1")],
     [obj("Service", {"type": "ClusterIP", "port": 1}, "v1")]),
    ("gpu-policy-raised", [DRY], [merged(DRY, {"spec": {"hard": {"requests.nvidia.com/gpu": "16"}}})],
     [merged(DRY, {"spec": {"hard": {"requests.nvidia.com/gpu": "4", "pods": "9"}}})]),
    ("gpu-policy-raised", [DRY], [], [DRY]),
    ("image-unpinned", [deployment()], [deployment(container={"image": "vllm:v0.33.0"})],
     [deployment(container={"image": "vllm:v0.33.0@sha256:1"})]),
    ("model-unpinned", [deployment()], [deployment(container={"args": ["org/model"]})],
     [deployment(container={"args": ["/models/own"]})]),
    ("flag-removed", [deployment()], [deployment(container={"args": [*ARGS, "--old-flag=1"]})],
     [deployment(container={"args": [*ARGS, "--older-flag=1"]})]),
    ("flag-removed", [deployment()], [deployment(container={"args": [*ARGS, "--no-old-flag"]})],
     [deployment(container={"args": [*ARGS, "--no-older-flag"]})]),
    ("chart-removed", [CHART], [], [CHART]),
    ("data-deleted", [claim()], [], [claim("200Gi")]),
    ("data-deleted", [SPACE], [], [SPACE]),
    ("chart-removed", [merged(OF_CHART, {"spec": {"source": {"helm": {"releaseName": "keda"}}}})], [],
     [merged(OF_CHART, {"spec": {"source": {"helm": {"releaseName": "keda"}, "targetRevision": "2.0.0"}}})]),
]  # fmt: skip
ASKED = "image-absent"
"""Only registries know: tests/test_absent.py."""
EFFECTS: dict[str, tuple[Effect, Effect]] = {
    "model-deleted": (Effect.REMOVED, Effect.MOVED),
    "cluster-leaves": (Effect.CLUSTER_LEAVES, Effect.BILLED),
    "downtime": (Effect.AWAY, Effect.COPIED),
    "secret-needed": (Effect.MISSING, Effect.BILLED),
    "refused": (Effect.REFUSED, Effect.MOVED),
    "engine-changed": (Effect.HANDED_OVER, Effect.BILLED),
    "unsafe-flag": (Effect.ALLOWED, Effect.COPIED),
}


@pytest.mark.parametrize(("rule", "before", "bad", "good"), CASES)
def test_a_rule_about_objects(
    rule: str, before: list[dict[str, Any]], bad: list[dict[str, Any]], good: list[dict[str, Any]]
) -> None:
    assert rule in met(before, bad)
    assert rule not in met(before, good)
    assert met(before, before) == set()


@pytest.mark.parametrize("rule", EFFECTS)
def test_a_rule_about_consequences(rule: str) -> None:
    bad, good = (Consequence("phx", "chat", "what it does", effect) for effect in EFFECTS[rule])
    (found,) = of_consequences([bad])
    assert (found.rule.id, found.clusters, found.blueprint, found.detail) == (rule, ("phx",), "chat", "what it does")
    assert rule not in {each.rule.id for each in of_consequences([good])}


def scaler(**spec: Any) -> dict[str, Any]:
    return merged(CHART, {"spec": {"values": spec}})


def changed(first: dict[str, Any], **spec: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return first, merged(first, {"spec": spec})


def given(value: dict[str, Any], other: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return scaler(**value), scaler(**other)


def secured(**context: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return deployment(), deployment(container={"securityContext": context})


def with_args(*args: str) -> dict[str, Any]:
    return deployment(container={"args": list(args)})


COMMIT = "1" * 40
HARD = {"requests.nvidia.com/gpu": "8"}
GATE = obj("HTTPRoute", {"hostnames": ["a"], "parentRefs": [{"name": "private", "namespace": "g"}]})
BALANCER = obj("Service", {"type": "LoadBalancer", "loadBalancerSourceRanges": ["10.0.0.0/8"]}, "v1")
CLOUD = "service.beta.kubernetes.io/oci-load-balancer-internal"
SYNCED = obj("Application", {"source": {"repoURL": "x", "path": "a"}, "syncPolicy": {"automated": {"prune": True}}})
OF_ARGO = merged(OF_CHART, {"spec": {"source": {"helm": {"releaseName": "keda", "valuesObject": {}}}}})
ROLE = {**obj("Role"), "rules": [{"verbs": ["get"]}]}
BOUND = {**obj("ClusterRoleBinding"), "roleRef": {"name": "admin"}, "subjects": [{"kind": "User", "name": "a"}]}
ACCOUNT = {**obj("ServiceAccount"), "automountServiceAccountToken": False}
RAY = obj("RayCluster", {"headGroupSpec": {"template": {"spec": POD}}})
DISK = obj("PersistentVolume", {"csi": {"volumeHandle": "a"}, "persistentVolumeReclaimPolicy": "Retain"})
TAGGED = obj("OCIRepository", {"url": "oci://x", "ref": {"tag": "main"}})
ANNOTATED = merged(SCALED, {"metadata": {"annotations": {}}})
OTHERS: list[tuple[str, str, tuple[dict[str, Any] | None, dict[str, Any] | None]]] = [
    # the rule, a variant of it in words, before and after; None: the object is not there
    ("immutable-field", "a class of ingresses", changed(obj("IngressClass", {"controller": "a"}), controller="b")),
    ("immutable-field", "where a volume is", changed(DISK, csi={"volumeHandle": "b"})),
    ("immutable-field", "any field of a claim", changed(claim(), dataSourceRef={"name": "x"})),
    ("immutable-field", "the volumes of a StatefulSet",
     changed(obj("StatefulSet", {"volumeClaimTemplates": [1], "replicas": 1}), volumeClaimTemplates=[2])),
    ("immutable-field", "a Secret's type", ({**obj("Secret"), "type": "a"}, {**obj("Secret"), "type": "b"})),
    ("immutable-field", "a handler of a RuntimeClass",
     ({**obj("RuntimeClass"), "handler": "a"}, {**obj("RuntimeClass"), "handler": "b"})),
    ("immutable-field", "when a Job fails", changed(JOB, podFailurePolicy={"rules": []})),
    ("immutable-field", "the class of a load balancer", changed(obj("Service"), loadBalancerClass="x")),
    ("immutable-field", "Argo CD only writes over it",
     (JOB, noted(TWICE, "argocd.argoproj.io/sync-options", "Replace=true"))),
    ("pvc-shrink", "in another unit", (claim("100Gi"), claim("100G"))),
    ("pvc-shrink", "from large units", (claim("1Pi"), claim("900Ti"))),
    ("pvc-shrink", "without a size", (claim(), merged(claim(), {"spec": {"resources": None}}))),
    ("pvc-class", "removed", (claim(), merged(claim(), {"spec": {"storageClassName": None}}))),
    ("renamed", "what Flux syncs", (SYNC, {**SYNC, "metadata": {"name": "other"}})),
    ("renamed", "what Argo CD syncs", (SYNCED, {**SYNCED, "metadata": {"name": "other"}})),
    ("renamed", "in another namespace", (SCALED, {**SCALED, "metadata": {"name": "chat", "namespace": "other"}})),
    ("renamed", "where Helm keeps it", changed(merged(CHART, {"spec": {"storageNamespace": "a"}}),
                                               storageNamespace="b")),
    ("suspended", "a Deployment", changed(deployment(), paused=True)),
    ("suspended", "an Application without automated sync", changed(SYNCED, syncPolicy=None)),
    ("suspended", "an Application with it off", changed(SYNCED, syncPolicy={"automated": {"enabled": False}})),
    ("suspended", "Flux leaves it alone",
     (claim(), noted(claim(), "kustomize.toolkit.fluxcd.io/reconcile", "disabled"))),
    ("suspended", "no scaling in", (ANNOTATED, noted(ANNOTATED, "autoscaling.keda.sh/paused-scale-in", "true"))),
    ("prune-changed", "the whole policy", changed(SYNCED, syncPolicy={"automated": None})),
    ("prune-changed", "an option", changed(SYNCED, syncPolicy={"syncOptions": ["Prune=false"]})),
    ("prune-changed", "a volume's policy", changed(DISK, persistentVolumeReclaimPolicy="Delete")),
    ("source-moved", "a tag that moves", changed(TAGGED, ref={"tag": "theirs"})),
    ("source-moved", "by plain http", changed(TAGGED, insecure=True)),
    ("source-moved", "another source", changed(merged(SYNC, {"spec": {"sourceRef": {"name": "a"}}}),
                                              sourceRef={"name": "b"})),
    ("source-moved", "another source of a chart", changed(CHART, chart={"spec": {"sourceRef": {"name": "b"}}})),
    ("source-moved", "without signatures",
     changed(obj("AppProject", {"signatureKeys": [{"keyID": "a"}]}), signatureKeys=None)),
    ("security-loosened", "the kernel's own profile", secured(seccompProfile={"type": "Unconfined"})),
    ("security-loosened", "no AppArmor", secured(appArmorProfile={"type": "Unconfined"})),
    ("security-loosened", "an annotation", (deployment(), noted(
        deployment(), "container.apparmor.security.beta.kubernetes.io/vllm", "unconfined"))),
    ("security-loosened", "/proc", secured(procMount="Unmasked")),
    ("security-loosened", "a capability", secured(capabilities={"add": ["SYS_ADMIN"]})),
    ("security-loosened", "escalation", secured(allowPrivilegeEscalation=True)),
    ("security-loosened", "root's group", (deployment(), deployment({"securityContext": {"fsGroup": 0}}))),
    ("security-loosened", "a port of the host",
     (deployment(), deployment(container={"ports": [{"hostPort": 80}]}))),
    ("security-loosened", "another folder of the host",
     (deployment({"volumes": [{"name": "a", "hostPath": {"path": "/a"}}]}),
      deployment({"volumes": [{"name": "a", "hostPath": {"path": "/"}}]}))),
    ("security-loosened", "a token in a volume", (deployment(), deployment(
        {"volumes": [{"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]}))),
    ("security-loosened", "a container that starts the others",
     (deployment(), deployment({"initContainers": [{"name": "a", "securityContext": {"privileged": True}}]}))),
    ("security-loosened", "a CronJob", changed(obj("CronJob", {"jobTemplate": {"spec": {"template": {"spec": POD}}}}),
                                               jobTemplate={"spec": {"template": {"spec": {"hostPID": True}}}})),
    ("security-loosened", "a cluster of Ray",
     changed(RAY, headGroupSpec={"template": {"spec": {"hostNetwork": True}}})),
    ("security-loosened", "a chart's pods", given({}, {"operator": {"hostNetwork": True}})),
    ("security-loosened", "a chart's container", given({}, {"a": {"securityContext": {"privileged": True}}})),
    ("security-loosened", "a chart's user", given({}, {"podSecurityContext": {"runAsUser": 0}})),
    ("security-loosened", "a chart's capabilities", given({}, {"a": {"capabilities": {"add": ["SYS_ADMIN"]}}})),
    ("security-loosened", "a chart's profile", given({}, {"a": {"seccompProfile": {"type": "Unconfined"}}})),
    ("security-loosened", "a chart's volume", given({}, {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]})),
    ("security-loosened", "a chart's context emptied", (scaler(), merged(scaler(), {"spec": {"values": {
        "securityContext": {}}}}))),
    ("security-loosened", "a chart's rule that goes",
     given({"a": {"runAsNonRoot": True}}, {"a": {"x": 1}})),
    ("security-loosened", "with Argo CD", (OF_ARGO, merged(OF_ARGO, {"spec": {"source": {"helm": {"valuesObject": {
        "hostPID": True}}}}}))),
    ("security-loosened", "with Argo CD, in a text", (OF_ARGO, merged(OF_ARGO, {"spec": {"source": {"helm": {
        "valuesObject": None, "values": "hostPID: true\nresources: null\n"}}}}))),
    ("security-loosened", "a role", (ROLE, {**ROLE, "rules": [{"verbs": ["*"]}]})),
    ("security-loosened", "a role's holder", (None, BOUND)),
    ("security-loosened", "tokens of an account", (ACCOUNT, {**ACCOUNT, "automountServiceAccountToken": True})),
    ("security-loosened", "in Flux's own name", changed(merged(SYNC, {"spec": {"serviceAccountName": "models"}}),
                                                        serviceAccountName=None)),
    ("security-loosened", "a judge that is gone", (obj("ValidatingAdmissionPolicyBinding"), None)),
    ("network-opened", "a policy more", (None, policy())),
    ("network-opened", "of another maker", (obj("CiliumNetworkPolicy"), None)),
    ("network-opened", "a chart's policy", given({"networkPolicy": {"enabled": True}},
                                                 {"networkPolicy": {"enabled": False}})),
    ("host-exposed", "without a host", changed(ROUTE, rules=[{"host": "a.example.com"}, {"http": {}}])),
    ("host-exposed", "a backend for all", changed(ROUTE, defaultBackend={"service": {}})),
    ("host-exposed", "without TLS", changed(merged(ROUTE, {"spec": {"tls": [{"secretName": "a"}]}}), tls=None)),
    ("host-exposed", "another class", changed(merged(ROUTE, {"spec": {"ingressClassName": "a"}}),
                                              ingressClassName="b")),
    ("host-exposed", "another Gateway", changed(GATE, parentRefs=[{"name": "public", "namespace": "g"}])),
    ("host-exposed", "addresses of its own", changed(obj("Service", group="v1"), externalIPs=["192.0.2.1"])),
    ("host-exposed", "to all clients", changed(BALANCER, loadBalancerSourceRanges=None)),
    ("host-exposed", "no longer internal", (noted(BALANCER, CLOUD, "true"), BALANCER)),
    ("host-exposed", "a chart's Service", given({}, {"service": {"type": "LoadBalancer"}})),
    ("host-exposed", "a chart's host", given({}, {"grafana": {"ingress": {"enabled": True}}})),
    ("gpu-policy-raised", "no limit at all", (DRY, {**DRY, "spec": {}})),
    ("gpu-policy-raised", "only of some pods", changed(DRY, scopes=["BestEffort"])),
    ("image-unpinned", "without its digest", (deployment(), deployment(container={"image": "vllm:v0.32.0"}))),
    ("image-unpinned", "in a volume", (deployment(), deployment({"volumes": [{"name": "a", "image": {
        "reference": "x:1"}}]}))),
    ("image-unpinned", "of a chart", given({"image": {"digest": "sha256:1"}}, {"image": {"tag": "1"}})),
    ("model-unpinned", "a branch", (with_args("org/m", f"--revision={COMMIT}"), with_args("org/m", "--revision=main"))),
    ("model-unpinned", "by name", (with_args("/m"), with_args("--model=org/m"))),
    ("model-unpinned", "its tokenizer", (with_args("/m"), with_args("/m", "--tokenizer=org/t"))),
    ("model-unpinned", "a draft",
     (with_args("/m"), with_args("/m", '--speculative-config={"model": "org/d", "num_speculative_tokens": 3}'))),
    ("model-unpinned", "an adapter",
     (with_args("/m"), with_args("/m", "--lora-modules", '{"name": "a", "path": "org/a"}'))),
    ("unsafe-flag", "another value", (deployment(container={"env": [{"name": "HF_X", "value": "1"}]}),
                                      deployment(container={"env": [{"name": "HF_X", "value": "2"}]}))),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "name", "sides"), OTHERS, ids=[f"{rule}: {name}" for rule, name, _ in OTHERS])
def test_a_variant_of_a_rule(rule: str, name: str, sides: tuple[dict[str, Any] | None, dict[str, Any] | None]) -> None:
    before, after = ([each] if each else [] for each in sides)
    assert rule in met(before, after, "" if "another source" in name else "chat")
    assert met(after, after) == set()


CALM: list[tuple[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]]] = [
    ("a source is verified from now on", ([TAGGED], [merged(TAGGED, {"spec": {"verify": {"provider": "cosign"}}})])),
    ("another version of a chart", ([merged(TAGGED, {"spec": {"ref": {"tag": "1.2.3"}}})],
                                    [merged(TAGGED, {"spec": {"ref": {"tag": "1.3.0"}}})])),
    ("a limit with another name", ([DRY], [{**DRY, "metadata": {"name": "gpus"}}])),
    ("a chart that another engine takes over", ([CHART], [OF_ARGO])),
    ("a pinned draft", ([with_args("/m")],
                        [with_args("/m", f'--speculative-config={{"model": "org/d", "revision": "{COMMIT}"}}')])),
    ("a chart's rule more", ([scaler()], [scaler(a={"runAsNonRoot": True, "privileged": False})])),
    ("a policy that comes with its pods", ([], [policy(), deployment()])),
    ("a claim that is kept", ([noted(claim(), "kustomize.toolkit.fluxcd.io/prune", "disabled")], [])),
    ("a claim that grows in another unit", ([claim("100G")], [claim("100Gi")])),
    ("another class of quality of a volume",
     ([claim()], [merged(claim(), {"spec": {"volumeAttributesClassName": "fast"}})])),
]  # fmt: skip


@pytest.mark.parametrize("sides", [sides for _, sides in CALM], ids=[name for name, _ in CALM])
def test_what_is_no_danger(sides: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
    assert met(*sides) == set()


def test_a_policy_that_goes_with_its_pods_opens_nothing() -> None:
    assert met([policy(), deployment()], []) == set()
    assert met([policy(podSelector={"matchLabels": {"app": "other"}}), deployment()], []) == {"network-opened"}


def test_every_rule_has_its_tests_and_its_section() -> None:
    assert {*EFFECTS, *(rule for rule, *_ in CASES), ASKED} == {*rules()}
    assert re.findall(r"^## `?([a-z-]+)`?$", PAGE, re.MULTILINE) == [*rules()]


@pytest.mark.parametrize("rule", rules().values(), ids=lambda rule: rule.id)
def test_the_page_and_the_table_say_the_same(rule: Any) -> None:
    section = PAGE.partition(f"## {rule.id}\n")[2].partition("\n## ")[0]
    assert section.startswith(f"\n**{rule.severity.value}.** {rule.what}.\n")
    assert {engine.value for engine in Engine} <= {*rule.consequence}
    assert len(section.splitlines()) > 3


def test_dangers_come_before_cautions() -> None:
    assert {rule.severity for rule in rules().values()} == set(Severity)
