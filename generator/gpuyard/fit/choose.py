"""Choosing the parallelism of a replica, and the OCI shapes that it may run on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gpuyard.catalogue.models import Model, variants
from gpuyard.catalogue.shapes import Node
from gpuyard.catalogue.shapes import catalogue as shapes
from gpuyard.fit.settings import Settings, least_batched
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
        large = not all(found.impossible for found in self.fits.values())
        what = f"does not fit with a context of {self.context} tokens" if large else "cannot be served like this"
        lines = [f"{name}: {_attempt(found)}" for name, found in self.fits.items()]
        return "; ".join([f"{self.model} {what}", *lines, *self.instead])

    @property
    def flag(self) -> str:
        """The flag without which vLLM would start somewhere, where it is one."""
        found = {each.flag for each in self.fits.values()}
        return found.pop() if len(found) == 1 else ""

    @property
    def widest(self) -> int:
        """The largest context that fits, where a shorter one than the one asked for does; else 0."""
        found = max((each.largest_context for each in self.fits.values() if not each.impossible), default=0)
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
        found = replace(defaults, tensor=tensor, pipeline=self.pipeline, **self.given)
        if model.attention.encoder:
            found = replace(found, whole_prompts=True)
        if "max_num_seqs" not in self.given and found.active:
            found = replace(found, max_num_seqs=max(found.max_num_seqs, found.active))
        if "batched_tokens" not in self.given:
            image = model.vision.tokens or self.context if model.vision else 0
            return replace(found, batched_tokens=max(found.batched_tokens, least_batched(found, image)))
        if "max_num_seqs" not in self.given:
            most = found.batched_tokens // (found.proposed + 1 if found.adapters else 1)
            return replace(found, max_num_seqs=min(found.max_num_seqs, max(most, self.concurrency)))
        return found

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
    version: str | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Choice | Refusal:
    """The smallest tensor parallelism with room on every node, else that with most; `flags`: further settings."""
    optional = {
        "max_num_seqs": max_num_seqs,
        "batched_tokens": batched_tokens,
        "utilization": utilization,
        "version": version,
    }
    given = {**(flags or {}), **{name: value for name, value in optional.items() if value is not None}}
    wish = _Wish(context, concurrency, tensor, pipeline, given)
    return _choice(model, nodes, wish) or _refusal(model, nodes, wish)


def _choice(model: Model, nodes: Sequence[Node], wish: _Wish) -> Choice | None:
    """The best of all attempts: most nodes, then the fewest GPUs with room to spare, else those with most room."""
    options = []
    for tensor in wish.tensors(model, nodes):
        settings = wish.settings(model, nodes, tensor)
        fits = {node.name: fit(model, node, settings, concurrency=wish.concurrency) for node in nodes}
        for enough in ({Verdict.FITS}, {Verdict.FITS, Verdict.TIGHT}):
            kept = {name: found for name, found in fits.items() if found.verdict in enough}
            if kept:
                choice = Choice(settings, kept)
                room = 0.0 if Verdict.TIGHT not in enough else -choice.fit.full_length
                options.append((-len(kept), len(enough), room, tensor, choice))
        if all(found.verdict is Verdict.FITS for found in fits.values()):
            break  # more GPUs would be no better
    return min(options, key=lambda option: option[:4])[4] if options else None


def _refusal(model: Model, nodes: Sequence[Node], wish: _Wish) -> Refusal:
    best = {}
    for node in nodes:
        tries = [fit(model, node, wish.settings(model, [node], tensor)) for tensor in wish.tensors(model, [node])]
        best[node.name] = max(tries, key=lambda found: (not found.impossible, found.largest_context, -found.weights))
    return Refusal(model.name, wish.context, best, tuple(_instead(model, nodes, best, wish)))


def _instead(model: Model, nodes: Sequence[Node], best: Mapping[str, Fit], wish: _Wish) -> Iterator[str]:
    """What would fit: a shorter context, a smaller version of the model, another shape."""
    name, widest = max(best.items(), key=lambda item: item[1].largest_context)
    if not widest.impossible and _LEAST_CONTEXT <= widest.largest_context < wish.context:
        yield f"a context of {widest.largest_context} tokens fits on {name}"
    free = replace(wish, tensor=None)
    yield from _other_tensors(model, nodes, wish)
    for variant in variants(model):
        if choice := _choice(variant, nodes, free):
            yield _offer(variant, choice)
    tried = {node.shape for node in nodes}
    for shape in shapes().values():
        if shape.name not in tried and (choice := _choice(model, list(shape.nodes.values()), free)):
            yield _offer(model, choice)


def _other_tensors(model: Model, nodes: Sequence[Node], wish: _Wish) -> Iterator[str]:
    """What the author may write in place of the tensor parallelism that doesn't go."""
    if wish.tensor is None:
        return
    others = replace(wish, tensor=None).tensors(model, nodes)
    if found := [str(each) for each in others if _choice(model, nodes, replace(wish, tensor=each))]:
        listed = " or ".join(part for part in (", ".join(found[:-1]), found[-1]) if part)
        yield f"with tensorParallel {listed} it fits here"


def _offer(model: Model, choice: Choice) -> str:
    gpus = choice.settings.gpus
    return f"{model.name} fits on {', '.join(choice.nodes)} with {gpus} GPU{'s' if gpus > 1 else ''}"


def _attempt(found: Fit) -> str:
    if found.impossible:
        return found.reason
    where = f"each of {found.settings.gpus} GPUs" if found.settings.gpus > 1 else "its GPU"
    sizes = f"weights {found.weights:.1f} + other {found.other:.1f} of {found.budget:.1f} GiB on {where}"
    return f"{sizes}: {found.reason}"
