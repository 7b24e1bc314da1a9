"""Pull requests of Gitea and Forgejo."""

import time
from collections.abc import Collection, Mapping

from gpuyard.doors.forge.calls import RefusedError
from gpuyard.doors.forge.likegithub import Pulls
from gpuyard.doors.forge.requests import Comment, Request, at, number_at, text_at
from gpuyard.errors import ConflictError, MissingError

__all__ = ["Gitea"]

_PAGE = 50
"""The most that a server gives by its default settings."""
_WAITS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 29.0)
"""Seconds between questions while the server takes in the first push to a repository."""
_RUNNERS = "gitea-actions"
_SCOPE = "required scope"
"""In the answer to a token that is for other things."""


class Gitea(Pulls):
    """A member of `Forge`."""

    def find(self, branch: str, base: str) -> Request | None:
        """The open request of a branch of this very repository; the API has no question for it."""
        try:
            return self.opened(branch, base, _PAGE, {})
        except MissingError:
            self._wait_for_the_first_push()
        return self.opened(branch, base, _PAGE, {})

    def _wait_for_the_first_push(self) -> None:
        """A server takes in what was pushed after Git has its answer: until then no request can be there."""
        for wait in (*_WAITS, None):
            if at(self.api.call("GET", f"/repos/{self.project}"), "empty") is not True:
                return
            if wait is not None:
                time.sleep(wait)
        raise ConflictError(f"Gitea has not taken in the first push to {self.project} yet; run this again in a minute")

    def create(self, branch: str, base: str, title: str, body: str) -> Request | None:
        """A new request; None: there is one."""
        try:
            return self.made(branch, base, title, body)
        except RefusedError as error:
            if error.status == 409:
                return None
            raise

    def me(self) -> str:
        """The name that its comments stand under; the token of a workflow may not ask, and has a user of its own.

        A person's token that lacks read:user is refused: under the wrong name no comment would be found again.
        """
        try:
            return text_at(self.api.call("GET", "/user"), "login")
        except (MissingError, RefusedError) as error:
            if isinstance(error, RefusedError) and (error.status != 403 or _SCOPE in str(error)):
                raise
            return _RUNNERS

    def comments(self, number: int) -> list[Comment]:
        """Those of a request, the oldest first; all at once, as the API has it."""
        found = self.api.call("GET", f"/repos/{self.project}/issues/{number}/comments")
        return self.listed(found if isinstance(found, list) else [])

    def label(self, request: Request, add: Mapping[str, str], remove: Collection[str]) -> None:
        """Add labels by their ids, which the repository gets where it has none of that name, and remove others."""
        new, old = add.keys() - request.labels, request.labels & set(remove)
        if not new and not old:
            return
        labels = f"/repos/{self.project}/labels"
        ids = {text_at(each, "name"): number_at(each, "id") for each in self.api.pages(labels, _PAGE)}
        for name in sorted(new - ids.keys()):
            ids[name] = number_at(self.api.call("POST", labels, {"name": name, "color": f"#{add[name]}"}), "id")
        path = f"/repos/{self.project}/issues/{request.number}/labels"
        if new:
            self.api.call("POST", path, {"labels": [ids[name] for name in sorted(new)]})
        for name in sorted(old & ids.keys()):
            self.api.call("DELETE", f"{path}/{ids[name]}")
