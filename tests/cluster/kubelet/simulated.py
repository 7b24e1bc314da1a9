"""Pods that kwok simulates: decides when each becomes ready and when it ends, and writes that into its annotations."""

from datetime import UTC, datetime, timedelta

from tests.cluster.api import MERGE, Api, Object
from tests.cluster.errors import NotFoundError
from tests.cluster.pods import ANNOTATIONS, Course, course
from tests.cluster.state import State

__all__ = ["decide", "handle"]


def handle(api: Api, state: State, pod: Object) -> None:
    """Write what isn't decided yet for this pod."""
    metadata = pod["metadata"]
    decided = decide(pod, course(state, pod), datetime.now(UTC))
    new = {f"{ANNOTATIONS}/{name}": value for name, value in decided.items()}
    if new.items() <= metadata.get("annotations", {}).items():
        return
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
    try:
        api.send("PATCH", path, {"metadata": {"uid": metadata["uid"], "annotations": new}}, content_type=MERGE)
    except NotFoundError:
        return


def decide(pod: Object, wanted: Course, now: datetime) -> dict[str, str]:
    """The annotations of this pod, as points in time; what is decided already stays."""
    metadata = pod["metadata"]
    own = metadata.get("annotations", {})
    decided = {"simulated": "true"}
    if wanted.crashes:
        decided["crashes"] = "true"
    elif wanted.ready_after != "never":
        started = pod.get("status", {}).get("startTime")
        since = datetime.fromisoformat(started) if started else now
        decided["ready-at"] = _text(since + timedelta(seconds=wanted.ready_after))
    if "deletionTimestamp" in metadata:
        limit = datetime.fromisoformat(metadata["deletionTimestamp"])
        asked = limit if wanted.ends_after == "grace" else now + timedelta(seconds=wanted.ends_after)
        decided["ends-at"] = _text(min(asked, limit))
    return {name: own.get(f"{ANNOTATIONS}/{name}", value) for name, value in decided.items()}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
