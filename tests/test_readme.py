"""README.md of the generated repository: what must be there before, how to call a model, every Secret and its use."""

import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

from gpuyard.project.load import parse
from gpuyard.render import readme
from gpuyard.resolve import resolve
from tests.conftest import write_tree
from tests.projects import STACK, resolved, sources

NONE = "\N{EN DASH}"
GATEWAY = {"gateway": {"name": "public", "namespace": "gateway"}}


def whole(spec: dict[str, Any], stack: dict[str, Any] | None = None) -> str:
    return readme.files(resolved(spec, stack))[PurePosixPath("README.md")]


def page(spec: dict[str, Any], stack: dict[str, Any] | None = None) -> str:
    return readme.files(resolved(spec, stack))[PurePosixPath("workloads/chat.md")]


def secrets(spec: dict[str, Any]) -> list[str]:
    table = page(spec, GATEWAY).partition("| namespace | kind |")[2].partition("```")[0]
    return [line for line in table.splitlines() if line.startswith("| inference")]


def test_the_readme_names_no_blueprint() -> None:
    """So that branches which add some never change it."""
    alone = readme.files(resolve(parse({"stack.yaml": sources({})["stack.yaml"]})))
    assert alone == {PurePosixPath("README.md"): whole({})}


def test_a_key_for_two_purposes_is_one_row_with_both() -> None:
    key = {"secret": "chat", "key": "all"}
    spec = {"model": {"credentials": key}, "expose": {"host": "chat.example.com", "apiKey": key}}
    (row,) = secrets(spec)
    purposes = "chat: download of the weights; chat: API key of the clients"
    assert row.startswith(f"| inference | Secret | chat | all | {purposes} |")


def test_two_keys_of_a_secret_are_one_row_that_says_what_each_is_for() -> None:
    first, second = {"secret": "chat", "key": "token"}, {"secret": "chat", "key": "api-key"}
    spec = {"model": {"credentials": first}, "expose": {"host": "chat.example.com", "apiKey": second}}
    assert secrets(spec) == [
        "| inference | Secret | chat | token, api-key | token: chat: download of the weights; api-key: chat: API key "
        "of the clients | `kubectl --namespace inference create secret generic chat --from-file=token=FILE "
        "--from-file=api-key=FILE` |"
    ]


def test_without_any() -> None:
    assert secrets({"model": {"name": "qwen3-8b"}}) == []
    ephemeral = {"model": {"name": "qwen3-8b"}, "storage": {"cache": {"kind": "ephemeral"}}}
    assert "StorageClass" not in page(ephemeral)
    nowhere = {"clusters": [{**STACK["spec"]["clusters"][0], "blueprints": {}}]}
    assert "Nothing more than what the [README](../README.md) lists." in page({}, nowhere)
    assert "| namespace |" not in whole({})


# --- a new cluster -------------------------------------------------------------------------------------------

TWO = {
    "clusters": [
        {"name": "phx", "shapes": {"a10": "VM.GPU.A10.2"}, "blueprints": {"chat": "a10"}},
        {"name": "iad", "shapes": {"h100": "BM.GPU.H100.8"}, "blueprints": {}},
    ]
}


def blocks(text: str) -> list[list[str]]:
    """The commands of every block under the heading."""
    parts = text.partition("### Commands")[2].partition("\n## ")[0].split("```")
    return [part.strip().splitlines() for part in parts[1::2]]


def created(text: str) -> list[list[str]]:
    """The commands of every block for a blueprint."""
    parts = text.partition("## Before its first sync")[2].split("```")
    return [part.strip().splitlines() for part in parts[1::2]]


def test_every_cluster_has_commands_of_its_own() -> None:
    """One block for all would give the second cluster's objects to the first."""
    key = {"secret": "hf-token", "key": "token"}
    first, second = blocks(whole({"model": {"credentials": key}}, TWO))
    for cluster, lines in (("phx", first), ("iad", second)):
        assert lines == [
            f"kubectl --context {cluster} create namespace inference",
            f"grep -h '^kubectl --context {cluster} .* create' workloads/*.md | sort -u",
            f"kubectl --context {cluster} apply -f clusters/{cluster}",
        ]
    create = "kubectl --context phx --namespace inference create secret generic hf-token --from-file=token=FILE"
    assert created(page({"model": {"credentials": key}}, TWO)) == [[create]]


def test_the_readme_finds_the_commands_of_the_pages(tmp_path: Path) -> None:
    """As a shell does it."""
    text = page({"model": {"credentials": {"secret": "hf-token", "key": "token"}}})
    write_tree(tmp_path, {PurePosixPath(f"workloads/{name}.md"): text for name in ("chat", "docs")})
    [lines] = blocks(whole({}))
    done = subprocess.run(["sh", "-c", lines[1]], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == created(text)[0]


def test_secrets_of_every_kind() -> None:
    stack = {
        "repository": {"url": "ssh://git@git.example.com/demo", "secret": "git"},
        "images": {"pullSecrets": ["ocir"]},
        "ingress": {"className": "nginx", "namespace": "ingress", "tlsSecret": "wildcard"},
    }
    key = {"secret": "chat", "key": "api"}
    spec = {"model": {"credentials": {**key, "key": "hf"}}, "expose": {"host": "chat.example.com", "apiKey": key}}
    create = "kubectl --context phx --namespace"
    (lines,) = blocks(whole(spec, stack))
    assert lines[1:-2] == [
        f"{create} flux-system create secret generic git --from-file=identity=FILE --from-file=known_hosts=FILE",
        f"{create} inference create secret docker-registry ocir --from-file=.dockerconfigjson=FILE",
    ]
    assert created(page(spec, stack)) == [
        [
            f"{create} inference create secret generic chat --from-file=hf=FILE --from-file=api=FILE",
            f"{create} inference create secret tls wildcard --cert=FILE --key=FILE",
        ]
    ]


def needs(spec: dict[str, Any], stack: dict[str, Any] | None = None) -> str:
    """Of a cluster, and of one that runs the blueprint."""
    first = whole(spec, stack).partition("Before its first sync it needs:")[2].partition("###")[0]
    return first + page(spec, stack).partition("## Before its first sync")[2].partition("```")[0]


def test_file_storage_must_be_writable() -> None:
    """OKE ignores fsGroup there: without this every download ends with an error that nobody expects."""
    text = needs({})
    assert "StorageClass `oci-fss`: ReadWriteMany on File Storage" in text
    assert all(words in text for words in ("10001", "fsGroupPolicy: File", "exportOptions", "docs.oracle.com"))
    assert "oci-bv" not in text


def test_storage_that_is_used_and_no_other() -> None:
    block = {"storage": {"cache": {"kind": "block"}}, "scaling": {"max": 1}}
    assert "StorageClass `oci-bv`: ReadWriteOnce" in needs(block)
    assert "File Storage" not in needs(block)
    claims = needs({"model": {"source": "pvc://weights/chat"}, "storage": {"cache": {"claim": "kernels"}}})
    assert "StorageClass `" not in claims
    assert all(f"the volume claim `{name}` in `inference`" in claims for name in ("weights", "kernels"))


def test_node_pools_have_room_a_driver_and_a_tag() -> None:
    """Left as OKE makes them, their pods stay Pending, and nothing tells why."""
    text = needs({})
    assert "node pools of `VM.GPU.A10.2`: a boot volume of at least 200 GB, grown by" in text
    assert "node pools of `BM.GPU.A10.4`: a boot volume of at least 512 GB, grown by" in text
    assert "add-on `NvidiaGpuPlugin`) and a driver of branch 580 or newer, for CUDA 13.0" in text
    assert "tag `cluster-autoscaler/node-ephemeral-storage`" in text
    assert "H100" not in text  # the model runs on the first shape of its cluster
    shared = needs({"values": {"gpu": {"resource": "amd.com/gpu"}}})
    assert "boot volume" in shared
    assert "NVIDIA" not in shared


def test_the_pools_of_a_stack_are_a_note() -> None:
    notes = [each for each in resolved({}).notes if "oci-growfs" in each or "node pools" in each]
    (note,) = notes
    assert note.startswith("stack.yaml:")
    assert "VM.GPU.A10.2 200 GB" in note
    assert "BM.GPU.H100.8" in note


def test_what_others_install() -> None:
    listener = {"gateway": {**GATEWAY["gateway"], "listener": "https"}}
    assert "Gateway `gateway/public`, whose listener `https` takes routes from the namespace `inference`" in needs(
        {}, listener
    )
    assert "PriorityClass" not in needs({})
    stack = {
        "scheduling": {"priorityClass": "models", "runtimeClass": "nvidia"},
        "ingress": {"className": "nginx", "namespace": "ingress", "plainHttp": True},
        "platform": {
            "keda": {"enabled": False},
            "prometheus": {
                "enabled": False,
                "address": "http://prom.observability.svc:9090",
                "labels": {"release": "kps"},
            },
        },
    }
    text = needs({"priorityClass": "first"}, stack)
    for words in (
        "PriorityClass `first`",
        "RuntimeClass `nvidia`",
        "IngressClass `nginx`",
        "KEDA 2.20",
        "`release: kps`",
    ):
        assert words in text
    assert "PriorityClass `models`" not in text


# --- calling a model -----------------------------------------------------------------------------------------


def row(spec: dict[str, Any], stack: dict[str, Any] | None = None) -> str:
    (found,) = (line for line in page(spec, stack).splitlines() if line.startswith("| `") and "`model`" not in line)
    return found


def test_how_a_model_is_called() -> None:
    key = {"secret": "chat", "key": "api"}
    inside = "| `chat` | `http://chat.inference.svc:8000/v1` |"
    assert (
        row({"clientNamespaces": ["apps"], "expose": {"apiKey": key}})
        == f"{inside} `apps` | {NONE} | `api` of `chat` |"
    )
    exposed = {"model": {"servedName": "llama"}, "expose": {"host": "chat.example.com"}}
    assert row(exposed, GATEWAY).endswith(f"| {NONE} | `https://chat.example.com/v1` | {NONE} |")
    assert "| `llama` |" in row(exposed, GATEWAY)
    plain = {"ingress": {"className": "nginx", "namespace": "ingress", "plainHttp": True}}
    assert "`http://chat.example.com/v1`" in row(exposed, plain)


def test_a_model_that_nobody_may_call() -> None:
    assert "No requests are accepted yet: set `clientNamespaces`" in page({})
    assert "No requests are accepted yet" not in page({"clientNamespaces": ["apps"]})


def test_clusters_follow_what_is_pushed() -> None:
    text = whole({}, {"repository": {"url": STACK["spec"]["repository"]["url"], "branch": "prod"}})
    assert "`gpuyard compile --push` does the same on `prod`" in text
    assert "Clusters only see what is pushed" in text
