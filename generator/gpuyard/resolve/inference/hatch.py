"""Values of the chart that authors give themselves, merged over what is computed and checked where they stand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.shippedchart import chart_defaults, chart_values
from gpuyard.doors.schema import Breach, breaches_of, read_schema
from gpuyard.doors.yamlio import Path
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.resolve.inference import clashes, podrules, refused, sizes
from gpuyard.resolve.inference.elsewhere import instead, instead_of_unknown
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.inference.values import CHART
from gpuyard.resolve.overrides import Layer, Values, at, empties, given, merged, nearest, replaced
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Site

__all__ = ["EXTENDED", "Opened", "layers", "opened", "variables", "variables_on"]

EXTENDED = ("extraEnv", "tolerations")
"""Lists in which what is computed stays: without the toleration of its GPUs, a pod runs nowhere."""
_EMPTY = "is empty; give it a value, or remove it"
_UNKNOWN = "is not known"
_HERE = resources.files("gpuyard") / "resolve" / "inference"
_SCHEMAS = ("kubernetes.schema.json", "kubernetes.forms.json")
"""What gpuyard reads of Kubernetes' forms, in its own words; then all that the API server knows of them."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The values that the chart gets, and what of the computed ones they replace."""

    values: Values
    replaced: tuple[str, ...]


def layers(blueprint: Blueprint[Inference], shape: str) -> tuple[Layer, ...]:
    """What the author gives: for every shape, then for this one."""
    found = [Layer(("spec", "values"), blueprint.spec.values)]
    if override := (blueprint.spec.shapes or {}).get(shape):
        found.append(Layer(("spec", "shapes", shape, "values"), override.values))
    return tuple(layer for layer in found if layer.values)


def variables(blueprint: Blueprint[Inference]) -> Iterator[str]:
    """Names in the lists extraEnv, as far as they can be read."""
    for shape in blueprint.spec.shapes or ("",):
        yield from variables_on(blueprint, shape)


def variables_on(blueprint: Blueprint[Inference], shape: str) -> Iterator[str]:
    """The same on one shape."""
    for layer in layers(blueprint, shape):
        listed = layer.values.get("extraEnv")
        for each in listed if isinstance(listed, list) else ():
            if isinstance(each, dict) and isinstance(each.get("name"), str):
                yield each["name"]


def opened(server: Server, computed: Values, site: Site, problems: Problems) -> Opened:
    """The author's values over the computed ones; what is wrong with them goes to `problems`."""
    blueprint, shape = server.blueprint, server.shape.name
    own = layers(blueprint, shape)
    if not own:
        # Most have been said by then, in better words and at their place.
        for path, message in () if problems.found else refused.find(computed):
            problems.add(blueprint.file, path, message)
        return Opened(computed, ())
    result = _without_empties(merged(computed, own, extended=EXTENDED))
    found = list(_elsewhere(own, shape, result))
    broken = list(_broken(own, computed, result))
    problems.breaches(blueprint.file, [each for each in broken if not any(_below(each, other) for other in found)])
    if not broken:
        others = (*clashes.find(result, server, site), *podrules.find(result), *sizes.find(result, computed))
        found += [_placed(own, computed, each) for each in others]
    for path, message, key in found:
        problems.add(blueprint.file, path, message, key=key)
    return Opened(computed if broken else result, tuple(replaced(computed, own, result)))


def _below(breach: Breach, other: Breach) -> bool:
    """Whether it is in what is refused as a whole."""
    return breach.path[: len(other.path)] == other.path


def _elsewhere(own: Sequence[Layer], shape: str, result: Values) -> Iterator[Breach]:
    """What has a key of its own in the blueprint or in the stack."""
    gpu = at(result, ("gpu", "resource")) or chart_defaults(CHART)["gpu"]["resource"]
    for layer in own:
        of = shape if layer.path[1] == "shapes" else ""
        for path, _ in given(layer.values):
            counted = path[:1] == ("resources",) and path[2:] == (gpu,)
            if message := instead(("gpu", "count") if counted else path, of):
                yield Breach((*layer.path, *path), message, key=True)


def _idle(own: Sequence[Layer], computed: Values) -> Iterator[Breach]:
    """Empty values that take nothing away; in a list they are never right."""
    below: list[Values] = [chart_defaults(CHART), computed]
    for layer in own:
        for path in empties(layer.values):
            listed = any(isinstance(name, int) for name in path)
            if listed or all(at(each, path) is None for each in below):
                yield Breach((*layer.path, *path), _EMPTY, key=True)
        below.append(layer.values)


def _without_empties(values: Values) -> dict[str, Any]:
    """Only where the chart has something of its own does Helm have to take it away."""

    def kept(part: Values, defaults: Any) -> dict[str, Any]:
        return {
            key: kept(value, at(defaults, (key,))) if isinstance(value, dict) else value
            for key, value in part.items()
            if value is not None or at(defaults, (key,)) not in (None, {}, [], "")
        }

    return kept(values, chart_defaults(CHART))


def _broken(own: Sequence[Layer], computed: Values, result: Values) -> Iterator[Breach]:
    """What the chart doesn't take, at the author's own key; then what Kubernetes doesn't."""
    idle = list(_idle(own, computed))
    yield from idle
    empty = {(*layer.path, *path) for layer in own for path in empties(layer.values)}
    for each in _refused(result):
        placed = _placed(own, computed, each)
        if not any(placed.path == other.path for other in idle):
            yield placed._replace(message=_better(each, placed, empty=placed.path in empty))


def _better(each: Breach, placed: Breach, *, empty: bool) -> str:
    """What would be right, where the schema cannot know it."""
    if empty:
        return _EMPTY
    siblings = at(chart_defaults(CHART), each.path[:-1])
    if each.message.startswith(_UNKNOWN) and isinstance(siblings, dict):
        shape = str(placed.path[2]) if placed.path[1] == "shapes" else ""
        if message := instead_of_unknown(each.path, siblings, shape):
            return f"{_UNKNOWN}; {message}"
    return each.message


def _refused(result: Values) -> list[Breach]:
    """What the chart doesn't take, and then Kubernetes: in its own words what the ones before have not told."""
    found = chart_values(CHART).breaches(result)
    present = _present(result)
    for rules in _rules():
        more = breaches_of(present, rules)
        found += [each for each in more if not any(_below(each, other) or _below(other, each) for other in found)]
    return found


def _present(value: Any) -> Any:
    """Without what is taken away."""
    if isinstance(value, dict):
        return {key: _present(each) for key, each in value.items() if each is not None}
    return value


@cache
def _rules() -> tuple[Values, ...]:
    return tuple(read_schema(_HERE / name) for name in _SCHEMAS)


def _placed(own: Sequence[Layer], computed: Values, breach: Breach) -> Breach:
    """Where it is in the author's file, which has only the end of a list that is extended."""
    path: Path = breach.path
    if len(path) > 1 and path[0] in EXTENDED and isinstance(path[1], int):
        before = len(computed.get(str(path[0]), ()))
        path = (path[0], path[1] - before, *path[2:]) if path[1] >= before else path[:1]
    return breach._replace(path=nearest(own, path))
