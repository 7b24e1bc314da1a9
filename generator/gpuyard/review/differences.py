"""The numbers of a diff as people read them, whatever they read them in: rows of clusters and models."""

from collections.abc import Iterator
from typing import NamedTuple

from gpuyard.review.diff import ClusterDiff, Fate, Model
from gpuyard.review.served import Served, Sum

__all__ = ["COLUMNS", "Row", "images", "rows", "sums"]

COLUMNS = ("cluster", "model", "change", "shape", "GPUs", "replicas", "context", "USD/month")
ARROW = " → "


class Row(NamedTuple):
    """A model in a cluster, or a cluster as a whole, whose model is empty."""

    cluster: str
    model: str
    change: str
    shape: str
    gpus: str
    replicas: str
    context: str
    price: str


def rows(each: ClusterDiff) -> Iterator[Row]:
    """The cluster first, with all of its models, then those that differ."""
    yield Row(each.name, "", "all models", "", *_totals(each))
    for model in each.models:
        yield _row(each.name, model)


def sums(each: ClusterDiff) -> str:
    """What a cluster takes before and after, in one line."""
    parts = (
        ("GPUs", _change(_ends(each.before.gpus), _ends(each.after.gpus))),
        ("nodes", _change(_ends(each.before.nodes), _ends(each.after.nodes))),
        ("USD/hour", _change(_usd(each.before.usd_per_hour), _usd(each.after.usd_per_hour))),
        ("USD/month", _change(_whole(each.before), _whole(each.after))),
    )
    return "; ".join(f"{name} {text}" for name, text in parts)


def _totals(each: ClusterDiff) -> tuple[str, str, str, str]:
    gpus = _change(_ends(each.before.gpus), _ends(each.after.gpus))
    return gpus, "", "", _change(_whole(each.before), _whole(each.after))


def _row(cluster: str, model: Model) -> Row:
    old, new = model.before, model.after
    shape = _change(*model.shapes)
    if not old and not new:
        return Row(cluster, model.name, model.fate.value, shape, "", "", "", "")
    return Row(
        cluster,
        model.name,
        model.fate.value,
        shape,
        _change(*(str(each.gpus) if each else "" for each in (old, new))),
        _change(*(_ends((each.few, each.many)) if each else "" for each in (old, new))),
        _change(*(str(each.context) if each and each.context else "" for each in (old, new))),
        _change(*(_whole(cost) if each else "" for each, cost in zip((old, new), model.costs, strict=True))),
    )


def images(model: Model) -> Iterator[str]:
    """Those that are other ones, where the model was there before."""
    if model.fate in (Fate.CHANGED, Fate.MOVED) and model.before and model.after:
        old, new = _other(model.before, model.after), _other(model.after, model.before)
        if old or new:
            yield _change(", ".join(old), ", ".join(new))


def _other(one: Served, other: Served) -> list[str]:
    return [image for image in one.images if image not in other.images]


def _change(old: str, new: str) -> str:
    """One where both are the same; nothing on one side is said as such."""
    return new if old == new else f"{old or 'none'}{ARROW}{new or 'none'}"


def _ends(pair: tuple[int, int]) -> str:
    low, high = pair
    return str(low) if low == high else f"{low}-{high}"


def _usd(pair: tuple[float, float]) -> str:
    low, high = (f"{end:.2f}" for end in pair)
    return low if low == high else f"{low}-{high}"


def _whole(each: Sum) -> str:
    return _ends(each.usd_per_month)
