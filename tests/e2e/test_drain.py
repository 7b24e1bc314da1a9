"""Rolling update and scale-down under load: no request is lost.

The Deployment, Service and all the rest are what the generator and the chart make of blueprints/chat.yaml. Other than
there: the image is a stand-in that drains as vLLM does (test_real_vllm.py), the times of the drain are short, an API
key is asked for. All that by values of the chart; no object is changed afterwards. The weights' download has been done.
"""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.kubelet.images import STAND_IN_VLLM
from tests.e2e.vllm import workloads

KEY = "sk-of-the-test"
PRE_STOP, SHUTDOWN, MARGIN = 3, 20, 5
CHANGED = {
    "image": {"repository": f"registry.world.internal:5000/{STAND_IN_VLLM}"},
    "drain": {"preStopSeconds": PRE_STOP, "shutdownSeconds": SHUTDOWN, "marginSeconds": MARGIN},
    "httpRoute": {"timeoutSeconds": SHUTDOWN},
    "scripts": {"configMap": ""},  # the stack's has them, and here is none
}
# Without their controllers these would do nothing here, and there is nothing to download.
LEFT_OUT = {"HTTPRoute", "PodMonitor", "PrometheusRule", "ScaledObject"}
SECONDS_PER_TOKEN = 0.02
# The first so often that they would meet a pod without its preStop; the last take longer than that sleep.
TOKENS = (2, 100, 400)
CLIENTS = 24


def ask(connection: http.client.HTTPConnection, tokens: int) -> str:
    """Send a request; returns "ok" or what went wrong."""
    body = json.dumps({"model": "chat", "prompt": "Hello", "max_tokens": tokens})
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    try:
        connection.request("POST", "/v1/completions", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            return f"HTTP {answer.status}: {text.decode()}"
        made = len(json.loads(text)["choices"][0]["text"])
        return "ok" if made == tokens else f"{made} of {tokens} tokens"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return repr(error)


def reaches(host: str) -> bool:
    """Whether somebody there says that it is healthy."""
    connection = http.client.HTTPConnection(host, 8000, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@dataclass
class Load:
    """Clients that ask again and again, each time on a new connection."""

    host: str
    answers: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def client(self, number: int) -> None:
        tokens = TOKENS[number % len(TOKENS)]
        first = max(1, tokens * number // CLIENTS)  # so that they don't end together: there is always one in flight
        while not self.stop.is_set():
            connection = connect(self.host)
            self.answers.append(ask(connection, first or tokens))
            connection.close()
            first = 0


@dataclass(frozen=True)
class Chat:
    """The deployed blueprint."""

    cluster: Cluster
    namespace: str

    @property
    def host(self) -> str:
        return f"chat.{self.namespace}.svc.cluster.local"

    def apply(self, **changes: Any) -> None:
        objects = workloads.rendered("chat", shape="a10", namespace=self.namespace, **CHANGED, **changes)
        for name, item in objects.items():
            if item["kind"] not in LEFT_OUT and not name.startswith("download-"):
                self.cluster.apply({**item, "metadata": {**item["metadata"], "namespace": self.namespace}})
        self._fill_cache(objects["Deployment"]["spec"]["template"]["spec"])

    def scale(self, replicas: int) -> None:
        """As the autoscaler does it: the chart leaves replicas out."""
        change = {"spec": {"replicas": replicas}}
        self.cluster.patch(f"deployment/chat -n {self.namespace}", change, subresource="scale")

    def pods(self) -> list[Object]:
        return self.cluster.objects("pod", namespace=self.namespace)

    def settle(self, replicas: int, *, within: float) -> None:
        """Wait until so many pods of the newest template are ready, and no other pod is there."""

        def is_done(item: Object | None) -> bool:
            """Rolled out."""
            status = (item or {}).get("status", {})
            counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
            observed = item is not None and status.get("observedGeneration") == item["metadata"]["generation"]
            return observed and counts == [replicas] * 3

        self.cluster.wait(f"deployment/chat -n {self.namespace}", is_done, within=within)
        for pod in self.pods():
            if "deletionTimestamp" in pod["metadata"]:
                self.cluster.wait(f"pod/{pod['metadata']['name']} -n {self.namespace}", "deleted", within=within)
        self._reach(within)

    @contextmanager
    def under_load(self) -> Iterator[Load]:
        load = Load(self.host)
        clients = [threading.Thread(target=load.client, args=(number,)) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            time.sleep(2)
            yield load
            time.sleep(1)
        finally:
            load.stop.set()
            for client in clients:
                client.join()

    def _reach(self, within: float) -> None:
        """Endpoints come another way than the Deployment's status, and may come later."""
        deadline = time.monotonic() + within
        while not reaches(self.host):
            assert time.monotonic() < deadline, f"nobody answers at {self.host}"
            time.sleep(0.1)

    def _fill_cache(self, pod: Object) -> None:
        """Leave in the claim what the download Job leaves there, for the init container that waits for it."""
        claims = {volume["name"]: volume.get("persistentVolumeClaim", {}) for volume in pod["volumes"]}
        for container in pod["initContainers"]:
            if container["name"] == "await-weights":
                folder = self.cluster.state.data / "claims" / self.namespace / claims["cache"]["claimName"]
                marker = folder / container["args"][0].removeprefix("/cache/")
                marker.parent.mkdir(parents=True, exist_ok=True)
                marker.touch()

    def in_flight_at_sigterm(self) -> int:
        """Requests that pods had accepted when they were told to end, over all pods so far."""
        lines = self.cluster.logs(self.namespace, "chat").splitlines()
        return sum(int(line.split()[3]) for line in lines if line.startswith("shutting down with"))


@pytest.fixture
def chat(cluster: Cluster, namespace: str) -> Chat:
    for name, data in {"vllm-api-key": {"api-key": KEY}, "hf-token": {"token": "none"}}.items():
        metadata = {"name": name, "namespace": namespace}
        cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})
    chat = Chat(cluster, namespace)
    chat.apply()
    return chat


def test_a_rolling_update_and_a_scale_down_lose_no_request(chat: Chat) -> None:
    chat.scale(3)
    chat.settle(3, within=60)
    strategy = chat.cluster.get(f"deployment/chat -n {chat.namespace}")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 0, "maxUnavailable": 1}
    old = {pod["metadata"]["name"] for pod in chat.pods()}

    with chat.under_load() as load:
        chat.apply(args=["--max-num-seqs=48"])
        chat.settle(3, within=120)
    assert old.isdisjoint(pod["metadata"]["name"] for pod in chat.pods())
    assert set(load.answers) == {"ok"}
    assert len(load.answers) > 5 * CLIENTS
    drained = chat.in_flight_at_sigterm()
    assert drained > 0, "no pod had anything to finish: the load is too small to show anything"

    with chat.under_load() as load:
        chat.scale(1)
        chat.settle(1, within=60)
    assert len(chat.pods()) == 1
    assert set(load.answers) == {"ok"}
    assert len(load.answers) > 2 * CLIENTS
    assert chat.in_flight_at_sigterm() > drained


def test_after_the_pre_stop_sleep_only_what_was_accepted_is_finished(chat: Chat) -> None:
    """So a client that keeps its connection to a pod that goes must try again on a new one."""
    chat.scale(1)
    chat.settle(1, within=60)
    [pod] = chat.pods()
    with closing(connect(chat.host)) as kept, closing(connect(chat.host)) as late:
        # The proxy chooses a pod when it takes a connection, which may be after connect() has returned.
        assert [ask(kept, 1), ask(late, 1)] == ["ok", "ok"]
        answers: list[str] = []
        tokens = int((PRE_STOP + 7) / SECONDS_PER_TOKEN)
        running = threading.Thread(target=lambda: answers.append(ask(late, tokens)))
        running.start()
        began = time.monotonic()
        chat.cluster.discard(f"pod/{pod['metadata']['name']} -n {chat.namespace}")
        served = 0
        while (answer := ask(kept, 1)) == "ok":
            served += 1
            time.sleep(0.05)
        refused_after = time.monotonic() - began
        kept.request("GET", "/health")
        health = kept.getresponse().status
        is_draining = running.is_alive()
        running.join()
    assert served > 0
    assert answer.startswith("HTTP 500")
    assert refused_after >= PRE_STOP
    assert is_draining, "the last request is too short to show anything"
    assert health == 200
    assert answers == ["ok"]


def connect(host: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(host, 8000, timeout=60)
