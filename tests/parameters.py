"""Parameters and bytes of models, from the shape of their layers as config.json has it."""

from dataclasses import dataclass
from math import ceil, prod

from gpuyard.catalogue.models import Model

__all__ = ["ENCODERS", "FORMS", "TOWERS", "Form", "awq_bytes", "bert", "decoder", "deepseek", "fp8_bytes", "mxfp4"]
__all__ += ["HYBRIDS", "Hybrid", "delta_state", "hybrid", "whisper"]

Shape = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Form:
    """What differs between families of decoders."""

    tied: bool = False
    """The head is the embedding."""
    head: bool = True
    bias: bool = False
    """Of queries, keys and values."""
    qk_norm: bool = False
    norms: int = 2
    """In a layer, each as wide as the model."""
    shared: int = 0
    """Experts that every token goes to."""


LLAMA, QWEN2, QWEN3 = Form(), Form(bias=True), Form(qk_norm=True)
SMALL = {QWEN2: Form(tied=True, bias=True), QWEN3: Form(tied=True, qk_norm=True), LLAMA: Form(tied=True)}
QWEN3_EMBEDDING, GEMMA2 = Form(head=False, qk_norm=True), Form(tied=True, norms=4)
GEMMA3, GLM4, LLAMA4 = Form(tied=True, qk_norm=True, norms=4), Form(bias=True, norms=4), Form(shared=1)

FORMS = {
    **dict.fromkeys(["llama-3.1-8b-instruct", "llama-3.1-70b-instruct", "llama-3.3-70b-instruct", "phi-4"], LLAMA),
    **dict.fromkeys(["llama-3.1-8b-instruct-awq", "llama-3.1-70b-instruct-awq"], LLAMA),
    **dict.fromkeys(["llama-3.3-70b-instruct-awq", "llama-3.3-70b-instruct-fp8"], LLAMA),
    **dict.fromkeys(["deepseek-r1-distill-llama-8b", "deepseek-r1-distill-llama-70b"], LLAMA),
    **dict.fromkeys(["mistral-7b-instruct-v0.3", "mixtral-8x7b-instruct-v0.1", "mistral-nemo-instruct-2407"], LLAMA),
    **dict.fromkeys(["ministral-8b-instruct-2410", "mistral-small-24b-instruct-2501"], LLAMA),
    **dict.fromkeys(["mistral-small-3.2-24b-instruct", "phi-3.5-mini-instruct"], LLAMA),
    **dict.fromkeys(["llama-3.2-1b-instruct", "llama-3.2-3b-instruct", "phi-4-mini-instruct"], SMALL[LLAMA]),
    **dict.fromkeys(["granite-3.3-2b-instruct", "granite-3.3-8b-instruct", "granite-4.0-micro"], SMALL[LLAMA]),
    "smollm3-3b": SMALL[LLAMA],
    **dict.fromkeys([f"qwen2.5-{size}-instruct" for size in ("0.5b", "1.5b", "3b")], SMALL[QWEN2]),
    **dict.fromkeys([f"qwen2.5-{size}-instruct" for size in ("7b", "14b", "32b", "72b")], QWEN2),
    **dict.fromkeys([f"qwen2.5-{size}-instruct-awq" for size in ("7b", "14b", "32b", "72b")], QWEN2),
    **dict.fromkeys(["qwen2.5-coder-7b-instruct", "qwen2.5-coder-32b-instruct"], QWEN2),
    "qwen2.5-coder-32b-instruct-awq": QWEN2,
    **dict.fromkeys([f"deepseek-r1-distill-qwen-{size}" for size in ("7b", "14b", "32b")], QWEN2),
    **dict.fromkeys([f"qwen2.5-vl-{size}-instruct" for size in ("7b", "32b", "72b")], QWEN2),
    "qwen2.5-vl-3b-instruct": SMALL[QWEN2],
    **dict.fromkeys(["qwen3-0.6b", "qwen3-1.7b", "qwen3-4b", "qwen3-4b-instruct-2507"], SMALL[QWEN3]),
    **dict.fromkeys(["qwen3-8b", "qwen3-8b-awq", "qwen3-8b-fp8", "qwen3-14b", "qwen3-14b-awq", "qwen3-14b-fp8"], QWEN3),
    **dict.fromkeys(["qwen3-32b", "qwen3-32b-awq", "qwen3-32b-fp8"], QWEN3),
    **dict.fromkeys(["qwen3-30b-a3b", "qwen3-30b-a3b-instruct-2507", "qwen3-30b-a3b-instruct-2507-fp8"], QWEN3),
    "qwen3-coder-30b-a3b-instruct-fp8": QWEN3,
    **dict.fromkeys(["qwen3-coder-30b-a3b-instruct", "qwen3-235b-a22b-instruct-2507-fp8"], QWEN3),
    **dict.fromkeys(["qwen3-vl-8b-instruct", "qwen3-vl-30b-a3b-instruct"], QWEN3),
    **dict.fromkeys([f"qwen3-embedding-{size}" for size in ("0.6b", "4b", "8b")], QWEN3_EMBEDDING),
    **dict.fromkeys(["qwen3-reranker-0.6b", "qwen3-reranker-4b"], SMALL[QWEN3]),
    **dict.fromkeys(["gemma-2-2b-it", "gemma-2-9b-it", "gemma-2-27b-it"], GEMMA2),
    **dict.fromkeys([f"gemma-3-{size}-it" for size in ("1b", "4b", "12b", "27b")], GEMMA3),
    "glm-4-9b-0414": GLM4,
    "llama-4-scout-17b-16e-instruct": LLAMA4,
}


def matrices(model: Model, form: Form) -> list[Shape]:
    """Of one layer, outputs first: attention, then the MLP or every expert's; not the router."""
    a, experts = model.attention, model.experts
    width = (experts.intermediate if experts else model.intermediate) or 0
    queries, keys = a.heads * a.head_dim, a.kv_heads * a.head_dim
    mlp = [(width, a.hidden), (width, a.hidden), (a.hidden, width)]
    number = experts.total + form.shared if experts else 1
    return [(queries, a.hidden), (keys, a.hidden), (keys, a.hidden), (a.hidden, queries), *mlp * number]


def _plain(model: Model, form: Form) -> int:
    """Parameters of one layer that are never quantised: biases, norms, the router."""
    a = model.attention
    bias = (a.heads + 2 * a.kv_heads) * a.head_dim if form.bias else 0
    router = model.experts.total * a.hidden if model.experts else 0
    return bias + (2 * a.head_dim if form.qk_norm else 0) + form.norms * a.hidden + router


def _edges(model: Model, form: Form) -> int:
    """The embedding, the head and the last norm."""
    a = model.attention
    return a.vocabulary * a.hidden * (2 if form.head and not form.tied else 1) + a.hidden


def decoder(model: Model, form: Form) -> int:
    """Parameters of a language model."""
    layer = sum(map(prod, matrices(model, form))) + _plain(model, form)
    return model.attention.layers * layer + _edges(model, form)


def awq_bytes(model: Model, form: Form) -> int:
    """Four bits a weight; a 16-bit scale and a 4-bit zero point for each 128 of them along the input."""
    quantised = sum(o * i // 2 + i // 128 * o * 2 + i // 128 * o // 2 for o, i in matrices(model, form))
    return model.attention.layers * (quantised + 2 * _plain(model, form)) + 2 * _edges(model, form)


def fp8_bytes(model: Model, form: Form) -> int:
    """One byte a weight, and a 16-bit scale for each block of 128 x 128, or, without groups, for each output."""
    group = model.group_size
    quantised = sum(o * i + 2 * (ceil(o / group) * ceil(i / group) if group else o) for o, i in matrices(model, form))
    return model.attention.layers * (quantised + 2 * _plain(model, form)) + 2 * _edges(model, form)


def mxfp4(model: Model) -> Shape:
    """Parameters and bytes of gpt-oss: experts in 4 bits with an 8-bit scale for 32 weights, all else in 16."""
    a, experts = model.attention, model.experts
    assert experts
    h, e, queries, keys = a.hidden, experts.total, a.heads * a.head_dim, a.kv_heads * a.head_dim
    attention = 2 * h * queries + 2 * h * keys + queries + 2 * keys + h + a.heads  # biases and sinks
    plain = attention + 2 * h + e * h + e + e * 3 * h  # norms, the router, biases of experts
    quantised = e * 3 * h * h
    edges = 2 * a.vocabulary * h + h
    return a.layers * (plain + quantised) + edges, a.layers * (2 * plain + quantised // 2 + quantised // 32) + 2 * edges


def deepseek(model: Model, *, layers: int, dense: int = 3) -> tuple[int, int]:
    """Parameters and bytes of DeepSeek V3's layers, embedding and head: FP8 with a 32-bit scale for each block."""
    a, experts, latent = model.attention, model.experts, model.attention.latent
    assert experts
    assert experts.intermediate
    assert latent
    assert model.intermediate
    h, query, value, content = a.hidden, 1536, 128, 128
    attention = [(query, h), (a.heads * (content + latent.rope_dim), query), (latent.rank + latent.rope_dim, h)]
    attention += [(a.heads * (content + value), latent.rank), (h, a.heads * value)]
    expert = [(experts.intermediate, h), (experts.intermediate, h), (h, experts.intermediate)] * (experts.total + 1)
    mlp = [(model.intermediate, h), (model.intermediate, h), (h, model.intermediate)]
    mixed = layers - dense
    quantised = attention * layers + mlp * dense + expert * mixed
    plain = layers * (query + latent.rank + 2 * h) + mixed * experts.total * h + 2 * a.vocabulary * h + h
    correction = mixed * experts.total  # 32-bit, to balance the experts
    scales = sum(ceil(o / 128) * ceil(i / 128) for o, i in quantised)
    parameters = sum(map(prod, quantised)) + plain + correction
    return parameters, sum(map(prod, quantised)) + 4 * scales + 2 * plain + 4 * correction


@dataclass(frozen=True, slots=True)
class Hybrid:
    """What Qwen3.5 and its successors have beside the facts: three of four layers are gated delta nets."""

    values: int
    """linear_num_value_heads, of 128."""
    tower: int
    tied: bool = False
    shared: int = 0
    """Width of the expert that every token goes to."""
    wide: int = 0
    """Numbers that the files hold in 32 bits."""


_KEYS, _HEAD = 16, 128
"""linear_num_key_heads, and the size of each and of a value's."""


def hybrid(model: Model, form: Hybrid) -> tuple[int, int]:
    """Parameters of a model, and of the layer for multi-token prediction that its files have, too."""
    a, experts = model.attention, model.experts
    h, values, mixed = a.hidden, form.values * _HEAD, (2 * _KEYS + form.values) * _HEAD
    delta = h * mixed + 2 * h * values + 2 * h * form.values + 4 * mixed + 2 * form.values + _HEAD
    full = 3 * h * a.heads * a.head_dim + 2 * h * a.kv_heads * a.head_dim + 2 * a.head_dim
    mlp = 3 * h * (model.intermediate or 0)
    if experts:
        mlp = experts.total * (3 * h * (experts.intermediate or 0) + h) + 3 * h * form.shared + h
    assert a.state
    layers = a.state.layers * delta + (a.layers - a.state.layers) * full + a.layers * (mlp + 2 * h)
    edges = a.vocabulary * h * (1 if form.tied else 2) + h
    return layers + edges + form.tower, full + mlp + 2 * h + 2 * h * h + 3 * h


def delta_state(form: Hybrid) -> int:
    """Bytes of one sequence in one layer: a 32-bit matrix for each head, three 16-bit inputs of the convolution."""
    return form.values * _HEAD * _HEAD * 4 + (2 * _KEYS + form.values) * _HEAD * 3 * 2


def _qwen2_vl(out: int, width: int) -> int:
    h, merged = 1280, 5120
    block = 2 * h + 4 * h * h + 4 * h + 3 * h * width + 2 * width + h
    return 3 * 2 * 14 * 14 * h + 32 * block + h + merged * merged + merged + merged * out + out


def _qwen3_vl(out: int, h: int = 1152, width: int = 4304, depth: int = 27, *, deep: int = 3) -> int:
    merged = 4 * h
    block = 4 * h + 4 * h * h + 4 * h + 2 * h * width + width + h
    merger = merged * merged + merged + merged * out + out
    mergers = 2 * h + merger + deep * (2 * merged + merger)
    return 3 * 2 * 16 * 16 * h + h + 2304 * h + depth * block + mergers


def _siglip(out: int) -> int:
    h, width = 1152, 4304
    block = 4 * h + 4 * h * h + 4 * h + 2 * h * width + width + h
    return 3 * 14 * 14 * h + h + 4096 * h + 27 * block + 2 * h + h * out + h


def _pixtral(out: int) -> int:
    h, width = 1024, 4096
    block = 2 * h + 4 * h * h + 3 * h * width
    return 3 * 14 * 14 * h + h + 24 * block + h * out + out * out + h + 4 * h * h


def _llama4(out: int) -> int:
    h, width, merged = 1408, 5632, 4096
    block = 4 * h * h + 4 * h + 2 * h * width + width + h + 4 * h
    positions = h + (24 * 24 + 1) * h
    return 3 * 14 * 14 * h + positions + 4 * h + 34 * block + 4 * h * merged + merged * merged + merged * out


TOWERS = {
    "qwen2.5-vl-3b-instruct": _qwen2_vl(2048, 3420),
    "qwen2.5-vl-7b-instruct": _qwen2_vl(3584, 3420),
    "qwen2.5-vl-32b-instruct": _qwen2_vl(5120, 3456),
    "qwen2.5-vl-72b-instruct": _qwen2_vl(8192, 3456),
    "qwen3-vl-8b-instruct": _qwen3_vl(4096),
    "qwen3-vl-30b-a3b-instruct": _qwen3_vl(2048),
    "gemma-3-4b-it": _siglip(2560),
    "gemma-3-12b-it": _siglip(3840),
    "gemma-3-27b-it": _siglip(5376),
    "mistral-small-3.2-24b-instruct": _pixtral(5120),
    "llama-4-scout-17b-16e-instruct": _llama4(5120),
}


def bert(model: Model, positions: int, types: int, more: int = 0) -> int:
    """Parameters of an encoder with its pooler."""
    h, width = model.attention.hidden, model.intermediate or 0
    block = 4 * (h * h + h) + 2 * h * width + width + h + 4 * h
    tables = (model.attention.vocabulary + positions + types) * h + 2 * h
    return tables + model.attention.layers * block + h * h + h + more


def whisper(model: Model, mels: int = 128, encoder: int = 32) -> int:
    """Parameters of an encoder of sound and a decoder; keys have no bias."""
    a, width = model.attention, model.intermediate or 0
    h = a.hidden
    attention, mlp = 4 * h * h + 3 * h, 2 * h * width + width + h
    ears = 3 * mels * h + h + 3 * h * h + h + (a.cross or 0) * h + encoder * (attention + mlp + 4 * h) + 2 * h
    return ears + (a.vocabulary + a.max_context) * h + a.layers * (2 * attention + mlp + 6 * h) + 2 * h


ENCODERS = {
    "bge-m3": (8194, 1, 0),
    "snowflake-arctic-embed-l-v2.0": (8194, 1, 0),
    "multilingual-e5-large-instruct": (514, 1, 0),
    "bge-large-en-v1.5": (512, 2, 0),
    "all-minilm-l6-v2": (512, 2, 0),
    "bge-reranker-v2-m3": (8194, 1, 1024 + 1),
}
"""Positions, kinds of token, and parameters of a score."""

HYBRIDS = {
    "qwen3.5-4b": Hybrid(32, _qwen3_vl(2560, 1024, 4096, 24, deep=0), tied=True, wide=24 * (32 + 128)),
    "qwen3.5-9b": Hybrid(32, _qwen3_vl(4096, deep=0), wide=24 * (32 + 128)),
    "qwen3.6-35b-a3b": Hybrid(32, _qwen3_vl(2048, deep=0), shared=512),
    "qwen3.8-27b": Hybrid(48, _qwen3_vl(5120, deep=0)),
}
TOWERS |= {name: form.tower for name, form in HYBRIDS.items()}
