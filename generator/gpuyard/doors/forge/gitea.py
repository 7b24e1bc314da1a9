"""Pull requests of Gitea and Forgejo."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from gpuyard.doors.forge.calls import Api, RefusedError
from gpuyard.doors.forge.requests import Comment, Request, at, number_at, text_at
from gpuyard.errors import MissingError

__all__ = ["Gitea"]

_PAGE = 50
"""The most that a server gives by its default settings."""
_RUNNERS = "gitea-actions"


@dataclass(frozen=True, slots=True)
class Gitea:
    """A member of `Forge`."""

    api: Api
    project: str

    def find(self, branch: str, base: str) -> Request | None:
        """The open request of a branch of this very repository; the API has no question for it."""
        for each in self.api.pages(f"/repos/{self.project}/pulls", _PAGE, state="open"):
            here = text_at(each, "head", "repo", "full_name").lower() == self.project.lower()
            if here and text_at(each, "head", "ref") == branch and text_at(each, "base", "ref") == base:
                return _request(each)
        return None

    def get(self, number: int) -> Request:
        """A request by its number."""
        return _request(self.api.call("GET", f"/repos/{self.project}/pulls/{number}"))

    def create(self, branch: str, base: str, title: str, body: str) -> Request | None:
        """A new request; None: there is one."""
        data = {"title": title, "head": branch, "base": base, "body": body}
        try:
            return _request(self.api.call("POST", f"/repos/{self.project}/pulls", data))
        except RefusedError as error:
            if error.status == 409:
                return None
            raise

    def me(self) -> str:
        """The name that its comments stand under; the token of a workflow may not ask, and has a user of its own."""
        try:
            return text_at(self.api.call("GET", "/user"), "login")
        except (MissingError, RefusedError) as error:
            if isinstance(error, RefusedError) and error.status != 403:
                raise
            return _RUNNERS

    def comments(self, number: int) -> list[Comment]:
        """Those of a request, the oldest first; all at once, as the API has it."""
        found = self.api.call("GET", f"/repos/{self.project}/issues/{number}/comments")
        listed = found if isinstance(found, list) else []
        return [
            Comment(number_at(each, "id"), text_at(each, "user", "login"), text_at(each, "body")) for each in listed
        ]

    def comment(self, number: int, body: str) -> None:
        """Add one."""
        self.api.call("POST", f"/repos/{self.project}/issues/{number}/comments", {"body": body})

    def edit(self, number: int, comment: int, body: str) -> None:
        """Replace one."""
        self.api.call("PATCH", f"/repos/{self.project}/issues/comments/{comment}", {"body": body})

    def delete(self, number: int, comment: int) -> None:
        """Remove one."""
        self.api.call("DELETE", f"/repos/{self.project}/issues/comments/{comment}")

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


def _request(found: Any) -> Request:
    labels = at(found, "labels")
    names = frozenset(text_at(each, "name") for each in labels) if isinstance(labels, list) else frozenset[str]()
    opened = text_at(found, "state") == "open"
    return Request(number_at(found, "number"), text_at(found, "html_url"), text_at(found, "head", "sha"), opened, names)
