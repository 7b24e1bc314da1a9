"""Does it fit: against start-up logs that others published, and against common sense."""

from dataclasses import replace
from statistics import mean, median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from gpuyard.catalogue.models import Attention, Experts, Latent, Model, Quantization, State, Vision, Window, catalogue
from gpuyard.catalogue.quantizations import loaded
from gpuyard.catalogue.shapes import Node
from gpuyard.catalogue.shapes import catalogue as shapes
from gpuyard.fit import Choice, Draft, Offload, Refusal, Settings, Verdict, choose, defaults_for, explain, fit, memory
from gpuyard.fit.cachetypes import token_bytes
from gpuyard.fit.impossible import impossible
from gpuyard.fit.lora import adapters
from tests.startup_logs import LOGS, Log

limits.register_profile("patient", deadline=None)  # how long one takes says something about the machine alone
limits.load_profile("patient")

LLAMA_8B, LLAMA_70B = catalogue()["llama-3.1-8b-instruct"], catalogue()["llama-3.3-70b-instruct"]
QWEN_VL = catalogue()["qwen2.5-vl-7b-instruct"]
NODES = {node.name: node for shape in shapes().values() for node in shape.nodes.values()}
A10, A10_4, A100_40, H100 = (NODES[name] for name in ("VM.GPU.A10.1", "BM.GPU.A10.4", "BM.GPU4.8", "BM.GPU.H100.8"))


def error(log: Log) -> float:
    return fit(log.model, log.node, log.settings).kv - log.kv


@pytest.mark.parametrize("log", LOGS, ids=[f"{n}-tp{log.tensor}" for n, log in enumerate(LOGS)])
def test_the_kv_cache_is_near_what_the_log_says(log: Log) -> None:
    assert abs(error(log)) < 1.0


def test_the_estimate_is_careful_on_the_whole() -> None:
    errors = [error(log) for log in LOGS]
    assert -0.3 < median(errors) <= 0.05
    assert mean(map(abs, errors)) < 0.3
    assert max(errors) < 0.25, "never much more than there is"


@pytest.mark.parametrize("log", LOGS, ids=[f"{n}-tp{log.tensor}" for n, log in enumerate(LOGS)])
def test_requests_at_once_are_exact_for_the_same_memory(log: Log) -> None:
    one = memory.kv_bytes(log.model, log.settings, log.context)
    assert log.kv * 2**30 / one == pytest.approx(log.concurrency, rel=0.003)


def test_adapters_take_what_a_log_says() -> None:
    """Qwen3-4B on an RTX 4090, vLLM 0.27.1: 7.60 GiB of weights, 12.49 with 64 slots of rank 16; graphs 1.28 GiB."""
    attention = Attention(36, 2560, 32, 8, 128, 151936, 40960)
    qwen = Model("some", 4_022_468_096, 8_044_936_192, 8_044_936_192, attention)
    settings = replace(defaults_for(A10, 8192), adapters=64, adapter_rank=16, max_num_seqs=256)
    assert adapters(qwen, settings) == pytest.approx(12.49 - 7.60, rel=0.03)
    assert memory.graphs(qwen, A10, settings) == pytest.approx(1.28, rel=0.03)


def test_adapters_leave_less_for_the_cache() -> None:
    plain = replace(defaults_for(H100, 8192), tensor=4)
    eight, large = replace(plain, adapters=8, adapter_rank=16), replace(plain, adapters=8, adapter_rank=512)
    without, some, many = (fit(LLAMA_70B, H100, settings) for settings in (plain, eight, large))
    assert without.adapters == 0
    assert many.adapters == pytest.approx(32 * some.adapters)
    assert without.kv > some.kv > many.kv
    assert "- adapters" in "\n".join(explain(some))
    assert adapters(LLAMA_70B, replace(eight, tensor=8)) < adapters(LLAMA_70B, eight)


def test_adapters_of_a_mixture_have_a_part_for_every_expert() -> None:
    """All experts have them, whichever a token goes to: three matrices from or to the hidden size in each."""
    mixture = catalogue()["gpt-oss-20b"]
    assert mixture.experts
    settings = replace(defaults_for(A10, 16384), adapters=4, adapter_rank=32)
    one = replace(mixture, experts=replace(mixture.experts, total=1))
    numbers = 4 * 32 * 24 * 3 * (mixture.experts.total - 1) * 2880
    assert adapters(mixture, settings) - adapters(one, settings) == pytest.approx(1.1 * 2 * numbers / 2**30)
    plain, more = fit(mixture, H100, replace(settings, adapters=0)), fit(mixture, H100, settings)
    assert more.adapters > 3.5
    assert plain.kv - more.kv == pytest.approx(more.adapters + more.graphs - plain.graphs)


@pytest.mark.parametrize(
    ("name", "node", "tensor", "verdict"),
    [
        ("llama-3.1-8b-instruct", "VM.GPU.A10.1", 1, Verdict.TIGHT),
        ("llama-3.1-8b-instruct", "VM.GPU.A10.2", 2, Verdict.FITS),
        ("llama-3.1-8b-instruct", "BM.GPU4.8", 1, Verdict.FITS),
        ("llama-3.1-8b-instruct", "BM.GPU.H100.8", 1, Verdict.FITS),
        ("qwen2.5-vl-7b-instruct", "VM.GPU.A10.1", 1, Verdict.TIGHT),
        ("qwen2.5-vl-7b-instruct", "BM.GPU.A10.4", 2, Verdict.FITS),
        ("qwen2.5-vl-7b-instruct", "BM.GPU.A100-v2.8", 1, Verdict.FITS),
        ("llama-3.3-70b-instruct", "BM.GPU4.8", 8, Verdict.FITS),
        ("llama-3.3-70b-instruct", "BM.GPU.A100-v2.8", 4, Verdict.FITS),
        ("llama-3.3-70b-instruct", "BM.GPU.H100.8", 4, Verdict.FITS),
        ("llama-3.3-70b-instruct-awq", "BM.GPU.A10.4", 4, Verdict.FITS),
        ("llama-3.3-70b-instruct-awq", "BM.GPU4.8", 2, Verdict.FITS),
        ("llama-3.3-70b-instruct-awq", "BM.GPU.H100.8", 1, Verdict.FITS),
    ],
)
def test_the_blueprints_on_oracle_shapes(name: str, node: str, tensor: int, verdict: Verdict) -> None:
    found = choose(catalogue()[name], [NODES[node]], context=16384, concurrency=32)
    assert isinstance(found, Choice)
    assert (found.settings.tensor, found.fit.verdict) == (tensor, verdict)


def test_a_refusal_has_the_numbers_and_a_way_out() -> None:
    found = choose(LLAMA_70B, list(shapes()["a10"].nodes.values()), context=16384, concurrency=32)
    assert isinstance(found, Refusal)
    assert list(found.fits) == ["VM.GPU.A10.1", "VM.GPU.A10.2", "BM.GPU.A10.4"]
    assert found.instead == (
        "llama-3.3-70b-instruct-awq fits on BM.GPU.A10.4 with 4 GPUs",
        "llama-3.3-70b-instruct fits on BM.GPU4.8, BM.GPU.B4.8, BM.GPU.A100-v2.8 with 8 GPUs",
        "llama-3.3-70b-instruct fits on BM.GPU.H100.8 with 4 GPUs",
    )
    assert (
        "BM.GPU.A10.4: weights 32.9 + other 2.0 of 19.9 GiB on each of 4 GPUs: a request of 16384 tokens "
        "needs 1.25 GiB of KV cache on each GPU, nothing is left"
    ) in found.reason


def test_a_shorter_context_is_offered() -> None:
    found = choose(LLAMA_8B, [A10], context=65536)
    assert isinstance(found, Refusal)
    assert found.instead[:2] == (
        f"a context of {found.fits['VM.GPU.A10.1'].largest_context} tokens fits on VM.GPU.A10.1",
        "llama-3.1-8b-instruct-awq fits on VM.GPU.A10.1 with 1 GPU",
    )


def test_what_is_offered_holds() -> None:
    refused = choose(LLAMA_8B, [A10], context=65536)
    assert isinstance(refused, Refusal)
    largest = refused.fits[A10.name].largest_context
    assert isinstance(choose(LLAMA_8B, [A10], context=largest), Choice)
    assert isinstance(choose(LLAMA_8B, [A10], context=largest + 32), Refusal)


def test_only_nodes_that_hold_it_are_kept() -> None:
    found = choose(catalogue()["qwen3-14b"], list(shapes()["a10"].nodes.values()), context=16384)
    assert isinstance(found, Choice)
    assert found.nodes == ("VM.GPU.A10.2", "BM.GPU.A10.4")
    assert found.settings.tensor == 2


def test_one_parallelism_for_all_nodes_comes_before_fewer_gpus() -> None:
    found = choose(LLAMA_70B, list(shapes()["a100"].nodes.values()), context=16384)
    assert isinstance(found, Choice)
    assert found.nodes == ("BM.GPU4.8", "BM.GPU.B4.8", "BM.GPU.A100-v2.8")
    assert found.settings.tensor == 8
    assert found.fit.node == "BM.GPU4.8"


def test_the_author_decides() -> None:
    found = choose(LLAMA_8B, [H100], context=8192, tensor=2, max_num_seqs=16, batched_tokens=4096, utilization=0.8)
    assert isinstance(found, Choice)
    assert found.settings == Settings(8192, 16, 4096, 0.8, tensor=2)


@pytest.mark.parametrize(
    ("name", "node", "changes", "reason"),
    [
        ("llama-3.1-8b-instruct", A10, {"tensor": 2}, "needs 2 GPUs, the node has 1"),
        ("phi-4", H100, {"tensor": 3}, "tensor parallelism 3 does not divide 40 attention heads"),
        ("phi-4", H100, {"tensor": 4}, "tensor parallelism 4 neither divides 10 KV heads nor is a multiple of them"),
        ("phi-4", H100, {"context": 16385}, "context 16385 is more than the model's 16384"),
        (
            "gpt-oss-20b",
            A10,
            {"kv_dtype": "fp8"},
            "an FP8 KV cache needs sm_89 or newer here, NVIDIA A10 is sm_86: FlashInfer, which could read fp8, does "
            "not take the attention sinks of gpt-oss-20b",
        ),
    ],
)
def test_what_no_memory_helps_against(name: str, node: Node, changes: dict[str, object], reason: str) -> None:
    settings = replace(defaults_for(node, 8192), **changes)  # type: ignore[arg-type]
    found = fit(catalogue()[name], node, settings)
    assert (found.verdict, found.reason) == (Verdict.NO, reason)


def test_heads_are_divided_without_a_rest() -> None:
    """32 by 3 leaves two, 40 by 3 one."""
    found = fit(LLAMA_8B, H100, replace(defaults_for(H100, 8192), tensor=3))
    assert found.reason == "tensor parallelism 3 does not divide 32 attention heads"


@pytest.mark.parametrize("name", catalogue())
def test_a_model_may_have_its_whole_context(name: str) -> None:
    """As far as memory goes, which is another question; one token more it doesn't know."""
    model, most = catalogue()[name], catalogue()[name].max_context
    whole, more = (impossible(model, H100, defaults_for(H100, context)) for context in (most, most + 1))
    assert (whole, more) == (None, (f"context {most + 1} is more than the model's {most}", ""))


def test_the_whole_context_fits_where_there_is_room() -> None:
    found = fit(LLAMA_8B, H100, defaults_for(H100, 131072))
    assert found.verdict is not Verdict.NO
    assert found.largest_context == 131072
    assert isinstance(choose(LLAMA_8B, [H100], context=131072), Choice)


def test_a_replica_may_have_every_gpu_of_its_node() -> None:
    settings = replace(defaults_for(H100, 8192), tensor=H100.gpus)
    assert impossible(LLAMA_70B, H100, settings) is None
    assert impossible(LLAMA_70B, H100, replace(settings, pipeline=2)) == ("needs 16 GPUs, the node has 8", "")


def test_exactly_what_is_asked_for_is_enough() -> None:
    settings = replace(defaults_for(H100, 8192), max_num_seqs=32)
    assert fit(LLAMA_8B, H100, settings, concurrency=32).typical == 32
    assert fit(LLAMA_8B, H100, settings, concurrency=32).verdict is Verdict.FITS


def test_vision_heads_count_unless_every_gpu_has_the_tower() -> None:
    odd = replace(QWEN_VL, vision=Vision(10**9, heads=10), attention=replace(QWEN_VL.attention, heads=32, kv_heads=8))
    settings = replace(defaults_for(H100, 8192), tensor=4)
    assert fit(odd, H100, settings).reason == "tensor parallelism 4 does not divide 10 heads of the vision tower"
    everywhere = replace(odd, vision=Vision(10**9, heads=10, replicated=True))
    assert fit(everywhere, H100, settings).verdict is Verdict.FITS
    assert memory.weights(everywhere, settings) > memory.weights(odd, settings) + 0.6


def kv(attention: Attention, tokens: int = 8192, **settings: object) -> int:
    made = replace(Settings(8192, 64, 2048, 0.9), **settings)  # type: ignore[arg-type]
    return memory.kv_bytes(replace(LLAMA_8B, attention=attention), made, tokens)


WIDE = Attention(32, 4096, 32, 32, 128, 32000, 4096)
V3 = Attention(61, 7168, 128, 128, 128, 129280, 163840, latent=Latent(512, 64))
MQA = Attention(52, 6144, 48, 1, 128, 49152, 8192)
QWEN_35 = Attention(32, 2560, 16, 4, 256, 248320, 262144, state=State(24, 32 * 128 * 128 * 4 + 8192 * 3 * 2))


@pytest.mark.parametrize(
    ("attention", "settings", "layer"),
    [
        # Multi-head (Llama 2 7B): each head has its own key and value of 128 numbers in 16 bits.
        (WIDE, {}, 2 * 32 * 128 * 2),
        (WIDE, {"dtype": "float32"}, 2 * 32 * 128 * 4),
        # Grouped queries (Llama 3.1 8B), divided over GPUs until each has one head, and whole from there on.
        (LLAMA_8B.attention, {}, 2 * 8 * 128 * 2),
        (LLAMA_8B.attention, {"tensor": 8}, 2 * 128 * 2),
        (LLAMA_8B.attention, {"tensor": 16}, 2 * 128 * 2),
        # One head for all queries (StarCoder): on every GPU.
        (MQA, {"tensor": 4}, 2 * 128 * 2),
        # Quantised (vllm/v1/kv_cache_interface.py; customize_spec of triton_attn.py and flashinfer.py): scales of
        # float32 for each token and head; NVFP4 with a byte for each 16 numbers.
        (LLAMA_8B.attention, {"kv_dtype": "fp8"}, 2 * 8 * 128),
        (LLAMA_8B.attention, {"kv_dtype": "fp8_e5m2"}, 2 * 8 * 128),
        (LLAMA_8B.attention, {"kv_dtype": "bfloat16"}, 2 * 8 * 128 * 2),
        (LLAMA_8B.attention, {"kv_dtype": "int8_per_token_head"}, 2 * 8 * (128 + 4)),
        (LLAMA_8B.attention, {"kv_dtype": "fp8_per_token_head"}, 2 * 8 * (128 + 4)),
        (LLAMA_8B.attention, {"kv_dtype": "int4_per_token_head"}, 2 * 8 * (64 + 4)),
        (LLAMA_8B.attention, {"kv_dtype": "nvfp4"}, 2 * 8 * (64 + 8)),
        (LLAMA_8B.attention, {"kv_dtype": "fp8", "unquantized_layers": True}, 2 * 8 * 128 * 2),
        # Latent (DeepSeek V3): 512 + 64 numbers, whole on every GPU; packed with scales and the last 64 in 16 bits
        # as fp8_ds_mla (vllm/v1/attention/backends/mla/flashmla_sparse.py), or smaller still as nvfp4_ds_mla.
        (V3, {}, 576 * 2),
        (V3, {"tensor": 8}, 576 * 2),
        (V3, {"kv_dtype": "fp8"}, 576),
        (V3, {"kv_dtype": "fp8_ds_mla"}, 656),
        (V3, {"kv_dtype": "nvfp4_ds_mla"}, 352),
        # Windows (gpt-oss): a token in a layer is as large as elsewhere; how many are kept is another question.
        (catalogue()["gpt-oss-20b"].attention, {}, 2 * 8 * 64 * 2),
        (catalogue()["gemma-3-12b-it"].attention, {"tensor": 2}, 2 * 4 * 256 * 2),
        # States (Qwen3.5 4B): so large is a token of the layers that have a cache.
        (QWEN_35, {}, 2 * 4 * 256 * 2),
    ],
)
def test_bytes_of_a_token_in_a_layer(attention: Attention, settings: dict[str, Any], layer: int) -> None:
    assert token_bytes(attention, replace(Settings(8192, 64, 2048, 0.9), **settings)) == layer


def test_a_state_is_a_block_as_a_log_has_it() -> None:
    """Qwen3.5-4B on an L4, vLLM 0.29: blocks of 528 tokens, 9.1 GiB hold 8.17 requests of 32768 tokens."""
    one = kv(QWEN_35, tokens=32768)
    assert one == (-(-32768 // 528) + 3 * 2) * 8 * 528 * 4096
    assert 9.1 * 2**30 / one == pytest.approx(8.17, rel=0.003)


def test_without_windows_every_layer_keeps_everything() -> None:
    windowed = catalogue()["gemma-3-27b-it"].attention
    assert kv(windowed, windows=False) == kv(replace(windowed, window=None)) > kv(windowed, batched_tokens=512)


def test_tokens_are_divided_over_gpus_that_hold_the_same_heads() -> None:
    assert kv(V3, tensor=8) == 8 * kv(V3, tensor=8, context_parallel=8)


def test_a_larger_block_is_taken_whole() -> None:
    plain = LLAMA_8B.attention
    assert kv(plain, block=64, tokens=65) == kv(plain, tokens=128)


def test_a_draft_has_a_cache_of_its_own() -> None:
    plain, small = LLAMA_8B.attention, replace(LLAMA_8B.attention, layers=2, kv_heads=2)
    draft = Draft("some", 3, weights=2**30, attention=small)
    assert kv(plain, draft=draft, tensor=2) == kv(plain, tensor=2) + kv(small, tensor=2)
    assert kv(plain, draft=replace(draft, tensor=1), tensor=2) == kv(plain, tensor=2) + kv(small)
    settings = replace(defaults_for(H100, 8192), draft=draft, tensor=2)
    assert memory.draft(settings) == 0.5
    assert memory.draft(replace(settings, draft=replace(draft, tensor=1))) == 1.0
    assert "- draft" in "\n".join(explain(fit(LLAMA_8B, H100, settings)))


def test_weights_outside_of_the_gpu() -> None:
    settings = defaults_for(A10, 8192)
    whole = memory.weights(LLAMA_8B, settings)
    assert memory.weights(LLAMA_8B, replace(settings, offload=Offload(gib=4))) == pytest.approx(whole - 4)
    tables = 2 * 2 * 128256 * 4096 / 2**30
    layers = LLAMA_8B.loaded_bytes / 2**30 - tables
    assert memory.weights(LLAMA_8B, replace(settings, offload=Offload(gib=99))) == pytest.approx(tables + 0.05)
    some = replace(settings, offload=Offload(share=0.25, ahead=2))
    assert memory.weights(LLAMA_8B, some) == pytest.approx(whole - layers * (0.25 - 2 / 32))


def test_graphs_by_their_sizes() -> None:
    settings = defaults_for(H100, 8192)
    assert memory.graphs(LLAMA_8B, H100, replace(settings, graph_sizes=0)) == 0
    assert memory.captured(512) == 51
    assert memory.captured(0) == 0
    all_of_them, few = (memory.graphs(LLAMA_70B, H100, replace(settings, graph_sizes=n)) for n in (51, 17))
    assert all_of_them == pytest.approx(3 * few) == pytest.approx(memory.graphs(LLAMA_70B, H100, settings))


@pytest.mark.parametrize(
    ("method", "bytes_of_layers"), [("fp8", 1), ("mxfp8", 1.0625), ("nvfp4_per_token", 0.5625), (None, 2), ("gptq", 2)]
)
def test_weights_become_smaller_while_they_are_loaded(method: str | None, bytes_of_layers: float) -> None:
    """The embedding and the last layer stay in 16 bits."""
    tables = 2 * 128256 * 4096
    expected = 2 * tables + bytes_of_layers * (LLAMA_8B.parameters - tables)
    assert loaded(LLAMA_8B, method).loaded_bytes == pytest.approx(expected)
    quantised = catalogue()["qwen3-32b-awq"]
    assert loaded(quantised, method) == quantised


def test_experts_alone_become_smaller() -> None:
    mixture = replace(catalogue()["gpt-oss-20b"], quantization=Quantization.NONE, loaded_bytes=42 * 10**9)
    found = loaded(mixture, "experts_int8").loaded_bytes
    assert found == 42 * 10**9 - 3 * 32 * 2880 * 2880 * 24
    assert loaded(replace(mixture, experts=Experts(32)), "experts_int8").loaded_bytes == 42 * 10**9


@pytest.mark.parametrize(
    ("changes", "tensor", "reason"),
    [
        ({"quantization": "awq", "intermediate": 29568}, 2, "gives each GPU 14784 of 29568 inputs of the MLP"),
        ({"quantization": "gptq", "intermediate": 28672}, 8, ""),
        ({"quantization": "w4a16", "intermediate": 25600, "group_size": 64}, 8, ""),
        ({"quantization": "w4a16", "intermediate": 25600, "group_size": 256}, 8, "cuts a group of 256 w4a16 weights"),
        ({"quantization": "fp8", "intermediate": 29568, "group_size": 128}, 2, "cuts a group of 128 fp8 weights"),
        ({"quantization": "fp8", "intermediate": 29568}, 2, ""),
        ({"quantization": "none", "intermediate": 29568}, 2, ""),
        ({"quantization": "awq", "intermediate": 29568}, 1, ""),
        ({"quantization": "awq"}, 2, ""),
    ],
)
def test_groups_of_weights(changes: dict[str, Any], tensor: int, reason: str) -> None:
    model = replace(LLAMA_70B, intermediate=None)
    model = replace(model, **{**changes, "quantization": Quantization(changes["quantization"])})
    found = impossible(model, H100, replace(defaults_for(H100, 8192), tensor=tensor))
    assert (reason in found.reason) if found and reason else not (found or reason)


OLD = replace(A10, gpu=replace(A10.gpu, architecture="sm_75", product="NVIDIA T4"))


@pytest.mark.parametrize(
    ("model", "node", "changes", "reason"),
    [
        (LLAMA_8B, A10, {"kv_dtype": "fp8"}, "ask for that by attention-backend: FLASHINFER"),
        (LLAMA_8B, A10, {"kv_dtype": "fp8", "backend": "flashinfer"}, None),
        (LLAMA_8B, A10, {"kv_dtype": "fp8", "backend": "FLASH_ATTN"}, "attention-backend FLASH_ATTN does not read fp8"),
        (catalogue()["gpt-oss-20b"], A10, {"kv_dtype": "fp8_e5m2"}, "attention sinks"),
        (catalogue()["gemma-3-12b-it"], A10, {"kv_dtype": "fp8", "backend": "FLASHINFER", "images": False}, None),
        (catalogue()["gemma-3-12b-it"], A10, {"kv_dtype": "fp8"}, "both directions"),
        (catalogue()["gemma-3-12b-it"], H100, {"kv_dtype": "fp8"}, None),
        (LLAMA_8B, H100, {"backend": "FLASHMLA"}, "attention-backend FLASHMLA is for latent attention"),
        (replace(LLAMA_8B, attention=V3), H100, {"backend": "flashmla"}, None),
        (replace(LLAMA_8B, attention=V3), A10, {"backend": "FLASHMLA"}, "needs sm_9x or sm_10x, NVIDIA A10 is sm_86"),
        (replace(LLAMA_8B, attention=V3), H100, {"backend": "FLASH_ATTN"}, "is not for latent attention"),
        (LLAMA_8B, H100, {"backend": "ROCM_ATTN"}, "cannot be named: it is for AMD"),
        (LLAMA_8B, H100, {"backend": "FLASHMLA_SPARSE"}, "models with sparse attention take it by themselves"),
        (LLAMA_8B, A10, {"backend": "HPC_ATTN"}, "needs sm_9x"),
        (LLAMA_8B, A10, {"kv_dtype": "fp8_per_token_head"}, "only Triton's kernels read it there"),
        (LLAMA_8B, A10, {"kv_dtype": "int8_per_token_head"}, None),
        (LLAMA_8B, A10, {"kv_dtype": "nvfp4"}, None),
        (LLAMA_8B, H100, {"kv_dtype": "nvfp4_4over6"}, "needs sm_100"),
        (LLAMA_8B, H100, {"kv_dtype": "fp8_inc"}, "is for Gaudi"),
        (LLAMA_8B, H100, {"kv_dtype": "fp8_ds_mla"}, "latent attention"),
        (replace(LLAMA_8B, attention=V3), H100, {"kv_dtype": "fp8_ds_mla"}, None),
        (replace(LLAMA_8B, attention=V3), A10, {"kv_dtype": "fp8_ds_mla"}, "needs sm_90"),
        (replace(LLAMA_8B, attention=V3), A10, {"kv_dtype": "fp8"}, "only Triton's kernels read it there"),
        (replace(LLAMA_8B, attention=V3), H100, {"kv_dtype": "int8_per_token_head"}, "latent attention takes no"),
        (
            replace(LLAMA_8B, attention=replace(LLAMA_8B.attention, head_dim=80)),
            A10,
            {"kv_dtype": "fp8"},
            "heads of 80",
        ),
        (catalogue()["gemma-3-12b-it"], H100, {"dtype": "float16"}, "vLLM refuses float16"),
        (catalogue()["gemma-3-12b-it"], H100, {"dtype": "bfloat16"}, None),
        (catalogue()["gpt-oss-20b"], H100, {"dtype": "half"}, "mxfp4 are computed in bfloat16"),
        (catalogue()["qwen3-32b-awq"], H100, {"dtype": "float"}, "awq are computed in 16 bits"),
        (LLAMA_8B, H100, {"dtype": "float32"}, None),
        (LLAMA_8B, OLD, {"dtype": "bfloat16"}, "bfloat16 needs sm_80"),
        (LLAMA_8B, H100, {"tensor": 8, "context_parallel": 3}, "does not divide tensor parallelism 8"),
        (LLAMA_8B, H100, {"tensor": 8, "context_parallel": 2}, "needs tensor parallelism 16"),
        (replace(LLAMA_8B, attention=MQA), H100, {"tensor": 8, "context_parallel": 8}, None),
        (replace(LLAMA_8B, attention=V3), H100, {"tensor": 8, "context_parallel": 8}, None),
        (catalogue()["gpt-oss-20b"], H100, {"tensor": 2, "context_parallel": 2}, "sliding window"),
    ],
)
def test_what_no_backend_takes(model: Model, node: Node, changes: dict[str, Any], reason: str | None) -> None:
    found = impossible(model, node, replace(defaults_for(node, 8192), **changes))
    assert found is None if reason is None else found and reason in found.reason


def test_kv_heads_are_shared_out_until_each_gpu_has_one() -> None:
    plain = LLAMA_8B.attention
    assert kv(plain) == 2 * 32 * 8 * 128 * 2 * 8192
    assert [kv(plain) / kv(plain, tensor=n) for n in (2, 4, 8, 16)] == [2, 4, 8, 8]
    assert kv(plain, kv_dtype="fp8_e4m3") * 2 == kv(plain)
    assert kv(plain, pipeline=2) * 2 == kv(plain)


def test_a_block_that_is_begun_is_taken() -> None:
    settings = Settings(8192, 64, 2048, 0.9)
    sizes = [memory.kv_bytes(LLAMA_8B, settings, tokens) for tokens in (16, 17, 32, 33)]
    assert [size // sizes[0] for size in sizes] == [1, 2, 2, 3]


def test_latent_attention_is_whole_on_every_gpu() -> None:
    latent = replace(LLAMA_8B.attention, latent=Latent(512, 64))
    assert kv(latent) == kv(latent, tensor=8) == 32 * (512 + 64) * 2 * 8192


def test_a_window_holds_two_batches_and_itself() -> None:
    token = 2 * 8 * 128 * 2
    windowed = replace(LLAMA_8B.attention, window=Window(16, 1024))
    assert kv(windowed) == 16 * token * (8192 + 16 * (-(-(1023 + 2 * 2048) // 16) + 1))
    assert kv(windowed, batched_tokens=8192) == 16 * token * (8192 + 8192 + 16)


def test_a_constant_state_does_not_grow() -> None:
    hybrid = replace(LLAMA_8B.attention, state=State(24, 1_000_000))
    block, copies = 256 * 2 * 8 * 128 * 2, 2  # the smallest block of 16-token steps that holds a state is 256 tokens
    assert block > 1_000_000 > block * 240 // 256
    assert kv(hybrid) == 8 * block * 8192 // 256 + 24 * copies * block
    assert kv(hybrid, state_copies=1) == 8 * block * 8192 // 256 + 24 * block


def test_pipeline_stages_hold_the_embedding_beside_their_layers() -> None:
    flat = replace(defaults_for(H100, 8192), tensor=2)
    piped = replace(flat, tensor=1, pipeline=2)
    assert 0.4 < memory.weights(LLAMA_8B, piped) - memory.weights(LLAMA_8B, flat) < 0.6
    assert fit(LLAMA_8B, A10_4, piped).kv < fit(LLAMA_8B, A10_4, flat).kv


def test_graphs_on_top_of_the_budget_need_room_of_their_own() -> None:
    settings = replace(defaults_for(A10, 8192), utilization=0.99)
    inside, on_top = (fit(LLAMA_8B, A10, replace(settings, version=version)) for version in ("0.32.0", "0.31.0"))
    assert inside.graphs > 0 == on_top.graphs
    assert on_top.budget == pytest.approx(A10.usable_gib - inside.graphs - 0.2)


def test_defaults_by_class_of_gpu() -> None:
    assert defaults_for(A10, 1) == Settings(1, 64, 2048, 0.90)
    assert defaults_for(A100_40, 1) == Settings(1, 256, 2048, 0.92)
    assert defaults_for(H100, 1) == Settings(1, 512, 8192, 0.92)
    assert defaults_for(A10, 1, concurrency=100).max_num_seqs == 100


def test_tight_says_why() -> None:
    roomy = fit(LLAMA_8B, A100_40, defaults_for(A100_40, 8192), concurrency=32)
    assert (roomy.verdict, roomy.reason) == (Verdict.FITS, "")
    asked = fit(LLAMA_8B, A100_40, defaults_for(A100_40, 8192), concurrency=200)
    assert asked.reason == "78 requests of 2048 tokens, not 200"
    assert fit(LLAMA_8B, A10, defaults_for(A10, 16384)).reason == "1.9 full-length requests at once, not 4"
    margin = fit(LLAMA_8B, A10, defaults_for(A10, 28672))
    assert margin.reason == "less than 1 GiB to spare, the margin of error of the estimate"


def test_explain() -> None:
    fp8 = replace(LLAMA_8B, quantization=Quantization.FP8, loaded_bytes=LLAMA_8B.loaded_bytes // 2)
    lines = explain(fit(fp8, A10_4, replace(defaults_for(A10_4, 16384), tensor=2), concurrency=32))
    assert lines == [
        "BM.GPU.A10.4, tensor parallel 2: fits",
        "  budget       19.85 GiB  90% of 22.06 GiB",
        "- weights       3.79 GiB",
        "- activation    0.46 GiB  64 sequences, 2048 batched tokens",
        "- buffers       0.60 GiB  CUDA context, NCCL",
        "- graphs        0.36 GiB  CUDA graphs",
        "= KV cache     14.64 GiB  239,920 tokens of 65,536 bytes",
        "concurrency: 14.6 requests of 16,384 tokens, 64 of 2,048",
        "largest context: 131,072 tokens",
        "assumed: 22.06 of 24 GiB are usable, and nothing else uses the GPU",
        "assumed: vLLM 0.32.0: 64 sequences, batches of 2048",
        "assumed: sampling counted as vLLM 0.19 measured it; newer ones may log a larger KV cache than this",
        "assumed: NVIDIA A10 has no FP8: the weights stay small, the arithmetic is 16-bit (Marlin)",
        "assumed: 2 GPUs talk over PCIe: it fits, but each token waits for it",
    ]


ORDER = [Verdict.NO, Verdict.TIGHT, Verdict.FITS]
models = st.sampled_from(list(catalogue().values()))
nodes = st.sampled_from(list(NODES.values()))
tensors = st.sampled_from([1, 2, 4, 8])


def rank(found: Model, node: Node, settings: Settings) -> int:
    return ORDER.index(fit(found, node, settings).verdict)


@given(models, nodes, tensors, st.floats(0, 60))
def test_more_memory_never_fits_less(found: Model, node: Node, tensor: int, more: float) -> None:
    settings = replace(defaults_for(node, 8192), tensor=tensor)
    larger = replace(node, usable_gib=node.usable_gib + more)
    assert rank(found, larger, settings) >= rank(found, node, settings)
    assert fit(found, larger, settings).largest_context >= fit(found, node, settings).largest_context


@given(models, nodes, tensors, st.integers(16, 131072), st.integers(16, 131072))
def test_a_longer_context_never_fits_better(found: Model, node: Node, tensor: int, one: int, two: int) -> None:
    settings = replace(defaults_for(node, min(one, two)), tensor=tensor)
    longer = replace(settings, context=max(one, two))
    assert rank(found, node, longer) <= rank(found, node, settings)
    assert fit(found, node, longer).full_length <= fit(found, node, settings).full_length


@given(models, nodes, tensors, st.integers(1, 1024), st.integers(1, 1024))
def test_more_sequences_never_leave_more_cache(found: Model, node: Node, tensor: int, one: int, two: int) -> None:
    settings = replace(defaults_for(node, 8192), tensor=tensor)
    fewer, more = (fit(found, node, replace(settings, max_num_seqs=count)) for count in sorted((one, two)))
    assert more.kv <= fewer.kv


@given(models, nodes, tensors, st.floats(0.5, 0.95), st.floats(0.5, 0.95))
def test_a_larger_share_never_fits_less(found: Model, node: Node, tensor: int, one: float, two: float) -> None:
    settings = replace(defaults_for(node, 8192), tensor=tensor)
    less, more = (replace(settings, utilization=share) for share in sorted((one, two)))
    assert rank(found, node, less) <= rank(found, node, more)


@given(models, nodes, tensors)
def test_the_numbers_add_up(found: Model, node: Node, tensor: int) -> None:
    answer = fit(found, node, replace(defaults_for(node, 8192), tensor=tensor))
    left = answer.budget - answer.weights - answer.other
    assert answer.kv == pytest.approx(max(0, left))
    refused = impossible(found, node, answer.settings)
    assert (answer.verdict is Verdict.NO) == bool(refused or answer.full_length < 1)
    assert answer.weights * tensor * 2**30 >= found.loaded_bytes


@given(models, st.lists(nodes, min_size=1, max_size=4, unique_by=lambda node: node.name), st.integers(256, 65536))
def test_a_choice_holds_on_every_node_it_names(found: Model, some: list[Node], context: int) -> None:
    choice = choose(found, some, context=context)
    if isinstance(choice, Choice):
        assert all(rank(found, NODES[name], choice.settings) > 0 for name in choice.nodes)
    else:
        assert all(answer.verdict is Verdict.NO for answer in choice.fits.values())


@given(models, st.lists(nodes, min_size=1, max_size=3, unique_by=lambda node: node.name), st.data())
def test_more_concurrency_never_chooses_fewer_gpus(found: Model, some: list[Node], data: st.DataObject) -> None:
    """Of the same nodes: where one has no room for more, the others may need fewer GPUs than it did."""
    context = data.draw(st.integers(256, 65536))
    fewer, more = sorted((data.draw(st.integers(1, 1024)), data.draw(st.integers(1, 1024))))
    first, second = (choose(found, some, context=context, concurrency=each) for each in (fewer, more))
    if isinstance(first, Choice) and isinstance(second, Choice) and first.nodes == second.nodes:
        assert second.settings.gpus >= first.settings.gpus


@given(models, nodes, st.integers(16, 131072))
def test_more_gpus_never_hold_fewer_tokens(found: Model, node: Node, context: int) -> None:
    """On the same node, as far as vLLM goes with it at all, and as long as each has KV heads of its own."""
    settings = defaults_for(node, min(context, found.max_context))
    divided = [tensor for tensor in (1, 2, 4, 8) if found.attention.kv_heads % tensor == 0]
    tried = [fit(found, node, replace(settings, tensor=tensor)) for tensor in divided]
    tokens = [each.kv_tokens for each in tried if not each.impossible]
    assert tokens == sorted(tokens)


@given(models, nodes, tensors, st.floats(0, 40), st.floats(0, 40))
def test_more_offloading_never_leaves_less(found: Model, node: Node, tensor: int, one: float, two: float) -> None:
    settings = replace(defaults_for(node, 8192), tensor=tensor)
    less, more = (fit(found, node, replace(settings, offload=Offload(gib=gib))).kv for gib in sorted((one, two)))
    assert less <= more


@given(models, nodes, tensors, st.sampled_from(["fp8", "int8_per_token_head", "int4_per_token_head", "nvfp4"]))
def test_a_smaller_type_never_holds_fewer_tokens(found: Model, node: Node, tensor: int, dtype: str) -> None:
    settings = replace(defaults_for(node, 8192), tensor=tensor)
    plain, small = (fit(found, node, replace(settings, kv_dtype=each)).kv_tokens for each in ("auto", dtype))
    assert small >= plain
