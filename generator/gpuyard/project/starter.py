"""What `gpuyard init` starts a repository with: a stack, blueprints, a workflow that checks pull requests."""

from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

from gpuyard import __version__
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


def starter(name: str, url: str, shapes: Iterable[Shape], blueprints: Mapping[str, str]) -> Tree:
    """The first files of a repository; blueprints by file name."""
    templates = resources.files("gpuyard") / "project" / "templates"
    readme = (templates / "starter-README.md").read_text(encoding="utf-8")
    workflow = (
        (templates / "starter-workflow.yaml").read_text(encoding="utf-8").replace("==VERSION", f"=={__version__}")
    )
    return {
        PurePosixPath("stack.yaml"): _HEADER + yamlio.dump(_stack(name, url, shapes)),
        PurePosixPath(".github/workflows/gpuyard.yaml"): workflow,
        README: readme,
        PurePosixPath(".gitattributes"): (templates / "starter-gitattributes").read_text(encoding="utf-8"),
        **{PurePosixPath("blueprints") / file: text for file, text in blueprints.items()},
    }


def _stack(name: str, url: str, shapes: Iterable[Shape]) -> dict[str, Any]:
    """A stack with one cluster that has every shape; its owner deletes what isn't there."""
    return {
        "apiVersion": "gpuyard.dev/v1alpha1",
        "kind": "Stack",
        "metadata": {"name": name},
        "spec": {
            "engine": Engine.FLUX.value,
            "repository": {"url": url, "branch": "main"},
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
