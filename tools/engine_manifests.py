"""Writes the manifests by which `gpuyard bootstrap apply` installs an engine: `python -m tools.engine_manifests`.

They are built from the engines' own Go modules, whose checksums catalogue/engines.yaml has; it says which versions. A
module that flux2 does not name, or that is not as pinned, stops it. What is ours in them is in _FLUX and _ARGOCD.
"""

import gzip
import hashlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.cluster import flux
from tests.cluster.modules import Module, files

_ROOT = Path(__file__).resolve().parents[1] / "generator/gpuyard/catalogue"
# A chain of dependsOn waits 30 s at each link otherwise, and a commit that repairs a start for the failed one.
_FLUX = [
    {
        "target": {"kind": "Deployment", "name": "(kustomize|helm)-controller"},
        "patch": "- {op: add, path: /spec/template/spec/containers/0/args/-, value: --requeue-dependency=5s}\n",
    },
    {
        "target": {"kind": "Deployment", "name": "kustomize-controller"},
        "patch": "- {op: add, path: /spec/template/spec/containers/0/args/-, "
        "value: --feature-gates=CancelHealthCheckOnNewRevision=true}\n",
    },
]
_ARGOCD = "namespace: argocd\nresources: [namespace.yaml, core-install.yaml]\n"
_NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: argocd}\n"


def main() -> None:
    """Write both, and say the digests that engines.yaml has to have."""
    engines = yaml.safe_load((_ROOT / "engines.yaml").read_text(encoding="utf-8"))
    for name, build in {"flux": _flux, "argocd": _argocd}.items():
        modules = {row["path"]: Module(row["path"], row["version"], row["sum"]) for row in engines[name]["modules"]}
        with tempfile.TemporaryDirectory() as directory:
            objects = [each for each in yaml.safe_load_all(build(Path(directory), modules)) if each]
        text = json.dumps(objects, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
        (_ROOT / "engines" / f"{name}.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))
        sys.stdout.write(f"{name}: {len(objects)} objects, sha256 {hashlib.sha256(text).hexdigest()}\n")


def _flux(directory: Path, modules: Mapping[str, Module]) -> str:
    flux2 = files(modules["github.com/fluxcd/flux2/v2"], ("manifests",)) / "manifests/bases"
    sources = {name: modules[f"github.com/fluxcd/{name}"] for name in flux.COMPONENTS}
    for name, module in sources.items():
        named = re.search(rf"{name}/releases/download/(v[^/]+)/", (flux2 / name / "kustomization.yaml").read_text())
        if named is None or named[1] != module.version:
            sys.exit(f"flux2 names {named and named[1]} of {name}, and engines.yaml {module.version}")
    return flux.build(directory, sources, _FLUX)


def _argocd(directory: Path, modules: Mapping[str, Module]) -> str:
    source = files(modules["github.com/argoproj/argo-cd/v3"], ("manifests",)) / "manifests/core-install.yaml"
    shutil.copyfile(source, directory / "core-install.yaml")
    (directory / "namespace.yaml").write_text(_NAMESPACE)
    (directory / "kustomization.yaml").write_text(_ARGOCD)
    return flux.kustomize(directory)


if __name__ == "__main__":
    main()
