"""The composite action: its steps on pull requests, as a job of somebody's own workflow runs them."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.test_ci import change, checkout, proposed, tampered, wrong
from tests.test_compile import run
from tests.workflows import Job, Ran, console, program, run_job

FILE = ROOT / "action.yml"
ACTION = yaml.safe_load(FILE.read_text("utf-8"))
STEPS = ACTION["runs"]["steps"]
BASE = "inputs.base || format('origin/{0}', github.base_ref)"
# What `python -m venv` makes, with a pip that writes down how it is called.
VENV = """#!/bin/sh
[ "$1 $2" = "-m venv" ] || exit 9
mkdir -p "$3/bin"
cp {programs}/gpuyard {programs}/pip "$3/bin"
"""


@pytest.mark.attack("A15 workflow injection")
@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_pinned_and_no_input_is_a_script(step: dict[str, object]) -> None:
    assert "${{" not in str(step.get("run"))
    assert "secrets" not in FILE.read_text("utf-8").replace("holds no secret", "")
    assert "github.token" not in FILE.read_text("utf-8")
    if used := str(step.get("uses", "")):
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", used)
        assert re.search(rf"{used} # v\d+\.\d+\.\d+$", FILE.read_text("utf-8"), re.MULTILINE)
    else:
        assert step["shell"] == "bash"


def test_what_it_installs_is_the_commit_that_it_is_of() -> None:
    (step,) = (each for each in STEPS if each.get("name") == "Install gpuyard")
    lines = [line for line in step["run"].splitlines() if line.startswith("$pip install")]
    assert [line.split()[-1] for line in lines] == [
        '"$ACTION/generator/gpuyard/requirements.txt"',
        '"$ACTION/.github/build-requirements.txt"',
        '"$ACTION"',
    ]
    for line in lines[:2]:
        assert "--require-hashes --only-binary :all:" in line
        assert (ROOT / line.split('"$ACTION/')[1].rstrip('"')).is_file()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("compiled") / "gitops"
    assert run("init", root, "--name", "demo", "--url", "https://git.example.com/acme/gitops").exit_code == 0
    assert run("compile", root).exit_code == 0
    return root


def acted(origin: Path, folder: Path, on_merge: str = "false") -> Ran:
    """The action's steps after a checkout, on what origin proposes."""
    job = Job(
        folder,
        values={
            BASE: "origin/main",
            "inputs.directory": ".",
            "inputs.compiled-on-merge": on_merge,
            "github.action_path": str(ROOT),
        },
        uses={"actions/setup-python": lambda job, given: None, "actions/checkout": checkout(origin)},
    )
    folder.mkdir()
    console(job)
    program(job, "pip", f'#!/bin/sh\necho "$@" >> {folder}/pip.txt\n')
    program(job, "python", VENV.format(programs=job.programs))
    before = {"uses": "actions/checkout@x", "with": {"persist-credentials": False}}
    return run_job(yaml.safe_dump({"jobs": {"check": {"steps": [before, *STEPS]}}}), job)


CHECK, SHOW, GENERATED = (step["name"] for step in STEPS[2:])


@pytest.mark.parametrize(
    ("spoil", "on_merge", "last", "said"),
    [
        (change, "false", (GENERATED, 79), "out of date"),
        (change, "true", (GENERATED, 0), "the merge compiles"),
        (tampered, "true", (CHECK, 76), "was edited by hand"),
        (wrong, "false", (CHECK, 65), "blueprints/chat.yaml:1:1"),
    ],
    ids=["not compiled", "sources only", "tampered", "wrong"],
)
def test_a_pull_request(
    spoil: Callable[[Path], None], on_merge: str, last: tuple[str, int], said: str, compiled: Path, tmp_path: Path
) -> None:
    repository = Path(shutil.copytree(compiled, tmp_path / "gitops", symlinks=True))
    spoil(repository)
    ran = acted(proposed(repository), tmp_path / "runner", on_merge)
    assert [*ran.statuses.items()][-1] == last, ran.log
    assert said in ran.log
    if last[0] == GENERATED:
        assert Path(ran.outputs["diff", "file"]).read_text("utf-8") == ran.summary
        assert "16384" in ran.summary
        assert ran.outputs["diff", "danger"] == "true"  # one replica: nobody serves meanwhile
        assert "::warning title=gpuyard::" in ran.log
