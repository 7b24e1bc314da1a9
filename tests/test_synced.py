"""What runs today is read from the branch that clusters follow; a proposal's own locks and files say nothing of it."""

import json
import os
import shutil
from pathlib import Path

import pytest

from gpuyard.project.imageslock import write_images_lock
from gpuyard.project.located import default_of, head_of
from tests.gittools import serve
from tests.opened import opened, outside
from tests.test_compile import git, run, save
from tests.test_told import edit, repository

pytestmark = pytest.mark.attack("A19 generated files")

__all__ = ["repository"]

CHAT = "workloads/chat.lock"
COMMANDS = [("check",), ("compile", "--check"), ("compile", "--branch", "branch"), ("compile", "--no-commit")]
H100 = {"spec": {"shapes": {"h100": {}}}}


@pytest.fixture
def branch(repository: Path) -> Path:
    """A branch of a compiled stack is checked out."""
    git(repository, "switch", "-qc", "branch")
    return repository


def forge(root: Path, **placed: object) -> None:
    """What a pull request makes of the lock."""
    lock = json.loads((root / CHAT).read_text(encoding="utf-8"))
    for found in lock["placements"].values():
        found.update(placed)
    (root / CHAT).write_text(json.dumps(lock, indent=1) + "\n", encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_removal_is_told_whatever_the_lock_of_the_proposal_says(command: tuple[str, ...], branch: Path) -> None:
    generated = json.loads((branch / CHAT).read_text(encoding="utf-8"))["files"]
    git(branch, "rm", "-rq", "blueprints/chat.yaml", CHAT, *generated)
    save(branch, "nothing was ever here")
    name, *more = command
    assert "note: chat is deleted from phx; the volume claim chat-cache is kept" in run(name, branch, *more).stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_proposal_leaves_of_a_removed_model_is_refused(command: tuple[str, ...], branch: Path) -> None:
    """No lock calls it generated any more, and Flux would still apply it."""
    git(branch, "rm", "-rq", "blueprints/chat.yaml", CHAT, "base", "overlays")
    save(branch, "nothing was ever here")
    name, *more = command
    result = run(name, branch, *more)
    says = "clusters/phx/inference-chat.yaml: is not from gpuyard: Flux applies it to cluster phx"
    assert (result.exit_code, says in result.stderr) == (65, True), result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_a_placement_of_the_proposal_moves_no_model(command: tuple[str, ...], branch: Path) -> None:
    """It is compiled as if its sources had asked for it, and its lock agrees; then they don't any more."""
    chat = branch / "blueprints" / "chat.yaml"
    text = chat.read_text(encoding="utf-8")
    edit(branch, H100)
    save(branch)
    assert run("compile", branch, "--branch", "branch").exit_code == 0
    assert json.loads((branch / CHAT).read_text("utf-8"))["placements"]["phx"]["shape"] == "h100"
    chat.write_text(text, encoding="utf-8")
    save(branch, "no longer said")
    name, *more = command
    data = json.loads(run(name, branch, *more, "-o", "json").stdout)
    assert [each["shape"] for each in data["placements"]] == ["a10"]
    assert data["consequences"] == []


def test_the_commands_agree_on_a_forged_placement(branch: Path) -> None:
    forge(branch, shape="h100", pod="", secrets=[])
    save(branch, "forged")
    stale = run("compile", branch, "--check")
    assert (stale.exit_code, f"\n{CHAT}\n" in stale.stderr) == (79, True), stale.output
    assert run("compile", branch, "--branch", "branch").exit_code == 0
    assert run("compile", branch, "--check").exit_code == 0
    assert git(branch, "diff", "--name-only", "main") == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_claim_that_cannot_shrink_is_the_one_of_the_clusters(command: tuple[str, ...], branch: Path) -> None:
    forge(branch, claim=None)
    edit(branch, {"spec": {"storage": {"cache": {"size": "50Gi"}}}})
    save(branch, "forged")
    name, *more = command
    result = run(name, branch, *more)
    assert (result.exit_code, "cannot shrink from 100Gi to 50Gi" in result.stderr) == (65, True), result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_names_that_clusters_know_are_not_those_of_the_proposals_files(command: tuple[str, ...], branch: Path) -> None:
    """Its generated files have the new names already, and its lock agrees; the clusters would delete everything."""
    edit(branch, {"spec": {"names": "plain"}}, "stack.yaml")
    git(branch, "rm", "-rq", "clusters")
    save(branch, "as if it had always been so")
    name, *more = command
    result = run(name, branch, *more)
    assert (result.exit_code, "spec.names: the clusters know " in result.stderr) == (65, True), result.output


def test_what_others_see_of_the_branch_counts(branch: Path, tmp_path: Path) -> None:
    """A remote's main, where there is one; without any, what the place says."""
    git(tmp_path, "clone", "-q", "--bare", str(branch), "origin.git")
    git(branch, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(branch, "fetch", "-q")
    git(branch, "branch", "-qD", "main")
    git(branch, "rm", "-q", "blueprints/chat.yaml")
    save(branch, "no chat")
    assert run("compile", branch, "--branch", "branch").exit_code == 0
    assert "chat is deleted from phx" in run("check", branch).stderr
    git(branch, "remote", "remove", "origin")
    assert "chat is deleted from phx" not in run("check", branch).stderr


def test_behind_a_url_it_is_the_branch_as_it_is(branch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(branch, "rm", "-q", "blueprints/chat.yaml")
    save(branch, "no chat")
    git(tmp_path, "clone", "-q", "--bare", str(branch), "origin.git")
    serve(monkeypatch, tmp_path)
    url = f"ssh://git@example.com{tmp_path}/origin.git"
    result = run("compile", branch, "--repo", url, "--branch", "branch", "--base", "main")
    assert (result.exit_code, "is behind a URL" in result.stderr) == (66, True), result.output
    data = json.loads(run("compile", branch, "--repo", url, "--branch", "branch", "-o", "json").stdout)
    assert [each["effect"] for each in data["consequences"]] == ["removed"]
    again = json.loads(run("compile", branch, "--repo", url, "--branch", "branch", "-o", "json").stdout)
    assert (again["commit"], again["consequences"]) == (None, data["consequences"])


VLLM = "docker.io/vllm/vllm-openai:v0.32.0"


@pytest.mark.parametrize("command", [("check",), ("compile", "--check"), ("compile", "--branch", "branch")])
def test_C12_an_image_that_a_proposal_pins_otherwise_is_told(command: tuple[str, ...], repository: Path) -> None:
    """Its tag is the same: nothing else would show that other code runs."""
    right, other = (f"sha256:{digit * 64}" for digit in "ab")
    (repository / "images.lock").write_text(write_images_lock({VLLM: right}), encoding="utf-8")
    save(repository, "pinned")
    assert run("compile", repository).exit_code == 0
    git(repository, "switch", "-qc", "branch")
    assert "and the branch that clusters follow to" not in run("check", repository).stderr
    (repository / "images.lock").write_text(write_images_lock({VLLM: other}), encoding="utf-8")
    save(repository, "a pull request")
    name, *more = command
    if more == ["--check"]:
        assert run("compile", repository, "--branch", "branch").exit_code == 0
    says = f"note: images.lock pins {VLLM} to {other}, and the branch that clusters follow to {right}: the tag"
    assert says in run(name, repository, *more).stderr


@pytest.mark.parametrize(
    "text", ["", "[]", "images: [a]", "images: {a: 3}", "a: &a [*a]", "\ufffd", "images: {a: x, a: y}"]
)
def test_an_images_lock_of_the_base_that_is_wrong_says_nothing(text: str, repository: Path) -> None:
    """Only a branch that mends it could be compared with it."""
    (repository / "images.lock").write_text(text, encoding="utf-8")
    save(repository, "wrong")
    git(repository, "switch", "-qc", "branch")
    (repository / "images.lock").write_text(write_images_lock({VLLM: f"sha256:{'a' * 64}"}), encoding="utf-8")
    result = run("check", repository)
    assert (result.exit_code, "the branch that clusters follow" in result.output) == (0, False), result.output


def test_on_the_stacks_own_branch_its_locks_say_it(repository: Path) -> None:
    git(repository, "rm", "-q", "blueprints/chat.yaml")
    save(repository, "no chat")
    assert "chat is deleted from phx" in run("check", repository).stderr
    assert run("compile", repository).exit_code == 0
    assert "chat is deleted from phx" not in run("check", repository).stderr


@pytest.mark.parametrize(
    ("head", "branch"),
    [
        ("ref: refs/heads/a/b\n", "a/b"),
        ("ref: refs/heads/main", "main"),
        (f"{'0' * 40}\n", None),
        ("ref: refs/heads/", None),
        ("ref: refs/heads/a b\n", None),
        ("\udcff", None),
        ("ref: refs/heads/" + "a" * 9000, None),
    ],
)
def test_the_branch_that_is_checked_out(head: str, branch: str | None, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(head, encoding="utf-8", errors="surrogateescape")
    assert head_of(tmp_path) == branch


def test_the_branch_of_a_linked_work_tree(branch: Path, tmp_path: Path) -> None:
    git(branch, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "third")
    assert head_of(tmp_path / "linked") == "third"
    assert head_of(tmp_path) is None


@pytest.mark.parametrize("kind", ["pipe", "device", "link", "large"])
def test_what_git_would_never_write_is_not_waited_for(kind: str, tmp_path: Path) -> None:
    top = tmp_path / "top"
    for name in ("HEAD", "refs/remotes/origin/HEAD"):
        file = top / ".git" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "text").write_text("ref: refs/heads/main\n")
        if kind == "pipe":
            os.mkfifo(file)
        elif kind == "large":
            with file.open("wb") as stream:
                stream.truncate(10**13)
        else:
            file.symlink_to({"device": "/dev/zero", "link": tmp_path / "text"}[kind])
    with opened() as seen:
        assert (head_of(top), default_of(top)) == (None, None)
    assert outside(seen, top) == []
    shutil.rmtree(top)
    top.mkdir()
    (top / ".git").write_text("gitdir: " + "x" * 10**6)
    assert head_of(top) is None


def follow(root: Path, **changed: str) -> None:
    edit(root, {"spec": {"repository": changed}}, "stack.yaml")


@pytest.mark.attack("A19 generated files")
@pytest.mark.parametrize("changed", [{"branch": "branch"}, {"url": "https://git.example.com/theirs"}])
def test_another_branch_or_repository_for_the_clusters_is_told(changed: dict[str, str], branch: Path) -> None:
    follow(branch, **changed)
    save(branch)
    assert run("compile", branch, "--branch", "branch").exit_code == 0
    for command in (["check"], ["compile", "--check"]):
        result = run(*command, branch, "--base", "main")
        assert "clusters follow branch main of https://git.example.com/" in result.stderr, result.output
    found = json.loads(run("diff", branch, "--base", "main", "-o", "json").stdout)
    assert "source-moved" in [each["id"] for each in found["dangers"]]


@pytest.mark.attack("A19 generated files")
def test_a_branch_that_calls_itself_the_one_that_clusters_follow(branch: Path, tmp_path: Path) -> None:
    """Nobody has said --base; a clone knows which branch is the remote's own."""
    follow(branch, branch="branch")
    save(branch)
    assert run("compile", branch).exit_code == 0
    assert "clusters follow branch" not in run("check", branch).stderr
    git(branch, "switch", "-q", "main")
    git(tmp_path, "clone", "-q", str(branch), "clone")
    git(tmp_path / "clone", "switch", "-qc", "branch", "origin/branch")
    says = "clusters follow branch main of https://git.example.com/"
    assert says in run("check", tmp_path / "clone").stderr
    assert says in run("compile", tmp_path / "clone", "--check").stderr
    git(tmp_path / "clone", "switch", "-q", "main")
    assert says not in run("check", tmp_path / "clone").stderr
