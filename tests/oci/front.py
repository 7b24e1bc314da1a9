"""From a request as it comes to the answer that it gets: route, check, do, word."""

import base64
import json
import re
import traceback
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.oci import hooks, verbs
from tests.oci.cloud import Cloud
from tests.oci.errors import Refused, invalid
from tests.oci.kinds import Kind, served
from tests.oci.models import Problem, problems, project
from tests.oci.operations import CLIENTS, Operation, operation
from tests.oci.services import ALL
from tests.oci.thing import Answer, Logged, Request, Thing
from tests.oci.world import world

assert ALL  # what they register is used here
_VERBS = {
    "create": verbs.create,
    "get": verbs.get,
    "list": verbs.listed,
    "update": verbs.update,
    "delete": verbs.delete,
}
_HOME_ONLY = {"compartment", "policy", "dynamic_group"}
_NOT_FILTERS = {"limit", "page", "sortBy", "sortOrder", "accessLevel", "compartmentIdInSubtree", "fields", "tenancyId"}


def log_entry(cloud: Cloud, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Logged:
    """The line of the log for a request, before anything is known of how it ends."""
    parts = urlsplit(target)
    region, service, _ = _where(parts.path)
    entry = Logged(
        len(cloud.log) + 1,
        method,
        parts.path,
        region,
        service,
        query=parse_qs(parts.query),
        token=headers.get("opc-retry-token"),
    )
    found = _route(method, parts.path, service)
    entry.operation = found[0].name if found else ""
    try:
        entry.body = json.loads(body) if body else None
    except ValueError:
        entry.body = None
    cloud.log.append(entry)
    cloud.seconds += 1
    return entry


def _where(path: str) -> tuple[str, str, str]:
    """Region, service, and part of the service, from the start of a path."""
    _, region, service, *_ = [*path.split("/", 3), "", ""]
    return region, *service.partition("~")[::2]


def respond(cloud: Cloud, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """The answer to a request; errors as OCI words them."""
    try:
        cloud.keys.verify(method, target, headers, body)
        request = _read(cloud, method, target, headers, body)
        return _worded(cloud, request, _done(cloud, request))
    except Refused as error:
        return refusal(error)
    except Exception:
        # Of this cloud, and nobody's to try again: no 5xx.
        return refusal(Refused(400, "LoopbackFault", traceback.format_exc()))


def refusal(error: Refused) -> Answer:
    """An error as an answer."""
    return Answer({"code": error.code, "message": error.message}, status=error.status)


def _read(cloud: Cloud, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
    parts = urlsplit(target)
    region, service, part = _where(parts.path)
    if region not in world()["regions"] or region not in cloud.subscribed:
        raise Refused(404, "NotAuthorizedOrNotFound", f"the tenancy is not subscribed to the region {region}")
    found = _route(method, parts.path, service)
    if not found:
        raise Refused(404, "NotFound", f"no operation of {service or 'no service'} at {method} {parts.path} here")
    call, values = found
    query = parse_qs(parts.query)
    if missing := call.required - query.keys():
        raise Refused(400, "MissingParameter", f"query parameters are missing: {', '.join(sorted(missing))}")
    return Request(
        call, region, {key: unquote(value) for key, value in values.items()}, query, headers, _body(call, body), part
    )


def _body(call: Operation, body: bytes) -> Any:
    if call.body is None or call.body == "stream":
        return None if call.body is None else body
    if not body:
        return {}
    try:
        read = json.loads(body)
    except ValueError:
        raise Refused(400, "CannotParseRequest", "the body is not JSON") from None
    found = list(problems(read, call.body, call.models))
    if found:
        code = "MissingParameter" if all(each.missing for each in found) else "InvalidParameter"
        raise Refused(400, code, "; ".join(_said(each) for each in found))
    return read


def _said(problem: Problem) -> str:
    return f"{problem.where.lstrip('.') or 'body'}: {problem.what}"


@cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], Operation]]:
    """What a service serves; the more specific paths come first."""
    names = {name for of, name in [*served(), *hooks.HANDLERS] if of == service}
    calls = sorted((operation(service, name) for name in names), key=lambda each: each.path.count("{"))
    return [(call.method, re.compile(_pattern(call.path)), call) for call in calls]


def _pattern(path: str) -> str:
    return re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)) + "/?"


def _route(method: str, path: str, service: str) -> tuple[Operation, Mapping[str, str]] | None:
    if service not in CLIENTS:
        return None
    inner = "/" + [*path.split("/", 3), ""][3]
    # Clients of work requests are made on the endpoint of the service whose work it is.
    for each in dict.fromkeys((service, "work_requests")):
        for verb, pattern, call in _routes(each):
            if verb == method and (match := pattern.fullmatch(inner)):
                return call, match.groupdict()
    return None


def _done(cloud: Cloud, request: Request) -> Answer:
    key = (request.operation.service, request.operation.name)
    verb, kind = served().get(key, ("", None))
    _at_home(cloud, request, kind)
    if key in hooks.HANDLERS:
        return hooks.HANDLERS[key](cloud, request)
    assert kind is not None
    return _VERBS[verb](cloud, request, kind)


def _at_home(cloud: Cloud, request: Request, kind: Kind | None) -> None:
    if kind and kind.name in _HOME_ONLY and request.operation.method != "GET" and request.region != cloud.home:
        key = world()["regions"][cloud.home]["key"]
        text = f"Please go to your home region {key} to execute CREATE, UPDATE and DELETE operations."
        raise Refused(403, "NotAllowed", text)


def _worded(cloud: Cloud, request: Request, said: Answer) -> Answer:
    """The answer as its model has it; what the model doesn't take is a fault of this cloud, and said to be one."""
    type_ = request.operation.answer
    if type_ is None or type_ in {"stream", "str"}:
        said.content = None if type_ is None else said.content
        return said
    if isinstance(said.content, list):
        said.content = _page(cloud, request, said, said.content)
        if not type_.startswith("list["):
            said.content = {"items": said.content, **said.beside}
    said.content = project(said.content, type_, request.operation.models)
    if wrong := list(problems(said.content, type_, request.operation.models)):
        raise AssertionError(f"{request.operation.name} answers {'; '.join(map(_said, wrong))}")
    return said


def _page(cloud: Cloud, request: Request, said: Answer, items: list[Any]) -> list[Any]:
    wanted = {key: request.query[key] for key in request.operation.query - _NOT_FILTERS if key in request.query}
    if request.asked("compartmentIdInSubtree") == "true":
        del wanted["compartmentId"]
    fitting = [each for each in items if _fits(each.has if isinstance(each, Thing) else each, wanted)]
    if "page" in request.operation.query:
        start = _start(request)
        size = min(cloud.page, _size(request, cloud.page))
        if start + size < len(fitting):
            said.headers["opc-next-page"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
        fitting = fitting[start : start + size]
    return [cloud.read(each) if isinstance(each, Thing) else each for each in fitting]


def _fits(has: Mapping[str, Any], wanted: Mapping[str, list[str]]) -> bool:
    return all(key not in has or str(has[key]) in values for key, values in wanted.items())


def _start(request: Request) -> int:
    page = request.asked("page")
    try:
        return int(base64.urlsafe_b64decode(page)) if page else 0
    except ValueError:
        raise invalid(f"page: {page} is not from opc-next-page") from None


def _size(request: Request, most: int) -> int:
    size = request.asked("limit") or str(most)
    if not size.isdigit() or not 1 <= int(size) <= 1000:
        raise invalid("limit: has to be 1 to 1000")
    return int(size)
