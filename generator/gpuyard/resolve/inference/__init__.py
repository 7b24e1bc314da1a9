"""The kind `inference`: a model server of vLLM, from a blueprint to the values of its chart."""

from gpuyard.resolve.inference.notes import notes
from gpuyard.resolve.inference.workloads import workloads

__all__ = ["notes", "workloads"]
