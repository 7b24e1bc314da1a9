"""This project's own release: the steps of its workflow, from a clone to a registry."""

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

import pytest
import yaml

from gpuyard import __version__
from tests.conftest import ROOT
from tests.gittools import clone, git, isolate
from tests.ocistore import OciStore, oci_store
from tests.workflows import Job, Ran, console, program, run_job

FILE = ROOT / ".github/workflows/release.yml"
JOBS = yaml.safe_load(FILE.read_text("utf-8"))["jobs"]
PACKED = ("generator", "charts", "overlays", "blueprints", "README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml")
PACKED += (".github/build-requirements.txt",)
TAG, WHEEL = f"v{__version__}", f"gpuyard-{__version__}-py3-none-any.whl"
CHART = yaml.safe_load((ROOT / "charts/vllm/Chart.yaml").read_text("utf-8"))["version"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Of whoever runs the jobs."""
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory.mktemp("of") / "home")
        yield


@pytest.fixture(scope="module")
def origin(home: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project as it stands here, in one commit."""
    folder = tmp_path_factory.mktemp("project") / "origin"
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-coz", "--exclude-standard", *PACKED], capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message", "All")
    return folder


class Runner:
    """Runs jobs one after the other; what one uploads is there for the next."""

    def __init__(self, folder: Path, origin: Path, registry: str, tag: str = TAG) -> None:
        self.folder, self.origin, self.tag = folder, origin, tag
        self.text = FILE.read_text("utf-8").replace("REGISTRY: ghcr.io", f"REGISTRY: {registry}")
        self.kept = folder / "artifacts"
        self.called = folder / "called"

    def run(self, name: str, build: str = "") -> Ran:
        """A job; `build` stands in for what builds the wheel, and needs no clone."""

        def checkout(job: Job, given: Mapping[str, str]) -> None:
            assert given["persist-credentials"] == "False"
            if not build:
                clone(self.origin, job.workspace)

        def upload(job: Job, given: Mapping[str, str]) -> None:
            found = job.workspace / given["path"]
            if found.exists() or given["if-no-files-found"] == "error":
                shutil.copytree(found, self.kept / given["name"])

        def nothing(job: Job, given: Mapping[str, str]) -> None:
            pass

        job = Job(
            self.folder / name,
            values={"github.token": "t0ken", "github.repository": "Acme/Yard"},
            uses={
                "actions/checkout": checkout,
                "actions/setup-python": nothing,
                "actions/upload-artifact": upload,
                "sigstore/cosign-installer": nothing,
            },
            environment={
                "GITHUB_ACTOR": "ada",
                "GITHUB_REF_NAME": self.tag,
                "GITHUB_REPOSITORY": "Acme/Yard",
                "GITHUB_REPOSITORY_OWNER": "Acme",
                "GITHUB_RUN_ID": "77",
                "GITHUB_SHA": "0" * 40,
            },
        )
        for each in ("pip", "docker", "cosign"):
            # What is piped to it is read: without that, the other end of the pipe fails now and then.
            read = "cat > /dev/null\n" if each == "docker" else ""
            program(job, each, f'#!/bin/sh\n{read}echo {each} "$@" >> {self.called}\n')
        program(job, "gh", _gh(self))
        console(job)
        program(job, "python", build or f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        return run_job(self.text, job, name)

    @property
    def calls(self) -> list[str]:
        return self.called.read_text("utf-8").splitlines()


def _gh(runner: Runner) -> str:
    """Has the artifacts of the run, and no release yet."""
    return f"""#!/bin/sh
echo gh "$@" >> {runner.called}
case "$1 $2" in
  "run download") cp -r {runner.kept} "$5" ;;
  "release view") exit 1 ;;
esac
"""


# --- what it may ---------------------------------------------------------------------------------------------


@pytest.mark.attack("A15 workflow injection")
def test_each_job_has_the_rights_that_it_needs() -> None:
    assert yaml.safe_load(FILE.read_text("utf-8"))["permissions"] == {}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "build": {"contents": "read"},
        "chart": {"contents": "read", "packages": "write", "id-token": "write"},
        "publish": {"actions": "read", "contents": "write"},
    }


@pytest.mark.attack("A15 workflow injection")
@pytest.mark.parametrize("step", [step for job in JOBS.values() for step in job["steps"]])
def test_a_step_is_pinned_and_no_name_of_a_tag_is_a_script(step: dict[str, object]) -> None:
    assert "${{" not in str(step.get("run"))
    if used := str(step.get("uses", "")):
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", used)
        assert re.search(rf"{used} # v\d+\.\d+\.\d+$", FILE.read_text("utf-8"), re.MULTILINE)


def test_no_job_runs_for_ever_or_before_what_it_needs() -> None:
    assert all(job["timeout-minutes"] <= 30 for job in JOBS.values())
    assert {name: job.get("needs") for name, job in JOBS.items()} == {
        "build": None,
        "chart": "build",
        "publish": ["build", "chart"],
    }


# --- what it does --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """A whole run of the workflow."""

    runner: Runner
    store: OciStore
    log: str


@pytest.fixture(scope="module")
def made(origin: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """All jobs, once: each builds or compiles for half a minute."""
    with oci_store() as store:
        runner, log = Runner(tmp_path_factory.mktemp("run") / "runner", origin, store.host), ""
        for name in JOBS:
            ran = runner.run(name)
            assert not ran.failed, ran.log
            log += ran.log
        yield Made(runner, store, log)


def test_from_a_clone_to_wheel_chart_and_release(made: Made) -> None:
    runner, store = made.runner, made.store
    assert "t0ken" not in made.log
    with zipfile.ZipFile(runner.kept / "dist" / WHEEL) as wheel:
        about = message_from_bytes(wheel.read(f"gpuyard-{__version__}.dist-info/METADATA"))
        assert b"gpuyard = gpuyard.__main__:main" in wheel.read(f"gpuyard-{__version__}.dist-info/entry_points.txt")
        assert "gpuyard/_data/charts/vllm/Chart.yaml" in wheel.namelist()
        assert "gpuyard/requirements.txt" in wheel.namelist()
    assert (about["Name"], about["Version"], about["Requires-Python"]) == ("gpuyard", __version__, ">=3.11")
    with tarfile.open(runner.kept / "dist" / f"gpuyard-{__version__}.tar.gz") as sdist:
        assert f"gpuyard-{__version__}/pyproject.toml" in sdist.getnames()

    assert store.files().keys() >= {f"acme/charts/vllm:{CHART}"}
    signed = [call.split()[-1] for call in runner.calls if call.startswith("cosign sign --yes")]
    assert f"{store.host}/acme/charts/vllm@{store.tags['acme/charts/vllm', CHART]}" in signed
    assert not [call for call in runner.calls if "t0ken" in call]

    (attached,) = (call.split() for call in runner.calls if call.startswith("gh release upload"))
    there = {Path(each).name for each in attached if each.startswith("made/")}
    assert there == {path.name for path in runner.kept.rglob("*") if path.is_file()}
    assert there > {WHEEL, f"gpuyard-{__version__}.tar.gz", f"vllm-{CHART}.tgz"}


def test_what_is_installed_has_its_digests(made: Made) -> None:
    """All but this project itself, which is built from the clone without asking an index."""
    calls = [call.split() for call in made.runner.calls if call.startswith("pip ")]
    assert [call[-1] for call in calls] == [
        ".github/build-requirements.txt",
        ".github/build-requirements.txt",
        "generator/gpuyard/requirements.txt",
        ".",
    ]
    assert all("--require-hashes" in call for call in calls[:3])
    assert {"--no-deps", "--no-build-isolation"} < set(calls[3])


def test_the_wheel_is_what_pip_installs(made: Made, tmp_path: Path) -> None:
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target]
    subprocess.run([*pip, made.runner.kept / "dist" / WHEEL], check=True)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "gpuyard", "--version"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(target), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert __version__ in done.stdout


def test_helm_pulls_the_chart(made: Made, origin: Path, tmp_path: Path) -> None:
    helm = shutil.which("helm")
    assert helm, "there is no helm on PATH; `make test-tools` builds it"
    subprocess.run(
        [helm, "pull", f"oci://{made.store.host}/acme/charts/vllm", "--version", CHART, "--plain-http", "--untar"],
        cwd=tmp_path,
        check=True,
    )
    assert (tmp_path / "vllm/values.yaml").read_bytes() == (origin / "charts/vllm/values.yaml").read_bytes()


def test_a_chart_that_is_released_is_no_hindrance(made: Made, origin: Path, tmp_path: Path) -> None:
    """The wheel is that of the first run; the chart is there."""
    before = made.store.files()
    runner = Runner(tmp_path / "second", origin, made.store.host)
    shutil.copytree(made.runner.kept / "dist", runner.kept / "dist")
    for name in ("chart", "publish"):
        ran = runner.run(name)
        assert not ran.failed, ran.log
    assert made.store.files() == before
    (attached,) = (call.split() for call in runner.calls if call.startswith("gh release upload"))
    assert f"made/dist/{WHEEL}" in attached


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("tag", ["v99.0.0", "v", "v1'; touch pwned; '", TAG])
def test_a_tag_that_is_not_the_version_releases_nothing(tag: str, tmp_path: Path) -> None:
    """What builds the wheel is a stand-in: it makes one of this version."""
    runner = Runner(tmp_path / "runner", tmp_path, "registry.invalid", tag)
    ran = runner.run("build", build=f"#!/bin/sh\nmkdir -p dist && touch dist/{WHEEL}\n")
    assert ran.statuses["Build"] == (tag != TAG)
    assert ("the tag is not the version" in ran.log) == (tag != TAG)
    assert not list(tmp_path.rglob("pwned"))
