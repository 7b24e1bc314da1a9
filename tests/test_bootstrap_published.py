"""What others have published, and a bootstrap keeps to: the grammar of policies, and list prices with their date."""

from typing import Any

import pytest

from gpuyard.bootstrap.parts.identity import of_autoscaler, of_clusters, of_pools
from gpuyard.catalogue.oracle import oracle
from gpuyard.catalogue.shapes import catalogue

COMPARTMENT, CLUSTER = "ocid1.compartment.oc1..aaaa", "ocid1.cluster.oc1.phx.bbbb"
OF_AUTOSCALER = {
    "request.principal.type": "workload",
    "request.principal.namespace": "kube-system",
    "request.principal.service_account": "cluster-autoscaler",
    "request.principal.cluster_id": CLUSTER,
}
POLICIES: dict[str, tuple[list[str], dict[str, str], set[tuple[str, str]]]] = {
    "cluster": (
        list(of_clusters(COMPARTMENT)),
        {"request.principal.type": "cluster"},
        {("manage", "file-family"), ("use", "virtual-network-family"), ("manage", "network-security-groups")},
    ),
    "autoscaler": (
        list(of_autoscaler(COMPARTMENT, CLUSTER)),
        OF_AUTOSCALER,
        {
            ("manage", "cluster-node-pools"), ("manage", "instance-family"), ("use", "subnets"),
            ("read", "virtual-network-family"), ("use", "vnics"), ("inspect", "compartments"),
            ("read", "cluster-work-requests"),
        },
    ),
    "pools with a capacity reservation": (
        list(of_pools(COMPARTMENT)),
        {"request.principal.type": "nodepool"},
        {("use", "compute-capacity-reservations")},
    ),
}  # fmt: skip


def parsed(statement: str) -> dict[str, Any]:
    """By the grammar of NetSPI's oci-lexer-parser, which knows nothing of gpuyard; ValueError where it is none."""
    grammar = pytest.importorskip("oci_lexer_parser", reason="pip install -e '.[dev]' installs oci-lexer-parser")
    (found,) = grammar.parse_policy_statements(statement)["statements"]
    return dict(found)


@pytest.mark.parametrize("name", POLICIES)
def test_policies_are_what_oracle_takes_and_allow_no_more(name: str) -> None:
    statements, conditions, allowed = POLICIES[name]
    found = set()
    for each in map(parsed, statements):
        assert (each["kind"], each["subject"]["type"]) == ("allow", "any-user")
        assert each["location"] == {"type": "compartment-id", "values": [COMPARTMENT]}
        assert each["conditions"]["mode"] == "all"
        clauses = [item["node"] for item in each["conditions"]["items"]]
        assert {clause["lhs"]: clause["rhs"]["value"] for clause in clauses} == conditions
        assert {clause["op"] for clause in clauses} == {"eq"}
        assert (each["actions"]["type"], each["resources"]["type"]) == ("verbs", "specific")
        found |= {(verb, kind) for verb in each["actions"]["values"] for kind in each["resources"]["values"]}
    assert found == allowed


@pytest.mark.parametrize("wrong", ["Alow any-user to use vnics in tenancy", "Allow any-user use vnics in tenancy"])
def test_the_grammar_refuses_what_is_no_policy(wrong: str) -> None:
    with pytest.raises(ValueError, match="syntax error"):
        parsed(wrong)


# Oracle's price list as its API had it on that day: USD by the hour, of one GPU.
PUBLISHED = "2026-08-14"
GPUS = {
    "VM.GPU.A10.1": 2.00, "VM.GPU.A10.2": 2.00, "BM.GPU.A10.4": 2.00, "BM.GPU4.8": 3.05, "BM.GPU.B4.8": 3.05,
    "BM.GPU.A100-v2.8": 4.00, "BM.GPU.L40S.4": 3.50, "BM.GPU.H100.8": 10.00, "BM.GPU.H200.8": 10.00,
    "BM.GPU.B200.8": 14.00, "BM.GPU.MI300X.8": 6.00,
}  # fmt: skip
NODES = {name: node for shape in catalogue().values() for name, node in shape.nodes.items()}


@pytest.mark.parametrize("name", NODES)
def test_prices_of_gpus_are_the_published_ones(name: str) -> None:
    node = NODES[name]
    assert (node.price_usd_per_gpu_hour, node.date) == (GPUS[name], PUBLISHED)


def test_prices_of_everything_else_are_the_published_ones() -> None:
    prices = oracle().prices
    assert (prices.date, prices.cluster) == (PUBLISHED, 0.10)
    assert prices.system == {"VM.Standard.E4.Flex": (0.025, 0.0015), "VM.Standard.E5.Flex": (0.03, 0.002)}
