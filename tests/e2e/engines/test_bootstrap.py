"""`gpuyard bootstrap apply`, from nothing to an engine that has synced the stack: one command, and no other.

The cloud is tests/oci; the API server, the engine, Git and the platform are the world's. The cluster is reached by its
kubeconfig, as through a tunnel: the world's API server knows no token of Oracle's.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gpuyard.doors import yamlio
from tests.cluster import argocd, facts, flux
from tests.cluster.cluster import Cluster
from tests.cluster.registry import CHARTS
from tests.cluster.repository import Repository
from tests.cluster.state import State
from tests.e2e.engines import argo
from tests.e2e.engines.ends import goes_on
from tests.e2e.engines.waiting import eventually
from tests.e2e.test_gitops import remove
from tests.oci.fixture import Running, running
from tests.ociruns import stack
from tests.projects import sources

Record = Callable[[str, object], None]
_BUDGET = {"startSeconds": 60, "scheduleSeconds": 0, "shutdownSeconds": 1}
_SPEC = {"storage": {"cache": {"kind": "fss"}}, "shapes": {"a10": {}}, "budget": _BUDGET}
_FSS = "shared"
"""The world has a class oci-fss of its own."""
_VALUE = "hf_of-a-test"


@pytest.fixture
def cloud() -> Iterator[Running]:
    with running() as found:
        found.pace = 0
        yield found


@pytest.fixture
def no_flux(cluster: Cluster, world: State, request: pytest.FixtureRequest) -> Iterator[None]:
    """A cluster without the Flux that the world comes with, which comes back afterwards."""
    manifests = facts.read(world).flux
    remove(cluster)
    cluster.kubectl("delete", "-f", str(manifests), "--ignore-not-found", "--timeout=180s")
    yield
    if goes_on(request, world):
        remove(cluster)
        cluster.kubectl("delete", "-f", str(manifests), "--ignore-not-found", "--timeout=180s")
        cluster.apply(manifests)
        for name in flux.COMPONENTS:
            cluster.wait(f"deployment/{name} -n {flux.NAMESPACE}", "Available", within=180)


@pytest.fixture
def no_argocd(cluster: Cluster, world: State, request: pytest.FixtureRequest) -> Iterator[None]:
    """A cluster without Argo CD, before and afterwards."""
    assert not cluster.exists(f"namespace/{argocd.NAMESPACE}")
    yield
    if goes_on(request, world):
        if cluster.exists("crd/applications.argoproj.io"):
            argo.remove(cluster)
        cluster.kubectl("delete", "storageclass", _FSS, "--ignore-not-found")
        cluster.kubectl("delete", "namespace", argocd.NAMESPACE, "--ignore-not-found", "--timeout=120s")


def repository(world: State, engine: str) -> Repository:
    """The sources alone: nothing is compiled yet."""
    name = f"bootstrapped-{engine}-{uuid4().hex[:6]}"
    repo = Repository(world, name)
    # gpuyard pushes to no http:// address, which the world's Git server has.
    repo.git("remote", "set-url", "--push", "origin", str(world.repositories / f"{name}.git"))
    spec: dict[str, Any] = {
        **stack(),
        "engine": engine,
        "repository": {"url": repo.url, "insecure": True},
        "storage": {"fss": _FSS},
        "platform": {"registry": CHARTS, "insecure": True},
    }
    repo.commit({name: data.decode() for name, data in sources(_SPEC, spec).items()}, "Start")
    return repo


def bootstrap(repo: Repository, cloud: Running, world: State, folder: Path) -> subprocess.CompletedProcess[str]:
    value = folder / "token"
    value.write_text(_VALUE)
    argv = [sys.executable, "-m", "gpuyard", "bootstrap", "apply", str(repo.directory), "--yes"]
    argv += ["--kubeconfig", f"phx={world.kubeconfig}", "--secret", f"inference/hf-token/token={value}"]
    environment = {**os.environ, **cloud.environment(folder / "oci")}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)


def check(done: subprocess.CompletedProcess[str], cluster: Cluster) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    assert _VALUE not in done.stdout + done.stderr
    secret = cluster.get("secret/hf-token -n inference")
    assert [each["manager"] for each in secret["metadata"]["managedFields"]] == ["gpuyard-bootstrap"]
    assert cluster.get(f"storageclass/{_FSS}")["provisioner"] == "fss.csi.oraclecloud.com"


def test_flux_is_installed_and_syncs(
    cluster: Cluster, world: State, cloud: Running, no_flux: None, tmp_path: Path, record_property: Record
) -> None:
    repo, began = repository(world, "flux"), time.monotonic()
    check(bootstrap(repo, cloud, world, tmp_path), cluster)
    record_property("from bootstrap apply to Flux that follows", f"{time.monotonic() - began:.1f} s")

    def ready() -> bool:
        """`kubectl get kustomization` is green."""
        found = cluster.objects("kustomization.kustomize.toolkit.fluxcd.io", namespace=flux.NAMESPACE)
        states = [
            next(
                (each["status"] for each in item.get("status", {}).get("conditions", ()) if each["type"] == "Ready"), ""
            )
            for item in found
        ]
        return len(found) > 3 and set(states) == {"True"}

    eventually("every Kustomization is ready", ready, within=600)
    record_property("from bootstrap apply to everything Ready", f"{time.monotonic() - began:.1f} s")
    assert cluster.get("deployment/chat -n inference")["status"]["readyReplicas"] == 1
    again = bootstrap(repo, cloud, world, tmp_path)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "up to date"), again.stdout + again.stderr


def test_argo_cd_is_installed_and_syncs(
    cluster: Cluster, world: State, cloud: Running, no_argocd: None, tmp_path: Path, record_property: Record
) -> None:
    repo, began = repository(world, "argocd"), time.monotonic()
    check(bootstrap(repo, cloud, world, tmp_path), cluster)
    record_property("from bootstrap apply to Argo CD that follows", f"{time.monotonic() - began:.1f} s")

    asked: dict[str, float] = {}

    def synced() -> bool:
        found = argo.applications(cluster)
        waiting = {name for name, each in found.items() if not argo.is_in_step(each)}
        argo.refresh(cluster, waiting, asked)
        return len(found) > 3 and not waiting

    eventually("every Application is synced and healthy", synced, within=600, every=2)
    record_property("from bootstrap apply to everything Synced and Healthy", f"{time.monotonic() - began:.1f} s")
    again = bootstrap(repo, cloud, world, tmp_path)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "up to date"), again.stdout + again.stderr
    assert yamlio.parse_manifests((repo.directory / "clusters/phx/oci.yaml").read_text())
