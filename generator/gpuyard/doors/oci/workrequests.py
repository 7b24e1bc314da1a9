"""Work requests: what OKE answers with where others answer with what they made."""

from collections.abc import Mapping
from typing import Any

from gpuyard.doors.oci.cloud import Cloud
from gpuyard.doors.oci.faults import LIMITS, Fault, explained

__all__ = ["wait_for_work"]

_OVER = ("SUCCEEDED", "FAILED", "CANCELED")
_FIRST, _LONGEST = 1.0, 20.0


def wait_for_work(cloud: Cloud, request: str, *, region: str, limit: float, what: str) -> Mapping[str, Any]:
    """The work request once it is over; Refused or NoCapacity with its own words where it failed.

    The SDK's own waiters return a failed one like any other.
    """
    began, pause = cloud.clock(), _FIRST
    while True:
        found: Mapping[str, Any] = cloud.call(
            "container_engine", "get_work_request", request, region=region, what=what
        ).data
        if found["status"] == "SUCCEEDED":
            return found
        if found["status"] in _OVER:
            said = _errors(cloud, found, region)
            code = next((limit for limit in LIMITS if limit in said), found["status"])
            raise explained(Fault(400, code, said), what)
        if cloud.clock() - began > limit:
            said = f"not done after {limit / 60:.0f} minutes; OCI goes on with it"
            raise explained(Fault(409, "Timeout", said), what)
        cloud.pause(pause)
        pause = min(_LONGEST, pause * 1.5)


def _errors(cloud: Cloud, request: Mapping[str, Any], region: str) -> str:
    compartment = request["compartmentId"]
    found = cloud.call("container_engine", "list_work_request_errors", compartment, request["id"], region=region).data
    return "; ".join(dict.fromkeys(each["message"] for each in found)) or "OCI does not say why"
