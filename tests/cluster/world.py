"""Brings a world up, from inside its namespaces.

etcd and API server first; git server, registry and charts beside them; then what watches the API server: controller
manager, scheduler, kwok (kubelet for the simulated pods) and who answers for them, the node agent (kubelet for those
that really run), the services' proxy; last Flux, from its own manifests. Everything stays when this program ends:
init.py holds it.
"""

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import certificates, charts, controlplane, fleet, flux, registry
from tests.cluster.addresses import API_URL, GIT
from tests.cluster.cluster import Cluster
from tests.cluster.errors import WorldError
from tests.cluster.facts import Facts, read
from tests.cluster.processes import Process, ended, start, tail
from tests.cluster.state import State

__all__ = ["main"]

_FLUX_SECONDS = 120


def main(root: str) -> None:
    """Bring the world of this state directory up and write what `status` tells."""
    state = State(Path(root))
    began = time.monotonic()
    _bring_up(state, read(state))
    seconds = time.monotonic() - began
    summary = f"{_memory_mib()} MiB of memory, up after {seconds:.1f} s"
    state.ready.write_text(summary)
    _say(f"world is up: {summary}")


def _bring_up(state: State, facts: Facts) -> None:
    env = dict(os.environ)
    for directory in (state.data, state.processes, state.home, state.temporary, state.repositories):
        directory.mkdir()
    with _step("certificates"):
        certificates.make(state)
    with ThreadPoolExecutor() as pool:
        beside = pool.submit(_servers, state, facts, env)
        with _step("etcd"):
            controlplane.start_etcd(state, facts.programs, env)
        with _step("API server"):
            server = controlplane.start_api_server(state, facts.programs, env)
            server.wait_for(f"{API_URL}/readyz", accept=(200,))
        cluster = Cluster(state)
        with _step("controllers, nodes"):
            _controllers(state, facts, env, cluster)
        with _step("Flux"):
            _flux(cluster, facts)
        beside.result()
    if dead := ended(state):
        raise WorldError("\n".join(f"{name} ended with exit code {dead[name]}\n{tail(state, name)}" for name in dead))


def _servers(state: State, facts: Facts, env: dict[str, str]) -> None:
    """What doesn't need the API server."""
    _module(state, "git", "tests.cluster.gitserver", str(state.repositories), GIT, "80", env=env)
    registry.start_registry(state, facts.programs, env)
    charts.publish(facts)
    for chart in facts.charts:
        _say(f"chart {chart.package.name.removesuffix('.tgz')} ({chart.origin})")


def _controllers(state: State, facts: Facts, env: dict[str, str], cluster: Cluster) -> None:
    waits = controlplane.start_controllers(state, facts.programs, env)
    controlplane.start_kwok(state, facts.programs, env)
    _module(state, "node-agent", "tests.cluster.kubelet", str(state.root), env=env)
    _module(state, "services", "tests.cluster.services", str(state.root), env=env)
    _module(state, "answers", "tests.cluster.answers", str(state.root), env=env)
    machines = fleet.fleet(fleet.shapes(facts.overlays))
    cluster.create([*fleet.storage_classes(), *machines])
    for process, url in waits:
        process.wait_for(url)
    for machine in machines:
        cluster.wait(f"node/{machine['metadata']['name']}", within=30)


def _flux(cluster: Cluster, facts: Facts) -> None:
    cluster.apply(facts.flux)
    for name in flux.COMPONENTS:
        cluster.wait(f"deployment/{name} -n {flux.NAMESPACE}", "Available", within=_FLUX_SECONDS)


def _module(state: State, name: str, module: str, *arguments: str, env: dict[str, str]) -> Process:
    return start(state, name, [sys.executable, "-m", module, *arguments], env)


@contextmanager
def _step(name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    _say(f"{name:<20}{time.monotonic() - began:5.1f} s")


def _memory_mib() -> int:
    """What the processes of the world hold in memory, shared pages counted once per process."""
    pages = 0
    for path in Path("/proc").glob("[0-9]*/statm"):
        try:
            pages += int(path.read_text().split()[1])
        except OSError:
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except WorldError as error:
        _say(f"error: {error}")
        sys.exit(1)
