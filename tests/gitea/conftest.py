"""A real forge for the tests of this folder; plain `pytest` leaves them alone, for it would have to be built first."""

import os
from collections.abc import Iterator

import pytest

from tests.cluster import programs
from tests.gitea.server import Gitea, running

collect_ignore_glob = [] if os.environ.get("GPUYARD_FORGE") else ["test_*.py"]


@pytest.fixture(scope="session")
def gitea(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gitea]:
    """One for all tests; each makes its own users and repositories."""
    if programs.missing("gitea"):
        pytest.skip("no Gitea; `python -m tests.cluster.programs --group forge` builds it")
    with running(tmp_path_factory.mktemp("gitea")) as server:
        yield server
