"""The alerts of a stack: what they say, what explains them, what a stack may change. When they fire: test_promql.py."""

import re
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from gpuyard.catalogue import alerts, platform
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.errors import InputError
from gpuyard.project.load import parse
from gpuyard.render import prometheusrule
from gpuyard.render.layers import files
from gpuyard.resolve import resolve
from tests.conftest import ROOT, demo_sources
from tests.projects import problems, resolved
from tests.test_words import CONTRACTED, TRANSLATED

Spec = dict[str, Any]

ALERTS = {alert.name: alert for alert in alerts.catalogue().alerts}
PAGE = (ROOT / "docs/alerts.md").read_text(encoding="utf-8")
SECTIONS = {
    title: text for title, _, text in (part.partition("\n") for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:])
}
LONGEST = 400


def rule(**given: Any) -> Spec:
    """The PrometheusRule of a stack."""
    (found,) = prometheusrule.objects(resolved({}, {"alerts": given}))
    return found


def raised(**given: Any) -> dict[str, Spec]:
    """Its alerts by name."""
    (group,) = rule(**given)["spec"]["groups"]
    return {each["alert"]: each for each in group["rules"] if "alert" in each}


# --- what they say -------------------------------------------------------------------------------------------


CRITICAL = {"VllmDown", "VllmDownloadLate", "VllmEngineStalled", "VllmErrors", "VllmTtftBudgetBurnsFast"}
WAITS = {
    "VllmDown": 5, "VllmDownloadLate": 1, "VllmStartsSlowly": 1, "VllmEngineDies": 0, "VllmEngineStalled": 5,
    "VllmErrors": 5, "VllmRejectsRequests": 5, "VllmTtftBudgetBurnsFast": 2, "VllmTtftBudgetBurnsSlowly": 2,
    "VllmQueueTimeHigh": 10, "VllmPreemptions": 15, "VllmKvCacheFull": 10, "VllmMetricsMissing": 3,
    "VllmScalerInFallback": 2, "VllmScalerFailing": 10, "VllmScalingInactive": 10, "VllmAtMaxReplicas": 30,
}  # fmt: skip
"""Minutes that each has to be true: too short is an alarm at every burst, too long an outage that nobody hears of."""


def test_only_what_users_notice_wakes_somebody() -> None:
    assert {name for name, each in raised().items() if each["labels"]["severity"] == "critical"} == CRITICAL


def test_every_alert_waits_as_long_as_it_should() -> None:
    assert {name: each["for"] for name, each in raised().items()} == {name: f"{time}m" for name, time in WAITS.items()}
    for name, words in (("VllmDown", "for 5 minutes"), ("VllmAtMaxReplicas", "for 30 minutes")):
        assert words in ALERTS[name].description


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_happened_in_plain_words(name: str) -> None:
    annotations = raised()[name]["annotations"]
    for text in (annotations["summary"], annotations["description"]):
        assert text.endswith(".")
        assert not CONTRACTED.search(text) and not TRANSLATED.search(text)
    assert re.search(r"\$labels\.(deployment|model_name|pod)", annotations["description"])
    assert "$" not in annotations["summary"]


@pytest.mark.parametrize("namespace", ["inference", "n" * 63])
def test_expressions_are_short_and_whole(namespace: str) -> None:
    thresholds = {name: known.default + 1 / 3 for name, known in alerts.catalogue().thresholds.items()}
    thresholds = {
        name: value for name, value in thresholds.items() if value < alerts.catalogue().thresholds[name].maximum
    }
    (found,) = prometheusrule.objects(resolved({}, {"namespace": namespace, "alerts": {"thresholds": thresholds}}))
    (group,) = found["spec"]["groups"]
    too_long = {each["expr"]: len(each["expr"]) for each in group["rules"] if len(each["expr"]) > LONGEST}
    assert too_long == {}
    assert not [each["expr"] for each in group["rules"] if re.search(r"\$[a-z]", each["expr"])]


def test_nothing_is_about_one_model() -> None:
    other = resolved({"model": {"name": "qwen3-8b"}, "slo": {"ttft": "1s"}}, {"alerts": {}})
    assert prometheusrule.objects(other) == [rule()]


@pytest.mark.parametrize("name", ["bge-m3", "bge-reranker-v2-m3", "qwen3-embedding-0.6b", "qwen3-reranker-0.6b"])
def test_a_model_without_tokens_has_no_alert_about_them(name: str) -> None:
    found = resolved({"model": {"name": name}, "slo": {"ttft": "1s"}})
    assert found.workloads
    assert all("slo" not in each.values["prometheusRule"] for each in found.workloads)
    assert sum("spec.slo.ttft is not measured" in note for note in found.notes) == len(found.workloads)
    generates = resolved({"slo": {"ttft": "1s"}})
    assert all(each.values["prometheusRule"]["slo"] == {"ttftSeconds": 1.0} for each in generates.workloads)
    assert not [note for note in generates.notes if "slo.ttft" in note]


# --- where that is explained ---------------------------------------------------------------------------------


def test_every_alert_has_a_section_and_no_section_is_left_over() -> None:
    assert list(SECTIONS) == ["Settings", *ALERTS]


@pytest.mark.parametrize("name", ALERTS)
def test_a_section_says_what_to_do(name: str) -> None:
    assert "What to do:" in SECTIONS[name]
    assert raised()[name]["annotations"]["runbook_url"] == (
        f"https://github.com/gpuyard/gpuyard/blob/main/docs/alerts.md#{name.lower()}"
    )


def test_what_the_page_links_to_is_there() -> None:
    anchors = re.findall(r"\]\(#([^)]*)\)", PAGE)
    assert anchors
    assert set(anchors) <= {name.lower() for name in SECTIONS}


def test_what_the_page_names_is_there() -> None:
    assert set(re.findall(r"\bVllm[A-Z]\w+", PAGE)) == ALERTS.keys()
    keys = yamlio.load_data(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0])
    assert raised(**keys["spec"]["alerts"])
    (named,) = re.findall(r"thresholds: .*# (.*)", PAGE)
    assert named.split(", ") == list(alerts.catalogue().thresholds)


def test_the_page_s_commands_name_every_object_in_full() -> None:
    """A short form is one more thing to look up at night."""
    commands = re.findall(r"^    kubectl (.*)$", PAGE, re.MULTILINE)
    assert len(commands) > 15
    for command in commands:
        assert not re.search(r" -[a-z] | (deploy|po|rs|so|hpa|svc) ", f"{command} "), command
        assert command.startswith("--namespace ") or "apiservice" in command


# --- what a stack may change ---------------------------------------------------------------------------------


def test_labels_are_on_every_alert() -> None:
    for each in raised(labels={"team": "search", "pager": "ml-platform"}).values():
        assert each["labels"].items() >= {"team": "search", "pager": "ml-platform"}.items()
        assert each["labels"]["severity"] in {"critical", "warning"}


def test_an_alert_that_is_off_is_gone() -> None:
    off = {"VllmKvCacheFull", "VllmErrors"}
    assert raised().keys() - raised(disabled=sorted(off)).keys() == off


@pytest.mark.parametrize(
    ("name", "value", "alert", "part"),
    [
        ("kvCacheUsage", 0.8, "VllmKvCacheFull", "> 0.8"),
        ("queueSeconds", 12, "VllmQueueTimeHigh", "> 12"),
        ("preemptedShare", 0.2, "VllmPreemptions", "> 0.2"),
        ("errorShare", 0.5, "VllmErrors", "> 0.5"),
    ],
)
def test_a_threshold_is_in_its_alert(name: str, value: float, alert: str, part: str) -> None:
    before, after = raised(), raised(thresholds={name: value})
    assert part in after[alert]["expr"]
    assert part not in before[alert]["expr"]
    assert [each for each in before if before[each] != after[each]] == [alert]
    assert alerts.catalogue().thresholds[name].description.startswith(f"{alert}: ")


def test_runbooks_of_one_s_own() -> None:
    for url in ("https://wiki.example.com/vllm", "https://wiki.example.com/vllm/"):
        found = raised(runbookUrl=url)
        assert found["VllmDown"]["annotations"]["runbook_url"] == "https://wiki.example.com/vllm/VllmDown"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"disabled": ["VllmDwn"]}, "(did you mean VllmDown?)"),
        ({"disabled": ["VllmDown", "VllmDown"]}, "spec.alerts.disabled"),
        (
            {"thresholds": {"queueSecond": 1}},
            "spec.alerts.thresholds.queueSecond is not known; did you mean queueSeconds?",
        ),
        ({"thresholds": {"errorShare": 5}}, "spec.alerts.thresholds.errorShare is 5; must be at most 1"),
        ({"thresholds": {"errorShare": "5%"}}, 'spec.alerts.thresholds.errorShare is the text "5%"; must be a number'),
        ({"label": {}}, "spec.alerts.label is not known; did you mean labels?"),
        ({"labels": {"severity": "page"}}, "spec.alerts.labels.severity is not an allowed name; must be a label"),
        ({"labels": {"team-name": "x"}}, "spec.alerts.labels.team-name is not an allowed name; must be a label"),
        ({"labels": {"team": "{{ $value }}"}}, "spec.alerts.labels.team is"),
        ({"runbookUrl": "wiki/{{ $labels.pod }}"}, "must be https://host/path"),
    ],
)
def test_what_a_stack_gets_wrong(given: Spec, message: str) -> None:
    (problem,) = problems({}, {"alerts": given})
    assert message in problem


def test_it_is_where_prometheus_looks() -> None:
    """By the labels that a Prometheus of the cluster's own selects by; in the namespace of the models."""
    own = {"enabled": False, "address": "http://prom.observability.svc:9090", "labels": {"release": "kps"}}
    tree = files(resolved({}, {"namespace": "models", "platform": {"prometheus": own}}), shipped_charts())
    (found,) = yamlio.parse_manifests(tree[PurePosixPath("platform/configs/alerts.yaml")])
    assert found["metadata"] == {"name": "demo-alerts", "namespace": "models", "labels": {"release": "kps"}}
    assert "labels" not in rule()["metadata"]


# --- the data file -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("> $queueSeconds", "> $queueSecond", "has $queueSecond, which is not a threshold; did you mean queueSeconds?"),
        ("alert: VllmErrors", "alert: VllmDown", "is VllmDown, as another alert is; give each a name of its own"),
    ],
)
def test_a_wrong_data_file_is_named(
    old: str, new: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "generator/gpuyard/catalogue/alerts.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue/alerts.yaml").write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setattr(alerts.resources, "files", lambda _: tmp_path)
    with pytest.raises(InputError, match=re.escape(message)):
        alerts.catalogue.__wrapped__()


def test_a_start_that_takes_longer_is_told_and_what_to_do_about_it() -> None:
    """The hour is for every pod of the cluster, so that a blueprint does not change it."""
    slow = {"budget": {"scheduleSeconds": 900, "startSeconds": 6000}}
    words = "a start may take 7230 s, which the installed alerts {} call an outage"
    names = [
        "KubePodNotReady",
        "KubeDeploymentReplicasMismatch",
        "KubeHpaReplicasMismatch",
        "KubePdbNotEnoughHealthyPods",
    ]

    def told(spec: Spec, stack: Spec) -> list[str]:
        return [note for note in resolved(spec, stack).notes if "a start may take" in note]

    assert [words.format(", ".join(names)) in note for note in told(slow, {})] == [True, True]
    surge = {"strategy": {"rollingUpdate": {"maxSurge": 1}}}
    assert told({"budget": {"scheduleSeconds": 600, "startSeconds": 3000}, "values": surge}, {}) == []
    rules = {name: {"for": "2h30s"} for name in names}
    assert told(slow, {"platform": {"prometheus": {"values": {"customRules": rules}}}}) == []
    one = {"platform": {"prometheus": {"values": {"customRules": {**rules, names[1]: {"for": "90m"}}}}}}
    assert [words.format(names[1]) in note for note in told(slow, one)] == [True, True]
    many = {
        "customRules": {name: {"for": text} for name, text in zip(names, ("1w", "1y", "900000ms", "1h"), strict=True)},
        "defaultRules": {"disabled": {names[3]: True}},
    }
    found = told(slow, {"platform": {"prometheus": {"values": many}}})
    assert [words.format(names[2]) in note for note in found] == [True, True]
    own = {"enabled": False, "address": "http://prometheus.observability.svc:9090"}
    assert told(slow, {"platform": {"prometheus": own}}) == []


@pytest.mark.parametrize("rules", ["1h", {"KubePodNotReady": "2h"}])
def test_other_times_in_a_wrong_form_are_refused(rules: object) -> None:
    with pytest.raises(InputError, match=r"customRules(\.KubePodNotReady)?: must be a mapping"):
        resolved({}, {"platform": {"prometheus": {"values": {"customRules": rules}}}})


def test_a_start_in_its_time_raises_no_alert_of_the_platform_s_own() -> None:
    """Kubernetes' alerts wait a quarter of an hour; the largest shipped model may take longer to start."""
    (stack,) = (each for each in platform.catalogue() if each.chart == "kube-prometheus-stack")
    waits = {name: int(rule["for"].removesuffix("h")) * 3600 for name, rule in stack.values["customRules"].items()}
    # Its alerts that are true of pods that exist and are not ready, kubernetes-apps.yaml of 88.5.3. Of two servers, a
    # PodDisruptionBudget that lets one go wants one that is healthy.
    assert set(waits) == {
        "KubePodNotReady",
        "KubeDeploymentReplicasMismatch",
        "KubeHpaReplicasMismatch",
        "KubePdbNotEnoughHealthyPods",
    }
    workloads = resolve(parse(demo_sources())).workloads
    starts = [sum(each.values["drain"].values()) + sum(each.values["budget"].values()) for each in workloads]
    assert min(waits.values()) > max(starts) > 15 * 60
