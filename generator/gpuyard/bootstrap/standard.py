"""How most kinds are found, made, changed and deleted; the others have functions of their own beside their kind."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gpuyard.bootstrap.resource import Found, Kind, Place, Resource
from gpuyard.bootstrap.states import Standing, detail, is_gone, standing
from gpuyard.doors.oci import Cloud, Fault, Refused, wait_for_work

__all__ = ["create", "delete", "find", "found", "update", "wait"]

_AGAIN = 6
_SLACK = 600
"""Seconds more than the tenfold of the typical time before waiting ends."""


def find(cloud: Cloud, kind: Kind, place: Place, _: Iterable[Found]) -> Iterator[Found]:
    """All in a compartment that are not on their way out."""
    for options in [{"availability_domain": each} for each in place.domains] if kind.domains else [{}]:
        listing = kind.listing or f"list_{kind.noun}s"
        for data in cloud.listed(
            kind.service, listing, region=place.region, compartment_id=place.compartment, **options
        ):
            if not is_gone(data.get("lifecycleState")):
                yield found(kind, place.region, data)


def found(kind: Kind, region: str, data: Mapping[str, Any], parent: str = "") -> Found:
    """OCI's answer as what was found."""
    return Found(kind=kind.name, region=region, data=data, tags=data.get("freeformTags") or {}, parent=parent)


def create(cloud: Cloud, kind: Kind, resource: Resource, body: Mapping[str, Any], token: str) -> Found:
    """Send it once, however often it has to be sent, and wait for the state in which others can use it."""
    what = f"create {kind.title} {resource.id}"
    reply = cloud.call(
        kind.service, f"create_{kind.noun}", dict(body), region=resource.region, what=what, opc_retry_token=token
    )
    if kind.works:
        request = reply.headers["opc-work-request-id"]
        work = wait_for_work(cloud, request, region=resource.region, limit=_limit(kind), what=what)
        made = next(each["identifier"] for each in work["resources"] if each["entityType"].lower() == _entity(kind))
    else:
        made = reply.data["id"]
    return wait(cloud, kind, made, resource.region, what)


def _entity(kind: Kind) -> str:
    """What a work request calls it: nodepool."""
    return kind.noun.replace("_", "")


def _limit(kind: Kind) -> float:
    return 10 * kind.seconds + _SLACK


def wait(cloud: Cloud, kind: Kind, ocid: str, region: str, what: str, parent: str = "") -> Found:
    """Until others can use it; one that is deleted is returned as such, and one that nobody can use is refused."""
    made = _settled(cloud, kind, ocid, region, what, parent)
    if standing(kind, made.state) in (Standing.BROKEN, Standing.BLOCKED):
        raise _over(f"{what}: it is {made.state}: {detail(made)}", made.state)
    return made


def _settled(cloud: Cloud, kind: Kind, ocid: str, region: str, what: str, parent: str) -> Found:
    """Until nothing is under way any more."""
    began, pause = cloud.clock(), 0.5
    where = (parent, ocid) if kind.within else (ocid,)
    while True:
        data = cloud.call(kind.service, f"get_{kind.noun}", *where, region=region, what=what).data
        made = found(kind, region, data, parent)
        if standing(kind, made.state) is not Standing.PENDING:
            return made
        if cloud.clock() - began > _limit(kind):
            raise _over(
                f"{what}: still {made.state} after {_limit(kind) / 60:.0f} minutes; run the same command again",
                "Timeout",
            )
        cloud.pause(pause)
        pause = min(15.0, pause * 1.5)


def _over(text: str, code: str) -> Refused:
    return Refused(text, Fault(400, code, text))


def update(cloud: Cloud, kind: Kind, there: Found, resource: Resource, body: Mapping[str, Any]) -> None:
    """Everything that an update takes, as it should be; tags of others stay."""
    what = f"update {kind.title} {resource.id}"
    wanted = {key: value for key, value in body.items() if key in kind.changes}
    if "freeformTags" in body:
        wanted["freeformTags"] = {**there.tags, **body["freeformTags"]}
    reply = cloud.call(kind.service, f"update_{kind.noun}", there.id, wanted, region=there.region, what=what)
    if kind.works:
        wait_for_work(cloud, reply.headers["opc-work-request-id"], region=there.region, limit=_limit(kind), what=what)
    else:
        wait(cloud, kind, there.id, there.region, what)


def delete(cloud: Cloud, kind: Kind, there: Found) -> None:
    """Until it is gone; where it was gone before, too."""
    what = f"delete {kind.title} {there.name}"
    try:
        if standing(kind, there.state) is Standing.PENDING:  # OCI deletes nothing that it works on
            _settled(cloud, kind, there.id, there.region, what, there.parent)
        reply = cloud.call(kind.service, f"delete_{kind.noun}", there.id, region=there.region, what=what, absent=True)
        if kind.works and "opc-work-request-id" in reply.headers and kind.service == "container_engine":
            request = reply.headers["opc-work-request-id"]
            wait_for_work(cloud, request, region=there.region, limit=_limit(kind), what=what)
        _until_gone(cloud, kind, there, what)
    except Refused as error:
        if error.fault.status != 404:
            raise


def _until_gone(cloud: Cloud, kind: Kind, there: Found, what: str) -> None:
    """A subnet or compartment in which something is left is available again after a while, and asked to go again."""
    began, pause, again = cloud.clock(), 0.5, 0
    while there.state:
        data = cloud.call(kind.service, f"get_{kind.noun}", there.id, region=there.region, what=what, absent=True).data
        state = data.get("lifecycleState")
        if state in ("TERMINATED", "DELETED"):
            return
        if not is_gone(state):
            again += 1
            if again > _AGAIN:
                raise _over(
                    f"{what}: it is {state} again, so something in it is left; `--dry-run` lists it", "Conflict"
                )
            cloud.call(kind.service, f"delete_{kind.noun}", there.id, region=there.region, what=what, absent=True)
        if cloud.clock() - began > _limit(kind):
            raise _over(f"{what}: still {state} after {_limit(kind) / 60:.0f} minutes", "Timeout")
        cloud.pause(pause)
        pause = min(15.0, pause * 1.5)
