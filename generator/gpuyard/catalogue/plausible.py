"""Facts about a model that contradict each other: a slip of a key or a digit, from which something would seem to fit.

Bounds are wide: no published model that we know comes near them, and a mistake by a factor of ten is beyond.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.catalogue.datafiles import Breach

__all__ = ["contradictions"]

_LEAST_BITS = {"none": 16, "fp8": 8, "w8a8": 8}
_MOST_BITS = 32
_SLACK = 0.9
"""Of what is computed from rounded facts."""
_WIDEST = 32
"""How many times as wide as the hidden state an MLP is at most; most are 2 to 8."""
_FURTHEST = 8
"""How far heads x headDim is from the hidden state at most; most are the same, or twice."""
_BLOCK = 16
"""Tokens of one block of the KV cache."""


def contradictions(data: Mapping[str, Any]) -> Iterator[Breach]:
    """Each at the fact that is most likely wrong."""
    yield from _sizes(data)
    yield from _heads(data["attention"])
    yield from _kept(data["attention"])
    yield from _parameters(data)


def _sizes(data: Mapping[str, Any]) -> Iterator[Breach]:
    """What is loaded, not what is downloaded: a repository may hold the same weights in several formats."""
    parameters, key = data["parameters"], "loadedBytes" if "loadedBytes" in data else "weightsBytes"
    size, name = data[key], data.get("quantization", "none")
    least = _LEAST_BITS.get(name, 2)
    if data["weightsBytes"] * 4 < parameters:
        return  # said already, in other words
    if size * 8 < parameters * least * _SLACK:
        how = "without quantization; if the weights are quantised, name how" if name == "none" else f"of {name} weights"
        yield (key,), f"must be at least {least} bits a parameter {how}"
    if size * 8 * _SLACK > parameters * _MOST_BITS:
        yield ("parameters",), f"must be more: {size} bytes are more than {_MOST_BITS} bits a parameter"


def _heads(attention: Mapping[str, Any]) -> Iterator[Breach]:
    width, hidden = attention["heads"] * attention["headDim"], attention["hidden"]
    if not hidden <= width * _FURTHEST <= hidden * _FURTHEST**2:
        yield ("attention", "headDim"), f"must be near hidden / heads: heads x headDim is {width}, and hidden {hidden}"


def _kept(attention: Mapping[str, Any]) -> Iterator[Breach]:
    """What of a request stays in memory."""
    if "window" in attention and attention["window"]["tokens"] < _BLOCK:
        yield ("attention", "window", "tokens"), f"must be at least {_BLOCK}, one block of the KV cache"
    if "latent" in attention and attention["latent"]["rank"] < attention["headDim"]:
        yield ("attention", "latent", "rank"), f"must be at least headDim, {attention['headDim']}"
    if "state" in attention and attention["state"]["bytes"] < 2 * attention["hidden"]:
        yield ("attention", "state", "bytes"), f"must be at least 2 bytes for each of hidden, {attention['hidden']}"


def _parameters(data: Mapping[str, Any]) -> Iterator[Breach]:
    """Do the layers add up to them, as far as the facts say what is in a layer?"""
    attention, parameters = data["attention"], data["parameters"]
    hidden, layers = attention["hidden"], attention["layers"]
    embedding, own = attention["vocabulary"] * hidden, 2 * hidden * attention["heads"] * attention["headDim"]
    special = attention["state"]["layers"] if "state" in attention else 0
    least = embedding + (0 if "latent" in attention else (layers - special) * own)
    if parameters < least * _SLACK:
        message = f"must be at least {least}, which vocabulary, hidden, heads, headDim and layers make"
        yield ("parameters",), message
    if "cross" in attention:
        return  # an encoder has layers of its own
    experts = data["experts"]["total"] if "experts" in data else 1
    tower = data["vision"]["bytes"] if "vision" in data else 0
    if parameters > 2 * embedding + layers * (2 * own + 3 * _WIDEST * hidden**2 * experts) + tower:
        yield (
            ("attention", "layers"),
            f"or hidden must be more: {parameters} parameters are too many for {layers} layers",
        )
