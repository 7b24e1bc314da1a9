"""Facts of a model from its own files: families of config.json, sizes from headers, and what is refused with words."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gpuyard.catalogue.checkpoint import Given, open_checkpoint, read_facts
from gpuyard.catalogue.models import catalogue, impossible, model_from
from gpuyard.errors import GpuyardError, InputError, MissingError
from tests import configs
from tests.configs import Config
from tests.test_compile import run


def folder(path: Path, config: Config, metadata: Mapping[str, Any] | None = None) -> Path:
    """A model's folder with a config, and the index of its weights."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    if metadata is not None:
        index = {"metadata": metadata, "weight_map": {"a": "model-00001-of-00001.safetensors"}}
        (path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    return path


def tensors(path: Path, shapes: Mapping[str, tuple[str, list[int]]], name: str = "model.safetensors") -> None:
    """A safetensors file of zeros that aren't there: nobody reads more than its header."""
    sizes = {"F32": 4, "BF16": 2, "F16": 2, "I32": 4, "U8": 1, "F8_E4M3": 1, "I64": 8}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for tensor, (dtype, shape) in shapes.items():
        size = sizes[dtype]
        for length in shape:
            size *= length
        header[tensor] = {"dtype": dtype, "shape": shape, "data_offsets": [start, start + size]}
        start += size
    data = json.dumps(header).encode()
    (path / name).write_bytes(struct.pack("<Q", len(data)) + data)


def facts(path: Path, config: Config, metadata: Mapping[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    """What is read; it keeps to the schema's rules."""
    found = read_facts(open_checkpoint(folder(path, config, metadata)), Given(**given)).facts
    assert not list(impossible(found))
    model_from({"name": "x", **found})
    return found


def refused(path: Path, config: Config, metadata: Mapping[str, Any] | None = None, **given: Any) -> list[str]:
    with pytest.raises(InputError) as error:
        read_facts(open_checkpoint(folder(path, config, metadata)), Given(**given))
    return [str(problem).removeprefix(f"{path}/") for problem in error.value.problems]


# The catalogue's facts were looked up by hand; what is read must be the same.
@pytest.mark.parametrize(
    ("name", "config", "given"),
    [
        ("qwen3-8b", configs.QWEN3, {}),
        ("llama-3.1-8b-instruct", configs.LLAMA, {}),
        ("llama-3.1-8b-instruct-awq", configs.LLAMA_AWQ, {}),
        ("phi-4", configs.PHI4, {}),
        ("gemma-3-12b-it", configs.GEMMA3, {"vision_bytes": 842581728}),
        ("gpt-oss-20b", configs.GPT_OSS, {"parameters": 20914757184}),
        ("qwen2.5-vl-7b-instruct", configs.QWEN_VL, {"vision_bytes": 1353060352, "parameters": 8292166656}),
    ],
)
def test_what_is_read_is_what_the_catalogue_says(
    name: str, config: Config, given: Mapping[str, Any], tmp_path: Path
) -> None:
    known = catalogue()[name]
    found = model_from({"name": name, **facts(tmp_path, config, {"total_size": known.weights_bytes}, **given)})
    assert found.parameters == known.parameters
    assert (found.weights_bytes, found.quantization) == (known.weights_bytes, known.quantization)
    assert (found.attention.window, found.attention.kv_heads) == (known.attention.window, known.attention.kv_heads)
    for fact in ("layers", "hidden", "heads", "head_dim", "vocabulary", "max_context"):
        assert getattr(found.attention, fact) == getattr(known.attention, fact), fact
    assert (found.experts and found.experts.total) == (known.experts and known.experts.total)
    assert bool(found.vision) == bool(known.vision)


@pytest.mark.parametrize(
    ("config", "bytes_", "given", "expected"),
    [
        pytest.param(configs.QWEN3, 16381470720, {}, {"parameters": 8190735360, "intermediate": 12288}, id="qwen3"),
        pytest.param(configs.MIXTRAL, 93405585408, {}, {"parameters": 46702792704}, id="mixtral"),
        pytest.param(
            configs.QWEN3_MOE,
            61064245248,
            {},
            {"parameters": 30532122624, "experts": {"total": 128, "intermediate": 768}, "intermediate": 6144},
            id="qwen3 experts",
        ),
        pytest.param(
            configs.DEEPSEEK,
            688586727753,
            {"parameters": 684531386000},
            {"quantization": "fp8", "groupSize": 128, "experts": {"total": 256, "intermediate": 2048}},
            id="deepseek",
        ),
        pytest.param(configs.GEMMA2, 18483411968, {}, {"parameters": 9241705984}, id="gemma 2"),
        pytest.param(
            configs.BGE_M3,
            2271019008,
            {"parameters": 567754752},
            {"task": "embed", "loadedBytes": 1135509504},
            id="embeddings in 32 bits",
        ),
        pytest.param(
            configs.WHISPER,
            1617824864,
            {"parameters": 808912432},
            {"task": "transcribe", "intermediate": 5120},
            id="whisper",
        ),
    ],
)
def test_sizes(
    config: Config, bytes_: int, given: Mapping[str, Any], expected: Mapping[str, Any], tmp_path: Path
) -> None:
    found = facts(tmp_path, config, {"total_size": bytes_}, **given)
    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(configs.QWEN3, {"window": None, "rope": {"theta": 1000000}}, id="no window, plain positions"),
        pytest.param(configs.LLAMA, {"maxContext": 131072, "rope": None}, id="llama3 scaling is in the context"),
        pytest.param(configs.MISTRAL, {"window": {"layers": 32, "tokens": 4096}}, id="a window in every layer"),
        pytest.param(configs.MISTRAL | {"sliding_window": None}, {"window": None}, id="null is no window"),
        pytest.param(
            {key: value for key, value in configs.MISTRAL.items() if key != "sliding_window"},
            {"window": {"layers": 32, "tokens": 4096}},
            id="left out, the family's default",
        ),
        pytest.param(configs.MISTRAL | {"sliding_window": 32768}, {"window": None}, id="a window of the whole context"),
        pytest.param(configs.GEMMA2, {"window": {"layers": 21, "tokens": 4096}}, id="every second layer"),
        pytest.param(
            configs.QWEN3 | {"use_sliding_window": True, "sliding_window": 8192, "max_window_layers": 28},
            {"window": {"layers": 8, "tokens": 8192}},
            id="layers beyond max_window_layers",
        ),
        pytest.param(configs.QWEN3 | {"sliding_window": 8192}, {"window": None}, id="use_sliding_window false wins"),
        pytest.param(
            configs.QWEN3 | {"sliding_window": 512, "use_sliding_window": True, "sliding_window_pattern": 6},
            {"window": {"layers": 30, "tokens": 512}},
            id="sliding_window_pattern",
        ),
        pytest.param(configs.DEEPSEEK_CODER, {"maxContext": 65536, "rope": None}, id="linear scaling multiplies"),
        pytest.param(
            configs.QWEN3 | {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}},
            {"maxContext": 40960, "rope": None},
            id="yarn does not",
        ),
        pytest.param(
            configs.QWEN3 | {"rope_theta": None, "rope_parameters": {"rope_type": "default", "rope_theta": 5000000}},
            {"rope": {"theta": 5000000}},
            id="rope_parameters of transformers 5",
        ),
        pytest.param(
            configs.QWEN3 | {"partial_rotary_factor": 0.5}, {"rope": {"theta": 1000000, "partial": 0.5}}, id="partial"
        ),
        pytest.param(configs.QWEN3 | {"model_max_length": 8192}, {"maxContext": 8192}, id="model_max_length wins"),
        pytest.param(
            configs.DEEPSEEK, {"latent": {"rank": 512, "ropeDim": 64}, "headDim": 192, "kvHeads": 128}, id="mla"
        ),
        pytest.param(
            configs.DEEPSEEK | {"model_type": "minicpm3"}, {"latent": None}, id="a rank that vLLM does not use"
        ),
        pytest.param(
            configs.QWEN3_NEXT,
            {"layers": 48, "state": {"layers": 36, "bytes": 2 * 3 * (2 * 16 * 128 + 32 * 128) + 2 * 32 * 128 * 128}},
            id="gated delta net",
        ),
        pytest.param(
            configs.QWEN3_NEXT | {"mamba_ssm_dtype": "float32"},
            {"state": {"layers": 36, "bytes": 2 * 3 * (2 * 16 * 128 + 32 * 128) + 4 * 32 * 128 * 128}},
            id="its state in 32 bits",
        ),
        pytest.param(
            configs.NEMOTRON,
            {"layers": 28, "state": {"layers": 24, "bytes": 2 * 3 * (128 * 64 + 2 * 8 * 128) + 4 * 128 * 64 * 128}},
            id="mamba 2, and layers without a cache",
        ),
        pytest.param(configs.LLAMA4, {"window": {"layers": 36, "tokens": 8192}, "maxContext": 10485760}, id="chunks"),
        pytest.param(configs.QWEN_VL, {"rope": None, "window": None, "kvHeads": 4}, id="positions of images"),
        pytest.param(configs.BGE_M3, {"encoder": True, "maxContext": 8192, "kvHeads": 16}, id="an encoder"),
        pytest.param(
            configs.WHISPER, {"layers": 4, "hidden": 1280, "heads": 20, "cross": 1500, "maxContext": 448}, id="whisper"
        ),
        pytest.param(
            configs.GPT_BIGCODE, {"layers": 40, "kvHeads": 1, "headDim": 128, "maxContext": 8192}, id="gpt names"
        ),
    ],
)
def test_attention(
    config: Config, expected: Mapping[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpuyard.catalogue.plausible._parameters", lambda _: ())
    given: dict[str, Any] = {
        "parameters": 8_000_000_000,
        "weights_bytes": 16_000_000_000,
        "vision_bytes": 1_000_000_000,
    }
    given |= {"weights_bytes": 32_000_000_000} if config.get("torch_dtype") == "float32" else {}
    given |= {"weights_bytes": 8_000_000_000} if "quantization_config" in config else {}
    # Sizes are another test's: here they need not go with the layers.
    found = facts(tmp_path, config | {"tie_word_embeddings": None, "intermediate_size": None}, **given)["attention"]
    assert {key: found.get(key) for key in expected} == expected


GROUP = {"targets": ["Linear"], "input_activations": None}
ACTIVATIONS = {"num_bits": 8, "type": "int"}


@pytest.mark.parametrize(
    ("quantization", "expected"),
    [
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, ("gptq", 128)),
        ({"quant_method": "gptq", "bits": 4, "group_size": -1}, ("gptq", None)),
        ({"quant_method": "fp8", "activation_scheme": "dynamic"}, ("fp8", None)),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "group_size": 16}, ("nvfp4", 16)),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, ("fp8", None)),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "pack-quantized",
                "config_groups": {"group_0": {**GROUP, "weights": {"num_bits": 4, "type": "int", "group_size": 128}}},
            },
            ("w4a16", 128),
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "int-quantized",
                "config_groups": {
                    "group_0": {"weights": {"num_bits": 8, "type": "int"}, "input_activations": ACTIVATIONS}
                },
            },
            ("w8a8", None),
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "float-quantized",
                "config_groups": {"group_0": {**GROUP, "weights": {"num_bits": 8, "type": "float"}}},
            },
            ("fp8", None),
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "nvfp4-pack-quantized",
                "config_groups": {"group_0": {**GROUP, "weights": {"num_bits": 4, "type": "float", "group_size": 16}}},
            },
            ("nvfp4", 16),
        ),
    ],
)
def test_quantisation(quantization: Config, expected: tuple[str, int | None], tmp_path: Path) -> None:
    small = quantization["quant_method"] == "gptq" or expected[0] in ("w4a16", "nvfp4")
    size = 5_700_000_000 if small else 9_000_000_000
    found = facts(tmp_path, configs.LLAMA | {"quantization_config": quantization}, {"total_size": size})
    assert (found["quantization"], found.get("groupSize")) == expected


def test_quantisation_in_a_file_of_its_own(tmp_path: Path) -> None:
    folder(tmp_path, configs.LLAMA, {"total_size": 9_000_000_000})
    beside = {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "FP8"}}
    (tmp_path / "hf_quant_config.json").write_text(json.dumps(beside), encoding="utf-8")
    assert read_facts(open_checkpoint(tmp_path), Given()).facts["quantization"] == "fp8"


def without(config: Config, *keys: str) -> Config:
    return {key: value for key, value in config.items() if key not in keys}


SIZE = {"total_size": 16381470720}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            without(configs.QWEN3, "num_hidden_layers"),
            ["num_hidden_layers: is missing, and so is every other name of it"],
        ),
        (without(configs.QWEN3, "vocab_size", "hidden_size"), ["hidden_size: is missing", "vocab_size: is missing"]),
        (without(configs.QWEN3, "max_position_embeddings"), ["max_position_embeddings: is missing"]),
        (without(configs.QWEN3, "head_dim") | {"hidden_size": 4100}, ["head_dim: is missing, and hidden_size 4100"]),
        (configs.QWEN3 | {"num_key_value_heads": 7}, ["num_key_value_heads: 32 attention heads are no multiple of 7"]),
        (configs.QWEN3 | {"num_key_value_heads": [8, 4]}, ["num_key_value_heads: differs by layer"]),
        (configs.QWEN3 | {"vocab_size": "151936"}, ['vocab_size: is "151936"; must be a whole number']),
        (configs.QWEN3 | {"hidden_size": 4096.5}, ["hidden_size: is 4096.5; must be a whole number"]),
        (configs.QWEN3 | {"num_hidden_layers": True}, ["num_hidden_layers: is true; must be a whole number"]),
        (configs.QWEN3 | {"num_hidden_layers": 10**6}, ["num_hidden_layers: is 1000000; must be from 1 to 1000"]),
        (configs.QWEN3 | {"max_position_embeddings": 0}, ["max_position_embeddings: is 0; must be from 1"]),
        (configs.QWEN3 | {"architectures": []}, ["architectures: is missing; vLLM chooses its code by it"]),
        (
            configs.QWEN3 | {"architectures": ["ArcticForCausalLM"]},
            ["architectures: vLLM 0.32 serves no ArcticForCausalLM any more; 0.28.0"],
        ),
        (
            configs.QWEN3 | {"architectures": ["BartModel"]},
            ["architectures: vLLM 0.32 serves BartModel only with a plugin"],
        ),
        (
            configs.QWEN3 | {"architectures": ["Step5ForCausalLM"]},
            ["architectures: vLLM 0.32 has no Step5ForCausalLM, 0.33 has"],
        ),
        (
            configs.QWEN3 | {"architectures": ["MineForCausalLM"], "auto_map": {"AutoModel": "mine.Mine"}},
            ["architectures: vLLM 0.32 has no code of its own for MineForCausalLM"],
        ),
        (
            configs.QWEN3 | {"architectures": ["BertForTokenClassification"]},
            ["architectures: BertForTokenClassification labels tokens"],
        ),
        (
            configs.GPT_OSS | {"layer_types": ["full_attention"] * 3},
            ["layer_types: names 3 layers, and num_hidden_layers is 24"],
        ),
        (
            configs.GPT_OSS | {"layer_types": ["retention"] * 24},
            ["layer_types: has layers of a kind that gpuyard cannot count: retention"],
        ),
        (
            configs.QWEN3 | {"layer_types": ["mamba"] * 36},
            ["layer_types: its layers keep a state or a cache that gpuyard cannot count"],
        ),
        (configs.QWEN3 | {"linear_attn_config": {"kda_layers": [1]}}, ["linear_attn_config: its layers keep a state"]),
        (configs.DEEPSEEK | {"qk_rope_head_dim": None}, ["qk_rope_head_dim: is missing; with kv_lora_rank it decides"]),
        (
            configs.QWEN3 | {"quantization_config": {"quant_method": "bitsandbytes"}},
            ["quantization_config.quant_method: vLLM 0.32 and newer do not load bitsandbytes"],
        ),
        (
            configs.QWEN3 | {"quantization_config": {"quant_method": "aqlm"}},
            ["quantization_config.quant_method: aqlm is a format that gpuyard does not know"],
        ),
        (
            configs.QWEN3 | {"quantization_config": {"quant_method": "compressed-tensors", "config_groups": {}}},
            ["quantization_config.config_groups: has no weights of a kind"],
        ),
        (configs.GEMMA3, ["vision_config: the bytes of the vision tower are not here"]),
        (
            configs.GEMMA3 | {"text_config": {**configs.GEMMA3["text_config"], "num_attention_heads": 15}},
            ["text_config.num_key_value_heads: 15 attention heads are no multiple of 8"],
        ),
    ],
)
def test_what_is_missing_or_impossible_is_said_at_its_key(config: Config, said: list[str], tmp_path: Path) -> None:
    found = refused(tmp_path, config, SIZE, parameters=8190735360)
    assert len(found) == len(said), found
    lines = (tmp_path / "config.json").read_text(encoding="utf-8").splitlines()
    for each, expected in zip(found, said, strict=True):
        place, _, message = each.partition(" ")
        assert message.startswith(expected), each
        key = expected.partition(":")[0].rpartition(".")[2]
        if f'"{key}"' in json.dumps(config):
            _, line, column, _ = place.split(":")
            assert lines[int(line) - 1][int(column) - 1 :].startswith(f'"{key}"')


@pytest.mark.parametrize(
    ("config", "metadata", "given", "said"),
    [
        (configs.QWEN3, None, {}, "the bytes of the weights are not here"),
        (configs.QWEN3, None, {}, "(its layers have about 16381470720)"),
        (configs.QWEN3, {"total_size": "many"}, {}, "the bytes of the weights are not here"),
        (
            configs.QWEN3,
            {"total_size": 4_000_000_000},
            {},
            "0.49 bytes for each of 8190735360 parameters, but bfloat16 takes",
        ),
        (
            configs.LLAMA_AWQ,
            {"total_size": 16_060_522_496},
            {},
            "2.00 bytes for each of 8030261248 parameters, but awq takes",
        ),
        (
            configs.QWEN3,
            SIZE,
            {"parameters": 9_400_000_000, "weights_bytes": 18_800_000_000},
            "do not go with its layers, which have 8190735360",
        ),
        (configs.GPT_OSS, {"total_size": 13761264768}, {}, "gpuyard cannot count those of this family"),
    ],
)
def test_sizes_that_are_missing_or_contradict(
    config: Config, metadata: Mapping[str, Any] | None, given: Mapping[str, Any], said: str, tmp_path: Path
) -> None:
    assert any(said in each for each in refused(tmp_path, config, metadata, **given))


def test_headers_have_the_bytes_and_the_parameters(tmp_path: Path) -> None:
    folder(tmp_path, configs.GEMMA3)
    language = {"language_model.model.embed_tokens.weight": ("BF16", [262208, 3840])}
    language["language_model.model.layers.0.mlp.weight"] = ("BF16", [11766034176 // 3840 - 262208, 3840])
    tensors(tmp_path, language, "model-00001-of-00002.safetensors")
    tower = {"vision_tower.a.weight": ("BF16", [1000, 1152]), "multi_modal_projector.b": ("BF16", [500])}
    tensors(tmp_path, tower, "model-00002-of-00002.safetensors")
    tensors(tmp_path, tower, "consolidated.safetensors")  # Mistral's second copy
    found = read_facts(open_checkpoint(tmp_path), Given()).facts
    vision = 1000 * 1152 + 500
    assert found["vision"] == {"bytes": 2 * vision, "heads": 16}
    assert found["parameters"] == 11766034176 // 3840 * 3840 + vision
    assert found["weightsBytes"] == 2 * found["parameters"]


def test_packed_weights_are_counted_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpuyard.catalogue.plausible._parameters", lambda _: ())
    config = without(configs.GPT_OSS, "quantization_config") | {
        "quantization_config": {"quant_method": "awq", "bits": 4}
    }
    folder(tmp_path, config)
    packed = {"a.qweight": ("I32", [4096, 512]), "a.qzeros": ("I32", [32, 512]), "a.scales": ("F16", [32, 4096])}
    tensors(tmp_path, {**packed, "b.weight": ("F16", [100, 100])})
    assert read_facts(open_checkpoint(tmp_path), Given()).facts["parameters"] == 4096 * 4096 + 100 * 100


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", b"[1, 2]", "holds no mapping of keys"),
        ("config.json", b"{", "config.json:1:2: is not JSON: "),
        ("config.json", b"\xff\xfe", "is not JSON text in UTF-8"),
        ("config.json", b'{"a": ' + b"9" * 5000 + b"}", "is not JSON: "),
        ("config.json", b"[" * 100000, "is not JSON"),
        ("config.json", b'{"hidden_size": 1}', "has neither architectures nor model_type"),
        ("config.json", b'{"peft_type": "LORA", "model_type": "x"}', "is a LoRA adapter's"),
        ("tokenizer_config.json", b"{}", "is the tokenizer's; give the config.json"),
        ("generation_config.json", b"{}", "is the defaults of sampling; give the config.json"),
        ("params.json", b"{}", "is of Mistral's own format"),
        ("adapter_config.json", b"{}", "is a LoRA adapter's"),
        ("model.safetensors", b"", "holds weights; give the folder"),
    ],
)
def test_another_file_is_told_as_what_it_is(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as error:
        open_checkpoint(tmp_path / name)
    assert said in str(error.value)


def test_a_folder_without_a_config(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such file or folder"):
        open_checkpoint(tmp_path / "nowhere")
    with pytest.raises(MissingError, match=r"has no config\.json"):
        open_checkpoint(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(MissingError, match=r"adapter_config\.json is a LoRA adapter's"):
        open_checkpoint(tmp_path)
    (tmp_path / "model-Q4_K_M.gguf").write_text("", encoding="utf-8")
    with pytest.raises(MissingError, match="GGUF files, which vLLM does not load"):
        open_checkpoint(tmp_path)


def test_a_pointer_in_the_place_of_weights(tmp_path: Path) -> None:
    folder(tmp_path, configs.QWEN3)
    (tmp_path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n", encoding="utf-8")
    with pytest.raises(InputError, match="a Git LFS pointer has to be pulled first"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            configs.QWEN3 | {"architectures": ["MineForCausalLM"]},
            "vLLM 0.32 has no code of its own for MineForCausalLM",
        ),
        (configs.QWEN3 | {"index_topk": 2048}, "its sparse attention keeps an index"),
        (
            configs.QWEN3
            | {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 40960}},
            "its config scales positions 4 times, but max_position_embeddings",
        ),
        (configs.QWEN3, ""),
    ],
)
def test_what_is_worth_saying(config: Config, said: str, tmp_path: Path) -> None:
    notes = read_facts(open_checkpoint(folder(tmp_path, config, SIZE)), Given()).notes
    assert said in notes[0] if said else not notes


def test_a_repository_of_sentence_transformers_embeds(tmp_path: Path) -> None:
    folder(tmp_path, configs.QWEN3, SIZE)
    (tmp_path / "modules.json").write_text("[]", encoding="utf-8")
    assert read_facts(open_checkpoint(tmp_path), Given()).facts["task"] == "embed"
    assert read_facts(open_checkpoint(tmp_path), Given(task="score")).facts["task"] == "score"


ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    float("inf"),
    float("nan"),
    "",
    "x",
    [],
    [None],
    ["x"],
    {},
    {"x": None},
]
FAMILIES = [value for name, value in vars(configs).items() if name.isupper()]


@pytest.mark.parametrize("config", FAMILIES, ids=[each["architectures"][0] for each in FAMILIES])
def test_no_value_is_a_traceback(config: Config, tmp_path: Path) -> None:
    given = Given(parameters=8_000_000_000, weights_bytes=16_000_000_000, vision_bytes=1_000_000_000)
    places = [(config, key) for key in config]
    places += [(each, key) for each in config.values() if isinstance(each, dict) for key in each]
    for part, key in places:
        before = part[key]
        for value in ODD:
            part[key] = value
            try:
                read_facts(open_checkpoint(folder(tmp_path, config)), given)
            except GpuyardError as error:
                assert str(error)
            finally:
                part[key] = before


HEADERS = {
    "deep": b'{"a":' * 100_000,
    "brackets": b"[" * 100_000,
    "infinite": b'{"a": {"dtype": "F16", "shape": [1], "data_offsets": [0, 1e999]}}',
    "infinite shape": b'{"a": {"dtype": "F16", "shape": [1e999], "data_offsets": [0, 2]}}',
    "no number": b'{"a": {"dtype": "F16", "shape": [NaN], "data_offsets": [0, 2]}}',
    "digits": b'{"a": {"dtype": "F16", "shape": [' + b"9" * 5000 + b'], "data_offsets": [0, 2]}}',
    "a list": b'{"a": [1]}',
    "null": b'{"a": null}',
    "bytes": b"\xff\xfe",
}


@pytest.mark.attack("A25 large refusals")
@pytest.mark.parametrize("name", HEADERS)
def test_the_header_of_a_hostile_file_is_refused(name: str, tmp_path: Path) -> None:
    """A traceback would say nothing of which file it is."""
    header = HEADERS[name]
    (tmp_path / "config.json").write_text(json.dumps(configs.LLAMA), encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    result = run("model", "add", tmp_path, "--print")
    assert result.exit_code == 65, result.output
    assert "model.safetensors: is no safetensors file" in result.output
