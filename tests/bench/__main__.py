"""400 blueprints on three shapes: compile against writing and committing the same bytes, render against helm.

Each side runs in a process of its own, so that memory and CPU are its own too. Figures are of one machine at
one time; only the ratios mean something elsewhere.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.commit.lock import lock_of
from gpuyard.doors import yamlio
from gpuyard.doors.chartvalues import Values
from gpuyard.doors.helm import open_helm
from gpuyard.project.load import load
from gpuyard.render import render
from gpuyard.render.kustomize import objects
from gpuyard.resolve import resolve
from tests.conftest import demo_sources

T = TypeVar("T")

COUNT = 400
PROFILED = 60
"""Blueprints of `--profile`; the stages are timed one after the other."""
HELM_SAMPLE = 40
"""Of the 1200 runs of `helm template` this many are made, and the time is scaled; each takes as long."""


class Figures(NamedTuple):
    """Seconds, and MiB at the most, children included."""

    wall: float
    cpu: float
    memory: float


def measure(work: Callable[[], object]) -> Figures:
    """Run in a child, so that what it uses is its own."""
    start = time.monotonic()
    child = os.fork()
    if not child:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1)
        work()
        os._exit(0)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit("the measured work failed")
    return Figures(time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def write_project(root: Path, count: int = COUNT) -> None:
    """A stack with so many copies of the chat blueprint."""
    sources = demo_sources()
    (root / "blueprints").mkdir(parents=True)
    stack = sources["stack.yaml"].decode() + "  policy:\n    maxGpus: 100000\n"
    (root / "stack.yaml").write_text(stack, encoding="utf-8")
    chat = sources["blueprints/chat.yaml"].decode()
    for number in range(count):
        text = chat.replace("name: chat", f"name: chat-{number:03}").replace("16384", str(8192 + 16 * number))
        (root / "blueprints" / f"chat-{number:03}.yaml").write_text(text, encoding="utf-8")


def git(root: Path, *args: str) -> None:
    subprocess.run(["git", "-C", str(root), *args], check=True, stdout=subprocess.DEVNULL)


def floor(source: Path, target: Path) -> Callable[[], None]:
    """Write the bytes that compile made, and commit them with git."""
    files = {
        path.relative_to(source): path.read_bytes()
        for path in source.rglob("*")
        if path.is_file() and ".git" not in path.parts and "blueprints" not in path.parts
    }

    def work() -> None:
        for path, data in files.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(data)
        git(target, "add", "-A")
        git(target, "-c", "user.name=b", "-c", "user.email=b@b", "-c", "gc.auto=0", "commit", "-qm", "all")

    return work


def compile_(root: Path) -> Callable[[], None]:
    """`gpuyard compile` as a user runs it."""
    argv = [sys.executable, "-m", "gpuyard", "compile", str(root)]
    return lambda: subprocess.run(argv, check=True, stdout=subprocess.DEVNULL) and None


def render_all(root: Path) -> Callable[[], None]:
    """What `gpuyard render` does, for every workload in one process."""

    def work() -> None:
        resolved, helm = resolve(load(root)), open_helm(shipped_charts())
        for workload in resolved.workloads:
            yamlio.dump(*objects(resolved, workload, helm))

    return work


def helm_loop(root: Path, scratch: Path) -> Callable[[], None]:
    """`helm template` for a sample of them, values on disk beforehand."""
    resolved = resolve(load(root))
    chart = scratch / "chart"
    for path, text in shipped_charts()["vllm"].items():
        (chart / path).parent.mkdir(parents=True, exist_ok=True)
        (chart / path).write_text(text, encoding="utf-8")
    files = []
    for number, workload in enumerate(resolved.workloads[:HELM_SAMPLE]):
        file = scratch / f"{number}.json"
        file.write_text(json.dumps(workload.values), encoding="utf-8")
        files.append(file)

    def work() -> None:
        for file in files:
            argv = ["helm", "template", "inference", str(chart), "--values", str(file)]
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)

    return work


def profiled(root: Path) -> None:
    """CPU of a cold compile, stage by stage; Helm's library works outside of Python, where no profiler looks."""
    charts = shipped_charts()
    spent: dict[str, float] = {}

    def timed(name: str, work: Callable[[], T]) -> T:
        start = time.process_time()
        result = work()
        spent[name] = time.process_time() - start
        return result

    project = timed("load: read, schema, dataclasses", lambda: load(root))
    resolved = timed("resolve", lambda: resolve(project))
    values, helm = Values(charts["vllm"]), open_helm(charts)
    timed("  values against the schema", lambda: [list(values.problems(each.values)) for each in resolved.workloads])
    timed("  Helm, with that and parsing", lambda: [objects(resolved, each, helm) for each in resolved.workloads])
    tree = timed("render: Helm, patches, writing", lambda: render(resolved, charts, open_helm(charts)))
    timed("plan: digests of all files", lambda: lock_of(tree, "", {}))
    whole = sum(seconds for name, seconds in spent.items() if not name.startswith(" "))
    print(f"{len(resolved.workloads)} workloads, {len(tree)} files, {whole:.2f} s of CPU")
    for name, seconds in spent.items():
        each = 1000 * seconds / len(resolved.workloads)
        print(f"{name:<34} {100 * seconds / whole:5.1f} %  {each:6.2f} ms a workload")


def show(name: str, figures: Figures) -> None:
    """One line."""
    print(f"{name:<28} {figures.wall:8.2f} s wall  {figures.cpu:8.2f} s cpu  {figures.memory:7.0f} MiB")


def main() -> None:
    """Measure, and print."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    scratch = Path(tempfile.mkdtemp(prefix="gpuyard-bench-"))
    try:
        root, target = scratch / "gitops", scratch / "floor"
        if sys.argv[1:] == ["--profile"]:
            write_project(root, PROFILED)
            profiled(root)
            return
        write_project(root)
        for path in (root, target):
            path.mkdir(exist_ok=True)
            git(path, "init", "-qb", "main")
        git(root, "add", "-A")
        git(root, "-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "blueprints")
        cold = measure(compile_(root))
        again = measure(compile_(root))
        bytes_ = measure(floor(root, target))
        rendered = measure(render_all(root))
        looped = measure(helm_loop(root, scratch))
        show(f"compile, {COUNT} x 3", cold)
        show("compile again, up to date", again)
        show("write and commit the same", bytes_)
        show("render all", rendered)
        show(f"helm template, {HELM_SAMPLE} times", looped)
        loop = looped.wall * COUNT * 3 / HELM_SAMPLE
        print(f"compile / floor: {cold.wall / bytes_.wall:.1f}   again / compile: {again.wall / cold.wall:.2f}")
        print(f"helm loop / render: {loop / rendered.wall:.0f}")
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
