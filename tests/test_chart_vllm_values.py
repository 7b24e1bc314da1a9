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

from tests.chart import places, rendering
from tests.chart.payloads import HOSTILE
from tests.chart.places import Place, blamed
from tests.chart.rendering import CASES, CHART, case, manifests, schema, text
from tests.scan.project import replaced
from tools import chart_docs

LEAVES = places.leaves()
ANY_TEXT = [place for place in LEAVES if "pattern" in json.dumps(place.node) or place.node.get("type") == "string"]
TEXTS = [place for place in ANY_TEXT if place.given]
GROUPS = list(places.groups())
OPEN_ITEMS = {"initContainers", "extraContainers", "extraVolumes", "extraObjects"}
"""Lists of objects that Kubernetes knows better."""
MAY_BE_EMPTY = {
    *("nameOverride", "fullnameOverride", "priorityClassName", "runtimeClassName", "image.digest", "image.pullPolicy"),
    *("serviceAccount.name", "ingress.className"),
    *(f"service.{name}" for name, node in schema()["properties"]["service"]["properties"].items()
      if node["default"] in ("", 0)),
}  # fmt: skip
"""Texts, and a number, that may be left without a value."""
WRONG: dict[str, list[Any]] = {
    "string": [1, True, None, ["x"], {"x": "y"}],
    "integer": ["1", 0.5, True, None, [1], -1, 10**12],
    "number": ["1", True, None, [1], -1, 10**12],
    "boolean": ["true", 1, None, [True], {}],
    "enum": ["none of these", 1, None, ["x"]],
    "object": ["x", 1, True, None, ["x"]],
    "quantity": ["1 Gi", "-1", -1, "1Gb", True, None, ["1"], {"x": "1"}],
    "share": [0.5, True, None, ["1"], {"x": "1"}],
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


def optional(path: places.Path) -> bool:
    """Whether nothing (`tolerations:`, or null) may stand there, as in other charts: lists, maps, some texts."""
    node: Any = schema()
    for step in path:
        node = places.resolved(node).get("properties", {}).get(step, {})
    return isinstance(node.get("default"), list | dict) or ".".join(map(str, path)) in MAY_BE_EMPTY | {"global"}


# --- one source ---------------------------------------------------------------------------------------------


def test_values_readme_and_schema_agree() -> None:
    stale = [path.name for path, wanted in chart_docs.outputs().items() if path.read_text("utf-8") != wanted]
    assert not stale, "run `python tools/chart_docs.py`"


def test_values_are_the_defaults_of_the_schema() -> None:
    assert yaml.safe_load((CHART / "values.yaml").read_text("utf-8")) == chart_docs.defaults(schema())


NAMED = pytest.mark.parametrize(
    ("path", "group", "ours"), GROUPS, ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else ""
)


@NAMED
def test_every_group_is_closed_and_explained(path: places.Path, group: dict[str, Any], ours: bool) -> None:
    assert (group.get("additionalProperties") is False) is not (path[:1] and path[0] in OPEN_ITEMS)
    if not ours or 0 in path:
        return  # Kubernetes' own, or an entry of a list: its keys may be left out, and the list's text explains it
    assert set(group.get("required", ())) == {key for key in group["properties"] if not optional((*path, key))}
    for key, node in group["properties"].items():
        assert node["description"].endswith("."), key
        assert "default" in node or "properties" in node or key == "global", key


def test_the_ci_files_set_every_text_of_the_chart() -> None:
    assert [str(place) for place in ANY_TEXT if place.ours and not place.given] == []


def test_the_ci_files_set_something_of_whatever_is_passed_on() -> None:
    given = {place.path[0] for place in LEAVES if place.given}
    assert set(schema()["properties"]) - given == {"enabled", "global", "budget", "drain", "podDisruptionBudget"}


# --- no values ----------------------------------------------------------------------------------------------

EMPTY = [
    (name, (*path, key))
    for path, group, ours in GROUPS
    for key in group["properties"]
    if ours and 0 not in path and key != "global" and optional((*path, key))
    for name in ("shared-cache", "volume")
]


@pytest.mark.parametrize(("name", "path"), EMPTY, ids=lambda part: part if isinstance(part, str) else ".".join(part))
def test_a_key_without_a_value_is_taken(name: str, path: places.Path) -> None:
    """As `nodeSelector:` in a file of values, which is null to Helm: it takes the default away."""
    written = with_value(name, path, None)
    assert "specifications of the schema" not in written  # only a Gateway that is needed may be asked for
    assert not re.search(r"<nil>|no value|: null", written)
    default = places.get(chart_docs.defaults(schema()), path)
    if default in ([], "", 0):
        assert written == with_value(name, path, default)


def with_value(name: str, path: places.Path, value: Any) -> str:
    """The objects, or why there are none."""
    values = case(name)
    places.put(values, path, value)
    return refusal(values) or text(values)


# --- wrong values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_the_ci_files_render(name: str) -> None:
    assert text(case(name))


@NAMED
def test_a_misspelled_key_is_refused(path: places.Path, group: dict[str, Any], ours: bool) -> None:
    if path[:1] and path[0] in OPEN_ITEMS:
        return
    values = next(case(place.case) for place in LEAVES if place.path[: len(path)] == path)
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
            assert refused(values) or not place.ours or _map_entry(place) or optional(place.path), (place, value)
            continue
        assert refused(values), (place, value)


def wrong(place: Place) -> list[Any]:
    kind = "enum" if "enum" in place.node else place.node["type"]
    if isinstance(kind, list):
        kind = "quantity" if "pattern" in place.node else "share"
    return [value for value in WRONG[kind] if place.ours or value not in (-1, 10**12)]


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
    return place.path[-1] in places.get(case(place.case), place.path[:-1]) and "description" not in place.node


@pytest.mark.parametrize("value", [1, 0.5, True, None, ["--a"], {"a": 1}])
def test_a_flag_is_a_text(value: Any) -> None:
    assert refused(case("default", args=["--enforce-eager", value]))


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "A", "value": 1}, {"name": "A", "value": None}, {"name": "1A", "value": "x"}, {"name": ""},
        {"name": "A=B", "value": "x"}, {"value": "x"}, {"name": "A", "values": "x"}, "A=x",
        {"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}},
        {"name": "A", "valueFrom": {}}, {"name": "A", "valueFrom": {"secret": {"name": "a"}}},
        {"name": "A", "valueFrom": {"secretKeyRef": {}, "configMapKeyRef": {}}},
    ],
)  # fmt: skip
def test_what_is_no_variable_is_refused(entry: Any) -> None:
    assert refused(case("default", extraEnv=[entry]))


@pytest.mark.parametrize("key", [
    "containers", "initContainers", "volumes", "nodeSelector", "tolerations", "affinity", "topologySpreadConstraints",
    "priorityClassName", "runtimeClassName", "securityContext", "imagePullSecrets", "serviceAccountName",
    "terminationGracePeriodSeconds", "automountServiceAccountToken", "enableServiceLinks",
])  # fmt: skip
def test_what_has_a_key_of_its_own_is_no_extra(key: str) -> None:
    assert f"at '/extraPodSpec/{key}'" in refusal(case("default", extraPodSpec={key: "x"})) or refused(
        case("default", extraPodSpec={key: {}})
    )
    assert key in rendering.pod(case("volume", apiKey={"secret": "a"}, imagePullSecrets=[{"name": "a"}], **EVERYWHERE))


EVERYWHERE = {"priorityClassName": "a", "runtimeClassName": "b"}


@pytest.mark.parametrize("label", ["app.kubernetes.io/name", "app.kubernetes.io/instance", "helm.sh/chart"])
@pytest.mark.parametrize("key", ["commonLabels", "podLabels"])
def test_no_label_of_a_selector_can_be_changed(key: str, label: str) -> None:
    assert refused(case("default", **{key: {label: "x"}}))


@pytest.mark.parametrize(
    "cidr",
    [
        "169.254.169.254/32", "169.254.0.0/16", "169.254.128.0/17", "169.0.0.0/8", "169.240.0.0/12", "0.0.0.0/0",
        "160.0.0.0/4", "168.0.0.0/7", "::/0", "fd00::/8", "fd00:c1::a9fe:a9fe/128", "FD00:EC2::254/128", "fe80::1/128",
        "::ffff:169.254.169.254/128",
    ],
)  # fmt: skip
def test_the_way_to_the_metadata_service_is_refused(cidr: str) -> None:
    assert refused(case("default", networkPolicy={"egress": [{"cidr": cidr}]}))


@pytest.mark.parametrize("key", ["dnsCidrs", "clientCidrs"])
@pytest.mark.parametrize("cidr", ["169.254.169.254/32", "10.0.0.0", "10.0.0.0/33", "fd00::/129", "x", ""])
def test_what_are_no_addresses_is_refused(key: str, cidr: str) -> None:
    assert refused(case("default", networkPolicy={key: [cidr]}))


@pytest.mark.parametrize("rule", [
    {"cidr": "10.0.0.1/32", "port": 0}, {"cidr": "10.0.0.1/32", "port": "443"}, {"port": 443}, "10.0.0.1/32",
    {"cidr": "10.0.0.0"},
])  # fmt: skip
def test_a_way_out_is_addresses_and_a_port(rule: Any) -> None:
    assert refused(case("default", networkPolicy={"egress": [rule]}))


@pytest.mark.parametrize("cidr", [
    "10.0.0.0/8", "172.16.0.0/12", "192.168.1.0/24", "134.70.8.0/21", "100.64.0.0/10", "169.1.0.0/16", "fd00:9::/64",
    "2603:c020::/48",
])  # fmt: skip
def test_other_networks_are_allowed(cidr: str) -> None:
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
    return [_opened(obj) for obj in yaml.load_all(manifest, rendering.Loader) if obj is not None]


def _opened(value: Any) -> Any:
    """The same with the JSON that its texts hold as data."""
    if isinstance(value, dict):
        return {key: _opened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_opened(item) for item in value]
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


ELSEWHERE = {("fullnameOverride",)}
"""Where a text must fit what stands elsewhere, or the templates say more than the schema."""


@pytest.mark.parametrize("name", sorted({place.case for place in TEXTS}))
def test_no_text_changes_the_structure(name: str) -> None:
    """The patterns of the schema say where a text may stand: that Helm refuses the others is seen with some."""
    mine = [place for place in TEXTS if place.case == name and (_fits(place, "zq0x") or not _fits(place, "1e3"))]
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


FREE: list[places.Path] = [
    ("args", 0),
    ("args", 1),
    ("extraEnv", 0, "value"),
    ("podAnnotations", "name"),
    ("service", "annotations", "name"),
]
FREELY: dict[str, Any] = {"args": ["x", "x"], "extraEnv": [{"name": "A", "value": "x"}]}


def test_arguments_and_variables_arrive_unchanged() -> None:
    accepted = dict.fromkeys(FREE, 0)
    for payload in HOSTILE:
        for paths, right in told(partial(filled, case("default", **FREELY)), FREE, payload):
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


UNCHECKED: list[places.Path] = [
    *FREE,
    ("extraEnv", 0, "name"),
    ("commonLabels", "name"),
    ("podLabels", "name"),
    ("nodeSelector", "name"),
    ("priorityClassName",),
    ("model", "id"),
    ("model", "servedName"),
    ("serviceAccount", "name"),
    ("extraPodSpec", "schedulerName"),
    ("initContainers", 0, "name"),
]


FOLDED = "x\x85key: value"
"""Helm's toYaml makes a blank of what is a line's end to YAML 1.1; the schema lets it pass nowhere."""


def test_the_templates_need_no_schema_to_keep_the_structure(unchecked: Any) -> None:
    start = case("default", **FREELY, initContainers=[{}])
    for payload in [each for each in HOSTILE if each != FOLDED]:
        found = told(partial(filled, start), UNCHECKED, payload, unchecked)
        assert {path for paths, right in found if right for path in paths} == set(UNCHECKED), payload[:80]


def test_what_helm_would_fold_is_refused() -> None:
    assert FOLDED in HOSTILE
    assert [place.path for place in TEXTS if _fits(place, FOLDED)] == []


OPEN: list[places.Path] = [
    ("commonLabels",),
    ("podLabels",),
    ("podAnnotations",),
    ("nodeSelector",),
    ("podMonitor", "labels"),
    ("httpRoute", "annotations"),
]


def test_no_key_changes_the_structure() -> None:
    def fill(paths: Sequence[places.Path], keys: Sequence[str]) -> Any:
        named = [(*path, key) for path, key in zip(paths, keys, strict=True)]
        return filled(case("shared-cache"), named, ["x"] * len(named))

    for payload in HOSTILE:
        complaint = refusal(fill(OPEN, [payload] * len(OPEN)))
        if complaint.count("\n- at '': invalid propertyName") < len(OPEN):
            assert [paths for paths, right in told(fill, OPEN, payload) if not right] == [], payload[:80]


def test_big_numbers_keep_their_digits() -> None:
    """As of a user on OpenShift; whatever reads numbers as floats writes 1.00065e+09."""
    pod = {"runAsUser": 1000650000, "fsGroup": 1000650000}
    spec = rendering.pod(case("default", podSecurityContext=pod, resources={"limits": {"example.com/units": 10**9}}))
    assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["fsGroup"] == 1000650000
    assert "1000650000" in text(case("default", podSecurityContext=pod))
    assert spec["containers"][0]["resources"]["limits"]["example.com/units"] == 10**9
