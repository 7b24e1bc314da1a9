"""A stack in a folder of a repository that has other things: nothing outside of it is read, written or committed."""

import os
import subprocess
from pathlib import Path, PurePosixPath

import pytest
import yaml

from gpuyard.commit.directory import Directory
from gpuyard.commit.place import stacks_around
from gpuyard.project.located import Located, located
from tests.projects import problems
from tests.test_compile import git, run, save

WORKFLOW, COMMENT = ".github/workflows/gpuyard.yaml", ".github/workflows/gpuyard-comment.yaml"


def new(where: Path) -> Path:
    """A repository with things of its own."""
    subprocess.run(["git", "init", "-q", "-b", "main", str(where)], check=True)
    for name, text in {"README.md": "ours\n", "apps/web.yaml": "a: 1\n", "clusters/phx/apps.yaml": "b: 1\n"}.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_text(text)
    save(where)
    return where


def work(where: Path) -> None:
    """What its owner is in the middle of: staged, changed, new."""
    (where / "apps/web.yaml").write_text("a: 2\n")
    git(where, "add", "apps/web.yaml")
    (where / "README.md").write_text("changed\n")
    (where / "notes.txt").write_text("new\n")


WORK = ["M README.md", "M  apps/web.yaml", "?? notes.txt"]


@pytest.fixture
def host(tmp_path: Path) -> Path:
    return new(tmp_path / "fleet")


@pytest.fixture
def folder(host: Path) -> Path:
    """A stack in gpu, not yet compiled."""
    result = run("init", host / "gpu", "--name", "acme", "--url", "https://git.example.com/fleet")
    assert result.exit_code == 0, result.output
    return host / "gpu"


def changed(host: Path, commit: str = "HEAD") -> list[str]:
    return git(host, "show", "--name-only", "--format=", commit).splitlines()


def stack(folder: Path, old: str, new: str) -> None:
    file = folder / "stack.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


# --- where it is ---------------------------------------------------------------------------------------------


def test_the_nearest_work_tree_counts(host: Path, tmp_path: Path) -> None:
    assert located(host) == Located(host, PurePosixPath())
    assert located(host / "apps") == located(host / "apps/../apps") == Located(host, PurePosixPath("apps"))
    assert located(host / "new/deeper") == Located(host, PurePosixPath("new/deeper"))
    git(host, "worktree", "add", "-q", str(tmp_path / "linked"), "-b", "other")
    assert located(tmp_path / "linked/apps") == Located(tmp_path / "linked", PurePosixPath("apps"))
    (tmp_path / "link").symlink_to(host / "apps")
    assert located(tmp_path / "link") == Located(host, PurePosixPath("apps"))
    (tmp_path / "none/.git").mkdir(parents=True)  # a `git init` that was killed
    assert located(tmp_path / "none") is None


# --- init ----------------------------------------------------------------------------------------------------


def test_init_writes_one_folder_and_the_workflow(host: Path) -> None:
    work(host)
    result = run("init", host / "gpu", "--url", "https://git.example.com/fleet")
    assert result.exit_code == 0, result.output
    own = {"gpu/.gpuyard.lock", "gpu/README.md", "gpu/blueprints/chat.yaml", "gpu/stack.yaml"}
    assert own <= set(changed(host))
    assert [name for name in changed(host) if not name.startswith("gpu/")] == [COMMENT, WORKFLOW]
    assert set(result.stdout.splitlines()) >= {str(host / name) for name in changed(host)}
    assert f"Committed to the repository {host}, on its branch main\n" in result.stdout
    assert git(host, "status", "--porcelain").splitlines() == WORK
    made = yaml.safe_load((host / "gpu/stack.yaml").read_text())
    assert made["spec"]["repository"] == {"url": "https://git.example.com/fleet", "branch": "main", "path": "gpu"}
    assert yaml.safe_load((host / WORKFLOW).read_text())["jobs"]["check"]["env"]["DIR"] == "gpu"


def test_init_leaves_a_workflow_of_that_name_alone(host: Path) -> None:
    (host / ".github/workflows").mkdir(parents=True)
    (host / WORKFLOW).write_text("name: ours\n")
    result = run("init", host / "teams/gpu")
    assert result.exit_code == 0, result.output
    assert "      - run: gpuyard check teams/gpu\n      - run: gpuyard compile --check teams/gpu\n" in result.stdout
    assert (host / WORKFLOW).read_text() == "name: ours\n"
    assert [name for name in changed(host) if not name.startswith("teams/gpu/")] == [COMMENT]


def test_init_knows_what_the_repository_says_of_itself(host: Path, tmp_path: Path) -> None:
    git(host, "remote", "add", "origin", "https://git.example.com/team/fleet.git")
    git(host, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    git(host, "switch", "-qc", "add-gpu")
    result = run("init", host / "gpu")
    made = yaml.safe_load((host / "gpu/stack.yaml").read_text())["spec"]["repository"]
    assert made == {"url": "https://git.example.com/team/fleet.git", "branch": "main", "path": "gpu"}
    assert f"gpuyard compile --branch add-gpu {host / 'gpu'}\n" in result.stdout
    assert git(host, "log", "--format=%s", "main..") == "Start the stack gpu in gpu"
    assert run("compile", "--branch", "add-gpu", host / "gpu").exit_code == 0


@pytest.mark.parametrize("url", ["https://ada:secret@git.example.com/x", "git@git.example.com:x", "/srv/x.git"])
def test_init_takes_no_address_that_clusters_cannot_use(url: str, host: Path) -> None:
    git(host, "remote", "add", "origin", url)
    assert run("init", host / "gpu").exit_code == 0
    text = (host / "gpu/stack.yaml").read_text()
    assert ("https://git.example.com/gpu/gitops" in text, "secret" in text) == (True, False)


def test_init_refuses_what_is_no_folder_of_its_own(host: Path) -> None:
    (host / "link").symlink_to("apps")
    before = git(host, "rev-parse", "HEAD")
    for place, words in {
        "apps": "already exists and is not empty",
        ".": f"or a folder of this repository, such as {host / 'gpu'}",
        "link": "is a link; give the folder that it leads to",
        "my folder": "DIR: does not",
        ".hidden": "must be a folder of the repository such as gpu",
        "apps/web.yaml": "already exists",
    }.items():
        result = run("init", host / place)
        assert result.exit_code in (65, 73), (place, result.output)
        assert words in result.output or "must be a folder of the repository" in result.output, (place, result.output)
    (host / "apps/web.yaml").unlink()
    (host / "apps").rmdir()
    assert "main has files there" in run("init", host / "apps").output
    git(host, "switch", "-q", "--detach")
    assert "has no branch checked out; `git switch` to one" in run("init", host / "gpu").output
    assert git(host, "rev-parse", "HEAD") == before


def test_init_in_a_repository_that_ignores_the_folder_makes_one_of_its_own(host: Path) -> None:
    (host / ".gitignore").write_text("/demo/\n")
    assert run("init", host / "demo").exit_code == 0
    assert (host / "demo/.git").is_dir()


# --- compile -------------------------------------------------------------------------------------------------


def test_compile_writes_below_the_folder_and_leaves_the_rest_alone(
    folder: Path, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(host)
    result = run("compile", folder)
    assert result.exit_code == 0, result.output
    assert all(name.startswith("gpu/") for name in changed(host))
    assert {"gpu/README.md", "gpu/.gpuyard.lock", "gpu/clusters/phx/sync.yaml"} <= set(changed(host))
    assert (folder / "clusters/phx/sync.yaml").is_file()
    assert git(host, "status", "--porcelain").splitlines() == WORK
    for where, arguments in ((host, ("compile", "gpu")), (folder, ("compile",)), (folder, ("compile", "--check"))):
        monkeypatch.chdir(where)
        assert run(*arguments).output.startswith("up to date"), arguments
    git(host, "commit", "-qam", "ours", "--author", "t <t@t>")
    assert run("compile", folder).output.startswith("up to date")


def test_clusters_look_for_it_there(folder: Path) -> None:
    assert run("compile", folder).exit_code == 0
    paths = [
        each["spec"]["path"]
        for file in sorted((folder / "clusters/phx").iterdir())
        for each in yaml.safe_load_all(file.read_text())
        if each["kind"] == "Kustomization"
    ]
    assert len(paths) >= 6
    assert "./gpu/clusters/phx" in paths
    assert all(path.startswith("./gpu/") and (folder.parent / path).is_dir() for path in paths)
    readme = (folder / "README.md").read_text()
    assert "All commands of this page are run in its own folder, `gpu` of the repository." in readme
    (line,) = (line for line in readme.splitlines() if line.endswith(" apply -f clusters/phx"))
    assert (folder / line.split()[-1]).is_dir()


def test_sources_are_those_of_the_folder(folder: Path, host: Path) -> None:
    """A stack.yaml of the repository's own, on top, is another program's."""
    (host / "stack.yaml").write_text("resolver: lts\n")
    (host / "blueprints").mkdir()
    (host / "blueprints/x.yaml").write_text("x: 1\n")
    assert run("compile", folder).exit_code == 0
    stack(folder, "phx", "iad")
    result = run("compile", folder)
    assert (result.exit_code, "\n  stack.yaml (differs)\n" in result.output) == (73, True), result.output
    (folder / "blueprints/more.yaml").write_text((folder / "blueprints/chat.yaml").read_text().replace("chat", "more"))
    assert "\n  blueprints/more.yaml (not in the commit)\n" in run("compile", folder).output
    save(host)
    assert run("compile", folder).exit_code == 0


@pytest.mark.parametrize("name", ["stack.yaml", ".gpuyard.lock"])
def test_one_file_of_a_name_is_no_stack(name: str, folder: Path, host: Path) -> None:
    """Haskell has a stack.yaml, and parts of a stack may have locks of their own."""
    (folder / "docs").mkdir()
    for place in (host, folder / "docs"):
        (place / name).write_text("resolver: lts\n")
    save(host)
    assert run("compile", folder).exit_code == 0


def test_two_folders_are_two_stacks(folder: Path, host: Path) -> None:
    assert run("init", host / "lab", "--name", "lab").exit_code == 0
    assert run("compile", folder).exit_code == run("compile", host / "lab").exit_code == 0
    assert all(name.startswith("lab/") for name in changed(host))
    assert run("compile", folder).output.startswith("up to date")


def test_compile_to_another_repository_goes_to_the_folder(folder: Path, host: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(host), "other.git")
    result = run("compile", folder, "--repo", tmp_path / "other.git")
    assert result.exit_code == 0, result.output
    assert all(name.startswith("gpu/") for name in changed(tmp_path / "other.git", "main"))
    assert git(host, "status", "--porcelain") == ""


def test_the_folder_of_another_stack_is_not_compiled_to(folder: Path, host: Path, tmp_path: Path) -> None:
    other = new(tmp_path / "other")
    assert run("init", other / "gpu", "--name", "theirs").exit_code == 0
    result = run("compile", folder, "--repo", other)
    assert (result.exit_code, "\n  stack.yaml (differs)\n" in result.output) == (73, True), result.output


def test_an_edited_file_and_one_in_the_way_are_named_by_their_place(folder: Path, host: Path) -> None:
    assert run("compile", folder).exit_code == 0
    with (folder / "base/chat/service.yaml").open("a") as service:
        service.write("# edited\n")
    save(host)
    result = run("compile", folder, "--check")
    assert (result.exit_code, "base/chat/service.yaml: was edited by hand" in result.output) == (76, True)
    stack(folder, "phx", "iad")
    (folder / "clusters/iad").mkdir()
    (folder / "clusters/iad/sync.yaml").write_text("mine\n")
    save(host)
    assert "clusters/iad/sync.yaml: is in the way" in run("compile", folder).output


# --- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["..", ".", "./gpu", "gpu/", "/gpu", "gpu/../x", "a//b", ".git", "gpu/.git", "-x", "", "a b", "gpu\\x", "gpü"],
)
def test_a_path_that_is_no_folder_below_the_top(path: str) -> None:
    (message,) = problems({}, {"repository": {"path": path}})
    assert message.startswith("spec.repository.path ")
    assert "must be a folder of the repository such as gpu or platform/gpu" in message


@pytest.mark.parametrize("path", ["gpu", "teams/ml/gpu", "a.b_c-d/1"])
def test_a_path_that_is_one(path: str) -> None:
    assert problems({}, {"repository": {"path": path}}) == []


COMMANDS = (("check",), ("compile",), ("compile", "--check"))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_is_elsewhere_than_its_stack_says(command: tuple[str, ...], folder: Path, host: Path) -> None:
    """With the value that is right, which works."""
    git(host, "mv", "gpu", "moved")
    save(host)
    result = run(*command, host / "moved")
    assert result.exit_code == 65, result.output
    place = "stack.yaml:12:11: spec.repository.path: "
    assert result.output.endswith(
        f"{place}{host / 'moved'} is the folder moved of the repository {host}; write path: moved\n"
    )
    stack(host / "moved", "path: gpu", "path: moved")
    save(host)
    assert run("compile", host / "moved").exit_code == 0
    assert run(*command, host / "moved").exit_code == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_a_top_that_is_no_folder(command: tuple[str, ...], tmp_path: Path) -> None:
    assert run("init", tmp_path / "own").exit_code == 0
    stack(tmp_path / "own", "branch: main", "branch: main\n    path: gpu")
    save(tmp_path / "own")
    result = run(*command, tmp_path / "own")
    assert (result.exit_code, "is the top of its repository; remove path" in result.output) == (65, True), result.output


def test_a_link_is_not_the_folder(folder: Path, host: Path) -> None:
    git(host, "mv", "gpu", "real")
    (host / "gpu").symlink_to("real")
    save(host)
    assert "gpu: is a symbolic link; use a folder of the repository itself" in run("compile", host / "gpu").output


def test_a_folder_that_is_a_link_in_the_branch(folder: Path, host: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(host), "copy")
    git(host, "rm", "-rqf", "gpu")
    (host / "gpu").symlink_to("apps")
    save(host)
    result = run("compile", tmp_path / "copy/gpu", "--repo", host)
    assert "gpu: is a symbolic link" in result.output, result.output
    assert result.exit_code == 76


@pytest.mark.parametrize(("outer", "inner"), [(".", "gpu"), ("gpu", "gpu/inner"), ("gpu", "gpu/clusters/phx")])
def test_no_stack_in_another(outer: str, inner: str, tmp_path: Path) -> None:
    top = tmp_path / "top"
    if outer != ".":
        new(top)
    assert run("init", top / outer, "--name", "outer").exit_code == 0
    result = run("init", top / inner, "--name", "inner")
    assert result.exit_code == 73, result.output
    assert "are stacks, one inside the other" in result.output
    # Nor one that was put there by hand.
    (top / inner).mkdir(parents=True)
    for name in ("stack.yaml", ".gpuyard.lock"):
        (top / inner / name).write_text((top / outer / name).read_text())
    save(top)
    result = run("compile", top / outer)
    assert (result.exit_code, "to a folder that is not inside the other" in result.output) == (73, True)


# --- what a branch does in the clusters ------------------------------------------------------------------------


def test_a_base_is_read_below_the_folder(folder: Path, host: Path) -> None:
    """The branch agrees with itself: only the base knows what its merge takes away."""
    assert run("compile", folder).exit_code == 0
    git(host, "switch", "-qc", "branch")
    git(host, "rm", "-q", "gpu/blueprints/chat.yaml")
    save(host, "no chat")
    assert run("compile", folder, "--branch", "branch").exit_code == 0
    for command in (("check",), ("compile", "--check")):
        assert "is deleted from" not in run(*command, folder, "--base", "HEAD").output
        for more in ((), ("--base", "main")):
            result = run(*command, folder, *more)
            assert (result.exit_code, "note: chat is deleted from phx" in result.stderr) == (0, True), result.output


def test_without_a_commit_the_files_of_the_folder_are_written(folder: Path, host: Path) -> None:
    head, work = git(host, "rev-parse", "HEAD"), git(host, "ls-files", "--others", "--exclude-standard")
    result = run("compile", folder, "--no-commit")
    assert (result.exit_code, work) == (0, ""), result.output
    assert git(host, "rev-parse", "HEAD") == head
    written = git(host, "status", "--porcelain", "--untracked-files=all").splitlines()
    assert "?? gpu/workloads/chat.lock" in written
    assert all(line.split()[1].startswith("gpu/") for line in written)
    assert run("compile", folder, "--check").exit_code == 0
    stack(folder, "path: gpu", "path: elsewhere")
    assert run("compile", folder, "--no-commit").exit_code == 65


def test_folders_that_are_deeper_than_a_path_may_be(host: Path) -> None:
    """Git has no trouble with them, and a pull request brings them: they are walked to their end."""
    (host / "deep").mkdir()
    below = os.open(host / "deep", os.O_RDONLY)
    try:
        for _ in range(3000):
            os.mkdir("d", dir_fd=below)
            inside = os.open("d", os.O_RDONLY, dir_fd=below)
            os.close(below)
            below = inside
        for name in ("stack.yaml", ".gpuyard.lock", "x.yaml"):
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=below))
        there = "deep/" + "d/" * 3000
        assert sorted(stacks_around(host)) == [f"{there}.gpuyard.lock", f"{there}stack.yaml"]
        assert len(Directory(host).below(PurePosixPath("deep"))) == 3
    finally:
        os.close(below)
        subprocess.run(["rm", "-rf", str(host / "deep")], check=True)
