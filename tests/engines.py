"""What each engine makes of a generated repository: read as the engine reads it, built by the real Kustomize and Helm.

Flux: kustomize-controller builds clusters/<cluster>, then each Kustomization in it; helm-controller renders each
HelmRelease. Argo CD: the entry's Application reads the files that its `include` names, then each Application in them is
built by Kustomize or rendered by Helm. A chart is stood in for by one that shows all that it is given.
"""

import fnmatch
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gpuyard.doors import yamlio
from tests.differing import run, synced

__all__ = ["Applied", "Object", "Tools", "application", "applications", "argocd", "entry", "flux", "hooked", "names"]

Object = dict[str, Any]
Applied = dict[tuple[str, str, str], Object]
"""Objects by kind, namespace and name."""

_ENGINES = ("fluxcd.io/", "argoproj.io/")
"""What groups of the engines' own kinds have in them."""
_SHOWS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}", namespace: "{{ .Release.Namespace }}"}
data: {chart: "{{ .Chart.Name }}-{{ .Chart.Version }}", values: {{ .Values | toJson | quote }}}
"""


class Tools:
    """The programs, and a folder for what they read."""

    def __init__(self, kubectl: Path, helm: Path, scratch: Path) -> None:
        self.kubectl, self.helm, self.scratch = kubectl, helm, scratch
        self._count = 0

    def built(self, folder: Path, namespace: str | None) -> list[Object]:
        """A kustomization, with the namespace that the engine gives it."""
        if namespace is None:
            return run(self.kubectl, "kustomize", folder)
        where = self._new()
        up = "/".join([".."] * len(where.resolve().parts[1:]))
        content = {"namespace": namespace, "resources": [f"{up}{folder.resolve()}"]}
        (where / "kustomization.yaml").write_text(json.dumps(content), encoding="utf-8")
        return run(self.kubectl, "kustomize", where)

    def rendered(self, chart: str, version: str, release: str, namespace: str, values: Object) -> list[Object]:
        """A chart that shows what it is given."""
        where = self._new()
        (where / "templates").mkdir()
        metadata = {"apiVersion": "v2", "name": chart, "version": version}
        (where / "Chart.yaml").write_text(json.dumps(metadata), encoding="utf-8")
        (where / "templates" / "all.yaml").write_text(_SHOWS, encoding="utf-8")
        (where / "given.json").write_text(json.dumps(values), encoding="utf-8")
        return run(self.helm, "template", release, where, "-n", namespace, "-f", where / "given.json")

    def _new(self) -> Path:
        self._count += 1
        where = self.scratch / f"build-{self._count}"
        where.mkdir(parents=True)
        return where


def flux(root: Path, cluster: str, tools: Tools, folder: str = "") -> Applied:
    """All that a cluster gets, without Flux's own objects; `folder` is the stack's in the repository."""
    found: list[Object] = []
    entry = f"./{Path(folder, 'clusters', cluster)}"
    for each in synced(root / folder, cluster, tools.kubectl):
        if each["kind"] == "Kustomization" and each["spec"]["path"] != entry:
            found += tools.built(root / each["spec"]["path"], each["spec"].get("targetNamespace"))
    sources = {(each["kind"], each["metadata"]["name"]): each["spec"] for each in found if "spec" in each}
    for each in found.copy():
        if each["kind"] == "HelmRelease":
            found += tools.rendered(*_chart_of_flux(each, sources))
    return _named(found)


def argocd(root: Path, cluster: str, tools: Tools, folder: str = "") -> Applied:
    """The same of Argo CD; hooks are there only during a sync."""
    each_of = (application(root, each, tools) for each in applications(root, cluster, folder))
    return _named([obj for objects in each_of for obj in objects if not hooked(obj)])


def entry(root: Path, cluster: str, folder: str = "") -> list[Object]:
    """What is applied by hand, in the cluster or in the hub; a hub's set stands for its Application of this cluster."""
    file = root / folder / "clusters" / cluster / "entry.yaml"
    if file.exists():
        return yamlio.parse_manifests(file.read_text(encoding="utf-8"))
    found = yamlio.parse_manifests((root / folder / "clusters" / "fleet.yaml").read_text(encoding="utf-8"))
    sets = (each for each in found if each["kind"] == "ApplicationSet")
    whole = [_generated(each, root, cluster, folder) for each in sets]
    return [*(each for each in found if each["kind"] != "ApplicationSet"), *whole]


def _generated(each: Object, root: Path, cluster: str, folder: str) -> Object:
    """What the set's generator of folders makes of that of a cluster."""
    (pattern,) = (one["path"] for one in each["spec"]["generators"][0]["git"]["directories"])
    path = str(Path(folder, "clusters", cluster))
    assert (root / path).is_dir() and fnmatch.fnmatchcase(path, pattern)
    text = json.dumps(each["spec"]["template"]).replace("{{ .path.path }}", path)
    for index, part in enumerate(Path(path).parts):
        text = text.replace(f"{{{{ index .path.segments {index} }}}}", part)
    assert "{{" not in text
    return {"apiVersion": each["apiVersion"], "kind": "Application", **json.loads(text)}


def applications(root: Path, cluster: str, folder: str = "") -> list[Object]:
    """Those that the entry's Application brings."""
    (whole,) = (each for each in entry(root, cluster, folder) if each["kind"] == "Application")
    source = whole["spec"]["source"]
    patterns = source["directory"]["include"].strip("{}").split(",")
    files = sorted(path for path in (root / source["path"]).iterdir() if path.is_file())
    read = [path for path in files if any(fnmatch.fnmatchcase(path.name, pattern) for pattern in patterns)]
    return [obj for path in read for obj in yamlio.parse_manifests(path.read_text(encoding="utf-8"))]


def application(root: Path, each: Object, tools: Tools) -> list[Object]:
    """All objects of an Application, hooks too."""
    spec, found = each["spec"], []
    for source in spec.get("sources") or [spec["source"]]:
        if "chart" in source:
            helm = source["helm"]
            given = (source["chart"], source["targetRevision"], helm["releaseName"], spec["destination"]["namespace"])
            values = yamlio.load_data(helm["values"]) if "values" in helm else without_nulls(helm["valuesObject"])
            found += tools.rendered(*given, values)
        else:
            found += tools.built(root / source["path"], source.get("kustomize", {}).get("namespace"))
    return found


def without_nulls(value: Any) -> Any:
    """What is left of an object (valuesObject) in an Application: https://github.com/argoproj/argo-cd/issues/16312."""
    if isinstance(value, dict):
        return {key: without_nulls(inside) for key, inside in value.items() if inside is not None}
    return value


def hooked(obj: Object) -> bool:
    """Whether Argo CD makes it for a sync only."""
    return "argocd.argoproj.io/hook" in obj["metadata"].get("annotations", {})


def _chart_of_flux(release: Object, sources: Mapping[tuple[str, str], Object]) -> Sequence[Any]:
    spec = release["spec"]
    if "chartRef" in spec:
        source = sources[spec["chartRef"]["kind"], spec["chartRef"]["name"]]
        chart, version = source["url"].rpartition("/")[2], source["ref"]["tag"]
    else:
        chart, version = spec["chart"]["spec"]["chart"], spec["chart"]["spec"]["version"]
    return chart, version, spec["releaseName"], release["metadata"]["namespace"], spec["values"]


def _named(found: list[Object]) -> Applied:
    theirs = [obj for obj in found if not any(each in obj["apiVersion"] for each in _ENGINES)]
    named = {(obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]): obj for obj in theirs}
    assert len(named) == len(theirs), "two parts apply one object"
    return named


def names(found: Applied) -> Iterator[str]:
    """For messages."""
    return (" ".join(each) for each in sorted(found))
