"""Pull requests of GitHub (REST, and one question of GraphQL)."""

from collections.abc import Collection, Mapping

from gpuyard.doors.forge.calls import Api, RefusedError, part
from gpuyard.doors.forge.likegithub import Pulls
from gpuyard.doors.forge.requests import Comment, Request, text_at
from gpuyard.errors import MissingError

__all__ = ["GitHub"]

_PAGE = 100


class GitHub(Pulls):
    """A member of `Forge`."""

    def find(self, branch: str, base: str) -> Request | None:
        """The open request of a branch of this very repository."""
        owner = self.project.partition("/")[0]
        return self.opened(branch, base, _PAGE, {"head": f"{owner}:{branch}", "base": base})

    def create(self, branch: str, base: str, title: str, body: str) -> Request | None:
        """A new request; None: there is one."""
        try:
            return self.made(branch, base, title, body)
        except RefusedError as error:
            if error.status == 422 and "already exists" in str(error):
                return None
            raise

    def me(self) -> str:
        """By GraphQL: REST does not tell the token of a workflow who it is."""
        address = self.api.address
        above = address.removesuffix("/v3") if address.endswith("/api/v3") else address
        there = Api(above, self.api.name, self.api.variable, self.api.headers)
        found = there.call("POST", "/graphql", {"query": "query { viewer { login } }"}, asks=True)
        return text_at(found, "data", "viewer", "login")

    def comments(self, number: int) -> list[Comment]:
        """Those of a request, the oldest first."""
        return self.listed(self.api.pages(f"/repos/{self.project}/issues/{number}/comments", _PAGE))

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
