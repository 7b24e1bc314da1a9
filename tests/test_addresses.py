"""Every address that a server is told of is held against its NetworkPolicy, and what to write is what opens it."""

import re
from typing import Any

import pytest

from gpuyard.doors import yamlio
from gpuyard.resolve.inference.texts import of_args
from tests.projects import merged, resolved, with_unsafe

QUIET = {"clientNamespaces": ["apps"], "shapes": {"h100": {}}}
OTEL = "http://otel.observability:4317"
MASTER = {"kv_connector": "LMCacheConnectorV1", "kv_role": "kv_both"}


def notes(spec: dict[str, Any], stack: dict[str, Any] | None = None) -> list[str]:
    """Those about addresses and ports; what is unsafe is allowed."""
    whole = with_unsafe({"spec": merged(QUIET, spec)}, flags=True)["spec"]
    found = resolved(whole, stack).notes
    return [note.partition(": ")[2] for note in found if "NetworkPolicy" in note]


def args(**flags: Any) -> dict[str, Any]:
    return {"serving": {"args": {name.replace("_", "-"): value for name, value in flags.items()}}}


def env(**variables: str) -> dict[str, Any]:
    return {"serving": {"env": variables}}


def extra(**config: Any) -> dict[str, Any]:
    return args(kv_transfer_config={**MASTER, "kv_connector_extra_config": config})


BLOCKED = {
    "otlp": (args(otlp_traces_endpoint=OTEL), "otlp-traces-endpoint", "otel.observability", 4317),
    "otlp without scheme": (
        args(otlp_traces_endpoint="otel.observability.svc:4317"),
        None,
        "otel.observability.svc",
        4317,
    ),
    "otlp without port": (args(otlp_traces_endpoint="otel.observability.svc"), None, "otel.observability.svc", 4317),
    "otlp by grpc": (args(otlp_traces_endpoint="grpc://otel.observability"), None, "otel.observability", 4317),
    "otlp of a shape": (
        {"shapes": {"h100": {"args": {"otlp-traces-endpoint": "http://10.0.7.9:4317"}}}},
        None,
        "10.0.7.9",
        4317,
    ),
    "an exporter": (env(OTEL_EXPORTER_OTLP_ENDPOINT="http://10.0.7.9:4318"), None, "10.0.7.9", 4318),
    "metrics": (env(OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="collector.mon:4317"), None, "collector.mon", 4317),
    "lmcache": (env(LMCACHE_REMOTE_URL="lm://lmcache.cache.svc:65432"), None, "lmcache.cache.svc", 65432),
    "redis": (env(LMCACHE_REMOTE_URL="redis://10.1.2.3"), None, "10.1.2.3", 6379),
    "lmcache in JSON": (
        extra(**{"lmcache.remote_url": "lm://10.1.2.3:65432"}),
        "kv-transfer-config.kv_connector_extra_config.lmcache.remote_url",
        "10.1.2.3",
        65432,
    ),
    "lmcache in JSON as text": (
        args(
            kv_transfer_config='{"kv_connector": "LMCacheConnectorV1", "kv_role": "kv_both", '
            '"kv_connector_extra_config": {"a": "redis://cache:6380"}}'
        ),
        "kv-transfer-config.kv_connector_extra_config.a",
        "cache",
        6380,
    ),
    "a host and a port": (
        extra(**{"lmcache.mp.host": "tcp://lm.cache.svc", "lmcache.mp.port": 5555}),
        None,
        "lm.cache.svc",
        5555,
    ),
    "a host and a port without scheme": (extra(proxy_ip="10.0.0.8", proxy_ping_port="36367"), None, "10.0.0.8", 36367),
    "mooncake": (env(MOONCAKE_MASTER="mooncake.cache.svc"), None, "mooncake.cache.svc", 50051),
    "events": (args(kv_events_config={"endpoint": "tcp://router.routing.svc:5557"}), None, "router.routing.svc", 5557),
    "tools": (args(tool_server="a.tools:80,b.tools:8080"), "tool-server", "b.tools", 8080),
    "statistics": (env(VLLM_USAGE_STATS_SERVER="https://stats.example.com"), None, "stats.example.com", 443),
    "object store": (env(S3_ENDPOINT_URL="https://minio.storage.svc:9000"), None, "minio.storage.svc", 9000),
    "any URL": (env(MY_OWN="wss://feed.example.com/x"), None, "feed.example.com", 443),
    "IPv6": (env(MY_OWN="http://[fd12::9]:8080/x"), None, "fd12::9", 8080),
    "a Service of the same namespace": (env(MY_OWN="http://reranker:8000"), None, "reranker", 8000),
    "domains of images": (args(allowed_media_domains=["images.example.com"]), "allowed-media-domains", None, 443),
    "extraEnv": (
        {"values": {"extraEnv": [{"name": "MY_OWN", "value": "nats://bus.events"}]}},
        "MY_OWN",
        "bus.events",
        4222,
    ),
}


@pytest.mark.parametrize("name", BLOCKED)
def test_an_address_that_is_blocked_and_what_opens_it(name: str) -> None:
    """What a note says to write is written, and the note is gone."""
    spec, by, host, port = BLOCKED[name]
    found = notes(spec)
    (note,) = [each for each in found if host is None or f"{host}, port {port}, which" in each]
    assert by is None or note.startswith(f"{by} ")
    for each in found:
        spec, stack = opened(spec, each)
        assert each not in notes(spec, stack)


def opened(spec: dict[str, Any], note: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """With what a note says, word for word."""
    flow = re.search(r"(networkPolicy|spec\.network): \{.*\}", note)
    assert flow, note
    (key, value), *_ = yamlio.load_data(flow[0].replace("ADDRESS/32", "203.0.113.7/32")).items()
    if key == "networkPolicy":
        assert "add to spec.values" in note
        return merged(spec, {"values": {key: value}}), {}
    assert "add to stack.yaml" in note
    return spec, {"network": value}


@pytest.mark.parametrize(
    ("spec", "stack"),
    [
        (args(otlp_traces_endpoint="http://localhost:4317"), {}),
        (args(kv_events_config={"endpoint": "ipc:///tmp/x"}), {}),
        (args(tool_server="demo"), {}),
        (args(allowed_origins=["https://app.example.com"]), {}),
        (args(default_chat_template_kwargs={"schema": {"$schema": "http://json-schema.org/draft-07/schema"}}), {}),
        (args(chat_template="See https://example.com:8443 {{ x }}"), {}),
        (env(NO_PROXY="10.0.0.8:80,http://x:1"), {}),
        (env(MY_OWN="s3://bucket/key"), {}),
        (env(MY_OWN="a:b"), {}),
        ({**env(VLLM_USAGE_STATS_SERVER="https://stats.example.com"), "storage": {"download": False}}, {}),
        (env(MY_OWN="http://10.0.7.9:8080"), {"network": {"egress": [{"cidr": "10.0.7.0/24", "port": 8080}]}}),
        (env(MY_OWN="https://api.example.com"), {"network": {"proxy": {"https": "http://10.0.7.9:3128"}}}),
        ({**env(MY_OWN="http://10.0.7.9:8080"), "values": {"networkPolicy": {"enabled": False}}}, {}),
        ({**env(MY_OWN="https://api.example.com"), "values": {"networkPolicy": {"internet": "always"}}}, {}),
    ],
)
def test_what_nobody_needs_to_be_told(spec: dict[str, Any], stack: dict[str, Any]) -> None:
    assert notes(spec, stack) == []


RULE = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "observability"}}}]}


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        ({**RULE, "ports": [{"port": 4317}]}, True),
        (RULE, True),
        ({"ports": [{"port": 4317}]}, True),
        ({**RULE, "ports": [{"port": 4318}]}, False),
        ({**RULE, "ports": [{"port": 4000, "endPort": 5000}]}, True),
        ({**RULE, "ports": [{"port": "otlp"}]}, True),
        ({"to": [{"namespaceSelector": {}}]}, True),
        ({"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}]}, False),
        (
            {"to": [{"namespaceSelector": {"matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["a", "observability"]}]}}]},
            True,
        ),
        ({"to": [{"podSelector": {}}]}, False),
        ({"to": [{"ipBlock": {"cidr": "10.244.0.0/16"}}], "ports": [{"port": 4317}]}, True),
    ],
)  # fmt: skip
def test_rules_of_the_author_s_own(rule: dict[str, Any], passes: bool) -> None:
    spec = {**args(otlp_traces_endpoint=OTEL), "values": {"networkPolicy": {"extraEgress": [rule]}}}
    assert bool(notes(spec)) != passes


@pytest.mark.parametrize(
    ("spec", "by", "port"),
    [
        (
            args(kv_events_config={"enable_kv_cache_events": True, "endpoint": "tcp://*:5557"}),
            "kv-events-config.endpoint",
            5557,
        ),
        (env(VLLM_NIXL_SIDE_CHANNEL_PORT="5600"), "VLLM_NIXL_SIDE_CHANNEL_PORT", 5600),
        (args(grpc_port=9000), "grpc-port", 9000),
    ],
)
def test_ports_that_others_connect_to(spec: dict[str, Any], by: str, port: int) -> None:
    (note,) = notes(spec)
    assert note.startswith(
        f"{by} opens port {port}, which the NetworkPolicy blocks for other pods; add to spec.values "
    )
    spec, _ = opened(spec, note)
    assert notes(spec) == []


VISION = {"model": {"name": "qwen2.5-vl-7b-instruct"}}


@pytest.mark.parametrize(
    ("spec", "stack", "said"),
    [
        (VISION, {}, True),
        ({**VISION, "storage": {"download": False}}, {}, False),
        (VISION, {"network": {"egress": [{"cidr": "203.0.113.0/24"}]}}, False),
        (VISION, {"network": {"proxy": {"https": "http://10.0.7.9:3128"}}}, False),
        ({"model": {"name": "qwen3-8b"}}, {}, False),
    ],
)
def test_images_by_their_url(spec: dict[str, Any], stack: dict[str, Any], said: bool) -> None:
    found = [note for note in notes(spec, stack) if note.startswith("URLs of images cannot be fetched")]
    assert bool(found) == said


def test_a_mirror_in_the_cluster_is_let_out_by_a_rule_of_the_author_s() -> None:
    spec = {"serving": {"env": {"HF_ENDPOINT": "http://mirror.hub.svc:8080"}, "unsafe": ["HF_ENDPOINT"]}}
    (note,) = notes(spec)
    assert note.startswith("HF_ENDPOINT is mirror.hub.svc, port 8080, which the NetworkPolicy blocks; ")
    assert notes(opened(spec, note)[0]) == []


@pytest.mark.parametrize("depth", [400, 900, 20_000])
def test_json_that_is_deep_is_a_text(depth: int) -> None:
    nested = "[" * depth + '"redis://cache:6380"' + "]" * depth
    found = [text.value for text in of_args({"response-role": nested})]
    assert found in (["redis://cache:6380"], [nested])
