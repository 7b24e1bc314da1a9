"""Commits as a team makes them: what it is called, who signs it, and none at all."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from gpuyard.commit.directory import Directory
from gpuyard.commit.lock import LOCK
from gpuyard.commit.message import subject
from gpuyard.errors import OwnershipError
from gpuyard.review.placed import Placed, Placements
from tests.conftest import ROOT
from tests.test_compile import git, lower_context, run, save
from tests.test_signing import sign_with_ssh
from tests.test_told import edit

A10, H100 = Placed("a10", "models", None), Placed("h100", "models", None)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    assert run("init", tmp_path / "gitops", "--blueprints", ROOT / "blueprints").exit_code == 0
    assert run("compile", tmp_path / "gitops").exit_code == 0
    return tmp_path / "gitops"


def subject_of(root: Path) -> str:
    return git(root, "log", "-1", "--format=%s")


# --- the subject ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "before", "after", "expected"),
    [
        (["base/chat/service.yaml", "README.md"], {}, {}, "Compile chat"),
        (["overlays/a10/docs/deployment.yaml", "base/chat/weights/job.yaml"], {}, {}, "Compile chat, docs"),
        (["overlays/a10/kustomization.yaml", "platform/crds/x.yaml"], {}, {}, "Compile the platform"),
        (["base/gone/service.yaml"], {"phx": {"gone": A10}}, {"phx": {}}, "Remove gone"),
        (["base/gone/service.yaml", "base/chat/service.yaml"], {}, {}, "Compile chat, remove gone"),
        # Nothing but the place differs.
        (["clusters/phx/inference.yaml"], {"phx": {"chat": A10}}, {"phx": {"chat": H100}}, "Compile chat"),
        (["clusters/phx/inference.yaml"], {"phx": {"chat": A10}}, {"phx": {}}, "Compile chat"),
        (["clusters/phx/sync.yaml"], {"phx": {"chat": A10}}, {"phx": {"chat": A10}}, "Compile the platform"),
        ([f"base/m{number}/x.yaml" for number in range(8)], {}, {}, "Compile m0, m1, m2, m3, m4 and 3 more"),
    ],
)
def test_a_subject_names_what_changed(paths: list[str], before: Placements, after: Placements, expected: str) -> None:
    names = ["chat", "docs", *(f"m{number}" for number in range(8))]
    assert subject(map(PurePosixPath, paths), before, after, names) == expected


def test_the_subject_of_a_change(repository: Path) -> None:
    assert subject_of(repository) == "Compile assistant, chat, docs"
    lower_context(repository)
    save(repository)
    run("compile", repository)
    assert subject_of(repository) == "Compile chat"
    edit(repository, {"spec": {"policy": {"maxGpus": 63}}}, "stack.yaml")
    save(repository)
    run("compile", repository)
    assert subject_of(repository) == "Compile the platform"
    git(repository, "rm", "-q", "blueprints/docs.yaml")
    save(repository)
    run("compile", repository)
    assert subject_of(repository) == "Remove docs"


# --- --message and --trailer ----------------------------------------------------------------------------------


def test_the_author_s_own_words(repository: Path) -> None:
    lower_context(repository)
    save(repository)
    text = "Halve the context\n\nIt was never used.\n"
    options = ("--message", text, "--trailer", "Refs: OPS-12", "--trailer", "Signed-off-by: Ada <ada@example.com>")
    assert run("compile", repository, *options).exit_code == 0
    body = git(repository, "log", "-1", "--format=%B")
    assert body.startswith("Halve the context\n\nIt was never used.\n\nIn the clusters:\n- chat is away in phx ")
    trailers = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=body, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert [line.partition(":")[0] for line in trailers] == ["Refs", "Signed-off-by", "Input-Digest"]
    assert run("compile", repository, *options).output.startswith("up to date")


@pytest.mark.parametrize(
    "options",
    [
        ("--message", ""),
        ("--trailer", "no colon"),
        ("--trailer", "Two words: x"),
        ("--trailer", "Refs: a\nSigned-off-by: b"),
        ("--trailer", "Refs: "),
        ("--trailer", "input-digest: 0"),
    ],
)
def test_words_that_cannot_be(repository: Path, options: tuple[str, str]) -> None:
    result = run("compile", repository, *options)
    assert (result.exit_code, options[0] in result.output) == (2, True), result.output


def test_a_signed_commit_of_a_whole_compile(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, value in {"user.name": "Ada", "user.email": "ada@example.com"}.items():
        git(tmp_path, "config", "--global", name, value)
    sign_with_ssh(tmp_path / "home")
    lower_context(repository)
    save(repository)
    assert run("compile", repository).exit_code == 0
    git(repository, "verify-commit", "HEAD")
    edit(repository, {"spec": {"scaling": {"max": 2}}})
    save(repository)
    (tmp_path / "home" / "key").unlink()
    head = git(repository, "rev-parse", "HEAD")
    result = run("compile", repository)
    assert (result.exit_code, "error: the commit cannot be signed: " in result.stderr) == (69, True), result.output
    assert (git(repository, "rev-parse", "HEAD"), git(repository, "status", "--porcelain")) == (head, "")


# --- --no-commit ----------------------------------------------------------------------------------------------


def test_files_without_a_commit(repository: Path) -> None:
    """For a hook that adds them to the author's own commit: the sources needn't be committed."""
    lower_context(repository)
    (repository / "blueprints" / "docs.yaml").unlink()
    (repository / "base" / "docs" / "mine.md").write_text("mine", encoding="utf-8")
    head = git(repository, "rev-parse", "HEAD")
    result = run("compile", repository, "--no-commit")
    assert (result.exit_code, f"in {repository}, not committed" in result.stdout) == (0, True), result.output
    assert (git(repository, "rev-parse", "HEAD"), git(repository, "diff", "--cached", "--name-only")) == (head, "")
    assert run("compile", repository, "--check").exit_code == 0
    assert [path.name for path in (repository / "base" / "docs").iterdir()] == ["mine.md"]
    assert not list(repository.rglob(".gpuyard-*"))
    assert run("compile", repository, "--no-commit").output == f"up to date: {repository}\n"
    save(repository)
    assert run("compile", repository).output.startswith("up to date")


def test_files_where_there_is_no_repository(repository: Path) -> None:
    (repository / ".git").rename(repository.parent / "elsewhere")
    lower_context(repository)
    data = json.loads(run("compile", repository, "--no-commit", "-o", "json").stdout)
    assert (data["ok"], data["commit"], data["pushed"], data["deleted"]) == (True, None, False, [])
    assert "base/chat/service.yaml" not in data["written"]
    assert "overlays/a10/chat/deployment.yaml" in data["written"]
    assert data["consequences"][0]["effect"] == "away"
    assert run("compile", repository, "--check").exit_code == 0


def test_what_was_edited_or_is_not_ours_stays(repository: Path) -> None:
    service = repository / "base" / "chat" / "service.yaml"
    service.write_text(f"{service.read_text(encoding='utf-8')}# edited\n", encoding="utf-8")
    lower_context(repository)
    before = {path: path.read_bytes() for path in repository.rglob("*.yaml")}
    result = run("compile", repository, "--no-commit")
    assert (result.exit_code, "base/chat/service.yaml: was edited by hand" in result.stderr) == (76, True)
    assert {path: path.read_bytes() for path in repository.rglob("*.yaml")} == before
    assert run("compile", repository, "--no-commit", "--overwrite").exit_code == 0
    assert run("compile", repository, "--check").exit_code == 0


def folder_is_a_file(root: Path) -> str:
    (root / "overlays").rename(root / "elsewhere")
    (root / "overlays").write_text("mine", encoding="utf-8")
    return "overlays: is a file, and a directory goes there; move it"


def folder_is_a_link(root: Path) -> str:
    (root / "overlays").rename(root / "elsewhere")
    (root / "overlays").symlink_to("elsewhere")
    return "overlays: is a symbolic link, and a directory goes there; move it"


def file_is_a_folder(root: Path) -> str:
    (root / "overlays/a10/chat/deployment.yaml").unlink()
    (root / "overlays/a10/chat/deployment.yaml").mkdir()
    return "overlays/a10/chat/deployment.yaml: is a directory, and a file goes there; move it"


@pytest.mark.parametrize("spoil", [folder_is_a_file, folder_is_a_link, file_is_a_folder])
def test_nothing_is_written_through_what_stands_in_the_way(repository: Path, spoil: Any) -> None:
    message = spoil(repository)
    lower_context(repository)
    before = {path: path.read_bytes() for path in repository.rglob("*.yaml") if path.is_file()}
    result = run("compile", repository, "--no-commit")
    assert (result.exit_code, message in result.stderr) == (76, True), result.output
    assert {path: path.read_bytes() for path in repository.rglob("*.yaml") if path.is_file()} == before


def test_what_a_cluster_refuses_is_not_written_either(repository: Path) -> None:
    edit(repository, {"spec": {"storage": {"cache": {"size": "50Gi"}}}})
    result = run("compile", repository, "--no-commit")
    assert (result.exit_code, "cannot shrink" in result.stderr) == (65, True), result.output
    assert git(repository, "status", "--porcelain") == "M blueprints/chat.yaml"


@pytest.mark.parametrize("option", ["--push", "--branch=main", "--repo=.", "--message=x", "--trailer=A: b"])
def test_without_a_commit_nothing_is_asked_of_one(repository: Path, option: str) -> None:
    result = run("compile", repository, "--no-commit", option)
    assert (result.exit_code, "--no-commit takes no option of a commit" in result.output) == (2, True)
    result = run("compile", repository, "--check", option)
    assert (result.exit_code, "takes no other option" in result.output) == (2, True)


def test_the_lock_comes_last_and_an_interrupt_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gpuyard.doors.plainfiles import PlainFiles

    written: list[str] = []
    really = PlainFiles.replace

    def replace(self: PlainFiles, path: str, data: bytes) -> None:
        if not written:
            os.kill(os.getpid(), signal.SIGINT)
        written.append(path)
        really(self, path, data)

    monkeypatch.setattr(PlainFiles, "replace", replace)
    texts = {LOCK: "lock", PurePosixPath("README.md"): "a", PurePosixPath("base/chat/service.yaml"): "b"}
    with pytest.raises(KeyboardInterrupt):
        Directory(tmp_path).write(texts, [])
    assert written == ["README.md", "base/chat/service.yaml", ".gpuyard.lock"]


def test_nothing_leads_out_of_the_directory(tmp_path: Path) -> None:
    with pytest.raises(OwnershipError):
        Directory(tmp_path).write({PurePosixPath("../outside"): "x"}, [])
    assert not (tmp_path.parent / "outside").exists()


# --- pushed ---------------------------------------------------------------------------------------------------


@pytest.fixture
def remote(repository: Path, tmp_path: Path) -> Iterator[Path]:
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    git(repository, "remote", "add", "origin", str(bare))
    yield bare


def test_what_was_pushed_is_said(repository: Path, remote: Path) -> None:
    lower_context(repository)
    git(repository, "switch", "-qc", "topic")
    save(repository)
    result = run("compile", repository, "--branch", "topic", "--push")
    assert result.stdout.endswith("; pushed to origin\n"), result.output
    assert git(remote, "rev-parse", "topic") == git(repository, "rev-parse", "HEAD")
    assert run("compile", repository, "--branch", "topic", "--push").stdout.endswith(", pushed to origin\n")
    assert json.loads(run("compile", repository, "--branch", "topic", "--push", "-o", "json").stdout)["pushed"] is True
    assert json.loads(run("compile", repository, "--branch", "topic", "-o", "json").stdout)["pushed"] is False


# --- what is news ---------------------------------------------------------------------------------------------


def test_few_files_are_named_and_many_counted(repository: Path) -> None:
    edit(repository, {"spec": {"scaling": {"max": 3}}})
    save(repository)
    lines = run("compile", repository).stdout.splitlines()
    assert lines[: lines.index("")] == [
        "base/chat/scaledobject.yaml",
        *(f"charts/inference/servers/vllm/{shape}/chat.yaml" for shape in ("a10", "a100", "h100")),
        "clusters/phx/inference-chat.yaml",
        "workloads/chat.md",
    ]
    git(repository, "rm", "-q", "blueprints/docs.yaml")
    lower_context(repository)
    save(repository)
    lines = run("compile", repository).stdout.splitlines()
    assert [line.split() for line in lines[: lines.index("")]][:1] == [["base/", "14", "deleted"]]
    assert any(line.startswith("overlays/") and " files, " in line and line.endswith(" deleted") for line in lines)


def test_a_check_names_all_that_is_stale_for_a_machine(repository: Path) -> None:
    git(repository, "rm", "-q", "blueprints/docs.yaml")
    result = run("compile", repository, "--check", "-o", "json")
    stale = json.loads(result.stdout)["stale"]
    assert (result.exit_code, stale, len(stale) > 20) == (79, sorted(stale, key=lambda path: PurePosixPath(path)), True)
    assert {"base/docs/service.yaml", "workloads/docs.lock"} <= set(stale)
    git(repository, "reset", "-q", "--hard")
    assert json.loads(run("compile", repository, "--check", "-o", "json").stdout)["stale"] == []


def test_what_is_up_to_date_still_has_its_workloads(repository: Path) -> None:
    data = json.loads(run("compile", repository, "-o", "json").stdout)
    assert data["commit"] is None
    assert {each["blueprint"] for each in data["workloads"]} == {"assistant", "chat", "docs"}
    assert len(data["placements"]) == 3


def test_help_says_what_a_commit_is() -> None:
    text = " ".join(run("compile", "--help").output.split())
    assert "signed if Git is set to sign (commit.gpgsign); hooks do not run" in text
