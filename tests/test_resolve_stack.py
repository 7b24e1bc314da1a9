"""What a whole stack may get wrong, and what is allowed and still worth saying."""

from pathlib import PurePosixPath
from typing import Any

import pytest

from gpuyard.catalogue.platform import catalogue
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.cli.report import as_data
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.errors import InputError
from gpuyard.project.load import parse
from gpuyard.project.stack import Engine
from gpuyard.render.kustomize import objects
from gpuyard.render.layers import files
from gpuyard.resolve import resolve
from tests.projects import STACK, chart_values, merged, problems, resolved, sources, workload

GATEWAY = {"gateway": {"name": "public", "namespace": "gateways"}}
EXPOSED = {"expose": {"host": "chat.example.com", "apiKey": {"secret": "chat", "key": "api"}}}

CALLED = {"clientNamespaces": ["apps"]}
INGRESS = {"ingress": {"className": "nginx", "namespace": "ingress-nginx", "tlsSecret": "wildcard"}}


def notes(spec: dict[str, Any], stack: dict[str, Any] | None = None) -> list[str]:
    """Beside those that hold everywhere: images that aren't pinned, and node pools; somebody may call the model."""
    found = resolved({**CALLED, **spec}, stack).notes
    return [note for note in found if "pinned" not in note and "node pools need" not in note]


# --- limits --------------------------------------------------------------------------------------------------


def test_the_limit_of_gpus_holds_the_surge_of_a_rollout() -> None:
    """Its quota would refuse the surge's pod, and the rollout would never end."""
    spec: dict[str, Any] = {"shapes": {"h100": {}}, "scaling": {"min": 4, "max": 4}, "rollout": {"spareGpus": 2}}
    assert workload(spec).surge == 2
    assert "may take 6 GPUs at most (chat 6)" in problems(spec, {"policy": {"maxGpus": 5}})[0]
    assert resolved(spec, {"policy": {"maxGpus": 6}})


def test_a_block_volume_leaves_no_room_for_a_surge() -> None:
    spec = {"scaling": {"max": 1}, "storage": {"cache": {"kind": "block"}}, "rollout": {"spareGpus": 8}}
    assert workload(spec).surge == 0


def test_the_limit_of_gpus_is_for_all_blueprints_together() -> None:
    given = sources({"shapes": {"h100": {}}, "scaling": {"max": 3}}, {"policy": {"maxGpus": 5}})
    talk = given["blueprints/chat.yaml"].replace(b"name: chat", b"name: talk")
    with pytest.raises(InputError, match=r"may take 6 GPUs at most \(chat 3, talk 3\)"):
        resolve(parse({**given, "blueprints/talk.yaml": talk}))
    assert resolve(parse(given)).placements


# --- the stack -----------------------------------------------------------------------------------------------


OWNERS = {
    "default": "Kubernetes",
    "kube-system": "Kubernetes",
    "kube-public": "Kubernetes",
    "flux-system": "Flux",
    "argocd": "Argo CD",
    "keda": "the platform's keda",
    "monitoring": "the platform's prometheus",
    "kuberay": "the platform's kuberay",
    "dcgm-exporter": "the platform's dcgmExporter",
    "nvidia-device-plugin": "the platform's devicePlugin",
}


@pytest.mark.parametrize("namespace", OWNERS)
def test_the_models_have_a_namespace_of_their_own(namespace: str) -> None:
    assert problems({}, {"namespace": namespace}) == [
        f"spec.namespace: {namespace} belongs to {OWNERS[namespace]}, whose pods would get the models' quota "
        "and security level; use another, such as inference"
    ]


def test_no_namespace_of_a_chart_or_an_engine_is_left_out() -> None:
    """Two owners would write one Namespace, each with a security level of its own."""
    others = {release.namespace for release in catalogue()} | {engine.namespace for engine in Engine}
    assert others <= OWNERS.keys()
    for name in ("keda", "kuberay"):  # one that is switched off may be there all the same
        assert problems({}, {"namespace": name, "platform": {name: {"enabled": False}}})


@pytest.mark.parametrize("namespace", ["inference", "kubernetes-models", "keda-models", "flux"])
def test_other_namespaces_are_free(namespace: str) -> None:
    assert problems({}, {"namespace": namespace}) == []


def test_a_patch_release_is_checked_as_its_minor_version() -> None:
    assert workload({}, {"vllm": {"version": "0.32.4"}}).image.tag == "v0.32.4"
    assert notes({}, {"vllm": {"version": "0.32.4"}}) == [
        "stack.yaml: flags and metrics of vLLM 0.32.4 are checked as those of 0.32.0"
    ]


def test_a_prometheus_that_is_there_already() -> None:
    there = {"enabled": False, "address": "http://prom.observability.svc:9090", "namespace": "observability"}
    stack = {"platform": {"prometheus": there}}
    found = chart_values({}, stack)
    assert found["autoscaling"]["prometheus"] == {"address": "http://prom.observability.svc:9090"}
    assert found["networkPolicy"]["prometheusNamespaces"] == ["observability"]
    assert not [path for path in files(resolved({}, stack), shipped_charts()) if "kube-prometheus-stack" in path.name]


def test_a_prometheus_that_selects_by_labels() -> None:
    there = {"enabled": False, "address": "http://prom.observability.svc:9090", "labels": {"release": "kps"}}
    stack = {"platform": {"prometheus": there}}
    found = chart_values({}, stack)
    assert found["podMonitor"]["labels"] == found["prometheusRule"]["labels"] == {"release": "kps"}
    tree = files(resolved({}, stack), shipped_charts())
    (monitor,) = yamlio.parse_manifests(tree[PurePosixPath("platform/configs/monitors.yaml")])
    assert monitor["metadata"] == {"name": "keda-operator", "namespace": "keda", "labels": {"release": "kps"}}
    (dashboard,) = yamlio.parse_manifests(tree[PurePosixPath("platform/configs/dashboard.yaml")])
    assert dashboard["metadata"]["namespace"] == "inference"


def test_no_monitor_of_a_keda_that_isnt_ours() -> None:
    tree = files(resolved({}, {"platform": {"keda": {"enabled": False}}}), shipped_charts())
    assert not [path for path in tree if "monitors" in str(path)]


@pytest.mark.parametrize("name", ["flux-system", "argocd", "platform-crds", "platform-x", "inference-chat"])
def test_a_name_that_the_engine_or_gpuyard_uses(name: str) -> None:
    """Its objects would be another one's, and each would undo the other."""
    stack = yamlio.dump(merged(STACK, {"metadata": {"name": name}})).encode()
    with pytest.raises(InputError) as refused:
        parse({**sources({}), "stack.yaml": stack})
    assert "metadata.name" in str(refused.value)
    assert "(names of the engine's other objects); flux-system and argocd would be the engine's own" in str(
        refused.value
    )


def test_a_prometheus_without_its_address() -> None:
    assert (
        "false requires the cluster's own Prometheus"
        in problems({}, {"platform": {"prometheus": {"enabled": False}}})[0]
    )
    stack = {"platform": {"prometheus": {"address": "http://prom:9090"}}}
    assert problems({}, stack) == ["spec.platform.prometheus.address: only applies where enabled is false; remove it"]


INSTALLED = {"address": "http://kps-prometheus.monitoring.svc:9090"}


def policy(prometheus: dict[str, Any]) -> tuple[str, list[str]]:
    """Where KEDA asks, and whose pods may read the models' metrics."""
    found = chart_values({}, {"platform": {"prometheus": prometheus}})
    return found["autoscaling"]["prometheus"]["address"], found["networkPolicy"]["prometheusNamespaces"]


def test_the_installed_prometheus_is_where_its_chart_is() -> None:
    assert policy({}) == (INSTALLED["address"], ["monitoring"])
    assert policy({"namespace": "monitoring"}) == policy({})
    assert problems({}, {"platform": {"prometheus": {"namespace": "observability"}}}) == [
        "spec.platform.prometheus.namespace: the installed Prometheus runs in monitoring; "
        "remove namespace or set enabled: false"
    ]


@pytest.mark.parametrize(
    ("address", "namespace"),
    [
        ("http://prom.observability.svc:9090", "observability"),
        ("https://prom.Observability.svc.cluster.local/prom", "observability"),
        ("http://prometheus-0.prometheus-operated.observability.svc:9090", "observability"),
    ],
)
def test_the_namespace_follows_from_the_address(address: str, namespace: str) -> None:
    there, host = {"enabled": False, "address": address}, address.split("/")[2].split(":")[0].lower()
    assert policy(there) == policy({**there, "namespace": namespace}) == (address, [namespace])
    assert problems({}, {"platform": {"prometheus": {**there, "namespace": "monitoring"}}}) == [
        f"spec.platform.prometheus.namespace: monitoring is not where {host} is; write {namespace} or remove it"
    ]


@pytest.mark.parametrize("host", ["prom.example.com", "10.0.7.9", "prom.observability", "svc.example.com", "prom.svc"])
def test_the_namespace_of_agents_is_named_where_the_address_is_elsewhere(host: str) -> None:
    """What scrapes is in the cluster, wherever KEDA asks; no default would be right."""
    there = {"enabled": False, "address": f"http://{host}:9090"}
    assert problems({}, {"platform": {"prometheus": there}}) == [
        f"spec.platform.prometheus.address: {host} does not say where Prometheus runs; add namespace, "
        "or it cannot read the models' metrics"
    ]
    assert policy({**there, "namespace": "agents"}) == (f"http://{host}:9090", ["agents"])


@pytest.mark.parametrize("more", [{}, {"namespace": "observability"}])
def test_a_name_alone_is_one_of_kedas_namespace(more: dict[str, str]) -> None:
    stack = {"platform": {"prometheus": {"enabled": False, "address": "http://prom:9090", **more}}}
    assert problems({}, stack) == [
        "spec.platform.prometheus.address: prom would be looked up in KEDA's namespace; "
        "write http://prom.NAMESPACE.svc:PORT"
    ]


@pytest.mark.parametrize(
    ("registry", "image", "allowed"),
    [
        ("docker.io", "docker.io/vllm/vllm-openai", True),
        ("docker.io/vllm", "docker.io/vllm/vllm-openai", True),
        ("docker.io", "docker.io.evil.example/vllm/vllm-openai", False),
        ("docker.io", "evil.example/docker.io/vllm-openai", False),
        ("docker.io", "mydocker.io/vllm/vllm-openai", False),
        ("docker.io/vllm", "docker.io/vllm-evil/vllm-openai", False),
        ("docker.io/vllm", "docker.io/vllm", False),
        ("registry.example.com", "registry.example.com:5000/vllm/vllm-openai", False),
    ],
)
def test_a_registry_is_allowed_by_its_whole_name(registry: str, image: str, allowed: bool) -> None:
    found = problems({}, {"vllm": {"image": image}, "policy": {"registries": [registry]}})
    said = f"spec.vllm.image: {image} comes from a registry that is not in spec.policy.registries ({registry})"
    assert found == ([] if allowed else [said])


@pytest.mark.parametrize(
    ("mirror", "words"),
    [
        ("hub", "which clusters read as docker.io/hub"),
        ("hub/with.dots", "which clusters read as docker.io/hub/with.dots"),
        ("localhost/hub", ""),
        ("hub:5000", ""),
        ("hub.example.com", ""),
    ],
)
def test_a_mirror_has_a_registry(mirror: str, words: str) -> None:
    stack = {"images": {"mirrors": {"docker.io": mirror}}, "policy": {"registries": [mirror]}}
    found = problems({}, stack)
    assert len(found) == bool(words)
    assert all(words in message for message in found)


def test_a_mirror_of_one_image_has_a_path() -> None:
    mirror = "registry.example.com"
    stack = {"images": {"mirrors": {"docker.io/vllm/vllm-openai": mirror}}, "policy": {"registries": [mirror]}}
    assert "which leaves no image name for docker.io/vllm/vllm-openai:v0.32.0" in "\n".join(problems({}, stack))


def test_secrets_to_pull_with() -> None:
    assert chart_values({}, {"images": {"pullSecrets": ["ocir"]}})["imagePullSecrets"] == [{"name": "ocir"}]


# --- who may call --------------------------------------------------------------------------------------------


def test_clients_in_the_cluster() -> None:
    assert "clientNamespaces" not in chart_values({})["networkPolicy"]
    assert chart_values({"clientNamespaces": ["apps"]})["networkPolicy"]["clientNamespaces"] == ["apps"]
    both = chart_values({**EXPOSED, "clientNamespaces": ["apps"]}, GATEWAY)["networkPolicy"]
    assert both["clientNamespaces"] == ["gateways", "apps"]


def test_the_listener_and_the_proxies_of_a_gateway() -> None:
    stack = {"gateway": {**GATEWAY["gateway"], "listener": "https", "proxyNamespace": "envoy-gateway-system"}}
    found = chart_values({**EXPOSED, "clientNamespaces": []}, stack)
    assert found["networkPolicy"]["clientNamespaces"] == ["envoy-gateway-system"]
    assert found["httpRoute"]["parentRefs"] == [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
    assert notes(EXPOSED, stack) == []


def test_an_ingress_in_place_of_a_gateway() -> None:
    ingress = {**INGRESS["ingress"], "annotations": {"example.com/owner": "search"}}
    found = chart_values(EXPOSED, {"ingress": ingress})
    assert found["networkPolicy"]["clientNamespaces"] == ["ingress-nginx"]
    assert found["ingress"] == {
        "enabled": True,
        "className": "nginx",
        "host": "chat.example.com",
        "tlsSecret": "wildcard",
        "timeoutSeconds": 300,
        "annotations": {"example.com/owner": "search"},
    }
    assert found["apiKey"] == EXPOSED["expose"]["apiKey"] | {"key": "api"}
    assert "httpRoute" not in found
    assert notes(EXPOSED, INGRESS) == []


def test_a_certificate_of_its_own() -> None:
    own = {"expose": {**EXPOSED["expose"], "tlsSecret": "chat-tls"}}
    assert chart_values(own, INGRESS)["ingress"]["tlsSecret"] == "chat-tls"
    assert "has its own certificate" in problems(own, GATEWAY)[0]
    assert problems({"expose": {"apiKey": {"secret": "a", "key": "b"}, "tlsSecret": "x"}}) == [
        "spec.expose.tlsSecret: only applies with a host; add host"
    ]


def test_an_ingress_without_tls_only_when_asked_for() -> None:
    without = {"ingress": {"className": "nginx", "namespace": "ingress-nginx"}}
    assert problems(EXPOSED, without) == [
        "spec.expose.host: chat.example.com needs a certificate; name its Secret as expose.tlsSecret, or one for all "
        "hosts as spec.ingress.tlsSecret in stack.yaml (or allow plain http with spec.ingress.plainHttp: true)"
    ]
    plain = {"ingress": {**without["ingress"], "plainHttp": True}}
    assert chart_values(EXPOSED, plain)["ingress"]["plainHttp"] is True
    assert "served without TLS" in notes(EXPOSED, plain)[0]


def test_a_gateway_or_an_ingress() -> None:
    assert problems({}, {**GATEWAY, **INGRESS}) == ["spec.ingress: conflicts with spec.gateway; keep one of the two"]
    assert problems(EXPOSED) == [
        "spec.expose.host: needs a Gateway or an Ingress; name it in stack.yaml under spec.gateway or spec.ingress"
    ]


def test_a_key_inside_the_cluster() -> None:
    """No host, no route; the key is asked for all the same."""
    inside = {"expose": {"apiKey": {"secret": "chat", "key": "api"}}, **CALLED}
    found = chart_values(inside, GATEWAY)
    assert found["apiKey"] == {"secret": "chat", "key": "api"}
    assert found["networkPolicy"]["clientNamespaces"] == ["apps"]
    assert not {"httpRoute", "ingress"} & set(found)
    assert notes(inside) == []
    assert problems({"expose": {}}) == ["spec.expose has 0 keys; must have at least 1"]


# --- what pods may connect to ---------------------------------------------------------------------------------

PROXY = {"network": {"egress": [{"cidr": "10.0.7.9/32", "port": 3128}], "dns": ["10.96.5.5/32"]}}
PROXY6 = {"network": {"egress": [{"cidr": "fd12:3456::/64", "port": 3128}]}}


def policies_of(spec: dict[str, Any], stack: dict[str, Any]) -> list[dict[str, Any]]:
    """The NetworkPolicies of a blueprint on one shape."""
    found = resolved(spec, stack)
    return [
        obj for obj in objects(found, found.workloads[0], Embedded(shipped_charts())) if obj["kind"] == "NetworkPolicy"
    ]


def test_proxies_and_names_reach_every_policy() -> None:
    assert chart_values({}, PROXY)["networkPolicy"]["egress"] == PROXY["network"]["egress"]
    policies = policies_of({}, PROXY)
    assert len(policies) == 2
    for policy in policies:
        rules = policy["spec"]["egress"]
        proxy = {"to": [{"ipBlock": {"cidr": "10.0.7.9/32"}}], "ports": [{"port": 3128}]}
        assert proxy in rules
        assert {"ipBlock": {"cidr": "10.96.5.5/32"}} in rules[0]["to"]


@pytest.mark.parametrize(
    ("cidr", "words"),
    [
        ("169.254.169.254/32", "holds addresses of 169.254.0.0/16"),
        ("169.254.20.10/32", "holds addresses of 169.254.0.0/16"),
        ("168.0.0.0/7", "holds addresses of 169.254.0.0/16"),
        ("0.0.0.0/0", "holds addresses of 169.254.0.0/16"),
        ("134.0.0.0/8", "is larger than a private network"),
        ("10.0.0.1/8", "write 10.0.0.0/8"),
        ("10.0.0.300/32", "has a number that is too large"),
        ("10.0.0.0", "must be addresses such as 10.0.7.9/32"),
        ("fd00:c1::a9fe:a9fe/128", "holds addresses of fd00:c1::/32"),
        ("fd00::/8", "holds addresses of fd00:c1::/32"),
        ("fd00:ec2::254/128", "holds addresses of fd00:ec2::/32"),
        ("fc00::/31", "is larger than a private network; use a prefix of /32"),
        ("fe80::1/128", "holds addresses of fe80::/10"),
        ("::/0", "holds addresses of fe80::/10"),
        ("64:ff9b::a9fe:a9fe/128", "holds addresses of 64:ff9b::a9fe:0/112"),
        ("2603:c020::/32", "is larger than a private network; use a prefix of /48"),
        ("fd12:3456::1/64", "write fd12:3456::/64"),
        ("FD12:3456::/64", "write fd12:3456::/64"),
        ("fd12:3456:0::/64", "write fd12:3456::/64"),
        ("fd12:3456::/064", "has leading zeros; write fd12:3456::/64"),
        ("fd12:::/64", "is not an IPv6 network"),
        ("fd12::/129", "is not an IPv6 network"),
        ("::ffff:169.254.169.254/128", "is an IPv4 address in the spelling of IPv6; write 169.254.169.254/32"),
        ("fd12::", "must be addresses such as 10.0.7.9/32"),
    ],
)
def test_what_must_not_be_let_out(cidr: str, words: str) -> None:
    [message] = problems({}, {"network": {"egress": [{"cidr": cidr}]}})
    assert message.startswith("spec.network.egress[0].cidr")
    assert words in message


@pytest.mark.parametrize(
    "cidr", ["10.96.0.0/16", "169.254.169.254/32", "fd12:3456::/64", "fe80::1/128", "fd00:c1::a9fe:a9fe/128"]
)
def test_a_dns_server_is_one_address(cidr: str) -> None:
    assert "is not a DNS server" in problems({}, {"network": {"dns": [cidr]}})[0]


@pytest.mark.parametrize("cidr", ["10.96.5.5/32", "169.254.20.10/32", "fd12:3456::a/128"])
def test_a_dns_server_may_be_of_the_node(cidr: str) -> None:
    assert chart_values({}, {"network": {"dns": [cidr]}})["networkPolicy"]["dnsCidrs"] == [cidr]


@pytest.mark.parametrize(
    "cidr",
    [
        *("10.0.0.0/8", "172.16.0.0/12", "100.64.0.0/10", "192.168.0.0/16", "134.70.8.0/21"),
        *("fd12:3456::/32", "fc00::/32", "2603:c020:4000:ab00::/56", "64:ff9b::a00:709/128"),
    ],
)
def test_what_may_be_let_out(cidr: str) -> None:
    assert chart_values({}, {"network": {"egress": [{"cidr": cidr}]}})["networkPolicy"]["egress"] == [
        {"cidr": cidr, "port": 443}
    ]


CLIENTS = {"network": {"clients": ["10.0.20.0/24", "fd12:3456::/64"]}}


def test_clients_that_are_no_pods_call_what_has_a_host() -> None:
    stack = {**CLIENTS, "gateway": {"name": "public", "namespace": "gateways"}}
    exposed = {"expose": {"host": "chat.example.com"}}
    assert chart_values(exposed, stack)["networkPolicy"]["clientCidrs"] == CLIENTS["network"]["clients"]
    assert "clientCidrs" not in chart_values({}, stack)["networkPolicy"]
    (policy,) = (each for each in policies_of(exposed, stack) if each["metadata"]["name"] == "chat")
    assert [each["ipBlock"]["cidr"] for each in policy["spec"]["ingress"][0]["from"] if "ipBlock" in each] == [
        *CLIENTS["network"]["clients"]
    ]


@pytest.mark.parametrize(
    ("cidr", "words"),
    [
        ("0.0.0.0/0", "0.0.0.0/0 is larger than a private network; use a prefix of /16"),
        ("::/0", "::/0 is larger than a private network; use a prefix of /48"),
        ("10.0.20.5/24", "has host bits set; write 10.0.20.0/24"),
        ("169.254.169.254/32", "holds link-local addresses"),
        ("fe80::/64", "holds link-local addresses"),
    ],
)
def test_clients_are_not_everybody(cidr: str, words: str) -> None:
    [message] = problems({}, {"network": {"clients": ["10.0.0.0/8", cidr]}})
    assert message.startswith("spec.network.clients[1]: ")
    assert words in message


@pytest.mark.parametrize(
    ("variable", "address", "port"),
    [
        ("HTTPS_PROXY", "http://proxy.example.com:3129", 3129),
        ("HTTPS_PROXY", "proxy.example.com:8080", 8080),
        ("HTTP_PROXY", "http://proxy.example.com", 80),
        ("HTTPS_PROXY", "http://10.0.7.8:3128", 3128),
        ("HTTPS_PROXY", "https://10.0.7.9", 443),
        ("HF_ENDPOINT", "https://mirror.example.com:8443", 8443),
        ("HTTPS_PROXY", "http://10.0.7.9:3128", None),
        ("HTTPS_PROXY", "http://proxy.example.com:3128", None),
        ("HF_ENDPOINT", "https://mirror.example.com", None),
    ],
)
def test_a_proxy_that_no_rule_lets_out(variable: str, address: str, port: int | None) -> None:
    spec = {"serving": {"env": {variable: address}, "unsafe": ["HF_ENDPOINT"] if variable == "HF_ENDPOINT" else []}}
    found = [note for note in notes(spec, PROXY) if variable in note]
    assert len(found) == (port is not None)
    assert all(f"port: {port} in stack.yaml as spec.network.egress" in note for note in found)


@pytest.mark.parametrize(
    ("address", "let_out"), [("http://[fd12:3456::9]:3128", True), ("http://10.0.7.9:3128", False)]
)
def test_a_proxy_that_an_ipv6_rule_lets_out(address: str, let_out: bool) -> None:
    found = [note for note in notes({"serving": {"env": {"HTTPS_PROXY": address}}}, PROXY6) if "HTTPS_PROXY" in note]
    assert len(found) == (not let_out)


# --- what clusters ask of pods --------------------------------------------------------------------------------


def test_a_priority_of_all_and_of_one() -> None:
    whole = {"scheduling": {"priorityClass": "models", "runtimeClass": "nvidia"}}
    found = chart_values({}, whole)
    assert (found["priorityClassName"], found["runtimeClassName"]) == ("models", "nvidia")
    assert chart_values({"priorityClass": "first"}, whole)["priorityClassName"] == "first"
    assert "none of Kubernetes' own" in problems({"priorityClass": "system-node-critical"})[0]
    assert "must be the name of a PriorityClass" in problems({}, {"scheduling": {"priorityClass": "A b"}})[0]


# --- notes ---------------------------------------------------------------------------------------------------


def test_a_route_that_may_go_without_tls_or_keys() -> None:
    assert notes({"expose": {"host": "chat.example.com"}}, GATEWAY) == [
        "stack.yaml: routes attach to every listener of Gateway public, including any without TLS; "
        "set spec.gateway.listener to the one with TLS",
        "blueprints/chat.yaml: chat.example.com accepts requests from anyone; set expose.apiKey to require a key",
    ]


def test_a_model_that_nobody_may_call() -> None:
    assert notes({"clientNamespaces": []}) == [
        "blueprints/chat.yaml: chat accepts no requests yet: set clientNamespaces (pods in the cluster) "
        "or expose.host (clients outside)"
    ]
    assert notes({"clientNamespaces": [], **EXPOSED}, {"gateway": {**GATEWAY["gateway"], "listener": "https"}}) == []


def test_models_that_nobody_may_call_share_a_line() -> None:
    files = sources({"clientNamespaces": []})
    chat = files["blueprints/chat.yaml"].decode()
    for number in range(12):
        files[f"blueprints/m{number:02}.yaml"] = chat.replace("name: chat", f"name: m{number:02}", 1).encode()
    stack = files["stack.yaml"].decode() + "  policy: {maxGpus: 400}\n"
    found = resolve(parse({**files, "stack.yaml": stack.encode()})).notes
    assert [note for note in found if "no requests" in note] == [
        "blueprints: chat, m00, m01, m02, m03, m04, m05, m06, m07, m08, m09, m10 and 1 more accept no requests yet: "
        "set clientNamespaces (pods in the cluster) or expose.host (clients outside)"
    ]


def test_spare_gpus_that_are_too_few() -> None:
    assert notes({"shapes": {"a10": {}}, "rollout": {"spareGpus": 1}}) == [
        "blueprints/chat.yaml: 1 spare GPUs are too few for a replica on a10 (2 GPUs), "
        "so an old one stops before a new one starts"
    ]


def test_a_flag_that_the_next_vllm_refuses_is_named() -> None:
    assert notes({"serving": {"args": {"enable-prefix-caching": True, "disable-cascade-attn": True}}}) == [
        "blueprints/chat.yaml: spec.serving.args.disable-cascade-attn: --disable-cascade-attn is deprecated and has no "
        "effect since cascade attention has been removed. It will be removed in v0.33.0."
    ]


def test_check_says_a_machine_under_which_licence_each_model_is() -> None:
    assert {each["licence"] for each in as_data(resolved(CALLED))["workloads"]} == {"llama3.1"}


def test_what_is_known_of_an_oci_shape_is_said_once() -> None:
    shapes = {"a100": ["BM.GPU4.8", "BM.GPU.B4.8"]}
    found = notes({}, {"clusters": [{"name": name, "shapes": shapes} for name in ("phx", "iad")]})
    assert [note.partition(": ")[2] for note in found] == [
        "BM.GPU4.8: oci-ai-blueprints documents pod sandbox failures on this shape under OKE; "
        "try one node before you buy several"
    ]


# --- models beside the one that is served --------------------------------------------------------------------

DRAFT = {"speculative-config": {"model": "org/draft", "num_speculative_tokens": 3}}


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ({"tokenizer": "org/tokenizer"}, "tokenizer"),
        ({"tokenizer": "tokenizer"}, "tokenizer"),
        ({"hf-config-path": "org/model"}, "hf-config-path"),
        (DRAFT, "speculative-config.model"),
    ],
)
def test_nobody_copies_them(args: dict[str, Any], path: str) -> None:
    unsafe = ["hf-config-path"] if path == "hf-config-path" else []
    serving = {"args": args, "unsafe": unsafe, **({"draft": {"name": "qwen3-8b"}} if args is DRAFT else {})}
    [message] = problems({"serving": serving})
    assert message.startswith(f"spec.serving.args.{path}: the server has no access to Hugging Face")
    assert resolved({"serving": serving, "storage": {"download": False}, "shapes": {"h100": {}}})


def test_on_a_claim_they_are_there() -> None:
    args = {"speculative-config": {**DRAFT["speculative-config"], "model": "/models/draft"}}
    serving = {"args": args, "draft": {"name": "qwen3-8b"}}
    spec = {"model": {"source": "fss://weights/llama"}, "serving": serving, "shapes": {"h100": {}}}
    assert notes({**spec, "storage": {"cache": {"kind": "ephemeral"}}}) == []


def test_without_a_model_of_their_own() -> None:
    args = {"speculative-config": {"method": "ngram", "num_speculative_tokens": 3}}
    assert notes({"serving": {"args": args}}) == []


def test_the_route_allows_what_a_replica_that_ends_lets_finish() -> None:
    for spec, seconds in (({}, 300), ({"budget": {"shutdownSeconds": 1800}}, 1800)):
        found = chart_values({**EXPOSED, **spec}, GATEWAY)
        assert found["httpRoute"]["timeoutSeconds"] == found["drain"]["shutdownSeconds"] == seconds
