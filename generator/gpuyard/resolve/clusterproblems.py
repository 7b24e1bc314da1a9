"""Problems that only a cluster's own settings cause, told where the cluster has them."""

from collections.abc import Collection, Iterable, Iterator

from gpuyard.doors.schema import Breach
from gpuyard.doors.yamlio import Path, show_path
from gpuyard.errors import Hint, Problem
from gpuyard.project.load import Project
from gpuyard.project.siteoverrides import own_keys
from gpuyard.project.stack import Cluster
from gpuyard.resolve.problems import Problems

__all__ = ["ClusterProblems"]


class ClusterProblems(Problems):
    """Found as if a cluster's settings were the stack's, and as if its placements were the blueprints' own."""

    def __init__(self, project: Project, index: int) -> None:
        super().__init__(project)
        self._places: dict[Problem, tuple[str, Path, bool]] = {}
        self._path: Path = ("spec", "clusters", index)
        self._value = project.documents[project.stack.file].value["spec"]["clusters"][index]
        self._cluster: Cluster = project.stack.clusters[index]
        self._blueprints = {blueprint.file: blueprint.name for blueprint in project.blueprints}

    def add(self, file: str, path: Path, message: str, *, key: bool = False, hint: Hint | None = None) -> None:
        """As Problems do, and remember where."""
        super().add(file, path, message, key=key, hint=hint)
        self._places.setdefault(self.found[-1], (file, path, key))

    def breaches(self, file: str, found: Iterable[Breach]) -> None:
        """As Problems do, and remember where."""
        for each in found:
            super().breaches(file, [each])
            self._places.setdefault(self.found[-1], (file, each.path, each.key))

    def own(self, known: Collection[Problem]) -> Iterator[Problem]:
        """Those that nobody knows yet, at the cluster's own keys."""
        for problem in self.found:
            if problem not in known and problem in self._places:
                yield self._told(problem, *self._places[problem])

    def _told(self, problem: Problem, file: str, path: Path, key: bool) -> Problem:
        own, stack = own_keys(self._value), self._project.stack.file
        if file == stack and path[:3] == self._path:
            return problem
        if file == stack and path[:1] == ("spec",) and path[1] in own:
            place = (*self._path, *path[1:])
            text = problem.message.replace(show_path(path), show_path(place), 1)
            return Problem(self._project.at(stack, *place, key=key), text)
        place = self._place(file, path, own)
        text = f"{show_path(place)}: in {self._cluster.name}, {file} {problem.message}"
        return Problem(self._project.at(stack, *place), text)

    def _place(self, file: str, path: Path, own: Collection[str]) -> Path:
        """The key that causes it, as far as that is known: of the placement, the only setting, or the whole cluster."""
        name = self._blueprints.get(file)
        if name is not None and name in self._cluster.placed:
            where = (*self._path, "blueprints", name)
            written = self._value["blueprints"][name]
            named = next((each for each in path if each in written), None)
            return where if named is None else (*where, named, *path[path.index(named) + 1 :])
        return (*self._path, next(iter(own))) if len(own) == 1 else self._path
