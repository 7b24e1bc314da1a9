"""The errors of OCI's API, and the answers that carry them."""


class Refused(Exception):
    """An error as OCI words it: status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


def not_found(what: str = "resource") -> Refused:
    """What isn't there, or isn't to be seen."""
    return Refused(404, "NotAuthorizedOrNotFound", f"Authorization failed or requested resource not found: {what}")


def invalid(message: str) -> Refused:
    """A body or parameter that the service doesn't take."""
    return Refused(400, "InvalidParameter", message)


def wrong_state(message: str) -> Refused:
    """Not now; later it would do."""
    return Refused(409, "IncorrectState", message)


def conflict(message: str) -> Refused:
    """Something else stands in the way, and stays there."""
    return Refused(409, "Conflict", message)


def limit_exceeded(name: str, most: int) -> Refused:
    """A service limit, by its name."""
    text = f"The following service limits were exceeded: {name} ({most}). Request a service limit increase."
    return Refused(400, "LimitExceeded", text)
