"""What `gpuyard init` starts a stack with: its file, blueprints and a README."""

from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

from gpuyard.catalogue.shapes import Shape
from gpuyard.doors import yamlio
from gpuyard.project.stack import Engine
from gpuyard.tree import Tree

__all__ = ["README", "starter"]

README = PurePosixPath("README.md")
_HEADER = """\
# The stack: this repository's engine, its clusters and the limits that hold for all of them.
# Every key is described by `gpuyard schema stack`.
"""


def starter(
    name: str,
    repository: Mapping[str, str],
    shapes: Iterable[Shape],
    blueprints: Mapping[str, str],
    engine: str = Engine.FLUX,
) -> Tree:
    """The first files of a stack's folder; blueprints by file name, `repository` as the stack has it."""
    return {
        PurePosixPath("stack.yaml"): _HEADER + yamlio.dump(_stack(name, repository, shapes, engine)),
        README: _template("starter-README.md"),
        PurePosixPath(".gitattributes"): _template("starter-gitattributes"),
        **{PurePosixPath("blueprints") / file: text for file, text in blueprints.items()},
    }


def _template(name: str) -> str:
    return (resources.files("gpuyard") / "project" / "templates" / name).read_text(encoding="utf-8")


def _stack(name: str, repository: Mapping[str, str], shapes: Iterable[Shape], engine: str) -> dict[str, Any]:
    """A stack with one cluster that has every shape; its owner deletes what isn't there."""
    return {
        "apiVersion": "gpuyard.dev/v1alpha1",
        "kind": "Stack",
        "metadata": {"name": name},
        "spec": {
            "engine": str(engine),
            "repository": dict(repository),
            "clusters": [
                {
                    "name": "phx",
                    "region": "us-phoenix-1",
                    "kubernetes": "1.34",
                    "shapes": {shape.name: list(shape.nodes)[-1] for shape in shapes},
                }
            ],
        },
    }
