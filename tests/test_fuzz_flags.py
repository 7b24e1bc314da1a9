"""Thousands of odd flags, variables and keys: `check` ends with a verdict, and what it takes, the chart takes, too."""

import random
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import pytest

from gpuyard.catalogue import vllm
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.helm import Embedded
from gpuyard.project.formats import schema
from gpuyard.resolve import Workload
from tests.fuzzing import NESTED, ODD, TEXTS, Verdict, compiled, faults_of, in_batches, tried
from tests.projects import BLUEPRINT, STACK, Values, merged, with_token
from tests.test_blueprint_fields import BLUEPRINT_KEYS, STACK_KEYS

CHANCE: Final = 20261128
FLAGS, VARIABLES, KEYS = 4200, 600, 500
WHOLE: Final = 120
"""Of what is taken, so many are compiled with all that belongs to them."""
MODELS: Final = ("qwen3-8b", "gpt-oss-20b", "qwen2.5-vl-7b-instruct", "gemma-3-12b-it", "qwen3-32b-awq")
MINORS: Final = {release: known for release in vllm.versions() if (known := vllm.catalogue(release))}
SITE: Final = {
    "clusters": [{"name": "phx", "region": "us-phoenix-1", "shapes": {"h100": "BM.GPU.H100.8"}}],
    "policy": {"maxGpus": 100000},
    "gateway": {"name": "public", "namespace": "gateways"},
}


def test_flags() -> None:
    _check(_flags(), FLAGS)


def test_variables() -> None:
    _check(_variables(), VARIABLES)


def test_keys() -> None:
    _check(_keys(), KEYS)


def test_keys_at_their_limits() -> None:
    """The least and the most of each number, alone and with others: compile takes what check takes."""
    inputs = _limits()
    found = dict(in_batches(inputs, SITE))
    assert [fault for verdict in found.values() for fault in faults_of(verdict)] == []
    taken = {name: inputs[name] for name, verdict in found.items() if verdict.workloads}
    assert len(taken) > 20
    assert list(compiled(taken, SITE)) == []


@pytest.mark.parametrize("key", STACK_KEYS)
def test_keys_of_the_stack(key: str) -> None:
    case, chance = STACK_KEYS[key], random.Random(f"{CHANCE} {key}")  # noqa: S311 - the same values every time
    whole = merged(merged(STACK, {"spec": case.before}), {"spec": case.after})
    blueprint = with_token(merged(BLUEPRINT, {"spec": case.blueprint}))
    places = list(_places({"spec": whole["spec"]}))
    for _ in range(6):
        path, value = chance.choice(places), chance.choice(ODD)
        spec = _put(whole, path, value).get("spec")
        found = tried({"chat": blueprint}, spec if isinstance(spec, Mapping) else {"clusters": spec})
        assert [(path, value, fault) for fault in faults_of(found["chat"])] == []


def _check(inputs: Mapping[str, Values], least: int) -> None:
    """Each has a verdict; what is taken, the chart takes, Helm renders and a whole compile takes, too."""
    assert len(inputs) >= least
    verdicts = dict(in_batches(inputs, SITE))
    found = {name: list(faults_of(verdict)) for name, verdict in verdicts.items()}
    wrong = [f"{_short(inputs[name])}: {fault}" for name, faults in found.items() for fault in faults]
    assert wrong == [], f"{len(wrong)} of {len(inputs)}\n" + "\n".join(sorted(wrong)[:60])
    taken = {name: verdict for name, verdict in verdicts.items() if verdict.workloads}
    assert least / 100 < len(taken) < len(inputs) - least / 100
    _rendered(taken)
    chosen = random.Random(CHANCE).sample(sorted(taken), min(WHOLE, len(taken)))  # noqa: S311 - as above
    assert list(compiled({name: inputs[name] for name in chosen}, SITE)) == []


def _rendered(taken: Mapping[str, Verdict]) -> None:
    """Every argument and every variable stands in a pod as it is: as many as go into one at once."""
    each = [workload for verdict in taken.values() for workload in verdict.workloads]
    first = each[0]
    arguments = list(dict.fromkeys(argument for workload in each for argument in workload.values["args"]))
    variables = {entry["name"]: entry for workload in each for entry in workload.values.get("extraEnv", ())}
    for start in range(0, max(len(arguments), len(variables)), 200):
        some, listed = arguments[start : start + 200], list(variables.values())[start : start + 200]
        container = _container(first, {**first.values, "args": some, "extraEnv": listed})
        assert [argument for argument in some if argument not in container["args"]] == []
        assert [entry for entry in listed if entry not in container["env"]] == []


def _container(workload: Workload, values: Values) -> Values:
    objects = _helm().render(workload.chart, values, release="inference", namespace="inference")
    (deployment,) = (each for each in objects if each["kind"] == "Deployment")
    container: Values = deployment["spec"]["template"]["spec"]["containers"][0]
    return container


@cache
def _helm() -> Embedded:
    return Embedded(shipped_charts())


def _flags() -> dict[str, Values]:
    """Every flag of every minor version with some of the values, and its negation with one."""
    chance = random.Random(CHANCE)  # noqa: S311 - as above
    inputs = []
    names = {name: known for known in MINORS.values() for name in known.flags}
    for name, known in names.items():
        values = [*chance.sample(ODD, 11), *chance.sample(NESTED, 2)]
        inputs += [({name: value}, known.release) for value in values]
        inputs.append(({f"no-{name}": chance.choice(ODD)}, known.release))
    return _named({"serving": {"args": args}, "vllm": {"version": release}} for args, release in inputs)


def _variables() -> dict[str, Values]:
    chance = random.Random(CHANCE)  # noqa: S311 - as above
    names = sorted({name for known in MINORS.values() for name in known.environment})
    names += [*TEXTS, "http_proxy", "NCCL_DEBUG", "LMCACHE_MAX_LOCAL_CPU_SIZE", "_", "A" * 128, "A" * 129]
    pairs = [(name, value) for name in names for value in (*chance.sample(TEXTS, 1), chance.choice(ODD))]
    return _named({"serving": {"env": {name: value}}} for name, value in pairs)


def _keys() -> dict[str, Values]:
    """An odd value in the place of each part of each key's example."""
    chance = random.Random(CHANCE)  # noqa: S311 - as above
    inputs = []
    for case in BLUEPRINT_KEYS.values():
        after = {key: value for key, value in case.after.items() if key != "metadata"}
        spec = merged(merged(BLUEPRINT["spec"], case.before), after)
        for path in _places(spec):
            inputs += [_put(spec, path, value) for value in chance.sample(ODD, 3)]
    return _named(inputs)


def _limits() -> dict[str, Values]:
    chance = random.Random(CHANCE)  # noqa: S311 - as above
    ends: list[tuple[tuple[str, ...], Any]] = []
    for key, node in _nodes(dict(schema("blueprint")), ()):
        path = tuple("h100" if part == "*" else part for part in key[1:])
        ends += [(path, node[end]) for end in ("minimum", "maximum") if end in node]
    assert len(ends) > 30
    alone = [_put_new({}, path, value) for path, value in ends]
    together = [chance.sample(ends, 3) for _ in range(60)]
    return _named([*alone, *(_several(each) for each in together)])


def _several(ends: list[tuple[tuple[str, ...], Any]]) -> Values:
    spec: Values = {}
    for path, value in ends:
        spec = _put_new(spec, path, value)
    return spec


def _put_new(spec: Values, path: tuple[str, ...], value: Any) -> Values:
    below: Any = value
    for part in reversed(path):
        below = {part: below}
    return merged(spec, below)


def _nodes(node: Values, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Values]]:
    """Numbers of the schema below mappings: those of lists need what is listed beside them."""
    whole = schema("blueprint")
    while "$ref" in node or "then" in node:
        node = whole["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node["then"]
    yield path, node
    for name, part in node.get("properties", {}).items():
        yield from _nodes(part, (*path, name))
    if path[-1:] == ("shapes",):
        yield from _nodes(node["additionalProperties"], (*path, "*"))


def _named(specs: Iterator[Values] | list[Values]) -> dict[str, Values]:
    """Blueprints of names of their own, on few replicas; the model is another for each where nobody says which."""
    found = {}
    for number, spec in enumerate(specs):
        usual = {"model": {"name": MODELS[number % len(MODELS)]}, "scaling": {"min": 1, "max": 1}}
        name = f"f{number}"
        whole: Values = merged(BLUEPRINT, {"metadata": {"name": name}})
        whole["spec"] = {**usual, **spec}
        model = whole["spec"]["model"]
        found[name] = with_token(whole) if isinstance(model, dict) and isinstance(model.get("name"), str) else whole
    return found


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Everything below, by where it is."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from _places(item, (*path, key))


def _put(value: Values, path: tuple[Any, ...], item: Any) -> Values:
    """A copy with something else at a place."""
    result = merged(value, {})
    parent: Any = result
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = item
    return result


def _short(blueprint: Values) -> str:
    spec = {key: value for key, value in blueprint["spec"].items() if key not in ("model", "scaling")}
    return repr(spec)[:160]
