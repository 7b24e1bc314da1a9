"""Many values in one rendering of Helm: the objects and the complaints are those of one after the other."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.chartbatch import Batch
from gpuyard.doors.chartvalues import Values
from gpuyard.doors.helm import Embedded
from gpuyard.errors import ToolError
from tests.chart.payloads import HOSTILE
from tests.chart.rendering import CASES, case

pytest.importorskip("helm_python", reason="the embedded Helm is not installed")

TEXTS = (*HOSTILE, "<no value>", '"]\n["x"]', "</script>&", "\x85", "\u2028")

MORE: dict[str, Any] = {
    "affinity": {"podAntiAffinity": {}},
    "apiKey": {"secret": "key"},
    "commonLabels": {"team": "a"},
    "envFrom": [{"secretRef": {"name": "x"}}],
    "extraContainers": [{"name": "x", "image": "x"}],
    "extraEnv": [{"name": "HOME", "value": "/"}, {"name": "X", "value": "1"}],
    "extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"x": "1\n"}}],
    "extraPodSpec": {"hostPID": False},
    "extraVolumes": [{"name": "x", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "x", "mountPath": "/x"}],
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "x"}], "hostnames": ["x.example.com"]},
    "ingress": {"enabled": True, "host": "x.example.com", "plainHttp": True},
    "initContainers": [{"name": "first", "image": "x"}],
    "lifecycle": {"preStop": {"exec": {"command": ["true"]}}},
    "networkPolicy": {"clientNamespaces": ["x"], "egress": [{"cidr": "192.0.2.0/24"}]},
    "nodeSelector": {"a": "b"},
    "podAnnotations": {"a": "b"},
    "podLabels": {"a": "b"},
    "priorityClassName": "high",
    "readinessProbe": {"exec": {"command": ["true"]}},
    "runtimeClassName": "nvidia",
    "service": {"labels": {"a": "b"}, "ipFamilyPolicy": "SingleStack"},
    "strategy": {"type": "Recreate"},
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "x", "whenUnsatisfiable": "DoNotSchedule"}],
}
"""Values of many keys, for the chart as it is by default."""


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


def test_what_reads_a_key_is_rendered_anew_where_that_differs(helm: Embedded, alone: Embedded) -> None:
    """Each case, and each of its keys as in every other case, one after the other: what is alike is taken over."""
    rules, several, complete = Values(shipped_charts()["vllm"]), [], case("default", **MORE)
    for values in (complete, *map(case, CASES)):
        several.append(values)
        for other in (complete, *map(case, CASES)):
            for key in other.keys() - {"fullnameOverride"}:
                changed = {**values, key: other[key]}
                if changed not in several and not any(rules.problems(changed)):
                    several.append(changed)
    accepted, wanted = [], []
    for values in several:
        with suppress(ToolError):  # what doesn't go together
            wanted.append(alone.render("vllm", values, release="inference", namespace="models"))
            accepted.append(values)
    assert helm.render_all("vllm", accepted, release="inference", namespace="models") == wanted
    assert len(accepted) > 40


def test_equal_texts_are_asked_for_once() -> None:
    """Shapes of a blueprint differ in little, and blueprints are much alike, too."""
    values, asked = Values(shipped_charts()["vllm"]), []
    several = [case("default"), case("default", args=["--x"]), case("default"), case("default", nameOverride="y")]
    batch = Batch("vllm", shipped_charts()["vllm"])

    def render(requests: Mapping[str, Any]) -> dict[str, str]:
        asked.extend(requests["each"])
        return {"": '"x"\n' * sum(len(each["pieces"]) for each in requests["each"])}

    batch.texts([values.filled(each) or {} for each in several], render)
    every, args, name = (each["pieces"] for each in asked)
    assert len(args) == 2
    assert "args" in asked[1]["values"]
    assert "tests" not in asked[1]["values"]  # which nothing reads that reads args
    assert len(args) < len(name) < len(every)


def test_a_template_knows_its_own_name() -> None:
    files = {"Chart.yaml": "apiVersion: v2\nname: own\nversion: 1.0.0\n", "values.yaml": "a: 1\n"}
    for name in ("one", "two"):
        files[f"templates/{name}.yaml"] = "kind: {{ .Template.BasePath }}\nmetadata: {name: {{ .Template.Name }}}"
    helm = Embedded({"own": {PurePosixPath(path): text for path, text in files.items()}})
    found = helm.render_all("own", [{}, {"a": 2}], release="x", namespace="y")
    names = ["own/templates/one.yaml", "own/templates/two.yaml"]
    assert [[obj["metadata"]["name"] for obj in each] for each in found] == [names, names]
    assert found[0] == helm.render("own", {}, release="x", namespace="y")


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
