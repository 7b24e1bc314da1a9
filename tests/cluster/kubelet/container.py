"""One container of a running pod: started, watched, started again when it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from tests.cluster.api import Api, Object
from tests.cluster.kubelet.images import Image, image
from tests.cluster.kubelet.probes import Probe
from tests.cluster.kubelet.values import MissingError, environment, expand
from tests.cluster.kubelet.volumes import Volumes

__all__ = ["Container", "Place", "RestartPolicy"]

RestartPolicy: TypeAlias = Literal["Always", "OnFailure", "Never"]

_SANDBOX = Path(__file__).with_name("sandbox.py")
_LONGEST_BACK_OFF = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the containers of one pod live."""

    pod: Object
    address: str
    network: Path
    directory: Path
    volumes: Volumes
    files: Mapping[str, Path]  # what of the world every container sees: /etc/hosts and the like
    programs: Mapping[str, Path]
    logs: Path


class Container:
    """A container and its process; one whose image isn't known counts as running without having one."""

    def __init__(self, spec: Object, place: Place, *, restart: RestartPolicy) -> None:
        self.spec, self._place, self._restart = spec, place, restart
        found = image(spec["image"])
        is_known = found is not None and all(program in place.programs for program in found.files.values())
        self._image: Image | None = found if is_known else None
        self._probe = Probe(spec, place.address)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = self._ended = ""
        self._exit_code: int | None = None
        self._restarts, self._not_before, self._waiting = 0, 0.0, "ContainerCreating"

    @property
    def pre_stop(self) -> float:
        """Seconds between the pod's deletion and SIGTERM."""
        sleep = self.spec.get("lifecycle", {}).get("preStop", {}).get("sleep", {})
        return float(sleep.get("seconds", 0)) if self.is_running else 0.0

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def is_done(self) -> bool:
        """Whether what has to happen before other containers start has happened."""
        return self._image is None or self._exit_code == 0

    @property
    def is_over(self) -> bool:
        """Whether the process has ended for good."""
        code = self._exit_code
        return code is not None and (self._restart == "Never" or (self._restart == "OnFailure" and code == 0))

    def advance(self, api: Api) -> None:
        """Start the process when it isn't there and its time has come; notice when it has ended."""
        if self._image is None or self.is_running:
            return
        if self._process is not None:
            self._note_end()
        if self.is_over or time.monotonic() < self._not_before:
            return
        try:
            self._place.volumes.refresh()
            env = environment(api, self._place.pod, self.spec)
        except MissingError as error:
            self._waiting = f"CreateContainerConfigError: {error}"
            self._not_before = time.monotonic() + 0.5
            return
        self._start(env)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and what it has started."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def status(self, *, stopping: bool = False) -> Object:
        """The container's entry in the pod's status."""
        running = self._image is None or self.is_running
        ready = running and not stopping and (self._image is None or self._probe.ready())
        state: Object
        if running:
            state = {"running": {"startedAt": self._started or self._place.pod["metadata"]["creationTimestamp"]}}
        elif self.is_over:
            state = {"terminated": self._termination()}
        else:
            reason, _, message = self._waiting.partition(": ")
            state = {"waiting": {"reason": reason, "message": message}}
        status: Object = {
            "name": self.spec["name"],
            "image": self.spec["image"],
            "imageID": "",
            "ready": ready,
            "started": ready,
            "restartCount": self._restarts,
            "state": {"running": None, "terminated": None, "waiting": None} | state,
        }
        if self._exit_code is not None and not self.is_over:
            status["lastState"] = {"terminated": self._termination()}
        return status

    def _start(self, env: Mapping[str, str]) -> None:
        if self._exit_code is not None:
            self._restarts += 1
            self._probe = Probe(self.spec, self._place.address)
        found = self._image or Image()
        command = list(self.spec.get("command") or found.entrypoint)
        command = [expand(part, env) for part in (*command, *self.spec.get("args", []))]
        inside = ["nsenter", f"--net={self._place.network}"]
        if found.files or found.scripts:
            env = {**env, "PATH": ":".join([*found.path, env["PATH"]])}
            specification = self._specify(found, command, env)
            inside += ["unshare", "--mount", "--uts", sys.executable, "-I", str(_SANDBOX), str(specification)]
        else:
            inside += command
            env = {**os.environ, **{name: env[name] for name in env.keys() - {"PATH", "HOME"}}}
        metadata = self._place.pod["metadata"]
        name = f"{metadata['namespace']}_{metadata['name']}_{self.spec['name']}.log"
        with (self._place.logs / name).open("ab") as log:
            self._process = subprocess.Popen(
                inside, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True
            )
        self._started = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

    def _specify(self, found: Image, command: list[str], env: Mapping[str, str]) -> Path:
        directory: Path = self._place.directory / "containers" / self.spec["name"]
        root = directory / "root"
        root.mkdir(parents=True, exist_ok=True)
        mounts = [(str(source), target) for target, source in self._place.files.items()]
        mounts += found.mounts(self._place.programs)
        for mount in sorted(self.spec.get("volumeMounts", []), key=lambda mount: str(mount["mountPath"])):
            source = self._place.volumes.path(mount["name"])
            part = expand(mount.get("subPathExpr", ""), env) or mount.get("subPath", "")
            if part and not (source / part).exists():
                (source / part).mkdir(parents=True)
            mounts.append((str(source / part) if part else str(source), mount["mountPath"]))
        specification = directory / "specification.json"
        document = {
            "root": str(root),
            "hostname": self._place.pod["metadata"]["name"],
            "mounts": mounts,
            "command": command,
            "env": dict(env),
            "directory": self.spec.get("workingDir", "/"),
        }
        specification.write_text(json.dumps(document))
        return specification

    def _note_end(self) -> None:
        """Wait 1, 2, 4 … seconds before the next start, as a kubelet does with longer ones."""
        assert self._process is not None
        self._exit_code = self._process.returncode
        self._ended = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._process = None
        self._waiting = "CrashLoopBackOff: back-off restarting failed container"
        self._not_before = time.monotonic() + min(2.0**self._restarts, _LONGEST_BACK_OFF)

    def _termination(self) -> Object:
        code = self._exit_code or 0
        return {
            "exitCode": code if code >= 0 else 128 - code,
            "reason": "Error" if code else "Completed",
            "startedAt": self._started or None,
            "finishedAt": self._ended or None,
        }
