"""Which images really run: what is in them, and where the image has it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.api import Object

__all__ = ["IMAGES", "STAND_IN", "STAND_IN_VLLM", "Image", "image", "runs"]

STAND_IN = "gpuyard/stand-in"
STAND_IN_VLLM = "gpuyard/stand-in-vllm"
_STANDINS = Path(__file__).parents[1] / "standins"


@dataclass(frozen=True, slots=True)
class Image:
    """An image's files by path, each a program of tests/cluster/programs, and what it starts.

    `scripts` are files of ours, and then the machine's Python and libraries are in the image, too; `tools` are the
    machine's commands and libraries without Python; `path` is where commands are looked for first. An image without
    any of them starts something of this machine, in the pod's network but with the machine's own root.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    scripts: Mapping[str, Path] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    tools: bool = False

    def mounts(self, programs: Mapping[str, Path]) -> list[tuple[str, str]]:
        """What is in it: a file or folder of this machine, and where the image has it."""
        found = [(str(programs[program]), target) for target, program in self.files.items()]
        if self.tools:
            found += [(folder, folder) for folder in _TOOLS if Path(folder).exists()]
        if self.scripts:
            here = (*_SYSTEM, *(() if sys.base_prefix.startswith("/usr") else (sys.base_prefix,)))
            found += [(folder, folder) for folder in here if Path(folder).exists()]
            found += [(str(script), target) for target, script in self.scripts.items()]
        return found


_SYSTEM = ("/usr", "/bin", "/lib", "/lib64")
# Without /usr/local, where such an image has its own programs; the certificates are what Git asks for.
_TOOLS = ("/usr/bin", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/share", "/bin", "/lib", "/lib64", "/etc/ssl")


def _one(path: str, program: str) -> Image:
    return Image({path: program}, (path,))


# One program; the name that it is called by says which part of Argo CD it is.
_ARGOCD = ("application-controller", "applicationset-controller", "repo-server")

# By the last two parts of the repository: a mirror keeps these and changes the rest.
IMAGES: Mapping[str, Image] = {
    "fluxcd/source-controller": _one("/usr/local/bin/source-controller", "source-controller"),
    "fluxcd/kustomize-controller": _one("/usr/local/bin/kustomize-controller", "kustomize-controller"),
    "fluxcd/helm-controller": _one("/usr/local/bin/helm-controller", "helm-controller"),
    "kedacore/keda": _one("/keda", "keda-operator"),
    "kedacore/keda-metrics-apiserver": _one("/keda-adapter", "keda-adapter"),
    "kedacore/keda-admission-webhooks": _one("/keda-admission-webhooks", "keda-webhooks"),
    "kube-state-metrics/kube-state-metrics": _one("/kube-state-metrics", "kube-state-metrics"),
    "prometheus/prometheus": _one("/bin/prometheus", "prometheus"),
    "prometheus-operator/prometheus-operator": _one("/bin/operator", "prometheus-operator"),
    "prometheus-operator/prometheus-config-reloader": _one(
        "/bin/prometheus-config-reloader", "prometheus-config-reloader"
    ),
    "argoproj/argocd": Image(
        {
            "/usr/local/bin/argocd": "argocd",
            **{f"/usr/local/bin/argocd-{part}": "argocd" for part in _ARGOCD},
            **{f"/usr/local/bin/{name}": name for name in ("helm", "kustomize")},
            **{f"/usr/local/bin/{name}": name for name in ("git-verify-wrapper.sh", "gpg-wrapper.sh")},
        },
        tools=True,
    ),
    "library/redis": Image({"/usr/local/bin/redis-server": "redis-server"}, ("redis-server",), tools=True),
    STAND_IN: Image(entrypoint=(sys.executable, "-m", "tests.cluster.standins.metrics_api")),
    # In place of vllm/vllm-openai: commands, init containers and volumes of its pods stay as they are.
    STAND_IN_VLLM: Image(
        scripts={
            "/opt/vllm/bin/vllm": _STANDINS / "vllm.py",
            "/opt/vllm/bin/vllm-metrics.txt": _STANDINS / "vllm-metrics.txt",
        },
        path=("/opt/vllm/bin", f"{sys.base_prefix}/bin"),
    ),
}


def image(reference: str) -> Image | None:
    """The table's entry for an image reference, whatever its registry, tag and digest."""
    repository = reference.partition("@")[0]
    head, slash, last = repository.rpartition("/")
    repository = head + slash + last.partition(":")[0]
    return IMAGES.get("/".join(repository.split("/")[-2:]))


def runs(pod: Object, programs: Mapping[str, Path]) -> bool:
    """Whether the pod really runs: its first container's image is known, and so are the programs in it."""
    found = image(pod["spec"]["containers"][0]["image"])
    return found is not None and all(program in programs for program in found.files.values())
