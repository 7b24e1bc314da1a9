"""What gpuyard asks of a forge: a Protocol and its three members."""

from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from gpuyard.doors.forge.address import Address, Token
from gpuyard.doors.forge.calls import Api, UnsureError
from gpuyard.doors.forge.gitea import Gitea
from gpuyard.doors.forge.github import GitHub
from gpuyard.doors.forge.gitlab import GitLab
from gpuyard.doors.forge.requests import Comment, Request

__all__ = ["Comment", "Forge", "Request", "UnsureError", "git_login", "open_forge"]


class Forge(Protocol):
    """Requests of one repository."""

    def find(self, branch: str, base: str) -> Request | None:
        """The open request of a branch of this very repository."""

    def get(self, number: int) -> Request:
        """A request by its number; MissingError: there is none."""

    def create(self, branch: str, base: str, title: str, body: str) -> Request | None:
        """A new request; None: there is one."""

    def me(self) -> str:
        """The name that its comments stand under."""

    def comments(self, number: int) -> list[Comment]:
        """Those of a request, the oldest first."""

    def comment(self, number: int, body: str) -> None:
        """Add one."""

    def edit(self, number: int, comment: int, body: str) -> None:
        """Replace one."""

    def delete(self, number: int, comment: int) -> None:
        """Remove one."""

    def label(self, request: Request, add: Mapping[str, str], remove: Collection[str]) -> None:
        """Add labels (with their colours) and remove others."""


def open_forge(address: Address, token: Token) -> Forge:
    """The client of a repository."""
    return _CLIENTS[address.kind](address, token)


def _github(address: Address, token: Token) -> Forge:
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token.text}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    return GitHub(Api(address.api, "GitHub", token.variable, headers), address.project)


def _gitlab(address: Address, token: Token) -> Forge:
    headers = {"Accept": "application/json", "PRIVATE-TOKEN": token.text}
    return GitLab(Api(address.api, "GitLab", token.variable, headers), address.project)


def _gitea(address: Address, token: Token) -> Forge:
    headers = {"Accept": "application/json", "Authorization": f"token {token.text}"}
    return Gitea(Api(address.api, "Gitea", token.variable, headers), address.project)


_CLIENTS: Mapping[str, Callable[[Address, Token], Forge]] = {"github": _github, "gitlab": _gitlab, "gitea": _gitea}


def git_login(token: Token) -> str:
    """The header by which Git shows the same token."""
    return f"Authorization: Basic {b64encode(f'{token.login}:{token.text}'.encode()).decode()}"
