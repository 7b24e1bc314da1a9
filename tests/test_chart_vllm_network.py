"""charts/vllm: who may reach the server, by which way, and whom it may reach."""

from typing import Any
from urllib.parse import urlsplit

import helm_python
import pytest

from tests.chart.rendering import CASES, case, objects, text

Spec = dict[str, Any]

DNS = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
PUBLIC = [
    {
        "cidr": "0.0.0.0/0",
        "except": ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"],
    },
    {"cidr": "::/0", "except": ["fc00::/7", "fe80::/10"]},
]
TEST = {
    "podSelector": {"matchLabels": {"app.kubernetes.io/name": "vllm-test", "app.kubernetes.io/instance": "release"}}
}


def policy(name: str, kind: str = "NetworkPolicy", **changes: Any) -> Spec:
    spec: Spec = objects(case(name, **changes))[kind]["spec"]
    return spec


def blocks(spec: Spec) -> list[Spec]:
    """The address ranges that may be reached on port 443."""
    return blocks_on(spec, 443)


def blocks_on(spec: Spec, port: int) -> list[Spec]:
    return [peer["ipBlock"] for rule in spec["egress"] if rule["ports"] == [{"port": port}] for peer in rule["to"]]


@pytest.mark.parametrize("name", CASES)
def test_policies_cover_every_pod(name: str) -> None:
    found = objects(case(name))
    for workload, rules in (("Deployment", "NetworkPolicy"), ("download-Job", "download-NetworkPolicy")):
        if workload in found:
            labels = found[workload]["spec"]["template"]["metadata"]["labels"]
            assert found[rules]["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
            assert found[rules]["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_only_the_gateway_and_prometheus_come_in() -> None:
    (rule,) = policy("shared-cache", tests={"enabled": False})["ingress"]
    names = [{"kubernetes.io/metadata.name": name} for name in ("gateway", "monitoring")]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": each}} for each in names]
    assert rule["ports"] == [{"port": "http"}]


def test_clients_that_are_no_pods_come_in_by_their_addresses() -> None:
    changes = {"clientCidrs": ["10.0.8.0/24", "fd00:8::/64"], "prometheusNamespaces": [], "extraIngress": []}
    (rule,) = policy("volume", networkPolicy=changes)["ingress"]
    assert rule["from"] == [{"ipBlock": {"cidr": "10.0.8.0/24"}}, {"ipBlock": {"cidr": "fd00:8::/64"}}]
    assert rule["ports"] == [{"port": "http"}]


def test_rules_of_ones_own_are_added_as_they_are() -> None:
    given, spec = case("volume")["networkPolicy"], policy("volume")
    assert spec["ingress"][1:] == given["extraIngress"]
    assert [rule["ports"] for rule in spec["egress"]] == [DNS, given["extraEgress"][0]["ports"]]
    assert spec["egress"][1:] == given["extraEgress"]
    nothing: Spec = {"clientCidrs": [], "prometheusNamespaces": []}
    assert policy("volume", networkPolicy=nothing)["ingress"] == given["extraIngress"]


def test_no_namespace_no_way_in() -> None:
    changes: Spec = {"networkPolicy": {"prometheusNamespaces": []}, "tests": {"enabled": False}}
    assert policy("default", **changes)["ingress"] == []
    assert policy("shared-cache", "download-NetworkPolicy")["ingress"] == []


def test_helm_test_passes_the_policy_and_nothing_else_of_its_kind() -> None:
    found = objects(case("default", networkPolicy={"prometheusNamespaces": []}))
    (rule,) = found["NetworkPolicy"]["spec"]["ingress"]
    assert rule["from"] == [TEST]
    labels = found["test-Pod"]["metadata"]["labels"]
    assert TEST["podSelector"]["matchLabels"].items() <= labels.items()
    for selector in (
        found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
    ):
        assert not selector.items() <= labels.items()
    assert TEST not in policy("default", tests={"enabled": False})["ingress"][0]["from"]


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
    spec = policy(name, networkPolicy={"internet": internet, "extraEgress": []})
    if not reachable:
        assert spec["egress"] == []
        return
    assert blocks(spec) == PUBLIC
    assert [rule["ports"] for rule in spec["egress"]] == [DNS, [{"port": 443}]]


def test_the_download_goes_out_instead_of_the_servers() -> None:
    changes: Spec = {"networkPolicy": {"egress": [], "dnsCidrs": []}}
    assert policy("shared-cache", **changes)["egress"] == []
    assert blocks(policy("shared-cache", "download-NetworkPolicy", **changes)) == PUBLIC


@pytest.mark.parametrize("kind", ["NetworkPolicy", "download-NetworkPolicy"])
def test_private_networks_are_named_with_their_ports(kind: str) -> None:
    spec = policy("shared-cache", kind)
    assert [block for block in blocks(spec) if "except" not in block] == [{"cidr": "10.0.0.0/16"}]
    assert blocks_on(spec, 3128) == [{"cidr": "10.0.7.9/32"}]
    names = next(rule for rule in spec["egress"] if rule["ports"] == DNS)
    assert {"ipBlock": {"cidr": "10.96.5.5/32"}} in names["to"]


def proxies(name: str) -> list[str]:
    values = {entry["name"]: entry.get("value") for entry in case(name).get("extraEnv", [])}
    return [values[variable] for variable in ("HTTP_PROXY", "HTTPS_PROXY", "HF_ENDPOINT") if values.get(variable)]


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
    assert port == {"name": "http", "port": 80, "targetPort": "http"}
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


def test_an_ingress_waits_for_long_answers_and_takes_images() -> None:
    """Both nginx controllers cut after 60 s and refuse more than 1 MB, both of HAProxy cut after 50 s, if not told."""
    ingress = {"timeoutSeconds": 240, "bodySize": "128m", "annotations": {"nginx.org/proxy-send-timeout": "9s"}}
    assert objects(case("bucket", ingress=ingress))["Ingress"]["metadata"]["annotations"] == {
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "240",
        "nginx.ingress.kubernetes.io/proxy-send-timeout": "240",
        "nginx.ingress.kubernetes.io/proxy-body-size": "128m",
        "nginx.org/proxy-read-timeout": "240s",
        "nginx.org/proxy-send-timeout": "9s",
        "haproxy.org/timeout-server": "240s",
        "haproxy-ingress.github.io/timeout-server": "240s",
        "nginx.org/client-max-body-size": "128m",
        "example.com/owner": "search",
    }


@pytest.mark.parametrize(
    "way",
    [
        {"clientNamespaces": ["gateway"]},
        {"clientCidrs": ["0.0.0.0/0"]},
        {"extraIngress": [{}]},
        {"enabled": False},
    ],
)
def test_any_way_in_is_enough_for_a_route(way: Spec) -> None:
    assert "HTTPRoute" in objects(case("default", httpRoute=ROUTE, networkPolicy=way))


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
        ({"ingress": {"enabled": True, "tlsSecret": "tls"}}, "ingress: needs host, and tlsSecret with its certificate"),
        ({"ingress": {"enabled": True, "host": "a.example.com"}}, "ingress: needs host, and tlsSecret"),
        (
            {"ingress": {"enabled": True, "host": "a.example.com", "tlsSecret": "tls", "timeoutSeconds": 301}},
            "ingress.timeoutSeconds: a request may take 301 s",
        ),
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
    assert "PodDisruptionBudget" not in objects(case("volume", podDisruptionBudget={"enabled": False}))
