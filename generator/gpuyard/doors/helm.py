"""The one door to Helm: charts and values in, objects out."""

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from gpuyard.doors import yamlio
from gpuyard.doors.chartbatch import Batch
from gpuyard.doors.chartvalues import SCHEMA, Values
from gpuyard.doors.scratch import scratch
from gpuyard.errors import ToolError

__all__ = ["Binary", "Embedded", "Helm", "archive", "open_helm", "start_helm"]

Objects = list[dict[str, Any]]
Chart = Mapping[PurePosixPath, str]
"""Its files."""
Many = Sequence[Mapping[str, Any]]


class Helm(Protocol):
    """Renders some charts again and again; both backends give the same objects."""

    def render(self, chart: str, values: Mapping[str, Any], *, release: str, namespace: str) -> Objects:
        """The chart's objects, sorted by kind and name."""

    def render_all(self, chart: str, several: Many, *, release: str, namespace: str) -> list[Objects]:
        """The same for several values, in less time than one after the other."""

    def identity(self, chart: str) -> str:
        """Of the chart and what renders it: the same values give the same objects where it is the same."""


def open_helm(charts: Mapping[str, Chart]) -> Helm:
    """The backend for charts held in memory, by name: Helm's library where it can be loaded, else the helm binary.

    GPUYARD_HELM chooses: `embedded`, or the path of a helm binary.
    """
    choice = os.environ.get("GPUYARD_HELM", "")
    why = f"no helm at GPUYARD_HELM={choice}; give the path of a helm binary, or `embedded`"
    if choice in {"", "embedded"}:
        try:
            return Embedded(charts)
        except ToolError as error:
            if choice:
                raise ToolError(f"{error}; unset GPUYARD_HELM to use a helm binary") from error
            why = f"there is no helm on PATH, and {error}; install helm 3.16 or newer (https://helm.sh)"
    found = shutil.which(choice or "helm")
    if found is None:
        raise ToolError(why)
    return Binary(charts, Path(found))


def start_helm(charts: Mapping[str, Chart]) -> Callable[[], Helm]:
    """`open_helm` in a thread, for Go starts without Python; what it gives, or raises, comes with the call."""
    _collect_less()  # here: another thread may not add to the environment while this one reads it
    pool = ThreadPoolExecutor(1)
    opened = pool.submit(open_helm, charts)
    pool.shutdown(wait=False)
    return opened.result


def _collect_less() -> None:
    """Go reads it once, as it is loaded: with a collection for every 4 MB of garbage, a third of the time goes."""
    os.environ.setdefault("GOGC", "400")


class Embedded:
    """Helm's Go library in this process (package helm-python-sdk)."""

    def __init__(self, charts: Mapping[str, Chart]) -> None:
        helm_python = _library()
        self._error, load = helm_python.HelmError, helm_python.Chart.load_archive
        self._values = {name: Values(chart) for name, chart in charts.items()}
        bare = {name: {path: text for path, text in chart.items() if path != SCHEMA} for name, chart in charts.items()}
        self._chart = cache(lambda name: load(archive(bare[name])))  # only asked for where a batch will not do
        self._batches = {name: Batch(name, chart) for name, chart in bare.items()}
        self._readers: dict[str, list[yamlio.Alike]] = {}  # of each template; what it gave last is like the next
        self._batched = {name: load(archive(batch.chart)) for name, batch in self._batches.items()}
        self._identities = {
            name: _digest(f"embedded {helm_python.__version__}", chart) for name, chart in charts.items()
        }

    def identity(self, chart: str) -> str:
        """Of the chart and the library's version."""
        return self._identities[chart]

    def render(self, chart: str, values: Mapping[str, Any], *, release: str, namespace: str) -> Objects:
        """The chart's objects, sorted by kind and name."""
        if refused := list(self._values[chart].problems(values)):
            raise ToolError("the chart refuses these values:", *refused)
        try:
            rendered = self._chart(chart).render(dict(values), name=release, namespace=namespace)
        except self._error as error:
            raise ToolError(*f"helm: {error}".split("\n")) from error
        return _sorted(
            obj
            for path, text in rendered.items()
            if not path.endswith("NOTES.txt")
            for obj in yamlio.parse_manifests(text)
        )

    def render_all(self, chart: str, several: Many, *, release: str, namespace: str) -> list[Objects]:
        """The same for several values, at once if Helm has nothing against any of them."""
        found = None
        filled = [whole for values in several if (whole := self._values[chart].filled(values)) is not None]
        if 1 < len(several) == len(filled):
            with suppress(self._error):  # one by one it says whose values it doesn't like, and in which template
                render = partial(self._batched[chart].render, name=release, namespace=namespace)
                found = self._batches[chart].texts(filled, render)
        if found is None:
            return [self.render(chart, values, release=release, namespace=namespace) for values in several]
        # Most texts are the same on every shape, and parsing is what takes Python's time.
        parsed: dict[str, Objects] = {}
        readers = self._readers.setdefault(chart, [yamlio.Alike() for _ in found[0]])
        for template, reader in zip(zip(*found, strict=True), readers, strict=True):
            parsed |= {text: reader.parse(text) for text in dict.fromkeys(template) if text not in parsed}
        return [_sorted(obj for text in each for obj in parsed[text]) for each in found]


def _library() -> Any:
    """80 MB of shared library: only where it renders."""
    _collect_less()
    try:
        import helm_python
    except Exception as error:
        # Its own errors have no name before it is imported. Where pip finds no wheel (musl, an old glibc), it builds
        # a package without the shared library.
        reason = str(error).partition(". ")[0]
        raise ToolError(f"Helm's library (helm-python-sdk) cannot be loaded: {reason}") from error
    return helm_python


class Binary:
    """The helm program, 3.16 or newer."""

    def __init__(self, charts: Mapping[str, Chart], program: Path) -> None:
        self._charts, self._program = {name: archive(chart) for name, chart in charts.items()}, program
        self._identities = {name: _digest(_version(program), chart) for name, chart in charts.items()}

    def render_all(self, chart: str, several: Many, *, release: str, namespace: str) -> list[Objects]:
        """The same for several values, one by one."""
        return [self.render(chart, values, release=release, namespace=namespace) for values in several]

    def identity(self, chart: str) -> str:
        """Of the chart and the program."""
        return self._identities[chart]

    def render(self, chart: str, values: Mapping[str, Any], *, release: str, namespace: str) -> Objects:
        """The chart's objects, sorted by kind and name."""
        with scratch() as folder:
            file = folder / "chart.tgz"
            file.write_bytes(self._charts[chart])
            argv = [
                str(self._program),
                "template",
                release,
                str(file),
                "--namespace",
                namespace,
                "--values",
                "-",
            ]
            done = subprocess.run(argv, input=json.dumps(values), capture_output=True, text=True, check=False)
        if done.returncode:
            raise ToolError(*f"{self._program}: {done.stderr.strip()}".split("\n"))
        return _sorted(yamlio.parse_manifests(done.stdout))


def archive(chart: Chart) -> bytes:
    """A chart as the .tgz that Helm reads; the same bytes for the same chart."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(chart):
            data = chart[path].encode()
            member = tarfile.TarInfo(f"chart/{path}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), compresslevel=1, mtime=0)


def _digest(backend: str, chart: Chart) -> str:
    """Of a chart's files and what renders them."""
    return sha256(backend.encode() + b"\0" + archive(chart)).hexdigest()


def _version(program: Path) -> str:
    """Of a program, without running it: another one has another size or time."""
    found = program.resolve().stat()
    return f"{program.resolve()} {found.st_size} {found.st_mtime_ns}"


def _sorted(objects: Iterable[dict[str, Any]]) -> Objects:
    return sorted(objects, key=lambda obj: (obj["kind"], obj["metadata"]["name"]))
