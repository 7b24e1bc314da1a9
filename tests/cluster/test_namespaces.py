"""How a world ends: with its run, however that goes; and what is said on a machine that can't make one."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import __main__ as command
from tests.cluster import beside, namespaces, state
from tests.cluster.errors import SetupError

ROOT = Path(__file__).parents[2]

# A run without its programs: the namespaces are real, and so is the pytest inside.
_RUN = """\
import sys
from tests.cluster import __main__ as command, beside, namespaces
command._prepare = lambda: None
beside._PATIENCE = 0
command._TESTS = sys.argv[1]
command._start = lambda world, lock, facts, lifeline=-1, say=None: namespaces.start(world, lock, lifeline=lifeline)
sys.exit(command.main(sys.argv[2:]))
"""

_STAYS = """\
import os, pathlib, time

def test_stays() -> None:
    world = pathlib.Path(os.environ["GPUYARD_E2E_WORLD"])
    pathlib.Path({there!r}).mkdir(exist_ok=True)
    (pathlib.Path({there!r}) / world.name).write_text(str(world))
    try:
        time.sleep(120)
    finally:
        pathlib.Path({over!r}).touch()
"""


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Worlds of the test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a run whose only test says that it is there, and stays."""
    try:
        namespaces.check_machine()
    except SetupError as error:
        pytest.skip(str(error))
    written = _STAYS.format(there=str(tmp_path / "there"), over=str(tmp_path / "over"))
    for name in ("alone", "one", "two"):
        test = tmp_path / name / f"test_{name}.py"
        test.parent.mkdir()
        test.write_text(written)
    (tmp_path / beside.LIST).write_text("one: [one/test_one.py]\ntwo: [two/test_two.py]\n")
    started: list[subprocess.Popen[bytes]] = []

    def start(redirection: str = "</dev/null", folder: str = "alone", worlds: int = 1) -> subprocess.Popen[bytes]:
        tests = str(tmp_path / folder)
        argv = [sys.executable, "-c", _RUN, tests, "run", tests, "-q"]  # with an option there are no workers
        shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", *argv]
        with (tmp_path / "said").open("wb") as said:
            process = subprocess.Popen(shell, cwd=ROOT, stdout=said, stderr=said, start_new_session=True)
        started.append(process)
        wait_for(lambda: len(there(tmp_path)) == worlds)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def there(place: Path) -> list[state.State]:
    """The worlds in which tests are at work."""
    return [state.State(Path(file.read_text())) for file in place.glob("there/*")]


def worlds(place: Path) -> list[Path]:
    return [path for path in state.base().iterdir() if path.is_dir()]


def test_what_has_ended_is_not_alive(place: Path) -> None:
    with state.create("one") as (world, lock):
        namespaces.start(world, lock)
    assert state.is_alive(world)
    namespaces.end(world)
    assert not state.is_alive(world)


ONE = {"folder": "alone"}
SIDE_BY_SIDE = {"folder": "", "worlds": 2}


@pytest.mark.parametrize(
    "given",
    [ONE, {**ONE, "redirection": "<&-"}, SIDE_BY_SIDE],
    ids=["one world", "without standard input", "two worlds"],
)
def test_a_killed_run_takes_its_worlds_along(
    run: Callable[..., subprocess.Popen[bytes]], place: Path, given: dict[str, Any]
) -> None:
    process = run(**given)
    found = there(place)
    assert all(map(state.is_alive, found))
    process.kill()
    wait_for(lambda: not any(map(state.is_alive, found)))
    assert set(state.sweep()) == {world.root for world in found}


@pytest.mark.parametrize("given", [ONE, SIDE_BY_SIDE], ids=["one world", "two worlds"])
def test_an_interrupted_run_leaves_nothing(
    run: Callable[..., subprocess.Popen[bytes]], place: Path, given: dict[str, Any]
) -> None:
    process = run(**given)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    assert worlds(place) == []
    assert "everything of this run has ended" in (place / "said").read_text()


def test_a_run_in_a_kept_world_is_alone_and_ends_in_its_own_way(
    run: Callable[..., subprocess.Popen[bytes]], place: Path
) -> None:
    with state.create(state.KEPT) as (world, lock):
        namespaces.start(world, lock)
    world.code.write_text("")
    world.ready.touch()
    try:
        process = run()
        other = subprocess.run([sys.executable, "-c", _RUN, "none", "run"], cwd=ROOT, capture_output=True, text=True)
        assert other.returncode == 1
        assert f"another run is using the world in {world.root}" in other.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
        assert (place / "over").exists(), "pytest wasn't given the time to tidy up"
        assert state.is_alive(world)
    finally:
        assert command.main(["down"]) == 0
    assert worlds(place) == []


def test_a_half_world_is_not_taken_for_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with state.create(state.KEPT):
        assert command.main(["up"]) == 1
        assert "make e2e-down" in capsys.readouterr().err


# The machine


def tools(folder: Path, *, without: str = "", failing: str = "") -> str:
    """A PATH with what a world needs."""
    folder.mkdir()
    for tool, package in namespaces._TOOLS.items():
        assert package
        if tool == failing:
            (folder / tool).write_text("#!/bin/sh\necho unshare failed: Operation not permitted >&2\nexit 1\n")
            (folder / tool).chmod(0o700)
        elif tool != without:
            (folder / tool).symlink_to("/bin/true")
    return str(folder)


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", without="ip")
    monkeypatch.setattr(namespaces, "_path", lambda: path)
    with pytest.raises(SetupError, match=r"not found: ip; .* apt-get install iproute2"):
        namespaces.check_machine()


def test_namespaces_that_are_forbidden_are_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", failing="unshare")
    monkeypatch.setattr(namespaces, "_path", lambda: path)
    monkeypatch.setenv("PATH", path)
    with pytest.raises(SetupError, match="Operation not permitted") as caught:
        namespaces.check_machine()
    assert "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0" in str(caught.value)


def test_a_full_disk_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/cache/locks/etcd")

    monkeypatch.setattr(command, "_prepare", full)
    assert command.main(["up"]) == 1
    said = capsys.readouterr().err
    assert "No space left on device: '/cache/locks/etcd'" in said
    assert "GPUYARD_CACHE" in said


def test_little_space_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setattr(state, "_NEEDED_BYTES", 2**62)
    with pytest.raises(SetupError, match="MiB are free"), state.create("one"):
        pass
