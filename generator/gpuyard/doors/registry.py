"""Asking a registry for the digest of an image, by the distribution API of OCI."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from gpuyard.doors import http as httpdoor
from gpuyard.doors.http import Response
from gpuyard.doors.logins import CONFIG, VARIABLE, Login, Logins
from gpuyard.doors.urls import parse_url
from gpuyard.errors import MissingError, ToolError, one_line

__all__ = ["Repository", "digest", "look_for", "named", "refused", "shown_to"]

_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""Types whose digest is the sha256 of their bytes; what kubelets ask for, too."""
_HOSTS = {"docker.io": "registry-1.docker.io"}
_SHOWN = 80
"""Characters of something unexpected."""
_PARAMETER = re.compile(r'([a-z]+)="([^"]*)"')
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 401, 403, 404


@dataclass(frozen=True, slots=True)
class Repository:
    """An image's name in its registry, and how the registry is asked."""

    host: str
    name: str
    plain: Collection[str]
    login: Login | None = None
    actions: str = "pull"
    """What a token is asked for: pull, or pull,push."""

    @property
    def scheme(self) -> str:
        """Plain http where that was allowed."""
        return "http" if self.host in self.plain or httpdoor.is_loopback(self.host) else "https"


def look_for(image: str, *, plain: Collection[str] = (), logins: Logins | None = None) -> None:
    """MissingError where its registry does not have what a pod names so, ToolError where it does not tell."""
    name, _, pinned = image.partition("@")
    repository, _, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "latest")
    digest(repository, pinned or tag, plain=plain, logins=logins)


def digest(repository: str, tag: str, *, plain: Collection[str] = (), logins: Logins | None = None) -> str:
    """sha256:… of the manifest or index behind a tag; `plain` are registries that speak http.

    The digest is computed from the bytes; a registry that names another one is not believed. `logins` keep what
    was looked up before. MissingError where there is no such image, ToolError where the registry doesn't tell.
    """
    host = repository.partition("/")[0]
    image = f"{repository}{'@' if ':' in tag else ':'}{tag}"
    asked = named(repository, plain)
    url = f"{asked.scheme}://{asked.host}/v2/{asked.name}/manifests/{tag}"
    answer = _get(url, None, plain)
    # Whoever a redirect led to may ask for a login of its own, and gets none.
    if answer.status == _UNAUTHORIZED and answer.host == asked.host:
        asked = replace(asked, login=(logins or Logins()).of(host))
        answer = _with_login(url, answer, asked)
    if answer.status == _NOT_FOUND:
        raise MissingError(f"{image}: not found in the registry")
    if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
        raise refused(image, host, asked.login)
    if answer.status != _OK:
        raise ToolError(f"{image}: the registry answers {answer.status}")
    return _verified(image, answer)


def named(repository: str, plain: Collection[str] = (), actions: str = "pull") -> Repository:
    """A repository as its registry knows it, by what people call it."""
    host, _, name = repository.partition("/")
    if host == "docker.io" and "/" not in name:
        name = f"library/{name}"
    return Repository(_HOSTS.get(host, host), name, plain, actions=actions)


def _get(url: str, authorization: str | None, plain: Collection[str]) -> Response:
    given = {"Authorization": authorization} if authorization else {}
    return httpdoor.get(url, {"Accept": ", ".join(_MANIFESTS), **given}, plain=plain)


def _with_login(url: str, answer: Response, asked: Repository) -> Response:
    """Asks again as the registry demands; its refusal where there is nothing to show."""
    shown = shown_to(answer, asked)
    return _get(url, shown, asked.plain) if shown else answer


def shown_to(answer: Response, asked: Repository) -> str | None:
    """The header Authorization that a refusal asks for; None where there is nothing to show."""
    scheme, _, rest = answer.headers.get("www-authenticate", "").partition(" ")
    if scheme.lower() == "bearer" and (token := _token(dict(_PARAMETER.findall(rest)), asked)):
        return f"Bearer {token}"
    return asked.login.basic if scheme.lower() == "basic" and asked.login else None


def _token(challenge: Mapping[str, str], asked: Repository) -> str | None:
    """From the service that the challenge names, for who logs in there or for anybody; None where it gives none."""
    realm = challenge.get("realm", "")
    service = parse_url(realm)
    if realm and service is None:
        raise ToolError(one_line(f"{asked.host}/{asked.name}: the registry's tokens are at {realm}, which is no URL"))
    # A password goes nowhere that is less private than the registry itself.
    if service is None or service.scheme != asked.scheme:
        return None
    query = {"scope": f"repository:{asked.name}:{asked.actions}"}
    if "service" in challenge:
        query["service"] = challenge["service"]
    mark = "&" if "?" in realm else "?"
    given = {"Authorization": asked.login.basic} if asked.login else {}
    answer = httpdoor.get(f"{realm}{mark}{urlencode(query)}", given, plain=asked.plain, led_by=asked.host)
    try:
        data = json.loads(answer.body) if answer.status == _OK else {}
        token = data.get("token") or data.get("access_token")
    except (ValueError, AttributeError, RecursionError):
        return None
    # Anything else would end or forge a header.
    return token if isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token) else None


def refused(image: str, host: str, login: Login | None) -> ToolError:
    """Why a registry wants nothing to do with us, and what helps."""
    if login:
        return ToolError(
            f"{image}: {host} refused the login from {login.source}: it is wrong or has expired, or may not read this "
            f"image; `docker login {host}` replaces it"
        )
    return ToolError(
        f"{image}: {host} requires a login, and there is none in {CONFIG} or {VARIABLE}; `docker login {host}` makes "
        f"one (`podman login --compat-auth-file {CONFIG} {host}` does, too)"
    )


def _verified(image: str, answer: Response) -> str:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    if kind not in _MANIFESTS:
        raise ToolError(one_line(f"{image}: the registry answers with {kind or 'no type'}, which is not an image"))
    computed = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
    named = answer.headers.get("docker-content-digest", computed)
    if named != computed:
        raise ToolError(
            one_line(f"{image}: the registry says {named[:_SHOWN]}, but sends {computed}; neither is written")
        )
    return computed
