"""README.md of the generated repository: what must be there before, how to call a model, every Secret and its use."""

from pathlib import PurePosixPath
from typing import Any

from gpuyard.render import readme
from tests.projects import STACK, resolved

NONE = "\N{EN DASH}"
GATEWAY = {"gateway": {"name": "public", "namespace": "gateway"}}


def page(spec: dict[str, Any], stack: dict[str, Any] | None = None) -> str:
    return readme.files(resolved(spec, stack))[PurePosixPath("README.md")]


def secrets(spec: dict[str, Any]) -> list[str]:
    text = page(spec, GATEWAY)
    table = text.partition("## Secrets")[2].partition("##")[0]
    return [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| namespace")]


def test_a_key_for_two_purposes_is_one_row_with_both() -> None:
    key = {"secret": "chat", "key": "all"}
    spec = {"model": {"credentials": key}, "expose": {"host": "chat.example.com", "apiKey": key}}
    (row,) = secrets(spec)
    assert row.startswith("| inference | chat | all | chat: download of the weights; chat: API key of the clients |")


def test_two_keys_of_a_secret_are_one_row_that_says_what_each_is_for() -> None:
    first, second = {"secret": "chat", "key": "token"}, {"secret": "chat", "key": "api-key"}
    spec = {"model": {"credentials": first}, "expose": {"host": "chat.example.com", "apiKey": second}}
    assert secrets(spec) == [
        "| inference | chat | token, api-key | token: chat: download of the weights; api-key: chat: API key of the "
        "clients | `kubectl --namespace inference create secret generic chat --from-file=token=FILE "
        "--from-file=api-key=FILE` |"
    ]


def test_without_any() -> None:
    [row] = secrets({"model": {"name": "qwen3-8b"}})
    assert row.startswith(f"| {NONE} | {NONE} | {NONE} | none is needed |")


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


def test_every_cluster_has_commands_of_its_own() -> None:
    """One block for all would give the second cluster's objects to the first."""
    key = {"secret": "hf-token", "key": "token"}
    first, second = blocks(page({"model": {"credentials": key}}, TWO))
    assert first == [
        "kubectl --context phx create namespace inference",
        "kubectl --context phx --namespace inference create secret generic hf-token --from-file=token=FILE",
        "kubectl --context phx apply -f clusters/phx",
    ]
    assert second == ["kubectl --context iad create namespace inference", "kubectl --context iad apply -f clusters/iad"]


def test_secrets_of_every_kind() -> None:
    stack = {
        "repository": {"url": "ssh://git@git.example.com/demo", "secret": "git"},
        "images": {"pullSecrets": ["ocir"]},
        "ingress": {"className": "nginx", "namespace": "ingress", "tlsSecret": "wildcard"},
    }
    key = {"secret": "chat", "key": "api"}
    spec = {"model": {"credentials": {**key, "key": "hf"}}, "expose": {"host": "chat.example.com", "apiKey": key}}
    (lines,) = blocks(page(spec, stack))
    create = "kubectl --context phx --namespace"
    assert lines[1:-1] == [
        f"{create} flux-system create secret generic git --from-file=identity=FILE --from-file=known_hosts=FILE",
        f"{create} inference create secret docker-registry ocir --from-file=.dockerconfigjson=FILE",
        f"{create} inference create secret generic chat --from-file=hf=FILE --from-file=api=FILE",
        f"{create} inference create secret tls wildcard --cert=FILE --key=FILE",
    ]


def needs(spec: dict[str, Any], stack: dict[str, Any] | None = None) -> str:
    return page(spec, stack).partition("Before its first sync it needs:")[2].partition("###")[0]


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
    assert "StorageClass" not in claims
    assert all(f"the volume claim `{name}` in `inference`" in claims for name in ("weights", "kernels"))


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
    (found,) = (line for line in page(spec, stack).splitlines() if line.startswith("| chat | `"))
    return found


def test_how_a_model_is_called() -> None:
    key = {"secret": "chat", "key": "api"}
    inside = "| chat | `chat` | `http://chat.inference.svc:8000/v1` |"
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
    assert "No requests are accepted yet by chat" in page({})
    assert "No requests are accepted yet" not in page({"clientNamespaces": ["apps"]})


def test_clusters_follow_what_is_pushed() -> None:
    text = page({}, {"repository": {"url": STACK["spec"]["repository"]["url"], "branch": "prod"}})
    assert "`gpuyard compile --push` does the same on `prod`" in text
    assert "Clusters only see what is pushed" in text
