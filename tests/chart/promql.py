"""The chart's queries and alerts as promtool reads them: one rule file, and what each rule must answer.

python -m tests.chart.promql /path/to/promtool
"""

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.chart.rendering import case, objects

Spec = dict[str, Any]
Series = list[dict[str, str]]

PODS = ("chat-5d9f8c7b6-abcde", "chat-5d9f8c7b6-fghij")
OURS = 'namespace="inference",model_name="llama-3.1-8b"'
DEPLOYMENT = 'namespace="inference",deployment="chat"'
HPA = 'namespace="inference",horizontalpodautoscaler="keda-hpa-chat"'


@cache
def rules() -> Spec:
    """The chart's alerts, and its scaling queries as records `signal:NAME`."""
    found = objects(case("shared-cache"))
    triggers = found["ScaledObject"]["spec"]["triggers"]
    signals = [{"record": f"signal:{each['name']}", "expr": each["metadata"]["query"]} for each in triggers]
    return {"groups": [*found["PrometheusRule"]["spec"]["groups"], {"name": "signals", "rules": signals}]}


def unit_tests() -> list[Spec]:
    """One scene each: series, a time, and the alerts that fire or the values of the signals."""
    return [*_signals(), *_serving(), *_availability(), *_scaling()]


def check(promtool: Path) -> str:
    """Nothing when promtool agrees with everything here, else what it says."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "rules.yaml").write_text(yaml.safe_dump(rules()))
        tests = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": unit_tests()}
        (root / "tests.yaml").write_text(yaml.safe_dump(tests))
        argv = [str(promtool), "test", "rules", str(root / "tests.yaml")]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def _scene(name: str, series: Series, time: str, **expected: float | None) -> Spec:
    """A signal that is None has no element: an error for KEDA, which then holds."""
    samples = {key: [] if value is None else [{"labels": "{}", "value": value}] for key, value in expected.items()}
    queries = {each["record"].removeprefix("signal:"): each["expr"] for each in rules()["groups"][-1]["rules"]}
    tests = [{"expr": queries[key], "eval_time": time, "exp_samples": found} for key, found in samples.items()]
    return {"name": name, "interval": "15s", "input_series": series, "promql_expr_test": tests}


def _alerts(name: str, series: Series, time: str, *firing: str) -> Spec:
    """Exactly these alerts fire at that time."""
    expression = 'sum by (alertname) (ALERTS{alertstate="firing"})'
    samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in firing]
    test = {"expr": expression, "eval_time": time, "exp_samples": samples}
    return {"name": name, "interval": "15s", "input_series": series, "promql_expr_test": [test]}


def _ours(metric: str, values: str, labels: str = 'engine="0"') -> Series:
    return [{"series": f'{metric}{{{OURS},{labels},pod="{pod}"}}', "values": values} for pod in PODS]


def _histogram(metric: str, counts: dict[str, str]) -> Series:
    buckets = [line for le, values in counts.items() for line in _ours(f"{metric}_bucket", values, f'le="{le}"')]
    return [*buckets, *_ours(f"{metric}_count", counts["+Inf"])]


def _ttft(fast: str, every: str) -> Series:
    """First tokens within 1 s, and all of them, which take up to 5 s."""
    counts = {"1.0": fast, "2.5": fast, "5.0": every, "+Inf": every}
    return _histogram("vllm:time_to_first_token_seconds", counts)


def _idle() -> Series:
    metrics = ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc")
    return [line for metric in metrics for line in _ours(f"vllm:{metric}", "0x4000")]


def _replicas(available: int, wanted: int) -> Series:
    return [
        {"series": f"kube_deployment_status_replicas_available{{{DEPLOYMENT}}}", "values": f"{available}x4000"},
        {"series": f"kube_deployment_spec_replicas{{{DEPLOYMENT}}}", "values": f"{wanted}x4000"},
    ]


def _pod(name: str, *, ready: int, phase: str = "Running") -> Series:
    pod = f'namespace="inference",pod="{name}"'
    phases = {each: int(each == phase) for each in ("Pending", "Running", "Succeeded", "Failed")}
    return [
        {"series": f"kube_pod_created{{{pod}}}", "values": "0x4000"},
        {"series": f'kube_pod_status_ready{{{pod},condition="true"}}', "values": f"{ready}x4000"},
        *(
            {"series": f'kube_pod_status_phase{{{pod},phase="{each}"}}', "values": f"{value}x4000"}
            for each, value in phases.items()
        ),
    ]


def _signals() -> list[Spec]:
    engines = [
        *_ours("vllm:num_requests_running", "16x40"),
        *_ours("vllm:num_requests_running", "8x40", 'engine="1"'),
        *_ours("vllm:num_requests_waiting", "2x40"),
        *_ours("vllm:kv_cache_usage_perc", "0.5x40"),
        *_ours("vllm:kv_cache_usage_perc", "0.7x40", 'engine="1"'),
    ]
    gone = [*_ours("vllm:num_requests_running", "9x4 stale"), *_ours("vllm:num_requests_waiting", "9x4 stale")]
    one = [*_ours("vllm:num_requests_running", "7x40")[:1], *_ours("vllm:num_requests_waiting", "0x40")[:1]]
    others = [{**line, "series": line["series"].replace("inference", "elsewhere")} for line in engines]
    return [
        _scene("two idle pods", [*_idle(), *_ttft("0x99", "0x99")], "9m", concurrency=0, queue=0, kv=0, ttft=0),
        _scene("one pod", one, "9m", concurrency=7, queue=0),
        _scene("two pods of two engines", engines, "9m", concurrency=52, queue=4, kv=1.2),
        _scene("slow first tokens", _ttft("0x40", "0+15x40"), "9m", ttft=4.875),
        _scene("quick first tokens", _ttft("0+15x40", "0+15x40"), "9m", ttft=0.95),
        _scene("nothing is scraped", [], "9m", concurrency=None, queue=None, kv=None, ttft=None),
        _scene("the scrape ended", gone, "9m", concurrency=None, queue=None, ttft=None),
        _scene("another namespace", others, "9m", concurrency=None, queue=None, kv=None, ttft=None),
    ]


def _serving() -> list[Spec]:
    well = [*_idle(), *_replicas(2, 2)]
    slow, quick = {"5.0": "0x4000", "10.0": "0+1x4000", "+Inf": "0+1x4000"}, {"0.3": "0+1x4000", "+Inf": "0+1x4000"}
    queue = "vllm:request_queue_time_seconds"
    full = [*_replicas(2, 2), *_ours("vllm:num_requests_running", "1x400")]
    refusals = _ours("vllm:admission_rejections_total", "0+1x400", 'reason="max_num_queued_reqs"')
    fast, slowly = "VllmTtftBudgetBurnsFast", "VllmTtftBudgetBurnsSlowly"
    return [
        _alerts("all is well", [*well, *_pod(PODS[0], ready=1), *_ttft("0+9x4000", "0+9x4000")], "7h"),
        _alerts("long queue", [*well, *_histogram(queue, slow)], "1h", "VllmQueueTimeHigh"),
        _alerts("short queue", [*well, *_histogram(queue, quick)], "1h"),
        _alerts("preemptions", [*well, *_ours("vllm:num_preemptions_total", "0+1x400")], "1h", "VllmPreemptions"),
        _alerts("cache full", [*full, *_ours("vllm:kv_cache_usage_perc", "0.97x400")], "1h", "VllmKvCacheFull"),
        _alerts("cache used", [*full, *_ours("vllm:kv_cache_usage_perc", "0.9x400")], "1h"),
        _alerts("requests refused", [*well, *refusals], "1h", "VllmRejectsRequests"),
        _alerts("every token late", [*well, *_ttft("0x4000", "0+15x4000")], "2h", fast, slowly),
        _alerts("40 % late", [*well, *_ttft("0+9x4000", "0+15x4000")], "7h", slowly),
        _alerts("the first request is late", [*well, *_ttft("0x4000", "0x200 1x3000")], "55m"),
        _alerts("4 % late", [*well, *_ttft("0+96x4000", "0+100x4000")], "7h"),
    ]


def _availability() -> list[Spec]:
    """The start budget of this case is 9900 s."""
    none = _replicas(0, 1)
    restarts = 'kube_pod_container_status_restarts_total{namespace="inference",container="vllm",pod="%s"}'
    restarted = [*_idle(), *_replicas(2, 2), {"series": restarts % PODS[0], "values": "0x100 1x300"}]
    waiting = [*none, *_pod(PODS[0], ready=0)]
    failed = [*_idle(), *_replicas(1, 1), *_pod(PODS[0], ready=0, phase="Failed")]
    other = [*_idle(), *_replicas(1, 1), *_pod("chat-big-5d9f8c7b6-abcde", ready=0)]
    created = {"series": f"kube_deployment_created{{{DEPLOYMENT}}}", "values": "0x4000"}
    young = {"series": f'kube_pod_created{{namespace="inference",pod="{PODS[1]}"}}', "values": "0+15x4000"}
    half = [line for line in _idle() if PODS[0] in line["series"]]
    return [
        _alerts("made again and again", [*none, created, young], "3h", "VllmDown"),
        _alerts("one of two is scraped", [*half, *_replicas(2, 2)], "1h", "VllmMetricsMissing"),
        _alerts("starting", waiting, "2h40m"),
        _alerts("started for too long", waiting, "2h55m", "VllmDown", "VllmStartsSlowly"),
        _alerts("evicted long ago", failed, "3h"),
        _alerts("somebody else's pod", other, "3h"),
        _alerts("no pods", none, "1h", "VllmDown"),
        _alerts("scaled to zero", _replicas(0, 0), "1h"),
        _alerts("just restarted", restarted, "26m", "VllmEngineDies"),
        _alerts("restarted an hour ago", restarted, "1h30m"),
        _alerts("not scraped", _replicas(2, 2), "1h", "VllmMetricsMissing"),
    ]


def _scaling() -> list[Spec]:
    errors = 'keda_scaler_detail_errors_total{scaledObject="chat",metric="s0-prometheus",%s}'
    ours = {"series": errors % 'namespace="inference"', "values": "0+1x400"}
    renamed = {"series": errors % 'namespace="keda",exported_namespace="inference"', "values": "0+1x400"}
    other = {"series": errors % 'namespace="keda",exported_namespace="elsewhere"', "values": "0+1x400"}
    inactive = f'kube_horizontalpodautoscaler_status_condition{{{HPA},condition="ScalingActive",status="false"}}'
    desired = f"kube_horizontalpodautoscaler_status_desired_replicas{{{HPA}}}"
    most = {"series": f"kube_horizontalpodautoscaler_spec_max_replicas{{{HPA}}}", "values": "4x400"}
    well = [*_idle(), *_replicas(2, 2)]
    off = {"series": inactive, "values": "1x400"}
    return [
        _alerts("no signal", [*well, ours], "1h", "VllmScalerInFallback"),
        _alerts("no signal, scraped without honorLabels", [*well, renamed], "1h", "VllmScalerInFallback"),
        _alerts("no signal elsewhere", [*well, other], "1h"),
        _alerts("scaling inactive", [*well, off], "1h", "VllmScalingInactive"),
        _alerts("scaling inactive at zero", [*_replicas(0, 0), off], "1h"),
        _alerts("at the top", [*well, most, {"series": desired, "values": "4x400"}], "1h", "VllmAtMaxReplicas"),
        _alerts("below the top", [*well, most, {"series": desired, "values": "3x400"}], "1h"),
    ]


if __name__ == "__main__":
    sys.exit(check(Path(sys.argv[1])) or 0)
