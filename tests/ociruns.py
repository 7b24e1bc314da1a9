"""Bootstraps of one small stack in the cloud of tests/oci, without waiting."""

import copy
import itertools
import os
import time
from collections import Counter
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from gpuyard.bootstrap.apply import Event, apply
from gpuyard.bootstrap.destroy import Removal, destroy, removal
from gpuyard.bootstrap.planning import Plan, plan
from gpuyard.doors.oci import Cloud, Login
from gpuyard.errors import GpuyardError
from gpuyard.project.load import Project, parse
from gpuyard.resolve import Resolved, resolve
from tests.oci import leftovers
from tests.oci.fixture import Running
from tests.projects import STACK, sources

__all__ = ["SPEC", "Runs", "furnished", "kinds", "leave", "stack"]

_TICK = 0.05
"""Seconds that pass whenever the clock is asked."""
SPEC = {"storage": {"cache": {"kind": "fss"}}, "shapes": {"a10": {}}}
CLUSTER = {**STACK["spec"]["clusters"][0], "shapes": {"a10": "VM.GPU.A10.2"}}


def stack(oci: dict[str, Any] | None = None, *clusters: dict[str, Any]) -> dict[str, Any]:
    """The spec of a stack with its clusters: phx, if none is given."""
    own = {"compartment": "gpu", "bucket": "weights", "repositories": ["vllm/vllm-openai"], **(oci or {})}
    return {"oci": own, "clusters": [{**CLUSTER, **each} for each in clusters or [{}]]}


@cache
def _default() -> tuple[Project, Resolved]:
    project = parse(sources(SPEC, stack()))
    return project, resolve(project)


class Runs:
    """What is done in a cloud, each time as by a new process."""

    def __init__(self, cloud: Running, folder: Path, spec: dict[str, Any] | None = None, name: str = "demo") -> None:
        self.cloud = cloud
        self.environment = cloud.environment(folder)
        self.events: list[Event] = []
        self.last: Cloud | None = None
        if spec is None:
            self.project, self.resolved = _default()
        else:
            found = sources(SPEC, spec)
            text = found["stack.yaml"].replace(b"name: demo\n", f"name: {name}\n".encode())
            self.project = parse({**found, "stack.yaml": text})
            self.resolved = resolve(self.project)

    def door(self) -> Cloud:
        """A new one; nothing is waited for, but other threads get their turn.

        Its clock counts how often it is asked: a busy machine is no reason for a test to run out of time.
        """
        with mock.patch.dict(os.environ, self.environment):
            file = self.environment["OCI_CONFIG_FILE"]
            ticks = itertools.count()
            self.last = Cloud(Login(file=file), pause=lambda _: time.sleep(0.001), clock=lambda: next(ticks) * _TICK)
        return self.last

    def plan(self) -> Plan:
        """What would be done."""
        with mock.patch.dict(os.environ, self.environment):
            return plan(self.door(), self.project, self.resolved)

    def apply(self) -> Plan:
        """Do it."""
        with mock.patch.dict(os.environ, self.environment):
            door = self.door()
            found = plan(door, self.project, self.resolved)
            self.events = []
            apply(door, found, self.events.append)
            return found

    def settle(self, most: int = 3) -> int:
        """Apply until there is nothing to do; how often it took."""
        for count in range(most + 1):
            if not (left := self.plan().writes):
                return count
            if count < most:
                with suppress(GpuyardError):
                    self.apply()
        raise AssertionError(f"not done after {most}: {[each.id for each in left]}")

    def removal(self, *, data: bool = False) -> Removal:
        """What would be deleted."""
        with mock.patch.dict(os.environ, self.environment):
            return removal(self.door(), self.project, data=data)

    def destroy(self, *, data: bool = False) -> Removal:
        """Delete it."""
        with mock.patch.dict(os.environ, self.environment):
            door = self.door()
            found = removal(door, self.project, data=data)
            self.events = []
            destroy(door, found, self.events.append)
            return found


def kinds(cloud: Running) -> Counter[tuple[str, str]]:
    """How many of each resource of gpuyard's there are, by its tag; and of what has no tags."""
    return Counter((each["kind"], each["tags"].get("gpuyard-resource", "")) for each in cloud.live())


def furnished(cloud: Running, whole: Running) -> None:
    """Have it hold what another one holds."""
    for name in ("things", "tokens", "made", "seconds"):
        setattr(cloud, name, copy.deepcopy(getattr(whole, name)))


def leave(cloud: Running) -> None:
    """What controllers leave behind."""
    subnets = {each.has["displayName"].removeprefix("demo-phx-subnet-"): each for each in cloud.all("subnet")}
    tags = {"gpuyard-stack": "demo"}
    leftovers.load_balancer(cloud, subnets["public-balancers"].id)
    leftovers.load_balancer(cloud, subnets["internal-balancers"].id, network=True)
    leftovers.machine(cloud, subnets["workers"].id)
    leftovers.mount_target(cloud, subnets["files"].id, tags=tags)
    leftovers.volume(cloud, subnets["workers"].has["compartmentId"], tags=tags, region="us-phoenix-1")
