"""Flags that change GPU memory, in blueprints: each counts in the fit, in its direction, or is refused with numbers."""

from typing import Any

import pytest

from gpuyard.errors import InputError
from gpuyard.resolve import Workload
from tests.projects import Values, resolved

A10: Values = {"a10": "VM.GPU.A10.1"}
LLAMA: Values = {"name": "llama-3.1-8b-instruct"}
GEMMA: Values = {"name": "gemma-3-12b-it"}
ATTENTION: Values = {
    "layers": 80,
    "hidden": 8192,
    "heads": 64,
    "kvHeads": 8,
    "headDim": 128,
    "vocabulary": 151674,
    "maxContext": 32768,
}


def stack(shapes: Values) -> Values:
    return {"clusters": [{"name": "phx", "region": "us-phoenix-1", "shapes": shapes}]}


def one(
    args: Values, model: Values = LLAMA, shapes: Values | None = None, spec: Values | None = None, **serving: Any
) -> Workload:
    given = {"model": model, **(spec or {}), "serving": {"args": args, **serving}}
    (found,) = resolved(given, stack(shapes or A10)).workloads
    return found


def refused(
    args: Values, model: Values = LLAMA, shapes: Values | None = None, spec: Values | None = None, **serving: Any
) -> list[str]:
    with pytest.raises(InputError) as caught:
        one(args, model, shapes, spec, **serving)
    return [problem.message for problem in caught.value.problems]


def tokens(args: Values, model: Values = LLAMA, shapes: Values | None = None, **serving: Any) -> int:
    found: int = one(args, model, shapes, **serving).facts["kvTokens"].value  # type: ignore[assignment]  # a number
    return found


def value(found: Workload, flag: str) -> str | None:
    return next((each.partition("=")[2] for each in found.values["args"] if each.startswith(f"--{flag}=")), None)


FOUR = {"a10": "BM.GPU.A10.4"}
EIGHT = {"h100": "BM.GPU.H100.8"}


@pytest.mark.parametrize(
    ("args", "model", "shapes"),
    [
        ({"enable-lora": True}, LLAMA, FOUR),
        ({"dtype": "float32"}, {"name": "qwen3-8b"}, EIGHT),
        ({"speculative-config": {"method": "eagle3", "model": "/cache/e", "num_speculative_tokens": 2}}, LLAMA, EIGHT),
        ({"speculative-config": '{"method": "mtp", "num_speculative_tokens": 1}'}, LLAMA, EIGHT),
        ({"disable-hybrid-kv-cache-manager": True}, GEMMA, EIGHT),
        ({"kv-offloading-size": 8, "kv-offloading-backend": "lmcache"}, GEMMA, EIGHT),
        ({"mm-encoder-tp-mode": "data"}, {"name": "qwen2.5-vl-7b-instruct"}, FOUR),
        ({"max-num-batched-tokens": 8192}, LLAMA, A10),
        ({"max-num-seqs": 256}, LLAMA, A10),
        ({"max-num-active-seqs": 256}, LLAMA, A10),
        ({"kv-cache-dtype": "fp8", "kv-cache-dtype-skip-layers": ["0"]}, LLAMA, EIGHT),
    ],
)
def test_what_takes_memory_leaves_less(args: Values, model: Values, shapes: Values) -> None:
    spec = {"storage": {"download": False}}
    kept = {name: args[name] for name in ("kv-cache-dtype",) if name in args}
    less, more = (one(each, model, shapes, spec, contextLength=24576) for each in (args, kept))
    assert _kv(less) < _kv(more)


def _kv(found: Workload) -> float:
    """Tokens for each GPU, as more of them may have been taken."""
    here = found.facts.get("kvTokens") or found.facts["fit"]
    return float(here.value) / found.gpus if isinstance(here.value, int) else 0.0


@pytest.mark.parametrize(
    "args",
    [
        {"enforce-eager": True},
        {"compilation-config": {"cudagraph_mode": "NONE"}},
        {"compilation-config": '{"cudagraph_mode": "none"}'},
        {"optimization-level": 0},
        {"cudagraph-capture-sizes": [1, 2, 4]},
        {"max-cudagraph-capture-size": 8},
        {"quantization": "fp8"},
        {"quantization": "int8_per_channel_weight_only"},
        {"cpu-offload-gb": 4},
        {"offload-group-size": 8, "offload-num-in-group": 2},
        {"max-num-seqs": 32},
        {"kv-cache-dtype": "fp8_e5m2", "attention-backend": "FLASHINFER"},
        {"kv-cache-dtype": "int8_per_token_head"},
    ],
)
def test_what_saves_memory_leaves_more(args: Values) -> None:
    assert tokens(args) > tokens({})


def test_images_that_nobody_sends_take_nothing() -> None:
    model = {"name": "qwen2.5-vl-7b-instruct"}
    plain = tokens({}, model)
    for args in ({"limit-mm-per-prompt": {"image": 0, "video": 0}}, {"language-model-only": True}):
        assert tokens(args, model) > plain
    assert tokens({"limit-mm-per-prompt": '{"image": 0, "video": 1}'}, model) == plain


def test_adapters_by_flags_are_those_of_the_blueprint() -> None:
    """Four slots of rank 64 leave 2.04 GiB of an A10: a request of 24576 tokens needs 3."""
    args = {"enable-lora": True, "max-loras": 4, "max-lora-rank": 64, "lora-modules": ["sql=/cache/lora/sql"]}
    [message] = refused(args, contextLength=24576, concurrency=4)
    assert "other 2.8 of 19.9 GiB on its GPU: a request of 24576 tokens needs 3.00 GiB" in message
    assert "a context of 16672 tokens fits on VM.GPU.A10.1" in message
    assert tokens(args, contextLength=8192) < tokens(
        {**args, "fully-sharded-loras": True, "max-loras": 2}, contextLength=8192
    )


def test_a_sharded_adapter_is_smaller_on_each_gpu() -> None:
    args = {"enable-lora": True, "max-loras": 8, "max-lora-rank": 64}
    spec = {"shapes": {"a10": {"tensorParallel": 4}}}
    less, more = (one(each, LLAMA, FOUR, spec) for each in (args, {**args, "fully-sharded-loras": True}))
    assert _kv(less) < _kv(more)


def test_weights_that_stay_in_the_node_let_a_model_fit() -> None:
    model = {"name": "qwen3-14b"}
    assert "does not fit" in refused({}, model)[0]
    found = one({"cpu-offload-gb": 20}, model)
    assert found.facts["fit"].value == "fits"
    assert found.values["resources"]["requests"]["memory"] == "50Gi"


def test_what_is_downloaded_is_as_large_as_ever() -> None:
    model = {"name": "qwen3-32b"}
    plain, smaller = (one(args, model, EIGHT) for args in ({}, {"quantization": "fp8"}))
    assert (
        plain.values["cache"]
        == smaller.values["cache"]
        == {"kind": "fss", "size": "150Gi", "storageClassName": "oci-fss"}
    )
    assert plain.values["budget"] == smaller.values["budget"]


def test_a_model_that_becomes_smaller_needs_fewer_gpus() -> None:
    model = {"name": "qwen3-14b"}
    assert (one({}, model, FOUR).gpus, one({"quantization": "fp8"}, model, FOUR).gpus) == (4, 2)


DRAFT = {"spec-method": "draft_model", "spec-model": "meta-llama/Llama-3.2-1B-Instruct", "spec-tokens": 4}
SMALL: Values = {
    "name": "llama-3.2-1b-instruct",
    "parameters": 1235814400,
    "weightsBytes": 2471628800,
    "attention": {
        "layers": 16,
        "hidden": 2048,
        "heads": 32,
        "kvHeads": 8,
        "headDim": 64,
        "vocabulary": 128256,
        "maxContext": 131072,
    },
}


@pytest.mark.parametrize(
    "args",
    [
        DRAFT,
        {
            "speculative-config": '{"model": "meta-llama/Llama-3.2-1B-Instruct", "num_speculative_tokens": 4, '
            '"method": "draft_model"}'
        },
    ],
)
def test_a_draft_takes_its_weights_and_its_cache(args: Values) -> None:
    spec = {"storage": {"download": False}}
    [message] = refused(args, spec=spec, contextLength=16384, concurrency=4, draft={"architecture": SMALL})
    assert "a request of 16384 tokens needs 2.50 GiB of KV cache on each GPU, 1.17 GiB are left" in message
    found = one(args, spec=spec, contextLength=4096, concurrency=4, draft={"architecture": SMALL})
    plain = one({}, spec=spec, contextLength=4096, concurrency=4)
    assert _kv(found) < 0.4 * _kv(plain)


def test_a_draft_of_unknown_size_is_asked_for() -> None:
    args = {**DRAFT, "spec-model": "acme/tiny"}
    [message] = refused(args, spec={"storage": {"download": False}}, concurrency=4)
    assert message == (
        "spec.serving.args.spec-model: the GPU memory of the draft acme/tiny is not known; "
        "name its entry of the catalogue as serving.draft: {name: …}, or give its facts as "
        "serving.draft: {architecture: …}"
    )
    [message] = refused({}, draft={"name": "qwen3-8b"})
    assert message == "spec.serving.draft: no flag asks for a draft; add speculative-config to args, or remove it"


def test_a_head_is_counted_and_what_was_assumed_is_said() -> None:
    args = {"speculative-config": '{"method": "eagle3", "model": "org/head", "num_speculative_tokens": 3}'}
    spec = {"model": {"name": "llama-3.3-70b-instruct"}, "storage": {"download": False}, "serving": {"args": args}}
    notes = resolved(spec, stack(EIGHT)).notes
    assert (
        "blueprints/chat.yaml: speculative decoding: counted as if the draft org/head takes 4.2 GB and the KV cache of "
        "one layer"
    ) in notes


@pytest.mark.parametrize(
    ("args", "spec", "batched"),
    [
        ({}, {}, "2048"),
        ({"enable-chunked-prefill": False}, {}, "16384"),
        ({"no-enable-chunked-prefill": True}, {}, "16384"),
        ({"runner": "pooling"}, {}, "16384"),
        ({"runner": "pooling", "enable-chunked-prefill": True}, {}, "2048"),
        ({"pooler-config": {"pooling_type": "CLS"}}, {}, "16384"),
        ({"max-num-seqs": 4096}, {}, "4096"),
        (
            {
                "enable-lora": True,
                "speculative-config": {"method": "ngram", "num_speculative_tokens": 63},
                "max-num-seqs": 64,
            },
            {},
            "4096",
        ),
    ],
)
def test_batches_are_as_large_as_they_must_be(args: Values, spec: Values, batched: str) -> None:
    found = one(args, {"name": "qwen3-8b"}, EIGHT if "enable-lora" in args else FOUR, spec)
    own = max(int(batched), 8192) if "enable-lora" in args else int(batched)
    assert value(found, "max-num-batched-tokens") == str(own)


@pytest.mark.parametrize(
    ("args", "serving", "message"),
    [
        (
            {"enable-chunked-prefill": False, "max-num-batched-tokens": 4096},
            {},
            "max-num-batched-tokens: 4096 is less than the context length, 16384: without chunked prefill a prompt has "
            "to fit into one batch",
        ),
        ({"max-num-batched-tokens": 16}, {}, "max-num-batched-tokens: 16 is less than 32, which 32 sequences need"),
        (
            {"max-num-batched-tokens": 128, "max-num-seqs": 256},
            {},
            "max-num-batched-tokens: 128 is less than 256, which 256 sequences need",
        ),
        (
            {"max-num-seqs": 16},
            {},
            "max-num-seqs: 16 is less than serving.concurrency, 32; lower that, or raise it here",
        ),
        (
            {"max-num-active-seqs": 8},
            {},
            "max-num-active-seqs: 8 is less than serving.concurrency, 32; lower that, or raise it here",
        ),
        (
            {"max-num-seqs": 64, "max-num-active-seqs": 128},
            {},
            "max-num-active-seqs: 128 is more than max-num-seqs, 64",
        ),
        (
            {"long-prefill-token-threshold": 16384},
            {"contextLength": 8192},
            "long-prefill-token-threshold: 16384 is more than the context length, 8192",
        ),
        (
            {"enable-lora": True, "max-lora-rank": 24},
            {},
            "max-lora-rank: must be one of 1, 8, 16, 32, 64, 128, 256, 320, 512",
        ),
        ({"enable-lora": True, "max-loras": 4, "max-cpu-loras": 2}, {}, "max-cpu-loras: 2 is less than max-loras, 4"),
        ({"lora-modules": ["a=/cache/a"]}, {}, "lora-modules: needs enable-lora: true"),
        (
            {"enable-expert-parallel": True},
            {},
            "enable-expert-parallel: llama-3.1-8b-instruct has no experts; remove it",
        ),
        ({"enable-eplb": True}, {}, "enable-eplb: needs enable-expert-parallel"),
        (
            {"cudagraph-capture-sizes": [1, 8], "max-cudagraph-capture-size": 16},
            {},
            "max-cudagraph-capture-size: 16 is not the largest of cudagraph-capture-sizes, 8",
        ),
        (
            {"offload-group-size": 2, "offload-num-in-group": 4},
            {},
            "offload-num-in-group: 4 is more than offload-group-size, 2",
        ),
        (
            {"async-scheduling": True, "speculative-config": '{"method": "ngram", "num_speculative_tokens": 2}'},
            {},
            "async-scheduling: does not go with speculative decoding by ngram; remove it",
        ),
        (
            {"spec-tokens": 2, "speculative-config": {"method": "ngram", "num_speculative_tokens": 2}},
            {},
            "spec-tokens: conflicts with speculative-config.num_speculative_tokens; keep one",
        ),
        ({"block-size": 24}, {}, "block-size: must be a multiple of 16, as attention kernels want it: 24"),
        (
            {"quantization": "bitsandbytes"},
            {},
            "quantization: bitsandbytes is not one of the 30 that vLLM knows; use a version in AWQ, GPTQ or FP8, or "
            "the 16-bit weights with quantization fp8",
        ),
        (
            {"load-format": "gguf"},
            {},
            "load-format: gguf is not one of the 15 that vLLM knows; use the safetensors of the model, in AWQ, GPTQ "
            "or FP8 where they must be small",
        ),
        (
            {"load-format": "safetensor"},
            {},
            "load-format: safetensor is not one of the 15 that vLLM knows; did you mean safetensors?",
        ),
        (
            {"quantization": "awq"},
            {},
            "quantization: awq does not go with weights in 16 bits: remove it, or use fp8 or fp8_per_tensor or "
            "fp8_per_channel",
        ),
        (
            {"quantization": "experts_int8"},
            {},
            "quantization: experts_int8 is for a mixture of experts, and llama-3.1-8b-instruct is none; use fp8",
        ),
    ],
)
def test_flags_that_contradict(args: Values, serving: Values, message: str) -> None:
    assert refused(args, LLAMA, FOUR, **serving) == [f"spec.serving.args.{message}"]


def test_a_later_minor_runs_what_an_earlier_one_refuses() -> None:
    args = {"async-scheduling": True, "speculative-config": {"method": "ngram", "num_speculative_tokens": 2}}
    assert one(args, LLAMA, FOUR, {"vllm": {"version": "0.33.0"}})


def test_another_build_may_load_other_formats() -> None:
    spec, unsafe = {"vllm": {"image": "docker.io/acme/vllm"}}, ["quantization", "load-format"]
    assert one({"quantization": "bitsandbytes", "load-format": "gguf"}, LLAMA, FOUR, spec, unsafe=unsafe)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"name": None, "source": f"hf://some/model@{'0' * 40}", "architecture": {"quantization": "bitsandbytes"}},
            "vLLM 0.32.0 does not load weights in bitsandbytes; use a version in AWQ, GPTQ or FP8, or the 16-bit "
            "weights with quantization fp8",
        ),
        (
            {"name": "qwen3-8b", "source": f"hf://Qwen/Qwen3-8B-GGUF@{'0' * 40}"},
            "vLLM 0.32.0 does not load GGUF files; use the safetensors of the model, in AWQ, GPTQ or FP8 where they "
            "must be small",
        ),
        (
            {"name": "qwen3-8b", "source": "pvc://weights/qwen3-8b.gguf"},
            "vLLM 0.32.0 does not load GGUF files; use the safetensors of the model, in AWQ, GPTQ or FP8 where they "
            "must be small",
        ),
    ],
)
def test_weights_that_no_minor_loads(model: Values, message: str) -> None:
    if facts := model.get("architecture"):
        facts = {"name": "some", "parameters": 12 * 10**9, "weightsBytes": 7 * 10**9, "attention": ATTENTION, **facts}
        model = {**model, "architecture": facts}
    assert refused({}, model, FOUR) == [f"spec.model: {message}"]


@pytest.mark.parametrize(
    ("args", "model", "flag", "reason"),
    [
        (
            {"dtype": "half"},
            GEMMA,
            "dtype",
            "vLLM refuses float16 for gemma-3-12b-it, which is unstable in it; use bfloat16",
        ),
        (
            {"dtype": "float32"},
            {"name": "qwen3-32b-awq"},
            "dtype",
            "weights in awq are computed in 16 bits, not in float32; use auto",
        ),
        (
            {"quantization": "nvfp4_per_token"},
            LLAMA,
            "quantization",
            "quantization nvfp4_per_token needs sm_100 or newer, NVIDIA A10 is sm_86",
        ),
        (
            {"quantization": "fp8", "dtype": "float32"},
            LLAMA,
            "dtype",
            "weights in fp8 are computed in 16 bits, not in float32; use auto",
        ),
        (
            {"kv-cache-dtype": "fp8"},
            GEMMA,
            "kv-cache-dtype",
            "an FP8 KV cache needs sm_89 or newer here, NVIDIA A10 is sm_86: FlashInfer, which could read fp8, does "
            "not attend in both directions within images of gemma-3-12b-it",
        ),
        (
            {"kv-cache-dtype": "fp8", "attention-backend": "TRITON_ATTN"},
            LLAMA,
            "kv-cache-dtype",
            "an FP8 KV cache needs sm_89 or newer here, NVIDIA A10 is sm_86: attention-backend TRITON_ATTN does not "
            "read fp8, only FLASHINFER does",
        ),
        (
            {"kv-cache-dtype": "fp8_ds_mla"},
            LLAMA,
            "kv-cache-dtype",
            "a KV cache in fp8_ds_mla is for models with latent attention, and llama-3.1-8b-instruct has none",
        ),
        (
            {"decode-context-parallel-size": 4},
            LLAMA,
            "decode-context-parallel-size",
            "decode-context-parallel-size 4 needs tensor parallelism 32 or more, as the model has 8 KV heads; it has 4",
        ),
    ],
)
def test_a_type_that_does_not_go_is_the_reason_and_no_numbers(
    args: Values, model: Values, flag: str, reason: str
) -> None:
    [message] = refused(args, model, FOUR)
    head = f"spec.serving.args.{flag}: fits on no shape of the stack; a10: {model['name']} cannot be served like this; "
    assert message.startswith(f"{head}BM.GPU.A10.4: {reason}")
    assert "GiB" not in message


def test_an_fp8_cache_on_ampere_is_flashinfer_s() -> None:
    """FlashAttention declines, FlashInfer takes it from sm_80 (vLLM 0.32, cuda.py): the author asks for it."""
    args = {"kv-cache-dtype": "fp8", "attention-backend": "FLASHINFER"}
    assert tokens(args, LLAMA, A10) == pytest.approx(2 * tokens({}, LLAMA, A10), abs=16)
    assert tokens({**args, "language-model-only": True}, GEMMA, FOUR)
    [message] = refused({"kv-cache-dtype": "fp8"}, LLAMA, A10)
    assert "only FlashInfer reads it there; ask for that by attention-backend: FLASHINFER" in message


AWQ: Values = {
    "name": "internvl3-78b-awq",
    "parameters": 78408318464,
    "weightsBytes": 52000000000,
    "quantization": "awq",
    "vision": {"bytes": 11200000000},
    "attention": ATTENTION,
}


def test_a_group_of_quantised_weights_is_on_one_gpu() -> None:
    """InternVL3-78B-AWQ: 29568 are 231 groups of 128, which nothing but one GPU holds whole."""
    source = f"hf://OpenGVLab/InternVL3-78B-AWQ@{'0' * 40}"
    model = {"name": None, "source": source, "architecture": {**AWQ, "intermediate": 29568}}
    [message] = refused({}, model, FOUR, contextLength=8192)
    assert (
        "tensor parallelism 4 gives each GPU 7392 of 29568 inputs of the MLP, which cuts a group of 128 awq weights"
    ) in message or "weights 48.5" in message
    assert one({}, model, EIGHT, contextLength=8192).gpus == 1
    spec = {"model": {**model, "architecture": AWQ}, "serving": {"contextLength": 8192}}
    notes = resolved(spec, stack(FOUR)).notes
    assert any("whether tensor parallelism 4 cuts groups of its awq weights is not known" in note for note in notes)


def test_more_concurrency_never_takes_fewer_gpus() -> None:
    found = [one({}, {"name": "qwen3-14b"}, FOUR, concurrency=each) for each in (4, 128, 136, 144, 1024)]
    assert [each.gpus for each in found] == [4, 4, 4, 4, 4]
    assert [each.facts["fit"].value for each in found] == ["fits", "fits", "fits", "tight", "tight"]


def test_what_half_the_gpus_would_give_is_said() -> None:
    found = one({}, LLAMA, FOUR)
    assert found.facts["fit"].text == "fits (1 GPU: tight)"
    assert found.facts["otherGpus"].value[0] == {  # type: ignore[index]  # a list
        "gpus": 1,
        "tensorParallel": 1,
        "fit": "tight",
        "reason": "1.9 full-length requests at once, not 4",
        "kvTokens": 31376,
    }


def test_where_it_is_tight_the_reason_is_a_note() -> None:
    spec = {"model": LLAMA, "shapes": {"a10": {"tensorParallel": 1}}}
    found = resolved(spec, stack(FOUR))
    assert (
        "chat on a10: tight with 1 GPU: 1.9 full-length requests at once, not 4; 2 GPUs would be enough "
        "(178640 tokens of KV cache)"
    ) in found.notes
    assert found.workloads[0].facts["fit"].text == "tight (2 GPUs: fits)"


def test_a_tensor_parallelism_that_does_not_go_names_those_that_do() -> None:
    [message] = refused({}, LLAMA, EIGHT, {"shapes": {"h100": {"tensorParallel": 3}}})
    assert message.startswith(
        "spec.shapes.h100: llama-3.1-8b-instruct cannot be served like this; BM.GPU.H100.8: tensor parallelism 3 does "
        "not divide 32 attention heads; with tensorParallel 1, 2, 4 or 8 it fits here"
    )


def test_a_pooling_model_has_no_tokens_of_cache_to_tell() -> None:
    assert "kvTokens" not in one({"runner": "pooling"}, {"name": "qwen3-8b"}, FOUR).facts


def test_a_size_of_the_cache_is_held_against_what_is_free() -> None:
    assert tokens({"kv-cache-memory-bytes": "2G"}) == 2 * 2**30 // (2 * 32 * 8 * 128 * 2)
    [message] = refused({"kv-cache-memory-bytes": "8G"})
    assert "kv-cache-memory-bytes is 8.00 GiB, 5.84 GiB are left" in message


def test_adapters_in_the_node_s_memory_count() -> None:
    args = {"enable-lora": True, "max-lora-rank": 64}
    plain, more = (one({**args, **extra}, LLAMA, FOUR) for extra in ({}, {"max-cpu-loras": 32}))
    less, asked = (int(each.values["resources"]["requests"]["memory"][:-2]) for each in (plain, more))
    assert 20 < asked - less < 40
    [message] = refused({**args, "max-cpu-loras": 1000}, LLAMA, FOUR)
    assert "flags take too much of the node's memory (max-cpu-loras" in message


def test_a_flag_on_one_shape_counts_there_alone() -> None:
    spec = {"shapes": {"a10": {"args": {"quantization": "fp8"}}, "h100": {}}, "model": {"name": "qwen3-14b"}}
    found = resolved(spec, stack({**FOUR, **EIGHT})).workloads
    assert [each.gpus for each in found] == [2, 1]
