"""A real vLLM with the arguments of a rendered pod: its init container is run, its server started as a process.

Every path of the pod (/etc/vllm, /cache, …) lies below one folder here; that and `Differences` is all that differs.
"""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from tests.chart.rendering import CHART
from tests.e2e.vllm import install

__all__ = ["ADDED", "ENVIRONMENT", "NEEDS_VLLM", "REPLACED", "Pod", "Server"]

NEEDS_VLLM: Final = pytest.mark.skipif(
    not install.environment().is_dir(), reason="vLLM is not installed: python -m tests.e2e.vllm.install"
)

_ADDRESS: Final = "127.0.0.1"
REPLACED: Final[Mapping[str, str]] = {
    "model": "a folder with a tiny model: there are neither weights nor a network",
    "tensor-parallel-size": "1: there is one processor, and no GPU to share the model with",
}
ADDED: Final = (
    "--load-format=dummy",  # random weights
    "--enforce-eager",  # nothing to compile for
    f"--host={_ADDRESS}",  # on every other address of the world the Services of other tests have the same port
)
ENVIRONMENT: Final[Mapping[str, str]] = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB; there is no GPU memory to take a share of
}
# Besides these VLLM_RPC_BASE_PATH: sockets in the pod's /tmp, which lies deep here, would have too long a path (107).

_START_SECONDS: Final = 240
_PORT: Final = 8000
_COMPLETIONS: Final = "/v1/completions"


@dataclass(frozen=True, slots=True)
class Pod:
    """A rendered pod with its Secrets, its files below `root`."""

    spec: Mapping[str, Any]
    root: Path
    model: Path
    """In the place of the pod's."""
    moved: Mapping[str, str] = field(default_factory=dict)
    """Arguments that name paths of the pod, by what they are here."""

    def inside(self, path: str) -> Path:
        """Where a path of the pod lies here."""
        return self.root / path.lstrip("/")

    def mount(self, volume: str, files: Mapping[str, str], *, container: str) -> None:
        """Put the files of a volume where the container mounts it."""
        [mount] = [each for each in self._container(container)["volumeMounts"] if each["name"] == volume]
        folder = self.inside(mount["mountPath"])
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")

    def initialize(self, container: str) -> None:
        """Run an init container to its end."""
        spec = self._container(container)
        for mount in spec["volumeMounts"]:
            self.inside(mount["mountPath"]).mkdir(parents=True, exist_ok=True)
        program, *options = [each.replace("/scripts", str(CHART / "files")) for each in spec["command"]]
        assert program == "python3"
        subprocess.run([sys.executable, *options, *self._moved(spec["args"])], check=True)

    def command(self) -> list[str]:
        """The server's command line, with the program from our own environment."""
        spec = self._container("vllm")
        assert spec["command"] == ["vllm", "serve"]
        return [*install.serve(), *self.arguments(spec["args"])]

    def arguments(self, given: Sequence[str]) -> list[str]:
        """The pod's, as Kubernetes hands them on, and what a machine without a GPU needs."""
        _, *flags = [argument.replace("$$", "$") for argument in given]
        [parallel] = [flag for flag in flags if flag.startswith("--tensor-parallel-size=")]
        assert not {flag.partition("=")[0] for flag in flags} & {flag.partition("=")[0] for flag in ADDED}
        here = {**self.moved, parallel: "--tensor-parallel-size=1"}
        return [str(self.model), *self._moved([here.get(flag, flag) for flag in flags]), *ADDED]

    def environment(self) -> dict[str, str]:
        """The server's variables as the chart sets them."""
        entries = self._container("vllm")["env"]
        names, values = [entry["name"] for entry in entries], self._moved([entry["value"] for entry in entries])
        return dict(zip(names, values, strict=True))

    def _container(self, name: str) -> Mapping[str, Any]:
        containers = [*self.spec.get("initContainers", []), *self.spec["containers"]]
        [found] = [each for each in containers if each["name"] == name]
        return dict(found)

    def _moved(self, texts: list[str]) -> list[str]:
        return [str(self.inside(text)) if text.startswith("/") else text for text in texts]


class Server:
    """The running server; ended by `close` at the latest."""

    def __init__(self, pod: Pod, key: str, log: Path) -> None:
        with pytest.raises(ConnectionRefusedError):  # another server would answer in the place of this one
            self.get("/health")
        self._log, self._key = log, key
        self._sockets = tempfile.mkdtemp(prefix="vllm-", dir="/tmp")
        inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        own = {"TMPDIR": str(pod.inside("/tmp")), **pod.environment()}  # noqa: S108 - in the pod
        env = {**inherited, **own, **ENVIRONMENT, "VLLM_RPC_BASE_PATH": self._sockets}
        for name in ("HOME", "TMPDIR"):
            Path(env[name]).mkdir(parents=True, exist_ok=True)
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                pod.command(), stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=env, start_new_session=True
            )

    def wait(self) -> float:
        """Wait until /health answers; returns the seconds that it took, raises with the log's end."""
        began = time.monotonic()
        while time.monotonic() - began < _START_SECONDS:
            assert self.process.poll() is None, f"vLLM ended while it started\n{self.log()[-6000:]}"
            try:
                if self.get("/health")[0] == 200:
                    return time.monotonic() - began
            except OSError:
                time.sleep(0.5)
        raise AssertionError(f"no answer after {_START_SECONDS} s\n{self.log()[-6000:]}")

    def get(self, path: str) -> tuple[int, str]:
        """Status and text."""
        return self._ask("GET", path, None, {})

    def complete(self, model: str, tokens: int, *, key: str | None = None) -> tuple[int, dict[str, Any]]:
        """Status and answer of a completion of so many tokens; the empty key sends none."""
        status, text = self._ask("POST", _COMPLETIONS, _body(model, tokens), self._headers(key))
        return status, json.loads(text)

    def stream(self, model: str, tokens: int) -> Iterator[int]:
        """A completion of so many tokens as it is made: what vLLM has counted so far; raises ValueError if refused."""
        body = _body(model, tokens, stream=True, stream_options={"include_usage": True, "continuous_usage_stats": True})
        connection = http.client.HTTPConnection(_ADDRESS, _PORT, timeout=180)
        try:
            connection.request("POST", _COMPLETIONS, body, self._headers(None))
            answer = connection.getresponse()
            if answer.status != 200:
                raise ValueError(f"HTTP {answer.status}: {answer.read().decode()}")
            for line in answer:
                if line.startswith(b"data: {"):
                    yield int(json.loads(line.removeprefix(b"data: "))["usage"]["completion_tokens"])
        finally:
            connection.close()

    def log(self) -> str:
        """What it has written."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """End it and what it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _headers(self, key: str | None) -> dict[str, str]:
        sent = self._key if key is None else key
        return {"Content-Type": "application/json", **({"Authorization": f"Bearer {sent}"} if sent else {})}

    def _ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> tuple[int, str]:
        connection = http.client.HTTPConnection(_ADDRESS, _PORT, timeout=180)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


def _body(model: str, tokens: int, **more: Any) -> str:
    return json.dumps({"model": model, "prompt": "Hello", "max_tokens": tokens, "ignore_eos": True, **more})
