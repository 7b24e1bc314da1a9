"""The command line: up, down, status, run."""

import argparse
import errno
import hashlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.cluster import argocd, beside, charts, flux, inside, namespaces, state
from tests.cluster.beside import Say
from tests.cluster.errors import SetupError, WorldError
from tests.cluster.facts import Facts, write
from tests.cluster.processes import ended, running
from tests.cluster.programs import path, store, toolchain
from tests.cluster.programs.catalogue import PROGRAMS, select
from tests.cluster.state import State

__all__ = ["main"]

_ROOT = Path(__file__).resolve().parents[2]
_TESTS = "tests/e2e"
_NEEDED = [
    *("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "registry", "helm"),
    "kube-state-metrics",
    *flux.COMPONENTS,
]
_ENGINES = ["scaling", "engines"]
"""Groups of programs of the second stage."""


def main(arguments: Sequence[str]) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="bring a world up and keep it")
    commands.add_parser("down", help="end the kept world and remove what earlier runs left")
    commands.add_parser("status", help="say whether a world is kept, and how it is")
    commands.add_parser(
        "run", help="run the end-to-end tests, in the kept world if there is one; takes pytest's options"
    )
    command = parser.parse_args(arguments[:1]).command
    _open_standard_streams()
    if arguments[1:] and command != "run":
        parser.error(f"{command} takes no arguments")
    # A terminal that goes away and a job that is cancelled end a world as Ctrl-C does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        match command:
            case "up":
                _up()
            case "down":
                _down()
            case "status":
                return _status()
            case _:
                return _run(arguments[1:])
    except WorldError as error:
        _say(f"error: {error}")
        return 1
    except OSError as error:
        full = "; XDG_RUNTIME_DIR and GPUYARD_CACHE name other places" if error.errno == errno.ENOSPC else ""
        _say(f"error: {error}{full}")
        return 1
    except KeyboardInterrupt:
        _say("interrupted; everything of this run has ended")
        return 130
    return 0


def _up() -> None:
    if state.is_alive(state.kept()):
        if not _is_kept():
            raise SetupError(f"a world is coming up, or was left half up: {state.kept().root}; make e2e-down ends it")
        _say(f"a world is up already: {state.kept().root}")
        return
    facts = _prepare()
    with state.create(state.KEPT) as (world, lock):
        try:
            _start(world, lock, facts)
        except BaseException:
            namespaces.end(world)
            raise
    _say(f"state and logs in {world.root}\nuse it with: export KUBECONFIG={world.kubeconfig}; {_entry(world)} bash")


def _down() -> None:
    if state.is_alive(state.kept()):
        namespaces.end(state.kept())
    for path_ in state.sweep():
        _say(f"removed {path_}")


def _status() -> int:
    world = state.kept()
    if not state.is_alive(world):
        _say("no world is kept; python -m tests.cluster up brings one up")
        return 1
    _say(f"{world.root}: {world.ready.read_text() if world.ready.exists() else 'still coming up'}")
    dead = ended(world)
    for name in running(world):
        _say(f"  {name:<24}{f'ended with exit code {dead[name]}' if name in dead else 'runs'}")
    return 1 if dead else 0


def _run(arguments: Sequence[str]) -> int:
    if not any(argument.startswith(_TESTS) for argument in arguments):
        arguments = [_TESTS, *arguments]
    if _is_kept():
        if state.kept().code.read_text() != _code():
            _say("note: the kept world runs older code of tests/cluster; make e2e-down ends it")
        with inside.alone(state.kept()):
            return _tests(state.kept(), arguments, patience=60)
    parts, facts = beside.parts(_ROOT, arguments), _prepare()
    with _lifeline() as (lifeline, cut):
        if len(parts) == 1:
            return _in_a_world(f"run-{os.getpid()}", next(iter(parts.values())), facts, lifeline)
        with tempfile.TemporaryDirectory() as shared:
            os.environ["GPUYARD_E2E_BESIDE"] = shared
            prefix = f"run-{os.getpid()}-"
            runs = {name: partial(_in_a_world, prefix + name, given, facts, lifeline) for name, given in parts.items()}
            try:
                return beside.together(runs, _say, cut)
            except KeyboardInterrupt:
                state.sweep()
                raise


@contextmanager
def _lifeline() -> Iterator[tuple[int, Callable[[], None]]]:
    """A pipe's reading end, for worlds that end when we do, and what ends them before."""
    reading, writing = os.pipe()
    held = [writing]

    def cut() -> None:
        while held:
            os.close(held.pop())

    try:
        yield reading, cut
    finally:
        cut()
        os.close(reading)


def _in_a_world(
    name: str,
    arguments: Sequence[str],
    facts: Facts,
    lifeline: int,
    say: Say | None = None,
    up: Callable[[], None] = lambda: None,
) -> int:
    """A run in a world that lives as long as it: however the run ends, the pipe breaks and the world with it."""
    with state.create(name) as (world, lock):
        try:
            _start(world, lock, facts, lifeline=lifeline, say=say)
            up()
            code = _tests(world, arguments, say=say)
        except KeyboardInterrupt:
            namespaces.end(world)
            state.remove(world)
            raise
        finally:
            namespaces.end(world)
    if code:
        state.reduce(world)
        (say or _say)(f"the logs are in {world.logs}; the next run removes them")
    else:
        state.remove(world)
    return code


def _tests(world: State, arguments: Sequence[str], *, patience: float = 0, say: Say | None = None) -> int:
    """The tests run inside: every address and name of the world is theirs, and nothing else is."""
    command = [sys.executable, "-m", "pytest", *arguments]
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    env |= {"GPUYARD_E2E": "1", "GPUYARD_E2E_WORLD": str(world.root), "KUBECONFIG": str(world.kubeconfig)}
    return inside.run(world, command, env, cwd=_ROOT, patience=patience, say=say)


def _prepare() -> Facts:
    """All that needs the network or time, before anything runs."""
    namespaces.check_machine()
    for path_ in state.sweep():
        _say(f"removed what an earlier run left: {path_}")
    asked = [each.name for each in select([], _ENGINES)] if charts.are_real() else []
    programs = {name: path(name) for name in (*_NEEDED, *asked)}
    programs |= {name: found for name in PROGRAMS.keys() - programs.keys() if (found := _built(name))}
    if charts.are_real():
        programs |= argocd.programs()
    installs = argocd.manifests() if charts.are_real() else None
    return Facts(programs, flux.manifests(), charts.collect(programs), _ROOT / "overlays", installs)


def _built(name: str) -> Path | None:
    """A program that a world can do without: its pods are simulated then."""
    wanted = PROGRAMS[name]
    found = store.installed(wanted) or store.built(wanted, toolchain.version())
    return found if found.is_file() else None


def _start(world: State, lock: int, facts: Facts, *, lifeline: int = -1, say: Say | None = None) -> None:
    namespaces.start(world, lock, lifeline=lifeline)
    write(world, facts)
    world.code.write_text(_code())
    command = [sys.executable, "-m", "tests.cluster.world", str(world.root)]
    if inside.run(world, command, namespaces.environment(world), cwd=_ROOT, say=say):
        namespaces.end(world)
        state.reduce(world)
        raise WorldError(f"the world didn't come up; its logs are in {world.logs}")


def _is_kept() -> bool:
    return state.is_alive(state.kept()) and state.kept().ready.exists()


def _code() -> str:
    """A digest of what a world is made from, to tell whether a kept one is of today's."""
    ours = (path for path in (_ROOT / "tests/cluster").rglob("*") if path.is_file() and path.suffix != ".pyc")
    files = sorted([*ours, *(_ROOT / "overlays").rglob("shape.yaml")])
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _entry(world: State) -> str:
    user = "" if os.geteuid() == 0 else " -U --preserve-credentials"
    return f"nsenter -t {world.pid.read_text()} -n -m -p{user}"


def _interrupt(number: int, _: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number))


def _open_standard_streams() -> None:
    """Whoever starts us without one of them would find the lifeline in its place, and a child puts /dev/null there."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
