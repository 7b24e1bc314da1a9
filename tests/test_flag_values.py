"""What flags of vLLM may hold; sets and ranges as vLLM 0.32.0's own sources have them."""

from typing import Any

import pytest

from gpuyard.catalogue import vllm
from gpuyard.catalogue.flagrules import check_args, check_unsafe, needed, passed_on, usable

V32, V33, NEXT = "0.32.0", "0.33.0", "0.34.0"

KV = "kv-cache-dtype"
OBJECT = "must be an object: a mapping such as {key: value}, or the same as JSON text"
PAIR = "must be name=path, or a mapping with name and path"
FLOAT = "must be a string; put it in quotes, so that no digit is lost"
LORA = "must be one of 1, 8, 16, 32, 64, 128, 256, 320, 512"  # vllm/config/lora.py, MaxLoRARanks
DTYPE = "must be one of auto, half, float16, bfloat16, float, float32"  # vllm/config/model.py, ModelDType


def found(args: dict[str, Any], version: str = V32, **more: Any) -> list[tuple[tuple[str | int, ...], str]]:
    unsafe = (*UNSAFE, *needed(args, more.get("env", ()), version))
    return [(place[1:], message) for place, message in check_args(args, more.get("env", ()), unsafe, version)]


UNSAFE = (
    *("kv-transfer-config", "profiler-config", "tool-parser-plugin", "reasoning-parser-plugin"),
    *("structured-outputs-config", "hf-overrides", "ec-transfer-config", "logging-config"),
)

RIGHT: list[tuple[str, Any]] = [
    ("dtype", "bfloat16"),
    (KV, "fp8_e4m3"),
    ("quantization", "compressed-tensors"),
    ("quantization", "FP8"),  # validate_quantization_before puts it in lower case
    ("load-format", "Safetensors"),  # so does _lowercase_load_format
    ("tokenizer-mode", "mistral"),
    ("config-format", "hf"),
    ("tool-call-parser", "llama3_json"),
    ("tool-call-parser", ""),
    ("reasoning-parser", "deepseek_r1"),
    ("runner", "pooling"),
    ("convert", "embed"),
    ("scheduling-policy", "priority"),
    ("attention-backend", "flashinfer"),
    ("attention-backend", "FLASH_ATTN"),
    ("attention-backend", "auto"),
    ("max-lora-rank", 320),
    ("max-lora-rank", "16"),
    ("optimization-level", 3),
    ("moe-backend", "Flashinfer-TRTLLM"),
    ("stream-interval", 1),
    ("max-logprobs", -1),
    ("max-num-queued-tokens", "16k"),
    ("max-num-queued-tokens", "1M"),
    ("max-num-queued-tokens", "None"),
    ("watermark", "0.5"),
    ("watermark", 0),
    ("cpu-offload-gb", 2),
    ("mm-processor-cache-gb", 0.5),
    ("seed", 4294967295),
    ("block-size", 16),
    ("generation-config", "vllm"),
    ("tokenizer-revision", 1234567),
    ("cudagraph-capture-sizes", [1, "2", 4]),
    ("limit-mm-per-prompt", {"image": 4, "video": {"count": 1, "num_frames": 32}}),
    ("limit-mm-per-prompt", '{"image": 4}'),
    (
        "compilation-config",
        {"mode": 3, "cudagraph_mode": "full_and_piecewise", "pass_config": {"fuse_act_quant": True}},
    ),
    ("compilation-config", {"mode": "VLLM_COMPILE", "cudagraph_capture_sizes": [1, 2]}),
    ("compilation-config", {"use_inductor_graph_partition": None}),
    ("speculative-config", {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 3}),
    ("speculative-config", {"num-speculative-tokens": 4, "model": "/cache/draft"}),  # vLLM takes dashes here
    ("speculative-config", '{"method": "mtp", "num_speculative_tokens": 2}'),
    ("structured-outputs-config", {"backend": "guidance", "disable_additional_properties": True}),
    ("structured-outputs-config", {"backend": "xgrammar", "disable_any_whitespace": "true"}),
    ("attention-config", {"backend": "flash_attn", "flash_attn_version": 3}),
    ("kv-transfer-config", {"kv_connector": "NixlConnector", "kv_role": "kv_both"}),
    ("kv-transfer-config", '{"kv_connector": "OffloadingConnector", "kv_role": "kv_both", "kv_port": 15k}'),
    ("kv-transfer-config", {"kv_connector": "Mine", "kv_connector_module_path": "mine", "kv_role": "kv_both"}),
    ("pooler-config", {"pooling_type": "MEAN", "use_activation": False}),
    ("compilation-config", {"mode": 3.0}),
    ("eplb-config", {"window_size": 1000.0, "step_interval": "3000"}),
    ("override-generation-config", {"temperature": 0.5, "anything": None}),
    ("default-chat-template-kwargs", {"enable_thinking": False}),
    ("hf-overrides", {"a": {"b": [1]}}),
    ("additional-config", {"x": 1}),
]


@pytest.mark.parametrize(("name", "value"), RIGHT)
@pytest.mark.parametrize("version", vllm.versions())
def test_what_vllm_takes(name: str, value: Any, version: str) -> None:
    assert found({name: value}, version) == []


WRONG: list[tuple[str, Any, tuple[str | int, ...], str]] = [
    ("dtype", "bf16", (), DTYPE),
    ("dtype", 16, (), DTYPE),
    ("runner", "embedding", (), "must be one of auto, generate, pooling, draft"),
    ("convert", "reward", (), "must be one of auto, none, embed, classify"),
    ("scheduling-policy", "FCFS", (), "must be one of fcfs, priority"),
    ("kv-offloading-backend", "disk", (), "must be one of native, lmcache"),
    ("config-format", "gguf", (), "must be one of auto, hf, mistral"),
    ("uvicorn-log-level", "WARN", (), "must be one of critical, error, warning, info, debug, trace"),
    ("max-lora-rank", 24, (), LORA),
    ("max-lora-rank", "24", (), LORA),
    ("max-lora-rank", 8.0, (), "must be an integer; write 8"),
    ("max-lora-rank", 8.5, (), "must be an integer"),
    ("max-lora-rank", True, (), "must be an integer"),
    ("max-loras", 0, (), "must be at least 1"),
    ("max-loras", "two", (), "must be an integer"),
    ("max-logprobs", -2, (), "must be at least -1"),
    ("block-size", 0, (), "must be more than 0"),
    ("watermark", 1, (), "must be less than 1"),
    ("watermark", -0.5, (), "must be at least 0"),
    ("watermark", float("nan"), (), "must be a finite number"),
    ("watermark", "inf", (), "must be a finite number"),
    ("watermark", [0.5], (), "must be a number"),
    ("kv-cache-metrics-sample", 1.5, (), "must be at most 1"),
    ("stream-interval", "16k", (), "must be an integer without a suffix, which few flags take; write 16000"),
    ("max-num-queued-tokens", "1.5K", (), "must be an integer"),
    ("max-num-queued-tokens", -1, (), "must be at least 0"),
    ("max-num-queued-tokens", -(10**400), (), "must be at least 0"),
    ("sse-keep-alive-interval", -1, (), "must be at least 0"),
    ("optimization-level", 4, (), "must be one of 0, 1, 2, 3"),
    ("enable-prefix-caching", "true", (), "must be a boolean; write it without quotes"),
    ("enable-prefix-caching", 1, (), "must be a boolean"),
    ("async-scheduling", "None", (), "must be a boolean"),
    ("mm-processor-device", "gpu", (), "must be one of auto, cpu, cuda"),
    ("watermark-config", {"alpha": "2", "key": 1}, ("alpha",), "must be at most 1"),
    ("diffusion-config", {"canvas_length": None}, ("canvas_length",), "must be an integer"),
    ("no-enable-prefix-caching", "false", (), "must be a boolean; write it without quotes"),
    (KV, True, (), "must be a string"),
    (KV, ["fp8"], (), "must be a string"),
    (KV, {}, (), "must be a string"),
    (KV, 1.5, (), FLOAT),
    ("tokenizer-revision", 1.10, (), FLOAT),
    ("collect-detailed-traces", ["model", "gpu"], (1,), "must be one of model, worker, all"),
    ("collect-detailed-traces", "gpu", (), "must be one of model, worker, all"),
    ("collect-detailed-traces", 7, (), "must be an array"),
    ("cudagraph-capture-sizes", [1, "two"], (1,), "must be an integer"),
    ("cudagraph-capture-sizes", [1, True], (1,), "must be an integer"),
    ("limit-mm-per-prompt", "image=4", (), OBJECT.replace("key: value", "image: 4")),
    ("limit-mm-per-prompt", "image=4,video=2", (), OBJECT.replace("key: value", "image: 4, video: 2")),
    ("limit-mm-per-prompt", "four", (), OBJECT),
    ("limit-mm-per-prompt", 4, (), OBJECT),
    ("limit-mm-per-prompt", '["image"]', (), OBJECT),
    ("limit-mm-per-prompt", '{"image": 1k}', (), OBJECT),  # only objects of vLLM's own classes have numbers like that
    ("limit-mm-per-prompt", {"image": "many"}, ("image",), "must be an integer or an object"),
    ("limit-mm-per-prompt", {"image": -1}, ("image",), "must be at least 0"),
    ("speculative-config", "{method: mtp, num_speculative_tokens: 1}", (), OBJECT),
    (
        "speculative-config",
        {"num_speculative_token": 4},
        ("num_speculative_token",),
        "is not a key of it; did you mean num_speculative_tokens?",
    ),
    (
        "speculative-config",
        {"method": "ngram", "num_speculative_tokens": 0},
        ("num_speculative_tokens",),
        "must be more than 0",
    ),
    (
        "speculative-config",
        '{"method": "ngram", "num_speculative_tokens": 0}',
        (),
        "num_speculative_tokens must be more than 0",
    ),
    (
        "speculative-config",
        {"method": "ngram", "num_speculative_tokens": [1]},
        ("num_speculative_tokens",),
        "must be an integer",
    ),
    ("speculative-config", {"kv_cache_dtype": "fp9"}, ("kv_cache_dtype",), None),
    ("speculative-config", {"model": 7}, ("model",), "must be a string"),
    ("speculative-config", {"target_model_config": {}}, ("target_model_config",), None),
    (
        "structured-outputs-config",
        {"backend": "outline"},
        ("backend",),
        "must be one of auto, xgrammar, guidance, outlines, lm-format-enforcer",
    ),
    (
        "structured-outputs-config",
        {"disable_any_whitespace": "maybe"},
        ("disable_any_whitespace",),
        "must be a boolean",
    ),
    ("compilation-config", {"level": 3}, ("level",), "is no longer a key of it; use mode"),
    ("compilation-config", '{"level": 3}', (), "level is no longer a key of it; use mode"),
    (
        "compilation-config",
        {"mode": 9},
        ("mode",),
        "must be one of DYNAMO_TRACE_ONCE, NONE, STOCK_TORCH_COMPILE, VLLM_COMPILE, 0, 1, 2, 3",
    ),
    ("compilation-config", {"pass_config": {"fuse_nothing": True}}, ("pass_config", "fuse_nothing"), None),
    ("compilation-config", {"pass_config": []}, ("pass_config",), "must be an object"),
    ("pooler-config", {"normalize": True}, ("normalize",), "is no longer a key of it; use use_activation"),
    (
        "pooler-config",
        {"task": "score"},
        ("task",),
        "must be one of embed, classify, token_embed, token_classify, plugin, embed&token_classify",
    ),
    ("attention-config", {"flash_attn_version": 5}, ("flash_attn_version",), "must be one of 2, 3, 4"),
    ("eplb-config", {"window_size": 0}, ("window_size",), "must be more than 0"),
    ("eplb-config", {"window_size": 1.5}, ("window_size",), "must be an integer"),
    ("kv-transfer-config", {"kv_connector": "Mine", "kv_role": "kv_both"}, ("kv_connector",), None),
    ("default-mm-loras", {"audio": 1}, ("audio",), "must be a string"),
    ("watermark-config", {"alpha": 2, "key": 1}, ("alpha",), "must be at most 1"),
    ("watermark-config", {"alpha": 1}, (), "must have key"),
    ("lora-modules", ["sql"], (0,), PAIR),
    ("lora-modules", [7], (0,), PAIR),
    ("lora-modules", [{"name": "sql"}], (0,), "must have path"),
    (
        "lora-modules",
        [{"name": "sql", "path": "/b", "rank": 8}],
        (0, "rank"),
        "is not a key of it; known are base_model_name, is_3d_lora_weight, name, path",
    ),
]


@pytest.mark.parametrize(("name", "value", "place", "message"), WRONG)
def test_what_vllm_refuses(name: str, value: Any, place: tuple[str | int, ...], message: str | None) -> None:
    lora = {"enable-lora": True} if name == "lora-modules" else {}
    traces = {"otlp-traces-endpoint": "http://a:4317"} if name == "collect-detailed-traces" else {}
    [(where, text)] = found({name: value, **lora, **traces})
    assert where == (name, *place)
    assert message in (None, text)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tool-call-parser", "llama3", "did you mean llama3_json?"),
        ("quantization", "int4", "`vllm serve --help=quantization` of vLLM 0.32.0 lists them"),
        ("quantization", "bitsandbytes", "; use a version in AWQ, GPTQ or FP8"),
        ("load-format", "gguf", "; use the safetensors of the model"),
        ("attention-backend", "FLASHATTN", "did you mean FLASH_ATTN?"),
        (KV, 8, "`vllm serve --help=kv-cache-dtype` of vLLM 0.32.0 lists them"),
        ("moe-backend", "TRITTON", "did you mean triton?"),
    ],
)
def test_a_long_list_is_named_and_not_shown(name: str, value: Any, message: str) -> None:
    [(place, text)] = found({name: value})
    assert place == (name,)
    assert text.startswith(f"{value} is not one of the ")
    assert message in text
    assert len(text) < 140


def test_a_plugin_brings_names() -> None:
    plugin = {"tool-parser-plugin": "/cache/mine.py", "reasoning-parser-plugin": "/cache/mine.py"}
    names = {"tool-call-parser": "mine", "reasoning-parser": "mine"}
    assert [place for place, _ in found(names)] == [("tool-call-parser",), ("reasoning-parser",)]
    assert found({**names, **plugin}) == []
    inside = {"structured-outputs-config": {"reasoning_parser": "mine"}}
    assert [place for place, _ in found(inside)] == [("structured-outputs-config", "reasoning_parser")]
    inside["structured-outputs-config"]["reasoning_parser_plugin"] = "/cache/mine.py"
    assert found(inside) == []


@pytest.mark.parametrize("variable", ["PYTHONPATH", "VLLM_PLUGINS"])
def test_code_of_others_brings_names(variable: str) -> None:
    args = {"load-format": "mine", "tokenizer-mode": "mine", "quantization": "mine"}
    assert len(found(args)) == 3
    assert check_args(args, (variable,), (variable,), V32) == []
    assert found({"tool-call-parser": "mine"}, env=(variable,))[0][0] == ("tool-call-parser",)


@pytest.mark.parametrize(("version", "released"), [(NEXT, True), (V32, False)])
def test_another_build_may_take_more(version: str, released: bool) -> None:
    """What is of no type that any version takes stays wrong."""
    args = {"dtype": "int4", "max-lora-rank": 24, "compilation-config": {"new_key": 1}, "max-loras": "two"}
    unsafe = needed(args, (), version, released=released)
    assert list(unsafe) == ["compilation-config.new_key"]
    assert check_args(args, (), unsafe, version, released=released) == [(("args", "max-loras"), "must be an integer")]
    base = vllm.base(version).release
    notes = passed_on(args, (), version, released=released)
    assert [place for place, _ in notes] == [
        ("args", "dtype"),
        ("args", "max-lora-rank"),
        ("args", "compilation-config", "new_key"),
    ]
    assert notes[0][1] == f"{DTYPE}, by vLLM {base} of the catalogue; it is passed on as written"
    assert passed_on(args, (), V32) == []


def test_what_others_read_has_its_type() -> None:
    args = {KV: 8, "block-size": "x", "seed": "7", "enable-lora": 1, "ignore-patterns": 3, "new": [1], "dtype": ["a"]}
    assert usable(args, V32) == {KV: "8", "seed": "7", "new": [1]}


TOGETHER: list[tuple[dict[str, Any], tuple[str, ...], str]] = [
    ({"enable-log-outputs": True}, ("enable-log-outputs",), "needs enable-log-requests: true"),
    (
        {"enable-log-outputs": True, "enable-log-requests": False},
        ("enable-log-outputs",),
        "needs enable-log-requests: true",
    ),
    ({"no-enable-log-outputs": False}, ("no-enable-log-outputs",), "needs enable-log-requests: true"),
    (
        {"collect-detailed-traces": ["all"]},
        ("collect-detailed-traces",),
        "needs otlp-traces-endpoint: traces are sent there",
    ),
    ({"lora-modules": ["a=/b"]}, ("lora-modules",), "needs enable-lora: true"),
    ({"max-loras": 4, "max-cpu-loras": 2}, ("max-cpu-loras",), "2 is less than max-loras, 4"),
    ({"max-cpu-loras": 0}, ("max-cpu-loras",), "0 is less than max-loras, 1"),
    ({"numa-bind-nodes": [0]}, ("numa-bind-nodes",), "needs numa-bind: true"),
    (
        {"attention-backend": "FLASHINFER", "attention-config": {"backend": "FLASH_ATTN"}},
        ("attention-backend",),
        "conflicts with attention-config.backend; keep one",
    ),
    (
        {"spec-method": "ngram", "speculative-config": '{"method": "mtp"}'},
        ("spec-method",),
        "conflicts with speculative-config.method; keep one",
    ),
    (
        {"per-request-spec-decode-metrics": "summary"},
        ("per-request-spec-decode-metrics",),
        "needs speculative-config or spec-method or spec-model or spec-tokens",
    ),
    (
        {"spec-tokens": 3},
        ("spec-tokens",),
        "needs spec-method or spec-model or speculative-config.method or speculative-config.model",
    ),
    (
        {"speculative-config": {"method": "eagle3"}},
        ("speculative-config", "method"),
        "needs speculative-config.model or spec-model",
    ),
    ({"enable-elastic-ep": True}, ("enable-elastic-ep",), "needs enable-eplb: true"),
    ({"return-sampling-mask": True}, ("return-sampling-mask",), "needs logprobs-mode: processed_logprobs"),
    (
        {"enable-dbo": True},
        ("enable-dbo",),
        "needs all2all-backend: deepep_low_latency or deepep_high_throughput or nixl_ep: microbatches need it",
    ),
    (
        {"structured-outputs-config": {"disable_any_whitespace": True}},
        ("structured-outputs-config", "disable_any_whitespace"),
        "needs structured-outputs-config.backend: xgrammar or guidance",
    ),
    (
        {"structured-outputs-config": '{"disable_additional_properties": true, "backend": "xgrammar"}'},
        ("structured-outputs-config",),
        "needs structured-outputs-config.backend: guidance",
    ),
    (
        {"speculative-config": {"tensor_parallel_size": 2}},
        ("speculative-config", "tensor_parallel_size"),
        "is not taken: use draft_tensor_parallel_size",
    ),
    (
        {"speculative-config": {"prompt_lookup_min": 5, "prompt-lookup-max": 3}},
        ("speculative-config", "prompt-lookup-max"),
        "3 is less than speculative-config.prompt_lookup_min, 5",
    ),
    ({"mm-encoder-fp8-scale-path": "/cache/a"}, ("mm-encoder-fp8-scale-path",), "needs mm-encoder-attn-dtype: fp8"),
    (
        {"mm-shm-cache-max-object-size-mb": 64},
        ("mm-shm-cache-max-object-size-mb",),
        "needs mm-processor-cache-type: shm",
    ),
    (
        {"kv-transfer-config": {"kv_connector": "NixlConnector"}},
        ("kv-transfer-config", "kv_connector"),
        "needs kv-transfer-config.kv_role",
    ),
    (
        {"pooler-config": {"pooling_type": "LAST", "seq_pooling_type": "CLS"}},
        ("pooler-config", "pooling_type"),
        "conflicts with pooler-config.seq_pooling_type; keep one",
    ),
]


@pytest.mark.parametrize(("args", "place", "message"), TOGETHER)
def test_flags_that_need_or_exclude_others(args: dict[str, Any], place: tuple[str, ...], message: str) -> None:
    assert found(args) == [(place, message)]


@pytest.mark.parametrize(
    "args",
    [
        {"enable-log-outputs": True, "enable-log-requests": True},
        {"enable-log-outputs": True, "no-enable-log-requests": False},
        {"enable-log-outputs": False},
        {"collect-detailed-traces": ["model", "worker"], "otlp-traces-endpoint": "http://a:4317"},
        {"per-request-spec-decode-metrics": "none"},
        {"per-request-spec-decode-metrics": "summary", "spec-method": "ngram"},
        {"max-loras": 4, "max-cpu-loras": 4},
        {"mm-shm-cache-max-object-size-mb": 128},
        {"attention-config": {"backend": "FLASH_ATTN"}},
        {"attention-backend": "auto", "attention-config": {"backend": None}},
        {"enable-auto-tool-choice": False},
        {"structured-outputs-config": {"disable_any_whitespace": False}},
    ],
)
def test_flags_that_go_together(args: dict[str, Any]) -> None:
    assert found(args) == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            {"rope-scaling": {"factor": 4}},
            "--rope-scaling was removed in 0.11; set model.ropeScaling of the blueprint, such as {factor: 4}",
        ),
        ({"speculative-model": "a/b"}, "--speculative-model was removed in 0.8; use spec-model"),
        ({"use-v2-block-manager": True}, "--use-v2-block-manager was removed in 0.10; it is the only one"),
        ({"zzz": 1}, "vLLM 0.32.0 has no flag --zzz; `vllm serve --help=all` of vLLM 0.32.0 lists what there is"),
        ({"nnodes": 2}, "is not supported: each replica runs on one node"),
        (
            {"pipeline-parallel-size": 2},
            "is not supported: each replica runs on one node, and its GPUs share every layer "
            "(shapes.<shape>.tensorParallel)",
        ),
        ({"data-parallel-size": 2}, "is not supported: each replica is one engine; for more of them raise scaling.max"),
    ],
)
def test_words_for_what_is_not_there(args: dict[str, Any], message: str) -> None:
    [(_, text)] = found(args)
    assert text == message


def test_what_takes_a_keys_place_is_a_key() -> None:
    for version in vllm.versions():
        objects = vllm.base(version).objects
        for name, instead in vllm.rules()["removed_keys"].items():
            cls, _, key = name.partition(".")
            assert key not in objects[cls]
            for word in instead.removeprefix("use ").partition(":")[0].split(" and ") if instead[:4] == "use " else ():
                assert word in objects[cls], name


def test_a_variable_that_was_never_there() -> None:
    [(_, text)] = check_args({}, ["VLLM_ZZZZZZZZZZ_Q"], (), V32)
    assert text == "vLLM 0.32.0 has no variable VLLM_ZZZZZZZZZZ_Q; vllm/envs.py of vLLM 0.32.0 lists what there is"


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("vllm:gpu_cache_usage_perc", V32, "was removed in 0.12; use vllm:kv_cache_usage_perc"),
        (
            "vllm:time_per_output_token_seconds_bucket",
            V33,
            "was removed in 0.16 or before; use vllm:inter_token_latency_seconds",
        ),
        ("vllm:kv_cache_usage_perc", V32, None),
        ("VLLM_USE_RAY_WRAPPED_PP_COMM", V32, None),
        ("VLLM_USE_RAY_WRAPPED_PP_COMM", V33, "was removed in 0.33; a replica runs on one node, without Ray"),
        ("swap-space", "0.17.1", None),
        ("swap-space", "0.18.0", "was removed in 0.18; preempted requests are computed again"),
        ("never", V33, None),
    ],
)
def test_since_when_a_name_is_gone(name: str, version: str, message: str | None) -> None:
    assert vllm.removed(name, version) == message


@pytest.mark.parametrize(
    ("args", "place"),
    [
        (
            {"structured-outputs-config": {"reasoning_parser_plugin": "/cache/a.py"}},
            ("structured-outputs-config", "reasoning_parser_plugin"),
        ),
        ({"structured-outputs-config": '{"reasoning-parser-plugin": "/cache/a.py"}'}, None),
        ({"speculative-config": {"method": "custom_class", "model": "a.B"}}, ("speculative-config", "method")),
        ({"spec-method": "custom_class"}, ("spec-method",)),
        ({"compilation-config": {"backend": "a.b"}}, ("compilation-config", "backend")),
    ],
)
def test_what_opens_the_server_from_inside_needs_an_entry(args: dict[str, Any], place: tuple[str, ...] | None) -> None:
    """As the flag that says the same does."""
    (flag,) = args
    (where, message), *_ = check_args(args, (), (), NEXT)
    assert where == ("args", *(place or (flag,)))
    (entry, *_) = needs = needed(args, (), NEXT)
    assert message.endswith(f"; to allow it, add {entry} to serving.unsafe")
    assert check_args(args, (), tuple(needs), NEXT) == []
    assert list(check_unsafe(tuple(needs), args, needs)) == []


def test_the_same_flags_without_it_need_none() -> None:
    args = {"compilation-config": {"backend": "eager"}, "speculative-config": {"method": "mtp"}}
    assert found(args) == []
