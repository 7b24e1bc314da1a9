"""`make chart`: our rules for chart-testing find what is wrong with a chart, and a changed one needs a new version."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests import gittools
from tests.chart.rendering import CASES
from tests.conftest import ROOT

COMMAND = "ct lint --config .github/ct/ct.yaml"
CHART = Path("charts/vllm")
Lint = Callable[..., tuple[int, str]]


@pytest.fixture
def lint(chart_testing_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lint:
    """Run COMMAND in a checkout, as `make chart` does."""
    gittools.isolate(monkeypatch, tmp_path / "home")

    def run(where: Path, *options: str, target: str = "main") -> tuple[int, str]:
        environment = os.environ | {"PATH": chart_testing_path, "CT_TARGET_BRANCH": target}
        argv = [*COMMAND.split(), *options]
        done = subprocess.run(argv, cwd=where, env=environment, capture_output=True, text=True, encoding="utf-8")
        return done.returncode, done.stdout + done.stderr

    return run


def copy(where: Path) -> Path:
    """A checkout of what COMMAND reads, with one file of test values."""
    shutil.copytree(ROOT / "charts", where / "charts")
    shutil.copytree(ROOT / ".github/ct", where / ".github/ct")
    for file in (where / CHART / "ci").iterdir():
        if file.name != "default-values.yaml":
            file.unlink()
    return where


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


# --- rules --------------------------------------------------------------------------------------------------


def test_our_chart_passes_with_all_its_values(lint: Lint) -> None:
    code, said = lint(ROOT, "--all")
    assert code == 0, said
    assert [name for name in CASES if f'with values file "charts/vllm/ci/{name}-values.yaml"' not in said] == []


FAULTS = {
    "key missing": ("Chart.yaml", "kubeVersion: ", "# kubeVersion: ", "kubeVersion: Required field missing"),
    "key misspelled": ("Chart.yaml", "keywords:", "keyword:", "keyword: Unexpected element"),
    "version of two numbers": (
        "Chart.yaml",
        "\nversion: ",
        "\nversion: 1.0 # ",
        "version: '1.0' is not a semantic version",
    ),
    "list not indented": ("Chart.yaml", "sources:\n  - ", "sources:\n- ", "wrong indentation"),
    "key twice": (
        "ci/default-values.yaml",
        "{}\n",
        "replicas: 2\nreplicas: 3\n",
        "duplication of key",
    ),
    "blanks at a line's end": ("values.yaml", "\n\n", "\n  \n", "trailing spaces"),
    "value of no key": (
        "ci/default-values.yaml",
        "{}",
        "fullName: chat",
        "additional properties 'fullName' not allowed",
    ),
    "template that does not end": ("templates/service.yaml", "{{", "{{ if true }}{{", "unexpected EOF"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name: str, lint: Lint, tmp_path: Path) -> None:
    file, old, new, message = FAULTS[name]
    checkout = copy(tmp_path / "checkout")
    edit(checkout / CHART / file, old, new)
    code, said = lint(checkout, "--all")
    assert code == 1, said
    assert message in said


# --- versions -----------------------------------------------------------------------------------------------


@pytest.fixture
def branch(tmp_path: Path, lint: Lint) -> Path:
    """A clone on a branch of its own; its origin's main has the chart as version 1.2.3."""
    origin = gittools.new(copy(tmp_path / "origin"))
    version(origin, "1.2.3")
    save(origin)
    checkout = gittools.clone(origin, tmp_path / "checkout")
    gittools.git(checkout, "switch", "-q", "-c", "work")
    return checkout


def version(where: Path, number: str) -> None:
    file = where / CHART / "Chart.yaml"
    lines = file.read_text("utf-8").splitlines(keepends=True)
    file.write_text(
        "".join(f"version: {number}\n" if line.startswith("version: ") else line for line in lines), "utf-8"
    )


def change(where: Path, name: str = "templates/service.yaml") -> None:
    file = where / CHART / name
    file.write_text(file.read_text("utf-8") + "# changed\n", "utf-8")


def save(where: Path) -> None:
    gittools.git(where, "add", "--all")
    gittools.git(where, "commit", "-q", "-m", "work")


@pytest.mark.parametrize("name", ["templates/service.yaml", "values.yaml", "README.md"])
def test_a_changed_chart_needs_a_new_version(name: str, lint: Lint, branch: Path) -> None:
    change(branch, name)
    save(branch)
    code, said = lint(branch)
    assert (code, "Needs a version bump" in said) == (1, True), said
    version(branch, "1.2.4")
    save(branch)
    code, said = lint(branch)
    assert (code, "Chart version ok." in said) == (0, True), said


def test_a_removed_template_is_a_change(lint: Lint, branch: Path) -> None:
    (branch / CHART / "templates/ingress.yaml").unlink()
    save(branch)
    assert lint(branch)[0] == 1


def test_an_older_version_is_no_new_one(lint: Lint, branch: Path) -> None:
    version(branch, "1.2.3-rc.1")
    save(branch)
    code, said = lint(branch)
    assert (code, "Needs a version bump" in said) == (1, True), said


def test_a_version_that_was_taken_meanwhile_is_no_new_one(lint: Lint, branch: Path) -> None:
    origin = branch.parent / "origin"
    gittools.git(origin, "switch", "-q", "-c", "release")
    for checkout, name in ((origin, "values.yaml"), (branch, "templates/service.yaml")):
        change(checkout, name)
        version(checkout, "1.2.4")
        save(checkout)
    gittools.git(branch, "fetch", "-q")
    assert lint(branch)[0] == 0
    assert lint(branch, target="release")[0] == 1
    gittools.git(branch, "merge", "-q", "--no-edit", "origin/release")  # what CI checks out is merged
    assert lint(branch, target="release")[0] == 1


def test_what_no_package_holds_needs_no_version(lint: Lint, branch: Path) -> None:
    change(branch, "ci/default-values.yaml")
    save(branch)
    code, said = lint(branch)
    assert (code, "No chart changes detected." in said) == (0, True), said


# --- who runs it --------------------------------------------------------------------------------------------


def test_every_pull_request_runs_it() -> None:
    assert f" {COMMAND}\n" in (ROOT / "Makefile").read_text("utf-8")
    job = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]["test"]
    (checkout,) = (step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@"))
    assert checkout["with"]["fetch-depth"] == 0
    (step,) = (step for step in job["steps"] if step.get("run") == "make chart")
    assert step["if"] == "github.event_name == 'pull_request' && matrix.python == '3.11'"
    assert step["env"] == {"CT_TARGET_BRANCH": "${{ github.base_ref }}"}
