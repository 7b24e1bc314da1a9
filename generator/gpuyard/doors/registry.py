"""Asking a registry for the digest of an image, by the distribution API of OCI."""

import hashlib
import json
import re
import urllib.parse
from collections.abc import Collection, Mapping

from gpuyard.doors import http as httpdoor
from gpuyard.doors.http import Response
from gpuyard.errors import MissingError, ToolError

__all__ = ["digest"]

_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""Types whose digest is the sha256 of their bytes; what kubelets ask for, too."""
_HOSTS = {"docker.io": "registry-1.docker.io"}
_PARAMETER = re.compile(r'([a-z]+)="([^"]*)"')
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 401, 403, 404


def digest(repository: str, tag: str, *, plain: Collection[str] = ()) -> str:
    """sha256:… of the manifest or index behind a tag; `plain` are registries that speak http.

    The digest is computed from the bytes; a registry that names another one is not believed.
    MissingError where there is no such image, ToolError where the registry doesn't tell.
    """
    registry, _, name = repository.partition("/")
    if registry == "docker.io" and "/" not in name:
        name = f"library/{name}"
    host = _HOSTS.get(registry, registry)
    scheme = "http" if host in plain or httpdoor.is_loopback(host) else "https"
    image = f"{repository}:{tag}"
    answer = _manifest(f"{scheme}://{host}/v2/{name}/manifests/{tag}", name, plain)
    if answer.status == _NOT_FOUND:
        raise MissingError(f"{image}: not found in the registry")
    if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
        raise ToolError(
            f"{image}: the registry requires a login, which gpuyard does not support; write its digest by hand"
        )
    if answer.status != _OK:
        raise ToolError(f"{image}: the registry answers {answer.status}")
    return _verified(image, answer)


def _manifest(url: str, name: str, plain: Collection[str]) -> Response:
    """The manifest; where the registry asks for one, with a token for anonymous readers."""
    headers = {"Accept": ", ".join(_MANIFESTS)}
    answer = httpdoor.get(url, headers, plain=plain)
    scheme, _, rest = answer.headers.get("www-authenticate", "").partition(" ")
    if answer.status != _UNAUTHORIZED or scheme.lower() != "bearer":
        return answer
    token = _token(dict(_PARAMETER.findall(rest)), name, plain)
    return answer if token is None else httpdoor.get(url, {**headers, "Authorization": f"Bearer {token}"}, plain=plain)


def _token(challenge: Mapping[str, str], name: str, plain: Collection[str]) -> str | None:
    """From the service that the challenge names; None where it gives none."""
    if "realm" not in challenge:
        return None
    query = {"scope": f"repository:{name}:pull"}
    if "service" in challenge:
        query["service"] = challenge["service"]
    mark = "&" if "?" in challenge["realm"] else "?"
    answer = httpdoor.get(f"{challenge['realm']}{mark}{urllib.parse.urlencode(query)}", {}, plain=plain)
    try:
        data = json.loads(answer.body) if answer.status == _OK else {}
        token = data.get("token") or data.get("access_token")
    except (ValueError, AttributeError):
        return None
    # Anything else would end or forge a header.
    return token if isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token) else None


def _verified(image: str, answer: Response) -> str:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    if kind not in _MANIFESTS:
        raise ToolError(f"{image}: the registry answers with {kind or 'no type'}, which is not an image")
    computed = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
    named = answer.headers.get("docker-content-digest", computed)
    if named != computed:
        raise ToolError(f"{image}: the registry says {named}, but sends {computed}; neither is written")
    return computed
