"""Fixtures of the end-to-end tests; they run inside a world, so plain `pytest` leaves them alone."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.repository import Repository
from tests.cluster.state import State
from tests.e2e.samples import release

# A platform chart, and a kind that it brings.
CRDS = {"keda": "scaledobjects.keda.sh", "prometheus-operator-crds": "podmonitors.monitoring.coreos.com"}

_INSIDE = "GPUYARD_E2E" in os.environ
_ENGINES = _INSIDE and bool(os.environ.get("GPUYARD_E2E_ENGINES"))
"""Their own stage: in their worlds KEDA and Prometheus really run."""
collect_ignore_glob = [*([] if _INSIDE else ["test_*.py"]), *([] if _ENGINES else ["engines/*test_*.py"])]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("e2e")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have measured, whether they passed or not."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    for name, value in (found for each in reports if each.when == "call" for found in each.user_properties):
        terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def world() -> State:
    root = os.environ.get("GPUYARD_E2E_WORLD")
    if root is None:
        pytest.exit("these tests run inside a world: python -m tests.cluster run (or make e2e)", returncode=1)
    return State(Path(root))


@pytest.fixture(scope="session")
def cluster(world: State) -> Iterator[Cluster]:
    cluster = Cluster(world)
    cluster.pods.reset()  # a run that was broken off leaves its own
    yield cluster
    cluster.pods.reset()
    cluster.close()


@pytest.fixture(scope="session")
def repo(world: State) -> Repository:
    """A repository of this session's own: a kept world has those of earlier ones."""
    return Repository(world, f"gitops-{uuid4().hex[:6]}")


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{uuid4().hex[:6]}"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    cluster.wait(f"serviceaccount/default -n {name}", "exists", within=10)
    yield name
    cluster.discard(f"namespace/{name}")


@pytest.fixture
def installed(cluster: Cluster) -> Iterator[Callable[[str], str]]:
    """Installs platform charts, tells their namespaces and takes them away again.

    What a synced repository has installed is that one's. CRDs stay, as gpuyard's values have it; a CRD that is
    deleted within seconds of its creation can hang in its finalizer ("storage is (re)initializing").
    """
    ours: list[str] = []

    def install(component: str) -> str:
        namespace, objects = release(component)
        if not cluster.exists(f"helmrelease/{component} -n {namespace}"):
            cluster.apply(objects)
            ours.append(f"{component} -n {namespace}")
        return namespace

    yield install
    for named in reversed(ours):
        cluster.delete(f"helmrelease/{named}", within=180)
        cluster.delete(f"ocirepository/{named}", within=30)


@pytest.fixture
def crds(cluster: Cluster, installed: Callable[[str], str]) -> None:
    """The kinds of KEDA and of the Prometheus operator, unless an earlier test has left them."""
    for component, kind in {
        "keda": "scaledobjects.keda.sh",
        "prometheus-operator-crds": "podmonitors.monitoring.coreos.com",
    }.items():
        if not cluster.exists(f"crd/{kind}"):
            cluster.wait(f"helmrelease/{component} -n {installed(component)}", within=180)
        cluster.wait(f"crd/{kind}", "Established", within=30)
