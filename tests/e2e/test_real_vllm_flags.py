"""Every flag of the catalogue, as the container gets it, into vLLM's own parser: what was meant is what is understood.

No engine starts: one process builds the parser of `vllm serve` and gives it each command line.
"""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import pytest

from gpuyard.catalogue import vllm
from gpuyard.catalogue.flagrules import check_args
from gpuyard.resolve.inference.flags import written
from tests.e2e.vllm import install
from tests.e2e.vllm.server import NEEDS_VLLM

pytestmark = NEEDS_VLLM

BY_TYPE: Final[Mapping[str, Any]] = {
    "integer": 7,
    "number": 0.5,
    "string": "word",
    "array": ["one", "two"],
    "object": {},
    "any": "word",
}
# Where vLLM knows what may stand there: one of its words (never the default), numbers or keys.
SAMPLES: Final[Mapping[str, Any]] = {
    "data-parallel-size": 2, "pipeline-parallel-size": 2, "tensor-parallel-size": 2, "max-lora-rank": 64,
    "cudagraph-capture-sizes": [1, 2], "numa-bind-nodes": [0, 1], "optimization-level": 3,
    "middleware": ["one", "two"], "lora-modules": ["sql=/cache/sql", "law=/cache/law"],
    "allowed-origins": ["https://a.example.com", "https://b.example.com"],
    "limit-mm-per-prompt": {"image": 2}, "media-io-kwargs": {"video": {"num_frames": 4}},
    "hf-overrides": {"rope_theta": 1e6}, "override-generation-config": {"temperature": 0.5},
    "compilation-config": {"cudagraph_capture_sizes": [1, 2]}, "eplb-config": {"window_size": 10},
    "default-chat-template-kwargs": {"enable_thinking": False}, "mm-processor-kwargs": {"num_crops": 4},
    "kv-transfer-config": {"kv_connector": "NixlConnector", "kv_role": "kv_both"}, "ignore-patterns": ["a", "b"],
    "quantization-config": {}, "structured-outputs-config": {"backend": "guidance"},
    "all2all-backend": "deepep_v2", "anthropic-disabled-thinking-effort": "low", "config-format": "hf",
    "chat-template-content-format": "openai", "collect-detailed-traces": ["model", "worker"],
    "convert": "embed", "dcp-comm-backend": "a2a", "distributed-executor-backend": "mp", "dtype": "bfloat16",
    "expert-placement-strategy": "round_robin", "fingerprint-mode": "hash", "gdn-prefill-backend": "triton",
    "jit-monitor-mode": "error", "kda-decode-backend": "triton", "kda-prefill-backend": "triton",
    "kv-cache-dtype": "fp8", "kv-offloading-backend": "lmcache", "linear-backend": "cutlass", "log-level": "INFO",
    "load-format": "dummy", "logprobs-mode": "raw_logits", "lora-dtype": "bfloat16", "moe-backend": "cutlass",
    "mamba-cache-dtype": "float32", "mamba-cache-mode": "align", "mamba-ssm-cache-dtype": "float32",
    "mamba-ssu-algorithm": "simple", "mm-encoder-attn-dtype": "fp8", "mm-encoder-tp-mode": "data",
    "mm-hasher-algorithm": "sha256", "mm-processor-cache-type": "shm", "mm-processor-device": "cpu",
    "mm-tensor-ipc": "torch_shm", "offload-backend": "uva", "per-request-spec-decode-metrics": "summary",
    "performance-mode": "throughput", "prefix-caching-hash-algo": "xxhash", "runner": "pooling",
    "safetensors-load-strategy": "lazy", "scheduling-policy": "priority", "sparse-indexer-topk-backend": "torch",
    "spec-method": "draft_model", "tool-strict-level": "function", "uvicorn-log-level": "error",
    "video-pruning-method": "vidcom2",
}  # fmt: skip
# What vLLM makes of a value, where that isn't the value itself.
HEARD: Final[Mapping[str, Any]] = {
    "device-ids": ["word"],
    "lora-modules": [{"name": "sql", "path": "/cache/sql"}, {"name": "law", "path": "/cache/law"}],
    "optimization-level": "3",
}
# What the template of the pod sets, and what is a command of its own.
OTHERS: Final = ("model", "revision", "served-model-name", "port", "shutdown-timeout", "config")
# Values that a command line could misread; each is what vLLM gets.
ODD: Final[Sequence[tuple[str, Any, Any]]] = (
    ("chat-template", "$(HOME) $$ {{ a }}\n'\"\\ --x=y", "$(HOME) $$ {{ a }}\n'\"\\ --x=y"),
    ("generation-config", "", ""),
    ("fingerprint-value", "-", "-"),
    ("fingerprint-value", "--trust-remote-code", "--trust-remote-code"),
    ("fingerprint-value", "a.b=c d", "a.b=c d"),
    ("fingerprint-value", 7, "7"),
    ("max-logprobs", -1, -1),
    ("max-lora-rank", "64", 64),
    ("max-num-queued-tokens", "1.5k", 1500),
    (
        "speculative-config",
        {"method": "ngram", "num-speculative-tokens": 2},
        {"method": "ngram", "num-speculative-tokens": 2},
    ),
    ("distributed-timeout-seconds", 2**53, 2**53),
    ("video-pruning-rate", 1e-05, 1e-05),
    ("kv-offloading-size", -0.5, -0.5),
    ("kv-offloading-size", 0.1 + 0.2, 0.1 + 0.2),
    ("safetensors-prefetch-block-size", "16k", 16000),
    ("ignore-patterns", ["a.b", "", "c=d", "$x"], ["a.b", "", "c=d", "$x"]),
    ("ignore-patterns", ["one"], ["one"]),
    ("allowed-origins", [], []),
    ("allowed-origins", ["-", '"'], ["-", '"']),
    ("lora-modules", ['{"name": "a", "path": "/b"}'], [{"name": "a", "path": "/b"}]),
    ("lora-modules", [{"name": "a", "path": "/b"}, "c=/d"], [{"name": "a", "path": "/b"}, {"name": "c", "path": "/d"}]),
    ("override-generation-config", {"a": [1e-05, None, "16k", {"$b": "-"}]}, {"a": [1e-05, None, "16k", {"$b": "-"}]}),
    ("kv-transfer-config", '{"kv_connector_extra_config": {"cpu_bytes_to_use": 80G}}',
     {"kv_connector_extra_config": {"cpu_bytes_to_use": 80 * 2**30}}),
    ("no-enable-prefix-caching", True, False),
    ("no-enable-prefix-caching", False, True),
    ("aggregate-engine-logging", False, False),
)  # fmt: skip
_PARSE: Final = """\
import dataclasses, enum, json, sys
from vllm.entrypoints.cli.serve import ServeSubcommand
from vllm.utils.argparse_utils import FlexibleArgumentParser

def plain(value):
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    return repr(value)

parser = FlexibleArgumentParser()
serve = ServeSubcommand().subparser_init(parser.add_subparsers(required=True, dest="subparser"))
names = {option[2:]: action.dest for action in serve._actions for option in action.option_strings}
heard = [vars(parser.parse_args(["serve", "model", *args])) for args in json.load(sys.stdin)]
print("heard", json.dumps([names, heard], default=plain))
"""


def test_the_parser_of_vllm_understands_every_flag() -> None:
    samples = {name: _sample(name, flag) for name, flag in _known().items()}
    names, (heard,) = _heard([samples])
    assert {name for name in _known() if f"no-{name}" in names} == {
        name for name, flag in _known().items() if flag.negatable
    }
    wrong = {
        name: (value, heard[names[name]])
        for name, value in samples.items()
        if not _same(HEARD.get(name, value), heard[names[name]])
    }
    assert wrong == {}


def test_a_false_flag_is_off() -> None:
    """A switch by not being there, another by its negation."""
    off = {name: False for name, flag in _known().items() if flag.type == "boolean"}
    names, (heard,) = _heard([off])
    assert [name for name in off if heard[names[name]] is not False] == []


@pytest.mark.parametrize(("name", "value", "meant"), ODD)
def test_the_parser_of_vllm_understands_odd_values(name: str, value: Any, meant: Any) -> None:
    found = check_args({name: value, "enable-lora": True}, {}, (), install.VERSION)
    assert [message for _, message in found if "serving.unsafe" not in message] == []
    names, answers = _odd()
    heard = answers[[each[:2] for each in ODD].index((name, value))]
    assert _same(meant, heard[names[name]])


@cache
def _odd() -> tuple[dict[str, str], list[dict[str, Any]]]:
    return _heard([{name: value} for name, value, _ in ODD])


def _heard(given: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Where the parser keeps each flag, and what it understood of each command line."""
    lines = [[_expanded(argument) for argument in written(args, install.VERSION)] for args in given]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "VLLM_NO_USAGE_STATS": "1"}
    command = [str(install.environment() / "bin/python"), "-c", _PARSE]
    done = subprocess.run(
        command, input=json.dumps(lines), capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    [line] = [line for line in done.stdout.splitlines() if line.startswith("heard ")]
    names, heard = json.loads(line.removeprefix("heard "))
    return names, heard


def _expanded(argument: str) -> str:
    """As Kubernetes hands it on: $$ is a dollar, $(NAME) a variable, of which none may be left."""
    assert not re.search(r"(?<!\$)(\$\$)*\$\(", argument)
    return argument.replace("$$", "$")


def _sample(name: str, flag: vllm.Flag) -> Any:
    """A value that isn't the default."""
    if flag.type == "boolean":
        return flag.default is not True
    return SAMPLES.get(name, BY_TYPE.get(flag.type))


@cache
def _known() -> dict[str, vllm.Flag]:
    known = vllm.catalogue(install.VERSION)
    assert known is not None
    return {name: flag for name, flag in known.flags.items() if name not in OTHERS and flag.alias is None}


def _same(meant: Any, heard: Any) -> bool:
    """Of an object, what was meant: vLLM fills the rest."""
    if isinstance(meant, list) and isinstance(heard, list):
        return len(meant) == len(heard) and all(map(_same, meant, heard))
    if isinstance(meant, dict) and isinstance(heard, dict):
        return all(key in heard and _same(value, heard[key]) for key, value in meant.items())
    return bool(meant == heard)


# Closed sets and keys, as the modules of vLLM have them when they are loaded.
_KNOWS: Final = """\
import dataclasses, importlib, json, pkgutil, sys
import vllm.config
from vllm.entrypoints.cli.serve import ServeSubcommand
from vllm.entrypoints.openai.models import protocol
from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS
from vllm.reasoning import ReasoningParserManager
from vllm.tool_parsers import ToolParserManager
from vllm.utils.argparse_utils import FlexibleArgumentParser

serve = ServeSubcommand().subparser_init(FlexibleArgumentParser().add_subparsers(required=True, dest="subparser"))
choices = {a.option_strings[-1][2:]: [str(c) for c in a.choices if c is not None] for a in serve._actions if a.choices}
choices["quantization"] = QUANTIZATION_METHODS
choices["reasoning-parser"] = list(ReasoningParserManager.list_registered())
choices["tool-call-parser"] = list(ToolParserManager.list_registered())
names = [module.name for module in pkgutil.iter_modules(vllm.config.__path__)]
modules = [protocol, *(importlib.import_module(f"vllm.config.{name}") for name in names)]
found = {}
for cls in json.load(sys.stdin):
    known = next(getattr(module, cls) for module in modules if hasattr(module, cls))
    found[cls] = [field.name for field in dataclasses.fields(known) if field.init]
print("heard", json.dumps([choices, found]))
"""
# Fields that the engine fills itself, or that are its own.
_INTERNAL: Final = {"target_model_config", "target_parallel_config", "draft_model_config", "draft_parallel_config"}
# By the processor that vLLM runs on.
_BY_PLATFORM: Final = {"mm-processor-device"}


def test_closed_sets_and_keys_are_those_of_vllm() -> None:
    known = vllm.base(install.VERSION)
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "VLLM_NO_USAGE_STATS": "1"}
    command = [str(install.environment() / "bin/python"), "-c", _KNOWS]
    done = subprocess.run(
        command, input=json.dumps(list(known.objects)), capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    [line] = [line for line in done.stdout.splitlines() if line.startswith("heard ")]
    choices, fields = json.loads(line.removeprefix("heard "))
    ours = {name: known.flags[name].kind for name in choices if name not in _BY_PLATFORM and name in known.flags}
    assert {name: sorted(map(str, (kind.items or kind).choices)) for name, kind in ours.items()} == {
        name: sorted(choices[name]) for name in ours
    }
    assert {cls: sorted(keys) for cls, keys in known.objects.items()} == {
        cls: sorted(key for key in keys if key not in _INTERNAL and not key.startswith("_"))
        for cls, keys in fields.items()
    }
