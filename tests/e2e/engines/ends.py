"""Whether it is worth while to tidy up."""

import pytest

from tests.cluster import state
from tests.cluster.state import State

__all__ = ["goes_on"]


def goes_on(request: pytest.FixtureRequest, world: State) -> bool:
    """Whether anything comes after this fixture: a world that isn't kept ends with its last test."""
    return world == state.kept() or request.node not in request.session.items[-1].listchain()
