"""Work that several processes of ours share: each part once, and nobody is left behind."""

import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from gpuyard.doors import processes
from gpuyard.doors.processes import cores, share
from gpuyard.errors import ToolError


def dies(parent: int, path: Path) -> None:
    if os.getpid() != parent:
        os._exit(1)
    path.mkdir()


def stops(parent: int, path: Path) -> None:
    if os.getpid() == parent:
        raise KeyboardInterrupt
    time.sleep(3600)


def says(path: Path) -> None:
    os.write(1, b"a library says something\n" * 1000)
    path.mkdir()


def paths(folder: Path, count: int = 30) -> Sequence[Path]:
    return [folder / f"{number}" for number in range(count)]


def assert_alone() -> None:
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("others", [0, 1, 3])
def test_each_part_is_done_once(tmp_path: Path, others: int) -> None:
    share(Path.mkdir, paths(tmp_path), others)  # a second time fails
    assert sorted(tmp_path.iterdir()) == sorted(paths(tmp_path))
    assert_alone()


def test_what_is_printed_is_no_answer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    share(partial(says), paths(tmp_path), 2)
    assert len(list(tmp_path.iterdir())) == 30
    assert_alone()


def test_one_that_dies_takes_only_what_it_had_in_hand(tmp_path: Path) -> None:
    share(partial(dies, os.getpid()), paths(tmp_path), 2)
    assert len(list(tmp_path.iterdir())) >= 28
    assert_alone()


def test_nobody_is_left_when_this_one_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        share(partial(stops, os.getpid()), paths(tmp_path), 3)
    assert_alone()


def test_modules_of_the_directory_that_a_user_is_in_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gpuyard", "pickle", "os"):
        (tmp_path / f"{name}.py").write_text("open('run', 'w')\n", encoding="utf-8")
    (tmp_path / "parts").mkdir()
    monkeypatch.chdir(tmp_path)
    share(Path.mkdir, paths(tmp_path / "parts"), 2)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("quota", "ours", "found"),
    [("max 100000", 4, 4), ("200000 100000", 4, 2), ("50000 100000", 4, 1), ("", 64, 8), ("400000 100000", 2, 2)],
)
def test_as_many_as_there_are_cpus_for_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, ours: int, found: int
) -> None:
    monkeypatch.delenv("GPUYARD_JOBS", raising=False)
    (tmp_path / "cpu.max").write_text(quota, encoding="ascii")
    monkeypatch.setattr(processes, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(ours), raising=False)
    assert cores() == found


def test_as_many_as_somebody_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUYARD_JOBS", "12")
    assert cores() == 12


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1.5", " 2", "²"])
def test_no_number_of_processes(monkeypatch: pytest.MonkeyPatch, jobs: str) -> None:
    monkeypatch.setenv("GPUYARD_JOBS", jobs)
    with pytest.raises(ToolError, match="is not a number of processes"):
        cores()
