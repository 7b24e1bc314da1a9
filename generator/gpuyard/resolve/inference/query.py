"""The author's own PromQL: is it any, is its result one value, and has vLLM the metrics that it names?"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.catalogue.vllm import Metric, base, removed
from gpuyard.doors import promql
from gpuyard.doors.promql import Query, Selector
from gpuyard.doors.yamlio import Path
from gpuyard.errors import nearest
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.resolve.inference.build import Build
from gpuyard.resolve.overrides import at
from gpuyard.resolve.problems import Problems

__all__ = ["check", "notes", "read", "wrong"]

_PATH = ("spec", "scaling", "upstream", "query")
_OURS = "vllm:"
_LISTED = "/metrics of a running server lists them"
_ENDS = {"histogram": ("_bucket", "_count", "_sum")}
_UNKNOWN = "unknown function"
_OF_TARGETS = ("container", "endpoint", "instance", "job", "namespace", "node", "pod", "service", "cluster", "region")
"""Labels that a scrape adds, or that a Prometheus gives to all that it has."""
_OF_PROMETHEUS = re.compile(r"prometheus(_replica)?|__.*|exported_.*|topology_.*|external_.*")


def read(blueprint: Blueprint[Inference]) -> Query | None:
    """The query of signal upstream; None: there is none, or none that can be read."""
    found = _parsed(blueprint)
    return found if isinstance(found, Query) else None


def check(blueprint: Blueprint[Inference], runs: Build, problems: Problems) -> None:
    """What KEDA could do nothing with."""
    found = _parsed(blueprint)
    if isinstance(found, str) and not found.startswith(_UNKNOWN):
        problems.add(blueprint.file, _PATH, f"is not PromQL: {found}")
    if not isinstance(found, Query):
        return
    if found.shape:
        problems.add(blueprint.file, _PATH, f"gives {found.shape}, and KEDA needs one number; write sum(…)")
    elif found.several:
        message = f"may give several elements, because {found.several}, and KEDA takes one only; put sum(…) around it"
        problems.add(blueprint.file, _PATH, message)
    if runs.released:
        for message in dict.fromkeys(_unknown(blueprint, found, runs)):
            problems.add(blueprint.file, _PATH, message)


def notes(blueprint: Blueprint[Inference], runs: Build) -> Iterator[str]:
    """What may leave KEDA without a value."""
    found, where = _parsed(blueprint), f"{blueprint.file}: spec.scaling.upstream.query"
    if isinstance(found, str) and found.startswith(_UNKNOWN):
        yield f"{where}: {found}; gpuyard knows the functions of Prometheus 3, and passes it on as written"
    if not isinstance(found, Query):
        return
    for part in found.drops:
        way = f"; write `{part} bool` for 0 and 1" if part not in ("and", "unless") else ""
        yield f"{where}: `{part}` may leave no element, which KEDA takes for a failure and keeps the replicas{way}"
    if found.divides:
        yield f"{where}: a division by zero is NaN, by which KEDA does not scale; write / clamp_min(…, 1)"
    if not runs.released:
        yield from (f"{where}: {message}" for message in dict.fromkeys(_unknown(blueprint, found, runs)))


def wrong(obj: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """What is wrong with the PromQL of an object that an author adds: of rules, and of triggers."""
    for path, text in _written(obj):
        found = promql.parse(str(text)) if isinstance(text, str | int | float) else None
        if isinstance(found, str) and not found.startswith(_UNKNOWN):
            yield path, f"is not PromQL: {found}"


def _written(obj: Mapping[str, Any]) -> Iterator[tuple[Path, object]]:
    """As far as it can be read: the API server checks the rest."""
    if obj["kind"] == "PrometheusRule":
        for at_group, group in _listed(obj, "spec", "groups"):
            for at_rule, rule in _listed(group, "rules"):
                if "expr" in rule:
                    yield (*at_group, *at_rule, "expr"), rule["expr"]
    elif obj["kind"] == "ScaledObject":
        for at_trigger, trigger in _listed(obj, "spec", "triggers"):
            if trigger.get("type") == "prometheus" and isinstance(trigger.get("metadata"), Mapping):
                yield (*at_trigger, "metadata", "query"), trigger["metadata"].get("query")


def _listed(holder: Mapping[str, Any], *path: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    found = at(holder, path)
    for index, each in enumerate(found if isinstance(found, list) else ()):
        if isinstance(each, Mapping):
            yield (*path, index), each


def _parsed(blueprint: Blueprint[Inference]) -> Query | str | None:
    scaling = blueprint.spec.scaling
    if scaling.signal != "upstream" or scaling.upstream is None:
        return None
    return promql.parse(scaling.upstream.query)


def _unknown(blueprint: Blueprint[Inference], query: Query, runs: Build) -> Iterator[str]:
    """Metrics and labels that the version of vLLM doesn't have, and series of another model."""
    known = base(runs.version)
    series = {end: metric for name, metric in known.metrics.items() for end in _series(name, metric)}
    for each in query.selectors:
        if each.name is None or not each.name.startswith(_OURS):
            continue
        if each.name not in series and (gone := removed(each.name, runs.version)):
            yield f"{each.name} {gone}"
        elif each.name not in series:
            near = nearest(each.name, series, listed=_LISTED)
            yield f"{each.name} is not a metric of vLLM {known.release}; {near}"
        else:
            yield from _labels(each, series[each.name], blueprint.spec.model.served_name)


def _series(name: str, metric: Metric) -> Iterator[str]:
    """What Prometheus calls a metric."""
    yield from (f"{name}{end}" for end in _ENDS.get(metric.type, ("",)))


def _labels(selector: Selector, metric: Metric, served: str) -> Iterator[str]:
    known = {*(metric.labels or ()), *(("le",) if str(selector.name).endswith("_bucket") else ()), *_OF_TARGETS}
    for op, label, value in selector.matchers:
        if label not in known and metric.labels is not None and not _OF_PROMETHEUS.fullmatch(label):
            if op in ("=", "=~") and value:
                yield f"{selector.name} has no label {label}; {nearest(label, known)}"
        elif label == "model_name" and not _matches(op, value, served):
            yield f'{selector.name} is asked for model_name{op}"{value}", and this model is served as {served}'


def _matches(op: str, value: str, served: str) -> bool:
    if op in ("=", "!="):
        return (value == served) == (op == "=")
    try:
        return bool(re.fullmatch(value, served)) == (op == "=~")
    except re.error:  # of Go's syntax, not of Python's
        return True
