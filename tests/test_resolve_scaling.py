"""Signals and bounds of scaling: each ends in the chart's values, or is refused with the reason."""

from typing import Any

import pytest

from tests.projects import chart_values, problems, workload

UPSTREAM = {"query": 'sum(gateway_requests_active{route="chat"}) or vector(0)', "target": 8}


@pytest.mark.parametrize("signal", ["concurrency", "queue", "kv"])
def test_signals_that_need_nothing(signal: str) -> None:
    scaling = chart_values({"scaling": {"signal": signal}})["autoscaling"]
    assert (scaling["signal"], scaling["concurrency"]) == (signal, {"target": 32})
    assert "upstream" not in scaling


@pytest.mark.parametrize("signal", ["ttft", "composite"])
def test_the_time_to_the_first_token_is_the_objectives(signal: str) -> None:
    found = chart_values({"scaling": {"signal": signal}, "slo": {"ttft": "750ms"}})
    assert found["autoscaling"]["ttft"] == {"seconds": 0.75}
    assert found["prometheusRule"]["slo"]["ttftSeconds"] == 0.75
    assert problems({"scaling": {"signal": signal}}) == [
        f"spec.scaling.signal: {signal} needs slo.ttft, the target for the time to first token"
    ]


def test_an_objective_alone_changes_no_signal() -> None:
    assert "ttft" not in chart_values({"slo": {"ttft": "2.5s"}})["autoscaling"]


def test_targets_of_the_queue_and_the_cache() -> None:
    scaling = {"signal": "composite", "queue": {"target": 9}, "kv": {"target": 0.6}}
    found = chart_values({"scaling": scaling, "slo": {"ttft": "1s"}})["autoscaling"]
    assert (found["queue"], found["kv"]) == ({"target": 9}, {"target": 0.6})


def test_upstream_scales_to_zero() -> None:
    scaling = chart_values({"scaling": {"signal": "upstream", "upstream": UPSTREAM, "min": 0}})["autoscaling"]
    assert (scaling["minReplicas"], scaling["signal"], scaling["upstream"]) == (0, "upstream", UPSTREAM)


def test_a_shape_may_scale_to_zero_alone() -> None:
    spec = {
        "scaling": {"signal": "upstream", "upstream": UPSTREAM | {"query": "sum(gateway_requests_active)"}},
        "shapes": {"a10": {"scaling": {"min": 0}}, "h100": {}},
    }
    bounds = [workload(spec, shape=shape).facts["replicas"].value for shape in ("a10", "h100")]
    assert bounds == [{"min": 0, "max": 4}, {"min": 1, "max": 4}]


@pytest.mark.parametrize("query", ["sum(a) or vector(0)", "sum(a) OR on() vector (0)"])
@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ({}, ""),
        (
            {"shapes": {"a10": {"scaling": {"min": 0}}, "h100": {"scaling": {"min": 2}}}},
            " (spec.shapes.h100.scaling.min is 2)",
        ),
    ],
)
def test_a_lost_metric_is_no_idleness_where_replicas_stay(query: str, spec: dict[str, Any], where: str) -> None:
    scaling = {"signal": "upstream", "upstream": {"query": query, "target": 8}}
    assert problems({"scaling": scaling, **spec}) == [
        f"spec.scaling.upstream.query: `or vector(…)` is only for min: 0; with min: 1 or more{where}, a lost "
        "metric would look like no load and replicas would be removed; leave it out, or use min: 0"
    ]
    assert problems({"scaling": {**scaling, "min": 0}}) == []


def test_the_cache_can_be_as_full_as_its_target_says() -> None:
    """The HPA acts above 1.1 times the target."""
    assert chart_values({"scaling": {"signal": "kv", "kv": {"target": 0.9}}})["autoscaling"]["kv"] == {"target": 0.9}
    assert len(problems({"scaling": {"signal": "kv", "kv": {"target": 0.91}}})) == 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"scaling": {"min": 0}},
            "spec.scaling.min: scaling to zero needs a signal that exists without pods: concurrency is measured in "
            "them, so nothing would start the first one again; use signal upstream, or min: 1",
        ),
        (
            {"scaling": {"signal": "queue"}, "shapes": {"h100": {"scaling": {"min": 0}}}},
            "spec.shapes.h100.scaling.min: scaling to zero needs a signal that exists without pods: queue is measured "
            "in them, so nothing would start the first one again; use signal upstream, or min: 1",
        ),
        (
            {"scaling": {"signal": "upstream"}},
            "spec.scaling.signal: upstream needs scaling.upstream: {query: …, target: …}",
        ),
        (
            {"scaling": {"upstream": UPSTREAM}},
            "spec.scaling.upstream: only applies to signals upstream, and the signal is concurrency",
        ),
        (
            {"scaling": {"queue": {"target": 2}}},
            "spec.scaling.queue: only applies to signals queue and composite, and the signal is concurrency",
        ),
        (
            {"scaling": {"signal": "queue", "kv": {"target": 0.5}}},
            "spec.scaling.kv: only applies to signals kv and composite, and the signal is queue",
        ),
        (
            {
                "scaling": {
                    "min": 0,
                    "signal": "upstream",
                    "upstream": {"query": "sum(vllm:num_requests_waiting)", "target": 4},
                }
            },
            "spec.scaling.upstream.query: scaling to zero needs a signal that exists without pods, and metrics of vLLM "
            "end with the last one; ask a gateway or a queue, or use min: 1",
        ),
        ({"scaling": {"min": 3, "max": 2}}, "spec.scaling.min: 3 is more than scaling.max, 2"),
        (
            {"shapes": {"h100": {"scaling": {"min": 5}}}},
            "spec.shapes.h100.scaling.min: 5 is more than scaling.max, 4",
        ),
        (
            {"scaling": {"min": 2}, "shapes": {"h100": {"scaling": {"max": 1}}}},
            "spec.shapes.h100.scaling.max: 1 is less than scaling.min, 2",
        ),
    ],
)
def test_refused(spec: dict[str, Any], message: str) -> None:
    assert message in problems(spec)


def test_the_stacks_limit_of_replicas() -> None:
    policy = {"policy": {"maxReplicas": 3, "maxGpus": 1000}}
    assert problems({}, policy) == ["spec.scaling.max: 4 is more than spec.policy.maxReplicas of the stack, 3"]
    assert problems({"scaling": {"max": 3}, "shapes": {"h100": {"scaling": {"max": 4}}}}, policy) == [
        "spec.shapes.h100.scaling.max: 4 is more than spec.policy.maxReplicas of the stack, 3"
    ]
    assert problems({"scaling": {"max": 3}}, policy) == []


BLOCK = {"storage": {"cache": {"kind": "block"}}}


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        (
            BLOCK,
            [
                "spec.storage.cache.kind: block: a block volume attaches to one node, and scaling.max is more than 1; "
                "use fss, or max: 1"
            ],
        ),
        (
            {**BLOCK, "scaling": {"max": 1}, "shapes": {"a10": {}, "h100": {"scaling": {"max": 3}}}},
            [
                "spec.shapes.h100.scaling.max: 3 replicas cannot share a block volume, which attaches to one node; "
                "use max: 1, or storage.cache.kind fss"
            ],
        ),
        ({**BLOCK, "shapes": {"h100": {"scaling": {"max": 1}}}}, []),
        ({"scaling": {"min": 0}, "shapes": {"h100": {"scaling": {"min": 1}}}}, []),
        ({"scaling": {"min": 5}, "shapes": {"h100": {"scaling": {"max": 6}}}}, []),
        ({"scaling": {"max": 101}, "shapes": {"h100": {"scaling": {"max": 2}}}}, []),
    ],
)
def test_what_holds_on_a_shape_is_what_counts(spec: dict[str, Any], found: list[str]) -> None:
    """A bound that every shape replaces holds nowhere, and a shape's own is held to every rule."""
    assert problems(spec) == found
    if not found:
        assert chart_values(spec)


def test_a_fixed_number_of_replicas() -> None:
    whole = {"scaling": {"min": 2, "max": 2}}
    assert workload(whole).facts["replicas"].value == {"min": 2, "max": 2}
    found = chart_values(whole)
    assert (found["replicas"], "autoscaling" in found) == (2, False)
    shapes = {"shapes": {"h100": {"scaling": {"min": 4}}}}
    assert workload(shapes).facts["replicas"].value == {"min": 4, "max": 4}
