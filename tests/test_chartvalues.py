"""Values against a chart's schema: what we refuse before Helm sees it is what Helm refuses."""

import json
from typing import Any

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.chartvalues import Values
from gpuyard.doors.helm import Embedded, archive
from gpuyard.errors import ToolError
from tests.chart.payloads import HOSTILE
from tests.chart.places import blamed
from tests.chart.rendering import CASES, case

helm_python = pytest.importorskip("helm_python", reason="the embedded Helm is not installed")

CHANGES: list[dict[str, Any]] = [
    *({"args": [value]} for value in (1, "x", "--a=b", [], None)),
    *({"extraEnv": [{"name": name, "value": value}]} for name in ("A", "HOME", "a b") for value in ("x", 1, None)),
    {"extraEnv": [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "a"}}}]},
    {"extraPodSpec": {"schedulerName": "x"}},
    {"extraPodSpec": {"containers": []}},
    {"resources": {"limits": {"example.com/x": 1}}},
    {"resources": {"limits": {"example.com/x": "a lot"}}},
    {"tolerations": [{"key": "a", "operators": "Exists"}]},
    {"nodeSelector": None},
    {"gpu": {"count": 0}},
    {"gpu": {"count": 1.0}},
    {"gpu": {"count": True}},
    {"gpu": None},
    {"nonsense": 1},
    {"model": {"servedName": "x\n"}},
    {"resources": {"limits": {"memory": None}}},
]


@pytest.fixture(scope="module")
def ours() -> Values:
    return Values(shipped_charts()["vllm"])


@pytest.fixture(scope="module")
def helms() -> Any:
    """The schema and the defaults: what the templates would make of the values takes longer and says nothing here."""
    bare = {path: text for path, text in shipped_charts()["vllm"].items() if path.parts[0] != "templates"}
    return helm_python.Chart.load_archive(archive(bare))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: ascii(json.dumps(change))[:60])
def test_as_helm_itself(change: dict[str, Any], ours: Values, helms: Any) -> None:
    values = case("default", **change)
    try:
        helms.render(values, name="x", namespace="x")
        theirs = False
    except helm_python.HelmError as error:
        theirs = "schema" in str(error)
    strict = change in ({"gpu": {"count": 1.0}},)  # Helm takes 1.0 for an integer
    assert bool(list(ours.problems(values))) == (theirs or strict)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:60])
def test_texts_as_helm_itself(text: str, ours: Values, helms: Any) -> None:
    """At three places at once, with a pattern each; both say which of them refuse it."""
    values = case("default", model={"servedName": text}, args=[text], commonLabels={"team": text})
    refused = " ".join(problem.partition(": ")[0] for problem in ours.problems(values))
    try:
        helms.render(values, name="x", namespace="x")
        complaint = ""
    except helm_python.HelmError as error:
        complaint = str(error)
    for path, place in (
        (("model", "servedName"), "servedName"),
        (("args", 0), "args"),
        (("commonLabels", "team"), "team"),
    ):
        assert (place in refused) == blamed(complaint, path)


@pytest.mark.parametrize("name", CASES)
def test_the_test_values_are_taken(name: str, ours: Values) -> None:
    assert list(ours.problems(case(name))) == []


def test_the_message_names_the_place() -> None:
    with pytest.raises(ToolError, match=r"\$\.gpu: Additional properties are not allowed \('bogus' was unexpected\)"):
        Embedded(shipped_charts()).render("vllm", {"gpu": {"bogus": 1}}, release="x", namespace="x")
