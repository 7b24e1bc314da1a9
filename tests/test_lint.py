"""The linter: each rule over the objects of a cluster, and what comes in by an author's own values."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

import pytest

from gpuyard.catalogue.platform import catalogue
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.errors import InputError
from gpuyard.project.load import parse
from gpuyard.resolve import releases, resolve
from gpuyard.resolve.linting import RECORDED
from gpuyard.review.lint import ANNOTATIONS, RULES, STORED, findings
from gpuyard.review.patched import unmatched
from gpuyard.review.world import OURS, Item, Origin, World
from tests.projects import problems, resolved, sources

HERE = Origin("blueprints/chat.yaml", ("spec", "values", "extraObjects", 0))
THERE = Origin("stack.yaml", ("spec", "platform", "keda", "values", "extraObjects", 0))
Object = dict[str, Any]


def obj(kind: str, name: str = "x", api: str = "v1", **more: Any) -> Object:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, **more}


def pod(image: str = "docker.io/vllm/vllm-openai:v0.32.0", **spec: Any) -> Object:
    return obj("Pod", "server", spec={"containers": [{"name": "a", "image": image}], **spec})


def claim(**spec: Any) -> Object:
    return obj("PersistentVolumeClaim", "data", spec=spec)


def rule(expr: str, *more: Object) -> Object:
    rules = [{"alert": "A", "expr": expr}, *more]
    return obj("PrometheusRule", api="monitoring.coreos.com/v1", spec={"groups": [{"name": "g", "rules": rules}]})


def world(*items: Item, **more: Any) -> World:
    return World(items=items, namespace="inference", **more)


def item(content: Object, step: int = 3, unit: str = "chat", origin: Origin = HERE) -> Item:
    return Item(content, step, unit, origin)


def mirror(image: str) -> str | None:
    return None if image.startswith("r.example.com/") else ""


SCALED = obj("ScaledObject", api="keda.sh/v1alpha1")
KEDA = {"defines": {("keda.sh", "ScaledObject"): (1, "the chart keda")}}
LATE = {"late": frozenset({"oci-bv"})}
MOUNTING = pod(volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}])
SERIES = {"series": {"vllm:": frozenset({"vllm:num_requests_running"})}}
ROLES = {"outside": lambda kind: kind == ("rbac.authorization.k8s.io", "ClusterRole")}
ROLE = obj("ClusterRole", api="rbac.authorization.k8s.io/v1")
BROKEN: Mapping[str, tuple[World, Origin, str]] = {
    "a kind before what defines it": (
        world(item(SCALED, 1, "the chart keda", THERE), **KEDA),
        THERE,
        "ScaledObject/x is applied with the chart keda, and the chart keda, which defines ScaledObject, is not there",
    ),
    "an object with two owners": (
        world(item(ROLE), item(ROLE, 1, "the chart keda", THERE), **ROLES),
        THERE,
        "ClusterRole/x is already applied with chat",
    ),
    "a claim that waits for a pod": (
        world(item(claim(storageClassName="oci-bv")), **LATE),
        HERE,
        "PersistentVolumeClaim/data is mounted by no pod of chat, and StorageClass oci-bv makes a volume only when",
    ),
    "a release that is too large to store": (
        world(stored={THERE: ("keda", STORED * 3 // 4)}),
        THERE,
        "Helm would store about 768 KiB of keda in one Secret, and Kubernetes takes 1024 KiB; stay below 716 KiB",
    ),
    "annotations that are too long": (
        world(item({**obj("ConfigMap"), "metadata": {"name": "x", "annotations": {"a": "ä" * (ANNOTATIONS // 2)}}})),
        HERE,
        f"ConfigMap/x has annotations of {ANNOTATIONS + 1} bytes",
    ),
    "a metric that nothing scrapes": (
        world(item(rule("sum(vllm:num_request_running) > 1")), **SERIES),
        HERE,
        "PrometheusRule/x reads vllm:num_request_running, and nothing that is scraped has such a series",
    ),
    "a Service that sets vLLM's variables": (
        world(item(pod()), services=frozenset({"vllm"})),
        HERE,
        "Pod/server runs vLLM, which reads the variable VLLM_PORT=tcp://… of the Service vllm as its own",
    ),
    "an image that no mirror has": (
        world(item(pod("docker.io/a/b:1")), mirror=mirror),
        HERE,
        "Pod/server pulls docker.io/a/b:1 from its own registry",
    ),
}
FINE: tuple[World, ...] = (
    world(item(SCALED), **KEDA),
    world(item(SCALED, 1, "the chart keda", THERE)),  # a KEDA of the cluster's own
    world(item(ROLE), item(obj("ClusterRole", "y", "rbac.authorization.k8s.io/v1"), 1, "keda", THERE), **ROLES),
    world(
        item(obj("ConfigMap")), item({**obj("ConfigMap"), "metadata": {"name": "x", "namespace": "keda"}}, 1, "keda")
    ),
    world(item(claim(storageClassName="oci-bv")), item(MOUNTING), **LATE),
    world(item(claim(storageClassName="oci-bv")), claims=frozenset({(3, "inference", "data")}), **LATE),
    world(item(claim(storageClassName="oci-fss")), **LATE),
    world(item(claim(storageClassName="oci-bv", volumeName="made-by-hand")), **LATE),
    world(stored={THERE: ("keda", STORED * 7 // 10 - 1)}),
    world(item({**obj("ConfigMap"), "metadata": {"name": "x", "annotations": {"a": "b" * (ANNOTATIONS - 1)}}})),
    world(item(rule("sum(vllm:num_requests_running) > up + some_other_metric")), **SERIES),
    world(item(rule("vllm:own > 1", {"record": "vllm:own", "expr": "up"})), **SERIES),
    world(item(rule("sum(((")), **SERIES),  # the operator says so
    world(item(pod(enableServiceLinks=False)), services=frozenset({"vllm"})),
    world(item(pod("docker.io/library/busybox:1")), services=frozenset({"vllm"})),
    world(item(pod()), services=frozenset({"chat", "vllmish"})),
    world(item(pod("r.example.com/a:1")), mirror=mirror),
    world(item(SCALED, 1, "the chart keda", OURS), **KEDA),  # of gpuyard's own its other tests speak
)


# --- each rule ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [each.name for each in RULES])
def test_a_rule_sees_what_breaks_it(name: str) -> None:
    here, origin, message = BROKEN[name]
    (found,) = findings(here)
    assert (found.rule, found.origin) == (name, origin)
    assert message in found.message
    assert found.refused is next(each.refuses for each in RULES if each.name == name)


@pytest.mark.parametrize("here", FINE)
def test_nothing_is_said_of_what_works(here: World) -> None:
    assert list(findings(here)) == []


def test_a_claim_without_a_class_has_the_clusters_default() -> None:
    (found,) = findings(world(item(claim()), **LATE))
    assert "the cluster's default StorageClass makes a volume only when a pod asks for it" in found.message


def test_pods_are_found_in_whatever_makes_them() -> None:
    template = {"spec": {"template": {"spec": pod()["spec"]}}}
    deployment = obj("Deployment", api="apps/v1", **template)
    job = obj("CronJob", api="batch/v1", spec={"jobTemplate": template})
    for each in (deployment, job):
        (found,) = findings(world(item(each), services=frozenset({"vllm-two"})))
        assert "VLLM_TWO_PORT" in found.message


def test_gpu_metrics_need_their_exporter() -> None:
    here = world(item(rule("DCGM_FI_DEV_GPU_TEMP > 90")), absent={"DCGM_": "install it"})
    (found,) = findings(here)
    assert (found.refused, found.message) == (
        False,
        "PrometheusRule/x reads DCGM_FI_DEV_GPU_TEMP, which nothing shows here: install it",
    )
    assert list(findings(replace(here, absent={}))) == []


# --- what authors bring ---------------------------------------------------------------------------------------


def added(*objects: Object) -> dict[str, Any]:
    return {"values": {"extraObjects": list(objects)}}


def platform(**values: Any) -> dict[str, Any]:
    return {"platform": {name: {"values": each} for name, each in values.items()}}


def test_an_object_of_a_charts_values_comes_too_early() -> None:
    (found,) = problems({}, platform(keda={"extraObjects": [SCALED]}))
    assert "ScaledObject/x is applied with the chart keda" in found
    (found,) = problems({}, platform(prometheus={"extraManifests": [SCALED]}))
    assert "ScaledObject/x is applied with the chart kube-prometheus-stack" in found
    assert problems({}, platform(keda={"extraObjects": [rule("up > 0")]})) == []  # its kind is a layer earlier
    assert problems(added(SCALED | {"spec": {"scaleTargetRef": {"name": "other"}, "triggers": []}})) == []


def test_a_cluster_scoped_name_is_owned_once() -> None:
    (found,) = problems(added(ROLE), platform(keda={"extraObjects": [ROLE]}))
    assert "ClusterRole/x is already applied with" in found
    (found,) = problems({}, platform(keda={"extraObjects": [obj("Namespace", "monitoring")]}))
    assert "Namespace/monitoring is already applied with platform/" in found


def test_a_claim_of_a_model_is_mounted_by_a_pod_of_it() -> None:
    data = claim(accessModes=["ReadWriteOnce"], resources={"requests": {"storage": "1Gi"}})
    assert "PersistentVolumeClaim/data is mounted by no pod of chat" in problems(added(data))[0]
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    assert problems({"values": {"extraObjects": [data], "extraVolumes": [volume]}}) == []


@pytest.mark.parametrize(("stored", "refused"), [(500, False), (700, True)])
def test_values_that_fill_a_releases_secret(stored: int, refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a chart takes by itself and what an author adds, as it is compressed."""
    larger = tuple(replace(each, stored_kib=stored) for each in catalogue())
    monkeypatch.setattr(releases, "catalogue", lambda: larger)
    noise = [int.from_bytes(sha256(index.to_bytes(2)).digest()[:6]) for index in range(8000)]
    found = problems({}, platform(prometheus={"notes": noise}))
    assert ["of kube-prometheus-stack in one Secret, and Kubernetes takes 1024 KiB" in each for each in found] == [
        True
    ] * refused
    assert problems({}, platform(prometheus={"note": "short"})) == []


def test_a_rule_is_said_where_it_stands_and_only_once() -> None:
    notes = resolved(added(rule("vllm:num_requests_runing > 1"))).notes
    (found,) = (each for each in notes if "vllm:num_requests_runing" in each)
    assert found.startswith("blueprints/chat.yaml:")
    assert not [each for each in resolved(added(rule("vllm:num_requests_running > 1"))).notes if "reads vllm" in each]
    assert not [each for each in resolved(added(rule(f"{RECORDED[0]} > 1"))).notes if "reads gpuyard" in each]


@pytest.mark.parametrize("exporter", [False, True])
def test_the_exporter_of_the_stack_shows_the_gpus(exporter: bool) -> None:
    stack = {"platform": {"dcgmExporter": {"enabled": exporter}}}
    notes = resolved(added(rule("DCGM_FI_DEV_GPU_TEMP > 90")), stack).notes
    assert any("spec.platform.dcgmExporter.enabled" in each for each in notes) is not exporter


def test_an_image_beside_the_mirrors_is_told() -> None:
    stack = {
        "images": {"mirrors": {"docker.io": "registry.example.com/hub"}},
        "policy": {"registries": ["registry.example.com"]},
    }
    image = "quay.io/acme/tool:1"
    assert any(f"Pod/server pulls {image}" in each for each in resolved(added(pod(image)), stack).notes)
    assert not any("Pod/server" in each for each in resolved(added(pod(image))).notes)
    inside = "registry.example.com/hub/acme/tool:1"
    assert not any("Pod/server" in each for each in resolved(added(pod(inside)), stack).notes)


def test_where_it_stands_is_said() -> None:
    with pytest.raises(InputError) as caught:
        resolve(parse(sources({}, platform(keda={"extraObjects": [SCALED]}))))
    (found,) = caught.value.problems
    text = sources({}, platform(keda={"extraObjects": [SCALED]}))["stack.yaml"].decode().splitlines()
    assert found.location.file == "stack.yaml"
    assert "apiVersion: keda.sh/v1alpha1" in "\n".join(text[found.location.line - 1 : found.location.line + 1])


def test_of_a_cluster_that_differs_it_is_said_at_the_cluster() -> None:
    own = {"name": "phx", "shapes": {"h100": "BM.GPU.H100.8"}, **platform(keda={"extraObjects": [SCALED]})}
    with pytest.raises(InputError) as caught:
        resolve(parse(sources({}, {"clusters": [own]})))
    assert len(caught.value.problems) == 1


def test_what_the_chart_records_is_known() -> None:
    text = shipped_charts()["vllm"][PurePosixPath("templates/prometheusrule.yaml")]
    recorded = {line.split("record: ")[1].strip() for line in text.splitlines() if "record: gpuyard:" in line}
    assert recorded == set(RECORDED)


# --- files ----------------------------------------------------------------------------------------------------

BASE = PurePosixPath("base/chat")
OVER = PurePosixPath("overlays/a10/chat")
KUSTOMIZATION = "kind: Kustomization\nresources:\n- ../../../base/chat\npatches:\n- path: deployment.yaml\n"


def tree(base: str = "chat", patch: str = "chat", file: str = "deployment.yaml") -> dict[PurePosixPath, str]:
    def deployment(name: str) -> str:
        return f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n"

    return {
        BASE / file: deployment(base),
        BASE / "kustomization.yaml": f"kind: Kustomization\nresources:\n- {file}\n",
        OVER / "deployment.yaml": deployment(patch),
        OVER / "kustomization.yaml": KUSTOMIZATION,
    }


def test_a_patch_has_its_target() -> None:
    assert list(unmatched(tree())) == []


@pytest.mark.parametrize(
    "broken", [tree(base="chta"), tree(patch="other"), {OVER / "kustomization.yaml": KUSTOMIZATION}]
)
def test_a_patch_that_matches_nothing(broken: dict[PurePosixPath, str]) -> None:
    (found,) = unmatched(broken)
    assert "overlays/a10/chat/kustomization.yaml" in found


def test_a_patch_by_a_target_has_it_by_that_name() -> None:
    text = KUSTOMIZATION + "  target:\n    kind: Deployment\n    name: chat\n"
    assert list(unmatched({**tree(patch="chat-2"), OVER / "kustomization.yaml": text})) == []
    assert len(list(unmatched({**tree(base="other"), OVER / "kustomization.yaml": text}))) == 1


HOSTILE = (
    ("metadata", "name"), ("metadata", "namespace"), ("metadata", "annotations"), ("spec",), ("spec", "groups"),
    ("spec", "storageClassName"), ("spec", "containers"), ("spec", "template", "spec", "containers"),
    ("spec", "template", "spec", "initContainers"), ("spec", "volumeName"),
)  # fmt: skip


@pytest.mark.parametrize("value", [1, "x", True, [], [1], ["x"], {"a": 1}, [{"a": 1}], [[]]], ids=str)
@pytest.mark.parametrize("path", [*HOSTILE], ids=str)
def test_an_object_of_wrong_types_is_the_api_server_s_to_refuse(path: tuple[str, ...], value: object) -> None:
    """Whatever an author puts where the rules look: an error of ours at most, never a traceback."""
    for kind in ("v1/PersistentVolumeClaim", "monitoring.coreos.com/v1/PrometheusRule", "apps/v1/Deployment"):
        version, _, name = kind.rpartition("/")
        written: Object = {"apiVersion": version, "kind": name, "metadata": {"name": "mine"}}
        inner = written
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = value
        problems({"shapes": {"h100": {}}, "values": {"extraObjects": [written]}})
