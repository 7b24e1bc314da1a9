"""Memory of a pod: what flags take of the node's, in /dev/shm or elsewhere."""

from typing import Any

import pytest

from gpuyard.catalogue.models import catalogue
from gpuyard.doors.quantities import GIB
from gpuyard.resolve.inference.hostmemory import Use, uncounted, uses
from tests.projects import problems, resolved, workload

LLAMA = catalogue()["llama-3.1-8b-instruct"]
SEES = next(model for model in catalogue().values() if model.multimodal)
OFFLOADING = "OffloadingConnector"


def connector(name: str, **extra: Any) -> dict[str, Any]:
    return {"kv-transfer-config": {"kv_connector": name, "kv_role": "kv_both", "kv_connector_extra_config": extra}}


def found(args: dict[str, Any], env: dict[str, str] | None = None, gpus: int = 4) -> list[tuple[float, bool]]:
    return [(round(use.gib, 3), use.shared) for use in uses(args, env or {}, LLAMA, gpus)]


@pytest.mark.parametrize(
    ("args", "env", "taken"),
    [
        ({}, {}, []),
        # One region in /dev/shm for all GPUs.
        ({"kv-offloading-size": 16}, {}, [(16, True)]),
        ({"kv-offloading-size": "0.5"}, {}, [(0.5, True)]),
        ({"kv-offloading-size": 16, "kv-offloading-backend": "native"}, {}, [(16, True)]),
        ({"kv-offloading-size": 16}, {"VLLM_USE_SIMPLE_KV_OFFLOAD": "1"}, [(16, False)]),
        ({"kv-offloading-size": 16}, {"VLLM_USE_SIMPLE_KV_OFFLOAD": "0"}, [(16, True)]),
        ({"kv-offloading-size": 16, "kv-offloading-backend": "lmcache"}, {}, []),
        ({"kv-offloading-size": 16, **connector(OFFLOADING, cpu_bytes_to_use=80 * GIB)}, {}, [(16, True)]),
        (connector(OFFLOADING, cpu_bytes_to_use=80 * GIB), {}, [(80, True)]),
        (connector(OFFLOADING, spec_name="TieringOffloadingSpec", cpu_bytes_to_use=80 * GIB), {}, [(80, True)]),
        (connector("SimpleCPUOffloadConnector"), {}, [(8, False)]),
        (connector("SimpleCPUOffloadConnector", cpu_bytes_to_use=2 * GIB), {}, [(2, False)]),
        (connector("SimpleCPUOffloadConnector", cpu_bytes_to_use_per_rank=2 * GIB), {}, [(8, False)]),
        (connector("LMCacheConnectorV1"), {}, [(20, False)]),
        (connector("LMCacheConnectorV1"), {"LMCACHE_MAX_LOCAL_CPU_SIZE": "12.5"}, [(50, False)]),
        (connector("LMCacheConnectorV1", **{"lmcache.max_local_cpu_size": 10}), {}, [(40, False)]),
        (connector("LMCacheConnectorV1"), {"LMCACHE_LOCAL_CPU": "False"}, []),
        (connector("LMCacheConnectorV1", **{"lmcache.local_cpu": False}), {}, []),
        ({"max-cpu-loras": 4}, {}, []),
        ({}, {"LMCACHE_MAX_LOCAL_CPU_SIZE": "12.5"}, []),
        (connector("NixlConnector"), {}, []),
        (
            connector(
                "MultiConnector",
                connectors=[
                    connector("NixlConnector")["kv-transfer-config"],
                    connector(OFFLOADING, cpu_bytes_to_use=3 * GIB)["kv-transfer-config"],
                ],
            ),
            {},
            [(3, True)],
        ),
        # As text, where vLLM reads numbers as people write them.
        (
            {
                "kv-transfer-config": '{"kv_connector": "OffloadingConnector", '
                '"kv_connector_extra_config": {"cpu_bytes_to_use": 80G}}'
            },
            {},
            [(80, True)],
        ),
        ({"kv-transfer-config": "{"}, {}, []),
        ({"kv-transfer-config": "[]"}, {}, []),
        # Weights: of each GPU, and never more than there are.
        ({"cpu-offload-gb": 2}, {}, [(8, False)]),
        ({"cpu-offload-gb": 100}, {}, [(round(LLAMA.weights_gib, 3), False)]),
        ({"cpu-offload-gb": 2, "offload-backend": "prefetch"}, {}, []),
        ({"offload-group-size": 4}, {}, [(round(LLAMA.weights_gib / 4, 3), False)]),
        ({"offload-group-size": 4, "offload-num-in-group": 3}, {}, [(round(LLAMA.weights_gib * 0.75, 3), False)]),
        ({"offload-group-size": 4, "cpu-offload-gb": 1, "offload-backend": "uva"}, {}, [(4, False)]),
        # A model that takes no images has no cache of them.
        ({"mm-processor-cache-gb": 64}, {}, []),
        # What vLLM refuses.
        ({"kv-offloading-size": "much"}, {}, []),
        ({"kv-offloading-size": -1}, {}, []),
        ({"kv-offloading-size": "inf"}, {}, []),
        ({"cpu-offload-gb": [1]}, {}, []),
    ],
)
def test_what_a_flag_takes(args: dict[str, Any], env: dict[str, str], taken: list[tuple[float, bool]]) -> None:
    assert found(args, env) == taken


@pytest.mark.parametrize(
    ("args", "taken"),
    [
        ({}, [(8, False)]),
        ({"mm-processor-cache-gb": 0}, []),
        ({"mm-processor-cache-gb": 6}, [(12, False)]),
        ({"mm-processor-cache-gb": 6, "api-server-count": 3}, [(24, False)]),
        ({"mm-processor-cache-gb": 6, "mm-processor-cache-type": "shm"}, [(6, True)]),
        ({"mm-processor-cache-gb": 6, "mm-processor-cache-type": "shm", "api-server-count": 2}, [(18, False)]),
        ({"mm-processor-cache-gb": 0, "mm-tensor-ipc": "torch_shm"}, [(4, True)]),
    ],
)
def test_what_a_cache_of_images_takes(args: dict[str, Any], taken: list[tuple[float, bool]]) -> None:
    assert [(use.gib, use.shared) for use in uses(args, {}, SEES, 1)] == taken


def test_a_connector_that_nobody_knows_is_noted() -> None:
    assert uncounted(connector("MooncakeStoreConnector")) == ("MooncakeStoreConnector",)
    assert uncounted(connector(OFFLOADING)) == uncounted(connector("NixlConnector")) == ()
    serving = {"args": connector("FlexKVConnectorV1"), "unsafe": ["kv-transfer-config"]}
    note = (
        "blueprints/chat.yaml: FlexKVConnectorV1 of kv-transfer-config may take memory of the node that is not counted"
    )
    assert note in resolved({"serving": serving}).notes


# --- the pod --------------------------------------------------------------------------------------------------

A10 = {"shapes": {"a10": {"tensorParallel": 1}}}
SMALL = {"clusters": [{"name": "phx", "region": "us-phoenix-1", "shapes": {"a10": ["VM.GPU.A10.1", "BM.GPU.A10.4"]}}]}


def test_a_file_with_the_sizes_of_lmcache_is_noted() -> None:
    args, env = connector("LMCacheConnectorV1"), {"LMCACHE_CONFIG_FILE": "/cache/lmcache.yaml"}
    serving = {"args": args, "env": env, "unsafe": ["kv-transfer-config"]}
    expected = "blueprints/chat.yaml: LMCACHE_CONFIG_FILE may let LMCache take memory of the node that is not counted"
    assert expected in resolved({"serving": serving}).notes
    assert expected not in resolved({"serving": {**serving, "env": {}}}).notes


def sizes(args: dict[str, Any], **more: Any) -> tuple[str, str, str]:
    """Of shared memory, of the memory that is asked for, and of its limit."""
    spec = {**A10, "serving": {"contextLength": 8192, "concurrency": 8, "args": args, **more}}
    values = workload(spec, SMALL, shape="a10").values
    resources = values["resources"]
    return values["sharedMemory"]["size"], resources["requests"]["memory"], resources["limits"]["memory"]


def test_without_such_flags() -> None:
    assert sizes({}) == ("2Gi", "29Gi", "192Gi")


def test_what_lies_in_dev_shm_is_part_of_the_pod_s_memory() -> None:
    assert sizes({"kv-offloading-size": 16}) == ("18Gi", "45Gi", "192Gi")
    assert sizes({"kv-offloading-size": 16.5}) == ("19Gi", "46Gi", "192Gi")


def test_what_lies_elsewhere_is_not_in_dev_shm() -> None:
    assert sizes({"cpu-offload-gb": 10}) == ("2Gi", "39Gi", "192Gi")


def test_a_node_whose_memory_is_too_small_is_left_out() -> None:
    spec = {**A10, "serving": {"contextLength": 8192, "concurrency": 8, "args": {"kv-offloading-size": 170}}}
    (workload,) = resolved(spec, SMALL).workloads
    assert workload.nodes == ("BM.GPU.A10.4",)
    assert workload.values["resources"]["limits"]["memory"] == "204Gi"


def test_more_than_any_node_has_is_refused_with_the_numbers() -> None:
    spec = {**A10, "serving": {"contextLength": 8192, "concurrency": 8, "args": {"kv-offloading-size": 300}}}
    assert problems(spec, SMALL) == [
        "spec.shapes.a10: flags take too much of the node's memory (kv-offloading-size 300 GiB): a pod needs 329 GiB, "
        "VM.GPU.A10.1 192 GiB for 1 of its 1 GPUs, BM.GPU.A10.4 204 GiB for 1 of its 4 GPUs; "
        "lower them, or raise tensorParallel, which brings a larger part"
    ]


def test_the_advice_helps() -> None:
    serving = {"contextLength": 8192, "concurrency": 8, "args": {"kv-offloading-size": 300}}
    assert problems({"shapes": {"a10": {"tensorParallel": 2}}, "serving": serving}, SMALL) == []
    whole = {"shapes": {"a10": {"tensorParallel": 4}}, "serving": {**serving, "args": {"kv-offloading-size": 3000}}}
    assert problems(whole, SMALL)[0].endswith("BM.GPU.A10.4 819 GiB for 4 of its 4 GPUs; lower them")


def test_a_node_that_the_author_named_is_not_left_out_silently() -> None:
    shape = {"tensorParallel": 1, "nodes": ["VM.GPU.A10.1", "BM.GPU.A10.4"]}
    serving = {"contextLength": 8192, "concurrency": 8, "args": {"kv-offloading-size": 170}}
    (message,) = problems({"shapes": {"a10": shape}, "serving": serving}, SMALL)
    assert "a pod needs 199 GiB, VM.GPU.A10.1 192 GiB for 1 of its 1 GPUs" in message


def test_a_pod_has_no_limit_of_cpu() -> None:
    resources = workload({}).values["resources"]
    assert set(resources["limits"]) == {"memory", "ephemeral-storage"}
    assert resources["requests"]["cpu"] == "4"


def test_a_use_says_whose_it_is() -> None:
    assert uses({"kv-offloading-size": 1}, {}, LLAMA, 1) == (Use("kv-offloading-size", 1, shared=True),)
