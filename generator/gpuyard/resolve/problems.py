"""Collecting what is wrong: every check adds to one list, so that all of it is reported at once."""

from collections.abc import Iterable, Mapping
from typing import Any

from gpuyard.doors.schema import Breach, validate
from gpuyard.doors.yamlio import show_path
from gpuyard.errors import Problem
from gpuyard.project.load import Project

__all__ = ["Problems"]


class Problems:
    """The problems found so far, placed in the user's files."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.found: list[Problem] = list(project.problems)

    def add(self, file: str, path: tuple[str | int, ...], message: str, *, key: bool = False) -> None:
        """Note what is wrong with a value, or with its key; once, though several shapes may show it."""
        problem = Problem(self._project.at(file, *path, key=key), f"{show_path(path)}: {message}")
        if problem not in self.found:
            self.found.append(problem)

    def breaches(self, file: str, found: Iterable[Breach]) -> None:
        """Note how values break a schema; each once."""
        for path, message, key in found:
            problem = Problem(self._project.at(file, *path, key=key), f"{show_path(path)} {message}")
            if problem not in self.found:
                self.found.append(problem)

    def validate(self, file: str, path: tuple[str | int, ...], schema: Mapping[str, Any]) -> bool:
        """Note how a value breaks a schema of its own; False if it does."""
        found = validate(self._project.documents[file].part(path), schema)
        self.found += [problem for problem in found if problem not in self.found]
        return not found
