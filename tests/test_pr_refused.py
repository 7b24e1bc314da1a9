"""What `gpuyard pr` says where it cannot do what it should: one clear message, no token in it, and safe to repeat."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from gpuyard.doors.forge import address_of
from gpuyard.doors.forge import calls as door
from gpuyard.errors import MissingError
from tests.forges import TOKENS
from tests.gittools import git, status
from tests.requesting import VARIABLES, Yard, run, yard

WRONG = "wrong-token-5678"
NO_SUCH = 66


@pytest.fixture(params=["github", "gitlab", "gitea"])
def there(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    with yard(request.param, tmp_path, monkeypatch) as found:
        found.edit("max: 2", "max: 4")
        yield found


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have waited for the forge."""
    found: list[float] = []
    monkeypatch.setattr(door.time, "sleep", found.append)
    return found


def refused(there: Yard, result: Result, code: int, *words: str) -> None:
    """One message with these words."""
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    said = [line for line in result.stderr.splitlines() if line.startswith(("error:", "--api:"))]
    assert len(said) == 1, result.stderr
    for word in words:
        assert word in said[0]
    for token in (TOKENS[there.forge.kind], WRONG):
        for login in ("x-access-token", "oauth2"):
            assert b64encode(f"{login}:{token}".encode()).decode() not in result.output
        assert token not in result.output
    assert status(there.tree) == [" M blueprints/chat.yaml"]


def nothing_made(there: Yard) -> None:
    assert there.branches() == ["main"]
    assert there.forge.requests == there.forge.comments == []


def repeated(there: Yard) -> None:
    """It comes to what it would have been without the failure."""
    there.data()
    assert len(there.forge.requests) == len(there.forge.comments) == 1
    assert len(there.branches()) == 2


def _no_remote(there: Yard, patch: pytest.MonkeyPatch) -> list[str]:
    git(there.tree, "remote", "remove", "origin")
    return []


def _a_directory(there: Yard, patch: pytest.MonkeyPatch) -> list[str]:
    git(there.tree, "remote", "set-url", "origin", str(there.bare))
    return []


def _no_token(there: Yard, patch: pytest.MonkeyPatch) -> list[str]:
    patch.delenv(VARIABLES[there.forge.kind])
    return []


def _odd_token(there: Yard, patch: pytest.MonkeyPatch) -> list[str]:
    patch.setenv(VARIABLES[there.forge.kind], f"{WRONG}\r\nX-Other: 1")
    return []


def _wrong_token(there: Yard, patch: pytest.MonkeyPatch) -> list[str]:
    patch.setenv(VARIABLES[there.forge.kind], WRONG)
    return []


def _arguments(*arguments: str) -> Callable[[Yard, pytest.MonkeyPatch], list[str]]:
    return lambda there, patch: list(arguments)


@pytest.mark.parametrize(
    ("broken", "code", "words"),
    [
        (_no_remote, NO_SUCH, ["has no remote origin", "git remote add"]),
        (_a_directory, NO_SUCH, ["is a directory, and no forge"]),
        (_no_token, NO_SUCH, ["no token for 127.0.0.1", "set $"]),
        (_odd_token, NO_SUCH, ["is no token"]),
        (_wrong_token, 69, ["fetching from https://127.0.0.1"]),
        (_arguments("--base", "nowhere"), NO_SUCH, ["has no branch nowhere", "it has main"]),
        (_arguments("--branch", "main"), 73, ["the request is for main itself"]),
        (_arguments("--api", "nonsense"), 65, ["--api", "is not a URL"]),
        (_arguments("--artifact", "/nonexistent/diff.md"), 73, ["/nonexistent/diff.md cannot be written"]),
    ],
)
def test_what_is_wrong_here_is_said_before_anything_is_made(
    there: Yard,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[Yard, pytest.MonkeyPatch], list[str]],
    code: int,
    words: list[str],
) -> None:
    refused(there, there.pr(*broken(there, monkeypatch)), code, *words)
    nothing_made(there)


def test_a_branch_that_is_protected(there: Yard) -> None:
    hook = there.bare / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'Protected branch: ask an owner' >&2\nexit 1\n")
    hook.chmod(0o755)
    for _ in range(2):
        refused(there, there.pr(), 69, "pushing to https://127.0.0.1", "Protected branch: ask an owner")
        nothing_made(there)
    hook.unlink()
    repeated(there)


def test_a_forge_that_is_down_is_waited_for_and_then_told(there: Yard, waits: list[float]) -> None:
    there.forge.faults = [(503, {}, {})] * 5
    refused(there, there.pr(), 69, "failed: GET", "HTTP 503; run this again later")
    assert waits == [0.25, 0.5, 1.0, 2.0]
    assert there.forge.requests == there.forge.comments == []
    repeated(there)


def test_a_forge_that_recovers_meanwhile(there: Yard, waits: list[float]) -> None:
    there.forge.faults = [(503, {}, {}), (500, {}, {}), (429, {}, {"Retry-After": "7"})]
    repeated(there)
    assert waits == [0.25, 0.5, 7.0]


def test_an_api_where_nobody_answers(there: Yard, waits: list[float]) -> None:
    refused(there, there.pr("--api", "https://127.0.0.1:1/api/v3"), 69, "https://127.0.0.1:1/api/v3/", "refused")
    assert there.forge.requests == []
    repeated(there)


def test_an_api_that_is_something_else(there: Yard) -> None:
    there.forge.faults = [(200, {"hello": "world"}, {})]
    refused(there, there.pr(), 69, "answered with something else than a list")
    there.forge.faults = [(200, [], {}), (201, {"hello": "world"}, {})]
    refused(there, there.pr(), 69, "is --api its API, and --forge its kind?")
    assert there.forge.requests == []
    repeated(there)


def test_nobody_says_which_forge_it_is(there: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("pr", str(there.tree))
    refused(there, result, NO_SUCH, "nothing says which forge 127.0.0.1:", "add --forge github, gitlab or gitea")
    nothing_made(there)
    name = "CI_SERVER_URL" if there.forge.kind == "gitlab" else "GITHUB_SERVER_URL"
    monkeypatch.setenv(name, f"https://{there.forge.host}")
    if there.forge.kind == "gitea":
        monkeypatch.setenv("GITEA_ACTIONS", "true")
    assert run("pr", str(there.tree)).exit_code == 0
    repeated(there)


@pytest.mark.parametrize(
    ("url", "kind", "project", "api"),
    [
        ("https://github.com/acme/gitops.git", "github", "acme/gitops", "https://api.github.com"),
        ("git@github.com:acme/gitops.git", "github", "acme/gitops", "https://api.github.com"),
        ("ssh://git@github.acme.com:2222/a/b", "github", "a/b", "https://github.acme.com/api/v3"),
        ("https://gitlab.com/acme/infra/gitops", "gitlab", "acme/infra/gitops", "https://gitlab.com/api/v4"),
        ("https://gitlab.acme.com:8443/a/b.git", "gitlab", "a/b", "https://gitlab.acme.com:8443/api/v4"),
        ("https://codeberg.org/acme/gitops", "gitea", "acme/gitops", "https://codeberg.org/api/v1"),
        ("git@forgejo.acme.com:a/b.git", "gitea", "a/b", "https://forgejo.acme.com/api/v1"),
    ],
)
def test_the_kind_follows_from_the_host(url: str, kind: str, project: str, api: str) -> None:
    found = address_of(url)
    assert (found.kind, found.project, found.api) == (kind, project, api)


@pytest.mark.parametrize(
    "url",
    [
        "https://git.acme.com/a/b",
        "https://mygithub.com/a/b",
        "https://github.com/only",
        "file:///a/b",
        "/srv/a/b",
        "https://github.com/too/many/parts",
        "https://notgitlab.com/a/b",
        "https://github.com.evil.example/a/b",
    ],
)
def test_a_host_that_nobody_knows_gets_no_token(url: str) -> None:
    with pytest.raises(MissingError):
        address_of(url)


@pytest.fixture
def posted(there: Yard, tmp_path: Path) -> Callable[..., Result]:
    """`gpuyard pr comment` of a file, on a request that there is."""
    there.forge.comments.clear()
    there.data()
    there.forge.comments.clear()
    file = tmp_path / "diff.md"
    file.write_text("Nothing changes.\n")

    def comment(*arguments: str) -> Result:
        wanted = arguments if "--number" in arguments else ("--number", "1", *arguments)
        wanted = wanted if "--file" in arguments else (*wanted, "--file", str(file))
        return run("pr", "comment", *wanted, "--forge", there.forge.kind, str(there.tree))

    return comment


def test_a_comment_is_for_the_commit_of_its_run(there: Yard, posted: Callable[..., Result]) -> None:
    refused(there, posted("--head", "0" * 40), 75, "request 1 is at", "nothing was posted")
    assert there.forge.comments == []
    head = git(there.bare, "rev-parse", there.forge.requests[0]["branch"])
    for _ in range(2):
        assert posted("--head", head).exit_code == 0
    assert len(there.forge.comments) == 1


def test_a_request_that_is_closed_gets_no_comment(there: Yard, posted: Callable[..., Result]) -> None:
    there.forge.requests[0]["open"] = False
    result = posted()
    assert (result.exit_code, result.stderr) == (0, "")
    assert "nothing was posted" in result.stdout
    assert "is closed" in result.stdout
    assert there.forge.comments == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--number", "7"], ["has no such repository or request"]), (["--file", "/nonexistent.md"], ["/nonexistent.md"])],
)
def test_what_is_not_there_is_told(
    there: Yard, posted: Callable[..., Result], arguments: list[str], words: list[str]
) -> None:
    refused(there, posted(*arguments), NO_SUCH, *words)
    assert there.forge.comments == []
