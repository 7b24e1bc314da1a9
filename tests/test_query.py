"""An author's PromQL is parsed: what KEDA can do nothing with is refused, and what vLLM doesn't have, too."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.projects import problems, resolved

WHERE = "spec.scaling.upstream.query: "
RUNNING = 'vllm:num_requests_running{model_name="chat"}'
TTFT = "vllm:time_to_first_token_seconds"


def spec(query: str, least: int = 1, **more: Any) -> dict[str, Any]:
    scaling = {"signal": "upstream", "upstream": {"query": query, "target": 8}, "min": least}
    return {"shapes": {"h100": {}}, "clientNamespaces": ["apps"], "scaling": scaling, **more}


def said(query: str, least: int = 1, **more: Any) -> list[str]:
    return [each.removeprefix(WHERE) for each in problems(spec(query, least, **more)) if each.startswith(WHERE)]


@pytest.mark.parametrize(
    "query",
    [
        f"sum({RUNNING})",
        "avg(gateway_requests)",
        "(sum(a))",
        "-sum(a) * -1",
        "max(sum by (pod) (a))",
        "clamp_min(sum(a), 1)",
        'label_replace(sum(a), "x", "$1", "y", ".*")',
        "sum(a) / clamp_min(sum(b), 1)",
        "sum(rate(a[5m]))",
        "max_over_time(sum(a)[10m:1m])",
        "topk(1, a)",
        "scalar(sum(a)) + 1",
        "time()",
        "sum(a) and on() sum(b)",
        f"histogram_quantile(0.95, sum by (le) (rate({TTFT}_bucket[5m])))",
        f"sum(rate({TTFT}_sum[5m])) / clamp_min(sum(rate({TTFT}_count[5m])), 1)",
        'sum(vllm:request_success_total{finished_reason="stop", namespace="inference", model_name=~"chat|other"})',
        'sum({__name__="vllm:num_requests_waiting", pod=~"chat-.*"})',
        "sum(vllm_custom_metric)",
        "sum by () (a)",
        "count(a)",
    ],
)
def test_one_value(query: str) -> None:
    assert said(query) == []


@pytest.mark.parametrize("query", ["vector(2)", "2 * 3", "absent(a)"])
def test_one_value_without_series(query: str) -> None:
    assert said(query, 0) == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("sum(a", "is not PromQL: unclosed left parenthesis"),
        ('sum({b="c" or __name__="vllm:x"})', "is not PromQL: there is no `or` between matchers"),
        ("rate(a)", "is not PromQL: expected type matrix in call to function 'rate', got vector"),
        ("a{b=c}", "is not PromQL: unexpected identifier 'c' in label matching, expected string"),
        ("a[5m]", "gives a range vector, and KEDA needs one number"),
        ("sum(a)[5m:1m]", "gives a range vector, and KEDA needs one number"),
        ('"a"', "gives a string, and KEDA needs one number"),
        ("a", "may give several elements, because a has one for each series"),
        ("sum by (pod) (a)", "may give several elements, because sum has one for each group"),
        ("sum without (pod) (a)", "may give several elements, because sum has one for each group"),
        ("topk(3, a)", "may give several elements, because topk keeps as many as it is told"),
        ('count_values("v", a)', "may give several elements, because count_values has one for each value"),
        ("clamp_min((rate(a[5m])), 1)", "may give several elements, because a[5m] has one for each series"),
        ("sum(a) + on() group_right() b", "may give several elements, because b has one for each series"),
        ("a unless on() sum(b)", "may give several elements, because a has one for each series"),
        (f"histogram_quantile(0.9, sum by (le, pod) (rate({TTFT}_bucket[5m])))", "because sum has one for each group"),
    ],
)
def test_no_one_value(query: str, message: str) -> None:
    (problem,) = said(query)
    assert message in problem


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "sum(vllm:num_request_running)",
            "vllm:num_request_running is not a metric of vLLM 0.32.0; did you mean vllm:num_requests_running?",
        ),
        ("sum(vllm:prompt_tokens)", "is not a metric of vLLM 0.32.0; did you mean vllm:prompt_tokens_total?"),
        (f"sum({TTFT})", "is not a metric of vLLM 0.32.0; did you mean vllm:time_to_first_token_seconds_"),
        ("sum(vllm:gpu_cache_usage_perc)", "was removed in 0.12; use vllm:kv_cache_usage_perc"),
        (
            "sum(rate(vllm:time_per_output_token_seconds_bucket[5m]))",
            "time_per_output_token_seconds_bucket was removed in 0.16 or before; use vllm:inter_token_latency_seconds",
        ),
        ('sum({__name__="vllm:nothing_like"})', "vllm:nothing_like is not a metric of vLLM 0.32.0"),
        ('clamp_min(sum(vllm:num_requests_running{model="chat"}), 1)', "has no label model; did you mean model_name?"),
        ('sum(vllm:num_requests_running{le="1"})', "vllm:num_requests_running has no label le"),
        ('sum(vllm:num_requests_running{model_name="other"})', 'model_name="other", and this model is served as chat'),
        (
            'sum(vllm:num_requests_running{model_name=~"oth.*"})',
            'model_name=~"oth.*", and this model is served as chat',
        ),
        ('sum(vllm:num_requests_running{model_name!="chat"})', 'model_name!="chat", and this model is served as chat'),
    ],
)
def test_what_vllm_does_not_have(query: str, message: str) -> None:
    (problem,) = said(query)
    assert message in problem


def test_the_name_that_it_is_served_by() -> None:
    query = 'sum(vllm:num_requests_running{model_name="Qwen/Qwen3-8B"})'
    assert said(query, model={"servedName": "Qwen/Qwen3-8B"}) == []
    assert said(query) != []


@pytest.mark.attack("A17 configuration of Prometheus and KEDA")
@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("sum(a) or vector(0)", True),
        ("sum(a or vector(0))", True),
        ("clamp_min((sum(a) OR on() (vector(0))), 1)", True),
        ("sum(a) or clamp_min(vector(0), 0)", True),
        ("sum(a) or absent(a) * 0", True),
        ("sum(a) or (vector(0))", True),
        ("((sum(a) or ((vector(0)))))", True),
        ('sum(a) or label_replace(vector(0), "a", "b", "c", ".*")', True),
        ("sum(sum(a) or on() vector(time() * 0))", True),
        ("vector(1) unless on() sum(a) == 0 or sum(a)", True),
        ("sum(a) or 0 * sum(up)", True),
        ("vector(scalar(sum(a)) > bool 0)", True),
        ("vector(0) or sum(a)", True),
        ("sum(a) or -vector(0)", True),
        ('sum(a) or label_join(vector(0), "x", "", "y")', True),
        ("sum(a) or sum(b - b)", True),
        ("sum(a) or (sum(up) - sum(up))", True),
        ("sum(a) or sum(up) * vector(0)", True),
        ("sum(a) or sum(up) * (1 - 1)", True),
        ("sum(a) or sum(up) * scalar(vector(0))", True),
        ("sum(a) or sum(up) ^ 0", True),
        ("sum(a) or sum(b) / sum(b)", True),
        ("sum(a) or clamp_max(sum(up), 0)", True),
        ("sum(a) or clamp(sum(up), 3, 3)", True),
        ("sum(a) or (sum(up) > bool 1e9)", True),
        ("sum(a) or group(up)", True),
        ("sum(a) or sum(present_over_time(up[1d]))", True),
        ("sum(a) or max_over_time(sum(up * 0)[1h:])", True),
        ("sum(absent(a))", True),
        ("max_over_time((sum(a) or vector(0))[5m:1m])", True),
        ("hour(vector(0)) + sum(a) * 0", True),
        ("sum(a) or clamp(sum(b), 0, 9)", False),
        ("sum(a) or sum(b) - sum(c)", False),
        ("sum(a) or sum(b > 3)", False),
        ("sum(a) > bool 3", False),
        ("sum(a) * (2 - 1)", False),
        ("clamp_min(sum(a), 1 + 1)", False),
        ("sum(a) or sum(b)", False),
        ("sum(a) * 2 + 1", False),
        ("sum(a) and on() absent(b)", False),
        ("vector(scalar(sum(a)))", False),
        ('sum(a{b=" or vector(0)"})', False),
    ],
)
def test_a_lost_metric_is_no_idleness(query: str, refused: bool) -> None:
    found = said(query)
    assert bool(found) == refused
    assert all(" is only for min: 0" in each for each in found)
    assert said(query, 0) == []


@pytest.mark.parametrize(
    "query",
    [
        *("vector(0)", "(vector(0))", "0", "absent(a)", "sum(vector(0))", "absent_over_time(a[5m])", "0 * sum(up)"),
        *("sum(0 * up)", "((sum((vector((0))))))", "-vector(0)", "sum(up) - sum(up)", "group(a)", "pi()"),
        *('label_join(vector(0), "x", "", "y")', "clamp_max(sum(a), 0)", "count(vector(0))", "sum(a) ^ (1 - 1)"),
    ],
)
def test_a_constant_decides_nothing(query: str) -> None:
    assert any("a value without series is only for min: 0" in each for each in said(query))


DEEP: dict[str, Callable[[int], str]] = {
    "brackets": lambda count: f"{'(' * count}a{')' * count}",
    "signs": lambda count: f"{'-' * count}a",
    "or": lambda count: f"{'a OR ' * count}a",
    "powers": lambda count: f"{'2^' * count}2",
    "sums": lambda count: f"{'sum(' * count}a{')' * count}",
    "comparisons": lambda count: f"{'a== bool ' * count}a",
    "ranges": lambda count: "a[1m:" * count,
    "an open string before": lambda count: f"'{'(' * count}",
    "matchers": lambda count: f"a{{{'b=`c`,' * count}}}",
}


@pytest.mark.attack("A17 configuration of Prometheus and KEDA")
@pytest.mark.parametrize("how", DEEP)
def test_a_query_that_no_parser_survives(how: str) -> None:
    """Whoever parses it ends with all of the program; the query of a signal is shorter than one of a rule may be."""
    assert any(each.startswith("is not PromQL: ") for each in said(DEEP[how](201), 0))
    assert len(problems({"shapes": {"h100": {}}, "values": {"extraObjects": [rules_of(DEEP[how](20_000))]}})) == 1


@pytest.mark.parametrize("time", ["1e400", "-1e19", "inf", "NaN", "0x7fffffffffffffff", "9" * 1000, "1e25"])
def test_a_time_that_no_parser_survives(time: str) -> None:
    for query in (f"sum(a offset {time})", f"sum(a[{time}])", f"sum(a)[{time}:]", f"sum(a)[5m:{time}]"):
        assert any(each.startswith("is not PromQL: ") for each in said(query, 0)), query
    assert len(problems({"shapes": {"h100": {}}, "values": {"extraObjects": [rules_of(f"a offset #\n{time}")]}})) == 1
    assert said(f"sum(a{{b='offset {time}'}}) + {time} # offset {time}") == []


def test_a_long_text_is_not_a_deep_query() -> None:
    assert said(f'sum(a{{b=~"{"(x|y)" * 100}", c="{"-" * 500}"}}) # {"(" * 300}') == []
    assert said(" + ".join(["sum(a)"] * 60)) == []


def test_hostile_patterns_take_no_longer() -> None:
    """They are looked at, and not run."""
    assert said('sum({__name__=~"(a+)+$(b|c)*(((((x"})', 0)
    assert said(f'sum({{__name__=~"{"(a|" * 200}x{")" * 200}"}})', 0)


@pytest.mark.attack("A17 configuration of Prometheus and KEDA")
@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("sum(vllm:num_requests_waiting)", True),
        ('sum(a{b="vllm:x"})', False),
        ('sum({__name__="vllm:num_requests_waiting"})', True),
        ('sum({__name__=~"vllm.*"})', True),
        ('sum({__name__=~"vllm:num_requests_(running|waiting)"})', True),
        ('sum({__name__=~".*requests_waiting"})', True),
        ('sum({__name__=~"gateway_.*|vllm.+"})', True),
        ('sum({__name__=~"(gateway|vllm).*"})', True),
        ('sum({__name__=~"^vllm?.*"})', True),
        ('sum({__name__=~"[v]llm.*"})', True),
        ('sum({__name__!~"gateway.*", job="x"})', True),
        ('sum({job="vllm"})', True),
        ('max_over_time(sum({__name__=~"vllm.*"})[5m:])', True),
        ('sum({__name__=~"gateway_(requests|tokens)"})', False),
        ('sum({__name__=~"gateway_.*", job="vllm"})', False),
        ('sum({__name__=~"a|b"})', False),
        ('sum({"vllm:num_requests_waiting"})', True),
        ('sum({__name__=~"x[)]|vllm.*"})', True),
        (r'sum({__name__=~"x\\)|vllm.*"})', True),
        (r'sum({__name__=~"x(y)\\(|vllm.*"})', True),
        ('sum({__name__=~"[[:alpha:])]x|vllm:x"})', True),
        ('sum({__name__=~"(?i)VLLM.*"})', True),
        (r'sum({__name__=~"\\x76llm.*"})', True),
        ('sum({__name__=~"v{1}llm.*"})', True),
        (f'sum({{__name__=~"{"x|" * 600}vllm.*"}})', True),
        ('sum(a) + on() count({__name__=~"vllm.*"}) or sum(b)', True),
        ('sum({__name__=~"gateway_[)|]x"})', False),
    ],
)
def test_metrics_of_pods_do_not_wake_the_first_one(query: str, refused: bool) -> None:
    assert any("scaling to zero needs a signal that exists without pods" in each for each in said(query, 0)) == refused


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sum(a) > 3", ["`>` may leave no element", "write `> bool` for 0 and 1"]),
        ("clamp_min((sum(a) > 3), 1)", ["`>` may leave no element"]),
        ("sum(a > 3)", ["`>` may leave no element"]),
        ("sum(a) unless on() sum(b)", ["`unless` may leave no element"]),
        ("sum(a) > bool 3", []),
        ("sum(a) / sum(b)", ["a division by zero is NaN"]),
        ("sum(a) / (sum(b) > 0)", ["`>` may leave no element"]),
        ("sum(a) / clamp_min(sum(b), 1)", []),
        ("sum(a) / 2", []),
        ("sum(a)", []),
    ],
)
def test_what_may_leave_keda_without_a_value(query: str, words: list[str]) -> None:
    found = [each for each in resolved(spec(query)).notes if WHERE in each]
    assert bool(found) == bool(words)
    assert all(any(word in each for each in found) for word in words)


def test_a_build_of_one_s_own_may_have_others() -> None:
    more = {"vllm": {"image": "docker.io/acme/vllm"}}
    assert said("sum(vllm:mine)", **more) == []
    assert any("vllm:mine is not a metric of" in each for each in resolved(spec("sum(vllm:mine)", **more)).notes)


def test_a_function_that_the_parser_does_not_know_is_passed_on() -> None:
    assert said("sum(brand_new(a))") == []
    assert any("unknown function with name 'brand_new'" in each for each in resolved(spec("sum(brand_new(a))")).notes)


def rules(*expressions: object) -> dict[str, Any]:
    groups = [{"name": "mine", "rules": [{"alert": "A", "expr": each} for each in expressions]}]
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "spec": {"groups": groups}}


def rules_of(query: str) -> dict[str, Any]:
    return {**rules(query), "metadata": {"name": "mine"}}


def scaled(query: str, kind: str = "prometheus") -> dict[str, Any]:
    triggers = [{"type": kind, "metadata": {"query": query, "serverAddress": "x", "threshold": "1"}}]
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "spec": {"triggers": triggers}}


@pytest.mark.parametrize(
    ("obj", "place"),
    [
        (rules("sum(a) > 1", "sum by (pod) (a)"), ""),
        (rules("sum(a", "b"), ".spec.groups[0].rules[0].expr: is not PromQL: unclosed left parenthesis"),
        (rules("b", "rate(a)"), ".spec.groups[0].rules[1].expr: is not PromQL: expected type matrix"),
        (rules(1, {"a": 1}), ""),
        (scaled("sum(a)"), ""),
        (scaled("sum(a"), ".spec.triggers[0].metadata.query: is not PromQL: unclosed left parenthesis"),
        (scaled("select (", "mysql"), ""),
        ({**rules(), "spec": {"groups": "none"}}, ""),
    ],
)
def test_rules_and_triggers_that_authors_add(obj: dict[str, Any], place: str) -> None:
    found = problems({"shapes": {"h100": {}}, "values": {"extraObjects": [{**obj, "metadata": {"name": "mine"}}]}})
    assert len(found) == bool(place)
    assert all(f"extraObjects[0]{place}" in each for each in found)
