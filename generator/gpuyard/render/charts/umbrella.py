"""charts/<stack>: the umbrella of everything, which CI packages and releases; the platform is off by default.

One release with KEDA and a ScaledObject can't be installed on an empty cluster, because Helm resolves every
kind before it creates anything. Clusters get the platform in layers; this chart records its versions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gpuyard.catalogue.platform import Release
from gpuyard.doors import yamlio
from gpuyard.render.charts.chartlock import Dependency, chart_lock, chart_yaml
from gpuyard.render.charts.servers import selected
from gpuyard.resolve import Resolved
from gpuyard.tree import HEADER, SERVERS, Tree, chart

__all__ = ["files"]

Values = Mapping[str, Any]

_NOTES = """\
On an empty cluster install twice, with `-f values-<shape>.yaml`, or `-f values-<cluster>.yaml` where there is one:
first the platform (`--set keda.enabled=true,inference.enabled=false` and so on), then with `inference.enabled=true`. A
GitOps engine does this in layers on its own.
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
    shared = {release.chart: _shared(release, resolved) for release in resolved.releases}
    off = {name: {"enabled": False, **values} for name, values in shared.items()}
    metadata = chart_yaml(stack.name, stack.version, "The stack's model servers and their platform.", dependencies)
    tree = {
        folder / "Chart.yaml": header + yamlio.dump(metadata),
        folder / "Chart.lock": header + yamlio.dump(chart_lock(dependencies)),
        folder / "templates" / "NOTES.txt": _NOTES,
        folder / "values.yaml": header + yamlio.dump({SERVERS: {"enabled": True}, **off}),
    }
    for name in selected(resolved):
        changed = _platform(resolved, name, shared)
        tree[folder / f"values-{name}.yaml"] = header + yamlio.dump({SERVERS: {"shape": name}, **changed})
    return tree


def _shared(release: Release, resolved: Resolved) -> Values:
    """What all clusters give a chart: a file of values can't take back another one, for null takes the default, too."""
    others = [each.values for own in resolved.own.values() for each in own.releases if _same(each, release)]
    return _in_all(release.values, others)


def _in_all(values: Values, others: Sequence[Values]) -> Values:
    """The keys that all others have, too, whatever they have there; no null, which Helm heeds in files of `-f` only."""
    found = {}
    for key, value in values.items():
        theirs = [each[key] for each in others if key in each]
        if len(theirs) == len(others) and value is not None:
            both = isinstance(value, Mapping) and all(isinstance(each, Mapping) for each in theirs)
            found[key] = _in_all(value, theirs) if both else value
    return found


def _same(one: Release, other: Release) -> bool:
    """Another version of a chart isn't in this one."""
    return (one.chart, one.version) == (other.chart, other.version)


def _platform(resolved: Resolved, name: str, shared: Mapping[str, Values]) -> Values:
    """What the clusters of a shape, or one that differs, have beside what all have."""
    own = resolved.own[name].releases if name in resolved.own else resolved.releases
    here = [each for each in own if any(_same(each, release) for release in resolved.releases)]
    return {each.chart: change for each in here if (change := _added(shared[each.chart], each.values))}


def _added(before: Values, after: Values) -> Values:
    """What Helm merges over some values to get others, which have all of their keys."""
    found = {}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            if inner := _added(old, value):
                found[key] = inner
        elif key not in before or old != value:
            found[key] = value
    return found
