"""From objects that are built to those that a cluster has: exactly, whatever goes, comes or moves."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuyard.render.changes import between, steps

LEAVES = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b/c", "d~e"])
KEYS = st.sampled_from(["name", "a", "b/c", "d~e", "~1"])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


def patched(value: Any, patch: Sequence[Mapping[str, Any]]) -> Any:
    """RFC 6902, as far as it is used."""
    whole = {"": copy.deepcopy(value)}
    for step in patch:
        names = [name.replace("~1", "/").replace("~0", "~") for name in step["path"].split("/")]
        holder: Any = whole
        for name in names[:-1]:
            holder = holder[int(name) if isinstance(holder, list) else name]
        key: Any = int(names[-1]) if isinstance(holder, list) else names[-1]
        assert (key in holder if isinstance(holder, dict) else key < len(holder)) == (step["op"] != "add")
        if step["op"] == "remove":
            del holder[key]
        else:
            holder[key] = step["value"]
    return whole[""]


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.dictionaries(KEYS, VALUES, max_size=4))
def test_the_steps_lead_from_one_to_the_other(before: Any, after: Any) -> None:
    assert patched(before, list(steps(before, after))) == after


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a/b": {"c": 1}}, {"a/b": {"c": 2}}, [{"op": "replace", "path": "/a~1b/c", "value": 2}]),
        ({"a": [1, 2]}, {"a": [1, 3]}, [{"op": "replace", "path": "/a", "value": [1, 3]}]),
        (
            {"a": [{"name": "x", "v": 1}, {"name": "y"}]},
            {"a": [{"name": "x", "v": 2}, {"name": "y"}]},
            [{"op": "replace", "path": "/a/0/v", "value": 2}],
        ),
        (
            {"a": [{"name": "x"}, {"name": "y"}]},
            {"a": [{"name": "y"}, {"name": "x"}]},
            [{"op": "replace", "path": "/a", "value": [{"name": "y"}, {"name": "x"}]}],
        ),
    ],
)
def test_a_list_is_one_value_unless_its_elements_stay(before: Any, after: Any, wanted: list[Any]) -> None:
    assert list(steps(before, after)) == wanted


def obj(kind: str, name: str, version: str = "v1", namespace: str | None = None, **content: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def test_objects_are_known_by_group_kind_namespace_and_name() -> None:
    before = [obj("Secret", "a"), obj("Role", "a", "g/v1", x=1), obj("Map", "a", namespace="one"), obj("Map", "b")]
    after = [obj("Role", "a", "g/v2", x=1), obj("Map", "a", namespace="two"), obj("Map", "b"), obj("Role", "a", "h/v1")]
    found = between(before, after)
    assert [(each["kind"], each["apiVersion"]) for each in found.added] == [("Map", "v1"), ("Role", "h/v1")]
    assert [each["kind"] for each in found.removed] == ["Secret", "Map"]
    assert found.changed == [(before[1], [{"op": "replace", "path": "/apiVersion", "value": "g/v2"}])]
    assert not between(before, list(reversed(before)))
