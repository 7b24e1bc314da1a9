"""The chain that scales: PodMonitor, operator, Prometheus, KEDA, HPA, Deployment, scheduler, GPU node, all of it real.

One apply of the compiled repository brings it, for all tests of this folder. What answers in the pods is a stand-in for
vLLM with its metrics. The tests follow each other, file by file: each leaves one replica and no load, but for those of
alerts, which leave nothing in order; at the end all of it is taken away.
"""

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.repository import Repository
from tests.cluster.state import State
from tests.e2e.engines import prometheus
from tests.e2e.engines.ends import goes_on
from tests.e2e.engines.load import Load
from tests.e2e.engines.traffic.chain import TARGET, fallback, measured, replicas, rest
from tests.e2e.engines.waiting import eventually
from tests.e2e.gitops import Gitops
from tests.e2e.test_gitops import arrive, everything, remove

# The time of a start is one minute here, and a load that falls is believed five minutes later; a test has less time.
OFTEN = """\
  values:
    podMonitor: {intervalSeconds: 5}
"""
SOONER = """\
    autoscaling:
      behavior:
        scaleDown:
          stabilizationWindowSeconds: 30
          policies: [{type: Pods, value: 1, periodSeconds: 15}]
"""


@pytest.fixture(scope="package")
def gitops(cluster: Cluster, world: State, request: pytest.FixtureRequest) -> Iterator[Gitops]:
    """The repository, applied to an empty cluster by its entry point, until Prometheus sees every model."""
    gitops = Gitops(Repository(world, f"scaled-{uuid4().hex[:6]}"))
    for name, values in {"chat": OFTEN + SOONER, "docs": OFTEN + SOONER, "assistant": OFTEN}.items():
        file = f"blueprints/{name}.yaml"
        gitops.repo.commit({file: gitops.read(file) + values}, "Sooner")
    gitops.compile()
    began = time.monotonic()
    cluster.kubectl("apply", "-f", str(gitops.entry))
    try:
        arrive(cluster, gitops.repo.revision, *everything(gitops), within=600)
        gitops.ready_after = time.monotonic() - began
        eventually("every model is scraped", lambda: len(prometheus.ask("vllm:num_requests_running")) == 3, within=180)
        yield gitops
    finally:
        cluster.pods.reset()
        if goes_on(request, world):
            remove(cluster)


@pytest.fixture
def load(gitops: Gitops) -> Iterator[Load]:
    """On chat; it ends with the test."""
    load = Load("chat.inference.svc.cluster.local", "chat")
    yield load
    load.set(0)


@pytest.fixture(scope="module")
def three(cluster: Cluster, gitops: Gitops, world: State, request: pytest.FixtureRequest) -> Iterator[Load]:
    """Three replicas for 80 requests at once; the tests from here on leave them."""
    load = Load("chat.inference.svc.cluster.local", "chat")
    load.set(80)
    eventually("three replicas", lambda: replicas(cluster) == 3, within=180)
    yield load
    load.set(0)
    if goes_on(request, world):
        rest(cluster, load)


@pytest.fixture
def busy(cluster: Cluster, three: Load) -> Iterator[None]:
    """Three replicas, and afterwards KEDA sees again all that they have to do.

    A Prometheus that was away knows only some of the pods for as long as the interval of a scrape; the five minutes
    for which it must see less before a pod goes are half a minute here.
    """
    yield
    eventually("the whole load is measured", lambda: measured() > 2 * TARGET, within=180)
    eventually("no fallback", lambda: fallback(cluster) == "False", within=180)
    eventually("three replicas", lambda: replicas(cluster) >= 3, within=120)
