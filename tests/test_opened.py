"""Nothing outside of the repository is opened, whatever a pull request puts where sources and generated files go."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gpuyard.cli.main import cli
from gpuyard.doors.plainfiles import NotPlainError, PlainFiles
from gpuyard.project import userfiles
from gpuyard.project.userfiles import read
from tests.gittools import git, isolate
from tests.opened import opened, outside
from tests.test_said import harmless

OTHERS = "what others wrote"
CHAT_LOCK = "workloads/chat.lock"
COMMANDS = (("check",), ("compile", "--check"), ("compile", "--no-commit"), ("compile",))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that was compiled once."""
    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, folder / "home")
        assert run("init", folder / "gitops").exit_code == 0
        assert run("compile", folder / "gitops").exit_code == 0
    return folder / "gitops"


@pytest.fixture
def repository(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(monkeypatch, tmp_path / "home")
    shutil.copytree(template, tmp_path / "gitops", symlinks=True)
    (tmp_path / "machine").mkdir()
    return tmp_path / "gitops"


def link(name: str) -> Callable[[Path, Path], None]:
    """In place of a file or a folder, to a copy of it elsewhere on the machine, which could be believed."""

    def spoil(repository: Path, machine: Path) -> None:
        here, there = repository / name, machine / Path(name).name
        if here.is_dir():
            shutil.copytree(here, there)
            shutil.rmtree(here)
        else:
            there.write_text(here.read_text() if here.exists() else OTHERS)
            here.parent.mkdir(exist_ok=True, parents=True)
            here.unlink(missing_ok=True)
        here.symlink_to(there)

    return spoil


def link_to(name: str, target: str) -> Callable[[Path, Path], None]:
    def spoil(repository: Path, machine: Path) -> None:
        here = repository / name
        shutil.rmtree(here) if here.is_dir() else here.unlink(missing_ok=True)
        here.parent.mkdir(exist_ok=True, parents=True)
        here.symlink_to(target)

    return spoil


def pipe(name: str) -> Callable[[Path, Path], None]:
    def spoil(repository: Path, machine: Path) -> None:
        here = repository / name
        shutil.rmtree(here) if here.is_dir() else here.unlink(missing_ok=True)
        here.parent.mkdir(exist_ok=True, parents=True)
        os.mkfifo(here)

    return spoil


def in_the_lock(*paths: str) -> Callable[[Path, Path], None]:
    def spoil(repository: Path, machine: Path) -> None:
        (machine / "secret").write_text(OTHERS)
        for lock in (".gpuyard.lock", CHAT_LOCK):
            data = json.loads((repository / lock).read_text())
            data["files"] |= {path.format(machine=machine): "0" * 64 for path in paths}
            (repository / lock).write_text(json.dumps(data, indent=1) + "\n")

    return spoil


def bring(repository: Path) -> None:
    blueprint = repository / "blueprints/chat.yaml"
    files = "  serving:\n    files:\n      /etc/vllm/chat.jinja: {file: prompts/chat.jinja}\n"
    blueprint.write_text(blueprint.read_text().replace("  serving:\n", files))


def brought(repository: Path, machine: Path) -> None:
    """A file of a blueprint's pods, through a folder that is a link."""
    (machine / "chat.jinja").write_text(OTHERS)
    (repository / "prompts").symlink_to(machine)
    bring(repository)


SOURCES: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "A7 blueprints to the root": (link_to("blueprints", "/"), "blueprints: is a symbolic link"),
    "A7 blueprints to a folder": (link("blueprints"), "blueprints: is a symbolic link"),
    "A7 models to the root": (link_to("models", "/"), "models: is a symbolic link"),
    "blueprints to an open folder": (link_to("blueprints", "/proc/self/cwd"), "blueprints: is a symbolic link"),
    "blueprints to a descriptor": (link_to("blueprints", "/proc/self/fd/0"), "blueprints: is a symbolic link"),
    "a folder in blueprints": (link_to("blueprints/team", "/"), "blueprints/team: is a symbolic link"),
    "a blueprint": (link("blueprints/chat.yaml"), "blueprints/chat.yaml: is a symbolic link"),
    "a blueprint to a descriptor": (link_to("blueprints/chat.yaml", "/proc/self/fd/0"), "is a symbolic link"),
    "a folder called as a blueprint": (link_to("blueprints/x.yaml", "/"), "blueprints/x.yaml: is a symbolic link"),
    "a model": (link("models/x.yaml"), "models/x.yaml: is a symbolic link"),
    "stack.yaml": (link("stack.yaml"), "stack.yaml: is a symbolic link"),
    "images.lock": (link("images.lock"), "images.lock: is a symbolic link"),
    "a file of a pod": (brought, "prompts/chat.jinja is below prompts, a symbolic link"),
    "blueprints as a pipe": (pipe("blueprints"), "blueprints: is a device, pipe or socket"),
    "stack.yaml as a pipe": (pipe("stack.yaml"), "stack.yaml: is a device, pipe or socket"),
    "images.lock as a pipe": (pipe("images.lock"), "images.lock: is a device, pipe or socket"),
    "a blueprint as a pipe": (pipe("blueprints/chat.yaml"), "blueprints/chat.yaml: is a device, pipe or socket"),
}
GENERATED = {
    "A6 the lock leads to the machine": in_the_lock(
        "{machine}/secret", "../machine/secret", "base/../../machine/secret"
    ),
    "A6 the lock leads to /proc/kmsg": in_the_lock("/proc/kmsg", "/dev/zero", "/proc/self/fd/0"),
    "A6 the lock has names too long": in_the_lock("a" * 300, "a/" * 3000 + "a", "a\0b", "\ud800", "\udcff"),
    "A6 base is a link": link("base"),
    "a folder below base": link("base/chat"),
    "a generated file": link("base/chat/deployment.yaml"),
    "clusters": link("clusters"),
    "README.md": link("README.md"),
    "the lock": link(".gpuyard.lock"),
    "a blueprint's lock": link(CHAT_LOCK),
    "the folder of the locks": link("workloads"),
    "workloads to the root": link_to("workloads", "/"),
    "clusters to the root": link_to("clusters", "/"),
    "a cluster to the root": link_to("clusters/phx", "/"),
    "the lock as a pipe": pipe(".gpuyard.lock"),
    "a blueprint's lock as a pipe": pipe(CHAT_LOCK),
    "a generated file as a pipe": pipe("base/chat/deployment.yaml"),
    "base as a pipe": pipe("base"),
}


@pytest.mark.attack("A20 linked folders")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("case", SOURCES)
def test_a_source(case: str, command: tuple[str, ...], repository: Path, tmp_path: Path) -> None:
    """One line, with what it is and no word of where it leads to."""
    spoil, words = SOURCES[case]
    spoil(repository, tmp_path / "machine")
    with opened() as seen:
        result = run(*command, repository)
    assert outside(seen, repository) == []
    (line,) = result.output.splitlines()
    assert words in line
    assert (result.exit_code, str(tmp_path) in line, OTHERS in line) == (65, False, False)


@pytest.mark.attack("A20 linked folders")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("case", GENERATED)
def test_something_generated(case: str, command: tuple[str, ...], repository: Path, tmp_path: Path) -> None:
    """Whatever comes of it: nothing of the machine is opened, changed, or told."""
    machine = tmp_path / "machine"
    GENERATED[case](repository, machine)
    before = {path: path.read_bytes() for path in machine.rglob("*") if path.is_file()}
    with opened() as seen:
        result = run(*command, repository)
    assert outside(seen, repository) == []
    assert {path: path.read_bytes() for path in machine.rglob("*") if path.is_file()} == before
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert OTHERS not in result.output


def test_what_is_opened_is_seen(repository: Path, tmp_path: Path) -> None:
    """Else the tests above could not fail."""
    (tmp_path / "secret").write_text(OTHERS)
    (repository / "link").symlink_to(tmp_path / "secret")
    directory = os.open(tmp_path, os.O_RDONLY)
    for act in (
        lambda: (repository / "link").read_text(),
        lambda: os.close(os.open("secret", os.O_RDONLY, dir_fd=directory)),
        lambda: list(tmp_path.iterdir()),
    ):
        with opened() as seen:
            act()
        assert outside(seen, repository) != []
    os.close(directory)
    with opened() as seen:
        read(repository)
    assert {str(repository), str(repository / "stack.yaml"), str(repository / "blueprints/chat.yaml")} <= seen
    assert outside(seen, repository) == []
    assert outside(seen) != []


@pytest.mark.attack("A20 linked folders")
def test_the_folder_of_a_stack_that_is_a_link(repository: Path, tmp_path: Path) -> None:
    """CI names the folder of the stack, and a pull request puts a link there."""
    (repository / "gpu").symlink_to(tmp_path / "machine")
    shutil.copytree(repository / "blueprints", tmp_path / "machine/blueprints")
    shutil.copy(repository / "stack.yaml", tmp_path / "machine/stack.yaml")
    for directory in (repository / "gpu", repository / "gpu/.", repository / "blueprints/../gpu"):
        with opened() as seen:
            result = run("check", directory)
        assert (result.exit_code, result.output.startswith("gpu: is a symbolic link; ")) == (65, True), result.output
        assert outside(seen, repository) == []
    (tmp_path / "way").symlink_to(repository)  # of the user's own
    assert run("check", tmp_path / "way").exit_code == 0


@pytest.mark.attack("A28 Git attributes and checkouts")
@pytest.mark.parametrize("folder", ["blueprints", "models"])
def test_c6_a_submodule(folder: str, repository: Path, tmp_path: Path) -> None:
    message = f"{folder}: is a submodule, which gpuyard does not read; move its files into this repository\n"
    shutil.rmtree(repository / folder, ignore_errors=True)
    git(tmp_path, "init", "-q", "theirs")
    git(tmp_path / "theirs", "commit", "-q", "--allow-empty", "-m", "x")
    git(repository, "rm", "-rqf", "--cached", "--ignore-unmatch", folder)
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", f"{tmp_path}/theirs", folder)
    for command in COMMANDS:
        assert (run(*command, repository).output, folder) == (message, folder)
    git(repository, "submodule", "--quiet", "deinit", "-f", folder)
    assert list((repository / folder).iterdir()) == []
    assert run("check", repository).output == message


def test_a_pod_s_file_in_a_submodule(repository: Path, tmp_path: Path) -> None:
    git(repository, "init", "-q", "prompts")
    (repository / "prompts/chat.jinja").write_text("{{ messages }}")
    bring(repository)
    result = run("check", repository)
    assert "prompts/chat.jinja is in a submodule, which is no part of the commit" in result.output


NAMES = {
    "bytes that are no text": b"\xff\xfe.yaml",
    "a hyperlink": b"e\x1b]8;;http:x\x1b\\.yaml",
    "a return": b"cr\rover.yaml",
    "a command of CI": b"a\n::error::x.yaml",
    "C1": "a\x9b31m.yaml".encode(),
    "a turn": "a\u202elmay.yaml".encode(),
    "a stream of Windows": b"a:b.yaml",
    "a group": b"a##[group]x.yaml",
}


@pytest.mark.attack("A21 printed text")
@pytest.mark.parametrize("folder", ["blueprints", "models", "clusters/phx", "base/chat", "workloads"])
@pytest.mark.parametrize("case", NAMES)
def test_b1_a_name(case: str, folder: str, repository: Path) -> None:
    """Whatever is said of it, in lines of ours and in characters that are seen."""
    (repository / folder).mkdir(exist_ok=True)
    shutil.copy(repository / "blueprints/chat.yaml", os.fsencode(repository / folder) + b"/" + NAMES[case])
    result = run("check", repository)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert harmless(result.output)
    if folder in ("blueprints", "models"):
        (line,) = result.output.splitlines()
        assert "the file name may only have letters, digits, dashes, dots and underscores" in line


@pytest.mark.attack("A21 printed text")
@pytest.mark.parametrize("case", NAMES)
def test_b1_a_name_in_a_commit(case: str, repository: Path) -> None:
    """`compile` named what differs from the commit as it is called."""
    name = os.fsdecode(NAMES[case])
    (repository / "blueprints" / name).write_text("x")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "x")
    (repository / "blueprints" / name).unlink()
    result = run("compile", repository)
    assert (result.exit_code, "(not here)" in result.output) == (73, True)
    assert harmless(result.output)


def test_names_that_differ_only_in_case(repository: Path) -> None:
    shutil.copy(repository / "blueprints/chat.yaml", repository / "blueprints/Chat.yaml")
    assert "blueprints/chat.yaml: differs from blueprints/Chat.yaml only in case" in run("check", repository).output


@pytest.mark.attack("A25 large refusals")
def test_large_files_are_not_read(repository: Path) -> None:
    """500 names of one blob of 1 MiB took 528 MB."""
    for number in range(50):
        with (repository / f"blueprints/x{number}.yaml").open("wb") as file:
            file.truncate(1 << 30)
    sources, problems = read(repository)
    assert set(sources) == {"stack.yaml", "blueprints/chat.yaml"}
    assert {problem.message for problem in problems} == {"is longer than 262,144 bytes, the maximum; split it"}
    assert len(problems) == 50


@pytest.mark.attack("A25 large refusals")
def test_all_files_have_a_limit_together(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(userfiles, "MOST_BYTES", 10_000)
    for number in range(10):
        (repository / f"blueprints/x{number}.yaml").write_text("#" * 3000)
    sources, problems = read(repository)
    assert sum(map(len, sources.values())) <= 10_000
    (problem,) = problems
    assert "MiB together; this one and the rest are not read" in problem.message


@pytest.mark.attack("A20 linked folders")
@pytest.mark.parametrize("place", ["blueprints", "blueprints/chat.yaml", "stack.yaml", "base", "workloads/chat.lock"])
def test_what_cannot_be_read(place: str, repository: Path, tmp_path: Path) -> None:
    """A folder that can't be read counted as an empty one."""
    (repository / place).chmod(0)
    # whom no mode keeps out otherwise
    root = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*root, sys.executable, "-m", "gpuyard", "compile", "--check", str(repository)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (65, 73), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.removeprefix("error: ").startswith(place)
    assert line.endswith(": cannot be read: Permission denied")


@pytest.mark.attack("A20 linked folders")
@pytest.mark.parametrize("when", ["folder", "file"])
def test_a_swap_between_looking_and_reading(when: str, repository: Path, tmp_path: Path) -> None:
    with PlainFiles(repository) as files:
        names = files.entries("blueprints")
        link("blueprints" if when == "folder" else "blueprints/chat.yaml")(repository, tmp_path / "machine")
        files.entries("clusters")  # which it keeps open instead
        with opened() as seen, pytest.raises(NotPlainError, match="is a symbolic link"):
            files.read(f"blueprints/{names[0][0]}")
    assert outside(seen, repository) == []


def test_hard_links_are_left_to_others(repository: Path, tmp_path: Path) -> None:
    """What is written is a new file, so that the other name keeps the old one."""
    place, other = repository / "base/chat/service.yaml", tmp_path / "machine/other"
    theirs = f"{place.read_text()}# theirs\n"
    place.write_text(theirs)
    os.link(place, other)
    assert run("compile", "--no-commit", "--overwrite", repository).exit_code == 0
    assert (other.read_text(), place.read_text() != theirs) == (theirs, True)


@pytest.mark.attack("A20 linked folders")
@pytest.mark.parametrize("command", [("model", "add"), ("images", "--lock")], ids=" ".join)
def test_nothing_is_written_through_a_link(command: tuple[str, ...], repository: Path, tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    if command[0] == "model":
        shutil.rmtree(repository / "models", ignore_errors=True)
        with PlainFiles(repository) as files:
            (repository / "models").symlink_to(machine)
            with pytest.raises(NotADirectoryError):
                files.replace("models/x.yaml", b"x")
    else:
        (repository / "images.lock").symlink_to(machine / "images.lock")
        assert "images.lock: is a symbolic link" in run(*command, repository).output
    assert list(machine.iterdir()) == []
