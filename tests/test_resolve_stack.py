"""What a whole stack may get wrong, and what is allowed and still worth saying."""

from typing import Any

import pytest

from gpuyard.render.platform import files
from tests.projects import chart_values, problems, resolved, workload

GATEWAY = {"gateway": {"name": "public", "namespace": "gateways"}}
EXPOSED = {"expose": {"host": "chat.example.com", "apiKey": {"secret": "chat", "key": "api"}}}


def notes(spec: dict[str, Any], stack: dict[str, Any] | None = None) -> list[str]:
    """Beside those that say which images aren't pinned."""
    return [note for note in resolved(spec, stack).notes if "pinned" not in note]


# --- limits --------------------------------------------------------------------------------------------------


def test_the_limit_of_gpus_holds_the_surge_of_a_rollout() -> None:
    """Its quota would refuse the surge's pod, and the rollout would never end."""
    spec: dict[str, Any] = {"shapes": {"h100": {}}, "scaling": {"min": 4, "max": 4}, "rollout": {"spareGpus": 2}}
    assert workload(spec).surge == 2
    assert "may take 6 GPUs at their most (chat 6)" in problems(spec, {"policy": {"maxGpus": 5}})[0]
    assert resolved(spec, {"policy": {"maxGpus": 6}})


def test_a_block_volume_leaves_no_room_for_a_surge() -> None:
    spec = {"scaling": {"max": 1}, "storage": {"cache": {"kind": "block"}}, "rollout": {"spareGpus": 8}}
    assert workload(spec).surge == 0


# --- the stack -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("namespace", ["default", "flux-system", "keda", "monitoring", "kube-system", "kube-public"])
def test_the_models_have_a_namespace_of_their_own(namespace: str) -> None:
    assert problems({}, {"namespace": namespace}) == [
        f"spec.namespace: {namespace} is not the model servers' own; use another, such as inference"
    ]


def test_a_patch_release_is_checked_as_its_minor_version() -> None:
    assert resolved({}, {"vllm": {"version": "0.32.4"}}).image.tag == "v0.32.4"
    assert notes({}, {"vllm": {"version": "0.32.4"}}) == [
        "stack.yaml: flags and metrics of vLLM 0.32.4 are checked as those of 0.32.0"
    ]
    assert "0.31.0 is not known" in problems({}, {"vllm": {"version": "0.31.0"}})[0]


def test_a_prometheus_that_is_there_already() -> None:
    there = {"enabled": False, "address": "http://prom.observability.svc:9090", "namespace": "observability"}
    stack = {"platform": {"prometheus": there}}
    found = chart_values({}, stack)
    assert found["scaling"]["prometheus"] == {"address": "http://prom.observability.svc:9090"}
    assert found["networkPolicy"]["prometheusNamespaces"] == ["observability"]
    assert not [path for path in files(resolved({}, stack)) if "kube-prometheus-stack" in path.name]


def test_a_prometheus_without_its_address() -> None:
    assert "where is the cluster's own?" in problems({}, {"platform": {"prometheus": {"enabled": False}}})[0]
    stack = {"platform": {"prometheus": {"address": "http://prom:9090"}}}
    assert problems({}, stack) == ["spec.platform.prometheus.address: is read where enabled is false; remove it"]


def test_secrets_to_pull_with() -> None:
    assert chart_values({}, {"images": {"pullSecrets": ["ocir"]}})["image"]["pullSecrets"] == ["ocir"]


# --- who may call --------------------------------------------------------------------------------------------


def test_clients_in_the_cluster() -> None:
    assert "clientNamespaces" not in chart_values({})["networkPolicy"]
    assert chart_values({"clientNamespaces": ["apps"]})["networkPolicy"]["clientNamespaces"] == ["apps"]
    both = chart_values({**EXPOSED, "clientNamespaces": ["apps"]}, GATEWAY)["networkPolicy"]
    assert both["clientNamespaces"] == ["gateways", "apps"]


def test_the_listener_and_the_proxies_of_a_gateway() -> None:
    stack = {"gateway": {**GATEWAY["gateway"], "listener": "https", "proxyNamespace": "envoy-gateway-system"}}
    found = chart_values(EXPOSED, stack)
    assert found["networkPolicy"]["clientNamespaces"] == ["envoy-gateway-system"]
    assert found["httpRoute"]["parentRefs"] == [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
    assert notes(EXPOSED, stack) == []


# --- notes ---------------------------------------------------------------------------------------------------


def test_a_route_that_may_go_without_tls_or_keys() -> None:
    assert notes({"expose": {"host": "chat.example.com"}}, GATEWAY) == [
        "stack.yaml: routes attach to every listener of Gateway public, one without TLS too; "
        "name the one with TLS as spec.gateway.listener",
        "blueprints/chat.yaml: chat.example.com answers everybody; expose.apiKey asks for a key",
    ]


def test_spare_gpus_that_are_too_few() -> None:
    assert notes({"shapes": {"a10": {}}, "rollout": {"spareGpus": 1}}) == [
        "blueprints/chat.yaml: 1 spare GPUs are too few for a replica on a10 (2 GPUs), "
        "so an old one stops before a new one starts"
    ]


# --- models beside the one that is served --------------------------------------------------------------------

DRAFT = {"speculative-config": {"model": "org/draft", "num_speculative_tokens": 3}}


@pytest.mark.parametrize(
    ("args", "path"), [({"tokenizer": "org/tokenizer"}, "tokenizer"), (DRAFT, "speculative-config.model")]
)
def test_nobody_copies_them(args: dict[str, Any], path: str) -> None:
    [message] = problems({"serving": {"args": args}})
    assert message.startswith(f"spec.serving.args.{path}: the server doesn't reach Hugging Face")
    assert resolved({"serving": {"args": args}, "storage": {"download": False}})


def test_on_a_claim_they_are_there() -> None:
    args = {"speculative-config": {**DRAFT["speculative-config"], "model": "/models/draft"}}
    spec = {"model": {"source": "pvc://weights/llama"}, "serving": {"args": args}}
    assert notes(spec) == ["blueprints/chat.yaml: /models/draft takes GPU memory that the fit doesn't count"]


def test_without_a_model_of_their_own() -> None:
    args = {"speculative-config": {"method": "ngram", "num_speculative_tokens": 3}}
    assert notes({"serving": {"args": args}}) == []


def test_the_route_allows_what_a_replica_that_ends_lets_finish() -> None:
    for spec, seconds in (({}, 300), ({"budget": {"shutdownSeconds": 1800}}, 1800)):
        found = chart_values({**EXPOSED, **spec}, GATEWAY)
        assert found["httpRoute"]["timeoutSeconds"] == found["drain"]["shutdownSeconds"] == seconds
