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
from tests.e2e.engines.load import Load
from tests.e2e.engines.waiting import eventually
from tests.e2e.gitops import Gitops
from tests.e2e.test_gitops import arrive, everything, remove

# The time of a start is one minute here, and a load that falls is believed five minutes later; a test has less time.
SOONER = """\
  values:
    autoscaling:
      behavior:
        scaleDown: {stabilizationWindowSeconds: 30}
"""


@pytest.fixture(scope="package")
def gitops(cluster: Cluster, world: State) -> Iterator[Gitops]:
    """The repository, applied to an empty cluster by its entry point, until Prometheus sees every model."""
    gitops = Gitops(Repository(world, f"scaled-{uuid4().hex[:6]}"))
    for file in ("blueprints/chat.yaml", "blueprints/docs.yaml"):
        gitops.write(file, gitops.read(file) + SOONER)
    began = time.monotonic()
    cluster.kubectl("apply", "-f", str(gitops.entry))
    try:
        arrive(cluster, gitops.repo.revision, *everything(gitops), within=300)
        gitops.ready_after = time.monotonic() - began
        eventually("every model is scraped", lambda: len(prometheus.ask("vllm:num_requests_running")) == 3, within=180)
        yield gitops
    finally:
        cluster.pods.reset()
        remove(cluster)


@pytest.fixture
def load(gitops: Gitops) -> Iterator[Load]:
    """On chat; it ends with the test."""
    load = Load("chat.inference.svc.cluster.local", "chat")
    yield load
    load.set(0)
