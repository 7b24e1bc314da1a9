"""Stacks that are not alone: two in one cluster, and one in a folder of a repository that Flux reads already."""

import re
import shlex
from collections.abc import Callable, Iterator

import pytest

from tests.cluster import conditions
from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.state import State
from tests.e2e.stacks import CLUSTER, Stack

FLUX = "-n flux-system"
OWNER = "kustomize.toolkit.fluxcd.io/name"
KINDS = (
    *("configmap", "deployment", "job", "networkpolicy", "persistentvolumeclaim", "poddisruptionbudget"),
    *("podmonitor", "prometheusrule", "resourcequota", "service"),
)
pytestmark = pytest.mark.usefixtures("monitors", "clean")


@pytest.fixture
def monitors(cluster: Cluster, installed: Callable[[str], str]) -> None:
    """The kinds of the Prometheus operator, unless an earlier test has left them."""
    kind = "crd/podmonitors.monitoring.coreos.com"
    if not cluster.exists(kind):
        cluster.wait(f"helmrelease/prometheus-operator-crds -n {installed('prometheus-operator-crds')}", within=180)
    cluster.wait(kind, "Established", within=30)


@pytest.fixture
def clean(cluster: Cluster) -> Iterator[None]:
    """Nothing of a stack is left, whether a test passed or not."""
    yield
    for each in cluster.objects("kustomization.kustomize.toolkit.fluxcd.io", namespace="flux-system"):
        cluster.patch(f"kustomization/{each['metadata']['name']} {FLUX}", {"spec": {"suspend": True}})
    every = ("delete", "kustomization,gitrepository", "--all", "-n", "flux-system")
    cluster.kubectl(*every, "--wait=true", "--timeout=120s")
    for name in ("one", "two", "acme"):
        cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--timeout=120s")


def arrive(cluster: Cluster, stack: Stack, *others: str, within: float = 120) -> None:
    """Wait until everything of a stack is at its revision and ready."""
    revision, is_ready = stack.repo.revision, conditions.check("Ready")

    def arrived(item: Object | None) -> bool:
        """At the revision and Ready."""
        return (item or {}).get("status", {}).get("lastAppliedRevision") == revision and is_ready(item)

    for name in [*others, *stack.names()]:
        cluster.wait(f"kustomization/{name} {FLUX}", arrived, within=within)


def owners(cluster: Cluster, namespace: str) -> dict[str, str]:
    """Kustomization by object, of all that Flux has applied in a namespace, uid and all."""
    found = {}
    for kind in KINDS:
        for each in cluster.objects(kind, namespace=namespace):
            if owner := each["metadata"].get("labels", {}).get(OWNER):
                found[f"{kind}/{each['metadata']['name']} {each['metadata']['uid']}"] = owner
    return found


def start(cluster: Cluster, stack: Stack) -> None:
    cluster.kubectl("apply", "-f", str(stack.entry))
    arrive(cluster, stack)


@pytest.mark.parametrize(
    ("names", "namespace"), [("stack", "two"), ("stack", "one"), ("plain", "two")], ids=["apart", "together", "older"]
)
def test_two_stacks_in_one_cluster(names: str, namespace: str, cluster: Cluster, world: State) -> None:
    """Neither takes what is the other's, and when one leaves the other stays as it is."""
    one, two = Stack(world, "one", "chat", names=names), Stack(world, "two", "draft", namespace=namespace)
    start(cluster, one)
    before = owners(cluster, "one")
    assert set(before.values()) <= set(one.names())
    start(cluster, two)
    for name in [*one.names(), *two.names()]:
        cluster.reconcile(f"kustomization/{name} {FLUX}")
    both = {**owners(cluster, "one"), **owners(cluster, namespace)}
    assert before.items() <= both.items()
    theirs = set(both.values()) - set(before.values())
    assert theirs
    assert theirs <= set(two.names())
    assert any(each.startswith("resourcequota/two-gpus ") for each in both)
    cluster.delete(f"kustomization/two {FLUX}", within=60)
    for name in two.names():
        cluster.wait(f"kustomization/{name} {FLUX}", "deleted", within=60)
    cluster.wait(f"deployment/draft -n {namespace}", "deleted", within=60)
    for name in one.names():
        cluster.reconcile(f"kustomization/{name} {FLUX}")
    arrive(cluster, one)
    assert owners(cluster, "one").items() >= before.items()
    left = {each for each, owner in owners(cluster, "one").items() if owner.startswith("two")}
    assert all(each.startswith("persistentvolumeclaim/draft-cache ") for each in left), "a cache outlives its model"


def test_a_folder_that_another_entry_points_to(cluster: Cluster, world: State) -> None:
    """From a stack with an entry of its own to one that `flux bootstrap` finds, by what `compile` and README say."""
    stack = Stack(world, "acme", "chat", folder="gpu")
    assert {path.name for path in stack.repo.directory.iterdir()} == {".git", "gpu"}
    start(cluster, stack)
    before = owners(cluster, "acme")
    assert any(each.startswith("deployment/chat ") for each in before)

    stack.write(
        "stack.yaml", stack.read("stack.yaml").replace("insecure: true\n", "insecure: true\n    source: fleet\n")
    )
    for command in re.findall("`(kubectl [^`]*)`", stack.compile()):
        cluster.kubectl(*shlex.split(command)[1:])
    stack.write(f"clusters/{CLUSTER}/sync.yaml", None)
    assert stack.compile() == ""
    readme = stack.read("README.md").partition("```yaml\n")[2].partition("```")[0]
    own = {"flux/phx/gpu.yaml": readme.replace("<cluster>", CLUSTER), "apps/web.yaml": "a: 1\n"}
    stack.repo.commit(own, "The fleet")
    assert owners(cluster, "acme") == before, "nothing is deleted meanwhile"
    cluster.apply(fleet(stack.repo.url))
    arrive(cluster, stack, "fleet", "acme")
    assert owners(cluster, "acme") == before, "the same objects, by their ids"

    def by() -> dict[str, str]:
        found = cluster.objects("kustomization.kustomize.toolkit.fluxcd.io", namespace="flux-system")
        return {each["metadata"]["name"]: each["metadata"].get("labels", {}).get(OWNER, "") for each in found}

    expected = {"fleet": "", "acme": "fleet", **dict.fromkeys(stack.names(), "acme")}
    for name in ("fleet", "acme", "fleet", "acme"):
        cluster.reconcile(f"kustomization/{name} {FLUX}")
        assert by() == expected, "no object has two owners"

    text = stack.read("blueprints/chat.yaml")
    stack.write("blueprints/chat.yaml", text.replace("contextLength: 16384", "contextLength: 8192"))
    assert stack.compile() == ""
    cluster.reconcile(f"gitrepository/fleet {FLUX}")
    arrive(cluster, stack, "fleet", "acme")
    (server,) = cluster.get("deployment/chat -n acme")["spec"]["template"]["spec"]["containers"]
    assert "--max-model-len=8192" in server["args"]

    stack.repo.commit({"flux/phx/gpu.yaml": None, "flux/phx/kustomization.yaml": "resources: []\n"}, "No stack")
    cluster.reconcile(f"gitrepository/fleet {FLUX}")
    cluster.wait("deployment/chat -n acme", "deleted", within=90)
    for name in ("acme", *stack.names()):
        cluster.wait(f"kustomization/{name} {FLUX}", "deleted", within=60)
    assert by() == {"fleet": ""}


def fleet(url: str) -> list[Object]:
    """As `flux bootstrap` makes it: a folder of the repository for this cluster."""
    metadata = {"name": "fleet", "namespace": "flux-system"}
    source = {"kind": "GitRepository", "name": "fleet"}
    kinds = {
        "source.toolkit.fluxcd.io/v1 GitRepository": {"interval": "10m", "url": url, "ref": {"branch": "main"}},
        "kustomize.toolkit.fluxcd.io/v1 Kustomization": {
            "interval": "10m",
            "path": f"./flux/{CLUSTER}",
            "prune": True,
            "sourceRef": source,
        },
    }
    return [
        {"apiVersion": kind.split()[0], "kind": kind.split()[1], "metadata": metadata, "spec": spec}
        for kind, spec in kinds.items()
    ]
