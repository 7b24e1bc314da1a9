"""What runs where today, as far as its author hasn't decided otherwise, and why it can't stay there."""

from collections.abc import Iterable, Mapping

from gpuyard.project.load import Project
from gpuyard.project.stack import Cluster
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.workload import Refusal, Workload
from gpuyard.review.placed import Placements

__all__ = ["Ran"]


class Ran:
    """The shapes that blueprints run on, by cluster."""

    def __init__(
        self,
        project: Project,
        found: Mapping[str, Mapping[str, Workload]],
        refusals: Iterable[Refusal],
        running: Placements,
    ) -> None:
        self._running, self._found = running, found
        self._refusals = {(each.blueprint, each.shape): each for each in refusals}
        self._files = {blueprint.name: blueprint.file for blueprint in project.blueprints}
        self._named = {name: _shapes(project, file) for name, file in self._files.items()}

    def shape(self, cluster: Cluster, name: str) -> str | None:
        """The shape that a blueprint has to stay on; None: it didn't run, or its author moves it."""
        placed = self._running.get(cluster.name, {}).get(name)
        named = self._named[name]
        if placed is None or placed.shape not in cluster.shapes or (named is not None and placed.shape not in named):
            return None
        return placed.shape

    def explain(self, cluster: Cluster, name: str, shape: str, problems: Problems) -> None:
        """What is wrong, for a blueprint that ran there and can't any more; where that is said already, nothing."""
        refusal = self._refusals.get((name, shape))
        path: tuple[str, ...] = ("spec", "model")
        if workload := self._found[name].get(shape):
            fits, has = ", ".join(workload.nodes), ", ".join(cluster.shapes[shape])
            reason = f"it fits on {fits}, and the cluster has {has}"
        elif refusal and self._named[name] is None and self._found[name]:
            reason, path = refusal.reason, refusal.path
        else:
            return
        problems.add(
            self._files[name],
            path,
            f"{name} runs on {shape} in {cluster.name} and would not fit there any more: {reason}. Change it back, or "
            f"decide it: list what {cluster.name} runs in `blueprints` of the cluster in stack.yaml, list `shapes` of "
            f"the blueprint without {shape}, or delete the blueprint",
            key=True,
        )


def _shapes(project: Project, file: str) -> frozenset[str] | None:
    """The shapes that a blueprint's author lists, whatever its kind; None: doesn't."""
    listed = project.documents[file].value["spec"].get("shapes")
    return None if listed is None else frozenset(listed)
