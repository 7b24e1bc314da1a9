"""What `gpuyard init --ci gitlab` writes: which jobs a pipeline has, and that their scripts do what they say."""

import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from gpuyard import __version__
from gpuyard.project.ci import Ci, Extra, Pipeline, pipeline_files
from tests.gitlabjobs import Done, check_out, jobs, pipeline, run_script
from tests.hostilecheckouts import CANARY, CASES
from tests.requesting import Yard, yard
from tests.test_ci import ALL, LOCK, TOP, change, tampered, wrong
from tests.test_compile import git, run, save
from tests.test_hostile_checkouts import LARGEST, files, machine
from tests.workflows import Job, console, program

CHECK, COMPILE, RELEASE = (f".gitlab/ci/gpuyard{name}.yml" for name in ("", "-compile", "-release"))
ENTRY = ".gitlab-ci.yml"


def written(folder: PurePosixPath = TOP, branch: str = "main", **options: Any) -> dict[str, str]:
    """The files of a GitLab project by path."""
    return {str(path): text for path, text in pipeline_files(Pipeline(Ci.GITLAB, **options), folder, branch).items()}


EVERY = jobs(written(extras=ALL))


# --- how they are made ---------------------------------------------------------------------------------------


def test_only_what_was_asked_for_is_written_and_included() -> None:
    for count in range(len(ALL) + 1):
        for extras in itertools.combinations(Extra, count):
            found = written(extras=frozenset(extras))
            assert [*found] == [CHECK, ENTRY, *(f".gitlab/ci/gpuyard-{each}.yml" for each in extras)]
            assert yaml.safe_load(found[ENTRY]) == {"include": [{"local": each} for each in found if each != ENTRY]}


@pytest.mark.attack("A15 workflow injection")
@pytest.mark.parametrize("name", EVERY)
def test_a_job_takes_nothing_from_others_and_is_pinned(name: str) -> None:
    job = EVERY[name]
    assert job["inherit"] == {"default": False, "variables": False}
    assert re.fullmatch(r"python:3\.12\.\d+-bookworm@sha256:[0-9a-f]{64}", job["image"])
    assert job["dependencies"] == []
    assert re.fullmatch(r"(15|30) minutes", job["timeout"])
    assert job["variables"].get("GIT_SUBMODULE_STRATEGY", "none") == "none"
    # Somebody who starts a pipeline by hand sets what he likes: where gpuyard looks is no variable.
    assert {name for name in job["variables"] if not name.startswith("GIT_")} == set()
    first = job["script"][0].splitlines()
    assert first[0] == 'cd "$(mktemp -d)"'  # pip sees nothing of the checkout
    assert first[1].endswith(f" --no-deps gpuyard=={__version__}")
    assert first[2].endswith(f" --require-hashes --only-binary :all: {LOCK}")


@pytest.mark.attack("A15 workflow injection")
def test_what_has_a_right_never_sees_a_merge_request_and_the_other_way_round() -> None:
    text = {name: "\n".join(job["script"]) for name, job in EVERY.items()}
    assert [name for name, job in EVERY.items() if "merge_request_event" in str(job["rules"])] == ["gpuyard"]
    assert {name for name, job in EVERY.items() if "id_tokens" in job} == {"gpuyard-release"}
    assert EVERY["gpuyard-comment"]["variables"] == {"GIT_STRATEGY": "none"}
    for secret in ("GITLAB_TOKEN", "COSIGN", "CI_REGISTRY_PASSWORD", "SIGSTORE"):
        assert secret not in text["gpuyard"] + str(EVERY["gpuyard"]["variables"])
    assert {name for name in text if "CI_JOB_TOKEN" in text[name]} == {"gpuyard", "gpuyard-compile"}


MERGE_REQUEST = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_COMMIT_REF_NAME": "proposal"}
MAIN = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_REF_PROTECTED": "true"}
TAG = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v1.2.3", "CI_COMMIT_REF_PROTECTED": "true"}
SCHEDULE = {**MAIN, "CI_PIPELINE_SOURCE": "schedule", "GPUYARD_COMMENT": "true"}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (MERGE_REQUEST, ["gpuyard"]),
        (MERGE_REQUEST | {"GPUYARD_COMMENT": "true"}, ["gpuyard"]),
        (MAIN, ["gpuyard-compile"]),
        (MAIN | {"GPUYARD_COMMENT": "true"}, ["gpuyard-compile"]),
        (MAIN | {"CI_COMMIT_BRANCH": "proposal"}, []),
        (SCHEDULE, ["gpuyard-comment"]),
        (SCHEDULE | {"CI_PIPELINE_SOURCE": "trigger"}, ["gpuyard-comment"]),
        (SCHEDULE | {"CI_COMMIT_BRANCH": "proposal"}, []),
        (SCHEDULE | {"GPUYARD_COMMENT": ""}, []),
        (TAG, ["gpuyard-release"]),
        (TAG | {"CI_COMMIT_REF_PROTECTED": "false"}, []),
        (TAG | {"CI_COMMIT_TAG": "version-1"}, []),
        (TAG | {"CI_COMMIT_TAG": "teams/v1.2.3"}, []),
    ],
)
def test_which_jobs_a_pipeline_has(variables: dict[str, str], expected: list[str]) -> None:
    assert pipeline(written(extras=ALL), variables) == expected


def test_a_stack_in_a_folder_has_tags_and_a_branch_of_its_own() -> None:
    found = written(PurePosixPath("teams/g.pu"), "live", extras=ALL)
    assert pipeline(found, TAG | {"CI_COMMIT_TAG": "teams/g.pu/v1.2.3"}) == ["gpuyard-release"]
    assert pipeline(found, TAG | {"CI_COMMIT_TAG": "teams/gxpu/v1.2.3"}) == []
    assert pipeline(found, MAIN | {"CI_COMMIT_BRANCH": "live"}) == ["gpuyard-compile"]
    assert all('"teams/g.pu"' in "\n".join(job["script"]) for job in jobs(found).values())


# --- init ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("compiled") / "gitops"
    made = ("--name", "demo", "--url", "https://git.example.com/acme/gitops", "--ci", "gitlab")
    assert run("init", root, *made).exit_code == 0
    assert run("compile", root).exit_code == 0
    return root


@pytest.fixture
def repository(compiled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(compiled, tmp_path / "gitops", symlinks=True))


def test_a_new_stack_has_them_and_those_of_github_can_be_added(repository: Path) -> None:
    tracked = git(repository, "ls-files").split()
    assert {ENTRY, CHECK} < set(tracked)
    assert not [each for each in tracked if each.startswith(".github")]
    assert run("init", "--ci", "gitlab", repository).stdout == "Nothing to add\n"
    assert run("init", "--ci", "github", repository).exit_code == 0
    assert ".github/workflows/gpuyard.yaml" in git(repository, "ls-files").split()
    assert run("compile", "--check", repository).exit_code == 0


def test_a_pipeline_that_is_there_stays_and_is_told_what_it_needs(repository: Path) -> None:
    (repository / ENTRY).write_text("build:\n  script: make\n", encoding="utf-8")
    save(repository)
    result = run("init", "--ci", "gitlab", "--with", "compile", "--with", "release", repository)
    assert result.exit_code == 0, result.output
    told = result.stdout.partition(f"{repository / ENTRY} stays as it is; it also needs:\n")[2].splitlines()[:4]
    assert told == ["include:", *(f"  - local: {each}" for each in (CHECK, COMPILE, RELEASE))]
    assert f"{repository / CHECK} stays as it is; it also needs:\n      compiled_on_merge=true\n" in result.stdout
    assert git(repository, "show", "--name-only", "--format=", "HEAD").split() == [COMPILE, RELEASE]
    with (repository / ENTRY).open("a", encoding="utf-8") as file:
        file.write("\n".join(told) + "\n")
    save(repository)
    assert [*jobs(written(extras=ALL))] == [*jobs({**written(extras=ALL), ENTRY: (repository / ENTRY).read_text()})]
    again = run("init", "--ci", "gitlab", "--with", "release", repository)
    assert "needs" not in again.stdout
    assert str(repository / ENTRY) not in again.stdout  # it is its owner's, and has all


# --- the job of merge requests -------------------------------------------------------------------------------


def merge_request(repository: Path, folder: Path, *, fork: bool = False, text: dict[str, str] | None = None) -> Done:
    """The job that checks, on what is checked out in a repository; `fork`: it is one of another project."""
    project, source = folder / "project.git", folder / ("fork.git" if fork else "project.git")
    folder.mkdir()
    git(folder, "clone", "-q", "--bare", str(repository), str(project))
    head = git(repository, "rev-parse", "HEAD")
    if fork:
        git(folder, "clone", "-q", "--bare", str(repository), str(source))
        git(source, "update-ref", "-d", "refs/heads/main")
        git(project, "update-ref", "-d", "refs/heads/proposal")
    git(source, "update-ref", "refs/merge-requests/7/head", head)
    job = Job(folder / "runner")
    check_out(job, source, head, "+refs/merge-requests/7/head:refs/merge-requests/7/head")
    return checked(job, folder, text)


def checked(job: Job, folder: Path, text: dict[str, str] | None = None) -> Done:
    console(job)
    program(job, "pip", f'#!/bin/sh\npwd > {folder}/pip.txt\necho "$@" >> {folder}/pip.txt\n')
    variables = {
        **MERGE_REQUEST,
        "CI_JOB_TOKEN": CANARY,
        "CI_SERVER_URL": "https://git.example.com",
        "CI_MERGE_REQUEST_PROJECT_URL": f"file://{folder}/project",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
    }
    found = text or written()
    (name,) = pipeline(found, variables)
    return run_script(jobs(found)[name], job, variables)


@pytest.mark.parametrize("fork", [False, True], ids=["own branch", "fork"])
def test_a_merge_request_that_is_in_order(repository: Path, tmp_path: Path, fork: bool) -> None:
    change(repository)
    run("compile", repository, "--branch", "proposal")
    done = merge_request(repository, tmp_path / "gitlab", fork=fork)
    assert (done.code, done.state) == (81, "warning"), done.log  # one replica: nobody serves meanwhile
    assert "16384" in done.kept["gpuyard-diff.md"]
    assert "8192" in done.kept["gpuyard-diff.md"]
    assert done.kept["gpuyard-diff.md"] in done.log
    assert CANARY not in done.log
    assert str(tmp_path / "gitlab/runner/workspace") not in (tmp_path / "gitlab/pip.txt").read_text()


def more_servers(repository: Path) -> None:
    """Compiled, and no danger."""
    git(repository, "switch", "-qc", "proposal")
    blueprint = repository / "blueprints/chat.yaml"
    blueprint.write_text(blueprint.read_text(encoding="utf-8").replace("max: 4", "max: 5"), encoding="utf-8")
    save(repository)
    run("compile", repository, "--branch", "proposal")


def nothing(repository: Path) -> None:
    git(repository, "switch", "-qc", "proposal")


@pytest.mark.parametrize(
    ("spoil", "code", "state", "said"),
    [
        (nothing, 0, "success", ""),
        (more_servers, 0, "success", "maxReplicaCount"),
        (tampered, 76, "failed", "base/chat/service.yaml: was edited by hand"),
        (change, 79, "failed", "out of date"),
        (wrong, 65, "failed", "blueprints/chat.yaml:1:1"),
    ],
    ids=["nothing", "no danger", "tampered", "not compiled", "wrong"],
)
def test_a_merge_request(
    spoil: Callable[[Path], None], code: int, state: str, said: str, repository: Path, tmp_path: Path
) -> None:
    spoil(repository)
    done = merge_request(repository, tmp_path / "gitlab")
    assert (done.code, done.state) == (code, state), done.log
    assert said in done.log
    assert ("gpuyard-diff.md" in done.kept) == (code in {0, 79, 81})


@pytest.mark.parametrize(("spoil", "code"), [(change, 81), (tampered, 76)], ids=["sources only", "tampered"])
def test_where_the_merge_compiles_sources_are_enough(
    spoil: Callable[[Path], None], code: int, repository: Path, tmp_path: Path
) -> None:
    spoil(repository)
    done = merge_request(repository, tmp_path / "gitlab", text=written(extras=ALL))
    assert done.code == code, done.log
    assert ("the merge compiles" in done.log) == (code == 81)


def artifact_is_a_link(root: Path, outside: Path) -> None:
    (root / "gpuyard-diff.md").symlink_to(outside / "secret")


def artifact_is_a_folder(root: Path, outside: Path) -> None:
    (root / "gpuyard-diff.md").mkdir()
    (root / "gpuyard-diff.md/link").symlink_to(outside)


HOSTILE = {
    "an artifact that is a link": (artifact_is_a_link, (0, 0, 0)),
    "an artifact that is a folder": (artifact_is_a_folder, (0, 0, 0)),
    **{
        name: (CASES[name].propose, CASES[name].ends)
        for name in ("a lock of the machine's files", "a library", "a secret", "names that a terminal obeys")
    },
}


@pytest.mark.attack("A15 workflow injection")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_merge_request_that_means_harm(name: str, repository: Path, tmp_path: Path) -> None:
    """What `make crash` does with all of them to the same commands is in test_hostile_checkouts.py."""
    change(repository)
    run("compile", repository, "--branch", "proposal")
    theirs = machine(tmp_path)
    spoil, ends = HOSTILE[name]
    spoil(repository, tmp_path / "machine")
    save(repository, "a merge request")
    done = merge_request(repository, tmp_path / "gitlab")
    assert done.code == next((each for each in ends if each), 81), done.log[:4000]
    assert files(tmp_path / "machine") == theirs
    said = done.log + "".join(done.kept.values())
    assert CANARY not in said
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", said)
    assert len(os.fsencode(said)) < 2 * LARGEST


# --- the comment ---------------------------------------------------------------------------------------------


@pytest.fixture
def gitlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "yard").mkdir()
    with yard("gitlab", tmp_path / "yard", monkeypatch) as found:
        yield found


def test_the_comment(gitlab: Yard, tmp_path: Path) -> None:
    """The job's own script, with nothing checked out, against the forge over TLS."""
    gitlab.edit("max: 2", "max: 1")
    assert gitlab.pr().exit_code == 0
    gitlab.forge.comments.clear()
    gitlab.forge.leave(1, "gpuyard", "gpuyard-diff.md", b"# What changes\n\n@ada, look\n")
    job = Job(tmp_path / "runner")
    console(job)
    program(job, "pip", "#!/bin/sh\n")
    project = gitlab.forge.url.removesuffix(".git")
    variables = {
        **SCHEDULE,
        "CI_PROJECT_URL": project,
        "CI_SERVER_URL": f"https://{gitlab.forge.host}",
        "GITLAB_TOKEN": os.environ["GITLAB_TOKEN"],
        "SSL_CERT_FILE": os.environ["SSL_CERT_FILE"],
    }
    found = written()
    (name,) = pipeline(found, variables)
    done = run_script(jobs(found)[name], job, variables)
    assert done.code == 0, done.log
    assert done.log == f"commented on {project}/1\n"
    (comment,) = gitlab.forge.comments
    assert "What changes" in comment["body"]
    assert "@ada" not in comment["body"]


# --- compile, release ----------------------------------------------------------------------------------------


def test_the_merge_is_compiled_and_pushed(gitlab: Yard, tmp_path: Path) -> None:
    """To the forge over TLS, which asks for the login of the job's token."""
    gitlab.edit("max: 2", "max: 3")
    git(gitlab.tree, "commit", "-qam", "A merge")
    git(gitlab.tree, "push", "-q", str(gitlab.bare), "main")
    job = Job(tmp_path / "runner")
    check_out(job, gitlab.bare, git(gitlab.bare, "rev-parse", "main"), "+refs/heads/main:refs/remotes/origin/main")
    console(job)
    program(job, "pip", "#!/bin/sh\n")
    variables = {
        **MAIN,
        "CI_JOB_TOKEN": os.environ["GITLAB_TOKEN"],
        "CI_PROJECT_URL": gitlab.forge.url.removesuffix(".git"),
        "CI_SERVER_URL": f"https://{gitlab.forge.host}",
        "GITLAB_USER_NAME": "Ada $(touch planted)",
        "GITLAB_USER_EMAIL": "ada@example.com",
        "GIT_SSL_CAINFO": os.environ["GIT_SSL_CAINFO"],
    }
    found = written(extras=ALL)
    (name,) = pipeline(found, variables)
    done = run_script(jobs(found)[name], job, variables)
    assert done.code == 0, done.log
    assert variables["CI_JOB_TOKEN"] not in done.log
    assert git(gitlab.bare, "log", "-1", "--format=%an %s", "main") == "Ada $(touch planted) Compile chat"
    assert not [*tmp_path.rglob("planted")]
    git(gitlab.tree, "pull", "-q", str(gitlab.bare), "main")
    assert run("compile", "--check", gitlab.tree).exit_code == 0


def released(tmp_path: Path, folder: PurePosixPath, tag: str, more: dict[str, str]) -> tuple[Done, list[str]]:
    """The job of a tag, with stand-ins for all that it calls; what was called."""
    job = Job(tmp_path / "runner")
    console(job)
    for called in ("pip", "gpuyard"):
        program(job, called, f'#!/bin/sh\necho {called} "$@" >> {tmp_path}/called\n')
    program(job, "curl", '#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done\necho "#!/bin/sh" > "$2"\n')
    keep = 'cp "$DOCKER_CONFIG/config.json"'
    program(
        job, "gpuyard", f'#!/bin/sh\necho gpuyard "$@" >> {tmp_path}/called\n{keep} {tmp_path} 2> /dev/null || true\n'
    )
    variables = {
        **TAG,
        "CI_COMMIT_TAG": tag,
        "CI_REGISTRY": "registry.example.com",
        "CI_REGISTRY_IMAGE": "registry.example.com/acme/gitops",
        "CI_REGISTRY_USER": "gitlab-ci-token",
        "CI_REGISTRY_PASSWORD": CANARY,
        **more,
    }
    found = written(folder, extras=ALL)
    (name,) = pipeline(found, variables)
    body = jobs(found)[name]
    if "checksum" not in more:
        program(job, "sha256sum", "#!/bin/sh\ncat > /dev/null\n")
    done = run_script(body, job, variables)
    called = (tmp_path / "called").read_text(encoding="utf-8").splitlines()
    return done, [line for line in called if line.startswith("gpuyard")]


@pytest.mark.parametrize(
    ("folder", "tag", "more", "expected"),
    [
        (TOP, "v1.2.3", {}, "--keyless -- 1.2.3 ."),
        (TOP, "v1.2.3", {"COSIGN_KEY": "/builds/a key"}, "--sign-key /builds/a key -- 1.2.3 ."),
        (PurePosixPath("gpu"), "gpu/v1.2.3", {}, "--keyless -- 1.2.3 gpu"),
    ],
)
def test_a_release(folder: PurePosixPath, tag: str, more: dict[str, str], expected: str, tmp_path: Path) -> None:
    done, called = released(tmp_path, folder, tag, more)
    assert done.code == 0, done.log
    place = expected.split()[-1]
    assert called == [
        f"gpuyard compile --check {place}",
        f"gpuyard release --to oci://registry.example.com/acme/gitops {expected}",
    ]
    login = json.loads((tmp_path / "config.json").read_text())["auths"]["registry.example.com"]["auth"]
    decoded = subprocess.run(["base64", "-d"], input=login, capture_output=True, text=True, check=True)
    assert decoded.stdout == f"gitlab-ci-token:{CANARY}"
    assert CANARY not in done.log


@pytest.mark.attack("A10 swapped dependencies")
def test_another_cosign_releases_nothing(tmp_path: Path) -> None:
    """The real sha256sum, and a download that somebody has changed."""
    (tmp_path / "called").touch()
    done, called = released(tmp_path, TOP, "v1.2.3", {"checksum": "real"})
    assert (done.state, called) == ("failed", []), done.log
    assert "cosign: FAILED" in done.log
