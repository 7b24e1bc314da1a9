"""Logins of registries: from docker's configuration and its helpers, to the registry alone, and never in a message."""

import base64
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gpuyard.cli.main import cli
from gpuyard.doors import logins, registry
from gpuyard.doors.logins import Logins
from gpuyard.errors import ToolError
from gpuyard.project.load import load
from gpuyard.resolve import resolve
from tests.fakeregistry import TOKEN, FakeRegistry, fake_registry

USER, PASSWORD = "reader", "Pa55-word:with/colon"
HOST = "registry.example.com:5000"
Write = Callable[[dict[str, Any]], None]
Helper = Callable[[str, str], None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's, empty, and nothing else by which somebody may be logged in."""
    found = tmp_path / "docker"
    found.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(found))
    monkeypatch.delenv("DOCKER_AUTH_CONFIG", raising=False)
    return found


@pytest.fixture
def config(folder: Path) -> Write:
    return lambda data: (folder / "config.json").write_text(json.dumps(data)) and None


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Helper:
    """Puts a credential helper on PATH; its body is a shell script."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")

    def make(name: str, body: str) -> None:
        file = programs / f"docker-credential-{name}"
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(stat.S_IRWXU)

    return make


@pytest.fixture
def fake(folder: Path) -> Iterator[FakeRegistry]:
    with fake_registry() as found:
        found.login = (USER, PASSWORD)
        yield found


def auth(user: str = USER, password: str = PASSWORD) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def answer(user: str = USER, secret: str = PASSWORD) -> str:
    return "cat > /dev/null; echo '" + json.dumps({"ServerURL": HOST, "Username": user, "Secret": secret}) + "'"


def found(host: str = HOST) -> tuple[str, str, str] | None:
    login = Logins().of(host)
    return (login.user, login.password, login.source) if login else None


def refused(host: str = HOST) -> str:
    with pytest.raises(ToolError) as caught:
        Logins().of(host)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


# --- where they are ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [HOST, f"https://{HOST}", f"https://{HOST}/v1/", f"HTTPS://{HOST.upper()}/v2/"])
def test_in_the_file_by_whatever_the_registry_is_called_there(folder: Path, config: Write, name: str) -> None:
    config({"auths": {"other.example.com": auth("x", "y"), name: auth()}})
    assert found() == (USER, PASSWORD, str(folder / "config.json"))
    assert found("registry.example.com") is None


def test_docker_hub_by_its_old_name(folder: Path, config: Write) -> None:
    config({"auths": {"https://index.docker.io/v1/": auth()}})
    assert found("docker.io") == found("registry-1.docker.io") == (USER, PASSWORD, str(folder / "config.json"))


def test_user_and_password_in_plain_words(config: Write) -> None:
    config({"auths": {HOST: {"username": USER, "password": PASSWORD}}})
    assert (login := found()) and login[:2] == (USER, PASSWORD)


def test_in_a_home_folder_without_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert found() is None
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(json.dumps({"auths": {HOST: auth()}}))
    assert found() == (USER, PASSWORD, str(tmp_path / ".docker" / "config.json"))


def test_the_variable_of_a_pipeline_comes_first(config: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    config({"auths": {HOST: auth("x", "y"), "other.example.com": auth("o", "p")}})
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps({"auths": {HOST: auth()}}))
    assert found() == (USER, PASSWORD, "DOCKER_AUTH_CONFIG")
    assert (other := found("other.example.com")) and other[:2] == ("o", "p")


def test_nothing_is_known_of_the_registry(config: Write) -> None:
    config({"auths": {"other.example.com": auth(), HOST: {}}, "credHelpers": {"third.example.com": "none-such"}})
    assert found() is None


# --- helpers -------------------------------------------------------------------------------------------------


def test_a_registrys_own_helper_is_asked_for_it(folder: Path, config: Write, helper: Helper, tmp_path: Path) -> None:
    helper("mine", f"cat > {tmp_path}/asked; echo $1 >> {tmp_path}/asked; {answer()[len('cat > /dev/null; ') :]}")
    config({"credHelpers": {HOST: "mine"}, "credsStore": "none-such", "auths": {HOST: auth("x", "y")}})
    assert found() == (USER, PASSWORD, f"docker-credential-mine ({folder / 'config.json'})")
    assert (tmp_path / "asked").read_text() == f"{HOST}get\n"


def test_the_common_store_is_asked_for_docker_hub_by_its_old_name(
    config: Write, helper: Helper, tmp_path: Path
) -> None:
    helper("store", f"cat > {tmp_path}/asked; {answer()[len('cat > /dev/null; ') :]}")
    config({"credsStore": "store", "auths": {"https://index.docker.io/v1/": {}}})
    assert (login := found("docker.io")) and login[:2] == (USER, PASSWORD)
    assert (tmp_path / "asked").read_text() == "https://index.docker.io/v1/"


def test_a_helper_without_the_login_is_no_error(config: Write, helper: Helper) -> None:
    helper("store", "cat > /dev/null; echo credentials not found in native keychain; exit 1")
    config({"credsStore": "store"})
    assert found() is None
    config({"credsStore": "store", "auths": {HOST: auth()}})
    assert (login := found()) and login[:2] == (USER, PASSWORD)


def test_a_registry_is_looked_up_once(config: Write, helper: Helper, tmp_path: Path) -> None:
    helper("store", f"echo x >> {tmp_path}/count; {answer()}")
    config({"credsStore": "store"})
    known = Logins()
    assert known.of(HOST) == known.of(HOST)
    assert (tmp_path / "count").read_text() == "x\n"


def test_a_helper_that_is_not_there(config: Write) -> None:
    config({"credsStore": "none-such"})
    assert "docker-credential-none-such is not on PATH" in refused()


@pytest.mark.parametrize("name", ["../../tmp/x", "/bin/sh", "a b", "", 7, ["x"], "x;id"])
def test_a_helper_is_never_a_path(config: Write, name: object) -> None:
    config({"credHelpers": {HOST: name}})
    assert found() is None if not name else "has no valid name" in refused()


@pytest.mark.parametrize(
    "body",
    [
        f"echo {PASSWORD}",
        "echo '[]'",
        "echo '{}'",
        f'echo \'{{"Username": 7, "Secret": "{PASSWORD}"}}\'',
        f'echo \'{{"Username": "", "Secret": "{PASSWORD}"}}\'',
        "printf '\\377\\376'",
        "true",
    ],
)
def test_a_helper_that_prints_garbage(config: Write, helper: Helper, body: str) -> None:
    helper("odd", body)
    config({"credsStore": "odd"})
    assert f"answers with something that is no login of {HOST}" in refused()


def test_a_helper_that_fails_tells_nothing_of_what_it_printed(config: Write, helper: Helper) -> None:
    helper("odd", f"echo {PASSWORD}; echo {PASSWORD} >&2; exit 3")
    config({"credsStore": "odd"})
    assert "ended with 3 when asked for" in refused()


@pytest.mark.parametrize(
    "body", ["sleep 60", "sleep 60 & exec sleep 60", "exec >&-; sleep 60", answer() + "; sleep 60"]
)
def test_a_helper_that_hangs_ends_with_what_it_started(
    config: Write, helper: Helper, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(logins, "_SECONDS", 0.3)
    helper("slow", body)
    config({"credsStore": "slow"})
    began = time.monotonic()
    assert "did not answer within 0.3 s" in refused()
    assert time.monotonic() - began < 10
    assert not [each for each in threading.enumerate() if isinstance(each, threading.Timer)]


def test_a_helper_that_never_stops_talking(config: Write, helper: Helper) -> None:
    helper("loud", "exec yes")
    config({"credsStore": "loud"})
    assert "answers with more than 65536 bytes" in refused()


def test_a_token_that_must_be_exchanged_is_said_to_be_one(config: Write, helper: Helper) -> None:
    helper("token", answer("<token>"))
    config({"credsStore": "token"})
    assert f"has an identity token of {HOST}" in refused()
    config({"auths": {HOST: {"identitytoken": PASSWORD, **auth()}}})
    assert f"has an identity token of {HOST}" in refused()


# --- files that are wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{{{PASSWORD}", "is not the JSON of docker's configuration"),
        (json.dumps([PASSWORD]), "is not the JSON of docker's configuration"),
        (json.dumps({"auths": [PASSWORD]}), "auths is not a mapping"),
        (json.dumps({"auths": {HOST: PASSWORD}}), f"the login of {HOST} is not a mapping"),
        (json.dumps({"auths": {HOST: {"auth": PASSWORD}}}), f"the login of {HOST} is not base64"),
        (json.dumps({"auths": {HOST: {"auth": "////"}}}), f"the login of {HOST} is not base64"),
        (json.dumps({"credHelpers": PASSWORD}), "credHelpers is not a mapping"),
    ],
)
def test_a_wrong_configuration_is_named_and_not_quoted(folder: Path, text: str, words: str) -> None:
    (folder / "config.json").write_text(text)
    assert refused() == (message := refused())
    assert message.startswith(str(folder / "config.json"))
    assert words in message


def test_a_configuration_that_cannot_be_read(folder: Path) -> None:
    (folder / "config.json").mkdir()
    assert "cannot be read: Is a directory" in refused()


def test_a_login_shows_no_password() -> None:
    assert PASSWORD not in repr(logins.Login(USER, PASSWORD, "x"))


# --- what a registry gets ------------------------------------------------------------------------------------


def test_the_token_service_gets_the_login_and_the_registry_the_token(fake: FakeRegistry, config: Write) -> None:
    wanted, fake.wants_token = fake.put("a/b", "v1"), True
    config({"auths": {fake.host: auth()}})
    assert registry.digest(f"{fake.host}/a/b", "v1") == wanted
    assert [sent for _, sent in fake.seen] == [None, fake.shown, f"Bearer {TOKEN}"]


def test_a_registry_that_asks_itself(fake: FakeRegistry, config: Write) -> None:
    wanted, fake.basic = fake.put("a/b", "v1"), True
    config({"auths": {fake.host: auth()}})
    assert registry.digest(f"{fake.host}/a/b", "v1") == wanted
    assert [sent for _, sent in fake.seen] == [None, fake.shown]


def test_a_registry_that_asks_for_nothing_gets_nothing(fake: FakeRegistry, config: Write) -> None:
    fake.put("a/b", "v1")
    config({"auths": {fake.host: auth()}, "credsStore": "none-such"})
    registry.digest(f"{fake.host}/a/b", "v1")
    assert [sent for _, sent in fake.seen] == [None]


def test_another_host_gets_nothing(fake: FakeRegistry, config: Write) -> None:
    """Neither by a redirect, nor as the token service of a registry that is asked more safely."""
    fake.put("a/b", "v1")
    with fake_registry() as other:
        fake.basic = True
        config({"auths": {fake.host: auth()}})
        fake.redirect = f"http://{other.host}/v2/a/b/manifests/v1"
        other.basic, other.login = True, (USER, PASSWORD)
        with pytest.raises(ToolError):
            registry.digest(f"{fake.host}/a/b", "v1")
        assert {sent for _, sent in other.seen} == {None}


def test_a_password_never_goes_to_a_plain_token_service(fake: FakeRegistry, config: Write) -> None:
    challenge = {"realm": f"http://{fake.host}/token"}
    asked = registry.Repository("registry.example.com", "a/b", (), logins.Login(USER, PASSWORD, "x"))
    assert registry._token(challenge, asked) is None
    assert fake.seen == []


@pytest.mark.parametrize("basic", [True, False])
def test_a_refused_login_says_whose_and_where_from(
    fake: FakeRegistry, config: Write, folder: Path, basic: bool
) -> None:
    fake.put("a/b", "v1")
    fake.basic, fake.wants_token = basic, not basic
    config({"auths": {fake.host: auth(USER, "old")}})
    with pytest.raises(ToolError) as caught:
        registry.digest(f"{fake.host}/a/b", "v1")
    assert str(caught.value) == (
        f"{fake.host}/a/b:v1: {fake.host} refused the login from {folder / 'config.json'}: it is wrong or has expired, "
        f"or may not read this image; `docker login {fake.host}` replaces it"
    )


def test_no_login_says_where_one_was_looked_for(fake: FakeRegistry) -> None:
    fake.put("a/b", "v1")
    fake.wants_token = True
    with pytest.raises(ToolError, match=r"requires a login, and there is none in ~/.docker/config.json or DOCKER_AUTH"):
        registry.digest(f"{fake.host}/a/b", "v1")


# --- gpuyard images --lock -----------------------------------------------------------------------------------


def lock(project: Path, fake: FakeRegistry) -> Any:
    """With every image in the registry, and that as the mirror of all."""
    stack = project / "stack.yaml"
    if "mirrors" not in stack.read_text():
        mirrors = {name: f"{fake.host}/hub" for name in ("docker.io", "ghcr.io", "quay.io", "registry.k8s.io")}
        policy = {"registries": [fake.host]}
        with stack.open("a") as stream:
            stream.write(f"  images: {json.dumps({'mirrors': mirrors})}\n  policy: {json.dumps(policy)}\n")
    for image in resolve(load(project)).images:
        fake.put(image.repository.partition("/")[2], image.tag)
    return CliRunner().invoke(cli, ["images", "--lock", str(project)])


def test_the_command_logs_in_and_asks_a_helper_once(
    fake: FakeRegistry, config: Write, helper: Helper, project: Path, tmp_path: Path
) -> None:
    fake.wants_token = True
    helper("store", f"echo x >> {tmp_path}/count; {answer()}")
    config({"credsStore": "store"})
    result = lock(project, fake)
    assert result.exit_code == 0, result.output
    assert (project / "images.lock").is_file()
    assert (tmp_path / "count").read_text() == "x\n"


def test_a_refused_login_writes_nothing_and_prints_no_secret(fake: FakeRegistry, config: Write, project: Path) -> None:
    fake.wants_token = True
    config({"auths": {fake.host: auth("reader", "hunter2-hunter2")}})
    before = sorted(project.iterdir())
    result = lock(project, fake)
    assert result.exit_code == 69
    assert f"{fake.host} refused the login" in result.output
    assert "hunter2" not in result.output
    assert base64.b64encode(b"reader:hunter2-hunter2").decode() not in result.output
    assert sorted(project.iterdir()) == before
