"""Choosing the parallelism of a replica, and the OCI shapes that it may run on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gpuyard.catalogue.models import Model, variants
from gpuyard.catalogue.shapes import Node
from gpuyard.catalogue.shapes import catalogue as shapes
from gpuyard.fit.settings import Settings
from gpuyard.fit.verdict import Fit, Verdict, defaults_for, fit

__all__ = ["Choice", "Refusal", "choose"]

_LEAST_CONTEXT = 1024
"""Shorter ones are not worth offering."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A replica's settings, and the OCI shapes that they hold on."""

    settings: Settings
    fits: Mapping[str, Fit]
    """By OCI shape, in the order they were given."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the OCI shapes."""
        return tuple(self.fits)

    @property
    def fit(self) -> Fit:
        """On the node with least room: what holds everywhere."""
        return min(self.fits.values(), key=lambda found: found.kv)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a model runs on none of the nodes, and what would run."""

    model: str
    context: int
    fits: Mapping[str, Fit]
    """By OCI shape: the attempt that came nearest."""
    instead: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The numbers of every node and what would fit instead, in one line."""
        lines = [f"{self.model} does not fit with a context of {self.context} tokens"]
        lines += [f"{name}: {_attempt(found)}" for name, found in self.fits.items()]
        return "; ".join([*lines, *self.instead])

    @property
    def widest(self) -> int:
        """The largest context that fits, where a shorter one than the one asked for does; else 0."""
        found = max(each.largest_context for each in self.fits.values())
        return found if _LEAST_CONTEXT <= found < self.context else 0


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is asked for; `given` are the settings that the author decided."""

    context: int
    concurrency: int
    tensor: int | None
    pipeline: int
    given: Mapping[str, Any]

    def settings(self, model: Model, nodes: Sequence[Node], tensor: int) -> Settings:
        """The same on all nodes: defaults of the one with the smallest GPU, then what the author decided."""
        smallest = min(nodes, key=lambda node: node.usable_gib)
        defaults = defaults_for(smallest, self.context, concurrency=self.concurrency)
        if model.attention.encoder:
            defaults = replace(defaults, batched_tokens=max(defaults.batched_tokens, self.context))
        return replace(defaults, tensor=tensor, pipeline=self.pipeline, **self.given)

    def tensors(self, model: Model, nodes: Sequence[Node]) -> list[int]:
        """Powers of two that divide the heads, up to the GPUs of the largest node; or the author's alone."""
        if self.tensor is not None:
            return [self.tensor]
        most = max(node.gpus for node in nodes) // self.pipeline
        powers = [2**power for power in range(most.bit_length())]
        return [tensor for tensor in powers if model.attention.heads % tensor == 0] or [1]


def choose(
    model: Model,
    nodes: Sequence[Node],
    *,
    context: int,
    concurrency: int = 1,
    tensor: int | None = None,
    pipeline: int = 1,
    max_num_seqs: int | None = None,
    batched_tokens: int | None = None,
    utilization: float | None = None,
    kv_dtype: str | None = None,
    adapters: int = 0,
    adapter_rank: int = 0,
    version: str | None = None,
) -> Choice | Refusal:
    """The smallest tensor parallelism with room on every node, else enough on every one, else on some."""
    optional = {
        "max_num_seqs": max_num_seqs,
        "batched_tokens": batched_tokens,
        "utilization": utilization,
        "kv_dtype": kv_dtype,
        "version": version,
    }
    given = {name: value for name, value in optional.items() if value is not None}
    given |= {"adapters": adapters, "adapter_rank": adapter_rank}
    wish = _Wish(context, concurrency, tensor, pipeline, given)
    return _choice(model, nodes, wish) or _refusal(model, nodes, wish)


def _choice(model: Model, nodes: Sequence[Node], wish: _Wish) -> Choice | None:
    """The best of all attempts: most nodes, then room to spare, then fewest GPUs."""
    options = []
    for tensor in wish.tensors(model, nodes):
        settings = wish.settings(model, nodes, tensor)
        fits = {node.name: fit(model, node, settings, concurrency=wish.concurrency) for node in nodes}
        for enough in ({Verdict.FITS}, {Verdict.FITS, Verdict.TIGHT}):
            kept = {name: found for name, found in fits.items() if found.verdict in enough}
            if kept:
                options.append((-len(kept), len(enough), tensor, Choice(settings, kept)))
        if all(found.verdict is Verdict.FITS for found in fits.values()):
            break  # more GPUs would be no better
    return min(options, key=lambda option: option[:3])[3] if options else None


def _refusal(model: Model, nodes: Sequence[Node], wish: _Wish) -> Refusal:
    best = {}
    for node in nodes:
        tries = [fit(model, node, wish.settings(model, [node], tensor)) for tensor in wish.tensors(model, [node])]
        best[node.name] = max(tries, key=lambda found: (found.largest_context, -found.weights))
    return Refusal(model.name, wish.context, best, tuple(_instead(model, nodes, best, wish)))


def _instead(model: Model, nodes: Sequence[Node], best: Mapping[str, Fit], wish: _Wish) -> Iterator[str]:
    """What would fit: a shorter context, a smaller version of the model, another shape."""
    name, widest = max(best.items(), key=lambda item: item[1].largest_context)
    if _LEAST_CONTEXT <= widest.largest_context < wish.context:
        yield f"a context of {widest.largest_context} tokens fits on {name}"
    free = replace(wish, tensor=None)
    for variant in variants(model):
        if choice := _choice(variant, nodes, free):
            yield _offer(variant, choice)
    tried = {node.shape for node in nodes}
    for shape in shapes().values():
        if shape.name not in tried and (choice := _choice(model, list(shape.nodes.values()), free)):
            yield _offer(model, choice)


def _offer(model: Model, choice: Choice) -> str:
    gpus = choice.settings.gpus
    return f"{model.name} fits on {', '.join(choice.nodes)} with {gpus} GPU{'s' if gpus > 1 else ''}"


def _attempt(found: Fit) -> str:
    where = f"each of {found.settings.gpus} GPUs" if found.settings.gpus > 1 else "its GPU"
    sizes = f"weights {found.weights:.1f} + other {found.other:.1f} of {found.budget:.1f} GiB on {where}"
    return f"{sizes}: {found.reason}"
