"""A cluster's settings over the stack's: mappings key by key, all else replaced, an empty value takes away."""

from collections.abc import Mapping
from typing import Any

import pytest

from gpuyard.doors import yamlio
from gpuyard.project.load import parse
from gpuyard.project.stack import Stack
from tests.differing import stack
from tests.projects import Values, merged, sources


def site(own: Mapping[str, Any], common: Values) -> Stack:
    """The stack as the second cluster has it, which may have empty values."""
    files = sources({}, stack({}, common))
    whole = yamlio.load_data(files["stack.yaml"].decode())
    whole["spec"]["clusters"][1] |= own
    project = parse({**files, "stack.yaml": yamlio.dump(whole).encode()})
    return project.sites.get("fra", project.stack)


MIRRORS = {"images": {"mirrors": {"docker.io": "a.example.com", "ghcr.io": "b.example.com"}}}


@pytest.mark.parametrize(
    ("own", "common", "wanted"),
    [
        ({"mirrors": {"ghcr.io": "c.io"}}, MIRRORS, {"docker.io": "a.example.com", "ghcr.io": "c.io"}),
        ({"mirrors": {"docker.io": None}}, MIRRORS, {"ghcr.io": "b.example.com"}),
        ({"mirrors": None}, MIRRORS, {}),
        (None, MIRRORS, {}),
        ({"mirrors": {"quay.io": "q.example.com"}}, {}, {"quay.io": "q.example.com"}),
    ],
)
def test_mappings_are_merged_and_empty_takes_away(own: Any, common: Values, wanted: Mapping[str, str]) -> None:
    assert site({"images": own}, common).images.mirrors == wanted


def test_lists_are_replaced() -> None:
    common = {"network": {"dns": ["10.96.5.5/32"], "clients": ["10.0.20.0/24"]}}
    found = site({"network": {"dns": ["10.96.6.6/32"]}}, common).network
    assert (found.dns, found.clients) == (("10.96.6.6/32",), ("10.0.20.0/24",))


def test_what_is_taken_away_falls_back_to_the_default() -> None:
    found = site({"storage": {"fss": None, "nvme": None}}, {"storage": {"fss": "fast", "nvme": "local"}})
    assert found.storage == {"fss": "oci-fss", "block": "oci-bv"}


def test_an_empty_value_of_a_chart_is_for_the_chart() -> None:
    """Helm takes away what the chart itself has there."""
    common = {"platform": {"keda": {"values": {"a": {"b": 1, "c": 2}}}}}
    own = {"platform": {"keda": {"values": {"a": {"b": None}}}, "prometheus": {"values": None}}}
    found = site(own, common).platform.components
    assert found["keda"].values == {"a": {"b": None, "c": 2}}
    assert found["prometheus"].values == {}


@pytest.mark.parametrize(
    ("own", "tag"),
    [
        ({"version": "0.33.0"}, None),
        ({"image": "docker.io/acme/vllm"}, None),
        ({"version": "0.33.0", "tag": "v0.33.0-cu130"}, "v0.33.0-cu130"),
        ({}, "v0.32.0-cu129"),
    ],
)
def test_a_tag_belongs_to_the_version_that_is_named_with_it(own: Values, tag: str | None) -> None:
    common = {"vllm": {"version": "0.32.0", "tag": "v0.32.0-cu129"}}
    assert site({"vllm": own}, common).vllm.tag == tag


def test_one_cluster_s_settings_are_not_another_s() -> None:
    files = sources({}, stack({"network": {"dns": ["10.96.5.5/32"]}}, merged({}, MIRRORS)))
    project = parse(files)
    assert set(project.sites) == {"fra"}
    assert project.stack.network.dns == ()
    assert project.sites["fra"].images == project.stack.images


CONFIG_MAP = {"network": {"ca": {"configMap": "corp-ca", "key": "bundle.pem"}}}
BEARER = {
    "platform": {
        "prometheus": {
            "enabled": False,
            "address": "https://prometheus.observability.svc",
            "auth": {"bearer": {"secret": "token"}},
        }
    }
}


def test_one_of_several_ways_takes_the_place_of_another() -> None:
    ca = site({"network": {"ca": {"secret": "other"}}}, CONFIG_MAP).network.ca
    assert ca
    assert (ca.secret, ca.config_map, ca.key) == ("other", None, "bundle.pem")
    basic = {"platform": {"prometheus": {"auth": {"basic": {"secret": "user"}}}}}
    auth = site(basic, BEARER).platform.components["prometheus"].auth
    assert auth
    assert auth.basic
    assert (auth.basic.secret, auth.bearer, auth.tls) == ("user", None, None)


@pytest.mark.parametrize(
    ("own", "common"),
    [
        ({"network": {"ca": {"key": "ca.crt"}}}, CONFIG_MAP),
        ({"network": {"dns": ["10.96.5.5/32"]}, "platform": {"keda": {"enabled": True}}}, merged(CONFIG_MAP, BEARER)),
    ],
)
def test_a_way_stays_that_a_cluster_does_not_name(own: Values, common: Values) -> None:
    found = site(own, common)
    assert found.network.ca
    assert found.network.ca.config_map == "corp-ca"
    assert bool(found.platform.components["prometheus"].auth) == ("platform" in common)


def test_what_only_the_stack_has_can_be_taken_away() -> None:
    found = site({"network": {"ca": None}, "platform": {"prometheus": {"auth": None}}}, merged(CONFIG_MAP, BEARER))
    assert found.network.ca is None
    assert found.platform.components["prometheus"].auth is None
