"""The plan of a bootstrap: what differs, and what then happens. No cloud in it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from gpuyard.bootstrap.defects import ISSUES, defects
from gpuyard.bootstrap.difference import Action, Change, difference
from gpuyard.bootstrap.families import KINDS
from gpuyard.bootstrap.links import filled
from gpuyard.bootstrap.resource import Found, Resource
from gpuyard.project.load import parse
from tests.ociresources import values, wanted
from tests.projects import sources

SPEC = {"storage": {"cache": {"kind": "fss"}}}


def desired() -> dict[str, Resource]:
    return wanted(parse(sources(SPEC, {"oci": {"compartment": "gpu", "bucket": "weights"}})))


def made(resources: Mapping[str, Resource]) -> dict[str, Found]:
    """All of it, as if OCI had made it."""
    known = values(resources)
    return {
        name: Found(
            kind=each.kind,
            region=each.region,
            data={**filled(each.body, known), **known[name]},
            tags=each.labelled("demo"),
        )
        for name, each in resources.items()
    }


def changed(name: str, **data: Any) -> Change:
    """What happens to a resource of which this is there instead."""
    resources = desired()
    there = made(resources)
    there[name] = replace(there[name], data={**there[name].data, **data})
    (change,) = [each for each in difference(resources, there) if each.id == name]
    return change


def test_nothing_there_everything_is_made() -> None:
    resources = desired()
    assert [each.id for each in difference(resources, {})] == list(resources)
    assert {each.action for each in difference(resources, {})} == {Action.CREATE}


def test_everything_there_nothing_is_done() -> None:
    resources = desired()
    assert {each.action for each in difference(resources, made(resources))} == {Action.KEEP}


@pytest.mark.parametrize(
    ("name", "data", "action", "path"),
    [
        ("phx/internet-gateway", {"isEnabled": False}, Action.UPDATE, "isEnabled"),
        ("phx/routes-public", {"routeRules": []}, Action.UPDATE, "routeRules"),
        ("phx/vcn", {"cidrBlocks": ["10.9.0.0/16"]}, Action.REPLACE, "cidrBlocks"),
        ("phx/policy-cluster", {"statements": ["Allow nobody"]}, Action.UPDATE, "statements"),
        ("phx/cluster", {"kubernetesVersion": "v1.33.1"}, Action.UPDATE, "kubernetesVersion"),
        ("phx/cluster", {"type": "BASIC_CLUSTER"}, Action.REPLACE, "type"),
        ("phx/nodes-VM.GPU.A10.2", {"size": 0}, Action.UPDATE, "size"),
    ],
)
def test_a_value_that_differs(name: str, data: dict[str, Any], action: Action, path: str) -> None:
    found = changed(name, **data)
    assert (found.action, [each.path for each in found.fields]) == (action, [path])
    assert found.drift


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("phx/nodes-VM.GPU.A10.2", {"size": 7}),  # the autoscaler grew it
        ("phx/pool-VM.GPU.A10.2-ad1", {"nodeMetadata": None}),
        ("phx/security-list-balancers", {"ingressSecurityRules": [{"protocol": "6", "source": "0.0.0.0/0"}]}),
        ("phx/vcn", {"defaultRouteTableId": "ocid1.routetable.oc1..aaaa"}),
    ],
)
def test_what_others_change_stays(name: str, data: dict[str, Any]) -> None:
    assert changed(name, **data).action is Action.KEEP


def test_the_size_of_a_gpu_pool_is_the_autoscaler_s() -> None:
    details = made(desired())["phx/pool-VM.GPU.A10.2-ad1"].data["nodeConfigDetails"]
    assert changed("phx/pool-VM.GPU.A10.2-ad1", nodeConfigDetails={**details, "size": 3}).action is Action.KEEP
    other = {**details, "size": 3, "nsgIds": []}
    assert changed("phx/pool-VM.GPU.A10.2-ad1", nodeConfigDetails=other).fields[0].path == "nodeConfigDetails.nsgIds"


def test_lists_are_compared_without_their_order() -> None:
    rules = made(desired())["phx/routes-private"].data["routeRules"]
    same = [{**each, "description": None, "routeType": "STATIC"} for each in reversed(rules)]
    assert changed("phx/routes-private", routeRules=same).action is Action.KEEP
    assert changed("phx/routes-private", routeRules=rules[:1]).action is Action.UPDATE


def test_rules_that_are_missing_differ_and_are_too_many() -> None:
    rules = dict(made(desired())["phx/rules-files"].data["rules"])
    first, second, *_ = rules
    wrong = {**rules, second: {**rules[second], "protocol": "1"}, "gpuyard: of an older version": {}}
    del wrong[first]
    found = changed("phx/rules-files", rules=wrong)
    assert found.action is Action.UPDATE
    assert {each.path for each in found.fields} == {
        f"rules.{first}", f"rules.{second}", "rules.gpuyard: of an older version"
    }  # fmt: skip


def test_what_the_stack_changed_is_no_drift() -> None:
    resources = desired()
    there = made(resources)
    gateway = "phx/internet-gateway"
    old = replace(resources[gateway], body={**resources[gateway].body, "isEnabled": False})
    there[gateway] = replace(
        there[gateway], data={**there[gateway].data, "isEnabled": False}, tags=old.labelled("demo")
    )
    (change,) = [each for each in difference(resources, there) if each.id == gateway]
    assert (change.action, change.drift) == (Action.UPDATE, False)


def test_a_tag_that_the_autoscaler_reads_is_set_again() -> None:
    resources = desired()
    there = made(resources)
    name = "phx/pool-VM.GPU.A10.2-ad1"
    tags = {key: value for key, value in there[name].tags.items() if not key.startswith("cluster-autoscaler")}
    there[name] = replace(there[name], tags=tags)
    (change,) = [each for each in difference(resources, there) if each.id == name]
    assert change.action is Action.UPDATE
    assert change.fields[0].path == "freeformTags.cluster-autoscaler/node-ephemeral-storage"


def test_what_is_no_longer_wanted_goes_dependents_first_and_data_stays() -> None:
    resources = desired()
    there = made(resources)
    kept = {name: each for name, each in resources.items() if not name.startswith("phx/")}
    found = [each for each in difference(kept, there) if each.resource is None]
    actions = {each.id: each.action for each in found}
    assert actions["phx/file-system"] is Action.LEAVE
    assert actions["phx/vcn"] is Action.DELETE
    order = [each.kind for each in found]
    for before, after in [("cluster", "subnet"), ("gpu-pool", "cluster"), ("rules", "group"), ("subnet", "vcn"),
                          ("export", "mount-target"), ("mount-target", "subnet"), ("vcn", "policy")]:  # fmt: skip
        assert max(i for i, kind in enumerate(order) if kind == before) < order.index(after), (before, after)


def test_only_what_holds_data_is_left() -> None:
    assert {kind.name for kind in KINDS.values() if kind.keeps} == {"file-system", "repository", "bucket"}


POOL, POLICY, SCALER = "phx/pool-VM.GPU.A10.2-ad1", "phx/policy-autoscaler", "phx/addon-ClusterAutoscaler"
Alter = Callable[[Found], dict[str, Any]]


def told(changed: Mapping[str, Alter], offered: Mapping[str, str] | None = None) -> list[str]:
    """What is said of defects where these resources are otherwise."""
    resources = desired()
    there = made(resources)
    for name, change in changed.items():
        there[name] = replace(there[name], **change(there[name]))
    return list(defects(difference(resources, there), there, offered or {}))


def installed(version: str) -> Alter:
    return lambda found: {"data": {**found.data, "currentInstalledVersion": version}}


def with_nodes(found: Found) -> dict[str, Any]:
    return {"data": {**found.data, "nodeConfigDetails": {**found.data["nodeConfigDetails"], "size": 1}}}


DEFECTS: dict[str, tuple[dict[str, Alter], dict[int, str]]] = {
    "a pool without the tag of its disk": (
        {POOL: lambda found: {"tags": {k: v for k, v in found.tags.items() if "ephemeral" not in k}}},
        {9637: "apply sets it"},
    ),
    "a policy without the work requests": (
        {POLICY: lambda found: {"data": {**found.data, "statements": found.data["statements"][:-1]}}},
        {10306: "apply adds it"},
    ),
    "an autoscaler that never starts a first node": (
        {SCALER: installed("v1.33.4")},
        {9671: "until you upgrade to Kubernetes 1.36, whose autoscaler is repaired as of 1.36.2"},
    ),
    "an autoscaler that waits for a node that never comes": (
        {SCALER: installed("v1.34.5"), POOL: with_nodes},
        {9703: "in the Console, until you upgrade to Kubernetes 1.36"},
    ),
    "an autoscaler that tries for ever": (
        {SCALER: installed("v1.33.0"), POOL: with_nodes},
        {8315: "update the add-on ClusterAutoscaler to 1.33.1 or newer in the Console", 9703: "waiting for a node"},
    ),
    "a pool whose nodes did not start": (
        {POOL: lambda found: {"data": {**found.data, "lifecycleState": "NEEDS_ATTENTION"}}},
        {8700: "apply does for the fewest replicas"},
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_known_defects_of_the_autoscaler_are_said(name: str) -> None:
    there, expected = DEFECTS[name]
    found = told(there)
    assert len(found) == len(expected)
    for text, (issue, advice) in zip(found, expected.items(), strict=True):
        assert f"{ISSUES}/{issue})" in text
        assert advice in text


def test_without_them_nothing_is_said() -> None:
    assert told({}) == []


@pytest.mark.parametrize(
    ("version", "issues"),
    [
        # the last release without a fix, and the first with it, of each minor version that ever got it
        ("v1.30.4", [8315, 9703]),
        ("v1.30.5", [9703]),
        ("v1.31.2", [8315, 9703]),
        ("v1.31.3", [9703]),
        ("v1.32.1", [8315, 9703]),
        ("v1.32.2", [9703]),
        ("v1.33.0", [8315, 9703]),
        ("v1.33.1", [9703]),
        ("1.34.0", [9703]),
        ("v1.35.2", [9703]),  # newer than where 9671 was seen, and not repaired
        ("v1.36.1", [9703]),
        ("v1.36.2", []),
        ("v1.36.10", []),
        ("v1.37.0", []),
        ("v1.40.1", []),
        ("v1.29.9", [8315, 9703]),
        ("", []),
        ("newest", []),
    ],
)
def test_a_release_of_the_autoscaler_has_the_fixes_of_its_minor_version(version: str, issues: list[int]) -> None:
    found = told({SCALER: installed(version), POOL: with_nodes})
    assert [int(text.partition(f"{ISSUES}/")[2].partition(")")[0]) for text in found] == issues


def test_what_okes_add_on_lacks_is_said_before_it_is_installed() -> None:
    (found,) = told({}, {"fra": "v1.35.0"})
    assert found.startswith("fra: autoscaler 1.35.0 goes on waiting")
    assert told({}, {"fra": "v1.36.2"}) == []


def test_what_is_installed_counts_and_not_what_is_offered() -> None:
    assert told({SCALER: installed("v1.37.0")}, {"phx": "v1.33.0"}) == []
