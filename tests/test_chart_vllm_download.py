"""charts/vllm: the Job that copies weights: what it copies, what it says when it fails, when it is another one."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.chart.rendering import CHART, case, objects, pod, server

Spec = dict[str, Any]

JOB, ACCOUNT, POLICY = "download-Job", "download-ServiceAccount", "download-NetworkPolicy"


def job(**changes: Any) -> Spec:
    return objects(case("shared-cache", **changes))[JOB]


def template(**changes: Any) -> Spec:
    found: Spec = job(**changes)["spec"]["template"]["spec"]
    return found


@cache
def download() -> Spec:
    (found,) = template()["containers"]
    assert isinstance(found, dict)
    return found


def await_weights(**changes: Any) -> Spec:
    (found,) = [
        each for each in pod(case("shared-cache", **changes))["initContainers"] if each["name"] == "await-weights"
    ]
    assert isinstance(found, dict)
    return found


# --- what is copied -----------------------------------------------------------------------------------------

# As much of huggingface_hub as the script uses; what is copied lies in `cache` afterwards.
HUB = """\
import fnmatch, json, pathlib, types
HERE = pathlib.Path(__file__).parent
CONTENT = json.loads((HERE / "content.json").read_text()) if (HERE / "content.json").exists() else {}
class HfApi:
    def model_info(self, name, revision=None):
        files = json.loads((HERE / "repositories.json").read_text())[name]
        return types.SimpleNamespace(siblings=[types.SimpleNamespace(rfilename=file) for file in files])
def snapshot_download(name, revision=None, ignore_patterns=None):
    folder = HERE / "cache" / name
    for each in HfApi().model_info(name).siblings:
        if not any(fnmatch.fnmatch(each.rfilename, pattern) for pattern in ignore_patterns):
            (folder / each.rfilename).parent.mkdir(parents=True, exist_ok=True)
            (folder / each.rfilename).write_text(CONTENT.get(each.rfilename, ""))
    return str(folder)
"""
FAIL = """\
class Failure(Exception):
    def __init__(self, status):
        self.response = type("Response", (), {{"status_code": status}})
def snapshot_download(name, revision=None, **_):
    {0}
class HfApi:
    def model_info(self, name, revision=None):
        snapshot_download(name)
"""


def argv(container: Spec, library: Path, *args: str, before: str = "") -> list[str]:
    """The container's own command, with a huggingface_hub of the test's."""
    script = f"import sys; sys.path.insert(0, {str(library)!r})\n" + before + container["command"][-1]
    return [sys.executable, *container["command"][1:-1], script, *args]


def copy(
    library: Path,
    marker: Path,
    *,
    wanted: Sequence[Sequence[str]] = (("a/b", ""), ("a/lora", "1")),
    form: str = "auto",
    ignore: Sequence[str] = (),
    seconds: int = 60,
    before: str = "",
) -> subprocess.CompletedProcess[str]:
    args = json.dumps(wanted), form, json.dumps(ignore), str(marker), str(seconds)
    command = argv(download(), library, *args, before=before)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def hub(library: Path, **repositories: Sequence[str]) -> None:
    (library / "huggingface_hub.py").write_text(HUB)
    named = {f"a/{name}": list(files) for name, files in repositories.items()}
    (library / "repositories.json").write_text(json.dumps(named))


def copied(library: Path, name: str) -> set[str]:
    folder = library / "cache" / "a" / name
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
TEXTS = ["config.json", "tokenizer.json"]
LLAMA = [*TEXTS, *SHARDS]
MISTRAL = [*TEXTS, "params.json", "tekken.json", "consolidated.safetensors"]
REPOSITORIES: dict[str, tuple[str, list[str], list[str]]] = {
    "shards, and Meta's own files": ("auto", LLAMA, ["original/consolidated.00.pth", "original/params.json"]),
    "gpt-oss": ("auto", LLAMA, ["original/model.safetensors", "metal/model.bin"]),
    "Mistral's own file, which vLLM reads first": ("auto", MISTRAL, SHARDS[:2]),
    "Mistral's in Transformers' form": ("hf", [*LLAMA, "params.json"], ["consolidated.safetensors"]),
    "Mistral's as safetensors": ("safetensors", [*LLAMA, "params.json"], ["consolidated-00001-of-00001.safetensors"]),
    "Mistral's as said": ("mistral", MISTRAL, SHARDS[:2]),
    "a consolidated file that vLLM could not configure": ("auto", LLAMA, ["consolidated.safetensors"]),
    "one that has nothing else": ("safetensors", [*TEXTS, "consolidated.safetensors"], []),
    "every framework's": (
        "auto",
        [*TEXTS, "model.safetensors"],
        [
            *("pytorch_model.bin", "weights.pt", "tf_model.h5", "flax_model.msgpack", "rust_model.ot"),
            *("model.gguf", "onnx/model.onnx", "onnx/model.onnx_data", "openvino/openvino_model.bin", "model.onnx"),
        ],
    ),
    "nothing but PyTorch's": ("auto", [*TEXTS, "pytorch_model-00001-of-00001.bin"], ["consolidated.00.pth"]),
    "PyTorch's, as asked for": ("pt", [*TEXTS, "weights.pt"], ["model.safetensors"]),
    "nothing but GGUF": ("auto", ["model-q4.gguf", "model-q8.gguf", "README.md"], []),
    "GGUF as asked for": ("gguf", [*TEXTS, "model-q4.gguf"], ["model.safetensors"]),
    "layers in folders of their own": (
        "auto",
        [*TEXTS, "model.safetensors", "1_Dense/config.json", "2_Dense/model.safetensors", "3_Dense/pytorch_model.bin"],
        ["2_Dense/pytorch_model.bin", "pytorch_model.bin"],
    ),
    "a layer in another format than the model": ("auto", ["pytorch_model.bin", "2_Dense/model.safetensors"], []),
    "an adapter": ("auto", ["adapter_config.json", "adapter_model.safetensors"], ["adapter_model.bin"]),
    "what training leaves": (
        "auto",
        [*TEXTS, "model.safetensors"],
        ["optimizer.pt", "scheduler.pt", "training_args.bin", "rng_state.pth", "checkpoint-500/model.safetensors",
         "global_step100/mp_rank_00_model_states.pt", "model.ckpt", "model.nemo", "weights.npz"],
    ),
    "an adapter and what its training left": (
        "auto",
        ["adapter_config.json", "adapter_model.bin"],
        ["checkpoint-1/adapter_model.safetensors", "checkpoint-1/optimizer.pt", "training_args.bin", "scaler.pt"],
    ),
    "layers beside weights of another format": (
        "auto", ["model.safetensors", "sparse_linear.pt", "colbert_linear.pt"], ["pytorch_model.bin", "old.pt"]
    ),
    "folders as of diffusion": (
        "auto",
        ["model_index.json", "transformer/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.bin"],
        ["transformer/diffusion_pytorch_model.bin", "transformer/diffusion_flax_model.msgpack"],
    ),
    "shards, and all in one file": ("auto", LLAMA, ["model.safetensors"]),
    "shards in a folder, and all in one file": (
        "hf", [*TEXTS, *(f"a/{file}" for file in SHARDS)], ["a/model.safetensors"]
    ),
    "shards of two models": ("auto", [*LLAMA, "mtp.safetensors", "vision-00001-of-00002.safetensors"], []),
    "a consolidated file in a folder, which would be looked for outside of it": (
        "auto", LLAMA, ["mistral/consolidated.safetensors"]
    ),
    "names like patterns": ("auto", ["model[1].safetensors", "1.bin.json"], ["model[1].bin", "*.bin"]),
    "all": ("all", [*LLAMA, "consolidated.safetensors", "metal/model.bin", "model.tensors"], []),
}  # fmt: skip


@pytest.mark.parametrize("name", REPOSITORIES)
def test_only_what_its_format_needs_is_copied(name: str, tmp_path: Path) -> None:
    form, needed, other = REPOSITORIES[name]
    hub(tmp_path, b=[*other, *needed])
    done = copy(tmp_path, tmp_path / "ready" / "marker", wanted=[("a/b", "")], form=form)
    assert done.returncode == 0, done.stderr
    assert copied(tmp_path, "b") == set(needed)


@pytest.mark.parametrize(
    ("index", "kept"),
    [
        ({"weight_map": {"a": SHARDS[0], "b": SHARDS[1]}}, False),
        ({"weight_map": {"a": SHARDS[0], "b": "model.safetensors"}}, True),
        ({"weight_map": {"a": "model.safetensors"}}, True),
        ({}, False),
        ([], False),
    ],
)
def test_the_index_decides_which_of_two_copies_is_read(index: object, kept: bool, tmp_path: Path) -> None:
    hub(tmp_path, b=[*LLAMA, "model.safetensors"])
    (tmp_path / "content.json").write_text(json.dumps({SHARDS[2]: json.dumps(index)}))
    done = copy(tmp_path, tmp_path / "ready" / "marker", wanted=[("a/b", "")])
    assert done.returncode == 0, done.stderr
    assert copied(tmp_path, "b") == {*LLAMA, *(["model.safetensors"] if kept else [])}


def test_an_adapter_has_a_format_of_its_own(tmp_path: Path) -> None:
    hub(tmp_path, b=["params.json", "consolidated.safetensors"], lora=["adapter_model.safetensors"])
    done = copy(tmp_path, tmp_path / "ready" / "marker", form="mistral")
    assert done.returncode == 0, done.stderr
    assert copied(tmp_path, "lora") == {"adapter_model.safetensors"}
    assert (tmp_path / "ready" / "marker").read_text() == f"{tmp_path}/cache/a/b\n{tmp_path}/cache/a/lora\n"


def test_what_is_ignored_is_not_copied_either(tmp_path: Path) -> None:
    hub(tmp_path, b=[*LLAMA, "docs/a.md", "x/model.safetensors"])
    assert copy(tmp_path, tmp_path / "m", wanted=[("a/b", "")], ignore=["*.md", "x/*"]).returncode == 0
    assert copied(tmp_path, "b") == set(LLAMA)


@pytest.mark.parametrize(
    ("files", "form", "ignore", "words"),
    [
        (TEXTS, "auto", [], "reads as auto (safetensors consolidated pt gguf)"),
        (
            [*TEXTS, "consolidated.00.pth", "original/model.safetensors"],
            "auto",
            [],
            "none of its 4 files holds weights",
        ),
        ([*TEXTS, "model.safetensors"], "mistral", [], "reads as mistral (consolidated)"),
        ([*TEXTS, "model.safetensors"], "pt", [], "reads as pt (pt)"),
        (LLAMA, "auto", ["*.safetensors"], "look at the repository, load-format and download.ignore"),
        ([*TEXTS, "training_args.bin", "optimizer.pt", "scheduler.pt"], "auto", [], "none of its 5 files"),
        ([*TEXTS, "checkpoint-20/model.safetensors"], "hf", [], "none of its 3 files holds weights"),
        (LLAMA, "all", ["*"], "none of its 5 files holds weights that vLLM reads as all (any file)"),
    ],
)
def test_a_copy_without_weights_fails(
    files: list[str], form: str, ignore: list[str], words: str, tmp_path: Path
) -> None:
    hub(tmp_path, b=files)
    done = copy(tmp_path, tmp_path / "ready" / "marker", wanted=[("a/b", "")], form=form, ignore=ignore)
    assert done.returncode == 1
    assert done.stderr.startswith("a/b: none of its ")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "ready" / "marker").exists()
    assert not (tmp_path / "cache").exists()


# --- who waits for it, and when it ends ----------------------------------------------------------------------


def test_weights_are_copied_once_for_all_pods(tmp_path: Path) -> None:
    wait = await_weights()
    wanted, form, ignore, marker, seconds = download()["args"]
    assert json.loads(wanted) == [
        ["meta-llama/Llama-3.1-8B-Instruct", "0e9e39f249a16976918f6564b8830bc894c89659"],
        ["acme/sql-lora", "0123456789abcdef0123456789abcdef01234567"],
    ]
    assert (form, json.loads(ignore), seconds) == ("auto", ["original/*"], "7200")
    assert wait["args"][0] == marker
    here = tmp_path / "ready" / "marker"
    hub(tmp_path, b=LLAMA, lora=["adapter_model.safetensors"])
    with subprocess.Popen(argv(wait, tmp_path, str(here), "300"), stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr
        assert "look at the download Job" in waiting.stderr.readline()
        assert waiting.poll() is None
        assert copy(tmp_path, here).returncode == 0
        assert waiting.wait(timeout=10) == 0


def test_what_is_there_is_not_asked_for_again(tmp_path: Path) -> None:
    """A Job that is made anew, such as for another version of vLLM, ends at once; without Hugging Face, too."""
    marker = tmp_path / "ready" / "marker"
    hub(tmp_path, b=LLAMA, lora=["adapter_model.safetensors"])
    assert copy(tmp_path, marker).returncode == 0
    (tmp_path / "huggingface_hub.py").write_text(FAIL.format("raise Failure(503)"))
    done = copy(tmp_path, marker)
    assert (done.returncode, done.stdout) == (0, "everything is in the cache already\n")


@pytest.mark.parametrize("content", ["", "{0}/cache/a/b\n"])
def test_a_marker_that_was_cut_is_none(content: str, tmp_path: Path) -> None:
    """As a file server leaves one that goes down."""
    marker = tmp_path / "ready" / "marker"
    hub(tmp_path, b=LLAMA, lora=["adapter_model.safetensors"])
    assert copy(tmp_path, marker).returncode == 0
    whole = marker.read_text()
    marker.write_text(content.format(tmp_path))
    (tmp_path / "cache" / "a" / "lora" / "adapter_model.safetensors").unlink()
    done = copy(tmp_path, marker)
    assert (done.returncode, done.stdout, marker.read_text()) == (0, "", whole)


def test_two_jobs_may_fill_one_cache(tmp_path: Path) -> None:
    """Of two blueprints with one model; the second begins and ends while the first one copies."""
    marker, begun, go = tmp_path / "ready" / "marker", tmp_path / "begun", tmp_path / "go"
    hub(tmp_path, b=LLAMA, lora=["adapter_model.safetensors"])
    pod = "import os, pathlib, time, types\nos.uname = lambda: types.SimpleNamespace(nodename={0!r})\n"
    args = json.dumps([("a/b", ""), ("a/lora", "1")]), "auto", "[]", str(marker), "20"
    slow = pod.format("one") + "import huggingface_hub as hub\nreal = hub.snapshot_download\n"
    slow += f"def held(*args, **kwargs):\n    pathlib.Path({str(begun)!r}).touch()\n"
    slow += f"    while not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
    slow += "    return real(*args, **kwargs)\nhub.snapshot_download = held\n"
    with subprocess.Popen(argv(download(), tmp_path, *args, before=slow), stderr=subprocess.PIPE, text=True) as one:
        while not begun.exists() and one.poll() is None:
            time.sleep(0.01)
        assert copy(tmp_path, marker, before=pod.format("two")).returncode == 0
        written = marker.read_text()
        go.touch()
        assert one.communicate(timeout=20)[1] == ""
        assert one.returncode == 0
    assert marker.read_text() == written == f"{tmp_path}/cache/a/b\n{tmp_path}/cache/a/lora\n"
    assert list(marker.parent.iterdir()) == [marker]


def test_what_was_deleted_since_is_copied_again(tmp_path: Path) -> None:
    marker = tmp_path / "ready" / "marker"
    marker.parent.mkdir()
    marker.write_text(f"{tmp_path}/cache/a/b\n")
    (tmp_path / "huggingface_hub.py").write_text(FAIL.format("raise Failure(503)"))
    assert copy(tmp_path, marker).returncode == 1
    assert not marker.exists(), "pods would no longer wait"
    hub(tmp_path, b=LLAMA, lora=["adapter_model.safetensors"])
    assert copy(tmp_path, marker).returncode == 0
    assert copied(tmp_path, "b") == set(LLAMA)


# --- what it says --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("raise Failure(401)", "a/b: Hugging Face answers 401: the token is missing or wrong"),
        ("raise OSError('no cached snapshot') from Failure(403)", "has not accepted the model's license"),
        ("raise Failure(404)", "a/b: Hugging Face has no such model, or no revision main of it"),
        ("raise Failure(503)", "a/b: Hugging Face answers 503"),
        ("import socket; socket.create_connection(('127.0.0.1', 1))", "cannot be reached (ConnectionRefusedError: "),
        ("import ssl; raise ssl.SSLCertVerificationError(1, 'x')", "shows a certificate that is not trusted here"),
        ("import ssl; raise ssl.SSLError(1, '[SSL: WRONG_VERSION_NUMBER]')", "cannot be reached (SSLError: "),
        ("raise PermissionError(13, 'Permission denied', '/cache/hf')", "/cache/hf: user "),
        (
            "raise OSError(28, 'No space left on device', '/cache/hf/x')",
            "make the cache larger, or delete models and revisions",
        ),
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_a_copy_that_fails_says_why_in_one_line(tmp_path: Path, failure: str, words: str, listed: bool) -> None:
    """When its files are listed, or afterwards."""
    text = FAIL.format(failure)
    if listed:
        siblings = "types.SimpleNamespace(siblings=[types.SimpleNamespace(rfilename='model.safetensors')])"
        text = "import types\n" + text.replace("        snapshot_download(name)", f"        return {siblings}")
    (tmp_path / "huggingface_hub.py").write_text(text)
    done = copy(tmp_path, tmp_path / "ready" / "marker")
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "ready" / "marker").exists()


def test_a_cache_that_is_not_the_users_is_named_before_anything_is_copied(tmp_path: Path) -> None:
    (tmp_path / "huggingface_hub.py").write_text("raise SystemExit('too late')")
    refuse = (
        "import os\ndef refuse(path, **_): raise PermissionError(13, 'Permission denied', path)\nos.makedirs = refuse\n"
    )
    done = copy(tmp_path, Path("/cache/ready/marker"), before=refuse)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"/cache/ready: user {os.getuid()}, group {os.getgid()} may not write (Permission denied)"
    )
    assert "squash" in done.stderr


def test_a_copy_that_hangs_ends_and_is_tried_again(tmp_path: Path) -> None:
    """Also while it waits for its threads; the Job has no deadline and counts no failures."""
    hang = "import concurrent.futures, time; concurrent.futures.ThreadPoolExecutor().submit(time.sleep, 60).result()"
    (tmp_path / "huggingface_hub.py").write_text(FAIL.format(hang))
    done = copy(tmp_path, tmp_path / "ready" / "marker", seconds=1)
    assert done.returncode == 1
    assert done.stderr == "the copy is not complete after 1 s (download.timeoutSeconds); another try goes on\n"
    spec = job()["spec"]
    assert "activeDeadlineSeconds" not in spec
    assert (spec["backoffLimit"], spec["template"]["spec"]["restartPolicy"]) == (2**31 - 1, "OnFailure")


def test_an_error_of_our_own_keeps_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "huggingface_hub.py").write_text(FAIL.format("raise TypeError('unexpected')"))
    assert "Traceback" in copy(tmp_path, tmp_path / "ready" / "marker").stderr


# --- another one, or the same anew ---------------------------------------------------------------------------

ADAPTERS = [{"id": "acme/sql", "revision": "0" * 40}]
OTHER_WEIGHTS: list[Spec] = [
    {"model": {"revision": "main"}},
    {"model": {"id": "acme/another"}},
    {"download": {"ignore": []}},
    {"download": {"format": "hf"}},
    {"download": {"adapters": ADAPTERS}},
]
SAME_WEIGHTS: list[Spec] = [
    {"image": {"tag": "v0.33.0"}},
    {"commonLabels": {"team": "chat"}},
    {"extraEnv": [{"name": "HF_ENDPOINT", "value": "https://hf.example.com"}]},
    {"download": {"resources": {"limits": {"memory": "6Gi"}}}},
    {"download": {"nodeSelector": {"example.com/pool": "other"}}},
]


def name(**changes: Any) -> str:
    return str(job(**changes)["metadata"]["name"])


@pytest.mark.parametrize("first", [True, False])
def test_pods_wait_for_what_the_job_copies(first: bool) -> None:
    markers = set()
    for change in [{}, *OTHER_WEIGHTS]:
        changes = {**change, "download": {**change.get("download", {}), "first": first}}
        marker = template(**changes)["containers"][0]["args"][3]
        assert await_weights(**changes)["args"][0] == marker
        markers.add(marker)
    assert len(markers) == 1 + len(OTHER_WEIGHTS)
    for change in SAME_WEIGHTS:
        assert await_weights(**change)["args"][0] == await_weights()["args"][0]


def test_helm_gets_another_job_for_whatever_changes_of_its_pod() -> None:
    """Helm can't change the pod of a Job, and doesn't replace one."""
    found = [name(**change) for change in ({}, *OTHER_WEIGHTS, *SAME_WEIGHTS)]
    assert len(set(found)) == len(found)
    assert name() == name(args=["--max-model-len=1"], download={"enabled": True})
    assert all(len(one) <= 63 and one.startswith("chat-download-") for one in found)
    assert len(name(fullnameOverride="a" * 46)) <= 63
    assert "annotations" not in job()["metadata"]


def test_an_engine_gets_another_job_for_other_weights_only() -> None:
    """For the rest it makes the same Job anew, which the annotations ask of Flux and Argo CD."""

    def of_engine(change: Spec) -> Spec:
        return job(**{**change, "download": {**change.get("download", {}), "first": True}})

    def names(changes: list[Spec]) -> set[str]:
        return {of_engine(change)["metadata"]["name"] for change in changes}

    assert len(names([{}, *OTHER_WEIGHTS])) == 1 + len(OTHER_WEIGHTS)
    assert names(SAME_WEIGHTS) == names([{}])
    pods = [of_engine(change)["spec"]["template"] for change in ({}, *SAME_WEIGHTS)]
    assert all(pods[0] != each for each in pods[1:])
    assert of_engine({})["metadata"]["annotations"] == {
        "kustomize.toolkit.fluxcd.io/force": "enabled",
        "argocd.argoproj.io/sync-options": "Force=true,Replace=true",
    }


@pytest.mark.parametrize(("first", "seconds"), [(False, 3600), (True, 0)])
def test_a_download_counts_towards_the_deadline_where_it_is_not_over_before(first: bool, seconds: int) -> None:
    values = case("shared-cache", download={"timeoutSeconds": 3600, "first": first})
    assert objects(values)["Deployment"]["spec"]["progressDeadlineSeconds"] == seconds + 1800 + 900 + 330


def test_a_second_release_copies_for_the_first() -> None:
    """As README says: into the same PVC, with no server; the first then finds what it waits for."""
    new = {"model": {"revision": "main"}}
    second = objects(
        case(
            "shared-cache",
            **new,
            fullnameOverride="copy",
            cache={"kind": "claim", "claim": "chat-cache"},
            autoscaling={"enabled": False},
            replicas=0,
        )
    )
    assert second["Deployment"]["spec"]["replicas"] == 0
    assert "PersistentVolumeClaim" not in second
    copying = second[JOB]["spec"]["template"]["spec"]
    assert copying["volumes"][0]["persistentVolumeClaim"]["claimName"] == "chat-cache"
    assert copying["containers"][0]["args"] == template(**new)["containers"][0]["args"]


# --- scripts that stand once for all --------------------------------------------------------------------------


def test_scripts_may_come_from_a_config_map() -> None:
    found = objects(case("shared-cache", scripts={"configMap": "site-scripts"}))
    inside = [found[key]["spec"]["template"]["spec"] for key in ("Deployment", JOB)] + [found["test-Pod"]["spec"]]
    ran = []
    for each in inside:
        assert {"name": "scripts", "configMap": {"name": "site-scripts"}} in each["volumes"]
        for container in [*each.get("initContainers", ()), *each["containers"]]:
            mounted = {"name": "scripts", "mountPath": "/scripts", "readOnly": True} in container["volumeMounts"]
            assert mounted == (container["name"] != "vllm")
            ran += container["command"][2:] if mounted else []
    assert ran == [f"/scripts/{name}.py" for name in ("trust", "await", "apikey", "trust", "download", "test")]
    assert {Path(each).name for each in ran} == {file.name for file in (CHART / "files").iterdir() if file.is_file()}
    assert "scripts" not in str(objects(case("default", scripts={"configMap": "a"}))["Deployment"])
    assert "/scripts" not in str(objects(case("shared-cache")))


def test_a_script_does_the_same_from_a_config_map() -> None:
    """Arguments are those of the text in the container."""
    own, mounted = (template(scripts={"configMap": name})["containers"][0] for name in ("", "a"))
    assert own["command"][:3] == ["python3", "-I", "-c"]
    assert own["args"] == mounted["args"]


# --- it needs nothing of the server's -------------------------------------------------------------------------


def test_the_job_needs_nothing_of_the_server() -> None:
    found = objects(case("shared-cache"))
    account = found[ACCOUNT]["metadata"]["name"]
    assert template()["serviceAccountName"] == account != found["ServiceAccount"]["metadata"]["name"]
    assert found[ACCOUNT]["automountServiceAccountToken"] is False
    selector = found[POLICY]["spec"]["podSelector"]["matchLabels"].items()
    assert selector <= found[JOB]["spec"]["template"]["metadata"]["labels"].items()
    for key in (JOB, ACCOUNT, POLICY, "PersistentVolumeClaim"):
        assert found[key]["metadata"]["labels"]["app.kubernetes.io/component"] == "download"


@pytest.mark.parametrize(("account", "used"), [("", "default"), ("mine", "mine")])
def test_an_account_that_others_make_is_the_jobs_too(account: str, used: str) -> None:
    changes = {"serviceAccount": {"create": False, "name": account}}
    assert template(**changes)["serviceAccountName"] == used
    assert ACCOUNT not in objects(case("shared-cache", **changes))


def test_any_node_will_do() -> None:
    """No GPU, and no place that the server's values ask for."""
    keys = ("nodeSelector", "tolerations", "affinity")
    own = {key: case("shared-cache")["download"][key] for key in keys}
    spec = template(nodeSelector={"a": "b"}, tolerations=[{"key": "c"}], runtimeClassName="nvidia")
    assert {key: spec[key] for key in keys} == own
    assert "runtimeClassName" not in spec
    assert "nvidia.com/gpu" not in str(spec["containers"])
    assert spec["priorityClassName"] == "inference"


def test_the_root_is_read_only_where_no_gpu_is_in_the_way() -> None:
    assert download()["securityContext"]["readOnlyRootFilesystem"] is True
    assert server(case("shared-cache"))["securityContext"]["readOnlyRootFilesystem"] is False
