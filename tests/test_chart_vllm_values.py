"""charts/vllm: what the schema says, refuses and lets through."""

import copy
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache, partial
from typing import Any

import helm_python
import pytest
import yaml

from gpuyard.catalogue import vllm
from tests.chart import places, rendering
from tests.chart.payloads import HOSTILE
from tests.chart.places import Place, blamed
from tests.chart.rendering import CASES, CHART, case, manifests, schema, text
from tests.scan.project import opened, replaced
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


def refusal(values: Any) -> str:
    """What Helm says; empty where it takes the values."""
    try:
        text(values)
    except helm_python.HelmError as error:
        return str(error)
    return ""


def refused(values: Any) -> bool:
    return bool(refusal(values))


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
    values = case("shared-cache")
    typos = {typo: key for key in group["properties"] for typo in (key + "s", key.swapcase())}
    for typo in typos.keys() - group["properties"].keys():
        places.put(values, (*path, typo), copy.deepcopy(chart_docs.defaults(schema()).get(typos[typo], "")))
    complaint = refusal(values)
    assert [typo for typo in typos.keys() - group["properties"].keys() if not blamed(complaint, (*path, typo))] == []


@pytest.mark.parametrize("place", LEAVES, ids=str)
def test_a_wrong_type_is_refused(place: Place) -> None:
    assert wrong(place), "no wrong values for it"
    for number, value in enumerate(wrong(place)):
        if blamed(complaint_about_all(place.case, number), place.path):
            continue
        values = case(place.case)
        places.put(values, place.path, value)
        if value is None and 0 not in place.path:
            in_a_map = places.resolved(schema())["properties"][place.path[0]].get("default") is not None
            assert refused(values) or in_a_map or _map_entry(place), (place, value)
            continue
        assert refused(values), (place, value)


def wrong(place: Place) -> list[Any]:
    return WRONG.get("enum" if "enum" in place.node else place.node.get("type", ""), [])


@cache
def complaint_about_all(name: str, number: int) -> str:
    """What Helm says when each place of a case has its wrong value of this number: it names every one."""
    values = case(name)
    for place in LEAVES:
        if place.case == name and number < len(wrong(place)):
            places.put(values, place.path, wrong(place)[number])
    return refusal(values)


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


def refused_with(**changes: Any) -> str:
    """What Helm says to the smallest values with these changes."""
    return refusal(case("default", **changes))


@pytest.mark.parametrize("name", [name for name in vllm.rules()["unsafe"] | vllm.rules()["breaks"]])
def test_what_breaks_or_opens_the_pod_needs_an_entry(name: str) -> None:
    """The reasons are those of the catalogue, as `gpuyard check` gives them."""
    reason = (vllm.rules()["unsafe"] | vllm.rules()["breaks"])[name]
    given = name.replace("*", "S3")
    flag = known_flag(name)
    values: dict[str, Any] = {"args": {given: flag}} if flag is not None else {"env": {given: "x"}}
    assert f"{given}: {reason}; if that is wanted, add {given} to unsafe" in refused_with(**values)
    assert refused_with(**values, unsafe=[given]) == ""


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
    off = {"trust-remote-code": False, "no-enable-prompt-embeds": True, "disable-log-stats": False}
    assert refused_with(args=off) == ""
    assert refused_with(args={"no-trust-remote-code": True}, unsafe=["trust-remote-code"]) == ""


def test_an_entry_that_allows_nothing_is_refused() -> None:
    assert "unsafe: middleware is neither in args nor in env" in refused_with(unsafe=["middleware"])


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


Fill = Callable[[Sequence[places.Path], Sequence[str]], Any]
"""Values with a text at each of these places."""


def filled(start: Any, paths: Sequence[places.Path], texts: Sequence[str]) -> Any:
    values = copy.deepcopy(start)
    for path, value in zip(paths, texts, strict=True):
        places.put(values, path, value)
    return values


def told(fill: Fill, paths: Sequence[places.Path], payload: str, chart: Any = None) -> Iterator[tuple[Any, bool]]:
    """Places that the chart takes a text at, as many at once as it takes; and whether it is just there, unchanged.

    Where Helm refuses some, or something is wrong, it goes by halves: what is wrong is said of one place.
    """
    tokens = {f"zq{number}x": payload for number in range(len(paths))}
    benign = rendered(json.dumps(fill(paths, list(tokens))), chart)
    found = rendered(json.dumps(fill(paths, [payload] * len(paths))), chart)
    right = found == replaced(benign, tokens) and all(token in json.dumps(benign) for token in tokens)
    if len(paths) > 1 and (found is None or not right):
        middle = len(paths) // 2
        yield from told(fill, paths[:middle], payload, chart)
        yield from told(fill, paths[middle:], payload, chart)
    elif found is not None:
        yield paths, right


@lru_cache(maxsize=100)
def rendered(values: str, chart: Any) -> Any:
    """Every object, also where a text holds another, checksums apart; None where the values are refused."""
    try:
        return [replaced(obj, {}) for manifest in manifests(json.loads(values), chart=chart) for obj in _read(manifest)]
    except helm_python.HelmError:
        return None
    except yaml.YAMLError as error:
        return str(error)


@lru_cache(maxsize=1000)
def _read(manifest: str) -> list[Any]:
    """The objects of one template: a text changes few of them, and reading is what takes the time."""
    return [opened(obj) for obj in yaml.load_all(manifest, yaml.CSafeLoader) if obj is not None]


ELSEWHERE = {("unsafe", 0), ("fullnameOverride",)}
"""Where a text must fit what stands elsewhere, or the templates say more than the schema."""


@pytest.mark.parametrize("name", sorted({place.case for place in TEXTS}))
def test_no_text_changes_the_structure(name: str) -> None:
    """The patterns of the schema say where a text may stand: that Helm refuses the others is seen with some."""
    mine = [place for place in TEXTS if place.case == name]
    fill = partial(filled, case(name))
    for payload in HOSTILE:
        fits = [place.path for place in mine if _fits(place, payload)]
        found = list(told(fill, fits, payload))
        assert [paths for paths, right in found if not right] == [], payload[:80]
        assert set(fits) - {path for paths, _ in found for path in paths} <= ELSEWHERE, payload[:80]
        if payload in {HOSTILE[0], "x\n", "x" * 100_000}:
            others = [place.path for place in mine if place.path not in fits]
            complaint = refusal(fill(others, [payload] * len(others)))
            assert [path for path in others if not blamed(complaint, path)] == [], payload[:80]


def _fits(place: Place, payload: str) -> bool:
    """As Helm has it; in Python `$` also stands before a last line feed."""
    pattern, longest = place.node.get("pattern", "").removesuffix("$"), place.node.get("maxLength", len(payload))
    return bool(re.search(rf"{pattern}\Z", payload)) and len(payload) <= longest


ARGUMENTS: dict[str, Any] = {
    "chat-template": "x",
    "lora-modules": ["x"],
    "override-generation-config": {"x": "x"},
}
PATHS: list[places.Path] = [
    ("args", "chat-template"),
    ("args", "lora-modules", 0),
    ("args", "override-generation-config", "x"),
]


def test_arguments_arrive_unchanged() -> None:
    accepted = dict.fromkeys(PATHS, 0)
    for payload in HOSTILE:
        for paths, right in told(partial(filled, case("default", args=ARGUMENTS)), PATHS, payload):
            assert right, (paths, payload[:80])
            for path in paths:
                accepted[path] += 1
    assert min(accepted.values()) >= 27


@pytest.fixture(scope="module")
def unchecked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The chart without its schema."""
    root = tmp_path_factory.mktemp("unchecked") / "vllm"
    shutil.copytree(CHART, root, ignore=shutil.ignore_patterns("values.schema.json"))
    return helm_python.Chart.load(root)


FREE: list[places.Path] = [
    *PATHS,
    ("env", "NAME"),
    ("podAnnotations", "name"),
    ("commonLabels", "name"),
    ("model", "id"),
    ("serviceAccount", "name"),
]


def test_the_templates_need_no_schema_to_keep_the_structure(unchecked: Any) -> None:
    for payload in HOSTILE:
        found = told(partial(filled, case("default", args=ARGUMENTS)), FREE, payload, unchecked)
        assert {path for paths, right in found if right for path in paths} == set(FREE), payload[:80]


OPEN: list[places.Path] = [("env",), ("commonLabels",), ("podAnnotations",), ("prometheusRule", "alertLabels")]


def test_no_key_changes_the_structure() -> None:
    def fill(paths: Sequence[places.Path], keys: Sequence[str]) -> Any:
        named = [(*path, key) for path, key in zip(paths, keys, strict=True)]
        return filled(case("shared-cache"), named, ["x"] * len(named))

    for payload in HOSTILE:
        complaint = refusal(fill(OPEN, [payload] * len(OPEN)))
        if complaint.count("\n- at '': invalid propertyName") < len(OPEN):
            assert [paths for paths, right in told(fill, OPEN, payload) if not right] == [], payload[:80]


def test_big_numbers_keep_their_digits() -> None:
    values = case("default", args={"max-model-len": 10**6, "kv-cache-memory-bytes": 123456789012, "watermark": 1e-05})
    config = rendering.config(values)
    assert config["max-model-len"] == 10**6
    assert config["kv-cache-memory-bytes"] == 123456789012
    assert float(config["watermark"]) == 1e-05
