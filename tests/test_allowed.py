"""Each new entry of serving.unsafe is told before it lands, with what it allows, as text and as data."""

import json
from pathlib import Path

import pytest

from gpuyard.review.allowed import newly_allowed
from gpuyard.review.placed import Effect, Placed, Running
from tests.test_compile import git, run, save
from tests.test_told import edit

LINE = (
    "chat in phx is newly allowed compilation-config.backend, which imports a Python function",
    "chat in phx is newly allowed values.extraPodSpec, which changes any field of the pods",
)
OPENED = {
    "spec": {
        "serving": {
            "args": {"compilation-config": {"backend": "team.compiler"}},
            "unsafe": ["compilation-config.backend", "values.extraPodSpec"],
        },
        "values": {"extraPodSpec": {"schedulerName": "other"}},
    }
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "gitops"
    assert run("init", root).exit_code == 0
    assert run("compile", root).exit_code == 0
    return root


@pytest.mark.attack("A13 arguments of vLLM")
def test_what_is_new_is_told_once(repository: Path) -> None:
    edit(repository, OPENED)
    for command in (("check",), ("compile", "--check")):
        said = run(*command, repository).stderr
        assert all(said.count(f"note: {line}\n") == 1 for line in LINE), said
        found = json.loads(run(*command, repository, "-o", "json").stdout)["consequences"]
        assert [each["message"] for each in found if each["effect"] == "allowed"] == list(LINE)
    save(repository)
    assert LINE[0] in run("compile", repository).stderr
    assert f"- {LINE[0]}\n" in git(repository, "log", "-1", "--format=%B")
    assert "newly allowed" not in run("check", repository).stderr
    base = run("check", repository, "--base", "HEAD~2").stderr
    assert all(line in base for line in LINE), base


def test_where_nothing_runs_all_of_it_is_new(tmp_path: Path) -> None:
    root = tmp_path / "gitops"
    assert run("init", root).exit_code == 0
    edit(root, OPENED)
    assert all(line in run("check", root).stderr for line in LINE)


def test_only_what_is_new_in_a_cluster() -> None:
    before = Running(placements={"phx": {"chat": Placed("a10", "models", None, unsafe=("PYTHONPATH",))}})
    entries = {"PYTHONPATH": "imports", "MY_SETTING": "is unknown"}
    found = list(newly_allowed(before, [("phx", "chat", entries), ("iad", "chat", {"PYTHONPATH": "imports"})]))
    assert [(each.cluster, each.effect, each.message.partition("allowed ")[2]) for each in found] == [
        ("iad", Effect.ALLOWED, "PYTHONPATH, which imports"),
        ("phx", Effect.ALLOWED, "MY_SETTING, which is unknown"),
    ]
