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
            "args": ["org/model", "--revision=1", "--port=8000"],
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


def met(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> set[str]:
    changes = between(by_identity(old, "models"), by_identity(new, "models"))
    known = Knowledge({"chat": ["trust-remote-code", "HF_X"]}, {"old-flag": "0.33", "older-flag": "0.32"})
    return {each.rule.id for each in of_objects(changes, ("phx",), "chat", known)}


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
ARGS = ["org/model", "--revision=1", "--port=8000"]
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
]  # fmt: skip
EFFECTS = {
    "model-deleted": (Effect.REMOVED, Effect.MOVED),
    "cluster-leaves": (Effect.CLUSTER_LEAVES, Effect.BILLED),
    "downtime": (Effect.AWAY, Effect.COPIED),
    "secret-needed": (Effect.MISSING, Effect.BILLED),
    "refused": (Effect.REFUSED, Effect.MOVED),
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


def test_a_policy_that_goes_with_its_pods_opens_nothing() -> None:
    assert met([policy(), deployment()], []) == set()
    assert met([policy(podSelector={"matchLabels": {"app": "other"}}), deployment()], []) == {"network-opened"}


def test_every_rule_has_its_tests_and_its_section() -> None:
    assert {*EFFECTS, *(rule for rule, *_ in CASES)} == {*rules()}
    assert re.findall(r"^## `?([a-z-]+)`?$", PAGE, re.MULTILINE) == [*rules()]


@pytest.mark.parametrize("rule", rules().values(), ids=lambda rule: rule.id)
def test_the_page_and_the_table_say_the_same(rule: Any) -> None:
    section = PAGE.partition(f"## {rule.id}\n")[2].partition("\n## ")[0]
    assert section.startswith(f"\n**{rule.severity.value}.** {rule.what}.\n")
    assert {engine.value for engine in Engine} <= {*rule.consequence}
    assert len(section.splitlines()) > 3


def test_dangers_come_before_cautions() -> None:
    assert {rule.severity for rule in rules().values()} == set(Severity)
