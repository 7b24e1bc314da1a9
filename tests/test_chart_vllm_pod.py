"""charts/vllm: the server's pod: hardened, patient at the start, unhurried at the end."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.chart import pss
from tests.chart.rendering import CASES, ROOT, arguments, case, objects, pod, server, specs, templates, text

Spec = dict[str, Any]


def names(items: list[Spec]) -> dict[str, Spec]:
    found = {item["name"]: item for item in items}
    assert len(found) == len(items)
    return found


def containers(spec: Spec) -> list[Spec]:
    return [*spec.get("initContainers", []), *spec["containers"]]


def environment(container: Spec) -> dict[str, str]:
    """Variables with a value of their own."""
    return {name: entry["value"] for name, entry in names(container["env"]).items() if "value" in entry}


# --- security -----------------------------------------------------------------------------------------------


@pytest.mark.attack("A12 privileges")
@pytest.mark.parametrize("name", CASES)
def test_every_pod_meets_the_restricted_standard(name: str) -> None:
    found = list(templates(objects(case(name))))
    assert found
    for template in found:
        assert pss.restricted(template) == []


@pytest.mark.parametrize("name", CASES)
def test_no_pod_holds_a_token_or_service_variables(name: str) -> None:
    for spec in specs(objects(case(name))):
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False


@pytest.mark.parametrize("name", CASES)
def test_every_container_is_bounded(name: str) -> None:
    """But for the processor: a limit would slow down what could run, and protect nobody."""
    for spec in specs(objects(case(name))):
        for container in containers(spec):
            assert {"cpu", "memory", "ephemeral-storage"} <= set(container["resources"]["requests"])
            assert {"memory", "ephemeral-storage"} <= set(container["resources"]["limits"])
            assert "cpu" not in container["resources"]["limits"]


@pytest.mark.parametrize("read_only", [True, False])
def test_only_the_server_with_its_gpu_may_have_a_writable_root(read_only: bool) -> None:
    """On some nodes nvidia-cdi-hook cannot create a container with a GPU whose root is read-only."""
    values = case("shared-cache", securityContext={"readOnlyRootFilesystem": read_only})
    found = {
        container["name"]: container["securityContext"]["readOnlyRootFilesystem"]
        for spec in specs(objects(values))
        for container in containers(spec)
    }
    others = ("trust", "await-weights", "api-key", "download", "test")
    assert found == {"vllm": read_only, **dict.fromkeys(others, True)}
    assert server(case("default"))["securityContext"]["readOnlyRootFilesystem"] is False


def test_a_user_without_an_entry_has_a_name_and_a_home() -> None:
    spec = pod(case("default"))
    context = spec["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (10001, 10001, 10001)
    variables = environment(spec["containers"][0])
    assert (variables["USER"], variables["HOME"]) == ("vllm", "/home/vllm")


@pytest.mark.parametrize("name", CASES)
def test_whatever_is_written_is_a_volume(name: str) -> None:
    container = server(case(name))
    writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert {"/cache", "/tmp", "/home/vllm", "/dev/shm"} == set(writable)  # noqa: S108
    for variable, value in environment(container).items():
        if (
            variable.endswith(("_DIR", "_ROOT", "_HOME", "_BASE", "_PATH", "HOME", "TMPDIR"))
            and "TOKEN" not in variable
        ):
            assert any(value == path or value.startswith(f"{path}/") for path in writable), variable


@pytest.mark.parametrize("name", CASES)
def test_what_is_compiled_belongs_to_the_pod(name: str) -> None:
    """Replicas that compile into one folder over NFS lose files of each other; downloads alone are shared."""
    spec = pod(case(name))
    shared = {variable for variable, value in environment(spec["containers"][0]).items() if value.startswith("/cache")}
    assert shared == {"HF_HOME"}
    assert all("emptyDir" in names(spec["volumes"])[name] for name in ("home", "tmp"))


def test_every_mount_has_its_volume() -> None:
    for name in CASES:
        for spec in specs(objects(case(name))):
            used = {mount["name"] for container in containers(spec) for mount in container.get("volumeMounts", [])}
            assert used == set(names(spec.get("volumes", [])))


def test_the_image_is_named_once() -> None:
    values = case("shared-cache", image={"digest": "sha256:" + "a" * 64})
    images = {container["image"] for spec in specs(objects(values)) for container in containers(spec)}
    assert images == {f"phx.ocir.io/acme/vllm/vllm-openai:v0.32.0@sha256:{'a' * 64}"}
    assert server(case("default"))["image"] == "docker.io/vllm/vllm-openai:v0.32.0"


# --- flags and secrets --------------------------------------------------------------------------------------


def test_no_shell_is_in_the_way() -> None:
    """SIGTERM must reach vLLM itself."""
    assert server(case("default"))["command"] == ["vllm", "serve"]


def test_the_flags_are_in_the_pod_as_they_are_given() -> None:
    """So that they are rolled out, shown and rolled back with it."""
    given = case("shared-cache")["args"]
    assert arguments(case("shared-cache")) == [
        "meta-llama/Llama-3.1-8B-Instruct",
        "--revision=0e9e39f249a16976918f6564b8830bc894c89659",
        "--served-model-name=llama-3.1-8b",
        "--port=8000",
        "--shutdown-timeout=300",
        "--config",
        "/etc/vllm/api-key.yaml",
        *given,
    ]
    lists = ["--lora-modules", "a=b", "c=d", "--middleware=a.b", "--middleware=c.d", "x y", '{"a": "b"}', "a\nb"]
    assert arguments(case("default", args=lists))[-len(lists) :] == lists
    assert arguments(case("default", args=[]))[-1] == "--shutdown-timeout=300"


@pytest.mark.parametrize(
    ("flag", "key"),
    [
        ("--served-model-name=x", "model.servedName"),
        ("--served_model_name=x", "model.servedName"),
        ("--revision", "model.revision"),
        ("--port", "service.port"),
        ("--shutdown-timeout=9", "drain.shutdownSeconds"),
        ("--api-key=x", "apiKey.secret"),
        ("--model=x", "model.id"),
    ],
)
def test_a_flag_that_the_chart_sets_itself_is_refused_with_its_key(flag: str, key: str) -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        text(case("default", args=[flag]))
    assert f"args: {flag.partition('=')[0]} is set by the chart; use {key}" in str(refusal.value)
    assert arguments(case("default", args=[f"--no{flag}", f"{flag.partition('=')[0]}s"]))


def test_a_file_of_flags_is_taken_until_the_key_needs_the_flag() -> None:
    assert arguments(case("default", args=["--config=/etc/site/vllm.yaml"]))[-1] == "--config=/etc/site/vllm.yaml"
    with pytest.raises(helm_python.HelmError, match="args: --config is set by the chart; use args"):
        text(case("default", args=["--config=/etc/site/vllm.yaml"], apiKey={"secret": "key"}))


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("default", "Qwen/Qwen3-0.6B"),
        ("volume", "/models/qwen2.5-vl-7b"),
        ("bucket", "s3://models/llama-3.3-70b"),
    ],
)
def test_sources_of_weights(name: str, model: str) -> None:
    found = arguments(case(name))
    assert found[0] == model
    assert not any(argument.startswith("--revision") for argument in found)


def test_the_root_of_a_volume_is_a_model_too() -> None:
    assert arguments(case("volume", model={"volume": {"path": ""}}))[0] == "/models"


@pytest.mark.parametrize(
    ("name", "offline"), [("default", False), ("shared-cache", True), ("volume", True), ("bucket", True)]
)
def test_only_a_server_that_needs_it_asks_hugging_face(name: str, offline: bool) -> None:
    assert (environment(server(case(name))).get("HF_HUB_OFFLINE") == "1") is offline


def test_this_vllm_knows_every_flag_and_variable() -> None:
    catalogue = yaml.load((ROOT / "generator/gpuyard/catalogue/vllm/0.32.yaml").read_text("utf-8"), yaml.CSafeLoader)
    for name in CASES:
        flags = {argument.partition("=")[0] for argument in arguments(case(name)) if argument.startswith("--")}
        assert {flag.removeprefix("--") for flag in flags} - {"config"} <= set(catalogue["flags"])
        ours = {variable for variable in environment(server(case(name))) if variable.startswith("VLLM_")}
        assert ours <= set(catalogue["environment"])


@pytest.mark.parametrize("name", CASES)
def test_a_secret_reaches_a_variable_only_when_asked_for(name: str) -> None:
    given = [entry for entry in case(name).get("extraEnv", []) if "valueFrom" in entry]
    assert [entry for entry in server(case(name))["env"] if "valueFrom" in entry] == given
    assert text(case(name)).count("secretKeyRef") == len(given)


@pytest.mark.parametrize("secret", ["hf-token", "chat-api-key", "bucket"])
def test_secrets_are_files_for_the_group(secret: str) -> None:
    values = case("bucket") if secret == "bucket" else case("shared-cache", download={"enabled": False})  # noqa: S105
    (found,) = [volume["secret"] for volume in pod(values)["volumes"] if secret in str(volume.get("secret"))]
    assert found["defaultMode"] == 0o440


def test_the_token_goes_to_whoever_downloads() -> None:
    alone, copied = case("shared-cache", download={"enabled": False}), case("shared-cache")
    assert environment(server(alone))["HF_TOKEN_PATH"] == "/etc/hf/token"  # noqa: S105
    assert "HF_TOKEN_PATH" not in environment(server(copied))
    job = objects(copied)["download-Job"]["spec"]["template"]["spec"]["containers"][0]
    assert environment(job)["HF_TOKEN_PATH"] == "/etc/hf/token"  # noqa: S105


def joined(tmp_path: Path, keys: str) -> subprocess.CompletedProcess[str]:
    """Run the init container's own command on files."""
    container = names(pod(case("shared-cache"))["initContainers"])["api-key"]
    secret, target = (tmp_path / name for name in ("secret", "api-key.yaml"))
    secret.write_text(keys, encoding="utf-8")
    assert container["command"][0] == "python3"
    assert container["args"] == ["/etc/api-key/api-key", "/etc/vllm/api-key.yaml"]
    argv = [sys.executable, *container["command"][1:], str(secret), str(target)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("secret", "keys"), [("s3cret\n", ["s3cret"]), ("new: #'\"\\\n\n old \r\n", ["new: #'\"\\", "old"])]
)
def test_the_api_key_is_a_file_in_memory(tmp_path: Path, secret: str, keys: list[str]) -> None:
    for _ in range(2):  # a restarted pod finds the file of the first try
        assert joined(tmp_path, secret).returncode == 0
    assert yaml.safe_load((tmp_path / "api-key.yaml").read_text("utf-8")) == {"api-key": keys}
    assert (tmp_path / "api-key.yaml").stat().st_mode & 0o777 == 0o600
    volumes, container = names(pod(case("shared-cache"))["volumes"]), server(case("shared-cache"))
    assert volumes["config"]["emptyDir"]["medium"] == "Memory"
    mount = {"name": "config", "mountPath": "/etc/vllm/api-key.yaml", "subPath": "api-key.yaml", "readOnly": True}
    assert mount in container["volumeMounts"]
    assert container["args"][container["args"].index("--config") + 1] == "/etc/vllm/api-key.yaml"


def test_the_secret_of_the_key_is_read_by_the_init_container_only() -> None:
    spec = pod(case("shared-cache"))
    holders = [
        each["name"] for each in containers(spec) for mount in each["volumeMounts"] if mount["name"] == "api-key"
    ]
    assert holders == ["api-key"]
    assert "--config" not in arguments(case("default"))


@pytest.mark.parametrize(("secret", "words"), [(" \n", "holds no key"), ("kéy", "ASCII"), ("a\n--host\n", "dash")])
def test_a_bad_api_key_stops_the_pod(tmp_path: Path, secret: str, words: str) -> None:
    done = joined(tmp_path, secret)
    assert done.returncode == 1
    assert words in done.stderr
    assert not (tmp_path / "api-key.yaml").exists()


@pytest.mark.parametrize(
    ("service", "both"),
    [
        ({}, False),
        ({"ipFamilies": ["IPv4"]}, False),
        ({"ipFamilyPolicy": "SingleStack"}, False),
        ({"ipFamilies": None, "ipFamilyPolicy": None}, False),
        ({"ipFamilies": ["IPv6"]}, True),
        ({"ipFamilies": ["IPv4", "IPv6"]}, True),
        ({"ipFamilyPolicy": "PreferDualStack"}, True),
        ({"ipFamilyPolicy": "RequireDualStack"}, True),
    ],
)
def test_who_asks_by_ipv6_is_heard(service: Spec, both: bool) -> None:
    """Without an address vLLM binds an IPv4 socket (launcher.create_server_socket), and no probe reaches it by IPv6."""
    given = arguments(case("default", service=service, args=["--host=10.0.0.1"]))
    assert [each for each in given if each.startswith("--host")] == ["--host=::"] * both + ["--host=10.0.0.1"]


# --- start --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [60, 61, 1800, 21600])
def test_the_start_budget_is_kept_everywhere(seconds: int) -> None:
    values = case("default", budget={"startSeconds": seconds, "scheduleSeconds": 300})
    container = server(values)
    probe = container["startupProbe"]
    assert seconds <= probe["periodSeconds"] * probe["failureThreshold"] < seconds + probe["periodSeconds"]
    assert environment(container)["VLLM_ENGINE_READY_TIMEOUT_S"] == str(seconds)
    assert objects(values)["Deployment"]["spec"]["progressDeadlineSeconds"] == seconds + 300 + 330


def test_probes_ask_for_health_which_needs_no_key() -> None:
    container = server(case("shared-cache"))
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[kind]["httpGet"] == {"path": "/health", "port": "http"}
        assert container[kind]["timeoutSeconds"] <= container[kind]["periodSeconds"]
    liveness = container["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 60


# --- end ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "shutdown", "margin"), [(15, 120, 15), (1, 1, 5), (300, 3600, 300)])
def test_the_end_adds_up(before: int, shutdown: int, margin: int) -> None:
    drain = {"preStopSeconds": before, "shutdownSeconds": shutdown, "marginSeconds": margin}
    spec = pod(case("default", drain=drain))
    assert spec["terminationGracePeriodSeconds"] == before + shutdown + margin
    assert spec["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": before}}}
    assert f"--shutdown-timeout={shutdown}" in arguments(case("default", drain=drain))


# --- rollout ------------------------------------------------------------------------------------------------

IN_PLACE = {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
SURGE = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}}


@pytest.mark.parametrize(
    ("changes", "strategy"),
    [
        ({}, IN_PLACE),
        ({"replicas": 3}, IN_PLACE),
        ({"autoscaling": {"enabled": True}}, IN_PLACE),
        ({"cache": {"kind": "block"}}, {"type": "Recreate"}),
        ({"strategy": SURGE}, SURGE),
        ({"strategy": {"type": "Recreate"}}, {"type": "Recreate"}),
        ({"strategy": IN_PLACE, "cache": {"kind": "block"}}, IN_PLACE),
    ],
)
def test_nothing_waits_for_a_gpu_that_an_old_pod_holds(changes: Spec, strategy: Spec) -> None:
    assert objects(case("default", **changes))["Deployment"]["spec"]["strategy"] == strategy


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"strategy": SURGE, "cache": {"kind": "block"}},
            "strategy: a new pod would wait for the block volume, which the old one holds",
        ),
        ({"cache": {"kind": "block"}, "replicas": 2}, "cache.kind: a block volume serves one node"),
        ({"cache": {"kind": "block"}, "autoscaling": {"enabled": True}}, "up to 2 pods may run"),
        ({"cache": {"kind": "nvme"}}, "cache.storageClassName: cache.kind nvme needs the StorageClass"),
        (
            {"model": {"source": "volume", "volume": {"claim": "a"}}, "cache": {"kind": "claim", "claim": "a"}},
            "model.volume.claim: is also the PVC of the cache",
        ),
        (
            {"model": {"source": "volume", "volume": {"claim": "release-vllm-cache"}}, "cache": {"kind": "block"}},
            "a pod cannot mount one PVC as two volumes",
        ),
        ({"model": {"source": "bucket"}}, "model.bucket: source bucket needs uri, endpoint, region and"),
        ({"download": {"enabled": True}}, "needs model.source hf and a cache that they share"),
        ({"image": {"tag": "latest"}}, "image.tag: latest changes under running pods; name a version, such as v0.32.0"),
        ({"image": {"tag": "latest-cu129"}}, "image.tag: latest-cu129 changes under running pods"),
        ({"service": {"clusterIP": "None", "port": 80}}, "service.port: 80 is of no use with service.clusterIP None"),
        ({"fullnameOverride": "vllm"}, "fullnameOverride: vllm cannot be the name of the Service"),
        ({"fullnameOverride": "1chat"}, "begin with a letter"),
        ({"resources": {"limits": {"nvidia.com/gpu": 2}}}, "resources: nvidia.com/gpu is set by gpu.count"),
        ({"resources": {"requests": {"nvidia.com/gpu": 1}}}, "resources: nvidia.com/gpu is set by gpu.count"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(changes: Spec, words: str) -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        text(case("default", **changes))
    assert words in str(refusal.value)


def test_every_problem_is_reported_at_once() -> None:
    values = {
        "fullnameOverride": "vllm",
        "args": ["--port=1"],
        "cache": {"kind": "nvme"},
        "autoscaling": {"enabled": True, "minReplicas": 0},
        "httpRoute": {"enabled": True},
    }
    with pytest.raises(helm_python.HelmError) as refusal:
        text(values)
    assert [line.split(":")[0] for line in str(refusal.value).splitlines()[1:]] == [
        "fullnameOverride",
        "args",
        "cache.storageClassName",
        "autoscaling.minReplicas",
        "networkPolicy.clientNamespaces",
        "httpRoute",
    ]


# --- devices ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ["gpu", "nvidia.com/", "nvidia.com/gpu: 1", "NVIDIA.com/gpu", ""])
def test_what_is_no_resource_is_refused(resource: str) -> None:
    with pytest.raises(helm_python.HelmError):
        text(case("default", gpu={"resource": resource}))


def test_shared_memory_and_part_of_a_gpu() -> None:
    shm = names(pod(case("shared-cache"))["volumes"])["shm"]["emptyDir"]
    assert shm == {"medium": "Memory", "sizeLimit": "8Gi"}
    assert server(case("block"))["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == 1


# --- caches -------------------------------------------------------------------------------------------------

KEEP = {
    "helm.sh/resource-policy": "keep",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
}


@pytest.mark.parametrize(("name", "mode"), [("shared-cache", "ReadWriteMany"), ("block", "ReadWriteOnce")])
def test_caches_survive_their_blueprint(name: str, mode: str) -> None:
    claim = objects(case(name))["PersistentVolumeClaim"]
    assert claim["metadata"]["annotations"] == KEEP
    assert claim["spec"]["accessModes"] == [mode]
    assert claim["spec"]["storageClassName"] == case(name)["cache"]["storageClassName"]
    volume = names(pod(case(name))["volumes"])["cache"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_other_caches_make_no_claim_of_their_own() -> None:
    for name in ("default", "volume", "bucket"):
        assert "PersistentVolumeClaim" not in objects(case(name))
    assert names(pod(case("volume"))["volumes"])["cache"] == {
        "name": "cache",
        "persistentVolumeClaim": {"claimName": "kernels"},
    }
    template = names(pod(case("bucket"))["volumes"])["cache"]["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert template["storageClassName"] == "local-nvme"
    assert names(pod(case("default"))["volumes"])["cache"]["emptyDir"] == {"sizeLimit": "20Gi"}


def test_the_default_class_is_left_to_the_cluster() -> None:
    claim = objects(case("block", cache={"storageClassName": ""}))["PersistentVolumeClaim"]
    assert "storageClassName" not in claim["spec"]
