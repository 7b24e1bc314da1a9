"""Tiny models with random weights: a folder that vLLM loads as it loads a real one, some kilobytes of JSON."""

import json
import struct
from pathlib import Path
from typing import Any, Final

__all__ = ["adapter", "llama", "qwen_vl", "tokenizer"]

_BYTES: Final = 256
_DECODER: Final[dict[str, Any]] = {
    "hidden_size": 512,  # with four layers about 10 ms a token: slower than the API server, as on a GPU
    "intermediate_size": 1024,
    "num_hidden_layers": 4,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
}


def llama(folder: Path) -> Path:
    """A small Llama."""
    special = tokenizer(folder, "<|begin_of_text|>", "<|eot_id|>", "<|python_tag|>")
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": _BYTES + len(special),
        "bos_token_id": special["<|begin_of_text|>"],
        "eos_token_id": special["<|eot_id|>"],
        "rope_theta": 500000.0,
    }
    _write(folder / "config.json", _DECODER | config)
    return folder


def adapter(folder: Path, rank: int) -> Path:
    """A LoRA adapter for the Llama, on the queries of its layers."""
    folder.mkdir(parents=True)
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": rank, "bias": "none"}
    _write(folder / "adapter_config.json", config | {"target_modules": ["q_proj"]})
    hidden = _DECODER["hidden_size"]
    shapes = {"lora_A": [rank, hidden], "lora_B": [hidden, rank]}
    header, end = {}, 0
    for layer in range(_DECODER["num_hidden_layers"]):
        for matrix, shape in shapes.items():
            name = f"base_model.model.model.layers.{layer}.self_attn.q_proj.{matrix}.weight"
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + 4 * rank * hidden]}
            end += 4 * rank * hidden
    text = json.dumps(header).encode()
    numbers = struct.pack("<f", 0.5) * (end // 4)
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + numbers)
    return folder


def qwen_vl(folder: Path) -> Path:
    """A small Qwen2.5-VL, and its processor for small pictures."""
    vision = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    special = tokenizer(folder, "<|endoftext|>", "<|im_end|>", "<|im_start|>", *vision)
    config = {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "model_type": "qwen2_5_vl",
        "vocab_size": _BYTES + len(special),
        "bos_token_id": special["<|endoftext|>"],
        "eos_token_id": special["<|im_end|>"],
        "rope_theta": 1000000.0,
        "rope_scaling": {"type": "mrope", "mrope_section": [4, 6, 6]},
        "vision_start_token_id": special["<|vision_start|>"],
        "vision_end_token_id": special["<|vision_end|>"],
        "image_token_id": special["<|image_pad|>"],
        "video_token_id": special["<|video_pad|>"],
        "vision_config": {
            "model_type": "qwen2_5_vl",
            "depth": 2,
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_heads": 4,
            "out_hidden_size": _DECODER["hidden_size"],
            "fullatt_block_indexes": [1],
        },
    }
    _write(folder / "config.json", _DECODER | config)
    pictures = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2_5_VLProcessor",
        "min_pixels": 4 * 28 * 28,
        "max_pixels": 64 * 28 * 28,
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    _write(folder / "preprocessor_config.json", pictures)
    return folder


def tokenizer(folder: Path, begin: str, end: str, *others: str) -> dict[str, int]:
    """A token per byte, and the special ones; returns those by their text."""
    special = {text: _BYTES + number for number, text in enumerate((begin, end, *others))}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False) | {"special": True}
    level: dict[str, Any] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    document = {
        "version": "1.0",
        "added_tokens": [{"id": number, "content": text, **flags} for text, number in special.items()],
        "pre_tokenizer": level,
        "decoder": level,
        "model": {"type": "BPE", "vocab": {letter: byte for byte, letter in enumerate(_letters())}, "merges": []},
    }
    folder.mkdir(parents=True)
    _write(folder / "tokenizer.json", document)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": begin,
        "eos_token": end,
        "model_max_length": 32768,
        "chat_template": "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}",
    }
    _write(folder / "tokenizer_config.json", settings)
    return special


def _letters() -> list[str]:
    """How byte-level tokenizers write the bytes: a printable one as itself, the others as letters above U+00FF."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(_BYTES, 2 * _BYTES))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(_BYTES)]


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
