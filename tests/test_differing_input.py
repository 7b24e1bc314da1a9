"""What can be wrong with a cluster that differs: told once, at the cluster's own key."""

from collections.abc import Mapping
from typing import Any

import pytest

from gpuyard.doors import yamlio
from gpuyard.errors import InputError
from gpuyard.project.load import parse
from gpuyard.resolve import resolve
from tests.differing import FRA, PHX, stack
from tests.projects import BLUEPRINT, Values, merged, sources, with_token

INGRESS = {"className": "nginx", "namespace": "ingress", "tlsSecret": "wildcard"}
GATEWAY = {"name": "public", "namespace": "gateways", "listener": "https"}
EXPOSED = {"expose": {"host": "chat.example.com"}}
HERE = "spec.clusters[1]"


def told(own: Mapping[str, Any], common: Values | None = None, spec: Values | None = None) -> list[str]:
    """Path and message of each problem, and none at a place where nothing stands."""
    try:
        resolve(parse(sources({"clientNamespaces": ["apps"], **(spec or {})}, stack(own, common))))
    except InputError as error:
        assert all(problem.location.line for problem in error.problems)
        return [problem.message for problem in error.problems]
    return []


def placed(**own: Any) -> Values:
    return {"blueprints": {"chat": {"shape": "a10", **own}}}


BAD: dict[str, tuple[Values, str]] = {
    "a key of the stack alone": ({"engine": "flux"}, ".engine is one for all clusters; set it as spec.engine"),
    "another": ({"repository": {}}, ".repository is one for all clusters; set it as spec.repository"),
    "a typo": ({"netwrok": {}}, ".netwrok is not known; did you mean network?"),
    "a typo below": ({"network": {"dsn": []}}, ".network.dsn is not known; did you mean dns?"),
    "a wrong type": ({"policy": {"maxGpus": "8"}}, '.policy.maxGpus is the text "8"; must be a whole number or empty'),
    "half an Ingress": ({"ingress": {"className": "x"}}, ".ingress.namespace is missing; add it"),
    "an address that is none": (
        {"network": {"dns": ["10.0.0.0/8"]}},
        ".network.dns[0]: 10.0.0.0/8 is not a DNS",
    ),
    "a mirror that is none": (
        {"images": {"mirrors": {"quay.io": "mirror/quay"}}},
        '.images.mirrors["quay.io"]: is mirror/quay, which clusters read as docker.io/mirror/quay',
    ),
    "no Prometheus": (
        {"platform": {"prometheus": {"enabled": False}}},
        ".platform.prometheus.enabled: false requires the cluster's own Prometheus",
    ),
    "values that are gpuyard's": (
        {"platform": {"keda": {"values": {"enabled": False}}}},
        ".platform.keda.values.enabled: set spec.platform.keda.enabled instead",
    ),
    "a tag of another version": ({"vllm": {"tag": "v0.30.0"}}, ".vllm.tag: v0.30.0 is not vLLM 0.32.0"),
    "too few GPUs": ({"policy": {"maxGpus": 2}}, ": its blueprints may take 8 GPUs at most (chat 8), and spec.policy"),
    "too few replicas": (
        {"policy": {"maxReplicas": 2}},
        ".policy: in fra, blueprints/chat.yaml spec.scaling.max: 4 is more than spec.policy.maxReplicas",
    ),
    "a placement without a shape": ({"blueprints": {"chat": {"min": 2}}}, ".blueprints.chat.shape is missing; add it"),
    "a placement's typo": (placed(mim=2), ".blueprints.chat.mim is not known; did you mean min?"),
    "no such blueprint": (
        {"blueprints": {"chta": {"shape": "a10", "min": 2}}},
        ".blueprints.chta: no blueprint is called chta; did you mean chat?",
    ),
    "no such shape": (
        {"blueprints": {"chat": {"shape": "h100", "min": 2}}},
        ".blueprints.chat: the cluster has no shape h100; known are a10",
    ),
    "a shape in capitals": ({"blueprints": {"chat": "A10"}}, '.blueprints.chat is "A10"; must be the name of a shape'),
    "no such nodes": (
        placed(nodes=["VM.GPU.A10.1"]),
        ".blueprints.chat.nodes[0]: the cluster has no VM.GPU.A10.1; did you mean VM.GPU.A10.2?",
    ),
    "no nodes": (placed(nodes=[]), ".blueprints.chat.nodes has 0 items; must have at least 1"),
    "no zones": (placed(zones=[]), ".blueprints.chat.zones has 0 items; must have at least 1"),
    "a zone that is none": (
        placed(zones=["PHX AD 1"]),
        '.blueprints.chat.zones[0] is "PHX AD 1"; must be the name of a zone',
    ),
    "min over max": (
        placed(min=4, max=2),
        ".blueprints.chat.min: in fra, blueprints/chat.yaml spec.scaling.min: 4 is more than scaling.max, 2",
    ),
    "min over the blueprint's max": (placed(min=9), ".blueprints.chat.min: in fra, blueprints/chat.yaml spec.scaling"),
    "scaled to zero": (
        placed(min=0),
        ".blueprints.chat.min: in fra, blueprints/chat.yaml spec.scaling.min: scaling",
    ),
    "a host without a way": (
        placed(host="chat.example.com"),
        ".blueprints.chat.host: in fra, blueprints/chat.yaml spec.expose.host: needs a Gateway or an Ingress",
    ),
    "a host that is none": (placed(host="chat"), '.blueprints.chat.host is "chat"; must be a host name such as'),
    "a version that is none": (
        placed(vllm={"version": "latest"}),
        '.blueprints.chat.vllm.version is "latest"; must be a version such as 0.32.0',
    ),
    "another version's tag": (
        placed(vllm={"version": "0.33.0", "tag": "v0.32.0"}),
        ".blueprints.chat.vllm.tag: in fra, blueprints/chat.yaml spec.vllm.tag: v0.32.0 is not vLLM 0.33.0",
    ),
    "an image from elsewhere": (
        placed(vllm={"image": "ghcr.io/acme/vllm"}),
        ".blueprints.chat.vllm.image: in fra, blueprints/chat.yaml spec.vllm.image: ghcr.io/acme/vllm comes from a reg",
    ),
    "called like a shape": (
        {"name": "a10", "network": {"dns": ["10.96.5.5/32"]}},
        ".name: a10 is a shape, and both have values in charts/; give a cluster that differs another name",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_it_is_told_once_where_the_cluster_says_it(name: str) -> None:
    own, message = BAD[name]
    (found,) = told(own)
    assert found.startswith(HERE + message)


def test_line_and_column_are_the_cluster_s() -> None:
    text = sources({}, stack({"network": {"dns": ["10.0.0.0/8"]}}))["stack.yaml"].decode()
    with pytest.raises(InputError) as caught:
        resolve(parse({**sources({}), "stack.yaml": text.encode()}))
    (problem,) = caught.value.problems
    line = text.splitlines()[problem.location.line - 1]
    assert line[problem.location.column - 1 :] == '"10.0.0.0/8"'


def test_what_is_wrong_with_the_stack_is_not_told_again() -> None:
    common = {"network": {"dns": ["10.0.0.0/8"]}}
    (found,) = told({"vllm": {"version": "0.33.0"}}, common)
    assert found.startswith("spec.network.dns[0]: ")
    (found,) = told({"vllm": {"version": "0.33.0"}}, spec={"serving": {"unsafe": ["nothing"]}})
    assert found.startswith("spec.serving.unsafe[0]: ")


def test_what_every_cluster_sets_is_not_missed_in_the_stack() -> None:
    ways = [{**PHX, "gateway": GATEWAY}, {**FRA, "ingress": INGRESS}]
    files = sources({"clientNamespaces": ["apps"], **EXPOSED}, {"clusters": ways})
    assert resolve(parse(files)).placements[1].workload.reach
    with pytest.raises(InputError, match=r"spec.expose.host: needs a Gateway or an Ingress"):
        resolve(parse(sources(EXPOSED, {"clusters": [PHX, ways[1]]})))


def test_a_cluster_s_way_takes_the_place_of_the_stack_s() -> None:
    assert told({"ingress": INGRESS}, {"gateway": GATEWAY}, EXPOSED) == []
    assert told({"gateway": GATEWAY}, {"ingress": INGRESS}, EXPOSED) == []
    (found,) = told({"ingress": INGRESS, "gateway": GATEWAY}, spec={})
    assert found.startswith("spec.clusters[1].ingress: conflicts with spec.gateway")


def test_an_empty_setting_is_none() -> None:
    (found,) = told({"gateway": None}, {"gateway": GATEWAY}, EXPOSED)
    assert found.startswith("spec.clusters[1].gateway: in fra, blueprints/chat.yaml spec.expose.host: needs a Gateway")
    assert told({**placed(host=None), "gateway": None}, {"gateway": GATEWAY}, EXPOSED) == []


def two(hosts: Mapping[str, Any]) -> list[str]:
    """Of two blueprints, the first of which has a host of its own."""
    other = merged(BLUEPRINT, {"metadata": {"name": "docs"}, "spec": {"clientNamespaces": ["apps"]}})
    clusters = [
        {**each, "blueprints": {name: {"shape": "a10", **({"host": host} if host else {})} for name, host in own}}
        for each, own in ((PHX, hosts["phx"].items()), (FRA, hosts["fra"].items()))
    ]
    files = sources({"clientNamespaces": ["apps"], **EXPOSED}, {"clusters": clusters, "gateway": GATEWAY})
    files["blueprints/docs.yaml"] = yamlio.dump(with_token(other)).encode()
    try:
        resolve(parse(files))
    except InputError as error:
        return [problem.message for problem in error.problems]
    return []


def test_a_host_leads_to_one_blueprint_of_a_cluster() -> None:
    shared = "chat.example.com"
    assert two({"phx": {"chat": "", "docs": "docs.example.com"}, "fra": {"chat": "chat.fra.com", "docs": shared}}) == []
    (found,) = two({"phx": {"chat": "", "docs": shared}, "fra": {"chat": ""}})
    assert found.startswith("spec.clusters[0].blueprints.docs.host: in phx, blueprints/docs.yaml spec.expose.host: ")
    assert "leads to blueprints/chat.yaml already" in found
