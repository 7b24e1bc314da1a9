"""What the world's Prometheus answers."""

import json
import urllib.parse
import urllib.request
from typing import Any

__all__ = ["alerts", "ask", "firing", "targets"]

_ADDRESS = "http://kps-prometheus.monitoring.svc.cluster.local:9090"


def ask(query: str) -> list[tuple[dict[str, str], float]]:
    """The labels and value of each element; nothing while it does not answer."""
    found = _get(f"/api/v1/query?{urllib.parse.urlencode({'query': query})}")
    return [(each["metric"], float(each["value"][1])) for each in found.get("result", [])]


def firing() -> set[str]:
    """Names of the alerts that fire."""
    return {labels["alertname"] for labels, _ in ask('ALERTS{alertstate="firing"}')}


def alerts() -> set[str]:
    """Names of the alerts that fire or would, if it goes on."""
    return {labels["alertname"] for labels, _ in ask("ALERTS")}


def targets() -> dict[str, str]:
    """The health of each scraped address."""
    found = _get("/api/v1/targets?state=active")
    return {each["scrapeUrl"]: each["health"] for each in found.get("activeTargets", [])}


def _get(path: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(_ADDRESS + path, timeout=10) as response:  # noqa: S310 - the scheme is ours
            data: dict[str, Any] = json.load(response)["data"]
            return data
    except (OSError, ValueError):
        return {}
