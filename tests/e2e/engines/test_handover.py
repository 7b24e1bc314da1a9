"""From Flux to Argo CD and back, by the README's own commands: the same pods, nothing made anew, the same objects.

The tests follow each other: each leaves the cluster with one engine, in step with the repository.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.repository import Repository
from tests.cluster.state import State
from tests.e2e.engines import argo
from tests.e2e.engines.ends import goes_on
from tests.e2e.engines.held import Shelf, differing, held, uids
from tests.e2e.gitops import Gitops
from tests.e2e.test_gitops import BLUEPRINTS, arrive, everything, pods, remove
from tests.e2e.test_rename import shell

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def gitops(
    cluster: Cluster, world: State, installed_argocd: None, from_empty: Shelf, request: pytest.FixtureRequest
) -> Iterator[Gitops]:
    """The repository, applied to an empty cluster for Flux."""
    gitops = Gitops(Repository(world, f"handed-{uuid4().hex[:6]}"))
    cluster.kubectl("apply", "-f", str(gitops.entry))
    try:
        arrive(cluster, gitops.repo.revision, *everything(gitops), within=600)
        from_empty.put("flux", held(cluster))
        yield gitops
    finally:
        if goes_on(request, world):
            remove(cluster)
            argo.remove(cluster)


def servers(cluster: Cluster) -> dict[str, set[str]]:
    return {name: {pod["metadata"]["uid"] for pod in pods(cluster, name)} for name in BLUEPRINTS}


def kept(cluster: Cluster) -> dict[str, str]:
    """What must not be made anew; a download's Job, which can't change, is replaced."""
    return {name: uid for name, uid in uids(cluster).items() if " Job " not in name}


def moved(gitops: Gitops, old: str, new: str) -> None:
    """Another engine, confirmed, compiled and not yet pushed."""
    text = re.sub(r"\n  moved: .*", "", gitops.read("stack.yaml").rstrip())
    text = text.replace(f"engine: {old}", f"engine: {new}")
    gitops.repo.commit({"stack.yaml": f"{text}\n  moved: {{engine: {old}}}\n"}, f"Follow {new}")
    argv = [sys.executable, "-m", "gpuyard", "compile", str(gitops.root)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def blocks(gitops: Gitops) -> list[list[str]]:
    """The commands of the hand-over, by step."""
    _, section = gitops.read("README.md").split("## Hand-over from ")
    return [block.strip().splitlines() for block in section.split("\n## ")[0].split("```")[1::2]]


def hand_over(cluster: Cluster, gitops: Gitops, old: str, new: str) -> None:
    """As the README says."""
    moved(gitops, old, new)
    *before, follow, let_go, take_away = blocks(gitops)
    for block in before:
        shell(cluster, gitops, block)
    gitops.repo.push()
    for block in (follow, let_go, take_away):
        shell(cluster, gitops, block)


def test_from_flux_to_argo_cd(cluster: Cluster, gitops: Gitops, record_property: Record) -> None:
    pods_before, uids_before, before = servers(cluster), kept(cluster), held(cluster)
    began = time.monotonic()
    hand_over(cluster, gitops, "flux", "argocd")
    record_property("from Flux to Argo CD", f"{time.monotonic() - began:.1f} s")
    argo.arrive(cluster, gitops, within=180)
    assert servers(cluster) == pods_before
    assert kept(cluster) == uids_before
    assert differing(before, held(cluster)) == []
    assert not cluster.objects("kustomization.kustomize.toolkit.fluxcd.io", namespace="flux-system")


def test_what_argo_cd_has_taken_over_it_prunes(cluster: Cluster, gitops: Gitops) -> None:
    """A field that leaves the repository leaves the cluster: nothing of Flux holds it any more."""
    gitops.change("blueprints/chat.yaml", "contextLength: 16384", "contextLength: 8192")
    argo.arrive(cluster, gitops, within=180)
    (server,) = cluster.get("deployment/chat -n inference")["spec"]["template"]["spec"]["containers"]
    assert "--max-model-len=8192" in server["args"]
    assert "--max-model-len=16384" not in server["args"]
    managers = {field["manager"] for field in cluster.get("deployment/chat -n inference")["metadata"]["managedFields"]}
    assert "argocd-controller" in managers
    assert not managers & {"kustomize-controller", "helm-controller"}


def test_and_back_to_flux(cluster: Cluster, gitops: Gitops, record_property: Record) -> None:
    pods_before, uids_before, before = servers(cluster), kept(cluster), held(cluster)
    began = time.monotonic()
    hand_over(cluster, gitops, "argocd", "flux")
    record_property("from Argo CD back to Flux", f"{time.monotonic() - began:.1f} s")
    arrive(cluster, gitops.repo.revision, *everything(gitops), within=180)
    assert servers(cluster) == pods_before
    assert kept(cluster) == uids_before
    assert differing(before, held(cluster)) == []
    assert not argo.applications(cluster)


def test_both_engines_make_the_same_of_a_commit(gitops: Gitops, from_empty: Shelf, record_property: Record) -> None:
    """Each on an empty cluster: what Flux had made here before it was handed over, and what test_argocd.py has seen."""
    flux, argocd = from_empty.get("flux"), from_empty.get("argocd")
    assert flux is not None
    if argocd is None and not from_empty.patience:
        pytest.skip("Argo CD's own installation, test_argocd.py, was not part of this run")
    assert argocd is not None, "the world beside has not left what Argo CD made"
    record_property("objects that both engines made alike on an empty cluster", len(flux))
    assert len(flux) > 60
    assert differing(flux, argocd) == []
