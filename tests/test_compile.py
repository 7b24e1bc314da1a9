"""`gpuyard init` and `gpuyard compile`: what is committed, what is left alone, and what is said."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gpuyard.cli.main import cli
from gpuyard.doors.git import worktree
from gpuyard.project.imageslock import write_images_lock
from tests.conftest import ROOT


def run(*args: str | Path, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args], env=env)


def git(path: Path, *args: str) -> str:
    done = subprocess.run(["git", "-C", str(path), *args], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def save(repository: Path, message: str = "by hand") -> None:
    """The user commits everything that is there."""
    git(repository, "add", "-A")
    git(repository, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", message)


def lower_context(repository: Path) -> None:
    """An edit of a blueprint, not committed."""
    chat = repository / "blueprints" / "chat.yaml"
    chat.write_text(chat.read_text(encoding="utf-8").replace("16384", "8192"), encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A fresh repository with the shipped blueprints."""
    result = run("init", tmp_path / "gitops", "--name", "demo", "--blueprints", ROOT / "blueprints")
    assert result.exit_code == 0, result.output
    return tmp_path / "gitops"


def test_init_gives_what_a_repository_needs(repository: Path) -> None:
    files = git(repository, "ls-files").splitlines()
    assert files == [
        ".gitattributes",
        ".github/workflows/gpuyard-comment.yaml",
        ".github/workflows/gpuyard.yaml",
        ".gpuyard.lock",
        "README.md",
        "blueprints/assistant.yaml",
        "blueprints/chat.yaml",
        "blueprints/docs.yaml",
        "stack.yaml",
    ]
    assert git(repository, "status", "--porcelain") == ""


def test_init_by_default_has_one_blueprint_that_compiles(tmp_path: Path) -> None:
    assert run("init", tmp_path / "Acme_Gitops").exit_code == 0
    assert "name: acme-gitops" in (tmp_path / "Acme_Gitops" / "stack.yaml").read_text(encoding="utf-8")
    assert run("check", tmp_path / "Acme_Gitops").exit_code == 0


@pytest.mark.parametrize("name", ["flux-system", "platform-gitops", "inference"])
def test_init_takes_no_name_that_is_taken(tmp_path: Path, name: str) -> None:
    assert run("init", tmp_path / name).exit_code == 0
    assert "name: stack\n" in (tmp_path / name / "stack.yaml").read_text(encoding="utf-8")


def test_init_refuses_a_directory_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    result = run("init", tmp_path)
    assert (result.exit_code, "already exists and is not empty" in result.output) == (73, True), result.output
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_init_refuses_a_bad_address_before_it_writes(tmp_path: Path) -> None:
    result = run("init", tmp_path / "gitops", "--url", "git@host:repo")
    assert (result.exit_code, "must be https://host/path" in result.output) == (65, True), result.output
    assert "git@host:path is ssh://git@host/path" in result.output
    assert not (tmp_path / "gitops").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "a.yaml").write_bytes(b"\xff\xfe\x00"), "a.yaml: is not UTF-8 text"),
        (lambda folder: (folder / "a.yaml").mkdir(), "a.yaml: is a directory; use a regular file"),
        (
            lambda folder: (folder / "a.YAML").write_text("a: 1", encoding="utf-8"),
            "blueprints: 'blueprints/a.YAML': gpuyard does not read this extension; rename it to a.yaml",
        ),
    ],
)
def test_init_names_blueprints_that_it_cannot_take(
    spoil: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "blueprints", tmp_path / "mine")
    spoil(tmp_path / "mine")
    result = run("init", tmp_path / "gitops", "--blueprints", tmp_path / "mine")
    assert (result.exit_code, result.output) == (65, f"{message}\n")
    assert not (tmp_path / "gitops").exists()


def test_init_takes_both_endings(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "blueprints", tmp_path / "mine")
    (tmp_path / "mine" / "docs.yaml").rename(tmp_path / "mine" / "docs.yml")
    assert run("init", tmp_path / "gitops", "--blueprints", tmp_path / "mine").exit_code == 0
    assert (tmp_path / "gitops" / "blueprints" / "docs.yml").is_file()


def test_init_names_the_option_of_a_name_that_cannot_be(tmp_path: Path) -> None:
    result = run("init", tmp_path / ("n" * 100))
    assert (result.exit_code, result.output) == (65, "--name: has 100 characters; must have at most 40\n")


def test_init_in_a_clone_without_commits(tmp_path: Path) -> None:
    for branch in ("main", "master"):
        subprocess.run(["git", "init", "-q", "-b", branch, str(tmp_path / branch)], check=True)
    result = run("init", tmp_path / "main")
    assert result.exit_code == 0, result.output
    assert git(tmp_path / "main", "status", "--porcelain") == ""
    result = run("init", tmp_path / "master")
    change = result.output.partition("`")[2].removesuffix("`\n")
    assert (result.exit_code, "has branch master checked out, not main" in result.output) == (73, True), result.output
    subprocess.run(change.split(), check=True)
    assert run("init", tmp_path / "master").exit_code == 0
    (tmp_path / "main" / ".git").rename(tmp_path / ".git")
    shutil.rmtree(tmp_path / "main")
    (tmp_path / "main").mkdir()
    (tmp_path / ".git").rename(tmp_path / "main" / ".git")
    assert "already has commits" in run("init", tmp_path / "main").output


def test_init_says_what_is_left_to_do(tmp_path: Path) -> None:
    """In words that a shell takes."""
    place = tmp_path / "My Repo"
    said = run("init", place, "--url", "https://git.example.com/x").stdout
    assert f"Next: set the clusters in {place / 'stack.yaml'}" in said
    (command,) = (line.removeprefix("then: ") for line in said.splitlines() if line.startswith("then: "))
    assert shlex.split(command) == ["gpuyard", "compile", str(place)]
    assert run(*shlex.split(command)[1:]).exit_code == 0
    assert "set the repository's url and the clusters" in run("init", tmp_path / "b").stdout


def test_second_compile_is_up_to_date(repository: Path) -> None:
    first = run("compile", repository)
    assert first.exit_code == 0, first.output
    commit = git(repository, "rev-parse", "HEAD")
    assert f"commit {commit[:12]} on main: " in first.output
    second = run("compile", repository)
    assert second.output == f"up to date: main at {commit[:12]}\n"
    assert git(repository, "rev-parse", "HEAD") == commit
    assert git(repository, "status", "--porcelain") == ""


def test_up_to_date_is_said_without_rendering(repository: Path, tmp_path: Path) -> None:
    """It is what most runs find; where the cache doesn't know, nothing but a compile tells."""
    cache = {"GPUYARD_COMPILE_CACHE": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    helmless = {**cache, "GPUYARD_HELM": "/nowhere"}
    assert run("compile", repository, env=helmless).exit_code == 69
    assert run("compile", repository, env=cache).exit_code == 0
    assert run("compile", repository, env=helmless).output.startswith("up to date")
    assert run("compile", repository, "--check", env=helmless).exit_code == 69
    assert run("compile", repository, env={**helmless, "GPUYARD_COMPILE_CACHE": "off"}).exit_code == 69
    service = repository / "base" / "chat" / "service.yaml"
    service.write_text(service.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    save(repository, "an edit")
    assert run("compile", repository, env=helmless).exit_code == 69


def test_what_is_wrong_with_the_files_is_said_before_they_are_committed(repository: Path) -> None:
    (repository / "blueprints" / "chat.yaml").write_text("a: [", encoding="utf-8")
    result = run("compile", repository)
    assert (result.exit_code, result.output.startswith("blueprints/chat.yaml:1:")) == (65, True), result.output


def test_an_edit_of_the_same_length_is_compiled(repository: Path, tmp_path: Path) -> None:
    cache = {"GPUYARD_COMPILE_CACHE": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    run("compile", repository, env=cache)
    chat = repository / "blueprints" / "chat.yaml"
    text = chat.read_text(encoding="utf-8")
    chat.write_text(text.replace("max: 4", "max: 3"), encoding="utf-8")
    assert chat.read_text(encoding="utf-8") != text
    save(repository, "three")
    assert run("compile", repository, env=cache).output.count("files written") == 1
    assert "maxReplicaCount: 3" in (repository / "base/chat/scaledobject.yaml").read_text(encoding="utf-8")


def test_json_has_the_same_keys_whatever_happens(repository: Path, tmp_path: Path) -> None:
    git(repository, "remote", "add", "origin", str(tmp_path / "nowhere.git"))
    pushed = run("compile", repository, "--push", "-o", "json")
    head = git(repository, "rev-parse", "HEAD")
    results = [json.loads(pushed.stdout)]
    assert (pushed.exit_code, results[0]["ok"], results[0]["commit"]) == (69, False, head)
    results.append(json.loads(run("compile", repository, "-o", "json").stdout))
    assert (results[1]["ok"], results[1]["commit"], results[1]["base"]) == (True, None, head)
    lower_context(repository)
    results.append(json.loads(run("compile", repository, "-o", "json").stdout))
    assert (results[2]["ok"], results[2]["branch"]) == (False, "main")
    save(repository)
    results.append(json.loads(run("compile", repository, "-o", "json").stdout))
    assert results[3]["commit"] == git(repository, "rev-parse", "HEAD")
    (repository / "blueprints" / "chat.yaml").write_text("a: [", encoding="utf-8")
    results.append(json.loads(run("compile", repository, "--branch", "main", "-o", "json").stdout))
    assert {frozenset(result) for result in results} == {frozenset(results[0])}


@pytest.mark.parametrize("option", ["--repo", "--branch"])
def test_an_empty_option_is_not_one_left_out(repository: Path, option: str) -> None:
    result = run("compile", repository, option, "")
    assert (result.exit_code, "is empty; give a value or omit the option" in result.output) == (2, True)


def test_json_names_the_commit(repository: Path) -> None:
    data = json.loads(run("compile", repository, "--output", "json").stdout)
    assert data["commit"] == git(repository, "rev-parse", "HEAD")
    assert {"blueprint": "chat", "cluster": "phx", "shape": "a10"} in data["placements"]
    again = json.loads(run("compile", repository, "--output", "json").stdout)
    assert (again["commit"], again["base"]) == (None, data["commit"])


def test_json_says_what_runs_where_nothing_had_to_be_compiled(repository: Path, tmp_path: Path) -> None:
    cache = {"GPUYARD_COMPILE_CACHE": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    first = json.loads(run("compile", repository, "--output", "json", env=cache).stdout)
    again = json.loads(run("compile", repository, "--output", "json", env=cache).stdout)
    assert (again["ok"], again["commit"], again["workloads"]) == (True, None, first["workloads"]), again["error"]


def test_the_users_work_is_not_committed_and_not_lost(repository: Path) -> None:
    lower_context(repository)
    save(repository, "shorter")
    (repository / "notes.txt").write_text("untracked", encoding="utf-8")
    (repository / "staged.txt").write_text("staged", encoding="utf-8")
    git(repository, "add", "staged.txt")
    assert run("compile", repository).exit_code == 0
    status = git(repository, "status", "--porcelain").splitlines()
    assert sorted(line.strip() for line in status) == [
        "?? notes.txt",
        "A  staged.txt",
    ]
    committed = git(repository, "show", "--name-only", "--format=", "HEAD").splitlines()
    assert not {"notes.txt", "staged.txt"} & set(committed)
    assert "- --max-model-len=8192\n" in (repository / "overlays/a10/chat/deployment.yaml").read_text(encoding="utf-8")


def test_a_generated_file_that_was_edited_stops_compile(repository: Path) -> None:
    run("compile", repository)
    service = repository / "base" / "chat" / "service.yaml"
    service.write_text(service.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    save(repository)
    result = run("compile", repository)
    assert result.exit_code == 76
    assert "base/chat/service.yaml: was edited by hand; move the change into the blueprint chat (what has no key" in (
        result.output
    )
    assert run("compile", repository, "--overwrite").exit_code == 0
    assert "# mine" not in service.read_text(encoding="utf-8")


def test_a_file_of_the_users_in_our_place_stops_compile(repository: Path) -> None:
    (repository / "base").mkdir()
    (repository / "base" / "chat").write_text("mine", encoding="utf-8")
    (repository / "platform" / "crds").mkdir(parents=True)
    (repository / "platform" / "crds" / "kustomization.yaml").write_text("mine", encoding="utf-8")
    save(repository, "mine")
    head = git(repository, "rev-parse", "HEAD")
    result = run("compile", repository)
    assert result.exit_code == 76
    assert "platform/crds/kustomization.yaml: is in the way and was not generated by gpuyard" in result.output
    # What nobody generated isn't ours to replace, whatever is asked for.
    forced = run("compile", repository, "--overwrite")
    assert (forced.exit_code, forced.output) == (76, result.output)
    assert git(repository, "rev-parse", "HEAD") == head


def test_overwrite_is_for_edited_files_and_says_which_others_are_in_the_way(repository: Path) -> None:
    run("compile", repository)
    service = repository / "base" / "chat" / "service.yaml"
    service.write_text(service.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    (repository / "base" / "talk").mkdir()
    (repository / "base" / "talk" / "service.yaml").write_text("mine", encoding="utf-8")
    text = (repository / "blueprints" / "chat.yaml").read_text(encoding="utf-8")
    (repository / "blueprints" / "talk.yaml").write_text(text.replace("name: chat", "name: talk"), encoding="utf-8")
    save(repository, "mine")
    result = run("compile", repository, "--overwrite")
    assert result.exit_code == 76
    assert result.output == "error: base/talk/service.yaml: is in the way and was not generated by gpuyard; move it\n"
    assert (repository / "base" / "talk" / "service.yaml").read_text(encoding="utf-8") == "mine"


def test_a_generated_file_that_became_a_link_is_in_the_way(repository: Path) -> None:
    run("compile", repository)
    (repository / "README.md").unlink()
    (repository / "README.md").symlink_to("stack.yaml")
    (repository / "blueprints" / "docs.yaml").unlink()
    save(repository, "a link")
    result = run("compile", repository)
    says = "README.md: is in the way, and is a link or larger than any generated file; move it or delete it"
    assert (result.exit_code, says in result.output) == (76, True), result.output


def test_removing_a_blueprint_removes_its_files_and_no_others(repository: Path) -> None:
    run("compile", repository)
    (repository / "base" / "docs" / "mine.md").write_text("mine", encoding="utf-8")
    (repository / "blueprints" / "docs.yaml").unlink()
    save(repository, "no docs")
    assert run("compile", repository).exit_code == 0
    left = [name for name in git(repository, "ls-files").splitlines() if "/docs/" in name]
    assert left == ["base/docs/mine.md"]
    assert sorted(path.name for path in (repository / "clusters" / "phx").iterdir()) == [
        *("inference-assistant.yaml", "inference-chat.yaml", "platform.yaml", "sync.yaml")
    ]


def test_what_isnt_committed_isnt_compiled(repository: Path) -> None:
    lower_context(repository)
    (repository / "blueprints" / "docs.yaml").unlink()
    text = (repository / "blueprints" / "assistant.yaml").read_text(encoding="utf-8")
    (repository / "blueprints" / "talk.yaml").write_text(text.replace("assistant", "talk"), encoding="utf-8")
    (repository / "images.lock").write_text(write_images_lock({}), encoding="utf-8")
    head = git(repository, "rev-parse", "HEAD")
    result = run("compile", repository)
    assert result.exit_code == 73
    assert result.output.splitlines() == [
        f"error: the generated commit would follow main at {head[:12]}, whose source files differ from the ones being "
        "compiled:",
        "  blueprints/chat.yaml (differs)",
        "  blueprints/docs.yaml (not here)",
        "  blueprints/talk.yaml (not in the commit)",
        "  images.lock (not in the commit)",
        "commit them first (`git add`, `git commit`) or discard the changes (`git restore`); "
        "`gpuyard check` and `gpuyard render` show the result without committing",
    ]
    assert git(repository, "rev-parse", "HEAD") == head
    git(repository, "rm", "-q", "--cached", "blueprints/docs.yaml")
    save(repository, "all of it")
    assert run("compile", repository).exit_code == 0


def test_another_branch_is_not_compiled_to_the_stacks(repository: Path) -> None:
    main = git(repository, "rev-parse", "main")
    git(repository, "switch", "-qc", "feature")
    hint = "`git switch main` first, or commit to another with `--branch feature`"
    for edit in (None, lower_context):
        if edit:
            edit(repository)
            save(repository, "shorter")
        result = run("compile", repository)
        assert result.exit_code == 73
        assert f"has branch feature checked out, but gpuyard commits to main, the stack's branch; {hint}" in (
            result.output
        )
    result = run("compile", repository, "--branch", "main")
    assert (result.exit_code, "blueprints/chat.yaml (differs)\n`git switch main`" in result.output) == (73, True)
    assert run("compile", repository, "--branch", "feature").exit_code == 0
    assert git(repository, "rev-parse", "main") == main
    assert "- --max-model-len=8192\n" in (repository / "overlays/a10/chat/deployment.yaml").read_text(encoding="utf-8")
    # What a merge brings is compiled where it was: nothing is left to do.
    git(repository, "switch", "-q", "main")
    git(repository, "merge", "-q", "feature")
    assert run("compile", repository).output.startswith("up to date: main")


def test_no_branch_checked_out(repository: Path) -> None:
    git(repository, "switch", "-q", "--detach")
    result = run("compile", repository)
    assert (result.exit_code, "has no branch checked out" in result.output) == (73, True), result.output
    # As some CI systems do it; main has the same files.
    assert run("compile", repository, "--branch", "main").exit_code == 0


def test_a_first_commit_is_not_without_its_files(project: Path) -> None:
    git(project, "init", "-q", "-b", "master")
    assert "has branch master checked out" in run("compile", project).output
    result = run("compile", project, "--branch", "master")
    assert (result.exit_code, "master has no commit yet" in result.output) == (73, True), result.output


def test_the_same_repository_by_another_path(repository: Path, tmp_path: Path) -> None:
    """Behind a remote's name, too: what it has not got isn't compiled for it."""
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(repository), str(remote)], check=True)
    lower_context(repository)
    save(repository, "shorter, not pushed")
    result = run("compile", repository, "--repo", remote)
    assert (result.exit_code, "blueprints/chat.yaml (differs)\npush them to main there" in result.output) == (73, True)
    git(repository, "push", "-q", str(remote), "main")
    assert run("compile", repository, "--repo", remote).exit_code == 0


def test_compile_into_another_repository_by_path(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(other)], check=True)
    result = run("compile", repository, "--repo", other)
    assert result.exit_code == 0, result.output
    assert "clusters/phx/sync.yaml" in git(other, "ls-tree", "-r", "--name-only", "main")
    assert run("compile", repository, "--repo", other).output.startswith("up to date: main at ")


def test_a_push_that_failed_is_made_good_without_a_new_commit(repository: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    git(repository, "remote", "add", "origin", str(remote))
    assert run("compile", repository, "--push").exit_code != 0
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(remote)], check=True)
    result = run("compile", repository, "--push")
    assert result.output.startswith("up to date"), result.output
    assert git(remote, "rev-parse", "main") == git(repository, "rev-parse", "main")


def shell(where: Path, command: str) -> None:
    """As the user pastes it."""
    name = {f"GIT_{who}_{what}": "t@t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["bash", "-ec", command], cwd=where, check=True, capture_output=True, env={**os.environ, **name})


def test_what_a_refused_push_advises_works(repository: Path, tmp_path: Path) -> None:
    run("compile", repository)
    clones = [tmp_path / "one", tmp_path / "two"]
    subprocess.run(["git", "clone", "-q", "--bare", str(repository), str(tmp_path / "o.git")], check=True)
    for clone in clones:
        subprocess.run(["git", "clone", "-q", str(tmp_path / "o.git"), str(clone)], check=True)
    one, two = clones
    (one / "blueprints" / "docs.yaml").unlink()
    save(one, "no docs")
    assert run("compile", one, "--push").exit_code == 0
    lower_context(two)
    save(two, "shorter")
    own = git(two, "rev-parse", "HEAD")
    (two / "notes.txt").write_text("mine", encoding="utf-8")
    for _ in range(2):  # with a new commit, and with one that is there
        result = run("compile", two, "--push")
        assert result.exit_code == 75
        assert (
            f"does not have; `git reset --keep {own}`, `git pull --no-rebase --no-edit`, then run this again"
            in result.output
        )
    for command in result.output.split("`")[1::2]:
        shell(two, command)
    result = run("compile", two, "--push")
    assert result.exit_code == 0, result.output
    assert git(tmp_path / "o.git", "rev-parse", "main") == git(two, "rev-parse", "HEAD")
    assert not (two / "base" / "docs").exists()
    assert git(two, "status", "--porcelain") == "?? notes.txt"


def test_a_push_refused_for_the_users_own_commits(repository: Path, tmp_path: Path) -> None:
    """Nothing generated is in the way, so a plain pull does."""
    run("compile", repository)
    subprocess.run(["git", "clone", "-q", "--bare", str(repository), str(tmp_path / "o.git")], check=True)
    subprocess.run(["git", "clone", "-q", str(tmp_path / "o.git"), str(tmp_path / "one")], check=True)
    git(repository, "remote", "add", "origin", str(tmp_path / "o.git"))
    for clone in (tmp_path / "one", repository):
        (clone / "notes.txt").write_text(str(clone), encoding="utf-8")
        save(clone, "notes")
    git(tmp_path / "one", "push", "-q")
    result = run("compile", repository, "--push")
    assert (result.exit_code, "does not have; pull them, then run this again" in result.output) == (75, True), (
        result.output
    )


def test_what_a_damaged_lock_advises_works(repository: Path) -> None:
    run("compile", repository)
    (repository / ".gpuyard.lock").write_text("junk", encoding="utf-8")
    lower_context(repository)
    save(repository, "junk")
    (repository / "notes.txt").write_text("later", encoding="utf-8")
    save(repository, "notes")
    result = run("compile", repository)
    assert (result.exit_code, ".gpuyard.lock:1:1: damaged" in result.output) == (65, True), result.output
    for command in result.output.split("`")[1::2]:
        shell(repository, command)
    assert run("compile", repository).exit_code == 0


def test_a_lock_of_a_newer_format_is_not_read(repository: Path) -> None:
    """It may say what we can't know; our own would take that away."""
    run("compile", repository)
    file = repository / ".gpuyard.lock"
    data = json.loads(file.read_text(encoding="utf-8"))
    newer = data["format"] + 1
    file.write_text(json.dumps({**data, "format": newer}), encoding="utf-8")
    lower_context(repository)
    save(repository, "as a newer gpuyard leaves it")
    head = git(repository, "rev-parse", "HEAD")
    for option in ([], ["--check"], ["--overwrite"]):
        result = run("compile", repository, *option)
        assert (result.exit_code, f"written by a newer gpuyard (format {newer})" in result.output) == (65, True)
    assert git(repository, "rev-parse", "HEAD") == head
    assert json.loads(file.read_text(encoding="utf-8"))["format"] == newer


@pytest.mark.parametrize("text", ['{"input": "", "listing": "", "files": {}}', "[]", "1", '{"format": null}'])
def test_what_says_no_format_is_no_lock(repository: Path, text: str) -> None:
    (repository / ".gpuyard.lock").write_text(text, encoding="utf-8")
    save(repository, "junk")
    assert run("compile", repository).exit_code == 65


def test_a_folder_of_a_repository(repository: Path) -> None:
    (repository / "team").mkdir()
    git(repository, "mv", "stack.yaml", "blueprints", "team")
    save(repository, "moved")
    result = run("compile", repository / "team")
    assert result.exit_code == 65
    assert f"{repository / 'team'} is the folder team of the repository {repository}; write path: team" in result.output


def test_what_leaves_a_cluster_is_said(repository: Path) -> None:
    """Renamed, removed, placed elsewhere; and a cluster that isn't named any more."""
    stack = (repository / "stack.yaml").read_text(encoding="utf-8")
    more = stack[stack.index("  - name: phx") :].replace("phx", "iad")
    (repository / "stack.yaml").write_text(stack + more, encoding="utf-8")
    save(repository, "two clusters")
    assert "leaves" not in run("compile", repository).stderr
    chat = repository / "blueprints" / "chat.yaml"
    chat.write_text(chat.read_text(encoding="utf-8").replace("name: chat", "name: talk"), encoding="utf-8")
    docs = repository / "blueprints" / "docs.yaml"
    text = docs.read_text(encoding="utf-8")
    docs.write_text(text.replace("storage:", "storage:\n    download: false"), encoding="utf-8")
    (repository / "stack.yaml").write_text(stack, encoding="utf-8")
    save(repository, "changes")
    told = run("compile", repository).stderr.splitlines()
    assert [note for note in told if " phx" in note or " iad" in note] == [
        "note: iad leaves the stack: nothing is deleted there, and what runs keeps running until you remove it",
        "note: chat is deleted from phx; the volume claim chat-cache is kept and still billed; to delete it: "
        "`kubectl delete pvc chat-cache -n inference`",
        "note: docs is away in phx for up to 28 minutes: the old server stops before the new one starts; "
        "scaling.min of 2 or rollout.spareGpus would keep one",
    ]


def test_the_last_model_can_be_taken_away(repository: Path) -> None:
    run("compile", repository)
    git(repository, "rm", "-rq", "blueprints")
    save(repository, "no models")
    result = run("compile", repository)
    assert result.exit_code == 0, result.output
    assert "note: docs is deleted from phx; the volume claim docs-cache is kept" in result.stderr
    assert git(repository, "log", "-1", "--format=%s") == "Remove assistant, chat, docs"
    assert sorted(path.name for path in (repository / "clusters" / "phx").iterdir()) == ["platform.yaml", "sync.yaml"]
    assert not (repository / "base").exists()
    assert run("compile", repository).output.startswith("up to date")


def test_a_commit_that_isnt_pushed_says_so(repository: Path, tmp_path: Path) -> None:
    """Clusters read the remote; without one there is nothing to say."""
    assert "pushed" not in run("compile", repository).stdout
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(remote)], check=True)
    git(repository, "remote", "add", "origin", str(remote))
    (repository / "blueprints" / "docs.yaml").unlink()
    git(repository, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "no docs")
    assert (
        "not pushed to origin, where clusters read it; run this again with --push" in run("compile", repository).stdout
    )
    (repository / "stack.yaml").write_text((repository / "stack.yaml").read_text() + "# pushed\n", encoding="utf-8")
    git(repository, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "a comment")
    assert "not pushed" not in run("compile", repository, "--push").stdout


def test_init_says_how_clusters_get_it(tmp_path: Path) -> None:
    assert "gpuyard compile --push" in run("init", tmp_path / "gitops").stdout
    assert "gpuyard compile --push" in (tmp_path / "gitops" / "README.md").read_text(encoding="utf-8")


# --- compile --check -----------------------------------------------------------------------------------------


def test_check_says_what_isnt_up_to_date(repository: Path) -> None:
    """As a pull request has it: no branch is checked out, and nothing is written."""
    fresh = run("compile", repository, "--check")
    assert (fresh.exit_code, "generated files are out of date" in fresh.output) == (79, True), fresh.output
    assert run("compile", repository).exit_code == 0
    git(repository, "checkout", "-q", "--detach")
    clean = run("compile", repository, "--check")
    assert (clean.exit_code, clean.stdout) == (0, "up to date\n"), clean.output
    blueprint = repository / "blueprints" / "chat.yaml"
    blueprint.write_text(blueprint.read_text(encoding="utf-8").replace("max: 4", "max: 2"), encoding="utf-8")
    head = git(repository, "rev-parse", "HEAD")
    stale = run("compile", repository, "--check")
    assert stale.exit_code == 79
    assert "base/chat/scaledobject.yaml" in stale.output
    assert "charts/inference/servers/vllm/a10/chat.yaml" in stale.output
    assert "docs" not in stale.output
    assert (head, git(repository, "status", "--porcelain")) == (
        git(repository, "rev-parse", "HEAD"),
        "M blueprints/chat.yaml",
    )


def test_check_sees_what_was_removed_edited_or_left(repository: Path) -> None:
    run("compile", repository)
    service = repository / "base" / "chat" / "service.yaml"
    text = service.read_text(encoding="utf-8")
    service.unlink()
    gone = run("compile", repository, "--check")
    assert (gone.exit_code, "\nbase/chat/service.yaml\n" in gone.output) == (79, True), gone.output
    service.write_text(f"{text}# mine\n", encoding="utf-8")
    edited = run("compile", repository, "--check")
    assert (edited.exit_code, "base/chat/service.yaml: was edited by hand" in edited.output) == (76, True)
    service.write_text(text, encoding="utf-8")
    (repository / "blueprints" / "docs.yaml").unlink()
    left = run("compile", repository, "--check", "--output", "json")
    assert left.exit_code == 79
    assert "base/docs/service.yaml no longer has a source" in json.loads(left.stdout)["error"]


@pytest.mark.parametrize("place", ["base/chat/service.yaml", "base/chat", "clusters"])
def test_check_takes_no_link_for_what_it_leads_to(repository: Path, tmp_path: Path, place: str) -> None:
    """A commit has the link alone, and clusters find nothing behind it; a link in place of a file is an edit."""
    run("compile", repository)
    (repository / place).rename(tmp_path / "elsewhere")
    (repository / place).symlink_to(tmp_path / "elsewhere")
    result = run("compile", repository, "--check")
    assert (result.exit_code, place in result.output) == (76, True), result.output


@pytest.mark.parametrize("option", ["--push", "--overwrite", "--branch=main", "--repo=."])
def test_check_goes_alone(repository: Path, option: str) -> None:
    result = run("compile", repository, "--check", option)
    assert (result.exit_code, "takes no other option" in result.output) == (2, True)


def test_not_a_repository(project: Path) -> None:
    result = run("compile", project)
    assert (result.exit_code, "is not a Git repository; create one with `git init" in result.output) == (
        73,
        True,
    )


def test_a_branch_that_isnt_there(repository: Path) -> None:
    result = run("compile", repository, "--branch", "prod")
    assert result.exit_code == 66
    assert "main" in result.output


def test_slow_imports_stay_with_the_commands_that_need_them(project: Path) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from gpuyard.cli.main import cli\n"
        f"r = CliRunner().invoke(cli, ['check', {str(project)!r}]); assert r.exit_code == 0, r.output\n"
        "slow = {'git', 'oci', 'jinja2', 'helm_python'} & set(sys.modules); assert not slow, slow"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_interrupt_waits_for_the_files_of_a_commit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head, write = git(repository, "rev-parse", "HEAD"), worktree._write_files

    def stopped(checkout: worktree.Checkout, changes: Sequence[worktree._Change], draft: str) -> list[str]:
        os.kill(os.getpid(), signal.SIGINT)
        return write(checkout, changes, draft)

    monkeypatch.setattr(worktree, "_write_files", stopped)
    assert run("compile", repository).exit_code != 0
    assert git(repository, "rev-parse", "HEAD") != head
    assert git(repository, "status", "--porcelain") == ""


def test_interrupt_leaves_nothing_half_written(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    for delay in (0.25, 0.4, 0.55):
        process = subprocess.Popen(
            [sys.executable, "-m", "gpuyard", "compile", str(repository)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ},
        )
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode in (130, -signal.SIGINT), err
        assert git(repository, "status", "--porcelain") == ""
        if git(repository, "rev-parse", "HEAD") != head:  # the commit was whole when it was stopped
            assert "up to date" in run("compile", repository).output
            break
    assert run("compile", repository).exit_code == 0
