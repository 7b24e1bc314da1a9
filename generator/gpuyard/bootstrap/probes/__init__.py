"""What is asked inside of a cluster: does it enforce network policies, can pods write files, is the engine in sync.

What a probe makes is in a namespace of its own, and goes with it.
"""

from gpuyard.bootstrap.probes.asking import probes
from gpuyard.bootstrap.probes.probed import Probed, Verdict

__all__ = ["Probed", "Verdict", "probes"]
