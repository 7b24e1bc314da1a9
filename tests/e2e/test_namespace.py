"""A stack whose models move to another namespace on a real Flux: refused, and moved by the commands that it is told."""

import re
from collections.abc import Iterator, Sequence

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.state import State
from tests.e2e.gitops import Gitops
from tests.e2e.test_gitops import BLUEPRINTS, FLUX, arrive
from tests.e2e.test_rename import gpuyard, names, shell, started


@pytest.fixture(scope="module")
def gitops(cluster: Cluster, world: State) -> Iterator[Gitops]:
    yield from started(cluster, world)
    cluster.kubectl("delete", "namespace", "llm", "--ignore-not-found", "--timeout=120s")


def command(said: Sequence[str], verb: str) -> str:
    """The first kubectl of that verb that the lines name."""
    return next(found[1] for line in said if (found := re.search(rf"`(kubectl [^`]*{verb} [^`]+)`", line)))


def test_another_namespace_is_refused_and_its_commands_move_the_models(cluster: Cluster, gitops: Gitops) -> None:
    """Nothing serves meanwhile, and claims of the old namespace stay: both are said, with the command for each."""
    text = gitops.read("stack.yaml").rstrip()
    claims = "persistentvolumeclaim"
    gitops.repo.commit({"stack.yaml": f"{text}\n  namespace: llm\n"}, "Another namespace")
    results = [gpuyard(*argv, str(gitops.root)) for argv in (("check",), ("compile", "--check"), ("compile",))]
    assert {result.returncode for result in results} == {65}, results
    said = [line for line in results[0].stderr.splitlines() if "spec.namespace" in line]
    shell(cluster, gitops, [command(said, "create namespace")])
    revision = gitops.write("stack.yaml", f"{text}\n  namespace: llm\n  moved: {{namespace: inference}}\n")
    cluster.reconcile(f"gitrepository/demo {FLUX}")
    arrive(cluster, revision, *names("demo"), within=240)
    cluster.wait("deployment/chat -n inference", "deleted", within=120)
    assert {each["metadata"]["name"] for each in cluster.objects("deployment", namespace="llm")} == {*BLUEPRINTS}
    assert "chat-cache" in {each["metadata"]["name"] for each in cluster.objects(claims, namespace="inference")}
    shell(cluster, gitops, [command(said, "delete pvc")])
    assert not cluster.objects(claims, namespace="inference")
