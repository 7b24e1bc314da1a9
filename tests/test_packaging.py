"""The wheel works where there is no checkout."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from importlib.metadata import Distribution, PackagePath, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT

FOLDERS = ("charts", "overlays", "blueprints")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    argv = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(argv, check=True)
    (found,) = folder.glob("*.whl")
    return found


def shipped_files() -> set[str]:
    out = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", *FOLDERS],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return set(out.split())


def test_wheel_carries_every_shipped_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.removeprefix("gpuyard/_data/") for name in archive.namelist() if "_data/" in name}
    assert names == shipped_files()


def test_no_python_hides_in_the_data(wheel: Path) -> None:
    """A module there would shadow the package in an editable install; what a chart shows in its objects is none."""
    with zipfile.ZipFile(wheel) as archive:
        found = [name for name in archive.namelist() if "_data/" in name and name.endswith(".py")]
    assert not [name for name in found if not re.search(r"/charts/[a-z]+/files/[a-z]+\.py$", name)]


def needed(requirements: Iterable[str]) -> dict[str, Distribution]:
    """What requirements lead to on this machine, without extras, as this environment has it."""
    found: dict[str, Distribution] = {}
    wanted = [Requirement(line) for line in requirements]
    for each in wanted:  # grows while it is walked
        inside = each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *each.extras))
        if inside and each.name not in found:
            found[each.name] = distribution(each.name)
            wanted += map(Requirement, found[each.name].requires or ())
    return found


def own_files(dist: Distribution) -> Iterator[PackagePath]:
    """What it put into site-packages, without what Python made of it."""
    return (file for file in dist.files or () if file.parts[0] != ".." and file.suffix != ".pyc")


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, what it needs and nothing else. No index is asked, and pip itself finds it complete."""
    root = tmp_path_factory.mktemp("env")
    venv.create(root, with_pip=False, symlinks=True)
    (site,) = root.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    for dist in needed(metadata.get_all("Requires-Dist", [])).values():
        for top in {file.parts[0] for file in own_files(dist)}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(dist.locate_file(top))))
    pip = [sys.executable, "-m", "pip", "--python", str(root / "bin" / "python")]
    subprocess.run([*pip, "install", "--quiet", "--no-index", str(wheel)], check=True, env={"PATH": os.environ["PATH"]})
    return root


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with git and nothing else: no helm."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(str(shutil.which("git")))
    return str(tmp_path / "bin")


OWN_QUERY = """\
apiVersion: gpuyard.dev/v1alpha1
kind: Blueprint
metadata: {name: own}
spec:
  model: {name: qwen3-8b}
  scaling: {signal: upstream, upstream: {query: sum(requests), target: 8}}
"""


def test_the_main_job_runs_where_nothing_but_the_wheel_was_asked_for(
    environment: Path, path: str, tmp_path: Path
) -> None:
    """Every package in the environment is used by it: nobody waits for one that nothing imports."""
    told = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from gpuyard.cli.main import main; main()"
    )
    imported: set[str] = set()

    def run(*args: str, code: int = 0) -> str:
        argv = [environment / "bin" / "python", "-c", told, *args]
        env = {"PATH": path, "HOME": str(tmp_path)}
        done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        imported.update(done.stderr.splitlines()[-1].split())
        return done.stdout

    run("init", "gitops")
    assert "commit " in run("compile", "gitops")
    assert run("compile", "gitops").startswith("up to date")
    (tmp_path / "gitops" / "blueprints" / "own.yaml").write_text(OWN_QUERY, encoding="utf-8")
    assert "own" in run("check", "gitops")
    (tmp_path / "gitops" / "blueprints" / "own.yaml").write_text(f"{OWN_QUERY}nothing: 1\n", encoding="utf-8")
    run("check", "gitops", code=65)  # what tells what is wrong is not asked before

    (site,) = environment.glob("lib/python*/site-packages")
    installed = {dist.name: list(own_files(dist)) for dist in distributions(path=[str(site)])}
    assert {"gpuyard", "click"} <= installed.keys()
    assert "oci" not in installed
    for name, files in installed.items():
        tops = {file.parts[0].partition(".")[0] for file in files if file.suffix in {".py", ".so"}}
        assert tops & imported, f"{name} is installed, and nothing imports it"
    sizes = {name: sum(Path(str(file.locate())).stat().st_size for file in files) for name, files in installed.items()}
    largest = ", ".join(
        f"{name} {size // 10**6}" for name, size in sorted(sizes.items(), key=lambda each: -each[1])[:3]
    )
    print(f"{sum(sizes.values()) // 10**6} MB on disk: {largest}, …")  # noqa: T201 - `pytest -rP` shows it


@pytest.mark.parametrize(
    ("platform", "machine", "wheel_exists"),
    [
        ("linux", "x86_64", True),
        ("linux", "aarch64", True),
        ("darwin", "arm64", True),
        ("darwin", "x86_64", False),
        ("linux", "ppc64le", False),
        ("linux", "armv7l", False),
    ],
)
def test_helm_s_library_is_needed_where_it_has_a_wheel(platform: str, machine: str, wheel_exists: bool) -> None:
    lines = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    markers = [each.marker for each in map(Requirement, lines) if each.name == "helm-python-sdk"]
    here = {"sys_platform": platform, "platform_machine": machine}
    assert any(marker is None or marker.evaluate(here) for marker in markers) == wheel_exists


# --- what CI installs ----------------------------------------------------------------------------------------


def test_the_lock_has_all_that_a_workflow_needs_with_digests() -> None:
    """What is in it is what pyproject.toml allows, and so is what that needs in turn, as this environment has it."""
    text = (ROOT / "generator/gpuyard/requirements.txt").read_text("utf-8")
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if not entry.startswith("#")]
    locked = {Requirement(entry.split("\\\n")[0].strip()).name.lower(): entry for entry in entries}
    assert all(re.search(r"==\S+", entry) and "--hash=sha256:" in entry for entry in entries)
    versions = {name: re.findall(r"==([^ ;]+)", entry)[0] for name, entry in locked.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [Requirement(line) for line in (*project["dependencies"], *project["optional-dependencies"]["release"])]
    for each in wanted:
        name = re.sub(r"[-_.]+", "-", each.name.lower())
        assert each.specifier.contains(versions[name]), f"{name}: run `make lock`"
    for name in needed(str(each) for each in wanted):
        assert re.sub(r"[-_.]+", "-", name.lower()) in versions, f"{name}: run `make lock`"


@pytest.mark.parametrize("works", [True, False], ids=["newest", "no network"])
def test_the_target_that_locks_keeps_all_but_the_pins(works: bool, tmp_path: Path) -> None:
    """In a clean checkout; what resolves is a stand-in: it prints the pins that are there, or fails at the second."""
    locks = ("generator/gpuyard/requirements.txt", ".github/build-requirements.txt")
    for name in ("Makefile", "tests/scan/requirements/uv.txt", *locks):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    uv = tmp_path / ".tools/scan/uv/bin/uv"
    uv.parent.mkdir(parents=True)
    (tmp_path / ".tools/scan/uv/.done").touch()
    second = f"cat {ROOT / locks[1]}" if works else "exit 2"
    uv.write_text(f'#!/bin/sh\n[ "$3" = - ] || exec grep -v "^#" {ROOT / locks[0]}\n{second}\n')
    uv.chmod(0o755)
    done = subprocess.run(["make", "lock"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == works, done.stderr
    for name in locks:
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes()
