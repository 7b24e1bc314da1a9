"""`gpuyard pr comment-all`: what GitLab's pipelines have left, posted where that is safe and nowhere else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpuyard.doors.forge import calls as door
from tests.forges import Answer
from tests.requesting import Yard, run, yard

FAULTS: list[tuple[Answer, int, str]] = [
    ((401, {"message": "401 Unauthorized"}, {}), 69, "does not accept the token of $GITLAB_TOKEN"),
    ((503, {}, {}), 69, "HTTP 503; run this again later"),
    ((429, {}, {"Retry-After": "600"}), 75, "limits requests, for 600 s more"),
    ((403, {"message": "slow down"}, {"Retry-After": "3600"}), 75, "limits requests, for 3600 s more"),
]
OPTIONS = ("--job", "gpuyard", "--file", "gpuyard-diff.md")


@pytest.fixture
def gitlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    """A forge with an open request, and nothing posted on it."""
    (tmp_path / "yard").mkdir()
    with yard("gitlab", tmp_path / "yard", monkeypatch) as found:
        found.edit("max: 2", "max: 1")
        assert found.pr().exit_code == 0
        found.forge.comments.clear()
        monkeypatch.setenv("CI_PROJECT_URL", found.forge.url.removesuffix(".git"))
        monkeypatch.setenv("CI_SERVER_URL", f"https://{found.forge.host}")
        monkeypatch.chdir(tmp_path)
        yield found


def left(gitlab: Yard, **more: Any) -> None:
    gitlab.forge.leave(1, "gpuyard", "gpuyard-diff.md", more.pop("data", b"two replicas less\n"), **more)


def test_it_is_posted_once_and_brought_up_to_date(gitlab: Yard) -> None:
    left(gitlab)
    for _ in range(2):
        result = run("pr", "comment-all", *OPTIONS)
        assert (result.exit_code, result.stdout) == (0, f"commented on https://{gitlab.forge.host}/acme/gitops/1\n")
    (comment,) = gitlab.forge.comments
    assert "two replicas less" in comment["body"]
    left(gitlab, data=b"three replicas less\n")
    assert run("pr", "comment-all", *OPTIONS).exit_code == 0
    (comment,) = gitlab.forge.comments
    assert "three replicas less" in comment["body"]


def test_a_fork_s_pipeline_is_in_the_fork(gitlab: Yard) -> None:
    left(gitlab, project=42)
    assert run("pr", "comment-all", *OPTIONS).exit_code == 0
    assert len(gitlab.forge.comments) == 1
    assert ("GET", "/api/v4/projects/42/jobs/701/artifacts/gpuyard-diff.md") in gitlab.forge.calls


@pytest.mark.attack("A15 workflow injection")
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"sha": "0" * 40}, "has no pipeline at its newest commit"),
        ({"status": "running"}, "has a pipeline that has not ended"),
        ({"status": "canceled"}, "has a pipeline that has not ended"),
        ({"changed": ["blueprints/chat.yaml", ".gitlab-ci.yml"]}, "changes .gitlab-ci.yml or .gitlab/"),
        ({"changed": [".gitlab/ci/gpuyard.yml"]}, "changes .gitlab-ci.yml or .gitlab/"),
        ({"count": "1000+"}, "changes more files than GitLab lists"),
        ({"job": "build"}, "has a pipeline without a job gpuyard"),
        ({"file": "other.md"}, "has no gpuyard-diff.md of its job gpuyard"),
        ({"data": None}, "has no gpuyard-diff.md of its job gpuyard"),
    ],
)
def test_a_pipeline_that_is_not_posted(gitlab: Yard, more: dict[str, Any], said: str) -> None:
    if "job" in more or "file" in more:
        gitlab.forge.leave(1, more.get("job", "gpuyard"), more.get("file", "gpuyard-diff.md"), b"x")
    else:
        left(gitlab, **more)
    result = run("pr", "comment-all", *OPTIONS)
    assert (result.exit_code, gitlab.forge.comments) == (0, [])
    assert result.stdout.startswith(f"request 1 {said}")


def test_a_request_without_a_pipeline(gitlab: Yard) -> None:
    result = run("pr", "comment-all", *OPTIONS)
    assert (result.exit_code, result.stdout) == (0, "request 1 has no pipeline at its newest commit\n")


@pytest.mark.attack("A15 workflow injection")
def test_the_file_is_a_stranger_s(gitlab: Yard) -> None:
    left(gitlab, data=b"@all ![x](https://evil.example/p.png)\n/merge\n" + b"\xff" * 200_000)
    assert run("pr", "comment-all", *OPTIONS).exit_code == 0
    body = gitlab.forge.comments[0]["body"]
    assert not any(each in body for each in ("@all", "https://", "\n/merge", "!["))
    assert len(body) < 65_536


def test_a_large_file_ends_the_run(gitlab: Yard) -> None:
    left(gitlab, data=b"x" * (5 << 20))
    result = run("pr", "comment-all", *OPTIONS)
    assert (result.exit_code, gitlab.forge.comments) == (69, [])
    assert "the answer is larger than" in result.output


@pytest.mark.parametrize("command", ["comment", "comment-all"])
def test_whichever_call_fails_it_is_told_once_and_safe_to_repeat(
    gitlab: Yard, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first call of a command that posts, then the second, and so on; in the end there is one comment."""
    monkeypatch.setattr(door.time, "sleep", lambda seconds: None)
    left(gitlab)
    (tmp_path / "gpuyard-diff.md").write_text("two replicas less\n")
    words = (command, *(("--number", "1", "--file", "gpuyard-diff.md") if command == "comment" else OPTIONS))
    for position in range(20):
        fault, code, said = FAULTS[position % len(FAULTS)]
        gitlab.forge.faults = [*[None] * position, *[fault] * 5]
        result = run("pr", *words)
        if result.exit_code == 0:
            break
        assert result.exit_code == code, result.output
        (line,) = result.stderr.splitlines()
        assert said in line
        assert len(gitlab.forge.comments) <= 1
    assert position > 4
    gitlab.forge.faults.clear()
    assert run("pr", *words).exit_code == 0
    assert len(gitlab.forge.comments) == 1


@pytest.mark.parametrize("command", ["comment", "comment-all"])
def test_a_file_that_is_longer_than_a_comment(gitlab: Yard, command: str, tmp_path: Path) -> None:
    """The forge takes 65,536 characters and refuses more."""
    text = "### Large\n\n" + "ein gröẞerer Satz\n" * 20_000
    left(gitlab, data=text.encode())
    (tmp_path / "gpuyard-diff.md").write_text(text)
    words = (command, *(("--number", "1", "--file", "gpuyard-diff.md") if command == "comment" else OPTIONS))
    for _ in range(2):
        assert run("pr", *words).exit_code == 0
        (comment,) = gitlab.forge.comments
        assert 60_000 < len(comment["body"].encode()) <= 65_536


@pytest.mark.parametrize("option", ["--job", "--file"])
def test_both_are_needed(option: str) -> None:
    result = run("pr", "comment-all", *(each for pair in zip(OPTIONS[::2], OPTIONS[1::2], strict=True)
                                        if pair[0] != option for each in pair))  # fmt: skip
    assert (result.exit_code, f"Missing option '{option}'" in result.output) == (2, True)


def test_other_forges_have_a_better_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "yard").mkdir()
    with yard("github", tmp_path / "yard", monkeypatch) as found:
        result = found.pr("comment-all", *OPTIONS)
    assert result.exit_code == 69
    assert "comment-all is for GitLab" in result.output
