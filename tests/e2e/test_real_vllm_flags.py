"""Every flag of the catalogue, through the chart, into vLLM's own parser: what was meant is what is understood.

No engine starts: one process builds the parser of `vllm serve` and gives it each configuration file.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, Final

from gpuyard.catalogue import vllm
from tests.chart.rendering import case, objects
from tests.e2e.vllm import install
from tests.e2e.vllm.server import NEEDS_VLLM
from tools.chart_docs import SET_BY_THE_CHART

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
    "middleware": ["one"], "lora-modules": ["sql=/cache/sql", "law=/cache/law"],
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
_FILE_HOLDS: Final = 200  # args takes 256, and the chart adds its own
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
heard = [vars(parser.parse_args(["serve", "--config", file])) for file in sys.argv[1:]]
print("heard", json.dumps([names, heard], default=plain))
"""


def test_the_parser_of_vllm_understands_what_args_say(tmp_path: Path) -> None:
    given = list(_files(_samples()))
    files = [tmp_path / f"{number}.yaml" for number in range(len(given))]
    for file, args in zip(files, given, strict=True):
        gpus = prod(value for name, value in args.items() if name.endswith(("tensor-parallel-size", *_SIZES)))
        made = objects(case("default", args=args, unsafe=_refused(args), gpu={"count": gpus}))
        file.write_text(made["ConfigMap"]["data"]["config.yaml"], encoding="utf-8")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    command = [str(install.environment() / "bin/python"), "-c", _PARSE, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    [line] = [line for line in done.stdout.splitlines() if line.startswith("heard ")]
    names, heard = json.loads(line.removeprefix("heard "))
    known = dict(_known())
    assert {name for name in known if f"no-{name}" in names} == {name for name in known if known[name].negatable}
    wrong = {
        name: (value, understood[names[name]])
        for args, understood in zip(given, heard, strict=True)
        for name, value in args.items()
        if not _same(HEARD.get(name, value), understood[names[name]])
    }
    assert wrong == {}


_SIZES: Final = ("pipeline-parallel-size", "data-parallel-size")


def _samples() -> Iterator[tuple[str, Any]]:
    """Every flag that `args` takes, its negation where it is on by default, and a value that isn't the default."""
    for name, flag in _known():
        kind = BY_TYPE.get(flag.type)
        yield name, flag.default is not True if flag.type == "boolean" else SAMPLES.get(name, kind)


def _known() -> Iterator[tuple[str, vllm.Flag]]:
    known = vllm.catalogue(install.VERSION)
    assert known is not None
    for name, flag in known.flags.items():
        if name not in SET_BY_THE_CHART and flag.alias is None:
            yield name, flag


def _refused(args: Mapping[str, Any]) -> list[str]:
    return [name for name in args if name in vllm.rules()["unsafe"] | vllm.rules()["breaks"]]


def _files(samples: Iterator[tuple[str, Any]]) -> Iterator[dict[str, Any]]:
    rest = dict(samples)
    while rest:
        yield {name: rest.pop(name) for name in list(rest)[:_FILE_HOLDS]}


def _same(meant: Any, heard: Any) -> bool:
    """Of an object, what was meant: vLLM fills the rest."""
    if isinstance(meant, list) and isinstance(heard, list):
        return len(meant) == len(heard) and all(map(_same, meant, heard))
    if isinstance(meant, dict) and isinstance(heard, dict):
        return all(key in heard and _same(value, heard[key]) for key, value in meant.items())
    return bool(meant == heard)
