"""charts/<stack>: the umbrella of everything, which CI packages and releases; the platform is off by default.

One release with KEDA and a ScaledObject can't be installed on an empty cluster, because Helm resolves every
kind before it creates anything. Clusters get the platform in layers; this chart records its versions.
"""

from gpuyard.doors import yamlio
from gpuyard.render.charts.chartlock import Dependency, chart_lock, chart_yaml
from gpuyard.render.charts.servers import shapes
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
    for shape in shapes(stack):
        tree[folder / f"values-{shape}.yaml"] = header + yamlio.dump({SERVERS: {"shape": shape}})
    return tree
