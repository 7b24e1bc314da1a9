"""Which forge a repository is on: its kind, its API, its name there, and the token that the environment has for it."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gpuyard.doors.redaction import redacted
from gpuyard.doors.urls import parse_url
from gpuyard.errors import InputError, Location, MissingError, Problem

__all__ = ["KINDS", "Address", "Token", "address_of", "ci_repository", "token_of"]

KINDS = ("github", "gitlab", "gitea")
"""Forgejo speaks Gitea's API."""
_PUBLIC = {"github.com": "github", "gitlab.com": "gitlab", "gitea.com": "gitea", "codeberg.org": "gitea"}
_FIRST = {**{kind: kind for kind in KINDS}, "forgejo": "gitea"}
"""What a company calls its own: gitlab.example.com."""
_SCP = re.compile(r"(?:[^@/]+@)?([^:/]+):(.+)")
_TOKENS = {
    "github": ("GH_TOKEN", "GITHUB_TOKEN"),
    "gitlab": ("GITLAB_TOKEN",),
    "gitea": ("GITEA_TOKEN", "FORGEJO_TOKEN"),
}
_JOB = "CI_JOB_TOKEN"
"""Of each job of a pipeline; GitLab answers it 401 wherever merge requests, their notes or users are."""
_LOGINS = {"github": "x-access-token", "gitlab": "oauth2", "gitea": "oauth2"}
"""Who asks, for Git: the password is what counts."""
_VISIBLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Address:
    """A repository on a forge."""

    kind: str
    host: str
    """With its port, if its URL has one for HTTP."""
    project: str
    """owner/name, or group/…/name."""
    api: str
    """Without a slash at its end."""


class Token(NamedTuple):
    """A secret; `variable` is where it comes from, and `login` who asks for Git."""

    variable: str
    text: str
    login: str

    def __repr__(self) -> str:
        return f"Token({self.variable})"


def address_of(url: str, kind: str | None = None, api: str | None = None) -> Address:
    """The repository behind the URL of a remote; MissingError where nothing says which forge it is."""
    parts = _parts(url)
    if parts is None:
        raise MissingError(f"{redacted(url)} is no repository on a forge, so there is nowhere to open a request")
    host, project = parts
    kind = kind or _kind(host)
    if kind is None:
        raise MissingError(f"nothing says which forge {host} is; add --forge {', '.join(KINDS[:-1])} or {KINDS[-1]}")
    if kind != "gitlab" and project.count("/") != 1:
        if not api:
            raise MissingError(f"{redacted(url)} is not HOST/OWNER/NAME; if the forge is in a folder, add --api URL")
        project = "/".join(project.split("/")[-2:])
    if api is not None and parse_url(api) is None:
        raise InputError([Problem(Location("--api"), f"{redacted(api)} is not a URL; write https://host/…")])
    return Address(kind, host, project, (api or _api(kind, host)).rstrip("/"))


def ci_repository() -> str | None:
    """The URL of the repository whose CI this is a run of; None: of none."""
    server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    return f"{server}/{name}" if server and name else os.environ.get("CI_PROJECT_URL") or None


def _parts(url: str) -> tuple[str, str] | None:
    if "://" in url:
        found = parse_url(url)
        if found is None or found.scheme not in ("https", "http", "ssh"):
            return None
        port = f":{found.port}" if found.port and found.scheme != "ssh" else ""
        host, path = f"{found.host}{port}", url.partition("://")[2].partition("/")[2]
    elif match := _SCP.fullmatch(url):
        host, path = match[1].lower(), match[2]
    else:
        return None
    project = path.strip("/").removesuffix(".git").strip("/")
    return (host, project) if host and "/" in project else None


def _kind(host: str) -> str | None:
    """By its name, or since this is a run of its CI; a token goes to no host that only looks like one."""
    name = host.partition(":")[0]
    if known := dict(_servers(os.environ)).get(host) or _PUBLIC.get(name):
        return known
    poses = any(name.startswith(f"{public}.") for public in _PUBLIC)  # github.com.evil.example
    return None if poses else _FIRST.get(name.partition(".")[0])


def _servers(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The hosts whose CI this is a run of."""
    gitea = any(environment.get(name) == "true" for name in ("GITEA_ACTIONS", "FORGEJO_ACTIONS"))
    for variable, kind in (("GITHUB_SERVER_URL", "gitea" if gitea else "github"), ("CI_SERVER_URL", "gitlab")):
        if found := parse_url(environment.get(variable, "")):
            yield found.authority.lower(), kind


def _api(kind: str, host: str) -> str:
    if kind == "github":
        return "https://api.github.com" if host == "github.com" else f"https://{host}/api/v3"
    return f"https://{host}/api/{'v4' if kind == 'gitlab' else 'v1'}"


def token_of(address: Address) -> Token:
    """The token of the environment; MissingError names the variables that are looked at."""
    names: tuple[str, ...] = _TOKENS[address.kind]
    if address.kind == "gitea" and dict(_servers(os.environ)).get(address.host) == "gitea":
        names = (*names, "GITHUB_TOKEN")  # as Gitea's own runners call it
    for name in names:
        if text := os.environ.get(name, "").strip():
            if not _VISIBLE.fullmatch(text):
                raise MissingError(f"${name} is no token: it has blanks or other characters that no token has")
            return Token(name, text, _LOGINS[address.kind])
    said = f"no token for {address.host}: set {' or '.join(f'${name}' for name in names)}"
    if address.kind == "gitlab" and os.environ.get(_JOB):
        said += f" to an access token with the scope api; GitLab gives ${_JOB} no access to merge requests"
    raise MissingError(said)
