"""Sizes that authors change and that don't go together with another one are refused where they stand."""

from typing import Any

import pytest

from gpuyard.doors.quantities import quantity
from tests.projects import Values, problems


def limits(**given: Any) -> Values:
    return {"resources": {"limits": {name.replace("_", "-"): value for name, value in given.items()}}}


def requests(**given: Any) -> Values:
    return {"resources": {"requests": {name.replace("_", "-"): value for name, value in given.items()}}}


MORE = "which Kubernetes refuses"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            limits(memory="16Gi"),
            f"spec.values.resources.limits.memory: the request, 29Gi, is more than the limit, 16Gi, {MORE}",
        ),
        (
            requests(memory="300Gi"),
            f"spec.values.resources.requests.memory: the request, 300Gi, is more than the limit, 204Gi, {MORE}",
        ),
        (
            limits(cpu="3500m"),
            f"spec.values.resources.limits.cpu: the request, 4, is more than the limit, 3500m, {MORE}",
        ),
        (
            {"init": {"resources": {"limits": {"memory": "100Mi"}}}},
            f"spec.values.init.resources.limits.memory: the request, 128Mi, is more than the limit, 100Mi, {MORE}",
        ),
        (
            {"download": {"resources": {"requests": {"cpu": 9}, "limits": {"cpu": 8}}}},
            f"spec.values.download.resources.requests.cpu: the request, 9, is more than the limit, 8, {MORE}",
        ),
        (
            {"sharedMemory": {"size": "204Gi"}},
            "spec.values.sharedMemory.size: shared memory of 204Gi counts against the memory limit, 204Gi, and must be "
            "smaller",
        ),
        (
            {"scratch": {"size": "20Gi"}},
            "spec.values.scratch.size: temporary files and the home folder of 20Gi each do not fit into the limit of "
            "ephemeral-storage, 36Gi, beyond which a pod is evicted",
        ),
        (
            limits(ephemeral_storage="15Gi"),
            "spec.values.resources.limits.ephemeral-storage: temporary files and the home folder of 8Gi each do not "
            "fit into the limit of ephemeral-storage, 15Gi, beyond which a pod is evicted",
        ),
    ],
    ids=str,
)
def test_refused(values: Values, message: str) -> None:
    assert message in problems({"shapes": {"h100": {}}, "values": values})
    of_shape = message.replace("spec.values.", "spec.shapes.h100.values.")
    assert of_shape in problems({"shapes": {"a10": {}, "h100": {"values": values}}})


def test_a_cache_on_the_node_s_disk_counts() -> None:
    spec = {"shapes": {"h100": {}}, "storage": {"cache": {"kind": "ephemeral"}}}
    (message,) = problems({**spec, "values": limits(ephemeral_storage="64Gi")})
    assert "of 8Gi each and a cache of 50Gi do not fit into the limit of ephemeral-storage, 64Gi" in message


@pytest.mark.parametrize(
    "values",
    [
        limits(memory=None) | {"sharedMemory": {"size": "900Gi"}},
        limits(ephemeral_storage=None) | {"scratch": {"size": "900Gi"}},
        {"resources": {"requests": {"cpu": None}, "limits": {"cpu": "100m"}}},
        limits(memory="29Gi"),
        limits(ephemeral_storage="16Gi"),
        {"sharedMemory": {"size": "203Gi"}},
    ],
    ids=str,
)
def test_what_fits_or_has_no_limit_is_taken(values: Values) -> None:
    assert problems({"shapes": {"h100": {}}, "values": values}) == []


@pytest.mark.parametrize(
    ("less", "more"),
    [("999m", 1), ("1.5", 2), ("1k", "1Ki"), ("900Ki", "1M"), ("1M", "1Mi"), ("1000Mi", "1.1G"), ("1G", "1Gi")],
)
def test_quantities_are_numbers(less: str | int, more: str | int) -> None:
    assert quantity(less) < quantity(more)
    assert quantity("1Ti") == 1024 * quantity("1Gi") == 1024**4 == 1024**4 * quantity("1000m")
    assert quantity("1T") == 10**12
