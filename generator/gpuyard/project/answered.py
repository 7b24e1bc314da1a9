"""What is said of a key that a mapping does not have: where else it is set, or that gpuyard does not do it yet."""

from collections.abc import Mapping
from typing import Any

from gpuyard.catalogue.unsupported import answers

__all__ = ["answer", "answer_at"]

Schema = dict[str, Any]


def answer(schema: Schema, file: str) -> None:
    """Give the mappings of a schema of `stack` or `blueprint` their answers to what is not supported yet."""
    for path, texts in answers(file).items():
        if (mapping := _mapping(schema, path)) is not None:
            answer_at(mapping, texts)


def answer_at(mapping: Schema, texts: Mapping[str, str]) -> None:
    """Answers of one mapping, beside those that it has."""
    mapping["x-elsewhere"] = {**mapping.get("x-elsewhere", {}), **texts}


def _mapping(schema: Schema, path: str) -> Schema | None:
    """The schema of the mapping at a path such as spec.clusters[].oci; None: a kind of blueprint that has none."""
    found = schema
    for step in path.split("."):
        if (part := found["properties"].get(step.removesuffix("[]"))) is None:
            return None
        found = _followed(schema, part)
        if step.endswith("[]"):
            found = _followed(schema, found["items"])
    return found


def _followed(schema: Schema, part: Schema) -> Schema:
    found: Schema = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
    return found
