"""Merge requests of GitLab."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from gpuyard.doors.forge.calls import Api, RefusedError, part
from gpuyard.doors.forge.requests import Comment, Request, at, number_at, text_at

__all__ = ["GitLab"]

_PAGE = 100


@dataclass(frozen=True, slots=True)
class GitLab:
    """A member of `Forge`."""

    api: Api
    project: str

    @property
    def path(self) -> str:
        """Of its requests."""
        return f"/projects/{part(self.project)}/merge_requests"

    def find(self, branch: str, base: str) -> Request | None:
        """The open request of a branch of this very repository."""
        query = {"state": "opened", "source_branch": branch, "target_branch": base}
        for each in self.api.pages(self.path, _PAGE, **query):
            # None, of a fork that is deleted.
            here = at(each, "source_project_id") == number_at(each, "target_project_id")
            if here and text_at(each, "source_branch") == branch and text_at(each, "target_branch") == base:
                return _request(each)
        return None

    def get(self, number: int) -> Request:
        """A request by its number."""
        return _request(self.api.call("GET", f"{self.path}/{number}"))

    def create(self, branch: str, base: str, title: str, body: str) -> Request | None:
        """A new request; None: there is one."""
        data = {"source_branch": branch, "target_branch": base, "title": title, "description": body}
        try:
            return _request(self.api.call("POST", self.path, {**data, "remove_source_branch": True}))
        except RefusedError as error:
            if error.status == 409:
                return None
            raise

    def me(self) -> str:
        """The name that its comments stand under."""
        return text_at(self.api.call("GET", "/user"), "username")

    def comments(self, number: int) -> list[Comment]:
        """Those of a request, the oldest first."""
        found = self.api.pages(f"{self.path}/{number}/notes", _PAGE, sort="asc", order_by="created_at")
        return [
            Comment(number_at(each, "id"), text_at(each, "author", "username"), text_at(each, "body")) for each in found
        ]

    def comment(self, number: int, body: str) -> None:
        """Add one."""
        self.api.call("POST", f"{self.path}/{number}/notes", {"body": body})

    def edit(self, number: int, comment: int, body: str) -> None:
        """Replace one."""
        self.api.call("PUT", f"{self.path}/{number}/notes/{comment}", {"body": body})

    def delete(self, number: int, comment: int) -> None:
        """Remove one."""
        self.api.call("DELETE", f"{self.path}/{number}/notes/{comment}")

    def label(self, request: Request, add: Mapping[str, str], remove: Collection[str]) -> None:
        """Add labels, which need not be there yet, and remove others."""
        new, old = sorted(add.keys() - request.labels), sorted(request.labels & set(remove))
        data = {name: ",".join(found) for name, found in (("add_labels", new), ("remove_labels", old)) if found}
        if data:
            self.api.call("PUT", f"{self.path}/{request.number}", data)


def _request(found: Any) -> Request:
    labels = at(found, "labels")
    names = frozenset(str(each) for each in labels) if isinstance(labels, list) else frozenset[str]()
    opened = text_at(found, "state") == "opened"
    return Request(number_at(found, "iid"), text_at(found, "web_url"), text_at(found, "sha"), opened, names)
