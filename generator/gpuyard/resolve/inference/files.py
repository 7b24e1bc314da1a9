"""Files that a blueprint mounts into its server, one by one: where each may be."""

from collections.abc import Iterable, Iterator
from typing import Any

from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.project.parts import PodFile
from gpuyard.resolve.inference.podnames import PATHS
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Site

__all__ = ["check", "values"]

Values = dict[str, Any]

_PATH = ("spec", "serving", "files")
_SHARED = "/etc/vllm"
"""The chart mounts one file there, no volume."""
_SYSTEM = ("/dev", "/proc", "/sys")


def check(blueprint: Blueprint[Inference], problems: Problems) -> None:
    """Each at a path of its own, where nothing else is mounted."""
    paths = blueprint.spec.serving.files
    for path in paths:
        if message := next(_taken(path, paths), None):
            problems.add(blueprint.file, (*_PATH, path), message, key=True)


def values(server: Server, site: Site) -> Values:
    """As the chart takes them."""
    files = [{"path": path, **_held(each, site)} for path, each in server.spec.serving.files.items()]
    return {"files": files} if files else {}


def _held(each: PodFile, site: Site) -> Values:
    if each.secret:
        return {"secret": each.secret, "key": each.key}
    if each.config_map:
        return {"configMap": each.config_map, "key": each.key}
    # One that isn't there has been reported.
    return {"content": site.files.get(each.file or "", "")}


def _taken(path: str, paths: Iterable[str]) -> Iterator[str]:
    """What is there already, or cannot be there."""
    for mount in PATHS:
        if path == mount or (mount != _SHARED and path.startswith(f"{mount}/")):
            yield f"is below {mount}, where the chart mounts a volume; choose another path, such as /etc/vllm/NAME"
    for folder in _SYSTEM:
        if path.startswith(f"{folder}/"):
            yield f"is below {folder}, which is the kernel's; choose another path, such as /etc/vllm/NAME"
    for other in paths:
        if other.startswith(f"{path}/"):
            yield f"is a folder of {other}; choose another path for one of them"
