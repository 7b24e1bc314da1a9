"""The node agent's loop: every pod that is bound to a node is handed to who makes it live."""

import sys
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

from tests.cluster.api import Api, Object
from tests.cluster.errors import ApiError
from tests.cluster.facts import Facts, read
from tests.cluster.kubelet import simulated
from tests.cluster.kubelet.changes import Changes
from tests.cluster.kubelet.images import runs
from tests.cluster.kubelet.running import RunningPod
from tests.cluster.state import State

__all__ = ["main"]


def main(root: str) -> None:
    """Run until killed."""
    state = State(Path(root))
    agent = _Agent(state, read(state))
    agent.changes.follow()
    for kind, pod in agent.api.follow("/api/v1/pods"):
        if pod["spec"].get("nodeName"):
            with suppress(ApiError, OSError, HTTPException):  # one pod's trouble must not end all others
                agent.handle(kind, pod)


class _Agent:
    def __init__(self, state: State, facts: Facts) -> None:
        self.api = Api(state.certificates, "node-agent")
        self.changes = Changes(self.api)
        self._state, self._facts = state, facts
        self._running: dict[str, RunningPod] = {}
        self._number = 0

    def handle(self, kind: str, pod: Object) -> None:
        if not runs(pod, self._facts.programs):
            if kind != "DELETED":
                simulated.handle(self.api, self._state, pod)
            return
        uid, metadata = pod["metadata"]["uid"], pod["metadata"]
        if kind == "DELETED":
            if uid in self._running:
                self._running.pop(uid).vanish()
        elif uid not in self._running:
            self._running[uid] = RunningPod(
                self.api, self.changes, self._state, pod, self._number, self._facts.programs
            )
            self._number += 1
        if uid in self._running and "deletionTimestamp" in metadata:
            self._running[uid].delete(float(metadata.get("deletionGracePeriodSeconds", 0)))


if __name__ == "__main__":
    main(*sys.argv[1:])
