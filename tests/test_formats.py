"""The schemas of users' files: what may stand in a blueprint follows from its kind; a default is written once."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from gpuyard.errors import InputError
from gpuyard.project.formats import of_blueprint, schema
from gpuyard.project.load import parse
from tests.projects import sources

NUMBERS = ("default", "x-default", "minimum", "maximum", "maxLength", "minItems", "maxItems")


def described(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of a schema with a description, and where it is."""
    if isinstance(node, dict):
        if isinstance(node.get("description"), str):
            yield path, node
        for name, value in node.items():
            yield from described(value, f"{path}.{name}")
    elif isinstance(node, list):
        for value in node:
            yield from described(value, path)


@pytest.mark.parametrize("file", ["blueprint", "stack", "images-lock"])
def test_prose_repeats_no_number_of_its_key(file: str) -> None:
    """A number that is written twice is changed once. 0 and 1 are words."""
    for path, part in described(schema(file)):
        own = {str(part[name]) for name in NUMBERS if name in part and not isinstance(part[name], bool)}
        said = set(re.findall(r"(?<![\w.])\d+(?:\.\d+)*(?![\w.]*\w)", part["description"]))
        assert not (own - {"0", "1"}) & said, f"{path}: {part['description']}"
        assert "Default: {" not in part["description"]


@pytest.mark.parametrize(("spec", "kind"), [({}, "inference"), ({"type": "inference"}, "inference")])
def test_a_kind_has_a_schema(spec: dict[str, Any], kind: str) -> None:
    assert of_blueprint({"spec": spec})["properties"]["spec"]["properties"]["type"]["default"] == kind
    assert "model" in of_blueprint({"spec": spec})["properties"]["spec"]["properties"]


@pytest.mark.parametrize("wrong", ["bach", "Inference", ""])
def test_a_kind_that_is_not_known_is_the_one_problem(wrong: str) -> None:
    with pytest.raises(InputError) as refusal:
        raise InputError(parse(sources({"type": wrong, "nodes": 4})).problems)
    assert [problem.message for problem in refusal.value.problems] == [f'spec.type is "{wrong}"; must be inference']


@pytest.mark.parametrize("wrong", [3, ["inference"], {"a": "b"}])
def test_a_kind_that_is_no_text(wrong: Any) -> None:
    (problem,) = parse(sources({"type": wrong, "nodes": 4})).problems
    assert problem.message.startswith("spec.type is ")


@pytest.mark.parametrize(
    ("signal", "queue", "kv"),
    [("queue", 4, None), ("kv", None, 0.8), ("composite", 4, 0.8), ("concurrency", None, None)],
)
def test_a_default_may_hang_on_another_key(signal: str, queue: int | None, kv: float | None) -> None:
    (blueprint,) = parse(sources({"scaling": {"signal": signal}})).blueprints
    scaling = blueprint.spec.scaling
    assert (scaling.queue and scaling.queue.target, scaling.kv and scaling.kv.target) == (queue, kv)
