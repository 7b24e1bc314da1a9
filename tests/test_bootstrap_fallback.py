"""No capacity, or a limit of nothing: the blueprint goes to the next shape that its author lists, by a commit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gpuyard.bootstrap.fallback import edited, moves
from gpuyard.cli.main import cli
from gpuyard.doors import yamlio
from gpuyard.project.load import parse
from gpuyard.resolve import resolve
from tests.gittools import git
from tests.oci.fixture import Running
from tests.ociruns import kinds
from tests.projects import STACK, sources

FIRST, SECOND = "BM.GPU.H100.8", "BM.GPU4.8"
H100, A100 = f"phx/nodes-{FIRST}", f"phx/nodes-{SECOND}"
SHAPES = {"h100": FIRST, "a100": SECOND, "a10": ["VM.GPU.A10.2", "BM.GPU.A10.4"]}
SPEC = {"shapes": {"h100": {}, "a100": {}}, "scaling": {"min": 1, "max": 1}}
BOTH = {"shapes": {"a10": {}, "a100": {}}, "scaling": {"min": 1, "max": 1}}


def stack(**cluster: Any) -> dict[str, Any]:
    own = {**STACK["spec"]["clusters"][0], "shapes": SHAPES, **cluster}
    return {"oci": {"compartment": "gpu"}, "clusters": [own]}


# What the blueprint says, what the cluster says of it, what cannot start, and what the cluster says then.
CASES: dict[str, tuple[dict[str, Any], Any, set[str], Any]] = {
    "the next shape": (SPEC, {"chat": "h100"}, {H100}, {"chat": "a100"}),
    "where nobody has decided": (SPEC, None, {H100}, {"chat": "a100"}),
    "what else is said stays": (
        SPEC, {"chat": {"shape": "h100", "max": 2}}, {H100}, {"chat": {"shape": "a100", "max": 2}}
    ),
    "the next OCI shape of the same GPU": (
        BOTH, {"chat": "a10"}, {"phx/nodes-VM.GPU.A10.2"}, {"chat": {"shape": "a10", "nodes": ["BM.GPU.A10.4"]}}
    ),
    "both OCI shapes of a GPU": (
        BOTH, {"chat": "a10"}, {"phx/nodes-VM.GPU.A10.2", "phx/nodes-BM.GPU.A10.4"}, {"chat": "a100"}
    ),
    "an OCI shape that was chosen": (
        BOTH, {"chat": {"shape": "a10", "nodes": ["VM.GPU.A10.2"]}}, {"phx/nodes-VM.GPU.A10.2"},
        {"chat": {"shape": "a100"}},
    ),
    "one that was tried": (SPEC, {"chat": "h100"}, {H100, A100}, None),
    "the last": (SPEC, {"chat": "a100"}, {A100}, None),
    "shapes that nobody has listed": ({"scaling": {"min": 1, "max": 1}}, {"chat": "h100"}, {H100}, None),
    "nodes of another blueprint": (SPEC, {"chat": "h100"}, {A100}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_where_a_blueprint_goes(name: str) -> None:
    spec, placed, short, expected = CASES[name]
    project = parse(sources(spec, stack(**({"blueprints": placed} if placed else {}))))
    resolved = resolve(project)
    found = moves(project, resolved, short)
    assert bool(found) is (expected is not None)
    text = edited(project, resolved, found)
    before, after = (yamlio.load_data(each) for each in (project.sources["stack.yaml"].decode(), text))
    wanted = {**before["spec"]["clusters"][0], **({"blueprints": expected} if expected else {})}
    assert after["spec"]["clusters"] == [wanted]
    assert {**after["spec"], "clusters": None} == {**before["spec"], "clusters": None}
    parse({**project.sources, "stack.yaml": text.encode()})


@pytest.fixture
def folder(oci_cloud: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of a stack whose model may run on two shapes."""
    oci_cloud.pace = oci_cloud.lag = 0
    for key, value in oci_cloud.environment(tmp_path / "oci").items():
        monkeypatch.setenv(key, value)
    where = tmp_path / "gitops"
    for name, data in sources(SPEC, stack()).items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_bytes(data)
    return where


def committed(folder: Path) -> None:
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "first")


def run(command: str, *arguments: str) -> Result:
    """Infrastructure alone: the hand-over has tests of its own."""
    own = ("--no-handover",) if command in ("plan", "apply") else ()
    return CliRunner().invoke(cli, ["bootstrap", command, *arguments, *own])


def started(cloud: Running) -> Mapping[str, int]:
    """Nodes by OCI shape."""
    pools = [pool.has for pool in cloud.all("node_pool") if ".GPU" in pool.has["nodeShape"]]
    return {shape: sum(each["nodeConfigDetails"]["size"] for each in pools if each["nodeShape"] == shape)
            for shape in {each["nodeShape"] for each in pools}}  # fmt: skip


def test_without_capacity_one_more_run_serves_on_the_second_choice(folder: Path, oci_cloud: Running) -> None:
    committed(folder)
    oci_cloud.capacity = {FIRST: 0}
    first = run("apply", str(folder), "--yes")
    assert first.exit_code == 75, first.output
    assert f"no availability domain has 1 more {FIRST} at the moment" in first.stderr
    assert f"phx: chat goes from {FIRST} to {SECOND}, the next that it may run on" in first.stderr
    assert "run the same command again: it shows the price there, and asks" in first.stderr
    assert started(oci_cloud) == {FIRST: 0}
    assert git(folder, "log", "-1", "--format=%s").strip() == "Move chat to where there is capacity"
    assert git(folder, "status", "--porcelain").strip() == ""
    assert list((folder / "overlays").iterdir())
    assert CliRunner().invoke(cli, ["compile", str(folder), "--check"]).exit_code == 0

    second = run("apply", str(folder), "--yes")
    assert second.exit_code == 0, second.output
    assert started(oci_cloud) == {SECOND: 1}
    assert kinds(oci_cloud)["cluster", "phx/cluster"] == 1
    assert run("plan", str(folder)).exit_code == 0


def test_a_limit_of_nothing_moves_it_before_anything_is_made(folder: Path, oci_cloud: Running) -> None:
    committed(folder)
    oci_cloud.limits = {"gpu-h100-count": 0}
    assert f"refused: phx: 1 {FIRST} cannot start" in run("plan", str(folder)).stdout
    first = run("apply", str(folder), "--yes")
    assert first.exit_code == 75, first.output
    assert not oci_cloud.live()
    assert run("apply", str(folder), "--yes").exit_code == 0
    assert started(oci_cloud) == {SECOND: 1}


def test_what_runs_already_stays_where_it_is(folder: Path, oci_cloud: Running) -> None:
    """A model that has a node is not moved because it may not get another one."""
    committed(folder)
    assert run("apply", str(folder), "--yes").exit_code == 0
    more = sources({**SPEC, "scaling": {"min": 9, "max": 9}}, stack())
    for name, data in more.items():
        (folder / name).write_bytes(data)
    oci_cloud.capacity = {FIRST: 0}
    found = run("apply", str(folder), "--yes")
    assert found.exit_code == 75, found.output
    assert f"no availability domain has 1 more {FIRST}" in found.stderr
    assert "goes from" not in found.output
    assert started(oci_cloud) == {FIRST: 1}


def test_what_cannot_be_committed_is_said_as_what_to_write(folder: Path, oci_cloud: Running) -> None:
    oci_cloud.limits = {"gpu-h100-count": 0}
    found = run("apply", str(folder), "--yes")
    assert found.exit_code == 75
    assert f"set blueprints of the cluster in stack.yaml so: chat: a100 ({SECOND}) in phx" in found.stderr
    assert "Traceback" not in found.output
