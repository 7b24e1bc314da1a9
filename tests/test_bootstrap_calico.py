"""Calico beside OKE's CNI: what of its manifest is otherwise, that it comes first, and that it is nobody else's."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpuyard.bootstrap.difference import Action
from gpuyard.bootstrap.handover.allclusters import Gifts, handing
from gpuyard.bootstrap.handover.carry import carry_out
from gpuyard.bootstrap.handover.policyengine import calico_objects, wanted
from gpuyard.bootstrap.handover.sight import look
from gpuyard.bootstrap.handover.steps import Handover, compared, unasked
from gpuyard.bootstrap.handover.wishes import Part, Site, Wishes, wishes
from gpuyard.catalogue.engines import manifests
from gpuyard.cli.handoverplan import handover_lines
from gpuyard.doors.kubernetes import Kubernetes, opened
from gpuyard.errors import GpuyardError
from gpuyard.project.load import parse
from gpuyard.resolve import resolve
from tests.fakecluster import FakeCluster
from tests.fakekubernetes import serving
from tests.projects import resolved, sources

OCI = {"oci": {"compartment": "gpu"}}
USER = {"token": "secret"}
TOKEN = {("inference", "hf-token"): {"token": b"hf_given"}}
NODE = "/apis/apps/v1/namespaces/kube-system/daemonsets/calico-node"


def named(kind: str, name: str, version: str = "v1", **more: Any) -> dict[str, Any]:
    space = {} if kind in ("ClusterRole", "CustomResourceDefinition") else {"namespace": "kube-system"}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **space}, **more}


def volumes(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "hostPath": {"path": f"/{name}"}} for name in names]


def program(kind: str, name: str, containers: Sequence[Mapping[str, Any]], **pod: Any) -> dict[str, Any]:
    spec = {"selector": {}, "template": {"metadata": {}, "spec": {"containers": list(containers), **pod}}}
    return named(kind, name, "apps/v1", spec=spec)


def manifest(backend: str = "none") -> list[dict[str, Any]]:
    """Of the form of the project's own, and without its length."""
    image = "quay.io/calico/node:v3.32.0"
    env = {"DATASTORE_TYPE": "kubernetes", "CALICO_NETWORKING_BACKEND": backend, "FELIX_HEALTHENABLED": "true"}
    typha = {"name": "FELIX_TYPHAK8SSERVICENAME", "valueFrom": {"configMapKeyRef": {"name": "calico-config"}}}
    old = {"name": "FELIX_INTERFACEPREFIX", "value": "cali"}
    node = {
        "name": "calico-node",
        "image": image,
        "envFrom": [{"configMapRef": {"name": "kubernetes-services-endpoint", "optional": True}}],
        "env": [typha, old, *({"name": name, "value": value} for name, value in env.items())],
        "volumeMounts": [
            {"name": name, "mountPath": f"/{name}"} for name in ("cni-net-dir", "lib-modules", "cni-log-dir")
        ],
    }
    first = [{"name": "install-cni", "image": "quay.io/calico/cni:v3.32.0"}]
    return [
        named("PodDisruptionBudget", "calico-typha", "policy/v1"),
        program("DaemonSet", "calico-node", [node], initContainers=first,
                volumes=volumes("lib-modules", "cni-bin-dir", "cni-net-dir", "cni-log-dir")),
        named("ServiceAccount", "calico-node"),
        named("ClusterRole", "calico-node", "rbac.authorization.k8s.io/v1", rules=[]),
        named("CustomResourceDefinition", "tiers.crd.projectcalico.org", "apiextensions.k8s.io/v1",
              spec={"group": "crd.projectcalico.org", "scope": "Cluster", "names": {"plural": "tiers", "kind": "Tier"},
                    "versions": [{"name": "v1"}]}),
        named("ConfigMap", "calico-config", data={"typha_service_name": "calico-typha"}),
        named("Service", "calico-typha"),
        program("Deployment", "calico-typha", [{"name": "calico-typha", "image": "quay.io/calico/typha:v3.32.0"}]),
        program("Deployment", "calico-kube-controllers",
                [{"name": "calico-kube-controllers", "image": "quay.io/calico/kube-controllers:v3.32.0"}]),
    ]  # fmt: skip


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeCluster]:
    with serving(tmp_path, FakeCluster()) as found:
        found.put("/api/v1/namespaces/kube-system", {"kind": "Namespace", "apiVersion": "v1", "metadata": {}})
        yield found


@pytest.fixture
def api(fake: FakeCluster) -> Kubernetes:
    return opened(fake.kubeconfig(**USER))


def site(calico: Sequence[Mapping[str, Any]] = (), **stack: Any) -> Site:
    whole = resolved({"shapes": {"a10": {}}}, {**OCI, **stack})
    return Site(resolved=whole, cluster="phx", manifests=manifests("flux"), given=TOKEN, calico=calico)


def planned(api: Kubernetes, wanted: Wishes) -> Handover:
    return compared("phx", wanted, look(api, wanted.looked_for))


def hand_over(api: Kubernetes, where: Site) -> Handover:
    wanted = wishes(where)
    carry_out(api, planned(api, wanted), "demo", lambda _: None, lambda _: None)
    return planned(api, wanted)


def test_what_oracle_says_to_change_is_changed_and_nothing_else() -> None:
    stack = resolved({}, OCI).stack
    before = {(each["kind"], each["metadata"]["name"]): each for each in manifest()}
    after = {(each["kind"], each["metadata"]["name"]): each for each in calico_objects(stack, manifest())}
    assert {name for _, name in before.keys() - after.keys()} == {"calico-typha"}
    node = after.pop(("DaemonSet", "calico-node"))
    assert all(before[name] == each for name, each in after.items())
    pod = node["spec"]["template"]["spec"]
    assert "initContainers" not in pod
    assert [each["name"] for each in pod["volumes"]] == ["lib-modules"]
    (container,) = pod["containers"]
    assert "envFrom" not in container
    assert [each["name"] for each in container["volumeMounts"]] == ["lib-modules"]
    assert [each["name"] for each in container["env"]] == list(dict.fromkeys(each["name"] for each in container["env"]))
    assert {each["name"]: each["value"] for each in container["env"]} == {
        "DATASTORE_TYPE": "kubernetes",
        "CALICO_NETWORKING_BACKEND": "none",
        "FELIX_HEALTHENABLED": "true",
        "FELIX_INTERFACEPREFIX": "oci",
        "NO_DEFAULT_POOLS": "true",
        "FELIX_CHAININSERTMODE": "Append",
        "FELIX_IPTABLESMANGLEALLOWACTION": "Return",
        "FELIX_IPTABLESBACKEND": "NFT",
        "IP_AUTODETECTION_METHOD": "skip-interface=v-eth.*",
    }


def test_its_images_come_from_the_stack_s_mirrors() -> None:
    stack = resolved({}, {**OCI, "images": {"mirrors": {"quay.io": "phx.ocir.io/acme/quay"}}}).stack
    text = json.dumps(calico_objects(stack, manifest()))
    assert "phx.ocir.io/acme/quay/calico/node:v3.32.0" in text
    assert '"quay.io/calico' not in text


def test_it_comes_before_the_engine_and_is_waited_for(fake: FakeCluster, api: Kubernetes) -> None:
    after = hand_over(api, site(manifest()))
    assert (after.writes, after.left) == ((), ())
    order = [line.rpartition("/")[2] for line in fake.writes]
    assert order.index("tiers.crd.projectcalico.org") < order.index("calico-node")
    assert fake.writes.index(f"PATCH {NODE}") < order.index("source-controller")
    assert "calico-typha" not in order


def test_where_it_does_not_start_the_engine_gets_no_entry(fake: FakeCluster, api: Kubernetes) -> None:
    fake.says["daemonsets/calico-node"] = {"observedGeneration": 1, "desiredNumberScheduled": 3, "numberReady": 1}
    with pytest.raises(GpuyardError, match=r"kube-system/calico-node is not ready .* 1 of 3 pods are ready"):
        hand_over(api, site(manifest()))
    assert fake.named("GitRepository") == []


def test_somebody_else_s_is_left_alone(fake: FakeCluster, api: Kubernetes) -> None:
    fake.put(NODE, named("DaemonSet", "calico-node", "apps/v1"))
    plan = planned(api, wishes(site(manifest())))
    assert {each.action for each in plan.moves if each.wish.part is Part.NETWORK} == {Action.LEAVE}
    assert any(each.action is Action.CREATE for each in plan.moves if each.wish.part is Part.ENGINE)


def test_without_the_manifest_it_is_said_how_until_it_is_there(fake: FakeCluster, api: Kubernetes) -> None:
    wanted = wishes(site())
    for plan in (planned(api, wanted), unasked("phx", wanted)):
        (left,) = plan.left
        assert "manifests/calico-policy-only.yaml`" in left
        assert "--calico-manifests calico-policy-only.yaml" in left
    fake.put(NODE, named("DaemonSet", "calico-node", "apps/v1"))
    assert planned(api, wanted).left == ()


def test_the_plan_has_it_in_one_line(api: Kubernetes) -> None:
    lines = [each for each in handover_lines([planned(api, wishes(site(manifest())))]) if "of Calico" in each]
    assert len(lines) == 1
    assert "phx: 6 objects of Calico" in lines[0]
    assert "node:v3.32.0, kube-controllers:v3.32.0" in lines[0]


@pytest.mark.parametrize(
    ("oci", "expected"),
    [
        ({}, True),
        ({"networkPolicy": "none"}, False),
        ({"cluster": "ocid1.cluster.oc1.phx.aaaa"}, False),
        ({"cluster": "ocid1.cluster.oc1.phx.aaaa", "networkPolicy": "calico"}, True),
    ],
)
def test_which_clusters_get_it(oci: Mapping[str, Any], expected: bool) -> None:
    cluster = {"name": "phx", "region": "us-phoenix-1", "shapes": {"a10": "VM.GPU.A10.2"}, "oci": oci}
    whole = resolved({"shapes": {"a10": {}}}, {**OCI, "clusters": [cluster]})
    assert wanted(whole.stack, whole.stack.clusters[0]) is expected
    assert not wanted(resolved({}).stack, whole.stack.clusters[0])


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (manifest("bird"), "is not the manifest of Calico that only enforces NetworkPolicy"),
        ([named("ConfigMap", "other")], "is not the manifest of Calico that only enforces NetworkPolicy"),
        ([{"no": "object"}], "has something else than Kubernetes objects"),
    ],
)
def test_a_file_that_is_something_else_is_said_at_once(tmp_path: Path, objects: list[Any], message: str) -> None:
    file = tmp_path / "calico.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    project = parse(sources({}, OCI))
    gifts = Gifts(token=lambda *_: "", calico=file)
    with pytest.raises(GpuyardError, match=message):
        handing(None, project, resolve(project), gifts)  # type: ignore[arg-type]  # nothing is asked of a cloud
