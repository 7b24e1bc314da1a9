"""The five verbs that every kind has: create, get, list, update, delete."""

import hashlib
import json
from typing import Any

from tests.oci import hooks, work
from tests.oci.cloud import Cloud
from tests.oci.errors import Refused, conflict, limit_exceeded, not_found, wrong_state
from tests.oci.kinds import REFERENCES, Kind
from tests.oci.limits import room
from tests.oci.thing import Answer, Request, Thing, references


def create(cloud: Cloud, request: Request, kind: Kind) -> Answer:
    """A new thing, or the one that the same request with the same token has made already."""
    key, digest = _token(request)
    earlier = cloud.earlier(key, digest) if key else None
    if earlier == "":
        raise Refused(
            409,
            "InvalidatedRetryToken",
            "The provided retry token was used in an earlier request, which "
            "differed from this one or whose resource has been deleted since.",
        )
    thing = cloud.things[earlier] if earlier else _made(cloud, request, kind)
    if key:
        cloud.remember(key, digest, thing.id)
    said = answer(thing)
    if maker := thing.note.get("maker"):
        said.headers["opc-work-request-id"] = maker
    return said


def get(cloud: Cloud, request: Request, kind: Kind) -> Answer:
    """A thing by the id in the path."""
    thing = cloud.find(request.target, request.region, kind.name)
    etag = thing.etag
    return Answer(cloud.read(thing), {"etag": etag})


def listed(cloud: Cloud, request: Request, kind: Kind) -> Answer:
    """The things of a kind; which of them, and which page, the caller of this says."""
    if compartment := request.asked("compartmentId"):
        cloud.find(compartment, request.region, "compartment")
    found = []
    for thing in cloud.things.values():
        if thing.name_of_kind != kind.name or not (kind.everywhere or thing.region == request.region):
            continue
        if thing.hidden:
            thing.hidden -= 1
        elif not thing.purged and not thing.note.get("given"):
            found.append(thing)
    return Answer(found)


def update(cloud: Cloud, request: Request, kind: Kind) -> Answer:
    """Another value for some fields."""
    thing = cloud.find(request.target, request.region, kind.name)
    matched(request, thing)
    if thing.ending:
        raise not_found(thing.id)
    if thing.state not in {kind.ready, "NEEDS_ATTENTION", ""}:
        cloud.tick(thing)
        raise wrong_state(f"{kind.name} {thing.id} is {thing.state}")
    referred(cloud, request, thing.region)
    if kind.name in hooks.AMENDED:
        hooks.AMENDED[kind.name](cloud, thing, request.body)
    thing.has.update({key: value for key, value in request.body.items() if value is not None})
    thing.version += 1
    if kind.work and kind.service == "container_engine":
        cloud.things[thing.id].state = "UPDATING"
        begun = work.start(cloud, thing, work.name_of(kind, "UPDATE"), hooks_name(kind, "update"))
        return Answer(headers={"etag": thing.etag, "opc-work-request-id": begun.id}, status=202)
    return answer(thing)


def delete(cloud: Cloud, request: Request, kind: Kind) -> Answer:
    """The end of a thing, unless something else needs it."""
    thing = cloud.find(request.target, request.region, kind.name)
    matched(request, thing)
    if thing.gone:
        raise not_found(thing.id)
    if thing.ending or kind.making == thing.state != kind.ready:
        cloud.tick(thing)
        raise wrong_state(f"{kind.name} {thing.id} is {thing.state}")
    unneeded(cloud, thing)
    return Answer(headers=remove(cloud, thing), status=202 if kind.work else 204)


def remove(cloud: Cloud, thing: Thing) -> dict[str, str]:
    """Begin to delete a thing; the headers that say so."""
    kind = thing.kind
    if kind.work:
        thing.state = kind.deleting
        begun = work.start(cloud, thing, work.name_of(kind, "DELETE"), hooks_name(kind, "delete"))
        return {"opc-work-request-id": begun.id}
    if kind.deleting:
        thing.state = kind.deleting
        cloud.go(thing, kind.deleted)
    else:
        cloud.end(thing)
    return {}


def matched(request: Request, thing: Thing) -> None:
    """If-Match, where it is sent."""
    if (wanted := request.headers.get("if-match")) not in {None, "*", thing.etag}:
        raise Refused(412, "NoEtagMatch", f"The ETag {wanted} is not that of {thing.id}, which is {thing.etag}")


def referred(cloud: Cloud, request: Request, region: str) -> None:
    """What a body names has to be there, and ready to be used."""
    for field, id in references(request.body):
        other = cloud.find(id, region, *REFERENCES[field])
        if other.ending:
            raise not_found(id)
        if other.kind.making == other.state != other.kind.ready:
            cloud.tick(other)
            raise wrong_state(f"{other.name_of_kind} {id} is {other.state}")


def unneeded(cloud: Cloud, thing: Thing) -> None:
    """Nothing else may need what is to be deleted."""
    if thing.name_of_kind in hooks.LEAVES:
        hooks.LEAVES[thing.name_of_kind](cloud, thing)
    if thing.name_of_kind != "compartment" and (others := needing(cloud, thing)):
        cloud.tick(others[0])
        raise conflict(
            f"The {thing.name_of_kind} {thing.id} references the {others[0].name_of_kind} {others[0].id}. "
            "You must remove the reference to proceed with this operation."
        )


def needing(cloud: Cloud, thing: Thing) -> list[Thing]:
    """Who names a thing in one of its fields, and isn't its own."""
    return [
        other
        for other in cloud.things.values()
        if not other.gone
        and other.name_of_kind != "work_request"
        and other.id != thing.id
        and other.owner != thing.id
        and any(id == thing.id for _, id in references(other.has))
    ]


def answer(thing: Thing) -> Answer:
    """A thing as it is said to who made or changed it."""
    return Answer(dict(thing.has), {"etag": thing.etag})


def hooks_name(kind: Kind, verb: str) -> str:
    """The entry in hooks.WORK: the kind's own, or everybody's."""
    return own if (own := f"{verb} {kind.name}") in hooks.WORK else verb


def _made(cloud: Cloud, request: Request, kind: Kind) -> Thing:
    referred(cloud, request, request.region)
    _unique(cloud, request, kind)
    if kind.name in hooks.CHECKS:
        hooks.CHECKS[kind.name](cloud, request, request.body)
    if kind.limit and room(cloud, request.region, *kind.limit, request.body.get("availabilityDomain")).available < 1:
        raise limit_exceeded(kind.limit[1], 0)
    thing = cloud.add(kind.name, request.region, dict(request.body))
    if kind.name in hooks.BORN:
        hooks.BORN[kind.name](cloud, thing)
    thing.hidden = cloud.lags.get(kind.name, cloud.lag if kind.lag else 0)
    if kind.making:
        thing.state = kind.making
    if kind.work and kind.service == "container_engine":
        thing.note["maker"] = work.start(cloud, thing, work.name_of(kind, "CREATE"), hooks_name(kind, "create")).id
    elif kind.making != kind.ready:
        cloud.go(thing, kind.ready)
    return thing


def _unique(cloud: Cloud, request: Request, kind: Kind) -> None:
    if kind.unique is None:
        return
    wanted = request.body.get(kind.unique)
    for other in cloud.all(kind.name):
        if other.has.get(kind.unique) == wanted and other.has["compartmentId"] == request.body["compartmentId"]:
            code = f"{kind.name.title().replace('_', '')}AlreadyExists"
            raise Refused(
                409,
                code if kind.service == "identity" else "NotAuthorizedOrResourceAlreadyExists",
                f"{kind.name} '{wanted}' already exists",
            )


def _token(request: Request) -> tuple[str | None, str]:
    token = request.headers.get("opc-retry-token") if request.operation.token else None
    if token is not None and not 1 <= len(token) <= 64:
        raise Refused(400, "InvalidParameter", "opc-retry-token: has to have 1 to 64 characters")
    body: dict[str, Any] = {"body": request.body, "path": dict(request.path)}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return f"{request.region}/{request.operation.service}/{request.operation.name}/{token}" if token else None, digest
