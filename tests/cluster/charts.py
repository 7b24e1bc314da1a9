"""The platform's charts: upstream's own from $GPUYARD_E2E_CHARTS, else stand-ins of the same names and versions.

A stand-in has the real CRDs, from the module that the program is built from. By default it has as much else as makes it
Ready; with $GPUYARD_E2E_ENGINES, what that module itself installs: the real programs with their own rights.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cluster.errors import SetupError
from tests.cluster.facts import Chart, Facts
from tests.cluster.flux import kustomize
from tests.cluster.modules import Module, files, of_program
from tests.cluster.programs import store
from tests.cluster.registry import push_chart

__all__ = ["are_real", "collect", "publish"]

_STAND_INS = Path(__file__).with_name("standins")
UPSTREAM, STAND_IN, MANIFESTS = "upstream", "stand-in", "of its programs' own manifests"


@dataclass(frozen=True, slots=True)
class _Source:
    """A folder of a program's module, and the folder of the chart that it goes to."""

    program: str
    module: str
    folder: str
    target: str


@dataclass(frozen=True, slots=True)
class _StandIn:
    """A chart of standins/, its CRDs, and what else it takes from modules where its programs really run."""

    name: str
    crds: _Source
    real: tuple[_Source, ...] = ()


_KEDA = ("keda-operator", "github.com/kedacore/keda/v2")
_OPERATOR = ("prometheus-operator", "github.com/prometheus-operator/prometheus-operator")
_KUBE_STATE_METRICS = ("kube-state-metrics", "k8s.io/kube-state-metrics/v2")
_DEFINITIONS = (*_OPERATOR, "example/prometheus-operator-crd")
_ALL = (
    _StandIn("keda", _Source(*_KEDA, "config/crd/bases", "files"), (_Source(*_KEDA, "config", "manifests"),)),
    _StandIn(
        "kube-prometheus-stack",
        _Source(*_DEFINITIONS, "charts/crds/crds"),
        (
            _Source(*_OPERATOR, "example/rbac", "manifests/rbac"),
            _Source(*_KUBE_STATE_METRICS, "examples/standard", "manifests/kube-state-metrics"),
        ),
    ),
    _StandIn("prometheus-operator-crds", _Source(*_DEFINITIONS, "charts/crds/files")),
)


def collect(programs: Mapping[str, Path]) -> tuple[Chart, ...]:
    """Every chart that a world publishes: all of the directory, and stand-ins for what it lacks."""
    given = os.environ.get("GPUYARD_E2E_CHARTS")
    if given and not Path(given).is_dir():
        raise SetupError(f"GPUYARD_E2E_CHARTS: {given} is no directory")
    upstream = {path.name: path for path in sorted(Path(given).absolute().glob("*.tgz"))} if given else {}
    found = [Chart(path, UPSTREAM) for path in upstream.values()]
    found += [_stand_in(each, programs["helm"]) for each in _ALL if _file(each) not in upstream]
    return tuple(found)


def are_real() -> bool:
    """Whether the platform's programs are asked for, and not only what lets a sync become Ready."""
    return bool(os.environ.get("GPUYARD_E2E_ENGINES"))


def publish(facts: Facts) -> None:
    """Push every chart to the world's registry; must run inside the world."""
    for chart in facts.charts:
        push_chart(facts.programs["helm"], chart.package)


def _file(chart: _StandIn) -> str:
    metadata = yaml.safe_load((_STAND_INS / chart.name / "Chart.yaml").read_text())
    return f"{metadata['name']}-{metadata['version']}.tgz"


def _stand_in(chart: _StandIn, helm: Path) -> Chart:
    real = chart.real if are_real() else ()
    return Chart(_package(chart, real, helm), MANIFESTS if real else STAND_IN)


def _package(chart: _StandIn, real: tuple[_Source, ...], helm: Path) -> Path:
    """The packaged stand-in, from the cache if nothing of it has changed."""
    modules = {each: of_program(each.program, each.module) for each in (chart.crds, *real)}
    place = store.root() / "charts" / _key(chart, modules) / _file(chart)
    place.parent.parent.mkdir(parents=True, exist_ok=True)
    with store.lock(f"chart-{chart.name}"):
        if not place.exists():
            _make(chart, modules, helm, place)
    return place


def _make(chart: _StandIn, modules: Mapping[_Source, Module], helm: Path, place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent.parent) as directory:
        source, target = Path(directory) / chart.name, Path(directory) / "package"
        shutil.copytree(_STAND_INS / chart.name, source)
        for each, module in modules.items():
            shutil.copytree(files(module, (each.folder,)) / each.folder, source / each.target, dirs_exist_ok=True)
        for kustomization in (source / chart.crds.target).glob("kustomization.yaml"):
            kustomization.unlink()
        if (manifests := source / "manifests/default").is_dir():
            (source / "all.yaml").write_text(_built(manifests))
            shutil.rmtree(manifests.parent)  # a release keeps its chart's files, and may have 1 MiB
        done = subprocess.run([helm, "package", source, "-d", target], capture_output=True, text=True)
        if done.returncode:
            raise SetupError(f"helm package {chart.name}: {done.stderr.strip()}")
        shutil.rmtree(place.parent, ignore_errors=True)
        target.rename(place.parent)


def _built(kustomization: Path) -> str:
    """What a program's own kustomization installs, but for what the chart has: definitions, and the namespace."""
    objects = yaml.safe_load_all(kustomize(kustomization))
    return yaml.safe_dump_all(each for each in objects if each["kind"] not in {"CustomResourceDefinition", "Namespace"})


def _key(chart: _StandIn, modules: Mapping[_Source, Module]) -> str:
    key = hashlib.sha256(repr((chart, modules)).encode())
    for path in _sources(_STAND_INS / chart.name):
        key.update(str(path).encode() + path.read_bytes())
    return f"{chart.name}-{key.hexdigest()[:12]}"


def _sources(directory: Path) -> Iterator[Path]:
    return (path for path in sorted(directory.rglob("*")) if path.is_file())
