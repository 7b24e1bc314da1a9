"""Logins of registries, from where `docker login` keeps them: docker's configuration and its credential helpers.

Ours, because the libraries that read the same files (oras 0.2, docker 7.2) wait for ever for a helper that hangs, pass
over one that is missing, and bring requests; the rest of a client (docker's, or a registry's) would be of no use.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from threading import Timer
from typing import Any

from gpuyard.errors import ToolError

__all__ = ["CONFIG", "VARIABLE", "Login", "Logins"]

CONFIG = "~/.docker/config.json"
VARIABLE = "DOCKER_AUTH_CONFIG"
"""The content of such a file, as CI systems give it; docker reads it first, too."""
_HUB = "https://index.docker.io/v1/"
"""What docker calls its own registry."""
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_HELPER = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._]*")
_NONE_KNOWN = b"credentials not found"
"""What helpers print where they have nothing, before they end with 1."""
_TOKEN_USER = "<token>"  # noqa: S105 - of a helper, where the secret is a token to be exchanged
_SECONDS = 30.0
_LIMIT = 2**16


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password, and where they come from, which a message may say."""

    user: str = field(repr=False)
    password: str = field(repr=False)
    source: str

    @property
    def basic(self) -> str:
        """The header Authorization."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class Logins:
    """Those of the user; each registry is looked up once, for a helper may ask its user."""

    def __init__(self) -> None:
        self._known: dict[str, Login | None] = {}

    def of(self, host: str) -> Login | None:
        """That of a registry, by its host with port; None: there is none. ToolError where one can't be read."""
        if host not in self._known:
            self._known[host] = next(filter(None, (_in(config, host) for config in _configs())), None)
        return self._known[host]


@dataclass(frozen=True, slots=True)
class _Config:
    """A configuration of docker, and what it is called."""

    name: str
    data: Mapping[str, Any]

    def part(self, key: str) -> Mapping[str, Any]:
        """A mapping in it; empty where there is none."""
        found = self.data.get(key) or {}
        if not isinstance(found, Mapping):
            raise ToolError(f"{self.name}: {key} is not a mapping; `docker login` replaces it")
        return found


def _configs() -> Iterator[_Config]:
    if text := os.environ.get(VARIABLE):
        yield _config(VARIABLE, os.fsencode(text))
    folder = os.environ.get("DOCKER_CONFIG")
    file = Path(folder) / "config.json" if folder else Path(CONFIG).expanduser()
    try:
        yield _config(str(file), file.read_bytes())
    except FileNotFoundError:
        return
    except OSError as error:
        raise ToolError(f"{file}: the logins of registries cannot be read: {error.strerror}") from error


def _config(name: str, text: bytes) -> _Config:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, Mapping):
        # Without the cause: its message has a piece of the text.
        raise ToolError(f"{name}: is not the JSON of docker's configuration, where logins of registries are") from None
    return _Config(name, data)


def _in(config: _Config, host: str) -> Login | None:
    """As docker looks it up: the registry's own helper, else the common one, else the file itself."""
    server = _HUB if host in _HUB_NAMES else host
    helpers = {_host(name): helper for name, helper in config.part("credHelpers").items()}
    helper = helpers.get(_host(server)) or config.data.get("credsStore")
    if helper and (found := _of_helper(config, helper, server, host)):
        return found
    entries = (entry for name, entry in config.part("auths").items() if _host(name) == _host(server))
    return next(filter(None, (_of_entry(config, entry, host) for entry in entries)), None)


def _host(name: str) -> str:
    """Of an entry, which may be a URL: https://registry.example.com/v1/."""
    host = name.partition("://")[2] or name
    host = host.partition("/")[0].lower()
    return "docker.io" if host in _HUB_NAMES else host


def _of_entry(config: _Config, entry: object, host: str) -> Login | None:
    """What stands in the file; an empty entry says that a helper has it."""
    if not isinstance(entry, Mapping):
        raise ToolError(f"{config.name}: the login of {host} is not a mapping; `docker login {host}` replaces it")
    user, password = entry.get("username"), entry.get("password")
    if auth := entry.get("auth"):
        try:
            user, _, password = base64.b64decode(str(auth), validate=True).decode().partition(":")
        except ValueError:  # no base64, no ASCII, or no UTF-8 inside
            message = f"{config.name}: the login of {host} is not base64; `docker login {host}` replaces it"
            raise ToolError(message) from None
    if entry.get("identitytoken"):
        raise _exchanged(host, config.name)
    return _login(user, password, config.name)


def _login(user: object, password: object, source: str) -> Login | None:
    if not (isinstance(user, str) and isinstance(password, str) and user and password):
        return None
    try:
        f"{user}{password}".encode()
    except UnicodeEncodeError:  # half a character, which JSON can have
        return None
    return Login(user, password, source)


def _of_helper(config: _Config, helper: object, server: str, host: str) -> Login | None:
    """What a credential helper answers; None where it has no login of the registry."""
    if not isinstance(helper, str) or not _HELPER.fullmatch(helper):
        raise ToolError(f"{config.name}: the credential helper of {host} has no valid name; write it like pass")
    program = f"docker-credential-{helper}"
    source = f"{program} ({config.name})"
    path = shutil.which(program)
    if path is None:
        raise ToolError(f"{program} is not on PATH, and {config.name} names it for {host}; install it, or remove it")
    status, output = _ask(path, server, source)
    if status != 0:
        if _NONE_KNOWN in output.lower():
            return None
        # What it printed may hold what it knows.
        raise ToolError(f"{source} ended with {status} when asked for {host}; `{program} get` shows why")
    try:
        answer = json.loads(output)
        found = _login(answer["Username"], answer["Secret"], source)
    except (ValueError, LookupError, TypeError, RecursionError):
        found = None
    if found is None:
        raise ToolError(
            f"{source} answers with something that is no login of {host}; `docker login {host}` replaces it"
        )
    if found.user == _TOKEN_USER:
        raise _exchanged(host, source)
    return found


def _exchanged(host: str, source: str) -> ToolError:
    """A token by which one asks for another one, in a way of its own."""
    return ToolError(
        f"{source} has an identity token of {host}, which gpuyard does not exchange; log in with a user and a password "
        "(or an access token as the password)"
    )


def _ask(program: str, server: str, source: str) -> tuple[int, bytes]:
    """The exit code and the output, within bounds of time and size; what it has started ends with it."""
    try:
        process = subprocess.Popen(
            [program, "get"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(f"{source} cannot be started: {error.strerror}") from error
    began, late = time.monotonic(), Timer(_SECONDS, _end, (process,))
    late.start()
    with process:
        output = _exchange(process, server)
        process.wait()
    late.cancel()
    if len(output) > _LIMIT:
        raise ToolError(f"{source} answers with more than {_LIMIT} bytes, which is no login")
    if time.monotonic() - began >= _SECONDS:
        raise ToolError(f"{source} did not answer within {_SECONDS:g} s; unlock what it asks, or log in without it")
    return process.returncode, output


def _exchange(process: "subprocess.Popen[bytes]", server: str) -> bytes:
    """Ask and listen; one that never stops talking is ended."""
    assert process.stdin and process.stdout  # noqa: S101 - both are pipes
    with suppress(BrokenPipeError):
        process.stdin.write(server.encode())
        process.stdin.close()
    output = process.stdout.read(_LIMIT + 1)
    if len(output) > _LIMIT:
        _end(process)
    return output


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, SIGKILL)
