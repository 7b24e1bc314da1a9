"""What only a real forge can say: that the calls are its calls, its Git is Git, and its words become one message."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from gpuyard.review.comment import mark_of
from tests.gitea.server import SECONDS, Gitea
from tests.gittools import git, isolate, status
from tests.projects import sources
from tests.requesting import SPEC, fresh, made, run

OLD, NEW = "max: 2", "max: 4"
DANGEROUS = "spec:\n  serving:\n    unsafe: [trust-remote-code]\n    args: {trust-remote-code: true}\n"
TOKEN = "GITEA_TOKEN"  # noqa: S105 # its name


@dataclass
class Clone:
    """A user's clone of a repository on the forge; `token` is what its owner asks with."""

    gitea: Gitea
    tree: Path
    owner: str
    token: str

    @property
    def project(self) -> str:
        return f"{self.owner}/gitops"

    def ask(self, method: str, path: str, data: Any = None) -> Any:
        return self.gitea.ask(self.token, method, f"/repos/{self.project}{path}", data)

    def pr(self, *arguments: str) -> Result:
        return run("pr", *arguments, "--forge", "gitea", str(self.tree))

    def done(self, *arguments: str) -> str:
        result = self.pr(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def edit(self, old: str, new: str) -> None:
        file = self.tree / "blueprints/chat.yaml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    def requests(self) -> list[dict[str, Any]]:
        return list(self.ask("GET", "/pulls?state=open"))

    def comments(self, number: int) -> list[str]:
        return [each["body"] for each in self.ask("GET", f"/issues/{number}/comments")]

    def branches(self) -> set[str]:
        return {each["name"] for each in self.ask("GET", "/branches?limit=50")}

    def merge(self, number: int, **how: Any) -> None:
        """As soon as the button is there: the server tries the merge when it has time."""
        until(lambda: self.ask("GET", f"/pulls/{number}")["mergeable"])
        self.ask("POST", f"/pulls/{number}/merge", how)

    def git(self, *arguments: str) -> str:
        """With a login, as the user's credential helper has it."""
        header = f"http.extraHeader=Authorization: token {self.token}"
        return git(self.tree, "-c", header, *arguments)


def until(answer: Callable[[], bool]) -> None:
    """A server does much of its work after it has answered."""
    end = time.monotonic() + SECONDS
    while not answer():
        assert time.monotonic() < end, "the server does not come to it"
        time.sleep(0.1)


@pytest.fixture
def pushed(gitea: Gitea, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clone]:
    isolate(monkeypatch, tmp_path / "home")
    fresh(monkeypatch, gitea.certificate)
    owner = gitea.user()
    everything, narrow = gitea.token(owner, "all"), gitea.token(owner)
    gitea.ask(everything, "POST", "/user/repos", {"name": "gitops", "default_branch": "main"})
    found = Clone(gitea, tmp_path / "gitops", owner, everything)
    made(found.tree, tmp_path / "bare/gitops.git", gitea.url(found.project))
    found.git("push", "-q", "origin", "main")
    monkeypatch.setenv(TOKEN, narrow)
    yield found


@pytest.fixture
def clone(pushed: Clone) -> Clone:
    """The same, once the server has taken in the push: before, it says that the repository is empty."""
    until(lambda: not pushed.ask("GET", "")["empty"])
    return pushed


def refused(clone: Clone, result: Result, code: int, *words: str) -> None:
    """One message with these words, no token in it, and nothing changed here."""
    assert result.exit_code == code, result.output
    said = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(said) == 1, result.stderr
    assert all(word in said[0] for word in words), said
    assert clone.token not in result.output
    assert status(clone.tree) == [" M blueprints/chat.yaml"]


def test_one_line_from_edit_to_merge(clone: Clone) -> None:
    clone.edit(OLD, NEW)
    assert "opened https://" in clone.done()
    (request,) = clone.requests()
    assert (request["title"], request["base"]["ref"]) == ("Compile chat", "main")
    (comment,) = clone.comments(request["number"])
    assert comment.startswith(mark_of("."))
    assert "`chat`" in comment
    again = clone.done()
    assert (f"updated {request['html_url']}" in again, "pushed to" in again) == (True, False)
    assert [each["number"] for each in clone.requests()] == [request["number"]]
    assert clone.comments(request["number"]) == [comment]
    assert clone.branches() == {"main", request["head"]["ref"]}
    assert status(clone.tree) == [" M blueprints/chat.yaml"]
    clone.merge(request["number"], Do="merge", delete_branch_after_merge=True)
    assert clone.done() == "nothing to propose: main has all of it\n"
    clone.git("checkout", "-q", "--", ".")
    clone.git("pull", "-q", "origin", "main")
    assert NEW in (clone.tree / "blueprints/chat.yaml").read_text()
    assert run("compile", "--check", str(clone.tree)).exit_code == 0
    assert clone.branches() == {"main"}


def test_right_after_the_first_push(pushed: Clone) -> None:
    pushed.edit(OLD, NEW)
    assert "opened https://" in pushed.done()
    (request,) = pushed.requests()
    assert len(pushed.comments(request["number"])) == 1


@pytest.mark.parametrize("way", ["squash", "rebase"])
def test_merged_in_another_way_it_is_there_all_the_same(clone: Clone, way: str) -> None:
    clone.edit(OLD, NEW)
    clone.done()
    (request,) = clone.requests()
    clone.merge(request["number"], Do=way)
    assert clone.done() == "nothing to propose: main has all of it\n"
    assert clone.requests() == []


def test_a_named_branch_with_its_comment_and_labels_is_brought_up_to_date(clone: Clone) -> None:
    """Also where there are more labels than a page of the API holds, and comments of others."""
    for number in range(55):
        clone.ask("POST", "/labels", {"name": f"a-{number:02}", "color": "#123456"})
    clone.edit("spec:\n", DANGEROUS)
    assert "(gpuyard-danger)" in clone.done("--branch", "one")
    (request,) = clone.requests()
    assert [each["name"] for each in request["labels"]] == ["gpuyard-danger"]
    clone.ask("POST", f"/issues/{request['number']}/comments", {"body": "Why?"})
    clone.ask("POST", f"/issues/{request['number']}/labels", {"labels": ["a-07"]})
    git(clone.tree, "checkout", "-q", "--", ".")
    clone.edit(OLD, "max: 3")
    assert "pushed to one" in clone.done("--branch", "one")
    (same,) = clone.requests()
    assert same["number"] == request["number"]
    assert same["head"]["sha"] != request["head"]["sha"]
    assert [each["name"] for each in same["labels"]] == ["a-07"]
    comment, why = clone.comments(same["number"])
    assert why == "Why?"
    assert "1-3" in comment
    clone.edit("max: 3", "max: 3\n  serving:\n    unsafe: [trust-remote-code]\n    args: {trust-remote-code: true}")
    clone.done("--branch", "one")
    names = [each["name"] for each in clone.ask("GET", "/labels?limit=50&page=2")]
    assert names.count("gpuyard-danger") == 1


def test_a_workflow_posts_what_an_untrusted_run_made(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From an empty folder; the one comment of the request becomes what the file says, without what acts in it."""
    clone.edit(OLD, NEW)
    clone.done()
    (request,) = clone.requests()
    (tmp_path / "nothing").mkdir()
    monkeypatch.chdir(tmp_path / "nothing")
    told = {"GITHUB_SERVER_URL": f"https://{clone.gitea.host}", "GITHUB_REPOSITORY": clone.project}
    for name, text in {**told, "GITEA_ACTIONS": "true"}.items():
        monkeypatch.setenv(name, text)
    file = tmp_path / "diff.md"
    for text in ("### First\n", f"### Second\n@{clone.owner} closes #1 ![](https://evil.example)\n"):
        file.write_text(text)
        head = ("--head", request["head"]["sha"])
        said = run("pr", "comment", "--number", str(request["number"]), *head, "--file", str(file))
        assert said.exit_code == 0, said.output
    (comment,) = clone.comments(request["number"])
    assert "### Second" in comment
    assert not {"@", "#1", "!["} & set(comment.partition("-->")[2].split())
    late = run("pr", "comment", "--number", str(request["number"]), "--head", "0" * 40, "--file", str(file))
    refused(clone, late, 75, "nothing was posted")
    gone = run("pr", "comment", "--number", "99", "--file", str(file))
    refused(clone, gone, 66, "has no such repository or request")


def test_a_promotion_is_a_request_of_one_placement(clone: Clone) -> None:
    clusters = [{"name": name, "region": "us-phoenix-1", "shapes": {"h100": "BM.GPU.H100.8"}} for name in ("a", "b")]
    placed = [
        {**clusters[0], "blueprints": {"chat": {"shape": "h100", "vllm": {"image": "docker.io/acme/vllm"}}}},
        {**clusters[1], "blueprints": {"chat": "h100"}},
    ]
    found = sources(SPEC, {"clusters": placed})
    (clone.tree / "stack.yaml").write_bytes(found["stack.yaml"])
    git(clone.tree, "commit", "-qam", "Two clusters")
    assert run("compile", str(clone.tree)).exit_code == 0
    clone.git("push", "-q", "origin", "main")
    promote = ("promote", "chat", "--from", "a", "--to", "b", "--pr", "--forge", "gitea", str(clone.tree))
    for _ in range(2):
        said = run(*promote)
        assert said.exit_code == 0, said.output
    (request,) = clone.requests()
    assert request["title"] == "Promote chat from a to b"
    changed = {each["filename"] for each in clone.ask("GET", f"/pulls/{request['number']}/files")}
    assert "stack.yaml" in changed
    assert not [name for name in changed if name.startswith("blueprints/")]
    (comment,) = clone.comments(request["number"])
    assert "`b`" in comment


def test_a_branch_that_is_protected(clone: Clone) -> None:
    clone.edit(OLD, NEW)
    clone.ask("POST", "/branch_protections", {"rule_name": "gpuyard/**", "enable_push": False})
    for _ in range(2):
        refused(clone, clone.pr(), 69, "pushing to https://127.0.0.1", "protected branch")
        assert (clone.branches(), clone.requests()) == ({"main"}, [])
    clone.ask("DELETE", "/branch_protections/gpuyard%2F%2A%2A")
    clone.done()
    assert len(clone.requests()) == 1


def test_a_token_that_is_wrong(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    clone.edit(OLD, NEW)
    right = clone.gitea.token(clone.owner)
    monkeypatch.setenv(TOKEN, "0" * 40)
    refused(clone, clone.pr(), 69, "fetching from https://127.0.0.1", "does not accept the token of $GITEA_TOKEN")
    assert (clone.branches(), clone.requests()) == ({"main"}, [])
    monkeypatch.setenv(TOKEN, right)
    clone.done()


@pytest.mark.parametrize(
    ("scopes", "words"),
    [
        (("read:repository", "write:issue", "read:user"), ["pushing to https://127.0.0.1", "$GITEA_TOKEN"]),
        (("write:repository", "write:issue"), ["$GITEA_TOKEN", "read:user"]),
        (("write:repository", "read:user"), ["$GITEA_TOKEN", "issue"]),
    ],
)
def test_a_token_that_may_not_do_all_of_it(
    clone: Clone, monkeypatch: pytest.MonkeyPatch, scopes: tuple[str, ...], words: list[str]
) -> None:
    """One message that says what it lacks; with a better token the next run ends with one of each."""
    clone.edit(OLD, NEW)
    right = clone.gitea.token(clone.owner)
    monkeypatch.setenv(TOKEN, clone.gitea.token(clone.owner, *scopes))
    for _ in range(2):
        refused(clone, clone.pr(), 69, *words)
    monkeypatch.setenv(TOKEN, right)
    clone.done()
    (request,) = clone.requests()
    assert len(clone.comments(request["number"])) == 1


def test_somebody_who_may_only_read(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    clone.edit(OLD, NEW)
    monkeypatch.setenv(TOKEN, clone.gitea.token(clone.gitea.user()))
    refused(clone, clone.pr(), 69, "127.0.0.1")
    assert (clone.branches(), clone.requests()) == ({"main"}, [])


def test_a_repository_that_is_archived_or_moved(clone: Clone) -> None:
    clone.edit(OLD, NEW)
    clone.ask("PATCH", "", {"archived": True})
    refused(clone, clone.pr(), 69, "archived")
    clone.ask("PATCH", "", {"archived": False})
    clone.ask("PATCH", "", {"name": "moved"})
    result = clone.pr()
    refused(clone, result, 69, "moved")
    git(clone.tree, "remote", "set-url", "origin", clone.gitea.url(f"{clone.owner}/moved"))
    clone.done()


def test_a_request_that_somebody_closed_is_followed_by_another(clone: Clone) -> None:
    clone.edit(OLD, NEW)
    clone.done()
    (first,) = clone.requests()
    clone.ask("PATCH", f"/pulls/{first['number']}", {"state": "closed"})
    assert "opened" in clone.done()
    (second,) = clone.requests()
    assert second["number"] > first["number"]
    assert len(clone.comments(second["number"])) == 1


def test_a_comment_of_the_largest_size_is_taken(clone: Clone, tmp_path: Path) -> None:
    clone.edit(OLD, NEW)
    clone.done()
    (request,) = clone.requests()
    file = tmp_path / "diff.md"
    file.write_text("### Large\n\n" + "a line of text\n" * 10_000)
    said = run(
        "pr",
        "comment",
        "--number",
        str(request["number"]),
        "--file",
        str(file),
        "--forge",
        "gitea",
        clone.tree.as_posix(),
    )
    assert said.exit_code == 0, said.output
    (comment,) = clone.comments(request["number"])
    assert 60_000 < len(comment.encode()) <= 65_536
