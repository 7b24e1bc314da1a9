"""Runs side by side: what each of them is given, what is said of it, and how all of it ends."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

from tests.cluster import beside
from tests.cluster.beside import Run, Say
from tests.cluster.errors import WorldError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else the machine does."""
    monkeypatch.setattr(beside, "_PATIENCE", 0)


@pytest.fixture
def said() -> list[str]:
    return []


def ends(code: int, *lines: str) -> Run:
    """A run that says this and ends so."""

    def run(say: Say, _: object) -> int:
        for line in lines:
            say(f"{line}\n")
        return code

    return run


def breaks(*_: object) -> int:
    raise WorldError("the world didn't come up")


def never() -> None:
    raise AssertionError


def test_each_world_has_its_files_and_every_option(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / beside.LIST).write_text("one: [test_a.py, in/test_b.py]\ntwo: [test_c.py]\n")
    assert beside.parts(tmp_path, ["-v", "folder", "-m", "e2e"]) == {
        "one": ["folder/test_a.py", "folder/in/test_b.py", "-v", "-m", "e2e"],
        "two": ["folder/test_c.py", "-v", "-m", "e2e"],
    }


@pytest.mark.parametrize(
    "arguments",
    [[], ["-v"], ["folder/test_a.py", "-x"], ["other"], ["folder", "-k", "load"], ["folder", "-kload"]],
)
def test_what_is_not_listed_or_chosen_by_name_has_one_world(tmp_path: Path, arguments: Sequence[str]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / beside.LIST).write_text("one: [test_a.py]\ntwo: [test_b.py]\n")
    (tmp_path / "other").mkdir()
    assert beside.parts(tmp_path, arguments) == {"": arguments}


@pytest.mark.parametrize(("stage", "pattern"), [("tests/e2e", "test_*.py"), ("tests/e2e/engines", "**/test_*.py")])
def test_no_test_is_left_out(stage: str, pattern: str) -> None:
    folder = ROOT / stage
    listed = [file for names in yaml.safe_load((folder / beside.LIST).read_text()).values() for file in names]
    assert sorted(listed) == sorted(str(file.relative_to(folder)) for file in folder.glob(pattern))


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        ([ends(0), ends(0)], 0),
        ([ends(0), ends(1)], 1),
        ([ends(2), ends(1)], 2),
        ([ends(0), breaks], 1),
        ([ends(0), ends(5)], 0),
        ([ends(5), ends(5)], 5),
        ([ends(5), ends(1)], 1),
        ([ends(-9), ends(0)], -9),
    ],
    ids=["passed", "failed", "the worse", "no world", "none chosen in one", "none chosen", "one failed", "killed"],
)
def test_the_exit_code_is_that_of_all(runs: Sequence[Run], code: int, said: list[str]) -> None:
    assert beside.together(dict(zip(("one", "two"), runs, strict=True)), said.append, never) == code


def test_each_line_says_whose_it_is_and_how_each_ended_stands_last(said: list[str]) -> None:
    runs = {"load": ends(1, "E   not 3", "=== 1 failed in 9 s ==="), "blind": ends(0, "=== 2 passed ===", "logs")}
    beside.together({**runs, "alerts": breaks}, said.append, never)
    assert sorted(said[:-3]) == [
        "alerts | error: the world didn't come up",
        "blind  | === 2 passed ===",
        "blind  | logs",
        "load   | === 1 failed in 9 s ===",
        "load   | E   not 3",
    ]
    assert said[-3:] == ["load: 1 failed in 9 s", "blind: 2 passed", "alerts: error: the world didn't come up"]


@pytest.mark.parametrize(("mib", "most"), [(0.001, 3), (2**40, 1)], ids=["enough", "little memory"])
def test_as_many_at_once_as_there_is_memory_for(
    monkeypatch: pytest.MonkeyPatch, said: list[str], mib: float, most: int
) -> None:
    monkeypatch.setattr(beside, "_MIB", mib)
    lock, now, found = threading.Lock(), set[int](), [0]

    def counts(_: Say, up: Callable[[], None]) -> int:
        up()
        with lock:
            now.add(threading.get_ident())
            found[0] = max(found[0], len(now))
        time.sleep(0.2)
        with lock:
            now.remove(threading.get_ident())
        return 0

    assert beside.together(dict.fromkeys(("one", "two", "three"), counts), said.append, never) == 0
    assert found[0] == most


def test_they_come_up_in_their_order_and_one_at_a_time(said: list[str]) -> None:
    def comes_up(say: Say, up: Callable[[], None]) -> int:
        say("starts")
        time.sleep(0.1)
        say("is up")
        up()
        time.sleep(0.2)
        return 0

    beside.together({"two": comes_up, "one": breaks, "three": comes_up}, said.append, never)
    assert [line for line in said if "|" in line] == [
        "two   | starts",
        "two   | is up",
        "one   | error: the world didn't come up",
        "three | starts",
        "three | is up",
    ]


@pytest.mark.parametrize(
    ("idle", "waits"), [(0, True), (24, True), (25, False), (100, False)], ids=["none", "little", "enough", "all"]
)
def test_the_next_comes_up_when_the_machine_has_time(monkeypatch: pytest.MonkeyPatch, idle: int, waits: bool) -> None:
    monkeypatch.setattr(beside, "_PATIENCE", 60)
    monkeypatch.setattr(beside, "_SAMPLE", 0)
    samples = iter([(0, 0), (idle, 100), (idle + 100, 200)])
    monkeypatch.setattr(beside, "_times", lambda: next(samples))
    beside._rest(threading.Event())
    assert (next(samples, None) is None) == waits


def test_the_times_of_all_processors() -> None:
    before = beside._times()
    time.sleep(0.1)
    idle, all_ = (now - then for now, then in zip(beside._times(), before, strict=True))
    assert 0 <= idle <= all_
    assert all_ > 0
