"""charts/<stack>: the umbrella of everything, which CI packages and releases; the platform is off by default.

One release with KEDA and a ScaledObject can't be installed on an empty cluster, because Helm resolves every
kind before it creates anything. Clusters get the platform in layers; this chart records its versions.
"""

from collections.abc import Mapping
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.render.charts.chartlock import Dependency, chart_lock, chart_yaml
from gpuyard.render.charts.servers import selected
from gpuyard.resolve import Resolved
from gpuyard.tree import HEADER, SERVERS, Tree, chart

__all__ = ["files"]

_NOTES = """\
On an empty cluster install twice: first the platform (`--set keda.enabled=true,inference.enabled=false` and so on),
then with `inference.enabled=true` and `-f values-<shape>.yaml`. A GitOps engine does this in layers on its own.
"""


def files(resolved: Resolved) -> Tree:
    """The chart; `helm dependency build` fetches what it names."""
    stack, folder = resolved.stack, chart(resolved.stack.name)
    platform = [
        Dependency(release.chart, release.version, release.repository, f"{release.chart}.enabled")
        for release in resolved.releases
    ]
    servers = Dependency(SERVERS, stack.version, f"file://../{SERVERS}", f"{SERVERS}.enabled")
    dependencies = [servers, *platform]
    header = HEADER.format(source="stack.yaml")
    off = {release.chart: {"enabled": False, **release.values} for release in resolved.releases}
    metadata = chart_yaml(stack.name, stack.version, "The stack's model servers and their platform.", dependencies)
    tree = {
        folder / "Chart.yaml": header + yamlio.dump(metadata),
        folder / "Chart.lock": header + yamlio.dump(chart_lock(dependencies)),
        folder / "templates" / "NOTES.txt": _NOTES,
        folder / "values.yaml": header + yamlio.dump({SERVERS: {"enabled": True}, **off}),
    }
    for name in selected(resolved):
        changed = _platform(resolved, name) if name in resolved.own else {}
        tree[folder / f"values-{name}.yaml"] = header + yamlio.dump({SERVERS: {"shape": name}, **changed})
    return tree


def _platform(resolved: Resolved, cluster: str) -> dict[str, Any]:
    """What a cluster that differs changes of the platform's values; another version of a chart isn't in this one."""
    common = {(release.chart, release.version): release.values for release in resolved.releases}
    return {
        release.chart: change
        for release in resolved.own[cluster].releases
        if (release.chart, release.version) in common
        and (change := _change(common[release.chart, release.version], release.values))
    }


def _change(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What Helm merges over some values to get others; null takes a key away."""
    found: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            if inner := _change(old, value):
                found[key] = inner
        elif key not in before or old != value:
            found[key] = value
    return found
