"""When simulated pods become ready, fail and end: a table by blueprint, which the node agent reads for every pod."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal
from uuid import uuid4

from tests.cluster.api import MERGE, Api, Object
from tests.cluster.errors import NotFoundError
from tests.cluster.state import State

__all__ = ["ANNOTATIONS", "LABELS", "Course", "Pods", "course", "courses"]

ANNOTATIONS = "world.gpuyard.dev"
# A pod belongs to the entry that one of these labels names, the first label first.
LABELS = ("gpuyard.dev/blueprint", "app.kubernetes.io/instance", "app.kubernetes.io/name", "app")


@dataclass(frozen=True, slots=True)
class Course:
    """The life of a simulated pod, in seconds; the annotations of a pod say the same and go first."""

    ready_after: float | Literal["never"] = 0
    ends_after: float | Literal["grace"] = 0.5
    crashes: bool = False


class Pods:
    """The table, as tests set it; what is set holds for pods that wait already, too."""

    def __init__(self, state: State, api: Api) -> None:
        self._file = _file(state)
        self._api = api

    def ready_after(self, blueprint: str, seconds: float | Literal["never"]) -> None:
        """Pods of this blueprint become ready so many seconds after they start, or never."""
        self._set(blueprint, replace(self._of(blueprint), ready_after=seconds, crashes=False))

    def crash(self, blueprint: str) -> None:
        """Pods of this blueprint end in CrashLoopBackOff."""
        self._set(blueprint, replace(self._of(blueprint), crashes=True))

    def ends_after(self, blueprint: str, seconds: float | Literal["grace"]) -> None:
        """Deleted pods of this blueprint take so long to end, or their whole grace period, which is also the limit."""
        self._set(blueprint, replace(self._of(blueprint), ends_after=seconds))

    def reset(self) -> None:
        """Forget the table."""
        self._write({})

    def _of(self, blueprint: str) -> Course:
        return courses(self._file).get(blueprint, Course())

    def _set(self, blueprint: str, wanted: Course) -> None:
        self._write({**courses(self._file), blueprint: wanted})
        for pod in self._api.get("/api/v1/pods")["items"]:
            if blueprint in _blueprints(pod):
                self._touch(pod)

    def _touch(self, pod: Object) -> None:
        """Take back what the node agent decided; it decides anew, even where there was nothing to take."""
        metadata = pod["metadata"]
        taken: dict[str, str | None] = {f"{ANNOTATIONS}/{name}": None for name in ("ready-at", "ends-at", "crashes")}
        taken[f"{ANNOTATIONS}/asked"] = uuid4().hex
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        with suppress(NotFoundError):
            self._api.send("PATCH", path, {"metadata": {"annotations": taken}}, content_type=MERGE)

    def _write(self, table: Mapping[str, Course]) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps({name: asdict(each) for name, each in table.items()}))
        new.replace(self._file)


def courses(file: Path) -> dict[str, Course]:
    """The table as it stands."""
    with suppress(FileNotFoundError):
        return {name: Course(**fields) for name, fields in json.loads(file.read_text()).items()}
    return {}


def course(state: State, pod: Object) -> Course:
    """What is set for this pod: by its own annotations, else by the table, else at once."""
    table = courses(_file(state))
    found = next((table[name] for name in _blueprints(pod) if name in table), Course())
    own = pod["metadata"].get("annotations", {})
    ready, ends = own.get(f"{ANNOTATIONS}/ready-after"), own.get(f"{ANNOTATIONS}/ends-after")
    return Course(
        ready_after=found.ready_after if ready is None else "never" if ready == "never" else float(ready),
        ends_after=found.ends_after if ends is None else "grace" if ends == "grace" else float(ends),
        crashes=found.crashes,
    )


def _blueprints(pod: Object) -> list[str]:
    labels = pod["metadata"].get("labels", {})
    return [labels[name] for name in LABELS if name in labels]


def _file(state: State) -> Path:
    return state.root / "pods.json"
