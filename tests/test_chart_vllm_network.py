"""charts/vllm: who may reach the server, by which way, and whom it may reach."""

from typing import Any
from urllib.parse import urlsplit

import helm_python
import pytest

from tests.chart.rendering import CASES, case, objects, text

Spec = dict[str, Any]

DNS = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
NOT_PUBLIC = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]


def policy(name: str, kind: str = "NetworkPolicy", **changes: Any) -> Spec:
    spec: Spec = objects(case(name, **changes))[kind]["spec"]
    return spec


def blocks(spec: Spec) -> list[Spec]:
    """The address ranges that may be reached on port 443."""
    return blocks_on(spec, 443)


def blocks_on(spec: Spec, port: int) -> list[Spec]:
    return [
        peer["ipBlock"]
        for rule in spec["egress"]
        if rule["ports"] == [{"port": port, "protocol": "TCP"}]
        for peer in rule["to"]
    ]


@pytest.mark.parametrize("name", CASES)
def test_policies_cover_every_pod(name: str) -> None:
    found = objects(case(name))
    for workload, rules in (("Deployment", "NetworkPolicy"), ("download-Job", "download-NetworkPolicy")):
        if workload in found:
            labels = found[workload]["spec"]["template"]["metadata"]["labels"]
            assert found[rules]["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
            assert found[rules]["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_only_the_gateway_and_prometheus_come_in() -> None:
    (rule,) = policy("shared-cache")["ingress"]
    (peer,) = rule["from"]
    (expression,) = peer["namespaceSelector"]["matchExpressions"]
    assert expression == {
        "key": "kubernetes.io/metadata.name",
        "operator": "In",
        "values": ["gateway", "monitoring"],
    }
    assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]


def test_no_namespace_no_way_in() -> None:
    assert policy("default", networkPolicy={"prometheusNamespaces": []})["ingress"] == []
    assert policy("shared-cache", "download-NetworkPolicy")["ingress"] == []


@pytest.mark.parametrize(
    ("name", "internet", "reachable"),
    [
        ("default", "auto", True),
        ("bucket", "auto", True),
        ("volume", "auto", False),
        ("volume", "always", True),
        ("default", "never", False),
    ],
)
def test_the_way_out_is_what_the_weights_need(name: str, internet: str, reachable: bool) -> None:
    spec = policy(name, networkPolicy={"internet": internet})
    if not reachable:
        assert spec["egress"] == []
        return
    assert blocks(spec) == [{"cidr": "0.0.0.0/0", "except": NOT_PUBLIC}]
    assert [rule["ports"] for rule in spec["egress"]] == [DNS, [{"port": 443, "protocol": "TCP"}]]


def test_the_download_goes_out_instead_of_the_servers() -> None:
    changes: Spec = {"networkPolicy": {"egress": [], "dnsCidrs": []}}
    assert policy("shared-cache", **changes)["egress"] == []
    assert blocks(policy("shared-cache", "download-NetworkPolicy", **changes)) == [
        {"cidr": "0.0.0.0/0", "except": NOT_PUBLIC}
    ]


@pytest.mark.parametrize("kind", ["NetworkPolicy", "download-NetworkPolicy"])
def test_private_networks_are_named_with_their_ports(kind: str) -> None:
    spec = policy("shared-cache", kind)
    assert [block for block in blocks(spec) if "except" not in block] == [{"cidr": "10.0.0.0/16"}]
    assert blocks_on(spec, 3128) == [{"cidr": "10.0.7.9/32"}]
    names = next(rule for rule in spec["egress"] if rule["ports"] == DNS)
    assert {"ipBlock": {"cidr": "10.96.5.5/32"}} in names["to"]


def proxies(name: str) -> list[str]:
    values = case(name).get("env", {})
    return [values[variable] for variable in ("HTTP_PROXY", "HTTPS_PROXY", "HF_ENDPOINT") if variable in values]


@pytest.mark.parametrize("name", CASES)
def test_a_case_lets_its_proxy_out(name: str) -> None:
    """What a test value says of a proxy must work behind the policy that it makes."""
    for address in proxies(name):
        port = urlsplit(address).port
        assert port
        assert blocks_on(policy(name, "download-NetworkPolicy"), port)


def test_a_case_has_a_proxy() -> None:
    assert [name for name in CASES if proxies(name)] == ["shared-cache"]


def test_policies_can_be_left_to_others() -> None:
    found = objects(case("shared-cache", networkPolicy={"enabled": False}))
    assert not {"NetworkPolicy", "download-NetworkPolicy"} & set(found)


# --- routes -------------------------------------------------------------------------------------------------


def test_the_service_finds_the_server_and_nothing_else() -> None:
    found = objects(case("shared-cache"))
    (port,) = found["Service"]["spec"]["ports"]
    assert port == {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}
    selector = found["Service"]["spec"]["selector"].items()
    assert selector <= found["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    assert not selector <= found["download-Job"]["spec"]["template"]["metadata"]["labels"].items()


def test_the_route_lets_only_the_api_and_health_through() -> None:
    spec = objects(case("shared-cache"))["HTTPRoute"]["spec"]
    gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}
    assert spec["parentRefs"] == [{**gateway, "name": "public", "namespace": "gateway", "sectionName": "https"}]
    assert spec["hostnames"] == ["chat.example.com"]
    (rule,) = spec["rules"]
    assert [match["path"] for match in rule["matches"]] == [
        {"type": "PathPrefix", "value": "/v1"},
        {"type": "Exact", "value": "/health"},
    ]
    assert rule["backendRefs"] == [{"group": "", "kind": "Service", "name": "chat", "port": 80, "weight": 1}]
    assert rule["timeouts"] == {"request": "300s"}


def test_the_ingress_lets_only_the_api_and_health_through() -> None:
    spec = objects(case("bucket"))["Ingress"]["spec"]
    (rule,) = spec["rules"]
    assert rule["host"] == "assistant.example.com"
    assert {(path["path"], path["pathType"]) for path in rule["http"]["paths"]} == {
        ("/v1", "Prefix"),
        ("/health", "Exact"),
    }
    assert spec["tls"] == [{"hosts": ["assistant.example.com"], "secretName": "assistant-tls"}]
    assert spec["ingressClassName"] == "nginx"


ROUTE = {"enabled": True, "hostnames": ["a.example.com"], "parentRefs": [{"name": "public"}]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"httpRoute": {"enabled": True, "hostnames": ["a.example.com"]}}, "a Gateway in parentRefs"),
        ({"httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]}}, "a name in hostnames"),
        (
            {"ingress": {"enabled": True, "host": "a.example.com", "tlsSecret": "tls"}},
            "networkPolicy.clientNamespaces: the policy would keep every request of the ingress out",
        ),
        ({"httpRoute": ROUTE}, "every request of the httpRoute out; name the namespace of the gateway's pods"),
        (
            {"httpRoute": {**ROUTE, "timeoutSeconds": 301}},
            "httpRoute.timeoutSeconds: a request may take 301 s, and a pod that ends cuts it after "
            "drain.shutdownSeconds, 300 s",
        ),
        ({"httpRoute": ROUTE, "drain": {"shutdownSeconds": 299}}, "a request may take 300 s"),
        ({"httpRoute": {"timeoutSeconds": 0}}, "minimum"),
        ({"ingress": {"enabled": True, "tlsSecret": "tls"}}, "ingress.host: needs a host name"),
        ({"ingress": {"enabled": True, "host": "a.example.com"}}, "ingress.tlsSecret: needs a certificate"),
    ],
)
def test_half_a_route_is_refused(changes: Spec, words: str) -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        text(case("default", **changes))
    assert words in str(refusal.value)


def test_plain_http_only_when_asked_for() -> None:
    ingress = {"enabled": True, "host": "a.example.com", "plainHttp": True}
    values = case("default", ingress=ingress, networkPolicy={"enabled": False})
    assert "tls" not in objects(values)["Ingress"]["spec"]


def test_a_drain_takes_one_pod_at_a_time_and_never_waits_for_a_broken_one() -> None:
    found = objects(case("volume"))
    spec = found["PodDisruptionBudget"]["spec"]
    assert (spec["maxUnavailable"], spec["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
    assert spec["selector"] == found["Deployment"]["spec"]["selector"]
    assert "PodDisruptionBudget" not in objects(case("volume", disruption={"enabled": False}))
