"""Values against a chart's schema: what we refuse before Helm sees it is what Helm refuses."""

import json
from typing import Any

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.chartvalues import Values
from gpuyard.doors.helm import Embedded, archive
from gpuyard.errors import ToolError
from tests.chart.payloads import HOSTILE
from tests.chart.rendering import CASES, case

helm_python = pytest.importorskip("helm_python", reason="the embedded Helm isn't installed")

CHANGES: list[dict[str, Any]] = [
    *({"args": {key: value}} for key in ("max-model-len", "bogus", "model", "chat-template") for value in (1, "x", [])),
    *({"env": {key: value}} for key in ("A", "HOME", "a-b") for value in ("x", 1, None)),
    *({"model": {"servedName": text}} for text in HOSTILE),
    *({"args": {"chat-template": text}} for text in HOSTILE),
    *({"commonLabels": {"team": text}} for text in HOSTILE),
    {"gpu": {"count": 0}},
    {"gpu": {"count": 1.0}},
    {"gpu": {"count": True}},
    {"gpu": None},
    {"nonsense": 1},
    {"model": {"servedName": "x\n"}},
    {"args": {"disable-access-log-for-endpoints": None}},
]


@pytest.fixture(scope="module")
def helms() -> Any:
    return helm_python.Chart.load_archive(archive(shipped_charts()["vllm"]))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: ascii(json.dumps(change))[:60])
def test_as_helm_itself(change: dict[str, Any], helms: Any) -> None:
    values = case("default", **change)
    ours = bool(list(Values(shipped_charts()["vllm"]).problems(values)))
    try:
        helms.render(values, name="x", namespace="x")
        theirs = False
    except helm_python.HelmError as error:
        theirs = "schema" in str(error)
    strict = change in ({"gpu": {"count": 1.0}},)  # Helm takes 1.0 for an integer
    assert ours == (theirs or strict)


@pytest.mark.parametrize("name", CASES)
def test_the_test_values_are_taken(name: str) -> None:
    assert list(Values(shipped_charts()["vllm"]).problems(case(name))) == []


def test_the_message_names_the_place() -> None:
    with pytest.raises(ToolError, match=r"\$\.args: Additional properties are not allowed \('bogus' was unexpected\)"):
        Embedded(shipped_charts()).render("vllm", {"args": {"bogus": 1}}, release="x", namespace="x")
