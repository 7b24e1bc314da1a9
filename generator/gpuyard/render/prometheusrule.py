"""The alerts of a stack, in one PrometheusRule for all of its models."""

from typing import Any

from gpuyard.catalogue.alerts import Alert, catalogue, filled
from gpuyard.project.stack import Alerts
from gpuyard.resolve import Resolved, prometheus

__all__ = ["objects"]

Object = dict[str, Any]


def objects(resolved: Resolved) -> list[Object]:
    """The PrometheusRule, in the namespace of the models."""
    stack, known = resolved.stack, catalogue()
    given = prometheus.written(stack.platform).labels
    labels = {"labels": dict(given)} if given else {}
    recorded = [
        {
            "record": series.record,
            "expr": _expr(series.expr, resolved),
            **({"labels": dict(series.labels)} if series.labels else {}),
        }
        for series in known.series
    ]
    raised = [_alert(each, resolved) for each in known.alerts if each.name not in stack.alerts.disabled]
    # One group: its rules are evaluated in their order and at one time.
    group = {"name": f"{stack.name}.models", "rules": [*recorded, *raised]}
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": f"{stack.name}-alerts", "namespace": stack.namespace, **labels},
            "spec": {"groups": [group]},
        }
    ]


def _alert(alert: Alert, resolved: Resolved) -> Object:
    given = resolved.stack.alerts
    return {
        "alert": alert.name,
        "expr": _expr(alert.expr, resolved),
        "for": alert.wait,
        "labels": {"severity": alert.severity, **given.labels},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": _runbook(alert.name, given),
        },
    }


def _expr(expr: str, resolved: Resolved) -> str:
    return filled(expr, resolved.stack.namespace, resolved.stack.alerts.thresholds).strip()


def _runbook(name: str, given: Alerts) -> str:
    """A section of our page, or a page of the stack's own."""
    return f"{given.runbook_url.rstrip('/')}/{name}" if given.runbook_url else f"{catalogue().runbook}#{name.lower()}"
