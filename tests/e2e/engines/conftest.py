"""What the tests of the second stage have in common."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import argocd, facts
from tests.cluster.cluster import Cluster
from tests.cluster.state import State
from tests.e2e.engines.ends import goes_on
from tests.e2e.engines.held import Shelf

PROGRAMS = ("deployment/argocd-redis", "deployment/argocd-repo-server", "deployment/argocd-applicationset-controller")


@pytest.fixture(scope="module")
def installed_argocd(cluster: Cluster, world: State, request: pytest.FixtureRequest) -> Iterator[None]:
    """Argo CD, up and at work."""
    manifests = facts.read(world).argocd
    assert manifests, "this world has no Argo CD: GPUYARD_E2E_ENGINES=1 asks for one"
    cluster.apply(manifests)
    for named in PROGRAMS:
        cluster.wait(f"{named} -n {argocd.NAMESPACE}", "Available", within=180)
    yield
    if goes_on(request, world):
        cluster.kubectl("delete", "namespace", argocd.NAMESPACE, "--timeout=120s")


@pytest.fixture(scope="session")
def from_empty(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """What each engine has made of the same commit on an empty cluster, by its name: this world's or one beside it."""
    beside = os.environ.get("GPUYARD_E2E_BESIDE")
    return Shelf(Path(beside)) if beside else Shelf(tmp_path_factory.mktemp("held"), patience=0)
