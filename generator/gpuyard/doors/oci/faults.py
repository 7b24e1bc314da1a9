"""What OCI refuses and when it cannot be reached, as one message each that says what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gpuyard.errors import ToolError

__all__ = [
    "LIMITS",
    "REQUEST",
    "UNREACHED",
    "Fault",
    "NoCapacity",
    "Refused",
    "explained",
    "out_of_capacity",
    "overtaken",
    "refusal",
    "stranger",
]

REQUEST = "opc-request-id"
"""Header by which OCI names each request in its answer."""
UNREACHED = 0
"""In the place of an HTTP status: no answer came."""
_SKEW = 300
"""Seconds by which OCI lets a clock be wrong."""
_STALE = "not within allowed clock skew"
_LONGEST = 200
_CAPACITY = ("out of host capacity", "out of capacity")
_TAKEN = ("AlreadyExists", "NAMESPACE_CONFLICT")
"""Ends of codes of a name that only one can have."""
LIMITS = ("LimitExceeded", "QuotaExceeded")
"""Codes of a service limit or a quota."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that is none: status 0 where no answer came."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(ToolError):
    """OCI refused a request, or could not be reached."""

    def __init__(self, text: str, fault: Fault) -> None:
        super().__init__(text)
        self.fault = fault


class NoCapacity(Refused):
    """There is no host for it at the moment; what was made stays, and the same command goes on from there."""

    exit_code = 75

    def __init__(self, text: str, fault: Fault, *, started: int = 0) -> None:
        super().__init__(text, fault)
        self.started = started
        """Nodes of those that are wanted which are there."""


def refusal(status: int, code: str | None, message: str, headers: Mapping[str, str]) -> Fault:
    """The fault of an answer that is an error; OCI gives each of its own a code."""
    if code is None and 400 <= status < 500 and status not in (401, 404, 429):
        return stranger(status, message)
    return Fault(status, code or "", message, headers)


def stranger(status: int, message: str) -> Fault:
    """The fault of an answer that is not OCI's."""
    said = f": {' '.join(message.split())[:_LONGEST]}" if message else ""
    return Fault(UNREACHED, "", f"something else answered with status {status}, such as a proxy or a login page{said}")


def out_of_capacity(text: str) -> bool:
    """Whether OCI says that it has no host left; it comes as an internal error."""
    return any(each in text.lower() for each in _CAPACITY)


def explained(fault: Fault, what: str, now: datetime | None = None) -> Refused:
    """The error of a fault; `what` says what was tried, such as `create VCN phx/vcn`."""
    if out_of_capacity(fault.message):
        return NoCapacity(f"{what}: OCI has no capacity at the moment; run the same command again later", fault)
    reason = _reason(fault, now or datetime.now(UTC))
    request = fault.headers.get(REQUEST, "")
    return Refused(f"{what}: {reason}{f' (opc-request-id {request})' if request else ''}", fault)


def overtaken(fault: Fault, now: datetime | None = None) -> bool:
    """Whether only the request is old, as on a machine that slept meanwhile: its clock is right, and it signs anew."""
    return (
        fault.status == 401
        and _STALE in fault.message
        and "date" in fault.headers
        and abs(_skew(fault.headers, now or datetime.now(UTC))) <= _SKEW
    )


def _reason(fault: Fault, now: datetime) -> str:
    said = " ".join(fault.message.split())
    if fault.status == UNREACHED:
        return f"OCI cannot be reached: {said}; check the network, the proxy and the region, then run it again"
    if fault.status == 401:
        return _unauthenticated(said, _skew(fault.headers, now))
    if fault.status == 429:
        return "OCI throttles these requests; wait a minute and run it again"
    if fault.status >= 500:
        return f"OCI failed ({f'{fault.status} {fault.code}'.strip()}): {said}; run the same command again"
    return _refused(fault, said)


def _refused(fault: Fault, said: str) -> str:
    if fault.code in LIMITS:
        return f"a service limit or quota is exceeded: {said}; ask for more: Console > Limits, Quotas and Usage"
    if fault.code in ("FAILED", "CANCELED"):
        return f"OCI gave it up: {said.rstrip('.')}; run the same command again: what failed is created again"
    if fault.status == 403:
        return f"this user may not do that ({fault.code}): {said}; a policy has to allow it"
    if fault.status == 404:
        return (
            f"not found, or this user may not see it: {said}; check the OCID, the region, and that a policy allows it"
            " (IAM changes take up to some minutes)"
        )
    if fault.status == 409 and fault.code.endswith(_TAKEN):
        return (
            f"the name is taken ({fault.code}): {said}; choose another name, or delete what has it. One that is being"
            " deleted keeps its name until it is gone"
        )
    if fault.status == 409:
        return f"OCI refused it in this state ({fault.code}): {said}; run the same command again when that is over"
    return f"OCI refused it ({fault.status} {fault.code}): {said}"


def _unauthenticated(said: str, skew: float) -> str:
    if abs(skew) > _SKEW:
        way = "behind" if skew > 0 else "ahead of"
        minutes = round(abs(skew) / 60)
        return f"the signature was refused: this machine's clock is {minutes} minutes {way} OCI's; set the clock"
    return (
        f"OCI does not accept the credentials: {said}; check user, fingerprint and key of the profile, or renew"
        " the session with `oci session authenticate`"
    )


def _skew(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds that OCI's clock is ahead of ours; 0 where it does not say."""
    try:
        return (parsedate_to_datetime(headers["date"]) - now).total_seconds()
    except (KeyError, TypeError, ValueError):
        return 0
