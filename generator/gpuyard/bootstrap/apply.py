"""Carry out a plan: everything whose needs are there at once, each by a request that can be sent again.

Where it stops, by whatever, running it again goes on from there: what was made carries its tags, and what was asked
for and not yet seen is known to OCI by its retry token.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gpuyard.bootstrap import standard
from gpuyard.bootstrap.difference import Action, Change, known
from gpuyard.bootstrap.families import KINDS
from gpuyard.bootstrap.links import filled, linked
from gpuyard.bootstrap.planning import Plan
from gpuyard.bootstrap.resource import RESOURCE, STACK, Found, Kind, Place, Resource
from gpuyard.bootstrap.states import Standing, is_gone, standing
from gpuyard.bootstrap.waiting import some_done
from gpuyard.doors.oci import Cloud, NoCapacity, Refused, retry_token
from gpuyard.errors import GpuyardError, ToolError

__all__ = ["Event", "Report", "Step", "apply"]

_THREADS = 8
_GENERATIONS = 50
"""How often a day the same can be made and deleted: each time OCI takes only a token that it has not seen."""


class Step(StrEnum):
    """Where a change is."""

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Something that it needs failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What has just happened."""

    step: Step
    change: Change
    seconds: float = 0
    message: str = ""
    short: bool = False
    """Of nodes: Oracle has no host for any of them."""


Report = Callable[[Event], None]


def apply(cloud: Cloud, plan: Plan, report: Report) -> None:
    """Everything in the plan; the first error is raised when all that does not depend on it is done."""
    if plan.refused:
        raise ToolError(*(check.message for check in plan.refused))
    run = _Run(cloud, plan, report)
    run.all()
    if run.errors:
        raise run.errors[0]
    for change in plan.changes:  # dependents first
        if change.action is Action.DELETE and change.found:
            run.timed(change, lambda change=change: run.delete(change))  # type: ignore[misc]  # bound here and now


class _Run:
    """One execution: what is known by now, and what has failed."""

    def __init__(self, cloud: Cloud, plan: Plan, report: Report) -> None:
        self.cloud, self.plan, self._tell = cloud, plan, report
        self.known: dict[str, Mapping[str, Any]] = known(plan.observed.ours)
        self.errors: list[GpuyardError] = []
        self._lock = threading.Lock()

    def all(self) -> None:
        """In the order of the graph, in parallel."""
        pending = {change.id: change for change in self.plan.changes if change.resource}
        needs = {name: _needs(change) & pending.keys() for name, change in pending.items()}
        done: set[str] = set()
        running: dict[Future[bool], str] = {}
        pool = ThreadPoolExecutor(_THREADS)
        try:
            while pending or running:
                for name in [each for each in pending if needs[each] <= done]:
                    running[pool.submit(self._one, pending.pop(name))] = name
                if not running:
                    break  # what is left needs something that failed
                for future in some_done(running):
                    name = running.pop(future)
                    if future.result():
                        done.add(name)
        except BaseException:  # Ctrl-C, or a bug: nobody waits for what OCI does meanwhile
            self.cloud.stop()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
        for change in pending.values():
            if change.action is not Action.KEEP:
                self.report(Event(step=Step.SKIPPED, change=change))

    def _one(self, change: Change) -> bool:
        """Whether it is there now."""
        try:
            if change.action is Action.KEEP:
                self._keep(change)
            else:
                self.timed(change, lambda: self._write(change))
        except GpuyardError as error:
            with self._lock:
                self.errors.append(error)
            return False
        return True

    def report(self, event: Event) -> None:
        """One at a time."""
        with self._lock:
            self._tell(event)

    def timed(self, change: Change, work: Callable[[], None]) -> None:
        """With its beginning and end told."""
        began = self.cloud.clock()
        self.report(Event(step=Step.BEGUN, change=change))
        try:
            work()
        except GpuyardError as error:
            seconds = self.cloud.clock() - began
            short = isinstance(error, NoCapacity) and not error.started
            self.report(Event(step=Step.FAILED, change=change, seconds=seconds, message=str(error), short=short))
            raise
        self.report(Event(step=Step.DONE, change=change, seconds=self.cloud.clock() - began))

    def _keep(self, change: Change) -> None:
        """An earlier run may have been interrupted while OCI worked on it."""
        kind, found = KINDS[change.kind], change.found
        if found and standing(kind, found.state) is Standing.PENDING:
            what = f"wait for {kind.title} {change.id}"
            made = standard.wait(self.cloud, kind, found.id, found.region, what, found.parent)
            self.known[change.id] = made.data

    def _write(self, change: Change) -> None:
        kind, resource = KINDS[change.kind], change.resource
        if resource is None:
            return
        body = self._body(kind, resource)
        if change.action is Action.REPLACE and change.found:
            kind.delete(self.cloud, kind, change.found)
        if change.action in (Action.CREATE, Action.REPLACE):
            self.known[resource.id] = self._made(kind, resource, body).data
        elif change.found:
            self._keep(change)
            kind.update(self.cloud, kind, change.found, resource, body)

    def _body(self, kind: Kind, resource: Resource) -> dict[str, Any]:
        """What is sent: links are known by now, and tags come with the first request."""
        body: dict[str, Any] = filled(resource.body, self.known)
        if kind.tagged:
            body["freeformTags"] = resource.labelled(self.plan.stack)
        if resource.parent:
            body["parent"] = filled(resource.parent, self.known)
        if unknown := sorted(set(linked(body))):
            raise ToolError(f"{resource.id}: {', '.join(unknown)} is not there yet; run the same command again")
        return body

    def _made(self, kind: Kind, resource: Resource, body: Mapping[str, Any]) -> Found:
        """With the first token that OCI takes: it refuses that of one that was deleted a short while ago."""
        for generation in range(1, _GENERATIONS + 1):
            token = retry_token(self.plan.stack, resource.id, generation, body)
            try:
                made = kind.create(self.cloud, kind, resource, body, token)
            except Refused as error:
                if error.fault.code != "InvalidatedRetryToken":
                    raise
                if there := self._there(kind, resource, body):
                    return there
                continue
            if not is_gone(made.state):
                return made
        raise ToolError(f"create {kind.title} {resource.id}: OCI takes it for one that was deleted; try again in a day")

    def _there(self, kind: Kind, resource: Resource, body: Mapping[str, Any]) -> Found | None:
        """The one that an earlier run made, by its tags."""
        domain = body.get("availabilityDomain")
        place = Place(resource.region, str(body.get("compartmentId", "")), (domain,) if domain else ())
        for each in kind.find(self.cloud, kind, place, ()) if kind.tagged else ():
            if (each.tags.get(STACK), each.tags.get(RESOURCE)) == (self.plan.stack, resource.id):
                return standard.wait(self.cloud, kind, each.id, each.region, f"wait for {kind.title} {resource.id}")
        return None

    def delete(self, change: Change) -> None:
        """What the stack no longer asks for."""
        if change.found:
            kind = KINDS[change.kind]
            kind.delete(self.cloud, kind, change.found)


def _needs(change: Change) -> frozenset[str]:
    return change.resource.needs if change.resource else frozenset()
