"""Every scaling query and every alert of a stack, before the real promtool: idle, busy, blind, and not ours."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from gpuyard.catalogue import vllm
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.helm import Embedded
from gpuyard.render import dashboard, monitors
from gpuyard.render import layers as platform
from gpuyard.render.kustomize import objects
from gpuyard.resolve import Resolved
from gpuyard.resolve.releases import releases
from gpuyard.tree import Tree
from tests.promql import alerts, board, expressions, metrics, quiet, series, signals
from tests.promql.promtool import Scene, Series, check, run
from tests.promql.series import condition, elsewhere, fact, keda, next_door, others

Spec = dict[str, Any]

QUERIES = expressions.queries()
GROUP = expressions.rules()
FACTS = expressions.facts()
GROUPS = [*FACTS, GROUP]
RULES = {rule["alert"]: rule for rule in GROUP["rules"] if "alert" in rule}


# --- the queries of the ScaledObject --------------------------------------------------------------------------


@pytest.mark.parametrize("signal", QUERIES)
def test_query(signal: str, promtool: Path, tmp_path: Path) -> None:
    """Exact samples: one element, or none."""
    assert run(promtool, tmp_path, signals.scenes(signal, QUERIES[signal])) == ""


def test_every_signal_has_a_value_in_every_scene() -> None:
    assert set(QUERIES) == {*signals.NAMES, "upstream"}
    for scene in signals.SCENES:
        assert set(scene.expected) == set(signals.NAMES), scene.name


@pytest.mark.parametrize("signal", signals.NAMES)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('namespace="inference",', ""),
        (',model_name="llama-3.1-8b"', ""),
        (r"$", " or vector(0)"),
        (r"sum( by \(le\) )?\(", "max("),
        (r"\bsum\((.*)\)$", r"\1"),
    ],
    ids=["any namespace", "any model", "blind is idle", "one pod only", "an element a pod"],
)
def test_the_scenes_notice_a_wrong_query(signal: str, old: str, new: str, promtool: Path, tmp_path: Path) -> None:
    wrong = re.sub(old, new, QUERIES[signal])
    assert wrong != QUERIES[signal]
    assert run(promtool, tmp_path, signals.scenes(signal, wrong)) != ""


# --- the alerts -----------------------------------------------------------------------------------------------


def test_every_alert_has_a_scene_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    assert {case.alert for case in alerts.CASES} == set(RULES)
    assert {about for about, _ in quiet.SCENES.values()} - {""} == set(RULES)


@pytest.mark.parametrize("case", alerts.CASES, ids=lambda case: case.name or case.alert)
def test_alert_fires_after_its_time(case: alerts.Case, promtool: Path, tmp_path: Path) -> None:
    """Once, also while there are two kube-state-metrics."""
    scenes = [alerts.fires(case, RULES[case.alert], doubled=doubled) for doubled in (False, True)]
    assert run(promtool, tmp_path, scenes, GROUPS) == ""


@pytest.mark.parametrize("name", quiet.SCENES)
def test_nothing_fires(name: str, promtool: Path, tmp_path: Path) -> None:
    _, found = quiet.SCENES[name]
    assert run(promtool, tmp_path, [quiet.silent(name, found)], GROUPS) == ""


def test_without_an_slo_nothing_is_promised(promtool: Path, tmp_path: Path) -> None:
    groups = [*expressions.facts(prometheusRule={"slo": {"ttftSeconds": 0}}), GROUP]
    (fast, *_) = (case for case in alerts.CASES if case.alert == "VllmTtftBudgetBurnsFast")
    assert run(promtool, tmp_path, [quiet.silent("slow", fast.series, alerts.END)], groups) == ""


def test_a_model_that_gets_another_name_is_the_same(promtool: Path, tmp_path: Path) -> None:
    """What was recorded by its former name must not stand in the way of the rules, whose every join it would break."""
    renamed = alerts.AT - 20
    found = dict(quiet.SCENES["one server gets a new version"][1])
    for name, value in series.FACTS.items():
        found[fact(name)] = f"{value}x{renamed - 1} stale"
        found[fact(name).replace("llama-3.1-8b", "llama")] = f"_x{renamed} {value}x{alerts.END}"
    found = {key: values for key, values in found.items() if not key.startswith("vllm:")}
    firing = 'count by (alertname) (ALERTS{alertstate="firing",alertname!="VllmMetricsMissing"})'
    answers = [(firing, f"{minute}m", dict[str, float]()) for minute in range(0, alerts.AT + 60, 5)]
    assert run(promtool, tmp_path, [Scene("renamed", found, answers, interval="1m")], [GROUP]) == ""


def test_a_fallback_is_an_alarm_as_long_as_it_lasts(promtool: Path, tmp_path: Path) -> None:
    """KEDA's errors end with its beginning, and its counters are remembered after its end."""
    series = alerts.well() | {
        condition("Fallback"): f"0x{alerts.AT - 1} 1x239 0x{alerts.END - alerts.AT - 240}",
        keda("scaled_object_errors_total"): f"0x{alerts.AT} 3x{alerts.END - alerts.AT}",
        keda("scaler_empty_upstream_responses_total"): f"0x{alerts.AT} 16+16x239 3840x{alerts.END - alerts.AT - 240}",
    }
    firing = 'count(ALERTS{alertname="VllmScalerInFallback",alertstate="firing"})'
    during = [(firing, f"{minute}m", {"{}": 1.0}) for minute in range(alerts.AT + 2, alerts.AT + 240, 10)]
    outside = [(firing, f"{minute}m", dict[str, float]()) for minute in (alerts.AT + 1, alerts.AT + 240)]
    scene = Scene("hours of fallback", series, during + outside, interval="1m")
    assert run(promtool, tmp_path, [scene], GROUPS) == ""


# --- whose models they are about ------------------------------------------------------------------------------


def _facts(rename: Callable[[Series], Series]) -> Series:
    """Those of a neighbour."""
    return rename({fact(name): f"{value}x{alerts.END}" for name, value in series.FACTS.items()})


def _neighbours(*, slow: bool) -> Series:
    """Strangers in our namespace and another stack in its own, in every state that is an alarm for them."""
    cases = {case.alert: case for case in reversed(alerts.CASES) if ("Ttft" in case.alert) is slow}
    found: Series = {}
    for number, case in enumerate(cases.values()):
        found.update(others(case.series, number))
        found.update(_facts(partial(elsewhere, number=number)))
    return found


@pytest.mark.parametrize(("slow", "minutes"), [(False, alerts.AT + 140), (True, alerts.END)])
def test_nothing_fires_for_others(slow: bool, minutes: int, promtool: Path, tmp_path: Path) -> None:
    found = alerts.well() | _neighbours(slow=slow)
    assert run(promtool, tmp_path, [quiet.silent("others", found, minutes)], GROUPS) == ""


@pytest.mark.parametrize(("slow", "minutes"), [(False, alerts.AT + 140), (True, alerts.END)])
def test_the_neighbours_notice_alerts_that_are_not_about_a_namespace(
    slow: bool, minutes: int, promtool: Path, tmp_path: Path
) -> None:
    anywhere = [{**rule, "expr": re.sub(r'namespace="inference",?', "", rule["expr"])} for rule in GROUP["rules"]]
    scene = quiet.silent("others", _neighbours(slow=slow), minutes)
    said = run(promtool, tmp_path, [scene], [{**GROUP, "rules": anywhere}])
    assert {name for name in RULES if f'alertname="{name}"' in said} == {
        name for name in RULES if ("Ttft" in name) is slow
    }


@pytest.mark.parametrize("name", RULES)
def test_what_has_facts_is_ours(name: str, promtool: Path, tmp_path: Path) -> None:
    """The same strangers are an alarm as soon as there are facts about them."""
    case = next(case for case in alerts.CASES if case.alert == name)
    until = case.since + 45
    ever = f'count(count_over_time(ALERTS{{alertname="{name}",alertstate="firing"}}[{until}m]))'
    found = next_door(case.series) | _facts(next_door)
    assert (
        run(promtool, tmp_path, [Scene(name, found, [(ever, f"{until}m", {"{}": 1.0})], interval="1m")], [GROUP]) == ""
    )


def test_two_stacks_share_a_prometheus(promtool: Path, tmp_path: Path) -> None:
    """Each is told about its own models, and what one records is not in the other's way."""
    (down, *_) = alerts.CASES
    state = f'count by (namespace) (ALERTS{{alertname="{down.alert}",alertstate="firing"}})'
    both = {'{namespace="inference"}': 1.0, '{namespace="elsewhere0"}': 1.0}
    found = {**down.series, **elsewhere(down.series), **_facts(elsewhere)}
    two = [*GROUPS, {**expressions.rules(namespace="elsewhere0"), "name": "theirs"}]
    assert (
        run(promtool, tmp_path, [Scene("two", found, [(state, f"{alerts.AT + 10}m", both)], interval="1m")], two) == ""
    )


@pytest.mark.parametrize("name", RULES)
def test_the_scenes_notice_a_wrong_time(name: str, promtool: Path, tmp_path: Path) -> None:
    case = next(case for case in alerts.CASES if case.alert == name)
    later = [{**rule, "for": "2h"} if rule.get("alert") == name else rule for rule in GROUP["rules"]]
    wrong = [*FACTS, {**GROUP, "rules": later}]
    assert run(promtool, tmp_path, [alerts.fires(case, RULES[name])], wrong) != ""


# --- everything that is asked ---------------------------------------------------------------------------------


def test_promtool_takes_the_rules_of_the_stack_and_of_every_blueprint(
    demo: Resolved, promtool: Path, tmp_path: Path
) -> None:
    helm = Embedded(shipped_charts())
    files = [
        obj["spec"]["groups"]
        for workload in demo.workloads
        for obj in objects(demo, workload, helm)
        if obj["kind"] == "PrometheusRule"
    ]
    assert len(files) >= len(demo.workloads) > 3
    assert check(promtool, tmp_path, [*files, [GROUP]]) == ""


def test_every_metric_and_label_exists(demo: Resolved, demo_tree: Tree) -> None:
    own = {signal: query for signal, query in QUERIES.items() if signal != "upstream"}
    recorded = [rule["expr"] for group in GROUPS for rule in group["rules"]]
    asked = [*own.values(), *recorded, *(e for _, e in expressions.panels(demo_tree))]
    for version in {demo.stack.vllm.version, *vllm.versions()}:
        assert [problem for each in asked for problem in expressions.problems(each, version)] == []


def test_the_facts_are_those_that_the_scenes_have() -> None:
    recorded = {rule["record"]: rule for group in FACTS for rule in group["rules"]}
    assert recorded.keys() == expressions.FACTS.keys()
    for name, value in series.FACTS.items():
        rule = recorded[f"gpuyard:{name.partition('{')[0]}"]
        assert rule["expr"] == f"vector({value})"
        written = {f'{key}="{label}"' for key, label in rule["labels"].items()}
        assert set(fact(name).partition("{")[2].rstrip("}").split(",")) == written


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ('sum(vllm:num_requests_runing{namespace="a"})', "has no metric vllm:num_requests_runing"),
        ('sum(vllm:num_requests_running{finished="a"})', "has no label finished"),
        ('vllm:admission_rejections_total{engine="0"}', "has no label engine"),
        ('sum by (reason) (vllm:num_requests_running{pod="a"})', "has no label reason"),
        ('kube_pod_created{node="a"}', "has no label node"),
        ("sum(up)", "up is neither"),
        ("sum by (node) (kube_pod_created)", "has no label node"),
    ],
)
def test_what_does_not_exist_is_found(expression: str, problem: str) -> None:
    assert problem in "".join(expressions.problems(expression, "0.32.0"))


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        ("vllm:num_requests_running", ["model_name", "namespace"], None),
        ("vllm:e2e_request_latency_seconds_bucket", ["le", "model_name"], None),
        ("vllm:request_success_total", ["finished_reason"], None),
        ("vllm:cache_config_info", ["block_size"], None),
        (
            "vllm:gpu_cache_usage_perc",
            [],
            "vLLM 0.32.0 has no metric vllm:gpu_cache_usage_perc; did you mean vllm:kv_cache_usage_perc?",
        ),
        (
            "vllm:request_success",
            [],
            "vLLM 0.32.0 has no metric vllm:request_success; did you mean vllm:request_success_total?",
        ),
        (
            "vllm:num_requests_waiting",
            ["model"],
            "vllm:num_requests_waiting has no label model; did you mean model_name?",
        ),
    ],
)
def test_what_is_wrong_with_a_metric(name: str, labels: list[str], message: str | None) -> None:
    assert metrics.problem(name, labels, "0.32.0") == message


# --- the dashboard --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", board.STATES)
def test_every_panel_answers(state: str, demo_tree: Tree, promtool: Path, tmp_path: Path) -> None:
    """Exact values."""
    asked = list(expressions.panels(demo_tree))
    assert list(dict.fromkeys(title for title, _ in asked)) == list(board.ANSWERS)
    assert run(promtool, tmp_path, [board.scene(state, asked)]) == ""


def test_no_panel_is_empty_while_requests_are_served() -> None:
    assert [title for title, answers in board.ANSWERS.items() if not all(busy for busy, _ in answers)] == []


def test_without_kube_state_metrics_only_the_cluster_is_missing(demo_tree: Tree) -> None:
    asked = list(expressions.panels(demo_tree))
    answers = zip(asked, board.scene("blind", asked).answers, strict=True)
    filled = {title for (title, _), (_, _, samples) in answers if samples}
    around = {"Fallback", *(title for title in board.ANSWERS if title.startswith("GPU "))}
    assert filled == board.ANSWERS.keys() - around


def test_the_overview_is_right_about_models_without_tokens(demo_tree: Tree, promtool: Path, tmp_path: Path) -> None:
    asked = list(expressions.panels(demo_tree, model=".+", server="(chat|embed|rerank|gone)"))
    assert run(promtool, tmp_path, [board.fleet(asked)]) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"\bsum\(rate", "max(rate"),
        (r"\bsum by", "max by"),
        (r"max by \(pod(, gpu)?", r"max by (gpu"),
        ("prompt_tokens_total", "generation_tokens_total"),
        ("generation_tokens_total", "prompt_tokens_total"),
        ("prefill_time", "decode_time"),
        (r"(sum by \(\w+(?:, \w+)*\) \(vllm:num_requests_)running", r"\1waiting"),
        ("cache_hits", "cache_queries"),
        (r"0\.95", "0.5"),
        (r"0\.5,", "0.95,"),
        (r"0\.99", "0.95"),
        ("spec_replicas", "status_replicas_available"),
        ("status_replicas_available", "spec_replicas"),
        ('deployment=~"chat"', 'deployment=~"chat.*"'),
        (r'model_name=~"[^"]*"', 'model_name=~".+"'),
        (r'\bnamespace=~"inference",', ""),
        ('exported_namespace=~"inference",', ""),
        ('condition="Fallback"', 'condition="Ready"'),
        ('status="5xx"', 'status="4xx"'),
        (',?handler=~"/v1/.\\*"', ""),
        (r"-\[a-z0-9\]\+-\[a-z0-9\]\{5\}", ".*"),
        (r" or label_replace\(.*\)\)", ")"),
        (r"\(DCGM_\w+\{\S+ or ", "("),
        ("FB_USED", "FB_FREE"),
        (" / 100", ""),
    ],
)
def test_the_scenes_notice_a_wrong_panel(old: str, new: str, demo_tree: Tree, promtool: Path, tmp_path: Path) -> None:
    asked = list(expressions.panels(demo_tree))
    wrong = [(title, re.sub(old, new, expression)) for title, expression in asked]
    changed = {other for (_, one), (_, other) in zip(asked, wrong, strict=True) if one != other}
    said = run(promtool, tmp_path, [board.scene(state, wrong) for state in ("busy", "idle")])
    assert changed
    assert len(set(re.findall("expr: (.*), time", said))) == len(changed), said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r" or 0 \* count by .*\[1h\]\)\)", ""),
        (r" or 0 \* group by .*", ""),
        (r" >= 0$", ""),
        (r" or 0 \* rate\(http_\w+\{[^}]*\}\[5m\]\)", ""),
    ],
    ids=["a model that is gone", "a model that never started", "not a number", "no failure yet"],
)
def test_the_table_of_all_models_notices_a_wrong_column(
    old: str, new: str, demo_tree: Tree, promtool: Path, tmp_path: Path
) -> None:
    asked = list(expressions.panels(demo_tree, model=".+"))
    wrong = [(title, re.sub(old, new, expression)) for title, expression in asked]
    assert wrong != asked
    assert "expr: " in run(promtool, tmp_path, [board.fleet(wrong)])


@pytest.mark.parametrize("state", board.VARIABLES)
def test_a_model_can_be_chosen_whatever_its_state(state: str, demo_tree: Tree, promtool: Path, tmp_path: Path) -> None:
    """Without a series of the autoscaler, and where its own metrics ended long ago."""
    _, *variables = expressions.dashboard(demo_tree)["templating"]["list"]
    values = {"namespace": "inference", "model_name": "llama-3.1-8b"}
    *listed, server = variables
    answers = []
    for variable in listed:
        found = re.fullmatch(r"label_values\((.*), (\w+)\)", expressions.filled(variable["query"], ".+", ""))
        assert found and found[2] == variable["name"]
        answers.append((f"group by ({found[2]}) ({found[1]})", "60m", {f'{{{found[2]}="{values[found[2]]}"}}': 1.0}))
    found = re.fullmatch(r"query_result\((.*)\)", expressions.filled(server["query"], r"llama-3\\.1-8b", ""))
    assert found
    label = 'job="inference/chat"' if state == "serving" else 'deployment="chat"'
    answers.append((found[1], "60m", {f"{{{label}}}": 1.0}))
    assert run(promtool, tmp_path, [Scene(state, board.VARIABLES[state], answers, interval="1m")]) == ""
    chosen = re.search(server["regex"].strip("/"), f"{{{label}}} 1 1800000000000")
    assert chosen and chosen[1] == "chat"


def test_dashboards_of_two_stacks_do_not_collide(demo: Resolved) -> None:
    """In one namespace, in one folder of Grafana's, and by the address of each."""
    names = []
    for name in ("demo", "other"):
        (config,) = dashboard.objects(replace(demo, stack=replace(demo.stack, name=name)))
        ((file, text),) = config["data"].items()
        shown = json.loads(text)
        names.append({config["metadata"]["name"], file, shown["uid"], shown["title"]})
        assert len(shown["uid"]) <= 40
        assert f"/d/{shown['uid']}?" in text
    assert not names[0] & names[1]


def test_the_dashboard_is_one_that_grafana_takes(demo_tree: Tree) -> None:
    text = demo_tree[PurePosixPath("platform/configs/dashboard.yaml")]
    metadata = yaml.safe_load(text)["metadata"]
    assert (metadata["namespace"], metadata["labels"]) == ("monitoring", {"grafana_dashboard": "1"})
    assert len(text.encode()) < 64 * 1024
    board = expressions.dashboard(demo_tree)
    datasource, *variables = board["templating"]["list"]
    assert (datasource["name"], datasource["query"]) == ("datasource", "prometheus")
    assert [variable["name"] for variable in variables] == ["namespace", "model_name", "server"]
    assert all(variable["multi"] and variable["includeAll"] for variable in variables)
    assert [variable["current"]["value"] for variable in variables] == [["inference"], ["$__all"], ["$__all"]]
    panels = board["panels"]
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == [
        *(
            "Overview",
            "Traffic",
            "Requests",
            "Latency",
            "Where the time goes",
            "Cache",
            "Scaling",
            "GPU (from dcgm-exporter)",
        ),
    ]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    for panel in (each for each in panels if "targets" in each):
        assert panel["description"].endswith((".", "?"))
        assert panel["type"] == "table" or panel["fieldConfig"]["defaults"]["unit"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    cells = [
        (place["x"] + x, place["y"] + y)
        for place in (panel["gridPos"] for panel in panels)
        for x, y in product(range(place["w"]), range(place["h"]))
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


def test_a_line_of_the_table_leads_to_its_own_model(demo_tree: Tree) -> None:
    """Another namespace may have a model of the same name."""
    (table,) = (each for each in expressions.dashboard(demo_tree)["panels"] if each["type"] == "table")
    (columns,) = (each["options"]["renameByName"] for each in table["transformations"] if each["id"] == "organize")
    (links,) = (
        each for each in table["fieldConfig"]["overrides"] if each["matcher"]["options"] == columns["model_name"]
    )
    (link,) = links["properties"][0]["value"]
    chosen = {part.partition("=")[0]: part.partition("=")[2] for part in link["url"].partition("?")[2].split("&")}
    assert chosen["var-namespace"] == f"${{__data.fields.{columns['namespace']}}}"
    assert chosen["var-model_name"].startswith("${__value.raw")


@pytest.mark.parametrize(
    ("off", "files"),
    [
        ((), {"alerts.yaml", "dashboard.yaml", "monitors.yaml"}),
        (("keda",), {"alerts.yaml", "dashboard.yaml"}),
        (("prometheus",), {"alerts.yaml", "dashboard.yaml", "monitors.yaml"}),
        (("prometheus", "keda"), {"alerts.yaml", "dashboard.yaml"}),
    ],
)
def test_what_is_observed_follows_from_what_is_installed(demo: Resolved, off: tuple[str, ...], files: set[str]) -> None:
    """A Prometheus that isn't ours has the same kinds; of a KEDA that isn't ours nobody knows the namespace."""
    components = {
        name: replace(component, enabled=component.enabled and name not in off)
        for name, component in demo.stack.platform.components.items()
    }
    stack = replace(demo.stack, platform=replace(demo.stack.platform, components=components))
    wanted = releases(stack.platform, stack.images, stack.network, storage=stack.storage, locked={})
    tree = platform.files(replace(demo, stack=stack, releases=wanted), shipped_charts())
    configs = {path.name for path in tree if path.parts[:2] == ("platform", "configs")}
    assert configs == {"kustomization.yaml", "namespace.yaml", "resourcequota.yaml", "scripts.yaml", *files}


def test_keda_shows_what_the_alerts_read(demo: Resolved) -> None:
    (monitor,) = monitors.objects(demo)
    (keda,) = [release for release in demo.releases if release.chart == "keda"]
    assert keda.values["prometheus"]["operator"]["enabled"] is True
    assert monitor["metadata"]["namespace"] == keda.namespace
    assert monitor["spec"]["podMetricsEndpoints"] == [{"port": "metrics", "path": "/metrics", "honorLabels": True}]


def test_the_conditions_of_a_scaledobject_become_series(demo: Resolved) -> None:
    """The name, the labels and the values that the alerts and the dashboard read."""
    (prometheus,) = [release for release in demo.releases if release.chart == "kube-prometheus-stack"]
    values = prometheus.values["kube-state-metrics"]
    (resource,) = values["customResourceState"]["config"]["spec"]["resources"]
    (metric,) = resource["metrics"]
    labels = {*resource["labelsFromPath"], *metric["each"]["gauge"]["labelsFromPath"]}
    assert labels == expressions.OTHERS[f"kube_customresource_{metric['name']}"] | {"namespace"}
    assert values["customResourceState"]["enabled"] is True
    assert values["rbac"]["extraRules"] == [
        {"apiGroups": ["keda.sh"], "resources": ["scaledobjects"], "verbs": ["list", "watch"]}
    ]
    gvk = resource["groupVersionKind"]
    assert (gvk["group"], gvk["version"], gvk["kind"]) == ("keda.sh", "v1alpha1", "ScaledObject")
    # A condition's status is a word; kube-state-metrics makes 1 of True, and 0 of False and Unknown.
    assert metric["each"]["gauge"] == {
        "path": ["status", "conditions"],
        "labelsFromPath": {"condition": ["type"]},
        "valueFrom": ["status"],
    }
