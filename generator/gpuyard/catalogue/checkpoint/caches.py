"""What layers keep for a request other than keys and values of every token: windows, latent vectors, states."""

from collections.abc import Mapping
from math import prod
from typing import Any

from gpuyard.catalogue.checkpoint.config import Config
from gpuyard.catalogue.checkpoint.vocabulary import names

__all__ = ["latent", "state", "window"]

_MOST = 1 << 40
_WINDOWED = ("sliding_attention", "chunked_attention", "sliding_window", "local_attention")
_FULL = ("full_attention", "attention", "global_attention", "mla", "*")
_STATES = ("linear_attention", "mamba", "mamba2", "M")
_NOTHING = ("-", "E", "mlp", "moe")
"""Layers without any cache, in the patterns of hybrid models."""
_DELTA = ("linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim")
_MAMBA2 = (
    ("mamba_num_heads", "mamba_head_dim", "ssm_state_size", "n_groups", "conv_kernel"),
    ("mamba_n_heads", "mamba_d_head", "mamba_d_state", "mamba_n_groups", "mamba_d_conv"),
)
_UNCOUNTED = (
    "linear_attn_config",
    "mamba_d_state",
    "state_size",
    "ssm_cfg",
    "compress_ratios",
    "attn_type_list",
    "conv_L_cache",
)
"""Keys of models whose state or cache isn't counted here."""
_FOUR_BYTES = ("nemotron_h",)
"""vLLM keeps their states in 32 bits, unless config.json says otherwise."""


def latent(text: Config) -> dict[str, int] | None:
    """Compressed keys and values, where vLLM keeps them compressed."""
    if text.get("kv_lora_rank") is None or text.model_type not in names()["latent"]:
        return None
    rank = text.whole("kv_lora_rank", 1 << 20)
    if text.get("qk_rope_head_dim") is None:
        text.wrong("qk_rope_head_dim", "is missing; with kv_lora_rank it decides the KV cache")
        return None
    rope = text.whole("qk_rope_head_dim", 1 << 20)
    return {"rank": rank, "ropeDim": rope} if rank and rope else None


def window(text: Config, layers: int, context: int) -> dict[str, int] | None:
    """Layers that look back only so far."""
    tokens = text.get("attention_chunk_size") or text.get("sliding_window")
    if not tokens or text.get("use_sliding_window") is False:
        return None
    key = "attention_chunk_size" if text.get("attention_chunk_size") else "sliding_window"
    length, count = text.whole(key, 1 << 40), _windowed(text, layers)
    return {"layers": count, "tokens": length} if length and count and length < context else None


def _windowed(text: Config, layers: int) -> int:
    """How many; without a pattern all of them."""
    if isinstance(types := text.get("layer_types"), list):
        return sum(each in _WINDOWED for each in types)
    if isinstance(rope := text.get("no_rope_layers"), list) and rope:  # Llama 4: 1 is a layer with positions and chunks
        return sum(each == 1 for each in rope)
    if text.get("attention_chunk_size"):
        return layers - layers // (text.get("no_rope_layer_interval") or 4)
    own = text.get("sliding_window_pattern") or text.get("_sliding_window_pattern")
    pattern = own or text.family.get("pattern") or names()["patterns"].get(text.model_type)
    if type(pattern) is int and pattern > 1:
        return layers - layers // pattern
    if isinstance(pattern, str):
        return sum(pattern[index % len(pattern)] in "LS" for index in range(layers))
    if type(most := text.get("max_window_layers")) is int and text.get("use_sliding_window") is True:
        return max(0, layers - most)
    return layers


def state(text: Config, layers: int) -> tuple[dict[str, int] | None, int]:
    """Layers with a constant state, and how many layers have any cache."""
    kinds = _kinds(text, layers)
    count = sum(each in _STATES for each in kinds)
    cached = layers - sum(each in _NOTHING for each in kinds)
    if count == 0:
        if key := next((key for key in _UNCOUNTED if text.get(key) is not None), None):
            _refuse(text, key)
        return None, cached
    found = _delta(text) or _mamba2(text)
    if found is None:
        _refuse(text, "layer_types" if "layer_types" in text.data else "model_type")
        return None, cached
    return {"layers": count, "bytes": found}, cached


def _refuse(text: Config, key: str) -> None:
    text.wrong(key, "its layers keep a state or a cache that gpuyard cannot count; give the model's facts by hand")


def _kinds(text: Config, layers: int) -> list[str]:
    """Of every layer; those without a name of its own are full attention."""
    for key in ("layer_types", "layers_block_type", "hybrid_override_pattern"):
        kinds = text.get(key)
        if not kinds or not isinstance(kinds, list | str):
            continue
        known = (*_WINDOWED, *_FULL, *_STATES, *_NOTHING)
        if len(kinds) != layers:
            text.wrong(key, f"names {len(kinds)} layers, and num_hidden_layers is {layers}")
        elif unknown := sorted({str(each)[:40] for each in kinds if each not in known}):
            text.wrong(key, f"has layers of a kind that gpuyard cannot count: {', '.join(unknown[:5])}")
        return [str(each) for each in kinds]
    every = text.get("full_attention_interval") or names()["fullEvery"].get(text.model_type)
    if type(every) is int and every > 1 and text.get(_DELTA[0]) is not None:
        return ["full_attention" if (index + 1) % every == 0 else "linear_attention" for index in range(layers)]
    return []


def _delta(text: Config) -> int | None:
    """Bytes of one gated delta net: its convolution and its matrix."""
    values = _all(text, (*_DELTA, "linear_conv_kernel_dim"))
    if values is None:
        return None
    keys, heads, key_dim, value_dim, kernel = values
    convolution = (2 * keys * key_dim + heads * value_dim) * (kernel - 1)
    return 2 * convolution + _size(text, "mamba_ssm_dtype", 2) * heads * key_dim * value_dim


def _mamba2(text: Config) -> int | None:
    for names_ in _MAMBA2:
        if values := _all(text, names_):
            heads, dim, size, groups, kernel = values
            convolution = (heads * dim + 2 * groups * size) * (kernel - 1)
            default = 4 if text.model_type in _FOUR_BYTES else 2
            return 2 * convolution + _size(text, "mamba_ssm_cache_dtype", default) * prod((heads, dim, size))
    return None


def _all(text: Config, keys: tuple[str, ...]) -> list[int] | None:
    if any(text.get(key) is None for key in keys):
        return None
    values = [text.whole(key, _MOST) for key in keys]
    return [value for value in values if value] if all(values) else None


def _size(text: Config, key: str, default: int) -> int:
    sizes: Mapping[Any, int] = {"float32": 4, "float16": 2, "bfloat16": 2}
    return sizes.get(text.get(key), default)
