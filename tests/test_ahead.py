"""Many new blueprints, worked out by several processes: the same files and errors as by one."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from threading import current_thread, main_thread

import pytest

from gpuyard.commit.digest import own_digest
from gpuyard.doors import processes
from gpuyard.doors.cache import Disk
from gpuyard.errors import InputError
from gpuyard.pipeline import Compiled, compile
from gpuyard.project.load import parse
from gpuyard.resolve import inference
from tests.conftest import demo_sources
from tests.test_compile import git, save

COUNT = 60


def sources() -> dict[str, bytes]:
    """Of so many blueprints."""
    found = {name: data for name, data in demo_sources().items() if not name.startswith("blueprints/")}
    chat = demo_sources()["blueprints/chat.yaml"].decode()
    for number in range(COUNT):
        name = f"chat-{number:02}"
        found[f"blueprints/{name}.yaml"] = chat.replace("name: chat", f"name: {name}").encode()
    found["stack.yaml"] += b"  policy:\n    maxGpus: 100000\n"
    return found


def compiled(files: dict[str, bytes], folder: Path) -> Compiled:
    return compile(parse(files), cache=Disk(folder, own_digest()))


def test_the_files_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUYARD_JOBS", "1")
    alone = compiled(sources(), tmp_path / "alone")
    monkeypatch.setenv("GPUYARD_JOBS", "3")
    assert compiled(sources(), tmp_path / "together") == alone


def test_what_the_others_did_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, made = processes._taken, list[str]()

    def none_here(left: deque[object]) -> Iterator[object]:
        return iter(()) if current_thread() is main_thread() else taken(left)

    monkeypatch.setattr(processes, "_taken", none_here)
    monkeypatch.setattr(inference, "workloads", lambda blueprint, *_: made.append(blueprint.name) or ())
    monkeypatch.setenv("GPUYARD_JOBS", "2")
    found = compiled(sources(), tmp_path)
    assert len(found.resolved.workloads) == 3 * COUNT
    assert not made


def test_the_errors_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = sources()
    for number in (3, 58):
        file = f"blueprints/chat-{number:02}.yaml"
        broken[file] = broken[file].replace(b"contextLength: 16384", b"contextLength: 99999999")
    said = []
    for jobs in ("1", "3"):
        monkeypatch.setenv("GPUYARD_JOBS", jobs)
        with pytest.raises(InputError) as caught:
            compiled(broken, tmp_path / jobs)
        said.append((str(caught.value), caught.value.problems))
    assert said[0] == said[1]
    assert {problem.location.file for problem in said[0][1]} == {"blueprints/chat-03.yaml", "blueprints/chat-58.yaml"}


def test_an_interrupt_ends_all_of_them(tmp_path: Path) -> None:
    root = tmp_path / "gitops"
    for name, data in sources().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    git(root, "init", "-qb", "main")
    save(root, "blueprints")
    env = {**os.environ, "GPUYARD_COMPILE_CACHE": "", "XDG_CACHE_HOME": str(tmp_path), "GPUYARD_JOBS": "3"}
    argv = [sys.executable, "-m", "gpuyard", "compile", str(root)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(argv, env=env, text=True, start_new_session=True, **pipes) as process:
        while len(group(process.pid)) < 3:
            assert process.poll() is None, "it needed nobody's help"
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.strip()) == (130, "", "interrupted; nothing was left half done")
    assert not group(process.pid)
    assert git(root, "log", "--format=%s").split() == ["blueprints"]


def group(leader: int) -> list[int]:
    """The Python processes of a session that are alive."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            name = (folder / "comm").read_text().strip()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z" and name.startswith(("python", "gpuyard")):
            found.append(int(folder.name))
    return found
