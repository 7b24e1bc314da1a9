"""Work requests: what runs in the background, and their resources, errors and logs."""

from typing import Any

from tests.oci import hooks
from tests.oci.cloud import Cloud
from tests.oci.errors import not_found
from tests.oci.kinds import Kind
from tests.oci.thing import Answer, Request, Thing

_NAMES = {
    "addon": {"CREATE": "ENABLE_ADDON", "UPDATE": "UPDATE_ADDON", "DELETE": "DISABLE_ADDON"},
    "compartment": {"DELETE": "DELETE_COMPARTMENT"},
    "load_balancer": {"DELETE": "DeleteLoadBalancer"},
    "network_load_balancer": {"DELETE": "DELETE_NETWORK_LOAD_BALANCER"},
}
_ENTITIES = {"node_pool": "nodepool"}
_WORKS = {
    "container_engine": "clusters",
    "identity": "compartments",
    "load_balancer": "loadBalancers",
    "network_load_balancer": "networkLoadBalancers",
    "work_requests": "resources",
}


def start(cloud: Cloud, thing: Thing, operation: str, does: str) -> Thing:
    """A work request on a thing; `does` is its entry in hooks.WORK."""
    entity = _ENTITIES.get(thing.name_of_kind, thing.name_of_kind)
    about = {
        "operationType": operation,
        "status": "ACCEPTED",
        "compartmentId": thing.has["compartmentId"],
        "timeAccepted": cloud.now(),
        "percentComplete": 0.0,
        "resources": [
            {
                "actionType": "IN_PROGRESS",
                "entityType": entity,
                "identifier": thing.id,
                "entityUri": f"/{_WORKS.get(thing.kind.service, 'resources')}/{thing.id}",
            }
        ],
    }
    work = cloud.add("work_request", thing.region, about)
    work.note = {"does": does, "of": thing.id, "service": thing.kind.service, "errors": [], "logs": []}
    log(cloud, work, f"{operation} accepted")
    thing.work = work.id
    cloud.go(work, "IN_PROGRESS", "SUCCEEDED")
    return work


def name_of(kind: Kind, verb: str) -> str:
    """What a service calls the work on a kind of thing."""
    usual = f"{kind.name.replace('_', '').upper()}_{verb}"
    return _NAMES.get(kind.name, {}).get(verb, usual)


def log(cloud: Cloud, work: Thing, message: str) -> None:
    """A line of its log."""
    work.note["logs"].append({"message": message, "timestamp": cloud.now()})


def fail(cloud: Cloud, work: Thing, code: str, message: str) -> None:
    """It ends without success."""
    work.has["status"] = "FAILED"
    work.note["errors"].append({"code": code, "message": message, "timestamp": cloud.now()})
    acted(work, "FAILED")


def acted(work: Thing, action: str) -> None:
    """What it did to its first resource."""
    work.has["resources"][0]["actionType"] = action


@hooks.of(hooks.WORK, "fail")
def _fail(cloud: Cloud, work: Thing, fault: dict[str, str]) -> None:
    """What was to be made is FAILED; what was there is as before."""
    thing = cloud.things[work.note["of"]]
    thing.state = "FAILED" if thing.state == thing.kind.making else thing.kind.ready
    fail(cloud, work, fault["code"], fault["message"])


@hooks.of(hooks.WORK, "create")
def _create(cloud: Cloud, work: Thing, _: dict[str, str]) -> None:
    cloud.things[work.note["of"]].state = cloud.things[work.note["of"]].kind.ready
    acted(work, "CREATED")


@hooks.of(hooks.WORK, "update")
def _update(cloud: Cloud, work: Thing, _: dict[str, str]) -> None:
    cloud.things[work.note["of"]].state = cloud.things[work.note["of"]].kind.ready
    acted(work, "UPDATED")


@hooks.of(hooks.WORK, "delete")
def _delete(cloud: Cloud, work: Thing, _: dict[str, str]) -> None:
    cloud.end(cloud.things[work.note["of"]])
    acted(work, "DELETED")


def _found(cloud: Cloud, request: Request) -> Thing:
    work = cloud.find(request.path["workRequestId"], request.region, "work_request")
    # The service of all services has those that have none of their own: compute's, network's.
    if request.operation.service in _WORKS and _service(work) != request.operation.service:
        raise not_found(work.id)
    return work


def _service(work: Thing) -> str:
    service = str(work.note["service"])
    return service if service in _WORKS else "work_requests"


@hooks.handles("container_engine", "get_work_request")
@hooks.handles("identity", "get_work_request")
@hooks.handles("network_load_balancer", "get_work_request")
@hooks.handles("work_requests", "get_work_request")
def _get(cloud: Cloud, request: Request) -> Answer:
    work = _found(cloud, request)
    return Answer(cloud.read(work), {"retry-after": "1"})


@hooks.handles("load_balancer", "get_work_request")
def _get_of_load_balancer(cloud: Cloud, request: Request) -> Answer:
    seen = cloud.read(_found(cloud, request))
    balancer = seen["resources"][0]["identifier"]
    more = {"lifecycleState": seen["status"], "type": seen["operationType"], "loadBalancerId": balancer}
    return Answer({**seen, **more, "message": seen["status"], "errorDetails": []})


@hooks.handles("container_engine", "list_work_requests")
@hooks.handles("identity", "list_work_requests")
@hooks.handles("work_requests", "list_work_requests")
def _list(cloud: Cloud, request: Request) -> Answer:
    wanted = request.asked("clusterId") or request.asked("resourceId")

    def fits(work: Thing) -> bool:
        mine = _service(work) == request.operation.service
        return mine and (wanted is None or any(each["identifier"] == wanted for each in work.has["resources"]))

    return Answer([work for work in cloud.all("work_request", request.region) if fits(work)])


def _of(what: str) -> hooks.Handler:
    def handler(cloud: Cloud, request: Request) -> Answer:
        found: list[dict[str, Any]] = _found(cloud, request).note[what]
        return Answer(found)

    return handler


for _name in ("container_engine", "network_load_balancer", "work_requests"):
    hooks.handles(_name, "list_work_request_errors")(_of("errors"))
    hooks.handles(_name, "list_work_request_logs")(_of("logs"))
