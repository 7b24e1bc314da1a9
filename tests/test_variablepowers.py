"""Variables that are not known to be harmless need an entry in unsafe, wherever they are set."""

from pathlib import Path

import pytest

from gpuyard.catalogue.flagrules import check_args
from gpuyard.catalogue.variablepowers import does
from gpuyard.doors import yamlio
from gpuyard.errors import InputError
from gpuyard.project.load import parse
from gpuyard.resolve import resolve
from tests.projects import BLUEPRINT, STACK, Values, merged, with_token

pytestmark = pytest.mark.attack("A24 environment")

# Loaders, interpreters, compilers, profilers, trust, proxies, identities, plugins: by what they do to a server.
DANGEROUS = (Path(__file__).parent / "dangerous-variables.txt").read_text("utf-8").split()
HARMLESS = [
    "VLLM_LOGGING_LEVEL",
    "VLLM_WORKER_MULTIPROC_METHOD",
    "VLLM_USE_DEEP_GEMM",
    "VLLM_IMAGE_FETCH_TIMEOUT",
    "VLLM_USE_FLASHINFER_SAMPLER",
    "NCCL_DEBUG",
    "NCCL_P2P_DISABLE",
    "NCCL_SOCKET_IFNAME",
    "NCCL_IB_HCA",
    "HF_HUB_DISABLE_TELEMETRY",
    "HF_HUB_ENABLE_HF_TRANSFER",
    "HF_HUB_DOWNLOAD_TIMEOUT",
    "OMP_NUM_THREADS",
    "TOKENIZERS_PARALLELISM",
    "TZ",
    "LANG",
    "LC_ALL",
    "CUDA_LAUNCH_BLOCKING",
    "CUDA_DEVICE_ORDER",
    "PYTORCH_CUDA_ALLOC_CONF",
    "DO_NOT_TRACK",
    "TRANSFORMERS_VERBOSITY",
    "LMCACHE_CHUNK_SIZE",
    "OTEL_SERVICE_NAME",
    "UCX_TLS",
    "RUNAI_STREAMER_CONCURRENCY",
]


def told(spec: Values, stack: Values | None = None) -> list[str]:
    files = {
        "stack.yaml": yamlio.dump(merged(STACK, {"spec": stack or {}})).encode(),
        "blueprints/chat.yaml": yamlio.dump(with_token(merged(BLUEPRINT, {"spec": spec}))).encode(),
    }
    try:
        resolve(parse(files))
    except InputError as error:
        return [problem.message for problem in error.problems]
    return []


@pytest.mark.parametrize("name", DANGEROUS)
def test_it_needs_an_entry(name: str) -> None:
    [(place, message)] = check_args({}, (name,), (), "0.32.0")
    assert place == ("env", name)
    assert message.endswith(f"; to allow it, add {name} to serving.unsafe")
    assert check_args({}, (name,), (name,), "0.32.0") == []


def test_there_are_many() -> None:
    assert len({*DANGEROUS}) > 150


@pytest.mark.parametrize("name", HARMLESS)
def test_it_needs_none(name: str) -> None:
    assert does(name) is None
    assert check_args({}, (name,), (), "0.32.0") == []
    assert does(name.lower()) is not None  # another variable to the kernel


@pytest.mark.parametrize("name", ["PYTHONWARNINGS", "MY_SETTING", "https_proxy"])
def test_wherever_it_is_set(name: str) -> None:
    variable = {"name": name, "value": "x"}
    taken = {"name": name, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    for spec in (
        {"serving": {"env": {name: "x"}}},
        {"serving": {"env": {name: {"secret": "s", "key": "k"}}}},
        {"shapes": {"h100": {"env": {name: "x"}}}},
        {"values": {"extraEnv": [variable]}},
        {"values": {"extraEnv": [taken]}},
        {"shapes": {"h100": {"values": {"extraEnv": [variable]}}}},
    ):
        found = told(spec)
        assert [each for each in found if each.endswith(f"add {name} to serving.unsafe")], spec
        assert not [each for each in told(merged(spec, {"serving": {"unsafe": [name]}})) if "unsafe" in each]


def test_a_proxy_of_the_stack_needs_none() -> None:
    assert (
        told(
            {},
            {
                "network": {
                    "proxy": {"https": "http://10.0.7.9:3128"},
                    "egress": [{"cidr": "10.0.7.9/32", "port": 3128}],
                }
            },
        )
        == []
    )
