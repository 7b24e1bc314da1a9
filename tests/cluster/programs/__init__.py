"""The programs that the tests run, found on this machine or built from source, once.

python -m tests.cluster.programs [--group core] [NAME...]
"""

from pathlib import Path

from tests.cluster.programs import build, store, toolchain
from tests.cluster.programs.catalogue import program

__all__ = ["missing", "path"]


def path(name: str) -> Path:
    """The executable of that name, built first if there is none; SetupError tells why it can't be had.

    Looked for in $GPUYARD_E2E_BIN and on PATH (only the very version), then in the cache.
    """
    wanted = program(name)
    return store.installed(wanted) or build.build(wanted)


def missing(name: str) -> bool:
    """Whether the executable of that name would have to be built first."""
    wanted = program(name)
    return not (store.installed(wanted) or store.built(wanted, toolchain.version()).exists())
