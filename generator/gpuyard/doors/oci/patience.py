"""Which faults pass by themselves, and how long to wait: half of the SDK's clients never try again."""

import random
from enum import Enum

from gpuyard.doors.oci.faults import UNREACHED, Fault, out_of_capacity, overtaken

__all__ = ["ATTEMPTS", "WINDOW", "Passing", "delay", "passing"]

ATTEMPTS = 8
"""Of a request that fails for a reason that passes within seconds."""
WINDOW = 120
"""Seconds after a change of IAM in which it may not yet hold everywhere."""
_LONGEST = 30
_SPREAD = 10
# Codes that mean that a change of IAM has not arrived: Oracle's SDK for Go has the same list.
_UNSETTLED = {
    (404, "NotAuthorizedOrNotFound"),
    (400, "RelatedResourceNotAuthorizedOrNotFound"),
    (409, "NotAuthorizedOrResourceAlreadyExists"),
    (409, "ResourceAlreadyExists"),
    (400, "InsufficientServicePermissions"),
    (400, "ResourceDisabled"),
}
_NO_COMPARTMENT = (
    "does not exist under current compartment hierarchy",
    "does not exist or is not part of the policy compartment subtree",
)
"""What a policy hears of a compartment that was just made, by its name and by its OCID."""


class Passing(Enum):
    """What a fault calls for."""

    NO = "no"
    SOON = "soon"
    """Within seconds."""
    UNTIL_SETTLED = "until settled"
    """Until a change of IAM holds."""
    UNTIL_FREE = "until free"
    """Until others have let go of it, which takes minutes."""


def passing(fault: Fault, *, repeatable: bool, unsettled: bool) -> Passing:
    """Whether to send a request again.

    `repeatable`: a second request changes nothing where the first was carried out. `unsettled`: IAM has changed within
    the window.
    """
    if out_of_capacity(fault.message):
        return Passing.NO
    if overtaken(fault):
        return Passing.SOON
    if fault.status == 429 or (fault.status == 409 and fault.code == "IncorrectState"):
        return Passing.SOON
    if fault.status == UNREACHED or fault.status >= 500:
        return Passing.SOON if repeatable else Passing.NO
    if unsettled and (
        (fault.status, fault.code) in _UNSETTLED or any(part in fault.message for part in _NO_COMPARTMENT)
    ):
        return Passing.UNTIL_SETTLED
    if fault.status == 409 and fault.code == "Conflict":
        return Passing.UNTIL_FREE
    return Passing.NO


def delay(attempt: int) -> float:
    """Seconds before attempt 2, 3, …: longer each time, and not the same for all who wait."""
    return min(_LONGEST, 2.0 ** min(attempt, _SPREAD) / 2) * random.uniform(0.5, 1)  # noqa: S311 - no secret
