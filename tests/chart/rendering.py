"""The chart, its test values, and the chart rendered in this process."""

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "vllm"
CASES = sorted(path.stem.removesuffix("-values") for path in (CHART / "ci").glob("*-values.yaml"))

Values = dict[str, Any]
Objects = dict[str, dict[str, Any]]


class Loader(yaml.CSafeLoader):
    """Reads `=` and `<<` as Kubernetes does: as texts, for which PyYAML has no constructor."""


for _tag in ("value", "merge"):
    Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", yaml.CSafeLoader.construct_scalar)


@cache
def schema() -> dict[str, Any]:
    """values.schema.json."""
    loaded: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    return loaded


def case(name: str, **changes: Any) -> Values:
    """A file of ci/, with changes: `autoscaling={"minReplicas": 2}` is merged, as Helm merges."""
    return merged(_file(name), changes)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Values:
    """Maps are merged, everything else is replaced."""
    result = copy.deepcopy(dict(base))
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else copy.deepcopy(value)
    return result


def text(values: Values, *, name: str = "release", namespace: str = "inference", chart: Any = None) -> str:
    """Every manifest, as Helm writes it; helm_python.HelmError where the values are refused."""
    return "\n---\n".join(manifests(values, name=name, namespace=namespace, chart=chart))


def manifests(values: Values, *, name: str = "release", namespace: str = "inference", chart: Any = None) -> list[str]:
    """The same, one text a template."""
    rendered = (chart or _chart()).render(values, name=name, namespace=namespace)
    return [rendered[path] for path in sorted(rendered) if not path.endswith("NOTES.txt")]


def objects(values: Values, *, name: str = "release", namespace: str = "inference") -> Objects:
    """Every object by its kind; with `download-`, `test-` or `extra-` before it, where the server has one, too."""
    found: Objects = {}
    for obj in yaml.load_all(text(values, name=name, namespace=namespace), Loader):
        if obj is not None:
            key = _prefix(obj) + obj["kind"]
            assert key not in found
            found[key] = obj
    return found


def _prefix(obj: Mapping[str, Any]) -> str:
    component = obj["metadata"].get("labels", {}).get("app.kubernetes.io/component", "extra")
    alone = obj["kind"] in {"PersistentVolumeClaim", "PrometheusRule"}
    return f"{component}-" if component in {"download", "test", "extra"} and not alone else ""


def pod(values: Values) -> dict[str, Any]:
    """The server's pod."""
    spec: dict[str, Any] = objects(values)["Deployment"]["spec"]["template"]["spec"]
    return spec


def server(values: Values) -> dict[str, Any]:
    """The server's container, which is always the first."""
    container: dict[str, Any] = pod(values)["containers"][0]
    assert container["name"] == "vllm"
    return container


def arguments(values: Values) -> list[str]:
    """What `vllm serve` is called with."""
    found: list[str] = server(values)["args"]
    return found


def templates(found: Objects) -> Iterator[dict[str, Any]]:
    """Every pod and pod template among the objects."""
    for obj in found.values():
        if obj["kind"] == "Pod":
            yield obj
        elif "template" in obj.get("spec", {}):
            yield obj["spec"]["template"]


def specs(found: Objects) -> Iterator[dict[str, Any]]:
    """Every pod specification among the objects."""
    for template in templates(found):
        yield template["spec"]


@cache
def _file(name: str) -> Values:
    loaded: Values = yaml.load((CHART / "ci" / f"{name}-values.yaml").read_text("utf-8"), yaml.CSafeLoader)
    return loaded


@cache
def _chart() -> Any:
    import helm_python

    return helm_python.Chart.load(CHART)
