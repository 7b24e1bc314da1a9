"""The fast validator and the strict one agree about every schema that users meet."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import PurePosixPath
from typing import Any

import pytest

from gpuyard.catalogue.shippedchart import chart_defaults, shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.schema import faults, is_valid
from gpuyard.doors.schema.acceptance import accepts
from gpuyard.doors.schema.breaches import StrictValidator
from gpuyard.project.formats import of_blueprint, schema
from tests.conftest import demo_sources

ODD: list[Any] = [
    *(None, True, 0, 1, -1, 0.5, 2**53, "", "1", "x\n", "x y", "-x", "é", "\u2028", "a" * 300, "system-x"),
    *([], [None], ["x", "x"], {}, {"x": "x"}, {"": None}),
]
CHART = json.loads(shipped_charts()["vllm"][PurePosixPath("values.schema.json")])


def examples() -> Iterator[Any]:
    """A schema and a value that keeps to it."""
    yield pytest.param(CHART, dict(chart_defaults("vllm")), id="chart")
    for name, data in demo_sources().items():
        value = yamlio.read(data, name).value
        yield pytest.param(schema("stack") if name == "stack.yaml" else of_blueprint(value), value, id=name)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every mapping and list in it with each of their keys."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


@pytest.mark.parametrize(("rules", "good"), list(examples()))
def test_both_take_and_refuse_the_same(rules: dict[str, Any], good: Any) -> None:
    value, strict, taken = deepcopy(good), StrictValidator(rules), {True: 0, False: 0}
    for holder, key in list(places(value)):
        before = holder[key]
        for odd in ODD:
            holder[key] = odd
            fast = accepts(rules, value)
            assert fast == strict.is_valid(value), f"{key}: {odd!r}"
            taken[fast] += 1
        holder[key] = before
    assert all(taken.values())


def test_a_whole_float_is_left_to_the_strict_one() -> None:
    count = {"properties": {"count": {"type": "integer"}, "ratio": {"type": "number"}}}
    assert not accepts(count, {"count": 1.0})
    assert list(faults({"count": 1.0}, count)) == ["$.count: 1.0 is not of type 'integer'"]
    assert not accepts(count, {"ratio": [1.0]})
    assert is_valid({"ratio": 1.0}, count)


def test_what_no_json_can_hold_is_left_to_the_strict_one() -> None:
    rules = {"properties": {"names": {"type": "array"}}}
    assert not accepts(rules, {"names": {1, 2}})
    assert list(faults({"names": {1, 2}}, rules)) == ["$.names: {1, 2} is not of type 'array'"]
