"""What `gpuyard pr` says where it cannot do what it should: one clear message, no token in it, and safe to repeat."""

import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from gpuyard.cli.main import main
from gpuyard.doors import http
from gpuyard.doors.forge import address_of
from gpuyard.doors.forge import calls as door
from gpuyard.errors import MissingError
from tests.forges import TOKENS, Answer
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
    said = [line for line in result.stderr.splitlines() if line.startswith(("error:", "--api:", "a..b:"))]
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


def _header(there: Yard, token: str) -> None:
    """A login for Git alone, as actions/checkout leaves it."""
    login = {"github": "x-access-token"}.get(there.forge.kind, "oauth2")
    header = f"Authorization: Basic {b64encode(f'{login}:{token}'.encode()).decode()}"
    git(there.tree, "config", f"http.https://{there.forge.host}/.extraHeader", header)


def _wrong_token_and_a_login(there: Yard, patch: pytest.MonkeyPatch) -> list[str]:
    _header(there, TOKENS[there.forge.kind])
    return _wrong_token(there, patch)


def _wrong_login(there: Yard, patch: pytest.MonkeyPatch) -> list[str]:
    _header(there, WRONG)
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
        (_wrong_token, 69, ["fetching from https://127.0.0.1", "does not accept the token of $"]),
        (_wrong_token_and_a_login, 69, ["does not accept the token of $", "is it still valid?"]),
        (_wrong_login, 69, ["fetching from https://127.0.0.1", "does not accept any login that git has"]),
        (_arguments("--base", "nowhere"), NO_SUCH, ["has no branch nowhere", "it has main"]),
        (_arguments("--branch", "a..b"), 65, ["a..b: not a valid branch name"]),
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
    refused(there, there.pr(), 69, "failed: ", "HTTP 503; run this again later")
    assert waits == [0.25, 0.5, 1.0, 2.0]
    nothing_made(there)
    repeated(there)


_FAULTS: list[tuple[Answer, int, str]] = [
    ((401, {"message": "Bad credentials"}, {}), 69, "does not accept the token of $"),
    ((403, {"message": "no"}, {}), 69, "does not let the token of $"),
    ((403, {"message": "slow down"}, {"Retry-After": "3600"}), 75, "limits requests, for 3600 s more"),
    ((404, {"message": "Not Found"}, {}), 66, "has no such repository or request"),
    ((403, {"message": "You have exceeded a secondary rate limit."}, {}), 75, "limits requests, for 60 s more"),
    ((429, {}, {"Retry-After": "600"}), 75, "limits requests, for 600 s more"),
    ((503, {}, {}), 69, "HTTP 503; run this again later"),
]


def test_whichever_call_fails_it_is_told_once_and_safe_to_repeat(there: Yard, waits: list[float]) -> None:
    """The first call, then the second, and so on; nothing is made twice, and in the end there is one of each."""
    there.edit("spec:\n", "spec:\n  serving:\n    unsafe: [trust-remote-code]\n    args: {trust-remote-code: true}\n")
    for position in range(30):
        fault, code, words = _FAULTS[position % len(_FAULTS)]
        there.forge.faults = [*[None] * position, *[fault] * 5]
        result = there.pr()
        if result.exit_code == 0:
            break
        refused(there, result, code, words)
        assert len(there.forge.requests) <= 1
        assert len(there.forge.comments) <= 1
        assert len(there.branches()) == (2 if position else 1)
    assert position > 3
    there.forge.faults.clear()
    repeated(there)
    assert there.forge.requests[0]["labels"] == ["gpuyard-danger"]


@pytest.mark.parametrize("there", ["gitea"], indirect=True)
def test_a_token_of_gitea_that_may_not_say_whose_it_is(there: Yard) -> None:
    """One of a person is refused, or each run would make another comment; one of a workflow is that of its runners."""
    said = "token does not have at least one of required scope(s), required=[read:user], token scope=write:issue"
    there.forge.faults = [(403, {"message": said}, {})]
    refused(there, there.pr(), 69, "does not let the token of $GITEA_TOKEN do that", "read:user")
    nothing_made(there)
    there.forge.me = "gitea-actions"
    for _ in range(2):
        there.forge.faults = [(403, {"message": "no"}, {})]
        repeated(there)


@pytest.mark.parametrize("there", ["gitea"], indirect=True)
def test_a_gitea_that_gives_less_than_it_is_asked_for(there: Yard) -> None:
    """Its administrator says how much an answer holds."""
    there.forge.most = 2
    others = {"branch": "main", "base": "theirs", "title": "another", "open": True, "labels": []}
    there.forge.requests = [{**others, "number": number} for number in (1, 2, 3)]
    there.forge.labels = ["a", "b", "gpuyard-danger"]
    there.edit("spec:\n", "spec:\n  serving:\n    unsafe: [trust-remote-code]\n    args: {trust-remote-code: true}\n")
    for _ in range(2):
        assert there.data()["number"] == 4
    assert (len(there.forge.requests), there.forge.labels) == (4, ["a", "b", "gpuyard-danger"])


@pytest.mark.parametrize("there", ["gitlab"], indirect=True)
def test_a_request_whose_fork_is_deleted_is_somebody_else_s(there: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    name = there.data()["branch"]
    gone = {**there.forge.requests[0], "number": 2}
    shown = type(there.forge)._shown
    without = {"source_project_id": None}
    monkeypatch.setattr(
        there.forge, "_shown", lambda each: shown(there.forge, each) | (without if each["number"] == 2 else {})
    )
    there.forge.requests.insert(0, gone)
    found = there.data()
    assert (found["branch"], found["number"]) == (name, 1)


@pytest.mark.parametrize("there", ["gitea"], indirect=True)
def test_a_repository_of_gitea_whose_first_push_is_not_taken_in_yet(there: Yard, waits: list[float]) -> None:
    """Its requests are not there before; one that is not shown for another reason is told at once."""
    there.forge.empty = 100
    refused(there, there.pr(), 75, "Gitea has not taken in the first push to acme/gitops yet; run this again")
    assert 50 < sum(waits) <= 60
    assert (there.forge.requests, there.forge.comments) == ([], [])
    waits.clear()
    there.forge.faults = [None, *[(404, {"message": "The target couldn't be found."}, {})] * 2]
    refused(there, there.pr(), NO_SUCH, "has no such repository or request")
    assert waits == []
    for answers in (3, 1):  # 1: it is taken in between the two questions
        there.forge.empty = answers
        repeated(there)
    assert len(waits) == 2


@pytest.mark.parametrize("there", ["gitlab"], indirect=True)
def test_the_token_of_a_gitlab_job_is_told_before_anything_is_asked(
    there: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitLab has no merge requests for it; with a token that may, the run of the same job goes through."""
    monkeypatch.setenv("CI_JOB_TOKEN", WRONG)
    monkeypatch.delenv("GITLAB_TOKEN")
    file = str(there.tree / "stack.yaml")
    for words in (
        [],
        ["comment", "--number", "1", "--file", file],
        ["comment-all", "--job", "gpuyard", "--file", file],
    ):
        said = ("set $GITLAB_TOKEN to an access token with the scope api", "gives $CI_JOB_TOKEN no access")
        refused(there, there.pr(*words), NO_SUCH, *said)
    assert there.forge.calls == []
    nothing_made(there)
    monkeypatch.setenv("GITLAB_TOKEN", TOKENS["gitlab"])
    repeated(there)


def test_a_forge_that_recovers_meanwhile(there: Yard, waits: list[float]) -> None:
    there.forge.faults = [(503, {}, {}), (500, {}, {}), (429, {}, {"Retry-After": "7"})]
    repeated(there)
    assert waits == [0.25, 0.5, 7.0]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (0, "interrupted; nothing was left half done"),
        (1, "interrupted; the branch may have been pushed, with or without"),
    ],
)
def test_who_interrupts_is_told_what_may_be_there(
    there: Yard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], call: int, said: str
) -> None:
    calls = 0
    send = http.send

    def interrupted(*arguments: object) -> http.Response:
        nonlocal calls
        calls += 1
        if calls > call:
            raise KeyboardInterrupt
        return send(*arguments)  # type: ignore[arg-type]  # as it is called

    monkeypatch.setattr(http, "send", interrupted)
    monkeypatch.setattr(sys, "argv", ["gpuyard", "pr", "--forge", there.forge.kind, str(there.tree)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130
    assert capsys.readouterr().err.strip().startswith(said)
    assert len(there.branches()) == 1 + call
    monkeypatch.setattr(http, "send", send)
    repeated(there)


@pytest.mark.parametrize("lost", [1, 2], ids=["request", "request and comment"])
def test_a_forge_that_is_slow_to_make_what_it_was_asked_for(there: Yard, waits: list[float], lost: int) -> None:
    """It is looked for a few times and never asked for twice; where it comes too late, the next run finds it."""
    there.forge.lost, there.forge.late = lost, 3
    assert there.data()["created"]
    assert len(there.forge.requests) == len(there.forge.comments) == 1
    assert waits == [1.0, 2.0, 4.0] * lost
    there.edit("max: 4", "max: 5")
    there.forge.lost, there.forge.late, there.forge.hidden = 1, 9, 0
    result = there.pr()
    assert (result.exit_code, "HTTP 502; run this again later" in result.stderr) == (69, True), result.output
    there.forge.hidden = 0
    there.data()
    assert [len(there.forge.requests), len(there.forge.comments), len(there.branches())] == [2, 2, 3]


def test_an_api_where_nobody_answers(there: Yard, waits: list[float]) -> None:
    refused(there, there.pr("--api", "https://127.0.0.1:1/api/v3"), 69, "https://127.0.0.1:1/api/", "refused")
    assert there.forge.requests == []
    repeated(there)


def test_an_api_that_is_something_else(there: Yard) -> None:
    there.forge.faults = [(200, {"hello": "world"}, {})]
    refused(there, there.pr(), 69, "the forge does not say whose token this is")
    nothing_made(there)
    there.forge.faults = [None, (200, {"hello": "world"}, {})]
    refused(there, there.pr(), 69, "answered with something else than a list")
    there.forge.faults = [None, (200, [], {}), (201, {"hello": "world"}, {})]
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
