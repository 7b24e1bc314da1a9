"""Faults by script: what goes wrong with which request."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum


class How(Enum):
    """What happens instead of an answer, or to it."""

    ANSWER = "an error is answered, and nothing was done"
    DROP_BEFORE = "the connection is cut, and nothing was done"
    DROP_AFTER = "the connection is cut when all is done"
    HANG = "nothing is done, and no answer comes"
    KILL_BEFORE = "the client dies, and nothing was done"
    KILL_AFTER = "the client dies when all is done"


CODES = {
    400: "InvalidParameter",
    401: "NotAuthenticated",
    404: "NotAuthorizedOrNotFound",
    409: "IncorrectState",
    412: "NoEtagMatch",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}


@dataclass
class Planned:
    """One fault: when, and how."""

    how: How
    operation: str | None
    at: int | None
    times: int
    skip: int
    status: int
    code: str
    message: str


@dataclass
class Script:
    """The faults that are to come."""

    planned: list[Planned] = field(default_factory=list)
    works: list[dict[str, str]] = field(default_factory=list)
    turns: dict[str, str] = field(default_factory=dict)
    kill: Callable[[], None] | None = None
    """How the client is killed: `lambda: process.kill()`. Without it, it only hears nothing any more."""
    dead: bool = False
    """The client was killed: nothing that it still sends is heard."""

    def fail(
        self,
        operation: str | None = None,
        *,
        at: int | None = None,
        how: How = How.ANSWER,
        status: int = 500,
        code: str | None = None,
        message: str = "by the script of this test",
        times: int = 1,
        skip: int = 0,
    ) -> None:
        """Plan a fault: of an operation by the SDK's name for it, of request number `at` of the log, or of the next."""
        self.planned.append(Planned(how, operation, at, times, skip, status, code or CODES[status], message))

    def fail_work(
        self, operation: str, *, code: str = "InternalError", message: str = "by the script of this test"
    ) -> None:
        """Plan that the next work request of an operation, such as CLUSTER_CREATE, ends as FAILED."""
        self.works.append({"operation": operation, "code": code, "message": message})

    def turn(self, kind: str, state: str) -> None:
        """Plan that the next step of a thing of a kind ends elsewhere: in FAILED, or AVAILABLE when it is deleted."""
        self.turns[kind] = state

    def take_work(self, operation: str) -> dict[str, str] | None:
        """The fault of a work request, which is used up by it."""
        for each in self.works:
            if each["operation"] == operation:
                self.works.remove(each)
                return each
        return None

    def take(self, number: int, operation: str) -> Planned | None:
        """The fault of a request, which is used up by it."""
        for each in self.planned:
            if each.operation not in {None, operation} or each.at not in {None, number} or each.times == 0:
                continue
            if each.skip:
                each.skip -= 1
                continue
            each.times -= 1
            return each
        return None

    def die(self) -> None:
        """The client is killed."""
        self.dead = True
        if self.kill:
            self.kill()

    def revive(self) -> None:
        """Another client comes."""
        self.dead, self.planned, self.works, self.turns = False, [], [], {}
