"""The platform's charts as packages, from where clusters have them; digests are computed, and never believed."""

from collections.abc import Collection, Iterable

from gpuyard.catalogue.platform import Release
from gpuyard.doors import http, yamlio
from gpuyard.doors.artifacts import Store, digest_of
from gpuyard.doors.logins import Logins
from gpuyard.doors.urls import joined, parse_url
from gpuyard.errors import ToolError, one_line
from gpuyard.release.artifact import CHART
from gpuyard.release.packages import Vendored

__all__ = ["vendored"]

_INDEX = 64 << 20
_PACKAGE = 16 << 20
_SECONDS = 60
_OK = 200


def vendored(releases: Iterable[Release], logins: Logins, plain: Collection[str]) -> Vendored:
    """The package of each."""
    return tuple((each, _pulled(each, logins, plain)) for each in releases)


def _pulled(release: Release, logins: Logins, plain: Collection[str]) -> bytes:
    base = release.repository
    if not base.startswith("oci://"):
        return _downloaded(release, plain)
    where = f"{base.removeprefix('oci://')}/{release.chart}"
    host = where.partition("/")[0]
    store = Store(where, logins, (*plain, *([host] if release.insecure else [])))
    found = store.manifest(release.version.replace("+", "_"))
    layers = [digest for kind, digest in found.layers if kind == CHART.layer] if found else []
    if not layers:
        raise ToolError(f"{where}:{release.version}: is not in the registry as a chart, which charts/ needs inside")
    return store.blob(layers[0])


def _downloaded(release: Release, plain: Collection[str]) -> bytes:
    index = f"{release.repository.rstrip('/')}/index.yaml"
    text = _get(index, plain, _INDEX).decode("utf-8", "replace")
    try:
        entries = yamlio.load_data(text)["entries"][release.chart]
        (entry,) = (each for each in entries if each["version"] == release.version)
        url, digest = joined(index, entry["urls"][0]) or "", str(entry.get("digest", ""))
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise ToolError(f"{index}: has no {release.chart} {release.version}, which charts/ needs inside") from None
    home = parse_url(index)
    if home is None or parse_url(url) is None:
        raise ToolError(one_line(f"{index}: {release.chart} {release.version} is at {url}, which is no URL"))
    data = _get(url, plain, _PACKAGE, led_by=home.authority)
    if digest and digest_of(data).removeprefix("sha256:") != digest.removeprefix("sha256:"):
        raise ToolError(one_line(f"{url}: is not what {index} says: {digest}"))
    return data


def _get(url: str, plain: Collection[str], limit: int, led_by: str = "") -> bytes:
    answer = http.get(url, {}, plain=plain, seconds=_SECONDS, limit=limit, led_by=led_by)
    if answer.status != _OK:
        raise ToolError(f"{url}: the answer is {answer.status}")
    return answer.body
