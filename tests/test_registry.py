"""Digests from a registry: computed, never believed; and how far the door to HTTP opens."""

import http.server
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpuyard.doors import http as httpdoor
from gpuyard.doors import registry
from gpuyard.errors import MissingError, ToolError
from tests.fakeregistry import TOKEN, FakeRegistry, fake_registry


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))  # whoever runs the tests may be logged in
    with fake_registry() as found:
        yield found


def test_digest_of_the_bytes(fake: FakeRegistry) -> None:
    wanted = fake.put("vllm/vllm-openai", "v1", b'{"manifests": []}')
    assert registry.digest(f"{fake.host}/vllm/vllm-openai", "v1") == wanted


def test_a_token_for_anonymous_readers_is_fetched_and_used(fake: FakeRegistry) -> None:
    wanted = fake.put("a/b", "v1")
    fake.wants_token = True
    assert registry.digest(f"{fake.host}/a/b", "v1") == wanted
    assert fake.seen == [
        ("/v2/a/b/manifests/v1", None),
        ("/token?scope=repository%3Aa%2Fb%3Apull&service=fake", None),
        ("/v2/a/b/manifests/v1", f"Bearer {TOKEN}"),
    ]


@pytest.mark.attack("A10 swapped dependencies")
def test_another_digest_in_the_header_is_refused(fake: FakeRegistry) -> None:
    fake.put("a/b", "v1")
    fake.digest = "sha256:" + "0" * 64
    with pytest.raises(ToolError, match="neither is written"):
        registry.digest(f"{fake.host}/a/b", "v1")


def test_a_page_for_people_is_no_manifest(fake: FakeRegistry) -> None:
    fake.put("a/b", "v1")
    fake.kind = "text/html; charset=utf-8"
    with pytest.raises(ToolError, match="answers with text/html, which is not an image"):
        registry.digest(f"{fake.host}/a/b", "v1")


def test_no_such_image(fake: FakeRegistry) -> None:
    with pytest.raises(MissingError, match="/a/b:v1: not found in the registry"):
        registry.digest(f"{fake.host}/a/b", "v1")


def test_a_login_is_said_to_be_needed(fake: FakeRegistry) -> None:
    fake.wants_token, fake.gives_token = True, False
    with pytest.raises(ToolError, match="requires a login"):
        registry.digest(f"{fake.host}/a/b", "v1")


@pytest.mark.parametrize("token", ["good\r\nX-Forged: yes", "good\n", "two words", "s\xe4", "", 7, ["good"]])
def test_a_token_that_is_none_is_never_sent(fake: FakeRegistry, token: object) -> None:
    """It would end the header, or begin another."""
    fake.put("a/b", "v1")
    fake.wants_token, fake.token = True, token
    with pytest.raises(ToolError, match="requires a login"):
        registry.digest(f"{fake.host}/a/b", "v1")
    assert [sent for _, sent in fake.seen] == [None, None]


def test_an_error_of_the_registry(fake: FakeRegistry) -> None:
    fake.status = 503
    with pytest.raises(ToolError, match="answers 503"):
        registry.digest(f"{fake.host}/a/b", "v1")


def test_nobody_there() -> None:
    with pytest.raises(ToolError, match="no answer"):
        registry.digest("127.0.0.1:1/a/b", "v1")


def test_docker_hub_by_its_real_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def get(url: str, headers: object, *, plain: object) -> httpdoor.Response:
        asked.append(url)
        return httpdoor.Response(404, {}, b"")

    monkeypatch.setattr(httpdoor, "get", get)
    for name in ("docker.io/vllm/vllm-openai", "docker.io/busybox"):
        with pytest.raises(MissingError):
            registry.digest(name, "v1")
    assert asked == [
        "https://registry-1.docker.io/v2/vllm/vllm-openai/manifests/v1",
        "https://registry-1.docker.io/v2/library/busybox/manifests/v1",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://registry.example.com/v2/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "https://",
        "https://a:b@c.example/",
    ],
)
def test_what_is_not_asked(url: str) -> None:
    with pytest.raises(ToolError, match="not allowed; use https"):
        httpdoor.get(url, {})


@pytest.mark.parametrize("target", ["https://registry.example.com/", "ftp://127.0.0.1/"])
def test_a_redirect_to_another_scheme_is_not_followed(fake: FakeRegistry, target: str) -> None:
    fake.redirect = target
    with pytest.raises(ToolError, match="another scheme"):
        httpdoor.get(f"http://{fake.host}/x", {})


def test_a_redirect_to_a_file_is_not_followed(fake: FakeRegistry) -> None:
    fake.redirect = "file:///etc/passwd"
    assert httpdoor.get(f"http://{fake.host}/x", {}).status == 307


def test_a_redirect_out_of_this_machine_is_not_followed(fake: FakeRegistry) -> None:
    fake.redirect = "http://registry.example.com/"
    with pytest.raises(ToolError, match="not allowed; use https"):
        httpdoor.get(f"http://{fake.host}/x", {})


def test_a_redirect_gets_no_credentials(fake: FakeRegistry) -> None:
    fake.redirect = f"http://{fake.host}/there"
    assert httpdoor.get(f"http://{fake.host}/x", {"Authorization": "Bearer secret"}).status == 404
    assert fake.seen == [("/x", "Bearer secret"), ("/there", None)]


def test_too_large_an_answer(fake: FakeRegistry) -> None:
    fake.put("a/b", "v1", b"x" * 1000)
    with pytest.raises(ToolError, match="larger than 999 bytes"):
        httpdoor.get(f"http://{fake.host}/v2/a/b/manifests/v1", {}, limit=999)


class Trickle(http.server.BaseHTTPRequestHandler):
    """One byte now and then, for ever."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.02)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass


def test_too_slow_an_answer() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Trickle)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with pytest.raises(ToolError, match=r"took longer than 0\.2 s"):
            httpdoor.get(f"http://127.0.0.1:{server.server_port}/", {}, seconds=0.1)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_this_machine_is_not_asked_through_a_proxy(fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert httpdoor.get(f"http://{fake.host}/x", {}).status == 404
    # Others are: nothing listens there.
    with pytest.raises(ToolError, match="no answer"):
        httpdoor.get("http://plain.example:80/x", {}, plain=("plain.example:80",))


def test_importing_it_costs_nothing_to_other_commands() -> None:
    code = "import sys, gpuyard.cli.commands.check; assert 'http.client' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
