"""Fixtures of the end-to-end tests; they run inside a world, so plain `pytest` leaves them alone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.cluster.cluster import Cluster
from tests.cluster.repository import Repository
from tests.cluster.state import State

collect_ignore_glob = [] if os.environ.get("GPUYARD_E2E") else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("e2e")


class _SideBySide(LoadScopeScheduling):
    """Two workers in a whole run: model servers compute while the cluster mostly waits."""

    def _split_scope(self, nodeid: str) -> str:
        return "servers" if "test_real_vllm" in nodeid else "cluster"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Groups of xdist's own (--dist loadgroup) aren't heard by version 3.8 with pytest 9.2."""
    return _SideBySide(config, log)


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
