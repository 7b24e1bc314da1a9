"""What half or twice the GPUs would give, in words: why a replica has as many as it has."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gpuyard.catalogue.models import Model
from gpuyard.catalogue.shapes import Node
from gpuyard.fit import Choice, Fit, Verdict, fit

__all__ = ["as_data", "notes", "steps", "words"]


def steps(model: Model, nodes: Sequence[Node], choice: Choice, concurrency: int) -> tuple[Fit, ...]:
    """With half and with twice the GPUs, on the nodes that have them, where vLLM would start."""
    tensor = choice.settings.tensor
    halved = (tensor // 2,) if tensor % 2 == 0 else ()
    found = []
    for other in (*halved, 2 * tensor):
        settings = replace(choice.settings, tensor=other)
        tried = [fit(model, node, settings, concurrency=concurrency) for node in nodes if node.gpus >= settings.gpus]
        found += [min(tried, key=lambda each: each.kv)] if tried else []
    return tuple(each for each in found if each.verdict is not Verdict.NO)


def words(chosen: Fit, others: Sequence[Fit]) -> str:
    """The verdict, and in brackets that of fewer GPUs, or of any other number where it is tight."""
    told = [each for each in others if chosen.verdict is Verdict.TIGHT or each.settings.gpus < chosen.settings.gpus]
    return str(chosen.verdict) + (f" ({', '.join(f'{_gpus(each)}: {each.verdict}' for each in told)})" if told else "")


def notes(chosen: Fit, others: Sequence[Fit]) -> Iterator[str]:
    """Where it is tight, why, and what else there is."""
    if chosen.verdict is Verdict.TIGHT:
        would = "; ".join(f"{_gpus(each)} would be {_verdict(each)}" for each in others)
        yield f"tight with {_gpus(chosen)}: {chosen.reason}; {would or 'no other number of GPUs goes'}"


def as_data(others: Sequence[Fit]) -> list[dict[str, object]]:
    """The same for a machine."""
    return [
        {
            "gpus": each.settings.gpus,
            "tensorParallel": each.settings.tensor,
            "fit": str(each.verdict),
            "reason": each.reason,
            "kvTokens": each.kv_tokens,
        }
        for each in others
    ]


def _gpus(found: Fit) -> str:
    gpus = found.settings.gpus
    return f"{gpus} GPU{'s' if gpus > 1 else ''}"


def _verdict(found: Fit) -> str:
    return f"{found.verdict} ({found.reason})" if found.reason else f"enough ({found.kv_tokens} tokens of KV cache)"
