"""charts/vllm: what the schema says, refuses and lets through."""

import copy
import json
import re
import shutil
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import helm_python
import pytest
import yaml

from gpuyard.catalogue import vllm
from tests.chart import places, rendering
from tests.chart.payloads import HOSTILE
from tests.chart.places import Place
from tests.chart.rendering import CASES, CHART, case, manifests, schema, text
from tools import chart_docs

LEAVES = places.leaves()
TEXTS = [place for place in LEAVES if "pattern" in json.dumps(place.node) or place.node.get("type") == "string"]
GROUPS = list(places.groups())
WRONG: dict[str, list[Any]] = {
    "string": [1, True, None, ["x"], {"x": "y"}],
    "integer": ["1", 0.5, True, None, [1], -1, 10**12],
    "number": ["1", True, None, [1], -1, 10**12],
    "boolean": ["true", 1, None, [True], {}],
    "enum": ["none of these", 1, None, ["x"]],
}


def refused(values: Any) -> bool:
    try:
        text(values)
    except helm_python.HelmError:
        return True
    return False


# --- one source ---------------------------------------------------------------------------------------------


def test_values_readme_and_schema_agree() -> None:
    stale = [path.name for path, wanted in chart_docs.outputs().items() if path.read_text("utf-8") != wanted]
    assert not stale, "run `python tools/chart_docs.py`"


def test_values_are_the_defaults_of_the_schema() -> None:
    assert yaml.safe_load((CHART / "values.yaml").read_text("utf-8")) == chart_docs.defaults(schema())


@pytest.mark.parametrize(("path", "group"), GROUPS, ids=lambda value: ".".join(map(str, value)) or "values")
def test_every_group_is_closed_and_explained(path: places.Path, group: dict[str, Any]) -> None:
    assert group["additionalProperties"] is False
    if 0 in path:
        return  # an entry of a list: its keys may be left out, and the list's text explains it
    assert set(group["required"]) == set(group["properties"]) - {"global"}
    for key, node in group["properties"].items():
        assert node["description"].endswith("."), key
        assert "default" in node or "properties" in node or key == "global", key


def test_the_ci_files_set_every_text() -> None:
    for place in TEXTS:
        assert places.get(case(place.case), place.path) not in (None, ""), place


# --- wrong values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_the_ci_files_render(name: str) -> None:
    assert text(case(name))


@pytest.mark.parametrize(("path", "group"), GROUPS, ids=lambda value: ".".join(map(str, value)) or "values")
def test_a_misspelled_key_is_refused(path: places.Path, group: dict[str, Any]) -> None:
    for key in group["properties"]:
        for typo in (key + "s", key.swapcase()):
            values = case("shared-cache")
            places.put(values, (*path, typo), copy.deepcopy(chart_docs.defaults(schema()).get(key, "")))
            assert typo in group["properties"] or refused(values), typo


@pytest.mark.parametrize("place", LEAVES, ids=str)
def test_a_wrong_type_is_refused(place: Place) -> None:
    kind = "enum" if "enum" in place.node else place.node.get("type", "")
    if kind not in WRONG:
        pytest.fail(f"no wrong values for {place}")
    for value in WRONG[kind]:
        values = case(place.case)
        if value is None and 0 not in place.path:
            places.put(values, place.path, None)
            in_a_map = places.resolved(schema())["properties"][place.path[0]].get("default") is not None
            assert refused(values) or in_a_map or _map_entry(place), (place, value)
            continue
        places.put(values, place.path, value)
        assert refused(values), (place, value)


def _map_entry(place: Place) -> bool:
    """Helm takes null for "remove this entry" where the chart has no such key."""
    return any(place.path[0] == key for key in ("commonLabels", "podAnnotations", "env", "args"))


@pytest.mark.parametrize(
    "argument",
    [
        "model", "served-model-name", "served", "revision", "port", "host", "shutdown-timeout", "shutdown",
        "api-key", "api", "hf-token", "config", "download-dir", "served_model_name", "Model", "--model", "no",
        "max-model-lenght", "Max-model-len", "disable-log-requests", "tp", "compilation-config.level",
    ],
)  # fmt: skip
def test_in_args_only_flags_that_vllm_has_and_the_chart_does_not_set(argument: str) -> None:
    assert refused(case("default", args={argument: "x"}))


def test_every_flag_of_a_blueprint_is_one_of_the_chart() -> None:
    """Where `gpuyard check` takes it, the chart does."""
    taken = schema()["properties"]["args"]["properties"]
    for release in vllm.versions():
        for name in vllm.catalogue(release).flags:  # type: ignore[union-attr]
            findings = vllm.check_args({name: "x"}, {}, [name], release)
            assert name in taken or findings, (release, name)


def test_every_variable_of_a_blueprint_is_one_of_the_chart() -> None:
    denied = schema()["properties"]["env"]["propertyNames"]["not"]["enum"]
    assert [name for name in denied if not vllm.check_args({}, {name: "x"}, [name], "0.32.0")] == []


def refusal(**changes: Any) -> str:
    """What the chart says; empty where it takes the values."""
    try:
        text(case("default", **changes))
    except helm_python.HelmError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", [name for name in vllm.rules()["unsafe"] | vllm.rules()["breaks"]])
def test_what_breaks_or_opens_the_pod_needs_an_entry(name: str) -> None:
    """The reasons are those of the catalogue, as `gpuyard check` gives them."""
    reason = (vllm.rules()["unsafe"] | vllm.rules()["breaks"])[name]
    given = name.replace("*", "S3")
    flag = known_flag(name)
    values: dict[str, Any] = {"args": {given: flag}} if flag is not None else {"env": {given: "x"}}
    assert f"{given}: {reason}; if that is wanted, add {given} to unsafe" in refusal(**values)
    assert refusal(**values, unsafe=[given]) == ""


def known_flag(name: str) -> Any:
    """A value of the flag's type; None for a variable."""
    known = [vllm.catalogue(release).flags for release in vllm.versions()]  # type: ignore[union-attr]
    flag = next((flags[name] for flags in known if name in flags), None)
    samples = {"boolean": True, "integer": 2, "array": ["x"], "object": {"x": 1}}
    return None if flag is None else samples.get(flag.type, "x")


def test_every_computed_flag_that_args_take_is_a_size_or_breaks_the_pod() -> None:
    taken = schema()["properties"]["args"]["properties"].keys() & vllm.rules()["computed"].keys()
    assert taken - vllm.rules()["breaks"].keys() == {
        *("max-model-len", "max-num-seqs", "max-num-batched-tokens", "gpu-memory-utilization"),
        *("kv-cache-memory-bytes", "num-gpu-blocks-override"),
        *("tensor-parallel-size", "pipeline-parallel-size", "data-parallel-size"),
    }
    assert vllm.rules()["breaks"].keys() <= vllm.rules()["computed"].keys()


def test_what_is_switched_off_needs_no_entry() -> None:
    assert refusal(args={"trust-remote-code": False, "no-enable-prompt-embeds": True, "disable-log-stats": False}) == ""
    assert refusal(args={"no-trust-remote-code": True}, unsafe=["trust-remote-code"]) == ""


def test_an_entry_that_allows_nothing_is_refused() -> None:
    assert "unsafe: middleware is neither in args nor in env" in refusal(unsafe=["middleware"])


@pytest.mark.parametrize("value", ["--trust-remote-code", ["x", "--trust-remote-code"], "-x", None, [None], [{}]])
def test_an_argument_brings_no_second_flag(value: Any) -> None:
    assert refused(case("default", args={"chat-template": value}))


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "VLLM_API_KEY", "HOME", "HF_HOME", "AWS_SECRET_ACCESS_KEY", "VLLM_PORT", "a-b", "1A", ""],
)
def test_what_the_chart_sets_is_refused_in_env(name: str) -> None:
    assert refused(case("default", env={name: "x"}))


@pytest.mark.parametrize(
    "cidr",
    [
        "169.254.169.254/32", "169.254.0.0/16", "0.0.0.0/0", "160.0.0.0/4", "10.0.0.0/7", "172.16.0.0/8",
        "256.0.0.0/16", "10.0.0.0", "::/0", "fd00::/8",
    ],
)  # fmt: skip
def test_the_way_to_the_metadata_service_is_refused(cidr: str) -> None:
    assert refused(case("default", networkPolicy={"egress": [{"cidr": cidr}]}))
    assert refused(case("default", networkPolicy={"dnsCidrs": [cidr]}))


@pytest.mark.parametrize("rule", [
    {"cidr": "169.254.20.10/32"}, {"cidr": "169.254.128.0/17", "port": 53}, {"cidr": "168.0.0.0/7"},
    {"cidr": "10.0.0.1/32", "port": 0}, {"cidr": "10.0.0.1/32", "port": "443"}, {"port": 443}, "10.0.0.1/32",
])  # fmt: skip
def test_a_way_out_is_addresses_and_a_port(rule: Any) -> None:
    assert refused(case("default", networkPolicy={"egress": [rule]}))


@pytest.mark.parametrize("cidr", ["10.0.0.0/8", "172.16.0.0/12", "192.168.1.0/24", "134.70.8.0/21", "100.64.0.0/10"])
def test_private_networks_are_allowed(cidr: str) -> None:
    assert cidr in text(case("default", networkPolicy={"egress": [{"cidr": cidr}]}))


# --- hostile texts ------------------------------------------------------------------------------------------


def parsed(values: Any, chart: Any = None) -> list[Any]:
    """Every object, with vLLM's configuration read as well."""
    return [obj for manifest in manifests(values, chart=chart) for obj in _read(manifest)]


@lru_cache(maxsize=1000)
def _read(manifest: str) -> list[Any]:
    """The objects of one template: a text changes few of them, and reading is what takes the time."""
    found = [obj for obj in yaml.load_all(manifest, yaml.CSafeLoader) if obj is not None]
    for obj in found:
        if obj["kind"] == "ConfigMap":
            obj["data"]["config.yaml"] = yaml.safe_load(obj["data"]["config.yaml"])
    return found


def parsed_or_refused(values: Any) -> list[Any] | None:
    try:
        return parsed(values)
    except helm_python.HelmError:
        return None


def contains(item: Any, payload: str) -> bool:
    """The payload is the item, or a part of it, perhaps as JSON."""
    quoted = json.dumps(payload, ensure_ascii=False)[1:-1]
    return isinstance(item, str) and (payload in item or quoted in item)


def shape(value: Any) -> Any:
    """Keys and types, without the values."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


def scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from scalars(item)
    elif isinstance(value, list):
        for item in value:
            yield from scalars(item)
    else:
        yield value


@pytest.mark.parametrize("place", TEXTS, ids=str)
def test_no_text_changes_the_structure(place: Place) -> None:
    expected = shape(parsed(case(place.case)))
    for number, payload in enumerate(HOSTILE):
        values = case(place.case)
        places.put(values, place.path, payload)
        if number and not re.search(place.node.get("pattern", ""), payload):
            continue  # what Helm lets through is among the rest; the first shows that it looks
        found = parsed_or_refused(values)
        if found is not None:
            assert shape(found) == expected, payload[:80]
            assert any(contains(item, payload) for item in scalars(found)), payload[:80]


ARGUMENTS: dict[str, Any] = {
    "text": {"chat-template": "x"},
    "list": {"lora-modules": ["x"]},
    "map": {"override-generation-config": {"x": "x"}},
}
PATHS: dict[str, places.Path] = {
    "text": ("chat-template",),
    "list": ("lora-modules", 0),
    "map": ("override-generation-config", "x"),
}


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_arguments_arrive_unchanged(kind: str) -> None:
    expected, accepted = shape(parsed(case("default", args=ARGUMENTS[kind]))), 0
    for payload in HOSTILE:
        values = case("default", args=ARGUMENTS[kind])
        places.put(values["args"], PATHS[kind], payload)
        found = parsed_or_refused(values)
        if found is not None:
            accepted += 1
            assert shape(found) == expected, payload[:80]
            assert payload in list(scalars(found)), payload[:80]
    assert accepted >= 27


@pytest.fixture(scope="module")
def unchecked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The chart without its schema."""
    root = tmp_path_factory.mktemp("unchecked") / "vllm"
    shutil.copytree(CHART, root, ignore=shutil.ignore_patterns("values.schema.json"))
    return helm_python.Chart.load(root)


FREE: dict[str, places.Path] = {
    "text": ("args", "chat-template"),
    "list": ("args", "lora-modules", 0),
    "map": ("args", "override-generation-config", "x"),
    "variable": ("env", "NAME"),
    "annotation": ("podAnnotations", "name"),
    "label": ("commonLabels", "name"),
    "model": ("model", "id"),
    "account": ("serviceAccount", "name"),
}


@pytest.mark.parametrize("place", FREE)
def test_the_templates_need_no_schema_to_keep_the_structure(place: str, unchecked: Any) -> None:
    def rendered(payload: str) -> list[Any]:
        values = case("default", args={"lora-modules": ["x"], "override-generation-config": {"x": "x"}})
        places.put(values, FREE[place], payload)
        return parsed(values, unchecked)

    expected = shape(rendered("benign"))
    for payload in HOSTILE:
        assert shape(rendered(payload)) == expected, payload[:80]


@pytest.mark.parametrize("path", [("env",), ("commonLabels",), ("podAnnotations",), ("prometheusRule", "alertLabels")])
def test_no_key_changes_the_structure(path: places.Path) -> None:
    def rendered(key: str) -> Any:
        values = case("shared-cache")
        places.put(values, (*path, key), "x")
        return parsed(values)

    expected = shape(rendered("benign"))
    for payload in HOSTILE:
        try:
            found = rendered(payload)
        except helm_python.HelmError:
            continue
        assert shape(renamed(found, payload)) == expected, payload[:80]


def renamed(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {"benign" if name == key else name: renamed(item, key) for name, item in value.items()}
    return [renamed(item, key) for item in value] if isinstance(value, list) else value


def test_big_numbers_keep_their_digits() -> None:
    values = case("default", args={"max-model-len": 10**6, "kv-cache-memory-bytes": 123456789012, "watermark": 1e-05})
    config = rendering.config(values)
    assert config["max-model-len"] == 10**6
    assert config["kv-cache-memory-bytes"] == 123456789012
    assert float(config["watermark"]) == 1e-05
