"""Sources of weights, caches and the Job between them."""

from typing import Any

import pytest

from gpuyard.catalogue.models import catalogue
from gpuyard.doors import yamlio
from gpuyard.errors import InputError
from gpuyard.fit.budget import Origin, load_budget
from gpuyard.project.load import parse
from gpuyard.resolve import resolve
from gpuyard.resolve.workload import First
from tests.projects import BLUEPRINT, STACK, chart_values, flags, merged, problems, resolved, workload
from tests.test_blueprint_fields import FACTS, HERE

KEY = {"secret": "weights", "key": "credentials"}
BUCKET = {"model": {"source": "oci://models@acmens/llama/8b", "credentials": KEY}}
COMMIT = "0" * 40
TWO_REGIONS = {
    "clusters": [
        {"name": "phx", "region": "us-phoenix-1", "shapes": {"h100": "BM.GPU.H100.8"}},
        {"name": "iad", "region": "us-ashburn-1", "shapes": {"h100": "BM.GPU.H100.8"}},
    ]
}


def rollout(origin: Origin) -> int:
    """Seconds that four replicas of the model of these tests may take, one after the other."""
    model = catalogue()["llama-3.1-8b-instruct"]
    return load_budget(model, kind=origin, replicas=4, shutdown_timeout=300).sync_timeout


def test_a_bucket_by_its_s3_endpoint() -> None:
    found = chart_values(BUCKET)
    assert found["model"] == {
        "source": "bucket",
        "servedName": "chat",
        "bucket": {
            "uri": "s3://models/llama/8b",
            "endpoint": "https://acmens.compat.objectstorage.us-phoenix-1.oraclecloud.com",
            "region": "us-phoenix-1",
            "credentials": KEY,
        },
    }
    assert "download" not in found
    assert workload(BUCKET).sync_timeout == rollout(Origin.OCI)


def test_a_bucket_has_one_region() -> None:
    message = (
        "spec.model: needs the region of its bucket (the clusters are in us-ashburn-1, us-phoenix-1); add region: …"
    )
    assert problems(BUCKET, TWO_REGIONS) == [message]
    there = {"model": {**BUCKET["model"], "region": "us-ashburn-1"}}
    assert chart_values(there, TWO_REGIONS)["model"]["bucket"]["region"] == "us-ashburn-1"
    nowhere = {"clusters": [{"name": "phx", "shapes": {"h100": "BM.GPU.H100.8"}}]}
    assert "no cluster of the stack has a region" in problems(BUCKET, nowhere)[0]


@pytest.mark.parametrize(("scheme", "kind"), [("pvc", Origin.PVC), ("fss", Origin.FSS)])
def test_a_claim_that_holds_the_weights(scheme: str, kind: Origin) -> None:
    spec = {"model": {"source": f"{scheme}://weights/llama/8b"}}
    found = chart_values(spec)
    assert found["model"] == {
        "source": "volume",
        "servedName": "chat",
        "volume": {"claim": "weights", "path": "llama/8b"},
    }
    assert "download" not in found
    assert workload(spec).sync_timeout == rollout(kind)


def test_a_variant_uses_the_credentials_of_the_same_kind_of_source() -> None:
    spec: dict[str, Any] = {
        "model": {"credentials": {"secret": "hf", "key": "token"}},
        "shapes": {
            "a10": {"model": {"name": "llama-3.1-8b-instruct-awq", **BUCKET["model"], "credentials": KEY}},
            "h100": {},
        },
    }
    assert chart_values(spec, shape="a10")["model"]["bucket"]["credentials"] == KEY
    assert chart_values(spec, shape="h100")["model"]["token"] == {"secret": "hf", "key": "token"}
    del spec["shapes"]["a10"]["model"]["credentials"]
    assert "a bucket is read with a customer secret key" in problems(spec)[0]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"model": {"source": "oci://models@acmens"}}, "spec.model: a bucket is read with a customer secret key"),
        (
            {"model": {"source": "pvc://weights", "credentials": KEY}},
            "spec.model.credentials: pvc:// is read from a volume claim and needs no credentials; remove them",
        ),
        ({"model": {"region": "us-phoenix-1"}}, "spec.model.region: only applies to an oci:// source; remove it"),
        (
            {"storage": {"download": True, "cache": {"kind": "ephemeral"}}},
            "spec.storage.download: one copy for all replicas needs a shared cache, which ephemeral is not; "
            "use cache.kind fss",
        ),
        (
            {"model": {"source": "fss://weights"}, "storage": {"download": True}},
            "spec.storage.download: copies from Hugging Face, and the source is fss://; remove it",
        ),
        (
            {"storage": {"cache": {"kind": "nvme"}}},
            "spec.storage.cache.kind: nvme needs the StorageClass of the nodes' local drives; "
            "name it in stack.yaml as spec.storage.nvme",
        ),
        (
            {"storage": {"cache": {"claim": "mine", "kind": "block"}}},
            "spec.storage.cache.kind: is set by the claim mine; remove it",
        ),
        (
            {"storage": {"cache": {"claim": "mine", "size": "1Ti"}}},
            "spec.storage.cache.size: is set by the claim mine; remove it",
        ),
        ({"model": {"source": "oci://models/llama"}}, "(names of at most 95 characters), oci://"),
        ({"model": {"source": "oci://models@ns/../x"}}, "must be hf://"),
    ],
)
def test_refused(spec: dict[str, Any], message: str) -> None:
    assert any(found.startswith(message) or message in found for found in problems(spec)), problems(spec)


# --- the Job that downloads, and caches -----------------------------------------------------------------------


def test_one_job_downloads_into_the_shared_cache_before_servers_change() -> None:
    found = chart_values({})
    assert found["download"] == {
        "enabled": True,
        "first": True,
        "timeoutSeconds": 1800,
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    }
    with_job, without = workload({}), workload({"storage": {"download": False}})
    assert with_job.sync_timeout == rollout(Origin.FSS)
    assert with_job.first == First(frozenset({"download"}), 900 + 1800 + 60)
    assert without.sync_timeout == rollout(Origin.HF)
    assert without.first is None


@pytest.mark.parametrize(
    ("form", "copied"),
    [
        (None, None),
        ("auto", None),
        ("hf", "hf"),
        ("safetensors", "safetensors"),
        ("fastsafetensors", "safetensors"),
        ("runai_streamer", "safetensors"),
        ("sharded_state", "safetensors"),
        ("mistral", "mistral"),
        ("pt", "pt"),
        ("npcache", "pt"),
        ("tensorizer", "all"),
    ],
)
def test_what_vllm_loads_is_copied(form: str | None, copied: str | None) -> None:
    """Of a build that isn't vLLM's own, which may load more."""
    args = {"load-format": form} if form else {}
    spec = {"serving": {"args": args}, "vllm": {"image": "docker.io/acme/vllm"}}
    assert chart_values(spec)["download"].get("format") == copied


@pytest.mark.parametrize(("form", "copied"), [("gguf", "gguf"), ("of-a-plugin", "all")])
def test_what_another_build_loads_is_copied(form: str, copied: str) -> None:
    own = {"image": "docker.io/team/vllm", "tag": "v0.32.0"}
    spec = {"vllm": own, "serving": {"args": {"load-format": form}, "unsafe": ["load-format"]}}
    assert chart_values(spec)["download"].get("format") == copied


@pytest.mark.parametrize(
    ("storage", "wanted"),
    [
        ({}, True),
        ({"download": False}, False),
        ({"cache": {"kind": "ephemeral"}}, False),
        ({"cache": {"claim": "mine"}}, False),
        ({"cache": {"claim": "mine"}, "download": True}, True),
    ],
)
def test_when_the_job_is_there(storage: dict[str, Any], wanted: bool) -> None:
    assert ("download" in chart_values({"storage": storage})) is wanted


def test_a_large_model_gets_more_time() -> None:
    spec = {"model": {"name": "llama-3.3-70b-instruct"}, "scaling": {"max": 1}}
    assert chart_values(spec)["download"]["timeoutSeconds"] > 4000


NVME = {"storage": {"cache": {"kind": "nvme"}}, "scaling": {"max": 2}}
DRIVES = {"storage": {"nvme": "local-nvme"}}


def test_nvme_on_bare_metal_alone() -> None:
    found = chart_values(NVME, DRIVES, shape="a10")
    assert (found["cache"]["kind"], found["cache"]["storageClassName"]) == ("nvme", "local-nvme")
    assert found["nodeSelector"] == {"node.kubernetes.io/instance-type": "BM.GPU.A10.4"}
    assert "affinity" not in found
    assert "download" not in found


def test_nodes_of_several_kinds_take_an_affinity() -> None:
    found = chart_values({}, shape="a10")
    (term,) = found["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    (expression,) = term["matchExpressions"]
    assert expression["key"] == "node.kubernetes.io/instance-type"
    assert expression["values"] == ["VM.GPU.A10.2", "BM.GPU.A10.4"]
    assert "nodeSelector" not in found


def test_nvme_on_virtual_machines_is_refused_with_the_reason() -> None:
    virtual = {**DRIVES, "clusters": [{"name": "phx", "shapes": {"a10": "VM.GPU.A10.2", "h100": "BM.GPU.H100.8"}}]}
    reason = (
        "a cache on nvme needs local drives, which only bare-metal nodes have; VM.GPU.A10.2 has none; "
        "use cache.kind fss or ephemeral"
    )
    assert [refusal.reason for refusal in resolved(NVME, virtual).refusals] == [reason]
    assert problems({**NVME, "shapes": {"a10": {}}}, virtual) == [f"spec.shapes.a10: {reason}"]
    named = {**NVME, "shapes": {"a10": {"nodes": ["VM.GPU.A10.2", "BM.GPU.A10.4"]}}}
    assert problems(named, DRIVES) == [f"spec.shapes.a10: {reason}"]


def test_a_cache_larger_than_the_drives() -> None:
    spec = {**NVME, "storage": {"cache": {"kind": "nvme", "size": "9Ti"}}, "shapes": {"a10": {}}}
    assert "a cache of 9216 GiB does not fit on the local drives of BM.GPU.A10.4" in problems(spec, DRIVES)[0]


def test_what_a_blueprint_allows_reaches_the_server() -> None:
    serving = {
        "args": {"trust-remote-code": True},
        "env": {"LD_PRELOAD": "/usr/lib/libjemalloc.so.2"},
        "unsafe": ["trust-remote-code", "LD_PRELOAD"],
    }
    found = chart_values({"serving": serving})
    assert flags(found)["trust-remote-code"] is True
    assert found["extraEnv"] == [{"name": "LD_PRELOAD", "value": "/usr/lib/libjemalloc.so.2"}]
    assert "extraEnv" not in chart_values({})


@pytest.mark.parametrize("source", ["pvc://weights/llama", "fss://weights"])
def test_one_claim_is_not_both_weights_and_cache(source: str) -> None:
    spec = {"model": {"source": source}, "storage": {"cache": {"claim": "weights"}}}
    [problem] = problems(spec)
    assert problem.startswith("spec.storage.cache.claim: weights holds the weights, and a pod cannot mount one claim")
    assert problems({**spec, "storage": {"cache": {"claim": "kernels"}}}) == []


def test_the_claim_that_is_made_for_the_cache_is_not_the_weights_either() -> None:
    weights = {"name": "qwen3-8b", "source": "pvc://chat-cache/qwen"}
    message = (
        "chat-cache is the claim that gpuyard creates for the cache; put the weights on another claim, or use no "
        "claim for the cache (cache.kind ephemeral)"
    )
    assert problems({"model": weights}) == [f"spec.model.source: {message}"]
    assert problems({"shapes": {"a10": {}, "h100": {"model": weights}}}) == [
        f"spec.shapes.h100.model.source: {message}"
    ]
    assert chart_values({"model": weights, "storage": {"cache": {"kind": "ephemeral"}}})


def test_a_shape_that_cannot_be_copied_is_what_is_wrong() -> None:
    spec = {
        "storage": {"download": True, "cache": {"claim": "weights"}},
        "shapes": {"a10": {}, "h100": {"model": {"name": "qwen3-8b", "source": "pvc://weights/qwen"}}},
    }
    assert [problem.partition(": ")[0] for problem in problems(spec)] == ["spec.shapes.h100.model.source"] * 2


LARGE = {"model": {"name": "llama-3.3-70b-instruct"}, "scaling": {"max": 1}, "shapes": {"h100": {}}}


@pytest.mark.parametrize(
    ("cache", "needed"),
    [
        ({"kind": "ephemeral", "size": "1Gi"}, 138),
        ({"kind": "block", "size": "50Gi"}, 138),
        ({"kind": "nvme", "size": "137Gi"}, 138),
        ({"kind": "block", "size": "138Gi"}, None),
        ({"kind": "ephemeral", "size": "138Gi"}, None),
        ({"kind": "fss", "size": "1Gi"}, None),
    ],
)
def test_a_cache_must_hold_the_weights(cache: dict[str, str], needed: int | None) -> None:
    message = (
        f"spec.storage.cache.size: {cache['size']} is too small for 131 GiB of weights (llama-3.3-70b-instruct); "
        f"at least {needed}Gi"
    )
    assert problems({**LARGE, "storage": {"cache": cache}}, DRIVES) == ([message] if needed else [])


@pytest.mark.parametrize("scaling", [{}, {"max": 2}, {"max": 8}])
def test_a_block_volume_serves_one_replica(scaling: dict[str, int]) -> None:
    """The second would wait for ever: the volume attaches to one node."""
    block = {"storage": {"cache": {"kind": "block"}}}
    assert problems({**block, "scaling": scaling}) == [
        "spec.storage.cache.kind: block: a block volume attaches to one node, and scaling.max is more than 1; "
        "use fss, or max: 1"
    ]
    assert problems({**block, "scaling": {"max": 1}}) == []


def test_weights_on_a_claim_need_no_cache() -> None:
    spec = merged(LARGE, {"model": {"source": "pvc://weights", "credentials": None}})
    assert problems({**spec, "storage": {"cache": {"kind": "block", "size": "1Gi"}}}) == []


@pytest.mark.parametrize(
    ("size", "most", "reason"),
    [
        ("900Gi", 1, "BM.GPU.H100.8: a pod needs 912 GiB of disk, its boot volume leaves 409"),
        ("60Gi", 8, "BM.GPU.H100.8: 8 pods need 576 GiB of disk, its boot volume leaves 409"),
        ("60Gi", 5, ""),
    ],
)
def test_a_cache_on_the_boot_volume_must_fit_as_often_as_its_node_has_pods(size: str, most: int, reason: str) -> None:
    cache = {"kind": "ephemeral", "size": size}
    found = problems({"storage": {"cache": cache}, "scaling": {"max": most}, "shapes": {"h100": {}}})
    whole = f"spec.shapes.h100: a cache on the boot volume is too large; {reason}; lower storage.cache.size, "
    assert found == ([f"{whole}or use cache.kind fss"] if reason else [])


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({}, ["attention is missing", "name is missing", "parameters is missing", "weightsBytes is missing"]),
        ({**FACTS, "paramaters": 1}, ["paramaters is not known; did you mean parameters?"]),
        ({**FACTS, "attention": {**FACTS["attention"], "layers": "x"}}, ['attention.layers is the text "x"; must be']),
        (
            {**FACTS, "attention": {**FACTS["attention"], "heads": 30}, "weightsBytes": 16},
            ["weightsBytes: must be at least two bits a parameter", "attention.heads: must be a multiple of kvHeads"],
        ),
    ],
)
def test_wrong_facts_in_plain_words(facts: dict[str, object], found: list[str]) -> None:
    said = problems({"model": {"name": None, "architecture": facts, "source": HERE}})
    found = [f"spec.model.architecture.{text}" for text in found]
    assert [text[: len(start)] for text, start in zip(said, found, strict=True)] == found


HUB = {"secret": "hf-token", "key": "token"}


def bare(**spec: object) -> list[str]:
    """Notes or problems of a blueprint as it is, without a token that the other tests have."""
    blueprint = merged(BLUEPRINT, {"spec": spec})
    files = {"stack.yaml": yamlio.dump(STACK).encode(), "blueprints/chat.yaml": yamlio.dump(blueprint).encode()}
    try:
        return [note for note in resolve(parse(files)).notes if "gated" in note]
    except InputError as error:
        return [problem.message for problem in error.problems]


GATED = (
    "llama-3.1-8b-instruct is gated: only accounts that accepted its license can download it; "
    "add credentials: {secret: …, key: …}, the Secret that holds your token"
)


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({}, [f"spec.model: {GATED}"]),
        ({"model": {"credentials": HUB}}, []),
        ({"model": {"source": "hf://acme/copy-of-llama"}}, []),
        ({"model": {"source": "pvc://weights"}}, []),
        (
            {"model": {"name": "qwen3-8b"}, "shapes": {"h100": {"model": {"name": "llama-3.1-8b-instruct"}}}},
            [f"spec.shapes.h100.model: {GATED}"],
        ),
        (
            {"serving": {"env": {"HF_ENDPOINT": "https://hub.example.com"}, "unsafe": ["HF_ENDPOINT"]}},
            [
                "blueprints/chat.yaml: llama-3.1-8b-instruct is gated, and the mirror in HF_ENDPOINT "
                "may require a token: if it does, add model.credentials"
            ],
        ),
    ],
)
def test_a_gated_model_needs_a_token(spec: dict[str, object], found: list[str]) -> None:
    assert bare(**spec) == found
