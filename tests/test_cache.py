"""The cache on disk: it gives back what was put in or nothing, and never stops anybody."""

import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gpuyard.doors.cache import NOTHING, Disk, open_cache

ANSWERS = {b"one": b"1" * 2000, b"two": b"2" * 2000}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "gpuyard"


@pytest.fixture
def disk(folder: Path) -> Disk:
    """With two answers."""
    made = Disk(folder, "1")
    made.write(ANSWERS)
    return made


def file(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def change(folder: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(file(folder))) as database, database:
        database.execute(statement, values)


def test_it_answers_what_it_was_told(disk: Disk, folder: Path) -> None:
    assert disk.read([b"one", b"two", b"three"]) == ANSWERS
    assert Disk(folder, "1").read([b"two"]) == {b"two": ANSWERS[b"two"]}


def test_many_questions_at_once(folder: Path) -> None:
    many = {b"%d" % number: b"x%d" % number for number in range(1203)}
    Disk(folder, "1").write(many)
    assert Disk(folder, "1").read(list(many)) == many


def test_what_another_version_computed_is_not_taken(disk: Disk, folder: Path) -> None:
    assert Disk(folder, "2").read(ANSWERS) == {}


def test_salt_and_question_cannot_be_mixed_up(folder: Path) -> None:
    Disk(folder, "1").write({b"1 x": b"answer"})
    assert Disk(folder, "11 ").read([b"x"]) == Disk(folder, "1 1").read([b" x"]) == {}


def test_the_folder_is_the_user_s_alone(disk: Disk, folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    assert disk.read(ANSWERS) == ANSWERS
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_can_write_is_not_trusted(disk: Disk, folder: Path) -> None:
    folder.chmod(0o770)
    assert disk.read(ANSWERS) == {}


def test_a_link_to_a_folder_is_not_trusted(disk: Disk, folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))
    assert disk.read(ANSWERS) == {}


def flipped(content: bytes) -> bytes:
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


@pytest.mark.parametrize(
    "damage", [flipped, lambda content: content[:-1], lambda _: b"", lambda _: "text", lambda _: 7]
)
def test_a_changed_answer_is_none_and_is_made_anew(damage: Callable[[bytes], object], disk: Disk, folder: Path) -> None:
    with closing(sqlite3.connect(file(folder))) as database, database:
        rows = database.execute("SELECT rowid, content FROM answers").fetchall()
        database.execute("UPDATE answers SET content = ? WHERE rowid = ?", (damage(rows[0][1]), rows[0][0]))
    left = disk.read(ANSWERS)
    assert len(left) == 1
    assert left.items() <= ANSWERS.items()
    disk.write(ANSWERS)
    assert disk.read(ANSWERS) == ANSWERS


def test_an_answer_to_another_question_is_none(disk: Disk, folder: Path) -> None:
    """Whole, with the digest that it was written with, and put where it doesn't belong."""
    change(folder, "UPDATE answers SET content = (SELECT content FROM answers ORDER BY rowid LIMIT 1)")
    assert disk.read(ANSWERS) == {b"one": ANSWERS[b"one"]}


@pytest.mark.parametrize("content", [b"", b"not a database, but a text that is long enough" * 99, bytes(9999)])
def test_a_file_that_is_none_of_ours_is_replaced(content: bytes, disk: Disk, folder: Path) -> None:
    file(folder).write_bytes(content)
    assert disk.read(ANSWERS) == {}
    disk.write(ANSWERS)
    assert disk.read(ANSWERS) == ANSWERS


def test_a_database_of_another_program_is_replaced(disk: Disk, folder: Path) -> None:
    change(folder, "DROP TABLE answers")
    change(folder, "CREATE TABLE answers (other TEXT)")
    assert disk.read(ANSWERS) == {}
    disk.write(ANSWERS)
    assert disk.read(ANSWERS) == ANSWERS


def test_a_database_with_a_hole_is_replaced(disk: Disk, folder: Path) -> None:
    disk.write({b"%d" % number: os.urandom(9000) for number in range(20)})
    data = bytearray(file(folder).read_bytes())
    data[4096:-4096] = bytes(len(data) - 8192)
    file(folder).write_bytes(data)
    assert disk.read(ANSWERS) == {}
    disk.write(ANSWERS)
    assert disk.read(ANSWERS) == ANSWERS


def test_old_answers_go_when_it_is_full(folder: Path) -> None:
    small = Disk(folder, "1", limit=100_000)
    for number in range(40):
        small.write({b"%d" % number: os.urandom(9000)})
    found = {int(question) for question in small.read([b"%d" % number for number in range(40)])}
    assert found == set(range(40 - len(found), 40))
    assert 8 <= len(found) <= 11
    assert file(folder).stat().st_size < 200_000


def test_what_is_asked_for_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, answer = Disk(folder, "1", limit=100_000), os.urandom(9000)
    small.write({b"kept": answer})
    small.write({b"%d" % number: os.urandom(9000) for number in range(6)})
    tomorrow = time.time() + 24 * 60 * 60
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    assert small.read([b"kept"])
    small.write({b"more %d" % number: os.urandom(9000) for number in range(4)})
    assert small.read([b"kept", b"0", b"1", b"more 0"]).keys() == {b"kept", b"more 0"}


WRITER = """
import sys
from pathlib import Path
from gpuyard.doors.cache import Disk
disk = Disk(Path(sys.argv[1]), "1")
print("ready", flush=True)
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    disk.write({b"%d" % number: b"%d" % number * 5000})
"""


def writer(folder: Path, first: int, end: int) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, "-c", WRITER, str(folder), str(first), str(end)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE)


def test_two_processes_at_once(folder: Path) -> None:
    both = [writer(folder, 0, 30), writer(folder, 30, 60)]
    for each in both:
        each.communicate()
        assert each.returncode == 0
    found = Disk(folder, "1").read([b"%d" % number for number in range(60)])
    assert found == {b"%d" % number: b"%d" % number * 5000 for number in range(60)}


def test_killed_in_the_middle(folder: Path) -> None:
    for delay in (0.0, 0.01, 0.02, 0.05, 0.1):
        running = writer(folder, 0, 100_000)
        assert running.stdout
        running.stdout.readline()
        time.sleep(delay)
        running.kill()
        running.communicate()
        disk = Disk(folder, "1")
        assert all(answer == question * 5000 for question, answer in disk.read([b"0", b"1", b"9"]).items())
        disk.write(ANSWERS)
        assert disk.read(ANSWERS) == ANSWERS


def test_another_one_that_writes_for_long_is_not_waited_for(
    disk: Disk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpuyard.doors.cache._WAIT", 0.1)
    with closing(sqlite3.connect(file(folder), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        disk.write({b"three": b"3"})
        assert disk.read([*ANSWERS, b"three"]) == ANSWERS
        other.execute("ROLLBACK")


def test_a_full_disk_only_takes_time(disk: Disk) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        disk.write({b"large": os.urandom(90_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert disk.read([*ANSWERS, b"large"]) == ANSWERS


def test_a_place_that_cannot_be_written_only_takes_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    disk = Disk(tmp_path / "file" / "gpuyard", "1")
    disk.write(ANSWERS)
    assert disk.read(ANSWERS) == {}


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPUYARD_COMPILE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    open_cache("1").write(ANSWERS)
    assert (tmp_path / "xdg/gpuyard").is_dir()
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    open_cache("1").write(ANSWERS)
    assert (tmp_path / "home/.cache/gpuyard").is_dir()
    assert not Path("not").exists()


def test_it_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("GPUYARD_COMPILE_CACHE", "off")
    assert open_cache("1") is NOTHING
    NOTHING.write(ANSWERS)
    assert NOTHING.read(ANSWERS) == {}
    assert list(tmp_path.iterdir()) == []
