"""The load budget: seconds from a pod's creation to ready; the chart computes its timeouts from them."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from gpuyard.catalogue.models import Model

__all__ = ["Budget", "Origin", "load_budget", "read_seconds"]


class Origin(StrEnum):
    """Where weights come from: the scheme of a source."""

    HF = "hf"
    """Downloaded from Hugging Face."""
    OCI = "oci"
    """Streamed from Object Storage."""
    FSS = "fss"
    """A shared file system."""
    PVC = "pvc"
    """A volume that somebody else fills."""
    NVME = "nvme"
    """The node's own drives."""


_MB_PER_SECOND = {Origin.HF: 100, Origin.OCI: 400, Origin.FSS: 150, Origin.PVC: 150, Origin.NVME: 1500}
"""What a pod gets on a bad day; Hugging Face and file systems are often several times faster."""
_TO_GPU_MB_PER_SECOND = 1000
"""From the page cache into GPU memory, format conversion included."""
_FLOOR_SECONDS = 300
"""Imports, cold torch.compile, profiling, CUDA graphs; vLLM 0.32 took 105 s on a CPU for a model of 3 MB."""
_SAFETY = 1.5
_SCHEDULE_SECONDS = 900
"""A new node, volumes, an image of 10 GB unpacked."""
_PRE_STOP_SECONDS = 15
_SHUTDOWN_MARGIN_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds; `start` is from the container's start to ready and has the safety factor in it."""

    download: int
    load: int
    floor: int
    start: int
    schedule: int
    """From the pod's creation to the container's start."""
    replicas: int
    pre_stop: int
    """The pod serves on while endpoints and gateways learn that it is going."""
    shutdown_timeout: int
    """vLLM's --shutdown-timeout: accepted requests finish."""
    shutdown_margin: int
    """Time to exit after that."""
    assumptions: tuple[str, ...]

    @property
    def grace(self) -> int:
        """The pod's terminationGracePeriodSeconds."""
        return self.pre_stop + self.shutdown_timeout + self.shutdown_margin

    @property
    def sync_timeout(self) -> int:
        """How long an engine waits for a rollout, one replica after the other; the last minute is its own."""
        return max(30, self.schedule + self.replicas * (self.grace + self.start) + 60)


def read_seconds(model: Model, origin: Origin, mb_per_second: int | None = None) -> int:
    """How long the weights take from where they are, once for all GPUs."""
    return ceil(model.weights_bytes / 10**6 / (mb_per_second or _MB_PER_SECOND[origin]))


def load_budget(
    model: Model,
    *,
    kind: Origin | str = Origin.HF,
    mb_per_second: int | None = None,
    replicas: int = 1,
    start: int | None = None,
    schedule: int | None = None,
    shutdown_timeout: int,
) -> Budget:
    """The budget of a model from a kind of source; `start` and `schedule` replace what would be computed."""
    kind = Origin(kind)
    rate = mb_per_second or _MB_PER_SECOND[kind]
    megabytes = model.weights_bytes / 10**6
    download = read_seconds(model, kind, rate)
    load = ceil(megabytes / _TO_GPU_MB_PER_SECOND)
    schedule = _SCHEDULE_SECONDS if schedule is None else schedule
    computed = 60 * ceil((download + load + _FLOOR_SECONDS) * _SAFETY / 60)
    return Budget(
        download=download,
        load=load,
        floor=_FLOOR_SECONDS,
        start=computed if start is None else start,
        schedule=schedule,
        replicas=max(1, replicas),
        pre_stop=_PRE_STOP_SECONDS,
        shutdown_timeout=shutdown_timeout,
        shutdown_margin=_SHUTDOWN_MARGIN_SECONDS,
        assumptions=(
            f"{megabytes / 1000:.1f} GB from {kind} at {rate} MB/s, once for all GPUs: {download} s",
            f"into GPU memory at {_TO_GPU_MB_PER_SECOND} MB/s: {load} s",
            f"imports, compilation and CUDA graphs with cold caches: {_FLOOR_SECONDS} s",
            f"all that {_SAFETY:g} times, in whole minutes: {computed} s",
            f"before it a new node, its volumes and the image: {schedule} s",
            *(() if start is None else (f"the blueprint says {start} s instead",)),
        ),
    )
