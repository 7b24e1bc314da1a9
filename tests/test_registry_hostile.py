"""A registry that means harm: what it sends is never obeyed, believed, printed raw or waited for."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from gpuyard.doors import http as httpdoor
from gpuyard.doors import logins, registry
from gpuyard.doors.leash import Leash
from gpuyard.doors.urls import Url, parse_url
from gpuyard.errors import ToolError
from tests.fakeregistry import INDEX, FakeRegistry, fake_registry

pytestmark = pytest.mark.attack("A26 hostile registry")

Answers = Callable[[str], Iterator[bytes]]


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may be logged in, and behind a proxy."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with fake_registry() as found:
        yield found


@contextmanager
def speaking(answers: Answers) -> Iterator[str]:
    """A server that sends bytes as they come, whatever HTTP says; its host and port."""
    listening = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{listening.getsockname()[1]}"

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                path = connection.recv(65536).split(b" ")[1].decode()
                for piece in answers(path):
                    connection.sendall(piece)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def said(*headers: str, status: str = "200 OK", body: bytes = b"{}") -> Answers:
    """One answer to everything; {} in a header is the server's own host."""
    head = "".join(f"{each}\r\n" for each in headers)

    def answer(_: str) -> Iterator[bytes]:
        yield f"HTTP/1.1 {status}\r\n{head}Connection: close\r\n\r\n".encode("latin-1") + body

    return answer


def refusal(answers: Answers) -> str:
    with speaking(answers) as host, pytest.raises(ToolError) as caught:
        registry.digest(f"{host}/a/b", "v1")
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 1500
    return message


ESCAPES = "\x1b]0;PWN\x07\x1b]52;c;cm0=\x07\x9b31m"


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ([f"Content-Type: x{ESCAPES}"], "which is not an image"),
        ([f"Content-Type: {INDEX}", f"Docker-Content-Digest: sha256:{ESCAPES}"], "neither is written"),
        ([f"Content-Type: {INDEX}", f"Docker-Content-Digest: {'x' * 60000}"], "neither is written"),
        ([f"Content-Type: {INDEX}", "Docker-Content-Digest: "], "neither is written"),
        ([f"Content-Type: {INDEX}", "Content-Length: \xb2"], "no valid length"),
        ([f"Content-Type: {INDEX}", "Content-Length: -2"], "no valid length"),
        ([f"Content-Type: {INDEX}", "Content-Length: 1_0"], "no valid length"),
        ([f"Content-Type: {INDEX}", "Content-Length: 2, 2"], "no valid length"),
        ([f"Content-Type: {INDEX}", f"Content-Length: {'9' * 5000}"], "no valid length"),
        ([f"Content-Type: {INDEX}", f"Content-Length: {'9' * 15}"], "ended early|no answer"),
        ([f"Content-Type: {INDEX}", "Content-Encoding: gzip"], "compressed"),
        ([f"Content-Type: {INDEX}", "Transfer-Encoding: chunked"], "no answer"),
    ],
)
def test_headers_are_checked_and_printed_harmlessly(headers: list[str], words: str) -> None:
    assert re.search(words, refusal(said(*headers)))


def test_a_status_that_is_none() -> None:
    assert "no answer" in refusal(lambda _: iter([f"HTTP/1.1 2{ESCAPES}00 OK\r\n\r\n".encode("latin-1")]))


NO_URLS = ["http://[", "http://[::1", "http://h:port/", "http://"]


@pytest.mark.parametrize("url", NO_URLS)
def test_a_token_service_that_is_no_url(url: str) -> None:
    assert "no URL" in refusal(said(f'WWW-Authenticate: Bearer realm="{url}"', status="401 Unauthorized"))


@pytest.mark.parametrize("url", ["http://[", "http://127.0.0.1:port/", "//[::1"])
def test_a_redirect_to_no_url(url: str) -> None:
    assert "no URL" in refusal(said(f"Location: {url}", status="307 Temporary Redirect"))


@pytest.mark.parametrize("path", ["a..b", f"{'a' * 70}.example", "exam ple"])
def test_a_redirect_to_a_host_that_no_dns_has(path: str) -> None:
    with pytest.raises(ToolError):
        httpdoor.get(f"https://{path}/", {}, seconds=1)


def test_a_redirect_without_end() -> None:
    assert "more than 5 redirects" in refusal(said("Location: /again", status="302 Found"))


# --- where it may lead --------------------------------------------------------------------------------------


def test_a_token_service_on_another_port_of_this_machine_is_not_asked(fake: FakeRegistry) -> None:
    """A registry could have this machine ask whatever listens there."""
    challenge = f'WWW-Authenticate: Bearer realm="http://{fake.host}/internal"'
    assert "does not go there" in refusal(said(challenge, status="401 Unauthorized"))
    assert fake.seen == []


NAMES = {
    "registry.example": ["93.184.216.34"],
    "auth.example": ["93.184.216.35"],
    "inner.example": ["10.0.0.8"],
    "both.example": ["93.184.216.36", "127.0.0.1"],
    "home.example": ["127.0.0.1"],
    "six.example": ["fd00:c1::a9fe:a9fe"],
    "registry.corp": ["10.0.0.5"],
    "auth.corp": ["10.0.0.6"],
}


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def found(host: str, *args: Any, **kwargs: Any) -> Any:
        if host in NAMES and not kwargs.get("flags"):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in NAMES[host]]
        return real(host, *args, **{**kwargs, "flags": socket.AI_NUMERICHOST})

    monkeypatch.setattr(socket, "getaddrinfo", found)


def url(authority: str) -> Url:
    found = parse_url(f"https://{authority}/token")
    assert found
    return found


HELD = [
    "127.0.0.1",
    "127.0.0.1:8080",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",  # noqa: S104 - asked for, and not listened on
    "localhost",
    "localhost.",
    "a.localhost",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:a00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "169.254.169.254",
    "[fd00:c1::a9fe:a9fe]",
    "[fe80::1]",
    "10.0.0.1",
    "172.16.9.9",
    "192.168.0.1",
    "100.64.0.1",
    "224.0.0.1",
    "inner.example",
    "both.example",
    "home.example",
    "six.example",
]


@pytest.mark.parametrize("target", HELD)
@pytest.mark.usefixtures("dns")
def test_a_public_registry_leads_nowhere_inside(target: str) -> None:
    assert Leash(url("registry.example"), (), ports=True).holds(url(target), direct=True)


@pytest.mark.parametrize("target", [each for each in HELD if "example" not in each])
def test_behind_a_proxy_addresses_are_judged_all_the_same(target: str) -> None:
    assert Leash(url("registry.example"), (), ports=True).holds(url(target), direct=False)


@pytest.mark.parametrize(
    ("home", "target"),
    [
        ("registry.example", "auth.example"),
        ("registry.example", "registry.example:5001"),
        ("registry.example", "93.184.216.34"),
        ("registry.corp", "registry.corp:5001"),
        ("registry.corp", "auth.corp"),
        ("registry.corp:5000", "auth.example"),
        ("10.0.0.5", "10.0.0.6"),
        ("127.0.0.1:5000", "127.0.0.1:5000"),
        ("127.0.0.1:5000", "auth.example"),
        ("registry.example", "plain.example:80"),
    ],
)
@pytest.mark.usefixtures("dns")
def test_a_site_s_own_registry_works(home: str, target: str) -> None:
    assert not Leash(url(home), ("plain.example:80",), ports=True).holds(url(target), direct=True)


@pytest.mark.parametrize("target", ["127.0.0.1", "169.254.169.254", "home.example", "[::1]", "0.0.0.0"])  # noqa: S104
@pytest.mark.usefixtures("dns")
def test_not_even_a_private_registry_leads_to_this_machine_or_to_metadata(target: str) -> None:
    assert Leash(url("registry.corp"), (), ports=True).holds(url(target), direct=True)


def test_a_name_that_changes_its_address_after_it_was_judged(fake: FakeRegistry, monkeypatch: Any) -> None:
    """The address that was reached counts."""
    real, asked = socket.getaddrinfo, []

    def found(host: str, *args: Any, **kwargs: Any) -> Any:
        if host != "rebound.example":
            return real(host, *args, **kwargs)
        asked.append(host)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(args[0] or 0)))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    port = fake.host.partition(":")[2]
    with pytest.raises(ToolError, match="the name leads to this machine"):
        httpdoor.get(f"https://rebound.example:{port}/", {}, led_by="registry.example", seconds=2)
    assert fake.seen == []
    assert len(asked) == 2


# --- who gets a login ---------------------------------------------------------------------------------------


def test_who_a_redirect_leads_to_gets_no_login(fake: FakeRegistry, tmp_path: Path) -> None:
    """It asks in the registry's name, with a service of its own."""
    with fake_registry() as other:
        other.wants_token = True
        config = tmp_path / "config.json"
        config.write_text(f'{{"auths": {{"{fake.host}": {{"username": "me", "password": "pw"}}}}}}')
        fake.redirect = f"http://{other.host}/v2/a/b/manifests/v1"
        with pytest.raises(ToolError):
            registry.digest(f"{fake.host}/a/b", "v1", plain=(other.host,))
        assert {shown for _, shown in other.seen} == {None}
        assert not [path for path, _ in other.seen if path.startswith("/token")]


@pytest.mark.parametrize(
    "token", [b"[" * 100_000, b'{"token": ' * 50_000, b'["x"]', b"7", b"{", b'{"token": {"a": 1}}']
)
def test_a_token_that_is_none(token: bytes) -> None:
    def answer(path: str) -> Iterator[bytes]:
        if path.startswith("/token"):
            yield from said(body=token)(path)
        else:
            yield from said(f'WWW-Authenticate: Bearer realm="http://{host}/token"', status="401 No")(path)

    with speaking(lambda path: answer(path)) as host, pytest.raises(ToolError, match="requires a login"):
        registry.digest(f"{host}/a/b", "v1")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"auths": {"HOST": {"auth": "\u00e4"}}}',
        '{"auths": {"HOST": {"username": "\\ud800", "password": "x"}}}',
        '{"auths": {"HOST": {"auth": "/w=="}}}',
    ],
)
def test_a_file_of_logins_that_is_none(text: str, tmp_path: Path, fake: FakeRegistry) -> None:
    (tmp_path / "config.json").write_text(text.replace("HOST", fake.host), encoding="utf-8")
    fake.basic, fake.login = True, ("me", "pw")
    with pytest.raises(ToolError):
        registry.digest(f"{fake.host}/a/b", "v1", logins=logins.Logins())


# --- how long, and how much ---------------------------------------------------------------------------------


def forever(*pieces: bytes, pause: float = 0.02) -> Iterator[bytes]:
    yield pieces[0]
    while True:
        yield pieces[1]
        time.sleep(pause)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 503 No\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        (b"HTTP/1.1 ", b"2"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    ],
)
def test_a_drip_ends_when_its_time_is_over(pieces: tuple[bytes, bytes]) -> None:
    with (
        speaking(lambda _: forever(*pieces)) as host,
        pytest.raises(ToolError, match=r"longer than 1 s|no answer: HTTPException\('got more"),
    ):
        httpdoor.get(f"http://{host}/", {}, seconds=0.5)


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "401 No"])
def test_a_flood_is_cut(status: str) -> None:
    head = f"HTTP/1.1 {status}\r\n\r\n".encode()
    with (
        speaking(lambda _: forever(head, b"x" * 65536, pause=0)) as host,
        pytest.raises(ToolError, match="larger than 200000 bytes"),
    ):
        httpdoor.get(f"http://{host}/", {}, limit=200_000)


@pytest.mark.parametrize(
    "text",
    ["http://[::1", "[", "http://[x]:1", "http://exa\u2100mple.com", "http://h:99999", "a b", "http://a\x1b", ""],
)
def test_what_is_no_url_is_none(text: str) -> None:
    assert parse_url(text) is None
