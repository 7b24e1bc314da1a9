"""Where a model fits: each OCI shape with the GPUs, the KV cache and the price of a replica."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpuyard.catalogue.models import Model
from gpuyard.catalogue.shapes import HOURS_A_MONTH, Node, catalogue
from gpuyard.fit import Fit, Refusal, Verdict, choose
from gpuyard.project.serving import default_concurrency, default_context
from gpuyard.project.userfiles import STACK_FILE

__all__ = ["Place", "Wish", "known", "places", "smallest"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a replica shall serve; None: the defaults of a blueprint."""

    context: int | None = None
    concurrency: int | None = None

    def length(self, model: Model) -> int:
        """Tokens of the longest request."""
        return self.context or min(default_context(), model.max_context)


@dataclass(frozen=True, slots=True)
class Place:
    """A model on an OCI shape: what it takes there, or why it isn't there."""

    node: Node
    fit: Fit | None
    reason: str

    @property
    def gpus(self) -> int:
        """Of one replica."""
        return self.fit.settings.gpus if self.fit else 0

    @property
    def usd_per_hour(self) -> float:
        """List price of the GPUs of one replica."""
        return self.node.price_usd_per_gpu_hour * self.gpus

    def as_data(self) -> dict[str, Any]:
        """For a machine."""
        head = {"shape": self.node.shape, "node": self.node.name, "fit": str(self.fit.verdict if self.fit else "no")}
        if self.fit is None:
            return {**head, "reason": self.reason}
        return {
            **head,
            "reason": self.reason,
            "gpus": self.gpus,
            "gpusOfNode": self.node.gpus,
            "kvTokens": self.fit.kv_tokens,
            "usdPerHour": round(self.usd_per_hour, 4),
            "usdPerMonth": round(self.usd_per_hour * HOURS_A_MONTH, 2),
            "usdPerHourOfNode": round(self.node.price_usd_per_hour, 4),
            "priceDate": self.node.date,
        }


def known(directory: Path) -> Mapping[str, tuple[Model, str]]:
    """Models that a blueprint of a directory can name, with the user's file; elsewhere those of the catalogue."""
    from gpuyard.catalogue import models

    if not (directory / STACK_FILE).is_file():
        return {name: (model, "") for name, model in models.catalogue().items()}
    from gpuyard.project.load import load
    from gpuyard.project.ownmodels import files

    project = load(directory)
    own = files(project.documents)
    return {name: (model, own.get(name, "")) for name, model in sorted(project.models.items())}


def places(model: Model, wish: Wish) -> Iterator[Place]:
    """On every OCI shape that we know."""
    length = wish.length(model)
    for shape in catalogue().values():
        for node in shape.nodes.values():
            found = choose(model, [node], context=length, concurrency=wish.concurrency or default_concurrency())
            if isinstance(found, Refusal):
                nearest = found.fits[node.name]
                yield Place(node, None, nearest.reason)
            else:
                yield Place(node, found.fit, found.fit.reason)


def smallest(model: Model, wish: Wish) -> Place | None:
    """The cheapest node that holds a replica, one with room before one without: a node is rented whole."""
    held = [place for place in places(model, wish) if place.fit]
    return min(held, key=_rank, default=None)


def _rank(place: Place) -> tuple[bool, float, int]:
    tight = place.fit is None or place.fit.verdict is not Verdict.FITS
    return tight, place.node.price_usd_per_hour, place.gpus
