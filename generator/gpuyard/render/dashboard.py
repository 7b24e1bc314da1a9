"""The stack's Grafana dashboard, in a ConfigMap that a Grafana with the dashboard sidecar picks up."""

import json
from collections.abc import Callable
from string import ascii_uppercase
from typing import Any

from gpuyard.catalogue.panels import Panel, Variable, board
from gpuyard.resolve import Resolved, prometheus

__all__ = ["objects"]

Object = dict[str, Any]

_SOURCE = {"type": "prometheus", "uid": "$datasource"}
_HEIGHT, _WIDTH = 8, 24  # of a panel, and of Grafana's grid
_ALL = {"text": ["All"], "value": ["$__all"]}
_TITLES = {"namespace": "Namespace", "model_name": "Model"}  # of a table's columns that are labels
_KEPT = "${datasource:queryparam}&${__url_time_range}"


def objects(resolved: Resolved) -> list[Object]:
    """The ConfigMap; beside the models where Prometheus isn't ours, since no other namespace is sure to exist."""
    stack = resolved.stack
    ours = prometheus.installed(stack.platform)
    namespace = ours.namespace if ours else stack.namespace
    metadata = {"name": f"{stack.name}-dashboard", "namespace": namespace, "labels": {"grafana_dashboard": "1"}}
    text = json.dumps(_dashboard(stack.name, stack.namespace), indent=1) + "\n"
    return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {f"{stack.name}.json": text}}]


def _dashboard(name: str, namespace: str) -> Object:
    chosen = {"namespace": {"text": [namespace], "value": [namespace]}}
    variables = [_variable(each, chosen.get(each.name, _ALL)) for each in board().variables]
    return {
        "uid": name,
        "title": f"{name}: model servers",
        "tags": ["gpuyard", "vllm"],
        "editable": False,
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "annotations": {"list": []},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}, *variables]},
        "panels": _panels(name),
    }


def _variable(variable: Variable, current: Object) -> Object:
    return {
        "name": variable.name,
        "type": "query",
        "datasource": _SOURCE,
        "query": variable.query,
        "refresh": 2,  # when the time range changes: a model whose servers ended within it is found
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": current,
        **({"label": variable.label} if variable.label else {"hide": 2}),
        **({"regex": variable.regex} if variable.regex else {}),
        **({"allValue": variable.all} if variable.all else {}),
    }


def _panels(dashboard: str) -> list[Object]:
    found: list[Object] = []
    for number, row in enumerate(board().rows):
        top = number * (_HEIGHT + 1)
        place = {"x": 0, "y": top, "w": _WIDTH, "h": 1}
        header = {"type": "row", "title": row.title, "collapsed": False, "gridPos": place, "panels": []}
        found.append({"id": len(found) + 1, **header})
        edges = [_WIDTH * index // len(row.panels) for index in range(len(row.panels) + 1)]
        for panel, left, right in zip(row.panels, edges, edges[1:], strict=False):
            place = {"x": left, "y": top + 1, "w": right - left, "h": _HEIGHT}
            shown = _table(panel, dashboard) if panel.table else _lines(panel)
            found.append({"id": len(found) + 1, **shown, "gridPos": place})
    return found


def _lines(panel: Panel) -> Object:
    stacking = {"custom": {"stacking": {"mode": "normal", "group": "A"}, "fillOpacity": 30}} if panel.stacked else {}
    defaults = {"unit": panel.queries[0].unit, "min": 0, **stacking}
    return {
        "type": "timeseries",
        **_asked(panel, lambda legend: {"legendFormat": legend}),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _table(panel: Panel, dashboard: str) -> Object:
    """A line for each namespace and model, whose name leads to the panels of that model."""
    columns = {f"Value #{letter}": query.legend for letter, query in zip(ascii_uppercase, panel.queries, strict=False)}
    namespace = f"${{__data.fields.{_TITLES['namespace']}}}"
    link = {
        "title": "Show this model",
        "url": f"/d/{dashboard}?var-namespace={namespace}&var-model_name=${{__value.raw:percentencode}}&{_KEPT}",
    }
    overrides = [_override(query.legend, "unit", query.unit) for query in panel.queries]
    organize = {"excludeByName": {"Time": True}, "renameByName": {**_TITLES, **columns}}
    return {
        "type": "table",
        **_asked(panel, lambda _: {"format": "table", "instant": True}),
        "fieldConfig": {"defaults": {}, "overrides": [_override(_TITLES["model_name"], "links", [link]), *overrides]},
        "transformations": [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}],
    }


def _override(column: str, name: str, value: object) -> Object:
    return {"matcher": {"id": "byName", "options": column}, "properties": [{"id": name, "value": value}]}


def _asked(panel: Panel, form: Callable[[str], Object]) -> Object:
    """What panels of both kinds have; the form of a query by its legend."""
    targets = [
        {"refId": letter, **form(query.legend), "expr": query.expression, "datasource": _SOURCE}
        for letter, query in zip(ascii_uppercase, panel.queries, strict=False)
    ]
    return {"title": panel.title, "description": panel.description, "datasource": _SOURCE, "targets": targets}
