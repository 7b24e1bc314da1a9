"""What can go wrong with a world, in words that say what to do."""

__all__ = ["ApiError", "NotFoundError", "SetupError", "WaitError", "WorldError"]


class WorldError(Exception):
    """Something failed that we can explain; the text is all that a person needs."""


class SetupError(WorldError):
    """This machine lacks something that a world needs; the text says what, and how to get it."""


class WaitError(WorldError):
    """A wait ended without its condition; the text shows what a person would look at."""


class ApiError(WorldError):
    """The API server refused a request; carries its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)

    @property
    def is_passing(self) -> bool:
        """Whether the same request may be answered a moment later: the kind isn't there yet, the server is busy."""
        return self.status in {404, 429} or self.status >= 500


class NotFoundError(ApiError):
    """The API server has no such object, or doesn't know the kind."""
