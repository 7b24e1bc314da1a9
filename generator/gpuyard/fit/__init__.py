"""Does this model run on this shape: with which parallelism, how long a context, how many requests.

Per GPU: budget = utilization x usable; KV cache = budget - weights - activation - buffers - CUDA graphs.
"""

from gpuyard.fit.choose import Choice, Refusal, choose
from gpuyard.fit.settings import Draft, Offload, Settings, least_batched
from gpuyard.fit.verdict import MARGIN_GIB, TYPICAL_TOKENS, Fit, Verdict, defaults_for, fit
from gpuyard.fit.words import explain

__all__ = ["MARGIN_GIB", "TYPICAL_TOKENS", "Choice", "Draft", "Fit", "Offload", "Refusal", "Settings", "Verdict"]
__all__ += ["choose", "defaults_for", "explain", "fit", "least_batched"]
