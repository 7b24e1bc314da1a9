"""Claims that somebody else made, what an Ingress keeps of a route's promises, and names that are read as others."""

from typing import Any

import pytest

from gpuyard.catalogue.platform import catalogue
from tests.projects import problems, resolved

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HF = {"name": "qwen3-8b", "source": "hf://acme/qwen3-8b"}
ON_CLAIM = {"name": "qwen3-8b", "source": "pvc://weights/qwen3"}
EPHEMERAL = {"cache": {"kind": "ephemeral", "size": "1Gi"}}
RAY = {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "batch"}, "spec": {}}


def notes(spec: dict[str, Any], stack: dict[str, Any] | None = None, word: str = "") -> list[str]:
    return [note for note in resolved({"clientNamespaces": ["apps"], **spec}, stack).notes if word in note]


@pytest.mark.parametrize(
    ("spec", "claims"),
    [
        ({"storage": {"cache": {"claim": "shared"}}}, ["shared"]),
        ({"storage": {"cache": {"claim": "shared"}}, "scaling": {"min": 1, "max": 1}}, []),
        (
            {"storage": {"cache": {"claim": "shared"}}, "scaling": {"max": 1}, "rollout": {"spareGpus": 8}},
            ["shared"],
        ),
        ({"model": ON_CLAIM, "storage": EPHEMERAL}, ["weights"]),
        ({"model": {**ON_CLAIM, "source": "fss://weights/qwen3"}, "storage": EPHEMERAL}, []),
        ({"model": ON_CLAIM, "storage": {"cache": {"claim": "shared"}}}, ["weights", "shared"]),
        ({"values": {"extraVolumes": [{"name": "x", "persistentVolumeClaim": {"claimName": "more"}}]}}, ["more"]),
        ({}, []),
    ],
)
def test_a_claim_of_others_for_several_replicas(spec: dict[str, Any], claims: list[str]) -> None:
    """Nobody knows its access mode here; with ReadWriteOnce all but one wait for ever."""
    found = notes({"shapes": {"h100": {}}, **spec}, word="ReadWriteOnce")
    assert [note.partition(" mount ")[2].partition(",")[0] for note in found] == claims
    assert ["(or ReadOnlyMany)" in note for note in found] == [claim == "weights" for claim in claims]


@pytest.mark.parametrize(
    ("spec", "empty"),
    [
        ({"model": ON_CLAIM}, True),
        ({"model": {**ON_CLAIM, "source": "fss://weights"}}, True),
        ({"model": ON_CLAIM, "storage": EPHEMERAL}, False),
        ({"model": ON_CLAIM, "storage": {"cache": {"claim": "shared"}}}, False),
        ({"model": ON_CLAIM, "serving": {"env": {"VLLM_TUNED_CONFIG_FOLDER": "/cache/tuned"}}}, False),
        ({"model": {"name": "qwen3-8b"}}, False),
    ],
)
def test_a_claim_for_nothing(spec: dict[str, Any], empty: bool) -> None:
    found = notes({"shapes": {"h100": {}}, **spec}, word="would stay empty")
    assert bool(found) == empty
    assert all("set storage.cache: {kind: ephemeral, size: 1Gi}" in note for note in found)


@pytest.mark.parametrize(
    ("model", "write"),
    [
        (HF, "write source: hf://acme/qwen3-8b@<commit>, one of https://huggingface.co/acme/qwen3-8b/commits"),
        ({**HF, "source": f"hf://acme/qwen3-8b@{COMMIT}"}, None),
        ({"name": "qwen3-8b", "source": "hf://Qwen/Qwen3-8B"}, "write source: hf://Qwen/Qwen3-8B@"),
        ({"name": "qwen3-8b"}, None),
        (ON_CLAIM, None),
    ],
)
def test_weights_that_are_not_pinned(model: dict[str, str], write: str | None) -> None:
    found = notes({"model": model}, word="a later download may bring other weights")
    assert len(found) == (write is not None)
    assert all(str(write) in note for note in found)


@pytest.mark.parametrize(
    ("class_name", "words"),
    [
        ("nginx", None),
        ("nginx-internal", None),
        ("haproxy", None),
        ("traefik", None),
        ("oci", "idle time-out of the load balancer's listeners"),
        ("native-ic-ingress-class", "idle time-out of the load balancer's listeners"),
        ("kong", "konghq.com/read-timeout"),
        ("contour", "projectcontour.io/response-timeout"),
        ("internal", "set what its controller reads in spec.ingress.annotations of stack.yaml"),
    ],
)
def test_what_an_ingress_keeps(class_name: str, words: str | None) -> None:
    """An HTTPRoute has a field for the time-out; an Ingress only what its controller reads."""
    ingress = {"className": class_name, "namespace": "ingress", "tlsSecret": "tls"}
    spec = {"expose": {"host": "chat.example.com", "apiKey": {"secret": "a", "key": "b"}}}
    spec["budget"] = {"shutdownSeconds": 240}
    found = notes(spec, {"ingress": ingress}, "knows no annotation")
    assert len(found) == bool(words)
    assert all(str(words) in note and "take 240 s" in note for note in found)
    assert not notes(spec, {"ingress": {**ingress, "annotations": {"example.com/time-out": "240"}}}, "no annotation")
    assert not notes({}, {"ingress": ingress}, "no annotation")


@pytest.mark.parametrize(
    ("spec", "stack", "message"),
    [
        (
            {},
            {"vllm": {"image": "vllm/vllm-openai"}},
            "spec.vllm.image: names no registry; write docker.io/vllm/vllm-openai",
        ),
        (
            {"vllm": {"image": "vllm/vllm-openai"}},
            {},
            "spec.vllm.image: names no registry; write docker.io/vllm/vllm-openai",
        ),
        (
            {},
            {"images": {"mirrors": {"vllm": "registry.example.com/vllm"}}},
            "spec.images.mirrors.vllm: matches no image, because each is named with its registry; write docker.io/vllm",
        ),
        (
            {},
            {"policy": {"registries": ["docker.io", "acme/models"]}},
            "spec.policy.registries[1]: acme/models is not a registry; on Docker Hub it is docker.io/acme/models",
        ),
    ],
)
def test_a_name_without_a_registry(spec: dict[str, Any], stack: dict[str, Any], message: str) -> None:
    assert problems(spec, stack) == [message]


@pytest.mark.parametrize(
    ("kuberay", "values", "said"),
    [
        ({"enabled": True}, {}, True),
        ({"enabled": True}, {"extraObjects": [RAY]}, False),
        ({"enabled": True}, {"extraObjects": [{**RAY, "kind": "Other"}]}, True),
        ({}, {}, False),
    ],
)
def test_an_operator_that_nothing_uses(kuberay: dict[str, Any], values: dict[str, Any], said: bool) -> None:
    found = notes({"values": values} if values else {}, {"platform": {"kuberay": kuberay}}, "no blueprint makes")
    assert bool(found) == said
    assert all(note.startswith("stack.yaml: spec.platform.kuberay: ") for note in found)


def test_no_alert_about_what_oracle_runs() -> None:
    """The chart's alerts on its parts are of the form absent(up{…}), and none of them runs in a pod."""
    (stack,) = (each for each in catalogue() if each.chart == "kube-prometheus-stack")
    for part in ("kubeControllerManager", "kubeScheduler", "kubeEtcd", "kubeProxy"):
        assert stack.values[part] == {"enabled": False}


@pytest.mark.attack("A31 annotations of an ingress")
@pytest.mark.parametrize(
    "name",
    [
        "nginx.ingress.kubernetes.io/configuration-snippet",
        "nginx.ingress.kubernetes.io/server-snippet",
        "nginx.ingress.kubernetes.io/auth-snippet",
        "nginx.ingress.kubernetes.io/modsecurity-snippet",
        "nginx.ingress.kubernetes.io/auth-url",
        "nginx.ingress.kubernetes.io/auth-signin",
        "nginx.ingress.kubernetes.io/mirror-target",
        "nginx.ingress.kubernetes.io/permanent-redirect",
        "nginx.ingress.kubernetes.io/upstream-vhost",
        "nginx.ingress.kubernetes.io/server-alias",
        "nginx.org/server-snippets",
        "nginx.org/location-snippets",
        "haproxy.org/backend-config-snippet",
        "haproxy.org/request-redirect",
        "haproxy-ingress.github.io/config-backend",
        "haproxy-ingress.github.io/auth-url",
        "traefik.ingress.kubernetes.io/router.middlewares",
        "external-dns.alpha.kubernetes.io/target",
        "external-dns.alpha.kubernetes.io/hostname",
        "alb.ingress.kubernetes.io/actions.x",
        "konghq.com/plugins",
        "getambassador.io/config",
        "new-controller.example.com/http-snippet",
    ],
)
def test_an_annotation_that_is_configuration_is_refused(name: str) -> None:
    ingress = {"className": "nginx", "namespace": "ingress", "plainHttp": True, "annotations": {name: "x"}}
    (found,) = problems({}, {"ingress": ingress})
    assert name in found
    assert "changes the controller's configuration" in found


@pytest.mark.parametrize(
    "name",
    [
        "nginx.ingress.kubernetes.io/proxy-read-timeout",
        "nginx.ingress.kubernetes.io/proxy-body-size",
        "nginx.org/proxy-read-timeout",
        "haproxy.org/timeout-server",
        "traefik.ingress.kubernetes.io/router.entrypoints",
        "projectcontour.io/response-timeout",
        "alb.ingress.kubernetes.io/load-balancer-attributes",
        "cert-manager.io/cluster-issuer",
        "example.com/owner",
    ],
)
def test_an_annotation_that_only_tunes_is_taken(name: str) -> None:
    ingress = {"className": "nginx", "namespace": "ingress", "plainHttp": True, "annotations": {name: "x"}}
    assert problems({}, {"ingress": ingress}) == []


def test_rules_among_the_platform_s_values_are_promql() -> None:
    rules = {
        "additionalPrometheusRulesMap": {"own": {"groups": [{"name": "a", "rules": [{"alert": "A", "expr": "sum(x"}]}]}}
    }
    (found,) = problems({}, {"platform": {"prometheus": {"values": rules}}})
    assert found.endswith("rules[0].expr: is not PromQL: unclosed left parenthesis")
