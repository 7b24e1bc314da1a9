"""The door to promtool: rules and scenes in, its complaint out."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Samples", "Scene", "Series", "check", "run"]

Series = dict[str, str]
"""Values in promtool's notation by series."""

Samples = dict[str, float]
"""Values by labels; empty: the expression has no element."""


@dataclass(frozen=True)
class Scene:
    """What Prometheus has seen, and what it must answer: (expression, time, samples), or alerts."""

    name: str
    series: Series
    answers: list[tuple[str, str, Samples]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    interval: str = "15s"


def run(promtool: Path, folder: Path, scenes: list[Scene], groups: list[dict[str, Any]] | None = None) -> str:
    """Nothing where promtool finds every answer right, else what it says."""
    (folder / "rules.yaml").write_text(json.dumps({"groups": groups or []}), encoding="utf-8")
    tests = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "group_eval_order": [group["name"] for group in groups or []],
        "fuzzy_compare": True,  # for the last digit
        "tests": [_test(scene) for scene in scenes],
    }
    (folder / "tests.yaml").write_text(json.dumps(tests), encoding="utf-8")
    return _said(promtool, "test", "rules", str(folder / "tests.yaml"))


def check(promtool: Path, folder: Path, files: list[list[dict[str, Any]]]) -> str:
    """Nothing where promtool takes the rule groups of every file, else what it says."""
    paths = [folder / f"{index}.yaml" for index in range(len(files))]
    for path, groups in zip(paths, files, strict=True):
        path.write_text(json.dumps({"groups": groups}), encoding="utf-8")
    return _said(promtool, "check", "rules", "--lint-fatal", *map(str, paths))


def _test(scene: Scene) -> dict[str, Any]:
    return {
        "name": scene.name,
        "interval": scene.interval,
        "input_series": [{"series": series, "values": values} for series, values in scene.series.items()],
        "promql_expr_test": [
            {"expr": expression, "eval_time": time, "exp_samples": [{"labels": k, "value": v} for k, v in want.items()]}
            for expression, time, want in scene.answers
        ],
        "alert_rule_test": scene.alerts,
    }


def _said(promtool: Path, *argv: str) -> str:
    done = subprocess.run([str(promtool), *argv], capture_output=True, text=True, check=False, timeout=120)
    return (done.stdout + done.stderr or "promtool failed and said nothing") if done.returncode else ""
