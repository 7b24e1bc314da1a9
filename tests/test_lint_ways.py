"""The ways by which authors run into each trap: where the linter has to look, and where it has to keep silent."""

import json
from base64 import b64encode
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from gpuyard.commit.directory import Directory
from gpuyard.doors.cache import Disk
from gpuyard.errors import InputError
from gpuyard.pipeline import compile, is_current, plan, write
from gpuyard.project.load import parse
from gpuyard.render.engines.argoapps import projects
from gpuyard.review import lint
from tests.projects import problems, resolved, sources
from tests.test_lint import added, claim, obj, platform, pod, rule

Spec = dict[str, Any]

SCALED = obj("ScaledObject", api="keda.sh/v1alpha1", spec={"scaleTargetRef": {"name": "other"}, "triggers": []})
THING = obj("Thing", api="acme.io/v1")
DEFINED = obj(
    "CustomResourceDefinition",
    "things.acme.io",
    "apiextensions.k8s.io/v1",
    spec={"group": "acme.io", "names": {"kind": "Thing", "plural": "things"}},
)
ISSUER = obj("ClusterIssuer", api="cert-manager.io/v1")
API = obj("APIService", "v1beta1.external.metrics.k8s.io", "apiregistration.k8s.io/v1")
ROLE = obj("ClusterRole", api="rbac.authorization.k8s.io/v1")
TEXT = "# ours\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata:\n  name: x\n"
TEMPLATE = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n---\n{TEXT}  labels: {{{{ .Values.labels }}}}\n"
MOUNT = {"name": "d", "persistentVolumeClaim": {"claimName": "data"}}
MAP = obj("ConfigMap")
OLD = {"volume.beta.kubernetes.io/storage-class": "oci-fss"}
SLOW = obj("StorageClass", "slow", "storage.k8s.io/v1", volumeBindingMode="WaitForFirstConsumer")
ARGOCD = {"engine": "argocd"}


def there(name: str, content: Any) -> Any:
    return {**content, "metadata": {**content["metadata"], "namespace": name}}


def listed(*objects: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": list(objects)}


def in_keda(*objects: Any) -> Spec:
    return platform(keda={"extraObjects": list(objects)})


def in_prometheus(**values: Any) -> Spec:
    return platform(prometheus=values)


def data(**spec: Any) -> dict[str, Any]:
    return claim(accessModes=["ReadWriteOnce"], resources={"requests": {"storage": "1Gi"}}, **spec)


def volumes(**more: Any) -> Spec:
    return {"values": {"extraObjects": [data()], **more}}


def running(container: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return obj("Pod", "server", spec={"containers": [{"name": "a", **container}], **spec})


def replicas(count: int) -> dict[str, Any]:
    return obj(
        "Deployment", api="apps/v1", spec={"replicas": count, "template": {"spec": pod(volumes=[MOUNT])["spec"]}}
    )


# --- order ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stack",
    [
        in_keda(listed(SCALED)),
        in_keda({**SCALED, "apiVersion": "keda.sh/v2"}),
        in_prometheus(extraManifests={"a": SCALED}),
        in_prometheus(extraManifests=[TEXT]),
        in_prometheus(extraManifests=[TEMPLATE]),
        {**ARGOCD, **in_keda(SCALED)},
    ],
)
def test_a_kind_comes_too_early_however_it_is_written(stack: Spec) -> None:
    (found,) = problems({}, stack)
    assert "ScaledObject/x is applied with the chart" in found


@pytest.mark.parametrize("spec", [added(DEFINED), {}])
def test_a_definition_of_an_authors_own_comes_first(spec: Spec) -> None:
    """Helm looks for all kinds of a release before it makes anything of it."""
    (found,) = problems(spec, in_keda(*([] if spec else [DEFINED]), THING))
    assert "Thing/x is applied with the chart keda, and " in found


def test_a_definition_goes_with_its_objects_where_it_is_applied_first() -> None:
    assert problems(added(DEFINED, THING)) == []
    assert problems(added(THING), in_keda(DEFINED)) == []
    assert problems({}, {**ARGOCD, **in_keda(DEFINED, THING)}) == []


# --- owners ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "stack", "unit"),
    [
        (added(obj("ClusterRole", "keda-operator", ROLE["apiVersion"])), {}, "the chart keda"),
        (added(API), {}, "the chart keda"),
        (
            added({**DEFINED, "spec": {"group": "keda.sh", "names": {"kind": "ScaledObject"}}}),
            {},
            "the chart keda",
        ),
        (added(ISSUER), in_keda(ISSUER), ""),
        ({}, in_keda(there("inference", obj("Service", "chat"))), "chat"),
        ({}, in_keda(there("inference", obj("ConfigMap", "demo-scripts"))), "platform/configs"),
        ({}, platform(keda={"extraObjects": [MAP]}, prometheus={"extraManifests": [there("keda", MAP)]}), ""),
    ],
)
def test_an_object_has_one_owner(spec: Spec, stack: Spec, unit: str) -> None:
    (found,) = problems(spec, stack)
    assert f"is already applied with {unit}" in found


def test_an_object_is_once_in_a_chart() -> None:
    (found,) = problems({}, in_keda(ROLE, ROLE))
    assert "ClusterRole/x is in the chart keda twice; keep one" in found


def test_a_chart_has_a_namespace_of_its_own() -> None:
    assert problems(added(MAP), in_keda(MAP)) == []


# --- claims ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "stack"),
    [
        (added(data(storageClassName="slow"), SLOW), {}),
        (added(data(storageClassName="slow")), in_keda(SLOW)),
        (added(data(storageClassName="oci-bv")), {"storage": {"block": "other"}}),
        (added(data(), replicas(0)), {}),
        ({"storage": {"cache": {"claim": "data"}}}, in_keda(there("inference", data()))),
    ],
)
def test_a_claim_waits_for_nothing(spec: Spec, stack: Spec) -> None:
    (found,) = problems(spec, stack)
    assert "PersistentVolumeClaim/data is mounted by no pod of" in found


@pytest.mark.parametrize(
    ("spec", "stack"),
    [
        (added(data(), replicas(1)), {}),
        (volumes(extraVolumes=[MOUNT]), {}),
        ({}, in_prometheus(extraManifests=[data()], prometheus={"prometheusSpec": {"volumes": [MOUNT]}})),
        ({}, in_prometheus(extraManifests=[data()], grafana={"persistence": {"existingClaim": "data"}})),
        (added(data(storageClassName="slow"), {**SLOW, "volumeBindingMode": "Immediate"}), {}),
        (added({**data(), "metadata": {"name": "data", "annotations": OLD}}), {}),
    ],
)
def test_a_claim_is_mounted_or_needs_no_pod(spec: Spec, stack: Spec) -> None:
    assert problems(spec, stack) == []


@pytest.mark.parametrize("download", [True, False])
def test_a_claim_is_there_before_weights_are_copied_into_it(download: bool) -> None:
    """What comes with the server waits for the Job, which would wait for its claim."""
    spec = {"storage": {"cache": {"claim": "data"}, "download": download}}
    tree = compile(parse(sources({**spec, **added(data(storageClassName="oci-fss"))}))).tree
    (found,) = (path for path in tree if path.name == "persistentvolumeclaim.yaml")
    assert found == PurePosixPath("base/chat/weights" if download else "base/chat", found.name)


# --- sizes ----------------------------------------------------------------------------------------------------


def words(count: int) -> str:
    """Which hardly get shorter."""
    return " ".join(b64encode(sha256(str(index).encode()).digest())[:9].decode() for index in range(count))


def test_helm_stores_an_object_twice() -> None:
    """As a value, and in the manifest; Argo CD stores no release."""
    stack = in_prometheus(extraManifests=[obj("ConfigMap", data={"a.txt": words(26_000)})])
    (found,) = problems({}, stack)
    assert "of kube-prometheus-stack in one Secret" in found
    assert problems({}, {**ARGOCD, **stack}) == []
    assert problems({}, in_prometheus(extraManifests=[obj("ConfigMap", data={"a.txt": words(8_000)})])) == []


LIMIT = 10_000


@pytest.mark.parametrize(
    ("spec", "stack"),
    [
        (added(obj("Job", spec={"template": {"metadata": {"annotations": {"a": "b" * LIMIT}}}})), {}),
        ({}, platform(keda={"podAnnotations": {"keda": {"a": "b" * LIMIT}}})),
        ({}, in_prometheus(prometheus={"annotations": {"a": "b" * LIMIT}})),
    ],
)
def test_annotations_of_pods_and_of_charts_have_the_same_limit(
    spec: Spec, stack: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A smaller one: of one file alone, as many bytes are not read."""
    assert problems(spec, stack) == []
    monkeypatch.setattr(lint, "ANNOTATIONS", LIMIT)
    found = problems(spec, stack)
    assert found
    assert all("annotations of " in each and f"Kubernetes takes {LIMIT}" in each for each in found)


# --- metrics --------------------------------------------------------------------------------------------------

TYPO = "sum(vllm:num_request_running)"
GROUPS = rule(TYPO)["spec"]
TRIGGER = {"type": "prometheus", "metadata": {"serverAddress": "http://x", "query": TYPO, "threshold": "1"}}
DASHBOARD = json.dumps({"panels": [{"targets": [{"expr": "rate(vllm:num_request_running[$__rate_interval])"}]}]})


def reads(spec: Spec, stack: Spec | None = None) -> list[str]:
    return [each for each in resolved(spec, stack).notes if " reads " in each]


@pytest.mark.parametrize(
    ("spec", "stack"),
    [
        ({}, in_prometheus(additionalPrometheusRulesMap={"a": GROUPS})),
        ({}, in_prometheus(additionalPrometheusRules=[{"name": "a", **GROUPS}])),
        (
            {},
            platform(keda={"prometheus": {"operator": {"prometheusRules": {"alerts": GROUPS["groups"][0]["rules"]}}}}),
        ),
        ({}, in_prometheus(grafana={"dashboards": {"default": {"a": {"json": DASHBOARD}}}})),
        (added({**SCALED, "spec": {"triggers": [TRIGGER]}}), {}),
        (added(obj("ConfigMap", data={"a.json": DASHBOARD})), {}),
    ],
)
def test_whatever_asks_prometheus_is_read(spec: Spec, stack: Spec) -> None:
    (found,) = reads(spec, stack)
    assert "reads vllm:num_request_running, and nothing that is scraped has such a series" in found
    assert found.startswith(("stack.yaml:", "blueprints/chat.yaml:"))


@pytest.mark.parametrize(
    ("query", "known"),
    [
        ("vllm:num_requests_running_bucket", False),
        ("vllm:time_to_first_token_seconds", False),
        ("vllm:time_to_first_token_seconds_bucket", True),
        ("vllm:prompt_tokens_total", True),
        ("vllm:prompt_tokens_created", True),
        ("scheduler_pending_pods", False),
        ("kube_pod_info", True),
    ],
)
def test_a_series_is_called_as_its_metric_shows_it(query: str, known: bool) -> None:
    assert bool(reads(added(rule(query)))) is not known


def test_what_a_chart_records_is_known() -> None:
    record = {"groups": [{"name": "g", "rules": [{"record": "vllm:own", "expr": "up"}]}]}
    assert reads(added(rule("vllm:own > 1")), in_prometheus(additionalPrometheusRulesMap={"a": record})) == []


@pytest.mark.parametrize(
    ("name", "values", "known"),
    [
        ("DCGM_FI_DEV_GPU_TEMP", {}, True),
        ("DCGM_FI_DEV_GPU_TMP", {}, False),
        ("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", {}, False),
        ("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", {"customMetrics": "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL, counter, errors"}, True),
    ],
)
def test_the_exporter_shows_what_its_list_has(name: str, values: Spec, known: bool) -> None:
    stack = {"platform": {"dcgmExporter": {"enabled": True, "values": values}}}
    assert bool(reads(added(rule(name)), stack)) is not known


def test_an_exporter_that_is_off_shows_nothing() -> None:
    (found,) = reads(added(rule("node_load1 > 9")), in_prometheus(nodeExporter={"enabled": False}))
    assert "which nothing shows here: nodeExporter.enabled is false in the values of kube-prometheus-stack" in found
    assert reads(added(rule("node_load1 > 9"))) == []


# --- variables of Services ------------------------------------------------------------------------------------

SERVICE = obj("Service", "vllm", spec={"ports": [{"port": 80}]})


@pytest.mark.parametrize(
    "container",
    [
        {"image": "r.example.com/llm:1", "command": ["vllm", "serve", "m"]},
        {"image": "r.example.com/llm:1", "args": ["python3", "-m", "vllm.entrypoints.openai.api_server"]},
    ],
)
def test_vllm_is_seen_in_what_a_container_runs(container: dict[str, Any]) -> None:
    (found,) = problems(added(SERVICE, running(container)))
    assert "Pod/server runs vLLM" in found
    assert problems(added(SERVICE, running({"image": "r.example.com/llm:1"}))) == []


@pytest.mark.parametrize("spec", [{"clusterIP": "None"}, {"type": "ExternalName", "externalName": "a.example.com"}])
def test_a_service_without_an_address_sets_no_variables(spec: dict[str, Any]) -> None:
    assert problems(added(obj("Service", "vllm", spec=spec), pod())) == []


def test_variables_are_those_of_the_namespace() -> None:
    assert problems(added(pod()), in_keda(SERVICE)) == []
    assert problems(added(SERVICE), in_keda(pod())) == []
    (found,) = problems({}, in_keda(pod(), SERVICE))
    assert "Pod/server runs vLLM" in found


# --- images ---------------------------------------------------------------------------------------------------

MIRRORS = {
    "images": {"mirrors": {"docker.io": "registry.example.com/hub"}},
    "policy": {"registries": ["registry.example.com"]},
}
QUAY = "quay.io/acme/tool:1"
REFERENCE = {"name": "v", "image": {"reference": QUAY}}


def pulled(spec: Spec, stack: Spec | None = None) -> list[str]:
    return [each for each in resolved(spec, {**MIRRORS, **(stack or {})}).notes if " pulls " in each]


@pytest.mark.parametrize(
    ("spec", "stack"),
    [
        ({"values": {"initContainers": [{"name": "i", "image": QUAY}]}}, {}),
        ({"values": {"extraContainers": [{"name": "i", "image": QUAY}]}}, {}),
        ({"shapes": {"h100": {"values": {"extraVolumes": [REFERENCE]}}}}, {}),
        (added(obj("Prometheus", api="monitoring.coreos.com/v1", spec={"image": QUAY})), {}),
        (added(running({"image": "registry.example.com/hub/a/b:1"}, volumes=[REFERENCE])), {}),
        ({}, in_keda(running({"image": QUAY}))),
        ({}, in_prometheus(prometheus={"prometheusSpec": {"containers": [{"name": "x", "image": QUAY}]}})),
        ({}, in_prometheus(grafana={"downloadDashboardsImage": {"registry": "quay.io", "repository": "acme/tool"}})),
    ],
)
def test_an_image_is_seen_wherever_it_is_named(spec: Spec, stack: Spec) -> None:
    (found,) = pulled(spec, stack)
    assert "pulls quay.io/acme/tool" in found
    assert "from its own registry, which no mirror covers" in found


@pytest.mark.parametrize("image", ["busybox:1", "docker.io/library/busybox:1"])
def test_an_image_that_a_mirror_has_is_said_with_its_name_there(image: str) -> None:
    (found,) = pulled(added(running({"image": image})))
    assert "its mirror has it as registry.example.com/hub/library/busybox:1" in found
    assert pulled(added(running({"image": "registry.example.com/own/tool:1"}))) == []


def test_the_platforms_images_past_the_mirrors_are_told_once() -> None:
    (found,) = (each for each in resolved({}, MIRRORS).notes if "no mirror covers" in each)
    assert found.startswith("stack.yaml:")
    assert "no mirror covers ghcr.io, quay.io, registry.k8s.io, from where 10 of 10 platform images are pulled" in found


# --- files of an author's own ---------------------------------------------------------------------------------

BINDING = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: inference}\n---\n"


def own_file(tmp_path: Path, text: str, spec: Spec | None = None, name: str = "clusters/phx/mine.yaml") -> list[str]:
    whole = compile(parse(sources(spec or {}, {"ownFiles": [name]})))
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    try:
        plan(whole, Directory(tmp_path))
    except InputError as error:
        return [str(each) for each in error.problems]
    return []


def test_a_file_that_flux_applies_first_must_not_need_what_comes_later(tmp_path: Path) -> None:
    (found,) = own_file(tmp_path, BINDING + TEXT)
    assert found.startswith(
        "clusters/phx/mine.yaml:6:1: ScaledObject/x is applied with clusters/phx, and the chart keda"
    )


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("apiVersion: v1\nkind: Namespace\nmetadata: {name: keda}\n", {}),
        ("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: x}\n", added(ROLE)),
    ],
)
def test_a_file_beside_ours_owns_nothing_of_the_stack(text: str, spec: Spec, tmp_path: Path) -> None:
    (found,) = own_file(tmp_path, text, spec)
    assert found.startswith("clusters/phx/mine.yaml:1:1: ")
    assert "is already applied with" in found


@pytest.mark.parametrize("name", ["clusters/phx/mine.yaml", "clusters/phx/notes/mine.txt"])
def test_other_files_of_an_author_pass(name: str, tmp_path: Path) -> None:
    assert own_file(tmp_path, BINDING if name.endswith("yaml") else TEXT, name=name) == []


@pytest.mark.parametrize(
    "text", ["patches: 5\n", "resources: 5\npatches: [[]]\n", "[]\n", "a\n", "{{ x }}\n", "- &a\n"]
)
@pytest.mark.parametrize("name", ["clusters/phx/kustomization.yaml", "clusters/phx/mine.yaml"])
def test_what_cannot_be_read_is_for_flux_to_say(text: str, name: str, tmp_path: Path) -> None:
    assert own_file(tmp_path, text, name=name) == []


LISTED = "resources: [sync.yaml, platform.yaml, inference-chat.yaml]\npatches:\n"
PATCH = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: NAME}\nspec: {prune: true}\n"


@pytest.mark.parametrize(
    ("patches", "lost"),
    [
        ("- {target: {kind: Kustomization, name: demo-.*}, path: patch.yaml}\n", ""),
        ("- {target: {kind: Kustomization, name: chat}, path: patch.yaml}\n", "Kustomization/chat"),
        ("- {target: {kind: HelmRelease}, path: patch.yaml}\n", "HelmRelease/*"),
        ("- patch: |\n    " + PATCH.replace("\n", "\n    ").replace("NAME", "demo-inference-chat") + "\n", ""),
        ("- patch: |\n    " + PATCH.replace("\n", "\n    ").replace("NAME", "chat") + "\n", "Kustomization/chat"),
        ("- {target: {labelSelector: a=b}, path: patch.yaml}\n", ""),
        ("- {target: {kind: Kustomization, name: (a+)+b}, path: patch.yaml}\n", ""),
        ("- 5\n", ""),
    ],
)
def test_a_patch_of_an_authors_own_has_its_object(patches: str, lost: str, tmp_path: Path) -> None:
    found = own_file(tmp_path, LISTED + patches, name="clusters/phx/kustomization.yaml")
    assert len(found) == bool(lost)
    assert all(each.startswith("clusters/phx/kustomization.yaml:3:3: ") for each in found)
    assert all(f"its patch of {lost} matches no object that the file lists" in each for each in found)


@pytest.mark.parametrize("file", [None, "clusters/phx/mine.yaml", "platform/notes.yaml"])
def test_nothing_is_called_current_whose_neighbours_nobody_has_read(file: str | None, tmp_path: Path) -> None:
    """A file of an author's own changes without any of gpuyard's sources, and a merge may bring it."""
    project, cache = parse(sources({}, {"ownFiles": [file]} if file else {})), Disk(tmp_path / "cache", "")
    (tmp_path / "gitops").mkdir()
    place = Directory(tmp_path / "gitops")
    write(plan(compile(project), place, cache=cache), place)
    assert is_current(project, place, cache) == (file != "clusters/phx/mine.yaml")


# --- what Argo CD permits -------------------------------------------------------------------------------------


def test_a_project_permits_what_authors_have_charts_make() -> None:
    stack = {**ARGOCD, **in_keda(there("elsewhere", MAP), obj("ClusterIssuer", api="cert-manager.io/v1"))}
    _, platforms, models = projects(resolved(added(obj("ClusterPolicy", api="kyverno.io/v1")), stack), ["phx"])
    assert "elsewhere" in [each["namespace"] for each in platforms["spec"]["destinations"]]
    assert {"group": "cert-manager.io", "kind": "ClusterIssuer"} in platforms["spec"]["clusterResourceWhitelist"]
    assert {"group": "kyverno.io", "kind": "ClusterPolicy"} in models["spec"]["clusterResourceWhitelist"]


def test_a_project_of_others_must_permit_it_too() -> None:
    spaces = ["argocd", "inference", "keda", "kube-system", "monitoring"]
    project = {"argocd": {"project": {"name": "team", "namespaces": spaces}}}
    (found,) = problems({}, {**ARGOCD, **project, **in_keda(there("elsewhere", MAP))})
    assert "team does not permit elsewhere, where the platform's keda would be" in found
