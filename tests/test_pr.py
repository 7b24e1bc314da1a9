"""`gpuyard pr`: one branch by content, one request, one comment, labels; fakes of three forges, and real Git."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpuyard.cli.commands import pr as commands
from gpuyard.doors import registry
from gpuyard.doors.forge import KINDS
from gpuyard.errors import MissingError
from tests.forges import PROJECT, TOKENS
from tests.gittools import git, status
from tests.requesting import Yard, run, yard

OLD, NEW = "max: 2", "max: 4"


@pytest.fixture(params=["github", "gitlab", "gitea"])
def there(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    with yard(request.param, tmp_path, monkeypatch) as found:
        yield found


def test_one_line_becomes_one_request_with_one_comment(there: Yard) -> None:
    there.edit(OLD, NEW)
    before = (git(there.tree, "rev-parse", "HEAD"), status(there.tree), git(there.tree, "for-each-ref"))
    result = there.pr()
    assert result.exit_code == 0, result.output
    (request,) = there.forge.requests
    assert request["branch"].startswith("gpuyard/chat-")
    assert (request["base"], request["title"]) == ("main", "Compile chat")
    (comment,) = there.forge.comments
    assert comment["body"].startswith("<!-- gpuyard:")
    assert "| `phx` | `chat` |" in comment["body"]
    assert f"opened https://{there.forge.host}/acme/gitops/1" in result.stdout
    assert (git(there.tree, "rev-parse", "HEAD"), status(there.tree), git(there.tree, "for-each-ref")) == before
    proposed = git(there.bare, "show", f"{request['branch']}:blueprints/chat.yaml")
    assert proposed == (there.tree / "blueprints/chat.yaml").read_text().rstrip()
    assert git(there.bare, "rev-parse", f"{request['branch']}^") == git(there.bare, "rev-parse", "main")


def test_again_it_finds_all_of_it(there: Yard) -> None:
    there.edit(OLD, NEW)
    first, second = there.data(), there.data()
    assert (first["created"], first["pushed"]) == (True, True)
    assert (second["created"], second["pushed"]) == (False, False)
    assert second["commit"] == first["commit"]
    assert len(there.forge.requests) == len(there.forge.comments) == 1
    assert len(there.branches()) == 2


def test_nothing_to_propose_asks_the_forge_for_nothing(there: Yard) -> None:
    result = there.pr()
    assert (result.exit_code, result.stdout) == (0, "nothing to propose: main has all of it\n")
    assert there.forge.calls == []
    assert there.branches() == ["main"]


def test_a_named_branch_is_brought_up_to_date_in_place(there: Yard) -> None:
    there.edit(OLD, NEW)
    first = there.data("--branch", "bigger")
    there.edit(NEW, "max: 3")
    second = there.data("--branch", "bigger")
    assert (second["number"], second["created"], second["pushed"]) == (first["number"], False, True)
    assert "max: 3" in git(there.bare, "show", "bigger:blueprints/chat.yaml")
    (comment,) = there.forge.comments
    assert "1-3" in comment["body"]
    assert git(there.bare, "rev-list", "--count", "main..bigger") == "1"


def test_labels_follow_the_dangers(there: Yard) -> None:
    there.edit("spec:\n", "spec:\n  serving:\n    unsafe: [trust-remote-code]\n    args: {trust-remote-code: true}\n")
    assert there.data("--branch", "b")["labels"] == ["gpuyard-danger"]
    assert there.forge.requests[0]["labels"] == ["gpuyard-danger"]
    git(there.tree, "checkout", "-q", "--", ".")
    there.forge.requests[0]["labels"].append("mine")
    there.edit(OLD, NEW)
    assert there.data("--branch", "b")["labels"] == []
    assert there.forge.requests[0]["labels"] == ["mine"]


def test_an_image_that_no_registry_has_is_in_the_comment(there: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where registries are asked: the first request does not know."""

    def look_for(image: str, **_: object) -> None:
        raise MissingError(f"{image}: not found in the registry")

    monkeypatch.setattr(registry, "look_for", look_for)
    there.edit("spec:\n", "spec:\n  vllm: {image: docker.io/acme/vllm}\n")
    there.data("--branch", "b")
    assert "image-absent" not in there.forge.comments[0]["body"]
    assert "gpuyard-danger" in there.data("--branch", "b", "--registries")["labels"]
    assert "`image-absent`" in there.forge.comments[0]["body"]


def test_a_comment_of_somebody_else_with_the_same_mark_stays(there: Yard) -> None:
    there.edit(OLD, NEW)
    there.data()
    theirs = {**there.forge.comments[0], "id": 7}
    key, name = ("author", "username") if there.forge.kind == "gitlab" else ("user", "login")
    there.forge.comments = [{**theirs, key: {name: "mallory"}}, *there.forge.comments]
    there.forge.comments.append({**there.forge.comments[1], "id": 9})
    there.edit(NEW, "max: 3")
    there.data("--branch", there.forge.requests[0]["branch"])
    assert [each["id"] for each in there.forge.comments] == [7, 100]
    assert "1-3" not in there.forge.comments[0]["body"]
    assert "1-3" in there.forge.comments[1]["body"]


@pytest.mark.parametrize("lost", [1, 2])
def test_answers_that_are_lost_make_no_second_request(there: Yard, lost: int) -> None:
    there.edit(OLD, NEW)
    there.forge.lost = lost
    assert there.data()["created"]
    assert len(there.forge.requests) == len(there.forge.comments) == 1


def test_no_token_is_in_what_is_said_or_left(there: Yard, tmp_path: Path) -> None:
    there.edit(OLD, NEW)
    there.forge.faults = [(403, {"message": "no"}, {})]
    token = TOKENS[there.forge.kind]
    for result in (there.pr(), there.pr("-o", "json")):
        assert token not in result.output
    left = [file for file in tmp_path.rglob("*") if file.is_file() and token.encode() in file.read_bytes()]
    assert left == []


def test_somebody_s_commit_on_the_branch_stays(there: Yard, tmp_path: Path) -> None:
    there.edit(OLD, NEW)
    branch = there.data()["branch"]
    git(tmp_path, "clone", "-q", "-b", branch, str(there.bare), "other")
    git(tmp_path / "other", "commit", "-q", "--amend", "--allow-empty", "-m", "Mine")
    (tmp_path / "other/stack.yaml").write_text("mine\n")
    git(tmp_path / "other", "commit", "-qam", "Mine, too")
    git(tmp_path / "other", "push", "-q", "--force", "origin", branch)
    theirs = git(there.bare, "rev-parse", branch)
    result = there.pr()
    assert result.exit_code == 76
    assert "which is not what gpuyard proposed there" in result.output
    assert git(there.bare, "rev-parse", branch) == theirs


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ((401, {"message": "Bad credentials"}, {}), 69, "does not accept the token"),
        ((403, {"message": "no"}, {}), 69, "does not let the token"),
        ((429, {}, {"Retry-After": "3600"}), 75, "limits requests, for 3600 s more"),
        ((404, {}, {}), 66, "has no such repository"),
    ],
)
def test_a_forge_that_will_not_is_told_and_tried_again(
    there: Yard, fault: tuple[int, dict[str, str], dict[str, str]], code: int, words: str
) -> None:
    there.edit(OLD, NEW)
    # Gitea's own runner may not ask whose token it has, so only the next call tells there; where that finds nothing,
    # the question for the repository itself.
    there.forge.faults = [fault] * ({403: 2, 404: 3}.get(fault[0], 1) if there.forge.kind == "gitea" else 1)
    result = there.pr()
    assert result.exit_code == code
    assert words in result.output
    assert there.data()["created"]


def test_a_workflow_comments_without_a_checkout(there: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the workflow that `init --ci` writes does: CI says which repository it is, and the comment stays one."""
    there.edit(OLD, NEW)
    there.data()
    (tmp_path / "nothing").mkdir()
    monkeypatch.chdir(tmp_path / "nothing")
    (tmp_path / "diff.md").write_text("### What changes\n", encoding="utf-8")
    number = str(there.forge.requests[0]["number"])
    said = run("pr", "comment", "--number", number, "--file", str(tmp_path / "diff.md"))
    assert (said.exit_code, "this is no run of CI" in said.stderr) == (66, True), said.output
    server = f"https://{there.forge.host}"
    told = {"GITHUB_SERVER_URL": server, "GITHUB_REPOSITORY": PROJECT}
    if there.forge.kind == "gitlab":
        told = {"CI_SERVER_URL": server, "CI_PROJECT_URL": f"{server}/{PROJECT}"}
    for name, text in told.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("GITEA_ACTIONS", "true" if there.forge.kind == "gitea" else "")
    said = run("pr", "comment", "--number", number, "--file", str(tmp_path / "diff.md"), "--", ".")
    assert said.exit_code == 0, said.output
    (comment,) = there.forge.comments
    assert "### What changes" in comment["body"]


def test_the_command_knows_every_kind_of_forge() -> None:
    assert commands.KINDS == KINDS


def test_a_command_that_is_misspelled_is_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("pr", "coment", "--number", "1")
    assert (result.exit_code, "there is no command coment; did you mean comment?" in result.stderr) == (2, True)
    assert "coment: no such directory" not in result.output
    (tmp_path / "coment").mkdir()
    assert "there is no command" not in run("pr", "coment").output
