"""What differs between vLLM versions in how they count GPU memory, found in their start-up logs."""

from dataclasses import dataclass

__all__ = ["Accounting", "accounting"]


@dataclass(frozen=True, slots=True)
class Accounting:
    """How one version of vLLM counts."""

    sampler_bytes: float
    """Bytes for each of max_num_seqs x vocabulary at the peak of the profiling run."""
    compile_gib: float
    """Half of what a cold compile adds to that peak, up to 1 GiB; a warm cache adds none."""
    hopper_comm_gib: float
    """Buffers of the fused all-reduce on GPUs joined by NVLink, from Hopper on."""
    graphs_inside: bool
    """CUDA graphs are taken from gpu_memory_utilization; before, they came on top of it."""


def accounting(version: str) -> Accounting:
    """The facts for a version such as 0.32.0.

    Sampler: 39 bytes until 0.16, 15 since (H100, 0.11 to 0.19). Graphs: subtracted from 0.20 (0.21 by its
    own words) until Model Runner V2 became the default (0.26), and again in 0.32, whose V2 profiles them.
    """
    release = _release(version)
    return Accounting(
        sampler_bytes=15.0 if release >= (0, 17) else 39.0,
        compile_gib=0.3 if release >= (0, 26) else 0.0,
        hopper_comm_gib=2.15 if release >= (0, 17) else 0.6,
        graphs_inside=(0, 20) <= release < (0, 26) or release >= (0, 32),
    )


def _release(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)
