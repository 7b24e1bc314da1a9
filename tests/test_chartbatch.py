"""Many values in one rendering of Helm: the objects and the complaints are those of one after the other."""

from typing import Any

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.chartvalues import Values
from gpuyard.doors.helm import Embedded
from gpuyard.errors import ToolError
from tests.chart.payloads import HOSTILE
from tests.chart.rendering import CASES, case

pytest.importorskip("helm_python", reason="the embedded Helm is not installed")

TEXTS = (*HOSTILE, "<no value>", '"]\n["x"]', "</script>&")


@pytest.fixture(scope="module")
def alone() -> Embedded:
    return Embedded(shipped_charts())


@pytest.fixture
def helm(monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """One that can't render one by one."""

    def no(*_: object, **__: object) -> None:
        raise AssertionError("not at once")

    made = Embedded(shipped_charts())
    monkeypatch.setattr(made, "render", no)
    return made


def both(helm: Embedded, alone: Embedded, several: list[dict[str, Any]]) -> tuple[Any, Any]:
    found = helm.render_all("vllm", several, release="inference", namespace="models")
    return found, [alone.render("vllm", each, release="inference", namespace="models") for each in several]


def test_every_case_of_the_chart(helm: Embedded, alone: Embedded) -> None:
    found, wanted = both(helm, alone, [case(name) for name in CASES])
    assert found == wanted
    assert len(found) == len(CASES) > 1


def test_no_text_breaks_out(helm: Embedded, alone: Embedded) -> None:
    rules, several = Values(shipped_charts()["vllm"]), []
    for text in TEXTS:
        values = case("default", extraEnv=[{"name": "TEXT", "value": text}], args=[text])
        several += [] if list(rules.problems(values)) else [values]
    found, wanted = both(helm, alone, several)
    assert found == wanted
    assert len(several) > 40


def test_one_changes_nothing_of_the_next(helm: Embedded, alone: Embedded) -> None:
    """Templates that set something set it in values of their own."""
    several = [case("default", podLabels={"a": "b"}), case("default"), case("default", commonLabels={"c": "d"})]
    found, wanted = both(helm, alone, [*several, *reversed(several)])
    assert found == wanted
    assert found[:3] == found[:2:-1]


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"nonsense": 1}, r"^the chart refuses these values:\n\$: .*'nonsense' was unexpected"),
        ({"model": {"source": "bucket"}}, r"model.bucket: source bucket needs uri"),
    ],
)
def test_what_is_refused_is_refused_in_the_same_words(bad: dict[str, Any], complaint: str, alone: Embedded) -> None:
    with pytest.raises(ToolError, match=complaint) as one:
        alone.render("vllm", case("default", **bad), release="inference", namespace="models")
    with pytest.raises(ToolError) as among:
        several = [case("default"), case("default", **bad), case("default")]
        alone.render_all("vllm", several, release="inference", namespace="models")
    assert str(among.value) == str(one.value)


def test_null_is_left_to_helm(alone: Embedded) -> None:
    several = [case("default", resources={"requests": {"cpu": None}}), case("default")]
    found = alone.render_all("vllm", several, release="inference", namespace="models")
    assert found == [alone.render("vllm", each, release="inference", namespace="models") for each in several]
