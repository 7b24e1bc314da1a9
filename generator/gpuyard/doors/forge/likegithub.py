"""What Gitea took over from GitHub's API: requests by their number, and comments of issues."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpuyard.doors.forge.calls import Api
from gpuyard.doors.forge.requests import Comment, Request, at, number_at, text_at

__all__ = ["Pulls"]


@dataclass(frozen=True, slots=True)
class Pulls:
    """Requests of one repository."""

    api: Api
    project: str

    def get(self, number: int) -> Request:
        """A request by its number."""
        return self.request(self.api.call("GET", f"/repos/{self.project}/pulls/{number}"))

    def comment(self, number: int, body: str) -> None:
        """Add one."""
        self.api.call("POST", f"/repos/{self.project}/issues/{number}/comments", {"body": body})

    def edit(self, number: int, comment: int, body: str) -> None:
        """Replace one."""
        self.api.call("PATCH", f"/repos/{self.project}/issues/comments/{comment}", {"body": body})

    def delete(self, number: int, comment: int) -> None:
        """Remove one."""
        self.api.call("DELETE", f"/repos/{self.project}/issues/comments/{comment}")

    def listed(self, found: Any) -> list[Comment]:
        """Comments as the API lists them."""
        return [Comment(number_at(each, "id"), text_at(each, "user", "login"), text_at(each, "body")) for each in found]

    def opened(self, branch: str, base: str, page: int, query: Mapping[str, str]) -> Request | None:
        """The open request of a branch of this very repository, among those that a question finds."""
        for each in self.api.pages(f"/repos/{self.project}/pulls", page, state="open", **query):
            here = text_at(each, "head", "repo", "full_name").lower() == self.project.lower()
            if here and text_at(each, "head", "ref") == branch and text_at(each, "base", "ref") == base:
                return self.request(each)
        return None

    def made(self, branch: str, base: str, title: str, body: str) -> Request:
        """A new request."""
        data = {"title": title, "head": branch, "base": base, "body": body}
        return self.request(self.api.call("POST", f"/repos/{self.project}/pulls", data))

    def request(self, found: Any) -> Request:
        """A request as the API has it."""
        labels = at(found, "labels")
        names = frozenset(text_at(each, "name") for each in labels) if isinstance(labels, list) else frozenset[str]()
        opened = text_at(found, "state") == "open"
        number, head = number_at(found, "number"), text_at(found, "head", "sha")
        return Request(number, text_at(found, "html_url"), head, opened, names)
