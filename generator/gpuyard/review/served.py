"""A model server as its objects have it, in the numbers that a reviewer weighs: GPUs, context, replicas, price."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

__all__ = ["NodePrice", "Served", "Sum", "served", "total"]

Object = Mapping[str, Any]

_GPU = "/gpu"
"""How the names of GPUs end among the resources of a pod, whoever made them."""
_CONTEXT = "--max-model-len="


@dataclass(frozen=True, slots=True)
class NodePrice:
    """What a node holds and costs, at list price."""

    gpus: int
    usd_per_gpu_hour: float
    usd_per_gpu_month: float


@dataclass(frozen=True, slots=True)
class Served:
    """Replicas of one server; context 0: its objects don't say."""

    gpus: int
    """Of one replica."""
    few: int
    many: int
    """Replicas, at the least and at the most."""
    context: int = 0
    nodes: tuple[str, ...] = ()
    """OCI shapes that it may run on."""
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sum:
    """Of several servers, at the least and at the most."""

    gpus: tuple[int, int] = (0, 0)
    nodes: tuple[int, int] = (0, 0)
    """That would hold each server's replicas and nothing else."""
    usd_per_hour: tuple[float, float] = (0.0, 0.0)
    """For the GPUs of the replicas."""
    usd_per_month: tuple[int, int] = (0, 0)


def served(objects: Sequence[Object]) -> Served | None:
    """None: no object of theirs asks for a GPU."""
    found = next((obj for obj in objects if obj["kind"] == "Deployment" and _gpus(obj)), None)
    if found is None:
        return None
    name, pods = found["metadata"]["name"], found["spec"]["template"]["spec"]
    scaled = next((obj["spec"] for obj in objects if obj["kind"] == "ScaledObject" and _aims(obj, name)), None)
    fixed = found["spec"].get("replicas", 1)
    few, many = (scaled.get("minReplicaCount", 0), scaled.get("maxReplicaCount", 100)) if scaled else (fixed, fixed)
    arguments = [each for container in _containers(found) for each in container.get("args", ())]
    context = next((str(each).removeprefix(_CONTEXT) for each in arguments if str(each).startswith(_CONTEXT)), "0")
    return Served(
        gpus=_gpus(found),
        few=int(few),
        many=int(many),
        context=int(context) if context.isdecimal() else 0,
        nodes=tuple(sorted(_nodes(pods))),
        images=tuple(sorted({each["image"] for each in _containers(found) if "image" in each})),
    )


def _containers(obj: Object) -> list[Mapping[str, Any]]:
    """Of its pods, those that start them included; a pod's own, or those of its template."""
    spec = obj.get("spec") or {}
    for key in ("jobTemplate", "template"):
        spec = spec[key].get("spec", {}) if isinstance(spec.get(key), dict) else spec
    return [*spec.get("initContainers", ()), *spec.get("containers", ())]


def total(found: Iterable[Served], prices: Mapping[str, NodePrice]) -> Sum:
    """Of servers; one that may run on several nodes counts with the cheapest at the least, the dearest at the most."""
    sums = [_sum(each, prices) for each in found]
    return Sum(
        gpus=(sum(each.gpus[0] for each in sums), sum(each.gpus[1] for each in sums)),
        nodes=(sum(each.nodes[0] for each in sums), sum(each.nodes[1] for each in sums)),
        usd_per_hour=(_cents(each.usd_per_hour[0] for each in sums), _cents(each.usd_per_hour[1] for each in sums)),
        usd_per_month=(sum(each.usd_per_month[0] for each in sums), sum(each.usd_per_month[1] for each in sums)),
    )


def _cents(found: Iterable[float]) -> float:
    return round(sum(found), 4)


def _sum(each: Served, prices: Mapping[str, NodePrice]) -> Sum:
    low, high = each.few * each.gpus, each.many * each.gpus
    known = [prices[name] for name in each.nodes if name in prices and prices[name].gpus >= each.gpus > 0]
    if not known:
        return Sum((low, high))
    counts = [[ceil(replicas / (node.gpus // each.gpus)) for node in known] for replicas in (each.few, each.many)]
    cheap, dear = min(known, key=_hourly), max(known, key=_hourly)
    return Sum(
        gpus=(low, high),
        nodes=(min(counts[0]), max(counts[1])),
        usd_per_hour=(low * cheap.usd_per_gpu_hour, high * dear.usd_per_gpu_hour),
        usd_per_month=(round(low * cheap.usd_per_gpu_month), round(high * dear.usd_per_gpu_month)),
    )


def _hourly(node: NodePrice) -> float:
    return node.usd_per_gpu_hour


def _gpus(obj: Object) -> int:
    limits = [(each.get("resources") or {}).get("limits") or {} for each in _containers(obj)]
    return sum(int(number) for limit in limits for name, number in limit.items() if name.endswith(_GPU))


def _aims(scaled: Object, name: str) -> bool:
    return bool(scaled["spec"].get("scaleTargetRef", {}).get("name") == name)


def _nodes(pods: Mapping[str, Any]) -> Iterator[str]:
    label = "node.kubernetes.io/instance-type"
    if name := pods.get("nodeSelector", {}).get(label):
        yield name
    affinity = pods.get("affinity", {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    for term in required.get("nodeSelectorTerms", ()):
        for each in term.get("matchExpressions", ()):
            if each.get("key") == label and each.get("operator") == "In":
                yield from each.get("values", ())
