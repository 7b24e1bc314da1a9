"""A Gitea of one's own: SQLite, TLS on loopback, users with tokens of chosen scopes, and repositories."""

import http.client
import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.cluster import programs
from tests.cluster.programs import toolchain
from tests.cluster.programs.catalogue import program
from tests.forges import authority

__all__ = ["SCOPES", "Gitea", "running"]

SCOPES = ("write:repository", "write:issue", "read:user")
"""What docs/pr.md says that a token needs."""
SECONDS = 120
_SETTINGS = """\
APP_NAME = forge
RUN_MODE = prod
WORK_PATH = {root}
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
[server]
PROTOCOL = https
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = https://127.0.0.1:{port}/
CERT_FILE = {certificate}
KEY_FILE = {key}
STATIC_ROOT_PATH = {sources}
OFFLINE_MODE = true
DISABLE_SSH = true
[database]
DB_TYPE = sqlite3
SQLITE_TIMEOUT = 60000
[security]
INSTALL_LOCK = true
[indexer]
ISSUE_INDEXER_TYPE = db
[log]
MODE = console
LEVEL = Warn
"""


@dataclass(frozen=True)
class Gitea:
    """A running server."""

    root: Path
    program: Path
    port: int
    certificate: Path

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, project: str) -> str:
        return f"https://{self.host}/{project}.git"

    def command(self, *arguments: str) -> str:
        """What `gitea` prints of an order to an administrator."""
        argv = [self.program, "--config", self.root / "app.ini", *arguments]
        done = subprocess.run(argv, env=_environment(self.root), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def user(self, *options: str) -> str:
        """The name of a new one."""
        name = f"u{uuid4().hex[:8]}"
        secret = uuid4().hex
        who = ("--username", name, "--email", f"{name}@example.com", "--password", secret)
        self.command("admin", "user", "create", *who, "--must-change-password=false", *options)
        return name

    def token(self, name: str, *scopes: str) -> str:
        """One of the user's, for these scopes only."""
        wanted = ("--token-name", uuid4().hex, "--scopes", ",".join(scopes or SCOPES), "--raw")
        return self.command("admin", "user", "generate-access-token", "--username", name, *wanted).split()[-1]

    def ask(self, token: str, method: str, path: str, data: Any = None) -> Any:
        """An answer of the API, as somebody with a browser or curl would have it."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=SECONDS, context=context)
        headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
        connection.request(method, f"/api/v1{path}", None if data is None else json.dumps(data), headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status < 300, (method, path, answer.status, body)
        return json.loads(body) if body.strip() else None


@cache
def _sources() -> Path:
    """The folder of the module: its texts and templates are no part of the program."""
    wanted = program("gitea")
    argv = [toolchain.executable(), "mod", "download", "-json", wanted.package]
    env = {**os.environ, "GOWORK": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"}
    done = subprocess.run(argv, cwd=wanted.module, env=env, capture_output=True, text=True, check=True)
    return Path(json.loads(done.stdout)["Dir"])


def _environment(root: Path) -> dict[str, str]:
    """Nothing of who runs the tests, and nothing of what a test set."""
    return {"PATH": os.environ["PATH"], "HOME": str(root / "home"), "USER": os.environ.get("USER", "root")}


@contextmanager
def running(root: Path) -> Iterator[Gitea]:
    """A server with nothing in it at all."""
    certificate = authority(root / "tls")
    (root / "home").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    places = {"root": root, "port": port, "certificate": certificate, "key": certificate.with_suffix(".key")}
    (root / "app.ini").write_text(_SETTINGS.format(**places, sources=_sources()))
    found = Gitea(root, programs.path("gitea"), port, certificate)
    found.command("migrate")
    with (root / "web.log").open("wb") as log:
        argv = [found.program, "--config", root / "app.ini", "web"]
        server = subprocess.Popen(argv, env=_environment(root), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait(found, server)
        yield found
    finally:
        server.terminate()
        server.wait(SECONDS)


def _wait(found: Gitea, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", found.port)).close()
            return
        except OSError:
            said = (found.root / "web.log").read_text()
            assert server.poll() is None, said
            assert time.monotonic() < end, said
            time.sleep(0.05)
