"""Schema errors in plain words at their place, and defaults from the schema."""

import copy
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from cattrs.errors import ClassValidationError

from gpuyard.doors.schema import structured, validate, with_defaults
from gpuyard.doors.yamlio import dump, read

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "spec"],
    "properties": {
        "apiVersion": {"const": "example.dev/v1"},
        "kind": {"const": "Thing"},
        "metadata": {"$ref": "#/$defs/metadata"},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "type": {"enum": ["inference", "batch", "fine-tuning"], "default": "inference"},
                "only": {"enum": ["one"]},
                "model": {"anyOf": [{"required": ["name"]}, {"required": ["source"]}]},
                "serving": {"$ref": "#/$defs/serving", "default": {}},
                "scaling": {"$ref": "#/$defs/scaling"},
                "shapes": {
                    "type": "object",
                    "propertyNames": {"pattern": "^[a-z][a-z0-9]*$", "x-error": "must be a shape, such as a10"},
                    "additionalProperties": {"$ref": "#/$defs/shape"},
                    "minProperties": 1,
                },
                "size": {"type": "string", "pattern": "^[0-9]+Gi$", "x-error": "must be a size, such as 100Gi"},
                "code": {"type": "string", "pattern": "^[a-z$]+$", "maxLength": 5},
                "names": {
                    "type": "array",
                    "items": {"type": "string"},
                    "minItems": 1,
                    "maxItems": 3,
                    "uniqueItems": True,
                },
                "value": {"type": ["string", "integer"]},
                "ratio": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                "step": {"type": "integer", "multipleOf": 8},
                "on": {"type": "boolean"},
                "never": {"not": {}},
                "storage": {
                    "oneOf": [
                        {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["kind", "size"],
                            "properties": {
                                "kind": {"const": "fss"},
                                "size": {"type": "string"},
                                "export": {"type": "string", "default": "/models"},
                            },
                        },
                        {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["kind"],
                            "properties": {"kind": {"const": "block"}, "speed": {"type": "integer", "default": 10}},
                        },
                    ]
                },
                "probe": {"oneOf": [{"required": ["http"]}, {"required": ["exec"]}], "type": "object"},
                "gpus": {
                    "anyOf": [{"type": "integer"}, {"enum": ["all"]}],
                    "x-error": "must be a number of GPUs, or all",
                },
                "port": {"anyOf": [{"type": "integer"}, {"type": "object"}]},
                "labels": {
                    "type": "object",
                    "patternProperties": {"^x-": {"type": "string"}},
                    "additionalProperties": False,
                },
                "modes": {"type": "object", "propertyNames": {"enum": ["fast", "slow"]}},
                "short": {"type": "object", "propertyNames": {"maxLength": 3}},
                "apiKey": {"$ref": "#/$defs/secretKey"},
            },
        },
    },
    "$defs": {
        "metadata": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string", "minLength": 1}, "note": {"type": "string", "default": ""}},
            "additionalProperties": False,
        },
        "serving": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "contextLength": {"type": "integer", "minimum": 128},
                "concurrency": {"type": "integer", "minimum": 1, "maximum": 1024, "default": 32},
                "args": {"type": "object", "default": {}},
            },
        },
        "scaling": {"type": "object", "properties": {"min": {"type": "integer", "default": 1}}},
        "shape": {"type": "object", "properties": {"parallel": {"type": "integer", "default": 1}}},
        "secretKey": {
            "type": "object",
            "required": ["secret"],
            "properties": {"key": {"type": "string", "default": "key"}},
        },
    },
}


def problems(spec: str) -> list[str]:
    """The problems of `spec: {...}` in a file that is right otherwise."""
    text = f"apiVersion: example.dev/v1\nkind: Thing\nspec: {{{spec}}}\n"
    return [str(problem) for problem in validate(read(text.encode(), "f.yaml"), SCHEMA)]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # unknown keys
        ("serving: {contextLenght: 1}", "3:18: spec.serving.contextLenght is not known; did you mean contextLength?"),
        ("serving: {context-length: 1}", "3:18: spec.serving.context-length is not known; did you mean contextLength?"),
        ("serving: {CONTEXT_LENGTH: 1}", "3:18: spec.serving.CONTEXT_LENGTH is not known; did you mean contextLength?"),
        ("serving: {zzz: 1}", "3:18: spec.serving.zzz is not known; known keys: contextLength, concurrency, args"),
        ("serving: {concurrency:8}", '3:18: spec.serving["concurrency:8"] is not known; put a space after the colon'),
        ("labels: {x-a: a, b: c}", "3:25: spec.labels.b is not known; no keys are allowed here"),
        ("modes: {fats: 1}", "3:16: spec.modes.fats is not known; did you mean fast?"),
        # types
        (
            'serving: {contextLength: "16384"}',
            '3:33: spec.serving.contextLength is the text "16384"; must be a whole number, so drop the quotes',
        ),
        (
            "serving: {contextLength: 16_384}",
            '3:33: spec.serving.contextLength is the text "16_384"; must be a whole number, so write 16384',
        ),
        (
            "serving: {contextLength: '16,384'}",
            '3:33: spec.serving.contextLength is the text "16,384"; must be a whole number, so write 16384',
        ),
        ("serving: {contextLength: 16k}", '3:33: spec.serving.contextLength is the text "16k"; must be a whole number'),
        (
            "serving: {contextLength: 1.6e4}",
            "3:33: spec.serving.contextLength is the number 16000.0; must be a whole number, so write 16000",
        ),
        ("serving: {contextLength: 0.5}", "3:33: spec.serving.contextLength is the number 0.5; must be a whole number"),
        ("serving: {contextLength: true}", "3:33: spec.serving.contextLength is true; must be a whole number"),
        (
            "serving: {contextLength: }",
            "3:32: spec.serving.contextLength is empty; must be a whole number, or be omitted",
        ),
        ("serving: {contextLength: [1]}", "3:33: spec.serving.contextLength is a list; must be a whole number"),
        ("serving: [a]", "3:17: spec.serving is a list; must be a mapping"),
        ("serving: ", "3:16: spec.serving is empty; must be a mapping, or be omitted"),
        ("names: a", '3:15: spec.names is the text "a"; must be a list, so put it in [ ]'),
        ("names: [1.30]", "3:16: spec.names[0] is the number 1.3; must be text, so put it in quotes"),
        ("value: 1.5", "3:15: spec.value is the number 1.5; must be text or a whole number, so put it in quotes"),
        ("on: yes", '3:12: spec.on is the text "yes"; must be true or false, so write true'),
        ("on: Off", '3:12: spec.on is the text "Off"; must be true or false, so write false'),
        ("on: 'true'", '3:12: spec.on is the text "true"; must be true or false, so drop the quotes'),
        ("on: 1", "3:12: spec.on is the number 1; must be true or false"),
        # choices
        (
            "type: inferense",
            '3:14: spec.type is "inferense"; must be one of inference, batch, fine-tuning (did you mean inference?)',
        ),
        (
            "type: FineTuning",
            '3:14: spec.type is "FineTuning"; must be one of inference, batch, fine-tuning (did you mean fine-tuning?)',
        ),
        ("type: x", '3:14: spec.type is "x"; must be one of inference, batch, fine-tuning'),
        ("type: 1", "3:14: spec.type is 1; must be one of inference, batch, fine-tuning"),
        ("only: two", '3:14: spec.only is "two"; must be one'),
        # limits
        ("serving: {contextLength: 1}", "3:33: spec.serving.contextLength is 1; must be at least 128"),
        ("serving: {concurrency: 9999}", "3:31: spec.serving.concurrency is 9999; must be at most 1024"),
        ("ratio: 0", "3:15: spec.ratio is 0; must be more than 0"),
        ("ratio: 1.5", "3:15: spec.ratio is 1.5; must be less than 1"),
        ("step: 12", "3:14: spec.step is 12; must be a multiple of 8"),
        ("names: []", "3:15: spec.names has 0 items; must have at least 1"),
        ("names: [a, b, c, d]", "3:15: spec.names has 4 items; must have at most 3"),
        ("names: [a, b, a]", '3:15: spec.names holds "a" twice; keep one'),
        ("shapes: {}", "3:16: spec.shapes has 0 keys; must have at least 1"),
        ("never: 1", "3:15: spec.never is not allowed here; remove it"),
        # texts
        ("size: 100GB", '3:14: spec.size is "100GB"; must be a size, such as 100Gi'),
        ('size: "1Gi\\n"', '3:14: spec.size is "1Gi\\n"; must be a size, such as 100Gi'),
        ("code: A", '3:14: spec.code is "A"; must be text that matches "^[a-z$]+$"'),
        ("code: " + "A" * 60, "3:14: spec.code has 60 characters; must have at most 5"),
        ("size: " + "9" * 60 + "i", f'3:14: spec.size is "{"9" * 39}…"; must be a size, such as 100Gi'),
        # names
        ("shapes: {A10: {}}", "3:17: spec.shapes.A10 is not an allowed name; must be a shape, such as a10"),
        ("short: {long: 1}", "3:16: spec.short.long is not an allowed name; must have at most 3"),
        # forms
        ("model: {}", "3:15: spec.model has none of name, source; give one"),
        ("probe: {http: 1, exec: 2}", "3:15: spec.probe has more than one of http, exec; keep one"),
        ("probe: {}", "3:15: spec.probe has none of http, exec; give one"),
        ("port: a", '3:14: spec.port is the text "a"; must be a whole number or a mapping'),
        ("gpus: many", '3:14: spec.gpus is "many"; must be a number of GPUs, or all'),
        ("storage: {kind: nfs}", '3:24: spec.storage.kind is "nfs"; must be one of fss, block (did you mean fss?)'),
        ("storage: {kind: fss}", "3:8: spec.storage.size is missing; add it"),
        ("storage: {kind: block, speeed: 1}", "3:31: spec.storage.speeed is not known; did you mean speed?"),
        ("storage: fast", '3:17: spec.storage is the text "fast"; must be a mapping'),
        # what looks like a secret isn't repeated
        ("apiKey: hunter2", "3:16: spec.apiKey is a text that looks like a secret; must be a mapping"),
        ("only: hf_" + "a1B2" * 9, "3:14: spec.only is a text that looks like a secret; must be one"),
        ("shapes: {a10: {parallel: sk-" + "a1B2" * 9 + "}}", (
            "3:33: spec.shapes.a10.parallel is a text that looks like a secret; must be a whole number"
        )),
    ],
)  # fmt: skip
def test_error_in_these_words(spec: str, expected: str) -> None:
    assert problems(spec) == [f"f.yaml:{expected}"]


def test_all_problems_come_in_the_order_of_the_file() -> None:
    text = """\
kind: Think
spec:
  serving:
    contextLenght: 1
    concurrency: 0
  type: [a]
metdata: {}
"""
    found = [str(problem) for problem in validate(read(text.encode(), "blueprints/a.yaml"), SCHEMA)]
    assert found == [
        "blueprints/a.yaml:1:1: apiVersion is missing; add it",
        'blueprints/a.yaml:1:7: kind is "Think"; must be "Thing"',
        "blueprints/a.yaml:4:5: spec.serving.contextLenght is not known; did you mean contextLength?",
        "blueprints/a.yaml:5:18: spec.serving.concurrency is 0; must be at least 1",
        "blueprints/a.yaml:6:9: spec.type is a list; must be one of inference, batch, fine-tuning",
        "blueprints/a.yaml:7:1: metdata is not known; did you mean metadata?",
    ]


def test_what_is_missing_is_told_at_its_parent() -> None:
    text = "apiVersion: example.dev/v1\nkind: Thing\nmetadata: {}\nspec: {}\n"
    assert [str(problem) for problem in validate(read(text.encode(), "f"), SCHEMA)] == [
        "f:3:1: metadata.name is missing; add it"
    ]


def test_a_file_that_is_no_mapping() -> None:
    assert [str(problem) for problem in validate(read(b"- a\n", "f"), SCHEMA)] == [
        "f:1:1: the file is a list; must be a mapping"
    ]


def test_what_is_right_has_no_problems() -> None:
    spec = "type: batch, serving: {contextLength: 4096}, shapes: {a10: {}}, storage: {kind: block}, gpus: all, port: 1"
    assert problems(spec) == []


def test_a_hundred_problems_are_enough_and_soon_found() -> None:
    keys = ", ".join(f"key{number}: 1" for number in range(9_000))
    items = ", ".join(f"{{a{number}: 1}}" for number in range(5_000))
    start = time.process_time()
    assert len(problems(keys)) == 100
    reading = time.process_time() - start
    assert len(problems(f"names: [{items}]")) == 100
    assert time.process_time() - start < 6 * max(reading, 0.5)


@pytest.mark.parametrize(
    ("spec", "filled"),
    [
        ({}, {"type": "inference", "serving": {"concurrency": 32, "args": {}}}),
        ({"serving": {"concurrency": 1}}, {"serving": {"concurrency": 1, "args": {}}, "type": "inference"}),
        (
            {"type": "batch", "scaling": {}},
            {"type": "batch", "scaling": {"min": 1}, "serving": {"concurrency": 32, "args": {}}},
        ),
        ({"shapes": {"b": {}, "a": {"parallel": 2}}}, {
            "shapes": {"b": {"parallel": 1}, "a": {"parallel": 2}},
            "type": "inference",
            "serving": {"concurrency": 32, "args": {}},
        }),
        ({"type": "batch", "serving": {"args": {}, "concurrency": 2}, "storage": {"kind": "block"}}, {
            "type": "batch",
            "serving": {"args": {}, "concurrency": 2},
            "storage": {"kind": "block", "speed": 10},
        }),
    ],
)  # fmt: skip
def test_defaults_are_filled_in_behind_the_users_keys(spec: dict[str, Any], filled: dict[str, Any]) -> None:
    value = {"apiVersion": "example.dev/v1", "kind": "Thing", "spec": spec}
    before = copy.deepcopy(value)
    assert dump(with_defaults(value, SCHEMA)["spec"]) == dump(filled)
    assert value == before


def test_defaults_are_not_shared() -> None:
    one, two = (with_defaults({"spec": {}}, SCHEMA) for _ in range(2))
    one["spec"]["serving"]["args"]["a"] = 1
    assert two["spec"]["serving"]["args"] == {}


def test_defaults_of_items() -> None:
    schema = {
        "type": "array",
        "items": {"allOf": [{"properties": {"a": {"default": 1}}}], "properties": {"b": {"default": 2}}},
    }
    assert with_defaults([{}, {"a": 5}], schema) == [{"a": 1, "b": 2}, {"a": 5, "b": 2}]
    assert json.dumps(with_defaults("a", {"default": "b"})) == '"a"'


@dataclass(frozen=True)
class Thing:
    its_long_name: int
    parts: tuple[str, ...] = ()


def test_a_field_has_the_key_of_its_name_and_no_key_is_without_a_field() -> None:
    """What the schema allows and nobody reads would be a promise that nobody keeps."""
    assert structured({"itsLongName": 1, "parts": "one"}, Thing) == Thing(1, ("one",))
    assert structured({"itsLongName": 1, "parts": ["one", "two"]}, Thing) == Thing(1, ("one", "two"))
    for wrong in ({"itsLongName": 1, "more": 2}, {"its_long_name": 1}):
        with pytest.raises(ClassValidationError):
            structured(wrong, Thing)
