"""Attention, as config.json has it: heads, layers, the longest context, rotary positions."""

from collections.abc import Mapping
from typing import Any

from gpuyard.catalogue.checkpoint.caches import latent, state, window
from gpuyard.catalogue.checkpoint.config import Config
from gpuyard.catalogue.checkpoint.vocabulary import names

__all__ = ["attention"]

_UNSCALED = ("default", "mrope", None)
_SCALED_ALREADY = ("su", "longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling")
"""max_position_embeddings is the longest context; of other types it is multiplied."""

_MOST_FACTOR = 1000


def attention(text: Config) -> dict[str, Any]:
    """The facts of the language model; what is missing was noted."""
    layers, hidden, heads = (text.needed(fact) for fact in ("layers", "hidden", "heads"))
    context = _context(text)
    found: dict[str, Any] = {
        "layers": layers,
        "hidden": hidden,
        "heads": heads,
        "kvHeads": _kv_heads(text, heads),
        "headDim": _head_dim(text, hidden, heads),
        "vocabulary": text.needed("vocabulary"),
        "maxContext": context,
        "encoder": True if text.model_type in names()["encoders"] else None,
        "cross": text.whole("max_source_positions", 1 << 20) if text.get("max_source_positions") else None,
        "latent": latent(text),
        "rope": _rope(text),
    }
    if layers and context:
        found["state"], counted = state(text, layers)
        found["layers"] = counted
        found["window"] = window(text, layers, context)
    return {key: value for key, value in found.items() if value is not None}


def _kv_heads(text: Config, heads: int | None) -> int | None:
    if text.get("multi_query") is True and text.get("new_decoder_architecture") is not True:
        return 1
    before = len(text.problems)
    found = text.number("kvHeads")
    if found is None:
        return heads if len(text.problems) == before else None  # without the key every head has its own
    if heads and heads % found:
        text.wrong("num_key_value_heads", f"{heads} attention heads are no multiple of {found} KV heads")
    return found


def _head_dim(text: Config, hidden: int | None, heads: int | None) -> int | None:
    parts = [part for key in ("qk_nope_head_dim", "qk_rope_head_dim") if type(part := text.get(key)) is int]
    if text.get("kv_lora_rank") and len(parts) == 2:
        return sum(parts)
    before = len(text.problems)
    if found := text.number("headDim"):
        return found
    if len(text.problems) > before or not hidden or not heads:
        return None
    if hidden % heads:
        text.wrong("head_dim", f"is missing, and hidden_size {hidden} divided by {heads} heads is no whole number")
        return None
    return hidden // heads


def _rope_of(text: Config) -> Mapping[str, Any]:
    """How positions are scaled: the newer key, or the older one; empty where it differs by kind of layer."""
    for key in ("rope_parameters", "rope_scaling"):
        if isinstance(found := text.get(key), Mapping):
            return {} if any(isinstance(each, Mapping) for each in found.values()) else found
    return {}


def _context(text: Config) -> int | None:
    if text.get("model_max_length") is not None:  # vLLM takes it before all others
        return text.whole("model_max_length", names()["mostContext"])
    keys = [key for key in names()["context"] if text.get(key) is not None]
    if not keys:
        text.wrong(
            names()["context"][0], f"is missing, and so is every other name ({', '.join(names()['context'][1:])})"
        )
        return None
    lengths = [text.whole(key, names()["mostContext"]) for key in keys]
    offset = _offset(text)
    known = [max(1, length - offset) for length in lengths if length]
    if len(known) < len(keys):
        return None
    rope = _rope_of(text)
    factor, kind = rope.get("factor"), rope.get("rope_type", rope.get("type"))
    scaled = kind not in (*_UNSCALED, *_SCALED_ALREADY) and not text.model_type.startswith("gemma3")
    if scaled and isinstance(factor, int | float) and 1 <= factor <= _MOST_FACTOR:
        return int(min(known) * factor)
    return min(known)


def _offset(text: Config) -> int:
    """Positions that no token has: RoBERTa's begin behind the one of the padding."""
    padding = text.get("pad_token_id")
    return (padding if type(padding) is int else 1) + 1 if text.model_type in names()["offsetPositions"] else 0


def _rope(text: Config) -> dict[str, Any] | None:
    """Of positions that nobody has scaled and that are the same in every layer; others can't be extended by YaRN."""
    rope = _rope_of(text)
    nested = any(isinstance(text.get(key), Mapping) and not rope for key in ("rope_parameters", "rope_scaling"))
    theta = rope.get("rope_theta", text.get("rope_theta"))
    plain = rope.get("rope_type", rope.get("type", "default")) == "default" and "mrope_section" not in rope
    local = text.get("rope_local_base_freq") is not None
    if nested or local or not plain or isinstance(theta, bool) or not isinstance(theta, int | float) or theta <= 1:
        return None
    partial = rope.get("partial_rotary_factor", text.get("partial_rotary_factor"))
    some = isinstance(partial, int | float) and 0 < partial < 1
    return {"theta": int(theta) if float(theta).is_integer() else theta, **({"partial": partial} if some else {})}
