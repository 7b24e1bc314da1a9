"""Charts of the platform from an https Helm repository: its index and its packages, over TLS on this machine."""

import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpuyard.catalogue.platform import Release, catalogue
from gpuyard.cli.committed import _builder
from gpuyard.doors.artifacts import digest_of
from gpuyard.doors.logins import Logins
from gpuyard.errors import ToolError
from gpuyard.release.vendored import vendored
from tests.forges import authority

PACKAGE = b"the package of a chart"
SUM = digest_of(PACKAGE).removeprefix("sha256:")


@dataclass
class HelmRepository:
    """What it answers, by path; `asked` are the paths."""

    host: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://{self.host}/charts"


@pytest.fixture
def helm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HelmRepository]:
    certificate = authority(tmp_path / "tls")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    found = HelmRepository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            data = found.files.get(self.path)
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    found.host = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def keda(helm: HelmRepository) -> Release:
    found = next(each for each in catalogue() if each.component == "keda")
    assert found.repository.startswith("https://")
    return replace(found, repository=helm.url)


def index(release: Release, **entry: Any) -> bytes:
    listed = {"version": release.version, "urls": ["keda.tgz"], "digest": SUM, **entry}
    other = {"version": "0.0.1", "urls": ["old.tgz"]}
    return yaml.safe_dump({"apiVersion": "v1", "entries": {release.chart: [other, listed]}}).encode()


def pulled(helm: HelmRepository, release: Release) -> bytes:
    ((_, data),) = vendored([release], Logins(), ())
    return data


@pytest.mark.parametrize("url", ["keda.tgz", "/charts/keda.tgz", "https://{host}/charts/keda.tgz"])
@pytest.mark.parametrize("digest", [SUM, f"sha256:{SUM}", ""])
def test_the_package_that_the_index_names(helm: HelmRepository, url: str, digest: str) -> None:
    release = keda(helm)
    helm.files["/charts/index.yaml"] = index(release, urls=[url.format(host=helm.host)], digest=digest)
    helm.files["/charts/keda.tgz"] = PACKAGE
    assert pulled(helm, release) == PACKAGE
    assert helm.asked == ["/charts/index.yaml", "/charts/keda.tgz"]


@pytest.mark.attack("A10 swapped dependencies")
@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"version": "9.9.9"}, "has no keda"),
        ({"urls": []}, "has no keda"),
        ({"urls": None}, "has no keda"),
        ({"digest": "0" * 64}, "is not what https://"),
        ({"urls": ["file:///etc/passwd"]}, "is at file:///etc/passwd, which is no URL"),
        ({"urls": ["http://charts.example.com/keda.tgz"]}, "not allowed; use https://"),
        ({"urls": ["https://user:pass@charts.example.com/keda.tgz"]}, "not allowed"),
        ({"urls": ["https://169.254.169.254/keda.tgz"]}, "leads to this machine or a private network"),
        ({"urls": ["https://127.0.0.1:1/keda.tgz"]}, "leads to this machine or a private network"),
        ({"urls": ["https://[::1/keda.tgz"]}, "which is no URL"),
        ({"urls": ["gone.tgz"]}, "the answer is 404"),
    ],
)
def test_an_index_that_is_not_followed(helm: HelmRepository, entry: dict[str, Any], said: str) -> None:
    release = keda(helm)
    helm.files["/charts/index.yaml"] = index(release, **entry)
    helm.files["/charts/keda.tgz"] = PACKAGE
    with pytest.raises(ToolError) as error:
        pulled(helm, release)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "text",
    [b"", b"[", b"- a\n", b"entries: 7\n", b"entries: {keda: [a]}\n", b"\xff\xfe\x00", b"[" * 100_000, b"a: 1\na: 2\n"],
)
def test_an_index_that_is_none(helm: HelmRepository, text: bytes) -> None:
    helm.files["/charts/index.yaml"] = text
    with pytest.raises(ToolError, match=r"index.yaml: has no keda"):
        pulled(helm, keda(helm))


def test_no_index_at_all(helm: HelmRepository) -> None:
    with pytest.raises(ToolError, match=r"index.yaml: the answer is 404"):
        pulled(helm, keda(helm))


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "https://github.com/gpuyard/gpuyard/blob/main/docs/release.md#builders"),
        (
            {
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_WORKFLOW_REF": "a/b/.github/workflows/r.yaml@refs/tags/v1",
            },
            "https://github.com/a/b/.github/workflows/r.yaml@refs/tags/v1",
        ),
        (
            {"CI_PROJECT_URL": "https://gitlab.com/a/b", "CI_COMMIT_TAG": "v1"},
            "https://gitlab.com/a/b//.gitlab-ci.yml@refs/tags/v1",
        ),
        (
            {"CI_PROJECT_URL": "https://gitlab.com/a/b"},
            "https://github.com/gpuyard/gpuyard/blob/main/docs/release.md#builders",
        ),
    ],
)
def test_who_has_built_a_release(environment: dict[str, str], expected: str) -> None:
    assert _builder(environment) == expected
