"""The platform's charts: upstream's own from $GPUYARD_E2E_CHARTS, else stand-ins of the same names and versions.

A stand-in has the real CRDs, from the module that the program is built from, and as much else as makes it Ready.
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
from tests.cluster.modules import Module, files, of_program
from tests.cluster.programs import store
from tests.cluster.registry import push_chart

__all__ = ["collect", "publish"]

_STAND_INS = Path(__file__).with_name("standins")
UPSTREAM, STAND_IN = "upstream", "stand-in"


@dataclass(frozen=True, slots=True)
class _StandIn:
    """A chart of standins/, and where which CRDs go in it."""

    name: str
    program: str
    module: str
    crds: str
    target: str


_KEDA = ("keda-operator", "github.com/kedacore/keda/v2", "config/crd/bases")
_PROMETHEUS_OPERATOR = (
    "prometheus-operator",
    "github.com/prometheus-operator/prometheus-operator",
    "example/prometheus-operator-crd",
)
_ALL = (
    _StandIn("keda", *_KEDA, target="files"),
    _StandIn("kube-prometheus-stack", *_PROMETHEUS_OPERATOR, target="charts/crds/crds"),
    _StandIn("prometheus-operator-crds", *_PROMETHEUS_OPERATOR, target="charts/crds/files"),
)


def collect(programs: Mapping[str, Path]) -> tuple[Chart, ...]:
    """Every chart that a world publishes: all of the directory, and stand-ins for what it lacks."""
    given = os.environ.get("GPUYARD_E2E_CHARTS")
    if given and not Path(given).is_dir():
        raise SetupError(f"GPUYARD_E2E_CHARTS: {given} is no directory")
    upstream = {path.name: path for path in sorted(Path(given).absolute().glob("*.tgz"))} if given else {}
    found = [Chart(path, UPSTREAM) for path in upstream.values()]
    found += [Chart(_package(each, programs["helm"]), STAND_IN) for each in _ALL if _file(each) not in upstream]
    return tuple(found)


def publish(facts: Facts) -> None:
    """Push every chart to the world's registry; must run inside the world."""
    for chart in facts.charts:
        push_chart(facts.programs["helm"], chart.package)


def _file(chart: _StandIn) -> str:
    metadata = yaml.safe_load((_STAND_INS / chart.name / "Chart.yaml").read_text())
    return f"{metadata['name']}-{metadata['version']}.tgz"


def _package(chart: _StandIn, helm: Path) -> Path:
    """The packaged stand-in, from the cache if nothing of it has changed."""
    module = of_program(chart.program, chart.module)
    place = store.root() / "charts" / _key(chart, module) / _file(chart)
    place.parent.parent.mkdir(parents=True, exist_ok=True)
    with store.lock(f"chart-{chart.name}"):
        if not place.exists():
            _make(chart, module, helm, place)
    return place


def _make(chart: _StandIn, module: Module, helm: Path, place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent.parent) as directory:
        source, target = Path(directory) / chart.name, Path(directory) / "package"
        shutil.copytree(_STAND_INS / chart.name, source)
        shutil.copytree(files(module, (chart.crds,)) / chart.crds, source / chart.target)
        for kustomization in (source / chart.target).glob("kustomization.yaml"):
            kustomization.unlink()
        done = subprocess.run([helm, "package", source, "-d", target], capture_output=True, text=True)
        if done.returncode:
            raise SetupError(f"helm package {chart.name}: {done.stderr.strip()}")
        shutil.rmtree(place.parent, ignore_errors=True)
        target.rename(place.parent)


def _key(chart: _StandIn, module: Module) -> str:
    key = hashlib.sha256(repr((chart, module)).encode())
    for path in _sources(_STAND_INS / chart.name):
        key.update(str(path).encode() + path.read_bytes())
    return f"{chart.name}-{key.hexdigest()[:12]}"


def _sources(directory: Path) -> Iterator[Path]:
    return (path for path in sorted(directory.rglob("*")) if path.is_file())
