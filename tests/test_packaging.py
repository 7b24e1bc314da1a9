"""The wheel works where there is no checkout."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

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
    """A module there would shadow the package in an editable install."""
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if "_data/" in name and name.endswith(".py")]


def test_compiles_from_the_wheel_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """In an empty environment: our package from the wheel alone, its dependencies from this one."""
    environment = tmp_path / "env"
    venv.create(environment, with_pip=False, symlinks=True)
    site = next((environment / "lib").glob("python*")) / "site-packages"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)],
        check=True,
    )
    here = next(path for path in sys.path if path.endswith("site-packages"))
    linked = site / "dependencies.pth"
    # Behind our own site-packages, so that only what the wheel lacks is found there.
    linked.write_text(here + "\n", encoding="utf-8")
    python = environment / "bin" / "python"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def run(*args: str) -> str:
        done = subprocess.run(
            [str(python), "-m", "gpuyard", *args],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = subprocess.run(
        [str(python), "-c", "import gpuyard; print(gpuyard.__file__)"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(site))
    run("init", "gitops")
    assert "commit " in run("compile", "gitops")
    assert run("compile", "gitops").startswith("up to date")
