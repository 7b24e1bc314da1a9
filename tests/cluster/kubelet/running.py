"""One pod that really runs: its network, volumes and containers, from its binding to a node until it is gone."""

import shutil
import signal
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from tests.cluster.addresses import running_pod
from tests.cluster.api import Api, Object
from tests.cluster.errors import ApiError, NotFoundError
from tests.cluster.kubelet import network
from tests.cluster.kubelet.changes import Changes
from tests.cluster.kubelet.container import Container, Place, RestartPolicy
from tests.cluster.kubelet.values import MissingError
from tests.cluster.kubelet.volumes import Volumes
from tests.cluster.state import State

__all__ = ["RunningPod"]

_TICK = 0.1
_REFRESH_SECONDS = 1.0
_STRATEGIC = "application/strategic-merge-patch+json"


class RunningPod:
    """Works in its own thread; the agent tells it of deletions."""

    def __init__(
        self, api: Api, changes: Changes, state: State, pod: Object, number: int, programs: Mapping[str, Path]
    ) -> None:
        self._api, self._state, self._pod, self._programs = api, state, pod, programs
        metadata = pod["metadata"]
        self._path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        self._directory = state.root / "running" / metadata["uid"]
        self._address, self._device = running_pod(number), f"pod{number}"
        self._volumes = Volumes(api, changes, pod, self._directory / "volumes", state.data / "claims")
        self._deadline = float("inf")
        self._gone = threading.Event()
        self._stop = threading.Event()
        self._told: Object = {}
        self._since: dict[str, tuple[bool, str]] = {}
        self._containers: list[Container] = []
        threading.Thread(target=self._live, name=metadata["name"], daemon=True).start()

    def delete(self, grace: float) -> None:
        """The pod is to end within so many seconds; asked twice, the shorter time counts."""
        self._deadline = min(self._deadline, time.monotonic() + grace)
        self._stop.set()

    def vanish(self) -> None:
        """The object is gone: end at once and leave nothing."""
        self._gone.set()
        self.delete(0)

    def _live(self) -> None:
        try:
            self._run()
        except Exception:
            # One pod's failure must not end the others; what a person reads is in the pod's status and this log.
            traceback.print_exc()
            with suppress(ApiError, OSError):
                reason = traceback.format_exc(limit=-1).strip().splitlines()[-1]
                status = {"phase": "Failed", "reason": "NodeAgentError", "message": reason}
                self._api.send("PATCH", f"{self._path}/status", {"status": status}, content_type=_STRATEGIC)
        finally:
            for each in self._containers:
                each.signal(signal.SIGKILL)
            network.detach(self._directory / "network", self._device)
            shutil.rmtree(self._directory, ignore_errors=True)

    def _run(self) -> None:
        self._directory.mkdir(parents=True)
        network.attach(self._directory / "network", self._device, self._address)
        spec = self._pod["spec"]
        place = self._place()
        policy: RestartPolicy = spec.get("restartPolicy", "Always")
        until_done: RestartPolicy = "Never" if policy == "Never" else "OnFailure"
        first = [Container(each, place, restart=until_done) for each in spec.get("initContainers", [])]
        rest = [Container(each, place, restart=policy) for each in spec["containers"]]
        self._containers = [*first, *rest]
        refreshed = time.monotonic()
        while not self._stop.is_set():
            if all(each.is_done for each in first):
                for each in rest:
                    each.advance(self._api)
            else:
                next(each for each in first if not each.is_done).advance(self._api)
            if time.monotonic() - refreshed > _REFRESH_SECONDS:
                refreshed = time.monotonic()
                with suppress(MissingError, OSError, ApiError):
                    if self._volumes.is_behind():
                        self._volumes.refresh()
            self._tell(first, rest)
            self._stop.wait(_TICK)
        self._end(first, rest)

    def _place(self) -> Place:
        logs = self._state.logs / "pods"
        logs.mkdir(exist_ok=True)
        files = {
            "/etc/hosts": self._state.hosts,
            "/etc/resolv.conf": self._state.root / "resolv.conf",
            "/etc/nsswitch.conf": self._state.root / "nsswitch.conf",
        }
        network_file = self._directory / "network"
        return Place(
            self._pod,
            self._address,
            network_file,
            self._directory,
            self._volumes,
            files,
            self._programs,
            logs,
        )

    def _end(self, first: list[Container], rest: list[Container]) -> None:
        with suppress(ApiError, OSError):
            self._tell(first, rest)
        asked, waiting = time.monotonic(), {*first, *rest}
        while any(each.is_running for each in (*first, *rest)) and time.monotonic() < self._deadline:
            due = {each for each in waiting if time.monotonic() - asked >= each.pre_stop}
            for each in due:
                each.signal(signal.SIGTERM)
            waiting -= due
            time.sleep(_TICK)
        for each in self._containers:
            each.signal(signal.SIGKILL)
        if not self._gone.is_set():
            options = {"gracePeriodSeconds": 0, "preconditions": {"uid": self._pod["metadata"]["uid"]}}
            with suppress(ApiError):
                self._api.send("DELETE", self._path, options)

    def _tell(self, first: list[Container], rest: list[Container]) -> None:
        """Write the status when it has changed."""
        stopping = self._stop.is_set()
        initialized = all(each.is_done for each in first)
        statuses = [each.status(stopping=stopping) for each in rest]
        ready = initialized and all(each["ready"] for each in statuses)
        conditions = {
            "PodReadyToStartContainers": True,
            "Initialized": initialized,
            "ContainersReady": ready,
            "Ready": ready,
        }
        status: Object = {
            "phase": _phase(statuses),
            "podIP": self._address,
            "podIPs": [{"ip": self._address}],
            "hostIP": self._host(),
            "startTime": self._pod["metadata"]["creationTimestamp"],
            "conditions": [self._condition(kind, holds) for kind, holds in conditions.items()],
            "initContainerStatuses": [each.status() for each in first],
            "containerStatuses": statuses,
        }
        if status == self._told:
            return
        try:
            self._api.send("PATCH", f"{self._path}/status", {"status": status}, content_type=_STRATEGIC)
        except NotFoundError:
            self.vanish()
        self._told = status

    def _host(self) -> str:
        if not self._told:
            node = self._api.get(f"/api/v1/nodes/{self._pod['spec']['nodeName']}")
            addresses = {each["type"]: each["address"] for each in node["status"]["addresses"]}
            return str(addresses["InternalIP"])
        return str(self._told["hostIP"])

    def _condition(self, kind: str, holds: bool) -> Object:
        if kind not in self._since or self._since[kind][0] != holds:
            self._since[kind] = holds, datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        reason = "" if holds else "ContainersNotReady"
        return {
            "type": kind,
            "status": str(holds),
            "reason": reason,
            "lastTransitionTime": self._since[kind][1],
        }


def _phase(statuses: list[Object]) -> str:
    """Running from the first start on, whatever happens then: only what is over for good has succeeded or failed."""
    codes = [each["state"].get("terminated") for each in statuses]
    if all(codes):
        return "Failed" if any(code["exitCode"] for code in codes if code) else "Succeeded"
    return "Running" if any(each["state"]["running"] or "lastState" in each for each in statuses) else "Pending"
