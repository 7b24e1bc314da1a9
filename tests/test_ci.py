"""What `gpuyard init` gives a CI system: pinned, with few rights, and its steps do what they say."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import pytest
import yaml

from gpuyard import __version__
from gpuyard.errors import InputError
from gpuyard.project.ci import Ci, Extra, Pipeline, pipeline_files
from gpuyard.project.installation import installation, movable
from tests.conftest import ROOT
from tests.test_compile import git, lower_context, run, save
from tests.workflows import Job, Ran, console, program, run_job, steps

ALL = frozenset(Extra)
TOP = PurePosixPath()
CHECK, COMMENT = ".github/workflows/gpuyard.yaml", ".github/workflows/gpuyard-comment.yaml"
COMPILE, RELEASE = ".github/workflows/gpuyard-compile.yaml", ".github/workflows/gpuyard-release.yaml"


def written(folder: PurePosixPath = TOP, branch: str = "main", **options: object) -> dict[str, str]:
    """GitHub's workflows by path."""
    tree = pipeline_files(Pipeline(Ci.GITHUB, **options), folder, branch)  # type: ignore[arg-type]  # of any option
    return {str(path): text for path, text in tree.items()}


# --- how they are made ---------------------------------------------------------------------------------------


def test_only_what_was_asked_for_is_written() -> None:
    assert [*written()] == [CHECK, COMMENT]
    assert [*written(extras=frozenset({Extra.COMPILE}))] == [CHECK, COMMENT, COMPILE]
    assert [*written(extras=ALL)] == [CHECK, COMMENT, COMPILE, RELEASE]


EVERY = [
    pytest.param(text, id=f"{Path(path).stem} in {folder}")
    for folder in (TOP, PurePosixPath("teams/gpu"))
    for path, text in written(folder, extras=ALL).items()
]


@pytest.mark.attack("A15 workflow injection")
@pytest.mark.parametrize("text", EVERY)
def test_a_workflow_has_no_right_that_it_does_not_need(text: str) -> None:
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    assert "pull_request_target" not in text
    assert "secrets." not in text
    assert workflow["concurrency"]["group"]
    assert workflow["defaults"]["run"]["shell"] == "bash"  # the one with pipefail
    (job,) = workflow["jobs"].values()
    assert job["timeout-minutes"] <= 30
    assert job["runs-on"] == "ubuntu-24.04"
    assert job["permissions"]
    for step in job["steps"]:
        assert "${{" not in step.get("run", ""), step  # a branch's name is no script
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"]), step
            assert re.search(rf"{step['uses']} # v\d+\.\d+\.\d+$", text, re.MULTILINE), step
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


RIGHTS = {
    CHECK: {"contents": "read"},
    COMMENT: {"actions": "read", "pull-requests": "write"},
    COMPILE: {"contents": "write"},
    RELEASE: {"contents": "read", "packages": "write", "id-token": "write"},
}


@pytest.mark.attack("A15 workflow injection")
@pytest.mark.parametrize("path", RIGHTS)
def test_its_rights(path: str) -> None:
    (job,) = yaml.safe_load(written(extras=ALL)[path])["jobs"].values()
    assert job["permissions"] == RIGHTS[path]
    tokens = [step["name"] for step in job["steps"] if "github.token" in str(step.get("env"))]
    expected = {CHECK: [], COMMENT: ["Find the pull request", "Read the artifact", "Comment"]}
    assert tokens == expected.get(path, [job["steps"][-1]["name"]])


@pytest.mark.attack("A15 workflow injection")
def test_gpuyard_is_installed_before_the_checkout_and_the_comment_has_none() -> None:
    for path, text in written(extras=ALL).items():
        names = [step.get("name") or step["uses"].partition("@")[0] for step in steps(text)]
        if path == COMMENT:
            assert "actions/checkout" not in names
        else:
            assert names.index("Install gpuyard") < names.index("actions/checkout")


@pytest.mark.parametrize(("folder", "expected"), [(TOP, "."), (PurePosixPath("teams/gpu"), "teams/gpu")])
def test_the_folder_and_the_branch_are_the_stack_s(folder: PurePosixPath, expected: str) -> None:
    files = {path: yaml.safe_load(text) for path, text in written(folder, "live", extras=ALL).items()}
    for path in (CHECK, COMPILE, RELEASE):
        (job,) = files[path]["jobs"].values()
        assert job["env"]["DIR"] == expected
    assert files[COMPILE][True]["push"] == {"branches": ["live"]}  # YAML 1.1 reads `on` as true
    assert files[RELEASE][True]["push"] == {"tags": ["v*" if folder == TOP else "teams/gpu/v*"]}
    assert files[COMMENT][True]["workflow_run"]["workflows"] == [files[CHECK]["name"]]


# --- where gpuyard comes from --------------------------------------------------------------------------------

PLAIN = "pip install --no-input --disable-pip-version-check"
PIP = f"{PLAIN} --no-deps"
LOCK = """-r "$(python -Pc 'import gpuyard; print(*gpuyard.__path__)')/requirements.txt\""""
SIMPLE = "https://pypi.example.com/simple"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WHEEL = f"https://files.example.com/gpuyard-0.4.0-py3-none-any.whl#sha256={'ab' * 32}"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("index", f"{PIP} gpuyard=={__version__}"),
        (
            "https://pypi.example.com/simple",
            f"{PLAIN} --index-url {SIMPLE} --no-deps gpuyard=={__version__}",
        ),
        (f"git+https://git.example.com/a/b@{COMMIT}", f"{PIP} 'gpuyard @ git+https://git.example.com/a/b@{COMMIT}'"),
        ("git+https://git.example.com/a/b.git@v1", f"{PIP} 'gpuyard @ git+https://git.example.com/a/b.git@v1'"),
        ("git+ssh://git@git.example.com/a/b@v1", f"{PIP} 'gpuyard @ git+ssh://git@git.example.com/a/b@v1'"),
        (WHEEL, f"{PIP} 'gpuyard @ {WHEEL}'"),
    ],
)
def test_an_installation(where: str, expected: str) -> None:
    index = f" --index-url {SIMPLE}" if where == SIMPLE else ""
    locked = f"{PLAIN}{index} --require-hashes --only-binary :all: {LOCK}"
    assert installation(where) == (expected, locked)
    for text in written(install=where, extras=ALL).values():
        (step,) = (step for step in steps(text) if step.get("name") == "Install gpuyard")
        assert step["run"] == f"{expected}\n{locked}\n"


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("pypi", "must be index, git+https://"),
        ("http://pypi.example.com/simple", "must be index, git+https://"),
        ("file:///srv/gpuyard.whl", "must be index, git+https://"),
        ("https://", "must be index, git+https://"),
        ("https://pypi.example.com/simple/ --pre", "must be index, git+https://"),
        ("https://pypi.example.com/$(id)", "must be index, git+https://"),
        ("https://pypi.example.com/${{ github.token }}", "must be index, git+https://"),
        ("https://pypi.example.com/simple\nrun: id", "must be index, git+https://"),
        ("https://pypi.example.com/simple#x", "must be index, git+https://"),
        ("https://ada:secret@pypi.example.com/simple", "has a login in its address"),
        ("git+https://token@git.example.com/a/b@v1", "has a login in its address"),
        ("git+http://git.example.com/a/b@v1", "must be index, git+https://"),
        ("https://token@pypi.example.com/simple", "has a login in its address"),
        ("git+https://ada:secret@git.example.com/a/b@v1", "has a login in its address"),
        ("git+https://git.example.com/a/b", "must name what to install"),
        ("git+https://git.example.com/a/b@", "must name what to install"),
        ("git+ssh://git@git.example.com/a/b", "must name what to install"),
        ("https://files.example.com/gpuyard-0.4.0-py3-none-any.whl", "add #sha256="),
        ("https://files.example.com/gpuyard-0.4.0.tar.gz", "add #sha256="),
        (f"{WHEEL}0", "must be index, git+https://"),
    ],
)
def test_an_installation_that_is_refused(where: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as error:
        installation(where)
    assert "secret" not in str(error.value)
    result = run("init", tmp_path / "gitops", "--install", where)
    assert (result.exit_code, (tmp_path / "gitops").exists()) == (65, False), result.output
    assert result.output.startswith("--install: ")


def test_a_name_that_can_be_moved_is_told(tmp_path: Path) -> None:
    assert [movable(f"git+https://h/a@{ref}") for ref in ("v1", "main", COMMIT)] == ["v1", "main", ""]
    assert [movable("git+ssh://git@h/a@v1"), movable("index"), movable(WHEEL)] == ["v1", "", ""]
    result = run("init", tmp_path / "gitops", "--install", "git+https://h.example.com/a@v1")
    assert result.stderr == "note: v1 can be moved to other bytes; a commit's whole name in --install cannot\n"


# --- init ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stack with the workflows, compiled and committed."""
    root = tmp_path_factory.mktemp("compiled") / "gitops"
    assert run("init", root, "--name", "demo", "--url", "https://git.example.com/acme/gitops").exit_code == 0
    assert run("compile", root).exit_code == 0
    return root


@pytest.fixture
def repository(compiled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(compiled, tmp_path / "gitops", symlinks=True))


def test_workflows_are_added_to_a_stack_that_is_there(repository: Path) -> None:
    (repository / "notes.txt").write_text("mine\n", encoding="utf-8")
    result = run("init", "--ci", "github", "--with", "compile", "--with", "release", repository)
    assert result.exit_code == 0, result.output
    assert git(repository, "show", "--name-only", "--format=%s", "HEAD").split() == [
        *("Check", "demo", "by", "github"),
        *(COMPILE, RELEASE),
    ]
    assert git(repository, "status", "--porcelain") == "?? notes.txt"
    assert f'{repository / CHECK} stays as it is; it also needs:\n      COMPILED_ON_MERGE: "true"\n' in result.stdout
    assert "Next:" not in result.stdout
    again = run("init", "--ci", "github", "--with", "release", repository)
    assert (again.exit_code, again.stdout) == (0, "Nothing to add\n")
    git(repository, "rm", "-q", CHECK)
    save(repository)
    assert run("init", "--ci", "github", "--with", "compile", repository).exit_code == 0
    assert 'COMPILED_ON_MERGE: "true"' in (repository / CHECK).read_text(encoding="utf-8")
    assert run("compile", "--check", repository).exit_code == 0


def test_workflows_are_added_for_a_stack_in_a_folder(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "-b", "live", str(tmp_path)], check=True)
    (tmp_path / "README.md").write_text("ours\n", encoding="utf-8")
    save(tmp_path)
    assert run("init", tmp_path / "gpu").exit_code == 0
    git(tmp_path, "rm", "-q", CHECK)
    save(tmp_path)
    result = run("init", "--ci", "github", "--with", "compile", tmp_path / "gpu")
    assert git(tmp_path, "show", "--name-only", "--format=", "HEAD").split() == [COMPILE, CHECK], result.output
    assert yaml.safe_load((tmp_path / COMPILE).read_text(encoding="utf-8"))[True]["push"]["branches"] == ["live"]


@pytest.mark.parametrize("option", ["--name=a", "--url=https://h.example.com/a", "--blueprints=x", "--engine=argocd"])
def test_a_stack_that_is_there_is_not_made_anew(repository: Path, option: str) -> None:
    result = run("init", "--ci", "github", option, repository)
    assert (result.exit_code, option.partition("=")[0] in result.output) == (2, True)
    plain = run("init", repository)
    assert (plain.exit_code, "with --ci, workflows are added to the stack that is there" in plain.output) == (73, True)


def test_a_stack_with_a_mistake_gets_no_workflow(repository: Path) -> None:
    (repository / "blueprints/chat.yaml").write_text("a: 1\n", encoding="utf-8")
    git(repository, "rm", "-q", "--cached", CHECK)
    result = run("init", "--ci", "github", repository)
    assert (result.exit_code, "blueprints/chat.yaml:1:1" in result.output) == (65, True)


# --- what their steps do -------------------------------------------------------------------------------------


def proposed(repository: Path) -> Path:
    """What GitHub holds: the branches, and the merge of the one that is checked out with main."""
    tree = git(repository, "rev-parse", "HEAD^{tree}")
    who = ("-c", "user.name=t", "-c", "user.email=t@t")
    merge = git(repository, *who, "commit-tree", tree, "-p", "main", "-p", "HEAD", "-m", "merge")
    git(repository, "update-ref", "refs/pull/7/merge", merge)
    return repository


def checkout(origin: Path) -> Callable[[Job, Mapping[str, str]], None]:
    """As actions/checkout does it for a pull request."""

    def checked_out(job: Job, given: Mapping[str, str]) -> None:
        assert given["persist-credentials"] == "False"
        shutil.rmtree(job.workspace)
        git(job.folder, "init", "-q", str(job.workspace))
        git(job.workspace, "remote", "add", "origin", f"file://{origin}")
        merge = "+refs/pull/7/merge:refs/remotes/pull/7/merge"
        git(job.workspace, "fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*", merge)
        git(job.workspace, "checkout", "-q", "--force", "refs/remotes/pull/7/merge")

    return checked_out


def upload(job: Job, given: Mapping[str, str]) -> None:
    shutil.copy(given["path"], job.folder / given["name"])


def pull_request(origin: Path, folder: Path, text: str = "") -> Ran:
    """The workflow that checks, on what origin proposes."""
    job = Job(
        folder,
        values={"github.base_ref": "main", "github.event.pull_request.number": "7"},
        uses={
            "actions/setup-python": lambda job, given: None,
            "actions/checkout": checkout(origin),
            "actions/upload-artifact": upload,
        },
    )
    folder.mkdir()
    console(job)
    program(job, "pip", f'#!/bin/sh\necho "$@" >> {folder}/pip.txt\n')
    return run_job(text or (origin / CHECK).read_text(encoding="utf-8"), job)


STEPS = ["Check the files", "Show what the merge changes", "actions/upload-artifact", "Check the generated files"]


def change(repository: Path) -> None:
    git(repository, "switch", "-qc", "proposal")
    lower_context(repository)
    save(repository)


def test_a_pull_request_that_is_in_order(repository: Path, tmp_path: Path) -> None:
    change(repository)
    run("compile", repository, "--branch", "proposal")
    ran = pull_request(proposed(repository), tmp_path / "runner")
    assert not ran.failed, ran.log
    assert [*ran.statuses][-4:] == STEPS
    assert "16384" in ran.summary
    assert "8192" in ran.summary
    assert (tmp_path / "runner/gpuyard-diff").read_text(encoding="utf-8") == ran.summary
    first, second = (tmp_path / "runner/pip.txt").read_text().splitlines()
    assert first.split()[-2:] == ["--no-deps", f"gpuyard=={__version__}"]
    assert Path(second.split()[-1]).read_text().startswith("# What gpuyard depends on")


def test_nothing_changes(repository: Path, tmp_path: Path) -> None:
    git(repository, "switch", "-qc", "proposal")
    ran = pull_request(proposed(repository), tmp_path / "runner")
    assert not ran.failed, ran.log
    assert "::warning" not in ran.log
    assert ran.summary


def test_a_danger_is_marked_and_passes(repository: Path, tmp_path: Path) -> None:
    blueprint = repository / "blueprints/chat.yaml"
    blueprint.write_text(blueprint.read_text(encoding="utf-8").replace("name: chat", "name: talk"), encoding="utf-8")
    save(repository)
    git(repository, "branch", "-m", "main", "proposal")
    git(repository, "branch", "main", "HEAD~1")
    run("compile", repository, "--branch", "proposal")
    ran = pull_request(proposed(repository), tmp_path / "runner")
    assert not ran.failed, ran.log
    assert "::warning title=gpuyard::The merge has a danger" in ran.log
    assert "chat" in ran.summary


def tampered(repository: Path) -> None:
    change(repository)
    run("compile", repository, "--branch", "proposal")
    service = repository / "base/chat/service.yaml"
    service.write_text(service.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    save(repository)


def wrong(repository: Path) -> None:
    change(repository)
    (repository / "blueprints/chat.yaml").write_text("a: 1\n", encoding="utf-8")
    save(repository)


@pytest.mark.parametrize(
    ("spoil", "step", "status", "said"),
    [
        (tampered, "Check the files", 76, "base/chat/service.yaml: was edited by hand"),
        (change, "Check the generated files", 79, "out of date"),
        (wrong, "Check the files", 65, "blueprints/chat.yaml:1:1"),
    ],
    ids=["tampered", "not compiled", "wrong"],
)
def test_a_pull_request_that_is_not(
    spoil: Callable[[Path], None], step: str, status: int, said: str, repository: Path, tmp_path: Path
) -> None:
    spoil(repository)
    ran = pull_request(proposed(repository), tmp_path / "runner")
    assert [*ran.statuses.items()][-1] == (step, status), ran.log
    assert said in ran.log
    assert (tmp_path / "runner/gpuyard-diff").exists() == (step == "Check the generated files")


@pytest.mark.parametrize(("spoil", "failed"), [(change, False), (tampered, True)], ids=["sources only", "tampered"])
def test_where_the_merge_compiles_sources_are_enough(
    spoil: Callable[[Path], None], failed: bool, repository: Path, tmp_path: Path
) -> None:
    spoil(repository)
    text = written(extras=frozenset({Extra.COMPILE}))[CHECK]
    ran = pull_request(proposed(repository), tmp_path / "runner", text)
    assert ran.failed == failed, ran.log
    assert ("the merge compiles" in ran.log) != failed


# --- the comment ---------------------------------------------------------------------------------------------

SHA = "9" * 40
PULL = {"number": 7, "head": {"sha": SHA, "repo": {"full_name": "ada/gitops"}}}
FILES = [{"filename": "blueprints/chat.yaml"}]
GH = """#!{python}
import json, sys
from pathlib import Path
asked = [word for word in sys.argv[1:] if word.startswith("repos/")][0]
answers = json.loads(Path({answers!r}).read_text())
Path({log!r}).open("a").write(" ".join(sys.argv[1:]) + "\\n")
answer = answers.get(asked)
if answer is None:
    sys.exit(f"HTTP 404: {{asked}}")
if asked.endswith("/zip"):
    sys.stdout.buffer.write(Path(answer).read_bytes())
else:
    print(json.dumps(answer))
"""


def commented(tmp_path: Path, answers: Mapping[str, object], content: str = "# What changes\n") -> tuple[Ran, str]:
    """The workflow that comments, on a run of ada's fork; and how gpuyard was called, with the file."""
    folder = tmp_path / "runner"
    folder.mkdir()
    with zipfile.ZipFile(tmp_path / "diff.zip", "w") as archive:
        archive.writestr("diff.md", content)
        archive.writestr("../../planted", "x")
    base = "repos/acme/gitops"
    known: dict[str, object] = {
        f"{base}/pulls": [PULL],
        f"{base}/pulls/7": {"changed_files": 1},
        f"{base}/pulls/7/files?per_page=100": FILES,
        f"{base}/actions/runs/11/artifacts?name=gpuyard-diff": {
            "artifacts": [{"id": 5, "expired": False, "size_in_bytes": 900}]
        },
        f"{base}/actions/artifacts/5/zip": str(tmp_path / "diff.zip"),
    }
    known |= {f"{base}/{path}": answer for path, answer in answers.items()}
    (tmp_path / "answers.json").write_text(json.dumps(known), encoding="utf-8")
    run_of = "github.event.workflow_run"
    job = Job(
        folder,
        values={
            "github.token": "t0ken",
            f"{run_of}.id": "11",
            f"{run_of}.head_sha": SHA,
            f"{run_of}.head_branch": "$(touch planted)",
            f"{run_of}.head_repository.owner.login": "ada",
            f"{run_of}.head_repository.full_name": "ada/gitops",
        },
        uses={"actions/setup-python": lambda job, given: None},
        environment={"GITHUB_REPOSITORY": "acme/gitops"},
    )
    answering = GH.format(python=sys.executable, answers=str(tmp_path / "answers.json"), log=str(tmp_path / "gh.log"))
    program(job, "gh", answering)
    console(job)
    program(job, "pip", "#!/bin/sh\n")
    program(job, "gpuyard", f'#!/bin/sh\necho "$@" > {tmp_path}/called\ncat "$6" >> {tmp_path}/called\n')
    ran = run_job(written()[COMMENT], job)
    assert not [*tmp_path.rglob("planted")]
    called = tmp_path / "called"
    return ran, called.read_text(encoding="utf-8") if called.exists() else ""


def test_the_comment(tmp_path: Path) -> None:
    ran, called = commented(tmp_path, {})
    assert not ran.failed, ran.log
    words, _, text = called.partition("\n")
    assert words == f"pr comment --number 7 --file {tmp_path}/runner/temp/diff.md -- ."
    assert text == "# What changes\n"
    first = (tmp_path / "gh.log").read_text(encoding="utf-8").splitlines()[0]
    assert first.endswith("--raw-field state=open --raw-field head=ada:$(touch planted)")


OTHER = {"number": 8, "head": {"sha": "8" * 40, "repo": {"full_name": "ada/gitops"}}}
FOREIGN = {"number": 9, "head": {"sha": SHA, "repo": {"full_name": "eve/gitops"}}}
GONE = {"number": 6, "head": {"sha": SHA, "repo": None}}


@pytest.mark.attack("A15 workflow injection")
@pytest.mark.parametrize(
    "answers",
    [
        pytest.param({"pulls": []}, id="none"),
        pytest.param({"pulls": [OTHER]}, id="has moved on"),
        pytest.param({"pulls": [FOREIGN]}, id="of another repository"),
        pytest.param({"pulls": [GONE]}, id="of a repository that is gone"),
        pytest.param({"pulls": [PULL, {**PULL, "number": 8}]}, id="two at the same commit"),
        pytest.param({"pulls/7/files?per_page=100": [{"filename": CHECK}]}, id="its own workflow"),
        pytest.param(
            {"pulls/7/files?per_page=100": [{"filename": "x", "previous_filename": CHECK}]}, id="a workflow moved away"
        ),
        pytest.param({"pulls/7": {"changed_files": 4000}}, id="more files than GitHub lists"),
        pytest.param({"actions/runs/11/artifacts?name=gpuyard-diff": {"artifacts": []}}, id="no artifact"),
        pytest.param(
            {
                "actions/runs/11/artifacts?name=gpuyard-diff": {
                    "artifacts": [{"id": 5, "expired": False, "size_in_bytes": 10**9}]
                }
            },
            id="a large artifact",
        ),
    ],
)
def test_a_run_that_gets_no_comment(answers: Mapping[str, object], tmp_path: Path) -> None:
    ran, called = commented(tmp_path, answers)
    assert (ran.failed, called) == (False, ""), ran.log


@pytest.mark.attack("A15 workflow injection")
@pytest.mark.parametrize("path", ["pulls", "pulls/7", "pulls/7/files?per_page=100", "actions/artifacts/5/zip"])
def test_a_question_without_an_answer_posts_nothing(path: str, tmp_path: Path) -> None:
    ran, called = commented(tmp_path, {path: None})
    assert (ran.failed, called) == (True, ""), ran.log


def test_others_are_not_mistaken(tmp_path: Path) -> None:
    ran, called = commented(tmp_path, {"pulls": [OTHER, FOREIGN, GONE, PULL]})
    assert called.startswith("pr comment --number 7 "), ran.log


def test_a_long_diff_is_posted(tmp_path: Path) -> None:
    ran, called = commented(tmp_path, {}, "x" * 70_000)
    assert (ran.failed, called.startswith("pr comment")) == (False, True), ran.log


@pytest.mark.attack("A15 workflow injection")
def test_an_artifact_that_is_larger_than_it_says_is_not_posted(tmp_path: Path) -> None:
    ran, called = commented(tmp_path, {}, "x" * 10_000_000)
    assert (ran.failed, called) == (True, "")


# --- compile, release ----------------------------------------------------------------------------------------


def test_the_merge_is_compiled_and_pushed(repository: Path, tmp_path: Path) -> None:
    lower_context(repository)
    save(repository)
    origin = tmp_path / "origin.git"
    git(tmp_path, "clone", "-q", "--bare", str(repository), str(origin))
    folder = tmp_path / "runner"
    folder.mkdir()

    def checked_out(job: Job, given: Mapping[str, str]) -> None:
        git(folder, "clone", "-q", str(origin), str(job.workspace))

    uses = {"actions/setup-python": lambda job, given: None, "actions/checkout": checked_out}
    environment = {"GITHUB_SERVER_URL": "https://git.example.com"}
    job = Job(folder, values={"github.token": "t0ken"}, uses=uses, environment=environment)
    console(job)
    program(job, "pip", "#!/bin/sh\n")
    ran = run_job(written(extras=ALL)[COMPILE], job)
    assert not ran.failed, ran.log
    assert "t0ken" not in ran.log
    assert git(origin, "log", "-1", "--format=%an %s", "main") == "github-actions[bot] Compile chat"
    git(repository, "pull", "-q", str(origin), "main")
    assert run("compile", "--check", repository).exit_code == 0


@pytest.mark.parametrize(
    ("folder", "name", "version"),
    [
        (TOP, "v1.2.3", "1.2.3"),
        (TOP, "1.2.3", "1.2.3"),
        (PurePosixPath("gpu"), "gpu/v1.2.3", "1.2.3"),
        (TOP, "-x", "-x"),
    ],
)
def test_a_release(folder: PurePosixPath, name: str, version: str, tmp_path: Path) -> None:
    (tmp_path / "runner").mkdir()
    nothing = ("actions/setup-python", "actions/checkout", "sigstore/cosign-installer")
    job = Job(
        tmp_path / "runner",
        values={
            "github.token": "t0ken",
            "inputs.version || github.ref_name": name,
        },
        uses=dict.fromkeys(nothing, lambda job, given: None),
        environment={"GITHUB_ACTOR": "ada", "GITHUB_REPOSITORY": "Acme/GitOps"},
    )
    console(job)
    for called in ("pip", "docker", "gpuyard"):
        program(job, called, f'#!/bin/sh\necho {called} "$@" >> {tmp_path}/called\ncat > /dev/null\n')
    ran = run_job(written(folder, extras=ALL)[RELEASE], job)
    assert not ran.failed, ran.log
    lines = (tmp_path / "called").read_text(encoding="utf-8").splitlines()
    place = str(folder) if folder.parts else "."
    assert lines[2:] == [
        f"gpuyard compile --check {place}",
        "docker login ghcr.io --username ada --password-stdin",
        f"gpuyard release --to oci://ghcr.io/acme/gitops --keyless -- {version} {place}",
    ]


def test_every_template_is_one_that_is_written() -> None:
    templates = Path(__file__).parents[1] / "generator/gpuyard/project/templates/ci"
    there = {path.name for path in templates.rglob("*.y*ml")}
    extras = itertools.chain.from_iterable(pipeline_files(Pipeline(ci, ALL), TOP, "main") for ci in Ci)
    assert there >= {path.name for path in extras if path.name != ".gitlab-ci.yml"}


@pytest.mark.attack("A15 workflow injection")
@pytest.mark.parametrize("command", [("gpuyard",), (sys.executable, "-m", "gpuyard")], ids=["command", "module"])
def test_a_checkout_is_no_library(command: tuple[str, ...], repository: Path, tmp_path: Path) -> None:
    """Python looks in the current directory first, if it may."""
    canary = tmp_path / "canary"
    for name in ("jinja2", "click", "yaml", "ruamel", "json", "sitecustomize", "conftest"):
        (repository / f"{name}.py").write_text(f"open({str(canary)!r}, 'w')\n", encoding="utf-8")
    job = Job(tmp_path / "runner")
    console(job)
    path = f"{job.programs}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "generator")}
    for words in (("check",), ("compile", "--check"), ("diff",)):
        subprocess.run([*command, *words], cwd=repository, env=env, check=True, capture_output=True, timeout=300)
    assert not canary.exists()
