"""How weights are quantised, as quantization_config says it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gpuyard.catalogue.checkpoint.config import Config
from gpuyard.catalogue.models import Quantization

__all__ = ["Format", "format_of"]


class Format(NamedTuple):
    """How weights are quantised."""

    kind: Quantization
    group: int | None = None
    """Weights that share a scale, where config.json says so."""


_PLAIN = {
    "fp8": Quantization.FP8,
    "fbgemm_fp8": Quantization.FP8,
    "awq": Quantization.AWQ,
    "awq_marlin": Quantization.AWQ,
    "auto_awq": Quantization.AWQ,
    "gptq": Quantization.GPTQ,
    "gptq_marlin": Quantization.GPTQ,
    "auto_gptq": Quantization.GPTQ,
    "mxfp4": Quantization.MXFP4,
    "gpt_oss_mxfp4": Quantization.MXFP4,
    "modelopt_fp4": Quantization.NVFP4,
}
_REFUSED = {
    "bitsandbytes": "vLLM 0.32 and newer do not load bitsandbytes; take an AWQ, GPTQ or FP8 version of the model",
    "gguf": "vLLM 0.32 and newer do not load GGUF; take the model's repository with safetensors",
}
_MODELOPT = {"FP8": Quantization.FP8, "NVFP4": Quantization.NVFP4}
_OTHER = "is a format that gpuyard does not know; give the model's facts by hand"


def format_of(top: Config, text: Config, beside: Mapping[str, Any]) -> Format | None:
    """The format; None when a problem was noted. `beside` is a file of its own, as ModelOpt writes it."""
    for config, key in ((top, "quantization_config"), (text, "quantization_config"), (top, "compression_config")):
        if isinstance(config.get(key), Mapping) and config.get(key):
            return _of(config.below(key))
    if beside:
        algorithm = beside.get("quantization", beside)
        found = Config(top.file, algorithm if isinstance(algorithm, Mapping) else {}, {}, (), top.problems)
        return _modelopt(found)
    return Format(Quantization.NONE)


def _of(config: Config) -> Format | None:
    method = str(config.get("quant_method") or "").lower().replace("compressed_tensors", "compressed-tensors")
    if method in _REFUSED:
        config.wrong("quant_method", _REFUSED[method])
    elif method in _PLAIN:
        return Format(_PLAIN[method], _group(config))
    elif method == "compressed-tensors":
        return _compressed(config)
    elif method == "modelopt" or "quant_algo" in config.data:
        return _modelopt(config)
    else:
        config.wrong("quant_method", f"{method[:40] or 'nothing'} {_OTHER}")
    return None


def _group(config: Config) -> int | None:
    """group_size of four-bit formats; the block of FP8, which is square."""
    block = config.get("weight_block_size")
    size = block[-1] if isinstance(block, list) and block else config.get("group_size")
    return size if type(size) is int and size > 0 else None


def _modelopt(config: Config) -> Format | None:
    algorithm = str(config.get("quant_algo") or "").upper()
    if algorithm in _MODELOPT:
        return Format(_MODELOPT[algorithm], _group(config))
    config.wrong("quant_algo", f"{algorithm[:40] or 'nothing'} {_OTHER}")
    return None


def _compressed(config: Config) -> Format | None:
    """By the bits of weights and activations; all groups must agree."""
    found = list(_schemes(config))
    if found and all(each.kind is found[0].kind for each in found):
        return found[0]
    if not found:
        known = "4-bit integers, 8-bit integers with activations, FP8, FP4"
        config.wrong("config_groups", f"has no weights of a kind that gpuyard knows ({known}); give facts by hand")
    else:
        kinds = ", ".join(sorted({each.kind.value for each in found}))
        config.wrong("config_groups", f"mixes {kinds}; give the model's facts by hand")
    return None


def _schemes(config: Config) -> Iterator[Format]:
    groups = config.get("config_groups")
    for group in groups.values() if isinstance(groups, Mapping) else ():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if not isinstance(weights, Mapping):
            continue
        bits, kind, activations = weights.get("num_bits"), weights.get("type", "int"), group.get("input_activations")
        scale = str(group.get("format") or config.get("format") or "")
        known: Mapping[tuple[Any, Any], Quantization | None] = {
            (8, "float"): Quantization.FP8,
            (4, "float"): Quantization.MXFP4 if "mxfp4" in scale else Quantization.NVFP4,
            (4, "int"): None if activations else Quantization.W4A16,
            (8, "int"): Quantization.W8A8 if activations else None,
        }
        mine = known.get((bits, kind))
        size = weights.get("group_size")
        if mine:
            yield Format(mine, size if type(size) is int and size > 0 else None)
