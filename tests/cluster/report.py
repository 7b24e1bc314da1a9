"""What a person would look at when a wait fails: the object's conditions, pods, events, the last log lines."""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from tests.cluster.api import Api, Object
from tests.cluster.errors import ApiError
from tests.cluster.processes import ended, tail
from tests.cluster.references import Reference
from tests.cluster.state import State

__all__ = ["explain"]

_EVENTS = 20
_FULL_BYTES = 20 * 2**20
_LOG_LINES = 8


def explain(api: Api, state: State, heading: str, wanted: Reference, item: Object | None) -> str:
    """The heading, and below it everything that may tell why."""
    lines = [heading, *_conditions(item)]
    if shutil.disk_usage(state.root).free < _FULL_BYTES:
        lines.append(f"--- the disk of {state.root} is full: the API server can't write, and nothing else matters")
    with suppress(OSError, ApiError):
        lines += _section("pods that aren't ready", _pods(api))
        lines += _section("events, the newest last", _events(api, wanted))
    lines += _section("processes that ended", (f"{name}: exit code {code}" for name, code in ended(state).items()))
    lines += [tail(state, name, 15) for name in ended(state)]
    lines += [_last(path) for path in sorted((state.logs / "pods").glob("*.log"))]
    return "\n".join(lines)


def _conditions(item: Object | None) -> Iterator[str]:
    if item is None:
        yield "    there is no such object"
        return
    status = item.get("status", {})
    found: list[Object] = status.get("conditions") or []
    scalars = {name: value for name, value in status.items() if isinstance(value, str | int | bool)}
    if scalars:
        yield f"    {', '.join(f'{name}={value}' for name, value in scalars.items())}"
    for each in found:
        yield f"    {each['type']}={each['status']} {each.get('reason', '')}: {each.get('message', '')}"
    if not found:
        yield f"    status: {status or 'none yet'}"


def _pods(api: Api) -> Iterator[str]:
    for pod in api.get("/api/v1/pods")["items"]:
        status = pod.get("status", {})
        states = {each["type"]: each for each in status.get("conditions", [])}
        if status.get("phase") == "Succeeded" or states.get("Ready", {}).get("status") == "True":
            continue
        waiting = [each.get("state", {}).get("waiting", {}) for each in status.get("containerStatuses", [])]
        reasons = [f"{each.get('reason')} {each.get('message', '')}" for each in waiting if each]
        reasons += [each["message"] for each in states.values() if each["status"] == "False" and each.get("message")]
        metadata = pod["metadata"]
        yield f"{metadata['namespace']}/{metadata['name']} {status.get('phase')}: {'; '.join(dict.fromkeys(reasons))}"


def _events(api: Api, wanted: Reference) -> Iterator[str]:
    """The object's own events and everybody's warnings."""
    events = api.get("/api/v1/events")["items"]
    events.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    told = [
        event
        for event in events
        if event.get("type") == "Warning" or event["involvedObject"].get("name") == wanted.name
    ]
    for event in told[-_EVENTS:]:
        about = event["involvedObject"]
        name = f"{about.get('kind')}/{about.get('namespace', '')}/{about.get('name')}"
        when = (event.get("lastTimestamp") or event.get("eventTime") or "")[11:19]
        said = " ".join(event.get("message", "").split())[:300]
        yield f"{when} {event.get('type')} {name} {event.get('reason')}: {said}"


def _section(title: str, lines: Iterable[str]) -> list[str]:
    found = [f"    {line}" for line in islice(lines, 100)]
    return [f"--- {title}", *found] if found else []


def _last(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    return "\n".join([f"--- {path}", *(f"    {_readable(line)[:400]}" for line in lines)])


def _readable(line: str) -> str:
    """A line of JSON as a person would write it."""
    try:
        entry = json.loads(line)
        about = f"{entry.get('controllerKind', '')} {entry.get('namespace', '')}/{entry.get('name', '')}".strip(" /")
        said = [str(entry.get("ts", ""))[11:19], entry.get("level", ""), about, entry.get("msg", "")]
        return " ".join([*said, entry["error"]] if "error" in entry else said)
    except (ValueError, TypeError, AttributeError):
        return line
