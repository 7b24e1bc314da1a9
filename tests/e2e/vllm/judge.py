"""Would the real vLLM start with these flags? Its own parser and its own configuration say so; no weights, no GPU.

Run by the Python of vLLM's environment. Cases come as one JSON text on stdin, verdicts go out one a line. vLLM is
imported once, with CUDA's platform in the place of the processor's, so that what holds on GPUs only is looked at, too;
each case is then a fork, on the GPUs of its node.
"""

import json
import os
import selectors
import signal
import sys
import time
import types
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_AT_ONCE = 2
_SECONDS = 60
"""For one case; most take less than one."""
_KERNELS = (
    *("_C_stable_libtorch", "_moe_C_stable_libtorch"),
    *("vllm_flash_attn._vllm_fa2_C", "vllm_flash_attn._vllm_fa3_C"),
)
"""Libraries of the GPU build, which are imported where the platform is CUDA, and called where a model runs."""


def main() -> None:
    """Judge what stdin brings."""
    given = json.load(sys.stdin)
    warnings.simplefilter("ignore")
    vllm = _imported(given["families"])
    cases, running = list(enumerate(given["cases"])), {}
    watched = selectors.DefaultSelector()
    while cases or running:
        while cases and len(running) < _AT_ONCE:
            number, case = cases.pop(0)
            process, pipe = _forked(vllm, case)
            running[pipe] = (number, process, time.monotonic())
            watched.register(pipe, selectors.EVENT_READ)
        ready = {key.fd for key, _ in watched.select(timeout=1)}
        for pipe, (number, process, began) in list(running.items()):
            late = time.monotonic() - began > _SECONDS
            if pipe in ready or late:
                if late:
                    os.kill(process, signal.SIGKILL)
                with os.fdopen(pipe, "rb") as file:
                    said = file.read().decode()
                os.waitpid(process, 0)
                watched.unregister(pipe)
                del running[pipe]
                found = json.loads(said) if said else {"refused": "ended, or took too long, without a word"}
                seconds = time.monotonic() - began
                sys.__stdout__.write(f"verdict {json.dumps({'number': number, 'seconds': seconds, **found})}\n")
                sys.__stdout__.flush()


def _forked(vllm: types.SimpleNamespace, case: Mapping[str, Any]) -> tuple[int, int]:
    """The process, and where it says its verdict."""
    read, write = os.pipe()
    if process := os.fork():
        os.close(write)
        return process, read
    try:
        null = os.open(os.devnull, os.O_RDWR)
        log = os.open(case["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(null, 0), os.dup2(log, 1), os.dup2(log, 2)
        os.write(write, json.dumps({"refused": _verdict(vllm, case)}).encode())
    finally:
        os._exit(0)


def _verdict(vllm: types.SimpleNamespace, case: Mapping[str, Any]) -> str | None:
    """Why vLLM doesn't start; None: it would."""
    try:
        _started(vllm, case)
    except SystemExit:
        return _last_words(case["log"])
    except BaseException as error:
        import traceback

        traceback.print_exc()
        return f"{type(error).__name__}: {error}"
    return None


def _last_words(log: str) -> str:
    """What the parser writes before it ends the program."""
    sys.stderr.flush()
    text = Path(log).read_text(encoding="utf-8", errors="replace")
    lines = [line for line in text.splitlines() if "error:" in line]
    return lines[-1] if lines else "it ended"


def _started(vllm: types.SimpleNamespace, case: Mapping[str, Any]) -> None:
    """The steps of `vllm serve` in its order, up to the engine."""
    os.environ.update(case["env"])
    for name in case["env"]:
        if read := vllm.envs.environment_variables.get(name):
            read()
    _gpus(vllm, case["gpu"])
    args = vllm.parser.parse_args(["serve", *case["args"]])
    args.model = args.model_tag
    vllm.validate_parsed_serve_args(args)
    vllm.validate_api_server_args(args)
    vllm.get_uvicorn_log_config(args)
    engine = vllm.AsyncEngineArgs.from_cli_args(args)
    vllm.propagate(args, engine)
    config = engine.create_engine_config(usage_context=vllm.context)
    vllm.get_model_loader(config.load_config)
    with vllm.set_current(config):
        _attention(vllm, config)
    if not config.model_config.skip_tokenizer_init:
        vllm.tokenizer(config.model_config)


def _attention(vllm: types.SimpleNamespace, config: Any) -> None:
    """The kernels that the layers would choose: one that was named may not do, and none may be left."""
    model = config.model_config
    encoder = model.attn_type == "encoder_only"
    vllm.get_attn_backend(
        model.get_head_size(),
        model.dtype,
        config.cache_config.cache_dtype,
        use_mla=model.use_mla,
        has_sink="GptOssForCausalLM" in model.architectures,
        attn_type="encoder_only" if encoder else "decoder",
        num_heads=model.get_num_attention_heads(config.parallel_config),
    )


def _gpus(vllm: types.SimpleNamespace, gpu: Mapping[str, Any]) -> None:
    platform = vllm.platform
    platform.capability, platform.name = vllm.capability(*gpu["capability"]), gpu["name"]
    platform.bytes, platform.count = gpu["bytes"], gpu["count"]


def _imported(families: list[str]) -> types.SimpleNamespace:
    """The parts of vLLM that `_started` calls, as they are on a node with GPUs."""
    os.environ["VLLM_LOGGING_LEVEL"] = "WARNING"
    for name in _KERNELS:
        sys.modules[f"vllm.{name}"] = types.ModuleType(f"vllm.{name}")
    platform, capability = _cuda()
    _triton()
    _kernels()
    import vllm.envs as envs
    from vllm.config import set_current_vllm_config
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.entrypoints.cli.serve import ServeSubcommand
    from vllm.entrypoints.launchers.cli_args import propagate_flash_late_interaction, validate_parsed_serve_args
    from vllm.entrypoints.launchers.launcher import validate_api_server_args
    from vllm.entrypoints.launchers.utils.server_utils import get_uvicorn_log_config
    from vllm.model_executor.model_loader import get_model_loader
    from vllm.model_executor.models import registry
    from vllm.tokenizers import cached_tokenizer_from_config
    from vllm.usage.usage_lib import UsageContext
    from vllm.utils.argparse_utils import FlexibleArgumentParser
    from vllm.v1.attention.selector import get_attn_backend

    registry._run_in_subprocess = lambda look: look()  # it would be a process that knows nothing of CUDA
    for architecture in families:
        registry.ModelRegistry.models[architecture].inspect_model_cls()
    parser = FlexibleArgumentParser()
    ServeSubcommand().subparser_init(parser.add_subparsers(required=True, dest="subparser"))
    return types.SimpleNamespace(
        AsyncEngineArgs=AsyncEngineArgs,
        capability=capability,
        context=UsageContext.OPENAI_API_SERVER,
        envs=envs,
        get_attn_backend=get_attn_backend,
        get_model_loader=get_model_loader,
        get_uvicorn_log_config=get_uvicorn_log_config,
        parser=parser,
        platform=platform,
        propagate=propagate_flash_late_interaction,
        set_current=set_current_vllm_config,
        tokenizer=cached_tokenizer_from_config,
        validate_api_server_args=validate_api_server_args,
        validate_parsed_serve_args=validate_parsed_serve_args,
    )


def _cuda() -> tuple[Any, Any]:
    """CUDA's platform, with what only a driver could tell."""
    import vllm.platforms
    from vllm.platforms.cuda import CudaPlatformBase
    from vllm.platforms.interface import DeviceCapability

    class Gpus(CudaPlatformBase):
        capability, name, bytes, count = DeviceCapability(9, 0), "", 0, 0

        @classmethod
        def get_device_capability(cls, device_id: int = 0) -> Any:
            return cls.capability

        @classmethod
        def get_device_name(cls, device_id: int = 0) -> str:
            return cls.name

        @classmethod
        def get_device_total_memory(cls, device_id: int = 0) -> int:
            return cls.bytes

        @classmethod
        def is_fully_connected(cls, device_ids: list[int]) -> bool:
            return True

        @classmethod
        def device_count(cls) -> int:
            return cls.count

    vllm.platforms._current_platform = Gpus()
    vllm.platforms.vllm_version_matches_substr = lambda text: False  # "+cpu", of which the flags know nothing
    return Gpus, DeviceCapability


def _kernels() -> None:
    """What the libraries are asked as they are imported: do they have a kernel? Those of the GPU build do."""
    from vllm import _custom_ops as kernels

    for name in dir(kernels):
        if "_supports_" in name:
            setattr(kernels, name, lambda *given: True)


def _triton() -> None:
    """Triton as it is where it finds a GPU."""
    from triton import backends

    driver = types.SimpleNamespace(is_active=lambda: True)
    real, backends.backends = backends.backends, {"nvidia": types.SimpleNamespace(driver=driver)}
    try:
        import vllm.triton_utils  # noqa: F401 - it looks for drivers now, and never again
    finally:
        backends.backends = real


if __name__ == "__main__":
    main()
