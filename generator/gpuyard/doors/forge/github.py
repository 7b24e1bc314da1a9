"""Pull requests of GitHub (REST, and one question of GraphQL)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from gpuyard.doors.forge.calls import Api, RefusedError, part
from gpuyard.doors.forge.requests import Comment, Request, at, number_at, text_at
from gpuyard.errors import MissingError

__all__ = ["GitHub"]

_PAGE = 100


@dataclass(frozen=True, slots=True)
class GitHub:
    """A member of `Forge`."""

    api: Api
    project: str

    def find(self, branch: str, base: str) -> Request | None:
        """The open request of a branch of this very repository."""
        owner = self.project.partition("/")[0]
        query = {"state": "open", "head": f"{owner}:{branch}", "base": base}
        for each in self.api.pages(f"/repos/{self.project}/pulls", _PAGE, **query):
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
            if error.status == 422 and "already exists" in str(error):
                return None
            raise

    def me(self) -> str:
        """By GraphQL: REST does not tell the token of a workflow who it is."""
        address = self.api.address
        above = address.removesuffix("/v3") if address.endswith("/api/v3") else address
        there = Api(above, self.api.name, self.api.variable, self.api.headers)
        return text_at(
            there.call("POST", "/graphql", {"query": "query { viewer { login } }"}), "data", "viewer", "login"
        )

    def comments(self, number: int) -> list[Comment]:
        """Those of a request, the oldest first."""
        found = self.api.pages(f"/repos/{self.project}/issues/{number}/comments", _PAGE)
        return [Comment(number_at(each, "id"), text_at(each, "user", "login"), text_at(each, "body")) for each in found]

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
        """Add labels, which need not be there yet, and remove others."""
        path = f"/repos/{self.project}/issues/{request.number}/labels"
        if new := sorted(add.keys() - request.labels):
            self.api.call("POST", path, {"labels": new})
        for name in sorted(request.labels & set(remove)):
            try:
                self.api.call("DELETE", f"{path}/{part(name)}")
            except MissingError:  # somebody was faster
                continue


def _request(found: Any) -> Request:
    labels = at(found, "labels")
    names = frozenset(text_at(each, "name") for each in labels) if isinstance(labels, list) else frozenset[str]()
    opened = text_at(found, "state") == "open"
    return Request(number_at(found, "number"), text_at(found, "html_url"), text_at(found, "head", "sha"), opened, names)
