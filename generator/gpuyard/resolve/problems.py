"""Collecting what is wrong: every check adds to one list, so that all of it is reported at once.

What nobody would read is counted, and neither placed nor put into words: a pull request may hold thousands of it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gpuyard.doors.schema import Breach, validate
from gpuyard.doors.yamlio import show_path
from gpuyard.errors import MOST_PROBLEMS, Hint, Problem
from gpuyard.project.load import Project

__all__ = ["Problems"]

_KEPT = 10 * MOST_PROBLEMS
"""More than are told: some are no problem any more once the clusters are looked at."""


class Problems:
    """The problems found so far, placed in the user's files."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.found: list[Problem] = list(project.problems)
        self._known = set(self.found)
        self._beyond: set[object] = set()
        self.more = project.more
        """Of those that are not kept: a number."""

    def add(
        self, file: str, path: tuple[str | int, ...], message: str, *, key: bool = False, hint: Hint | None = None
    ) -> None:
        """Note what is wrong with a value, or with its key; once, though several shapes may show it."""
        if not self._full((file, path, message)):
            words = f"{message}; {hint}" if hint and len(self.found) < MOST_PROBLEMS else message
            self._keep(Problem(self._project.at(file, *path, key=key), f"{show_path(path)}: {words}"))

    def breaches(self, file: str, found: Iterable[Breach]) -> None:
        """Note how values break a schema; each once."""
        for path, message, key in found:
            if not self._full((file, path, message)):
                self._keep(Problem(self._project.at(file, *path, key=key), f"{show_path(path)} {message}"))

    def validate(self, file: str, path: tuple[str | int, ...], schema: Mapping[str, Any]) -> bool:
        """Note how a value breaks a schema of its own; False if it does."""
        found = validate(self._project.documents[file].part(path), schema)
        for problem in found:
            self._keep(problem)
        return not found

    def raised(self) -> bool:
        """Whether there is any."""
        return bool(self.found or self.more)

    def _full(self, place: object) -> bool:
        if len(self.found) < _KEPT:
            return False
        if place not in self._beyond:
            self._beyond.add(place)
            self.more += 1
        return True

    def _keep(self, problem: Problem) -> None:
        if problem not in self._known:
            self._known.add(problem)
            self.found.append(problem)
