"""Rules of what a reviewer must not miss, met by what authors write: blueprints and stacks, not made-up objects."""

from typing import Any

import pytest

from tests.differing import FRA, PHX
from tests.projects import Values
from tests.reviewing import two

HOSTED: Values = {"expose": {"host": "chat.example.com"}, "clientNamespaces": ["web"]}
KEYED: Values = {"expose": {"host": "chat.example.com", "apiKey": {"secret": "s", "key": "k"}}}
INGRESS: Values = {"ingress": {"className": "nginx", "namespace": "ingress", "tlsSecret": "wildcard"}}
PLACED = {"blueprints": {"chat": "a10"}}
ADMIN = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "x"},
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
         "subjects": [{"kind": "ServiceAccount", "name": "chat", "namespace": "inference"}]}  # fmt: skip


def claim(size: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteMany"], "storageClassName": "oci-fss", "volumeName": "v"}
    sized = {**spec, "resources": {"requests": {"storage": size}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "mine"}, "spec": sized}


def objects(*found: dict[str, Any]) -> Values:
    return {"values": {"extraObjects": list(found)}}


def values(**found: Any) -> Values:
    return {"values": found}


CASES: dict[str, tuple[str, Values, Values, Values, Values]] = {
    # the rule; blueprint before, what differs; stack before, what differs
    "a network of the host": ("security-loosened", {}, values(extraPodSpec={"hostNetwork": True}), {}, {}),
    "root": ("security-loosened", {}, values(podSecurityContext={"runAsUser": 0, "runAsNonRoot": False}), {}, {}),
    "a privileged container": ("security-loosened", {}, values(securityContext={"privileged": True}), {}, {}),
    "no seccomp": ("security-loosened", {}, values(podSecurityContext={"seccompProfile": {"type": "Unconfined"}}), {},
                   {}),
    "no hardening of containers": ("security-loosened", {}, values(securityContext=None), {}, {}),
    "no hardening of pods": ("security-loosened", {}, values(podSecurityContext=None), {}, {}),
    "addresses outside": ("host-exposed", {}, values(service={"externalIPs": ["10.0.8.9"]}), {}, {}),
    "a role": ("security-loosened", {}, objects(ADMIN), {}, {}),
    "a chart's pods": ("security-loosened", {}, {}, {}, {"platform": {"keda": {"values": {"hostNetwork": True}}}}),
    "with Argo CD": ("security-loosened", {}, {}, {"engine": "argocd"},
                     {"platform": {"keda": {"values": {"podSecurityContext": None}}}}),
    "no network policy": ("network-opened", {}, values(networkPolicy={"enabled": False}), {}, {}),
    "code of others": ("unsafe-flag", {}, {"serving": {"args": {"trust-remote-code": True},
                                                       "unsafe": ["trust-remote-code"]}}, {}, {}),
    "no key": ("api-key-removed", KEYED, {"expose": {"apiKey": None}}, INGRESS, {}),
    "no certificate": ("host-exposed", HOSTED, {}, INGRESS, {"ingress": {"tlsSecret": None, "plainHttp": True}}),
    "a load balancer": ("host-exposed", {}, values(service={"type": "LoadBalancer"}), {}, {}),
    "a chart's load balancer": (
        "host-exposed", {}, {}, {},
        {"platform": {"prometheus": {"values": {"grafana": {"enabled": True, "service": {"type": "LoadBalancer"}}}}}}),
    "a claim in another unit": ("pvc-shrink", objects(claim("100Gi")), objects(claim("100G")), {}, {}),
    "a claim that goes": ("data-deleted", objects(claim("100Gi")), objects(), {}, {}),
    "a model that another cluster keeps": (
        "model-deleted", {}, {}, {"clusters": [{**PHX, **PLACED}, {**FRA, **PLACED}]},
        {"clusters": [{**PHX, "blueprints": {}}, {**FRA, **PLACED}]}),
    "a limit of one cluster": ("gpu-policy-raised", {}, {}, {"policy": {"maxGpus": 32}, "clusters": [PHX, FRA]},
                               {"clusters": [PHX, {**FRA, "policy": {"maxGpus": 64}}]}),
    "signatures": ("source-moved", {}, {}, {"flux": {"verifySecret": "signers"}}, {"flux": None}),
    "Flux's own account": ("security-loosened", {}, {}, {"flux": {"serviceAccount": "models"}}, {"flux": None}),
    "no KEDA": ("chart-removed", {}, {}, {}, {"platform": {"keda": {"enabled": False}}}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_authors_change_meets_the_rule(name: str) -> None:
    rule, *sides = CASES[name]
    found = two(*sides)
    assert rule in {each.rule.id for each in found.dangers}
    assert found.unread == ()
