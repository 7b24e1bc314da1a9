"""Small projects in memory: one blueprint, one stack, and what differs."""

import copy
from collections.abc import Mapping
from typing import Any

from gpuyard.catalogue import chartpowers
from gpuyard.catalogue.flagrules import needed, usable
from gpuyard.catalogue.models import catalogue
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.errors import InputError
from gpuyard.project.load import parse
from gpuyard.render.kustomize import objects
from gpuyard.resolve import Resolved, Workload, resolve

Values = dict[str, Any]

STACK: Values = {
    "apiVersion": "gpuyard.dev/v1alpha1",
    "kind": "Stack",
    "metadata": {"name": "demo"},
    "spec": {
        "repository": {"url": "https://git.example.com/demo/gitops"},
        "clusters": [
            {
                "name": "phx",
                "region": "us-phoenix-1",
                "shapes": {"a10": ["VM.GPU.A10.2", "BM.GPU.A10.4"], "h100": "BM.GPU.H100.8"},
            }
        ],
    },
}
BLUEPRINT: Values = {
    "apiVersion": "gpuyard.dev/v1alpha1",
    "kind": "Blueprint",
    "metadata": {"name": "chat"},
    "spec": {"model": {"name": "llama-3.1-8b-instruct"}},
}


def merged(base: Values, more: Mapping[str, Any]) -> Values:
    """Deeply; None removes a key."""
    result = copy.deepcopy(base)
    for key, value in more.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def with_token(blueprint: Values) -> Values:
    """With the credentials that a gated model's own repository asks for; most tests are about something else."""
    model = blueprint["spec"]["model"]
    known = catalogue().get(model.get("name"))
    if not known or not known.gated or "source" in model or "credentials" in model:
        return blueprint
    return merged(blueprint, {"spec": {"model": {"credentials": {"secret": "hf-token", "key": "token"}}}})


def with_unsafe(blueprint: Values, *, flags: bool = False) -> Values:
    """With the entries that its variables and values of the chart need, or its flags, too: most tests are of others."""
    spec = blueprint["spec"]
    parts = [spec.get("serving", {}), *(each or {} for each in (spec.get("shapes") or {}).values())]
    args = [each.get("args", {}) if flags else {} for each in parts]
    names = {name for each in parts for name in each.get("env", {})}
    found = dict[str, str]()
    for values in (spec.get("values"), *(each.get("values") for each in parts[1:])):
        values = values if isinstance(values, dict) else {}
        listed = values.get("extraEnv")
        named = [each.get("name") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        names |= {each for each in named if isinstance(each, str)}
        found |= {entry: allows for _, entry, allows in chartpowers.find(values)}
    version = spec.get("vllm", {}).get("version", "0.32.0")
    released = "image" not in spec.get("vllm", {})
    for each in args:
        found |= needed(usable(each, version), names, version, released=released)
    given = spec.get("serving", {}).get("unsafe", [])
    more = [entry for entry in found if entry not in given]
    return merged(blueprint, {"spec": {"serving": {"unsafe": [*given, *more]}}}) if more else blueprint


def sources(spec: Mapping[str, Any], stack: Mapping[str, Any] | None = None) -> dict[str, bytes]:
    """The files, with what differs in the two specs."""
    return {
        "stack.yaml": yamlio.dump(merged(STACK, {"spec": stack or {}})).encode(),
        "blueprints/chat.yaml": yamlio.dump(with_unsafe(with_token(merged(BLUEPRINT, {"spec": spec})))).encode(),
    }


def resolved(spec: Mapping[str, Any], stack: Mapping[str, Any] | None = None) -> Resolved:
    return resolve(parse(sources(spec, stack)))


def workload(spec: Mapping[str, Any], stack: Mapping[str, Any] | None = None, shape: str = "h100") -> Workload:
    (found,) = (each for each in resolved(spec, stack).workloads if each.shape.name == shape)
    return found


def chart_values(spec: Mapping[str, Any], stack: Mapping[str, Any] | None = None, shape: str = "h100") -> Values:
    """Values of the vllm chart, which has rendered them: it refuses what it doesn't take."""
    whole = resolved(spec, stack)
    (found,) = (each for each in whole.workloads if each.shape.name == shape)
    assert objects(whole, found, Embedded(shipped_charts()))
    return copy.deepcopy(dict(found.values))


def flags(values: Mapping[str, Any]) -> dict[str, Any]:
    """The flags among a server's arguments: the text behind =, the list of what follows, or true."""
    found: dict[str, Any] = {}
    name = ""
    for argument in values["args"]:
        if argument.startswith("--"):
            name, equals, text = argument.removeprefix("--").partition("=")
            found[name] = text if equals else True
        else:
            found[name] = [*(found[name] if isinstance(found[name], list) else ()), argument]
    return found


def problems(spec: Mapping[str, Any], stack: Mapping[str, Any] | None = None) -> list[str]:
    """What is wrong, without the places."""
    try:
        resolved(spec, stack)
    except InputError as error:
        return [problem.message for problem in error.problems]
    return []
