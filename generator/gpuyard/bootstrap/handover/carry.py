"""Carry out a hand-over: one request for each object, which can be sent again, and waits for what comes after it."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gpuyard.bootstrap.difference import Action
from gpuyard.bootstrap.handover.discovery import Paths
from gpuyard.bootstrap.handover.engineobjects import WORKLOADS
from gpuyard.bootstrap.handover.sight import MANAGER
from gpuyard.bootstrap.handover.steps import Handover, Move
from gpuyard.bootstrap.handover.wishes import PUBLIC_KEY, Part, Wish
from gpuyard.doors.deploykey import DeployKey, new_key
from gpuyard.doors.kubernetes import Kubernetes, UnansweredError
from gpuyard.errors import ToolError

__all__ = ["carry_out"]

_THERE = 409
_SECONDS = 600
"""For programs to start: nodes may have to come first."""
_TICK = 2.0
Pause = Callable[[float], object]
Tell = Callable[[Move], object]


def carry_out(
    api: Kubernetes, plan: Handover, stack: str, tell: Tell, pause: Pause, key: Callable[[], DeployKey] | None = None
) -> None:
    """Everything in the plan, in its order; then the engine is there and has its entry.

    `key` gives the deploy key where one goes in; without it, it is new.
    """
    run = _Run(api, stack, pause, key or partial(new_key, f"gpuyard {stack}"))
    entered = False
    for move in plan.moves:
        if move.wish.part is Part.ENTRY and not entered:
            entered = True
            run.ready([each for each in plan.moves if each.wish.part in (Part.ENGINE, Part.NETWORK)])
        if move.action in (Action.CREATE, Action.UPDATE):
            tell(move)
            run.write(move.wish)


class _Run:
    """One execution."""

    def __init__(self, api: Kubernetes, stack: str, pause: Pause, key: Callable[[], DeployKey]) -> None:
        self._api, self._stack, self._pause, self._key = api, stack, pause, key
        self._paths = Paths(api)

    def write(self, wish: Wish) -> None:
        """What is there by now stays as it is: somebody was faster, or an earlier run's answer was lost."""
        try:
            if wish.part is Part.SECRET or wish.part is Part.NAMESPACE:
                self._api.create(self._path(wish, whole=False), self._filled(wish), MANAGER)
            elif wish.kept:
                self._api.apply(self._path(wish), wish.body, f"gpuyard-{self._stack}")
            else:
                self._api.apply(self._path(wish), wish.body, MANAGER)
        except UnansweredError as error:
            if error.status != _THERE:
                raise
            if wish.kept:
                raise ToolError(f"{wish.id} has fields of another manager: {error}") from error

    def _filled(self, wish: Wish) -> Mapping[str, Any]:
        """With a deploy key, where one goes in; only the request, and a vault if chosen, has its private half."""
        if not wish.private_key:
            return wish.body
        metadata = wish.body["metadata"]
        key = self._key()
        made = {wish.private_key: b64encode(key.private.encode()).decode()}
        if wish.private_key == "identity":  # as Flux has its pairs
            made["identity.pub"] = b64encode(f"{key.public}\n".encode()).decode()
        told = {**metadata, "annotations": {PUBLIC_KEY: key.public}}
        return {**wish.body, "metadata": told, "data": {**wish.body["data"], **made}}

    def _path(self, wish: Wish, *, whole: bool = True) -> str:
        """As soon as its kind is served: definitions take a moment."""
        find = self._paths.of if whole else self._paths.listed
        for _ in range(int(_SECONDS / _TICK)):
            if path := find(wish.body):
                return path
            self._pause(_TICK)
        raise ToolError(f"{wish.id}: the API server does not know its kind")

    def ready(self, moves: list[Move]) -> None:
        """Its kinds are served, and its programs run; another's engine is taken as it is."""
        for move in moves:
            if move.action is not Action.LEAVE and (check := _CHECKS.get(move.wish.body["kind"])):
                self._until(move.wish, check)

    def _until(self, wish: Wish, check: Callable[[Mapping[str, Any]], str]) -> None:
        path, why = self._path(wish), "it is not there"
        for _ in range(int(_SECONDS / _TICK)):
            try:
                if not (why := check(self._api.get(path))):
                    return
            except UnansweredError as error:
                if error.status not in (0, 404, 429) and error.status < 500:
                    raise
                why = str(error)
            self._pause(_TICK)
        raise ToolError(f"{wish.id} is not ready after {_SECONDS} seconds: {why}")


def _established(found: Mapping[str, Any]) -> str:
    return _lacks(found, "Established")


def _available(found: Mapping[str, Any]) -> str:
    """Empty: as many pods as it wants serve, of its newest form."""
    status, metadata = found.get("status") or {}, found["metadata"]
    if status.get("observedGeneration", 0) < metadata.get("generation", 0):
        return "nothing looked at it yet"
    if found["kind"] == "Deployment":
        return _lacks(found, "Available")
    wanted = (found.get("spec") or {}).get("replicas", status.get("desiredNumberScheduled", 1))
    ready = status.get("readyReplicas", status.get("numberReady", 0))
    return "" if ready >= wanted else f"{ready} of {wanted} pods are ready"


def _lacks(found: Mapping[str, Any], name: str) -> str:
    conditions = (found.get("status") or {}).get("conditions") or ()
    condition: Mapping[str, Any] = next((each for each in conditions if each["type"] == name), {})
    return "" if condition.get("status") == "True" else str(condition.get("message") or f"not {name} yet")


_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "CustomResourceDefinition": _established,
    **dict.fromkeys(WORKLOADS, _available),
}
