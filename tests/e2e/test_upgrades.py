"""From a release's objects to today's on a real API server: it refuses what can't be changed, and says it."""

import pytest

from tests.cluster.cluster import Cluster
from tests.releases.stored import Made, load, make, sources
from tests.test_upgrades import STORED

KINDS = {"HTTPRoute"}
"""Kinds whose definitions the world doesn't have."""


def objects(made: Made, part: str, namespace: str) -> list[dict[str, object]]:
    """Without those that the world has no definition for."""
    found = [obj for obj in made[part] if obj["kind"] not in KINDS]
    return [{**obj, "metadata": {**obj["metadata"], "namespace": namespace}} for obj in found]


@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize("release", STORED)
def test_a_release_can_be_replaced_by_what_is_made_now(cluster: Cluster, namespace: str, release: str) -> None:
    old, new = load(release), make(sources(release))
    for part in (part for part in old if part != "stack"):
        cluster.apply(objects(old, part, namespace))
        cluster.apply(objects(new, part, namespace))
        cluster.kubectl("delete", "all,pvc,cm", "--all", "-n", namespace, "--wait=true", "--timeout=60s")
