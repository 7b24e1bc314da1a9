"""400 blueprints on three shapes: compile against writing and committing the same bytes, render against helm.

Each side runs in a process of its own, so that memory and CPU are its own too. Figures are of one machine at
one time; only the ratios mean something elsewhere. `--profile` times the stages, `--grow` compiles 5,000 as well.
"""

import compileall
import gc
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import gpuyard
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.commit.lock import lock_of
from gpuyard.doors.cache import NOTHING
from gpuyard.doors.chartvalues import Values
from gpuyard.doors.helm import open_helm
from gpuyard.pipeline import compile
from gpuyard.project.load import load, parse
from gpuyard.render import kustomize, render
from gpuyard.resolve import resolve
from gpuyard.review.placed import Running
from gpuyard.tree import SERVERS
from tests.conftest import demo_sources

T = TypeVar("T")

COUNT = 400
PROFILED = 60
"""Blueprints of `--profile`; the stages are timed one after the other."""
MANY = 5000
"""Blueprints of `--grow`."""
HELM_SAMPLE = 40
"""Of the 1200 runs of `helm template` this many are made, and the time is scaled; each takes as long."""
_NOT_OF_USERS = frozenset({"GPUYARD_COMPILE_CACHE", "PYTHONDONTWRITEBYTECODE"})
"""Variables of a test run: without bytecode every start takes half as long again."""
FORMER_LINES = 4294
"""Of base/ and overlays/ of the three shipped blueprints in 0.2.0."""


class Figures(NamedTuple):
    """Seconds, and MiB at the most, children included."""

    wall: float
    cpu: float
    memory: float


def measure(work: Callable[[], object]) -> Figures:
    """Run in a child, so that what it uses is its own; what others have written is on disk before."""
    os.sync()  # else a commit would wait for thousands of files of the measurement before it
    start = time.monotonic()
    child = os.fork()
    if not child:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            work()
        except BaseException as error:  # whatever it is, it ends this child and not what the parent does
            os.write(2, f"{error!r}\n".encode())
            os._exit(1)
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
        text = chat.replace("name: chat", f"name: chat-{number:03}").replace("16384", str(8192 + 16 * (number % COUNT)))
        (root / "blueprints" / f"chat-{number:03}.yaml").write_text(text, encoding="utf-8")


def git(root: Path, *args: str) -> None:
    subprocess.run(["git", "-C", str(root), *args], check=True, stdout=subprocess.DEVNULL)


def save(root: Path, message: str) -> None:
    git(root, "add", "-A")
    git(root, "-c", "user.name=b", "-c", "user.email=b@b", "-c", "gc.auto=0", "commit", "-qm", message)


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
        save(target, "all")

    return work


def cache(root: Path) -> Path:
    """What a user of that repository remembers."""
    return root.with_name(f"{root.name}-cache")


def compile_(root: Path) -> Callable[[], None]:
    """`gpuyard compile` as a user runs it."""
    return _command(root, "compile", cache(root))


def diff(root: Path) -> Callable[[], None]:
    """`gpuyard diff`, with a copy of what is remembered: a compile after it is to find what it found before."""
    own = root.with_name(f"{root.name}-cache-of-diff")
    shutil.copytree(cache(root), own)
    return _command(root, "diff", own)


def _command(root: Path, name: str, remembered: Path) -> Callable[[], None]:
    argv = [sys.executable, "-m", "gpuyard", name, str(root)]
    env = {name: value for name, value in os.environ.items() if name not in _NOT_OF_USERS}
    env["XDG_CACHE_HOME"] = str(remembered)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return lambda: subprocess.run(argv, check=True, env=env, **quiet) and None


def change_one(root: Path) -> None:
    """Of all blueprints; committed, as `gpuyard compile` wants it."""
    file = root / "blueprints" / "chat-007.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("contextLength: ", "contextLength: 1"), encoding="utf-8")
    save(root, "one blueprint")


def render_all(root: Path) -> Callable[[], None]:
    """The objects of every workload and what is written of them, in one process and from the files on."""

    def work() -> None:
        resolved = resolve(load(root))
        stack = resolved.stack
        bare = replace(stack, repository=replace(stack.repository, charts=False))  # helm has its values as files
        kustomize.files(replace(resolved, stack=bare), open_helm(shipped_charts()), NOTHING)

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
    everything = [each.values for each in resolved.workloads]
    timed("  values against the schema", lambda: [list(values.problems(each)) for each in everything])
    batches = [everything[start : start + 24] for start in range(0, len(everything), 24)]
    place = {"release": SERVERS, "namespace": resolved.stack.namespace}
    timed("  Helm, with that and parsing", lambda: [helm.render_all("vllm", batch, **place) for batch in batches])
    tree = timed("render: Helm, patches, writing", lambda: render(resolved, charts, open_helm(charts)))
    timed("plan: digests of all files", lambda: lock_of(tree, Running()))
    whole = sum(seconds for name, seconds in spent.items() if not name.startswith(" "))
    print(f"{len(resolved.workloads)} workloads, {len(tree)} files, {whole:.2f} s of CPU")
    for name, seconds in spent.items():
        each = 1000 * seconds / len(resolved.workloads)
        print(f"{name:<34} {100 * seconds / whole:5.1f} %  {each:6.2f} ms a workload")


def show(name: str, figures: Figures) -> None:
    """One line."""
    print(f"{name:<28} {figures.wall:8.2f} s wall  {figures.cpu:8.2f} s cpu  {figures.memory:7.0f} MiB")


def prepared(root: Path, count: int) -> Path:
    """A repository with blueprints and nothing that was compiled."""
    write_project(root, count)
    git(root, "init", "-qb", "main")
    save(root, "blueprints")
    return root


def compared(scratch: Path) -> Figures:
    """Every aim's figures; those of the cold compile."""
    root, target = prepared(scratch / "gitops", COUNT), scratch / "floor"
    target.mkdir()
    git(target, "init", "-qb", "main")
    cold = measure(compile_(root))
    again = measure(compile_(root))
    least = measure(floor(root, target))
    change_one(root)
    shown = measure(diff(root))
    one = measure(compile_(root))
    rendered = measure(render_all(root))
    looped = measure(helm_loop(root, scratch))
    show(f"compile, {COUNT} x 3", cold)
    show("compile again, up to date", again)
    show("one blueprint changed", one)
    show("diff of it", shown)
    show("write and commit the same", least)
    show("render all", rendered)
    show(f"helm template, {HELM_SAMPLE} times", looped)
    ratio("compile / floor", cold, least, "at most 3")
    ratio("one changed / compile", one, cold, "at most 0.2")
    ratio("diff of one / compile", shown, cold, "at most 0.2")
    ratio("up to date / compile", again, cold, "")
    scaled = Figures(*(figure * COUNT * 3 / HELM_SAMPLE for figure in looped))
    ratio("helm loop / render", scaled, rendered, "at least 20")
    return cold


def grown(scratch: Path, few: Figures) -> None:
    """Whether twelve times as many blueprints take twelve times as long."""
    many = measure(compile_(prepared(scratch / "many", MANY)))
    show(f"compile, {MANY} x 3", many)
    each = Figures(few.wall * MANY / COUNT, few.cpu * MANY / COUNT, few.memory)
    ratio(f"a blueprint of {MANY} / of {COUNT}", many, each, "1")


def lines() -> int:
    """Of base/ and overlays/ of a repository with the shipped blueprints."""
    tree = compile(parse(demo_sources())).tree
    return sum(text.count("\n") for path, text in tree.items() if path.parts[0] in ("base", "overlays"))


def ratio(name: str, one: Figures, other: Figures, aim: str) -> None:
    """Of time, and of CPU, which others on the machine change less."""
    wanted = f"  (aim: {aim})" if aim else ""
    print(f"{name:<28} {one.wall / other.wall:8.2f} of wall  {one.cpu / other.cpu:8.2f} of cpu{wanted}")


def main() -> None:
    """Measure, and print."""
    gc.disable()  # as the command line does, here and in the children
    compileall.compile_dir(Path(gpuyard.__file__).parent, quiet=1)  # as pip does
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    scratch = Path(tempfile.mkdtemp(prefix="gpuyard-bench-"))
    try:
        if "--profile" in sys.argv:
            write_project(scratch / "gitops", PROFILED)
            profiled(scratch / "gitops")
            return
        cold = compared(scratch)
        count = lines()
        share = f"{count / FORMER_LINES:.2f} of the {FORMER_LINES} of 0.2.0 (aim: at most 0.5)"
        print(f"base/ and overlays/ of the shipped blueprints: {count} lines, {share}")
        if "--grow" in sys.argv:
            grown(scratch, cold)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
