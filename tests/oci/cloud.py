"""The state of the cloud: its things, their way through their states, retry tokens, the log of requests."""

import base64
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oci import hooks
from tests.oci.errors import invalidated, not_found
from tests.oci.faults import Script
from tests.oci.kinds import KINDS
from tests.oci.signatures import Keys
from tests.oci.thing import Logged, Thing
from tests.oci.world import key_of, world

TENANCY = "ocid1.tenancy.oc1..aaaaaaaagpuyardtests"
TOKENS_LAST = 24 * 3600


@dataclass
class Cloud:
    """An Oracle Cloud; what a test may set stands first."""

    home: str = "us-ashburn-1"
    subscribed: list[str] = field(default_factory=lambda: ["us-ashburn-1", "us-phoenix-1"])
    pace: int = 1
    """Reads that still see a state before the next one comes."""
    paces: dict[str, int] = field(default_factory=dict)
    """The same for a kind, such as mount_target."""
    lag: int = 1
    """Reads that don't find what was just written to IAM."""
    lags: dict[str, int] = field(default_factory=dict)
    """The same for a kind: vcn here, and a list doesn't show a new VCN at once."""
    apart: bool = True
    """Each service, and the check of policies, has that many reads that find nothing, instead of all together."""
    stale: int = 0
    """Attempts to delete a subnet or a group that still meet the VNICs of what is gone."""
    page: int = 100
    """The most of a list in one answer."""
    capacity: dict[str, int] = field(default_factory=dict)
    """Hosts by shape, shape/AD or shape/AD/FD; the narrowest counts, what isn't here is in world.yaml."""
    limits: dict[str, int] = field(default_factory=dict)
    """Service limits by name, or name/AD; what isn't here is in world.yaml."""
    withheld: list[str] = field(default_factory=list)
    """Shapes that are not offered, in no region."""
    addons: dict[str, str] = field(default_factory=dict)
    """Versions of add-ons by name; what isn't here is in world.yaml."""
    together: threading.Barrier | None = None
    """Each request of the virtual network waits until so many have come, or nobody comes."""
    kubernetes: dict[str, str] = field(default_factory=dict)
    """`server` and `ca` of the API server that kubeconfigs name, where there is one."""
    base: str = ""
    """Where it listens."""
    keys: Keys = field(default_factory=Keys)
    script: Script = field(default_factory=Script)
    began: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    # What it holds.
    things: dict[str, Thing] = field(default_factory=dict)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: list[Logged] = field(default_factory=list)
    reader: str = ""
    """The service that is asked now."""
    made: int = 0
    seconds: int = 0

    def __post_init__(self) -> None:
        """The tenancy is its outermost compartment."""
        about = {"name": world()["tenancy"]["name"], "description": "tenancy", "compartmentId": TENANCY}
        self.add("compartment", self.home, about, id=TENANCY).note["given"] = True

    # Time and names: a counter each, so that two runs are alike.

    def now(self) -> str:
        """The time here: that of its clients when it began, a second for each request, and what `pass_time` adds."""
        return (self.began + timedelta(seconds=self.seconds)).isoformat()

    def pass_time(self, *, hours: int) -> None:
        """Let time pass; retry tokens last a day."""
        self.seconds += hours * 3600

    def new_id(self, kind: str, region: str) -> str:
        """An OCID that nothing else has."""
        self.made += 1
        digest = base64.b32encode(hashlib.sha256(f"{kind}/{self.made}".encode()).digest()).decode().lower().rstrip("=")
        where = "" if kind in KINDS and KINDS[kind].everywhere else key_of(region)
        return f"ocid1.{kind.replace('_', '')}.oc1.{where}.aaaaaaaa{digest}"

    # Things.

    def add(self, kind: str, region: str, has: dict[str, Any], *, owner: str | None = None, id: str = "") -> Thing:
        """A new thing, ready to use."""
        new = id or self.new_id(kind, region)
        state = {"lifecycleState": KINDS[kind].ready} if KINDS[kind].ready else {}
        tags: dict[str, Any] = {"freeformTags": {}, "definedTags": {}, "systemTags": {}}
        has = {**tags, "displayName": kind.replace("_", ""), "timeCreated": self.now(), **has, **state, "id": new}
        self.things[new] = Thing(new, kind, region, has, owner=owner)
        return self.things[new]

    def all(self, kind: str, region: str | None = None) -> Iterator[Thing]:
        """The things of a kind that are not gone, without reading them."""
        for thing in self.things.values():
            if thing.name_of_kind == kind and not thing.gone and (region is None or thing.region == region):
                yield thing

    def find(self, id: str, region: str, *kinds: str) -> Thing:
        """A thing by its id; raises 404 where it cannot be seen."""
        thing = self.things.get(id)
        if thing is None or (kinds and thing.name_of_kind not in kinds) or thing.purged:
            raise not_found(id)
        if not thing.kind.everywhere and thing.region != region:
            raise not_found(id)
        if self.misses(thing):
            raise not_found(id)
        return thing

    def misses(self, thing: Thing, reader: str = "") -> bool:
        """Whether this read of a thing is one of those that don't find it yet."""
        key = (reader or self.reader) if self.apart else ""
        if (count := thing.missed.get(key, 0)) >= thing.lag:
            return False
        thing.missed[key] = count + 1
        return True

    def children(self, owner: str) -> list[Thing]:
        """What goes when this one goes."""
        return [each for each in self.things.values() if each.owner == owner and not each.gone]

    def live(self) -> list[dict[str, Any]]:
        """Every thing that isn't gone, without what the cloud itself made: for "one of each, and nothing else"."""
        shown = (each for each in self.things.values() if not each.gone and each.owner is None)
        return [
            {
                "kind": each.name_of_kind,
                "id": each.id,
                "name": each.has.get("name") or each.has.get("displayName"),
                "state": each.state,
                "region": each.region,
                "tags": each.has.get("freeformTags", {}),
            }
            for each in shown
            if each.name_of_kind != "work_request" and not each.note.get("given")
        ]

    # States.

    def _pace(self, kind: str) -> int:
        return self.paces.get(kind, self.pace)

    def go(self, thing: Thing, *states: str) -> None:
        """Let it go through states, one after the other, as it is read."""
        thing.ahead = list(states)
        thing.reads = self._pace(thing.name_of_kind)
        while thing.ahead and self._pace(thing.name_of_kind) == 0:
            self._step(thing)

    def read(self, thing: Thing) -> dict[str, Any]:
        """What a reader sees of it; reading is what lets time pass for it."""
        seen = thing.shown
        self.tick(thing)
        return seen

    def tick(self, thing: Thing) -> None:
        """One read, as far as it brings the thing, or what is at work on it, forward."""
        if thing.work and (work := self.things[thing.work]).ahead:
            self.tick(work)
        elif thing.ahead:
            thing.reads -= 1
            if thing.reads <= 0:
                self._step(thing)
        elif thing.gone and not thing.kind.tombstone:
            thing.purged = True

    def _step(self, thing: Thing) -> None:
        state = thing.ahead.pop(0)
        thing.reads = self._pace(thing.name_of_kind)
        if turned := self.script.turns.pop(thing.name_of_kind, None):
            thing.state, thing.ahead = turned, []
        elif thing.name_of_kind == "work_request":
            self._work(thing, state)
        elif state == thing.kind.deleted and not thing.kind.lingers:
            self.end(thing)
        else:
            thing.state = state

    def _work(self, work: Thing, status: str) -> None:
        """A work request goes on to its next status; with its last one it does what it is for, or fails."""
        work.has["status"] = status
        work.version += 1
        if status != "SUCCEEDED":
            work.has["timeStarted"] = self.now()
            return
        work.has.update(timeFinished=self.now(), percentComplete=100.0)
        fault = self.script.take_work(work.has["operationType"])
        hooks.WORK["fail" if fault else work.note["does"]](self, work, fault or {})

    def end(self, thing: Thing) -> None:
        """It is gone, and with it what it owns."""
        for child in self.children(thing.id):
            if child.name_of_kind == "vnic" and self.stale:
                child.owner, child.state, child.note["given"] = None, child.kind.deleting, True
                child.ahead, child.reads = [child.kind.deleted], self.stale
            else:
                self.end(child)
        if thing.kind.deleted:
            thing.state = thing.kind.deleted
        thing.gone, thing.ahead, thing.work = True, [], None
        thing.purged = not thing.kind.deleted

    # Retry tokens.

    def earlier(self, key: str | None, digest: str) -> str | None:
        """The id that an earlier request with this token made; raises 409 where the token is of no use any more."""
        entry = self.tokens.get(key or "")
        if entry is None or self.seconds - entry["at"] >= TOKENS_LAST:
            return None
        thing = self.things[entry["id"]]
        if entry["digest"] != digest or thing.ending:
            raise invalidated()
        return thing.id

    def remember(self, key: str | None, digest: str, id: str) -> None:
        """What a token made, where there was one."""
        if key:
            self.tokens[key] = {"digest": digest, "id": id, "at": self.seconds}
