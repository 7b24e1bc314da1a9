"""The parts of the cluster that need none: what is parsed, decided and written, without a single process."""

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
import yaml

from tests.cluster import charts, conditions, fleet, state
from tests.cluster.api import Api, Object, Resource
from tests.cluster.errors import NotFoundError, SetupError
from tests.cluster.facts import Chart, Facts, read, write
from tests.cluster.kubelet import values, volumes
from tests.cluster.kubelet.changes import Changes
from tests.cluster.kubelet.images import image
from tests.cluster.kubelet.simulated import decide
from tests.cluster.objects import read as read_objects
from tests.cluster.objects import sort
from tests.cluster.pods import Course
from tests.cluster.references import Reference, reference
from tests.cluster.state import State

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("node/one", Reference("node", "one")),
        ("pod/one -n two", Reference("pod", "one", "two")),
        (
            "helmreleases.helm.toolkit.fluxcd.io/keda --namespace keda",
            Reference("helmreleases.helm.toolkit.fluxcd.io", "keda", "keda"),
        ),
    ],
)
def test_an_object_is_named_as_for_kubectl(text: str, expected: Reference) -> None:
    assert reference(text) == expected


@pytest.mark.parametrize("text", ["", "pod", "pod/", "/one", "pod one", "pod/one two", "pod/one -n"])
def test_a_name_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="kind/name -n namespace"):
        reference(text)


def test_paths_of_resources() -> None:
    pods = Resource("", "v1", "pods", "Pod", True, frozenset({"pods"}))
    nodes = Resource("", "v1", "nodes", "Node", False, frozenset({"nodes"}))
    releases = Resource("helm.toolkit.fluxcd.io", "v2", "helmreleases", "HelmRelease", True, frozenset())
    assert pods.path("default", "one", "status") == "/api/v1/namespaces/default/pods/one/status"
    assert pods.path() == "/api/v1/pods"
    assert nodes.path("default", "one") == "/api/v1/nodes/one"
    assert releases.path("keda", "keda") == "/apis/helm.toolkit.fluxcd.io/v2/namespaces/keda/helmreleases/keda"


def ready(status: str, *, seen: int, generation: int = 2, whole: int | None = None) -> Object:
    condition = {"type": "Ready", "status": status, "observedGeneration": seen}
    return {
        "metadata": {"generation": generation},
        "status": {"conditions": [condition], "observedGeneration": seen if whole is None else whole, "phase": "Bound"},
    }


@pytest.mark.parametrize(
    ("wanted", "item", "holds"),
    [
        ("Ready", ready("True", seen=2), True),
        ("Ready", ready("True", seen=1), False),
        ("Ready", ready("True", seen=2, whole=-1), False),
        ("Ready", ready("False", seen=2), False),
        ("Ready=False", ready("False", seen=2, whole=-1), True),
        ("Ready", None, False),
        ("Available", ready("True", seen=2), False),
        (".status.phase=Bound", ready("True", seen=2), True),
        (".status.phase=Lost", ready("True", seen=2), False),
        (".status.phase=Bound", None, False),
        ("deleted", None, True),
        ("deleted", ready("True", seen=2), False),
        ("exists", ready("True", seen=2), True),
        (lambda item: item is None, None, True),
    ],
)
def test_conditions(wanted: str | conditions.Check, item: Object | None, holds: bool) -> None:
    assert conditions.check(wanted)(item) is holds


def pod(**metadata: object) -> Object:
    return {"metadata": {"name": "one", "namespace": "two", **metadata}, "status": {}}


def test_a_simulated_pod_is_ready_at_once_unless_told_otherwise() -> None:
    assert decide(pod(), Course(), NOW) == {"simulated": "true", "ready-at": "2026-01-01T12:00:00.000Z"}


def test_a_delay_counts_from_the_start_of_the_pod() -> None:
    started = {**pod(), "status": {"startTime": "2026-01-01T11:59:50Z"}}
    assert decide(started, Course(ready_after=15), NOW)["ready-at"] == "2026-01-01T12:00:05.000Z"


def test_never_is_no_point_in_time_and_neither_is_a_crash() -> None:
    assert decide(pod(), Course(ready_after="never"), NOW) == {"simulated": "true"}
    assert decide(pod(), Course(crashes=True), NOW) == {"simulated": "true", "crashes": "true"}


def test_what_is_decided_stays() -> None:
    decided = pod(annotations={"world.gpuyard.dev/ready-at": "2026-01-01T11:00:00.000Z"})
    assert decide(decided, Course(ready_after=99), NOW)["ready-at"] == "2026-01-01T11:00:00.000Z"


@pytest.mark.parametrize(("ends_after", "end"), [(2, "12:00:02"), (99, "12:00:30"), ("grace", "12:00:30")])
def test_a_deleted_pod_ends_within_its_grace_period(ends_after: float, end: str) -> None:
    deleted = pod(deletionTimestamp="2026-01-01T12:00:30Z")
    assert decide(deleted, Course(ends_after=ends_after), NOW)["ends-at"] == f"2026-01-01T{end}.000Z"


def test_expansion_knows_escapes_and_leaves_the_unknown() -> None:
    env = {"NAME": "x"}
    assert values.expand("$(NAME) $$(NAME) $(OTHER) $NAME", env) == "x $(NAME) $(OTHER) $NAME"


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1), ("500m", 0.5), ("1Gi", 2**30), ("1G", 10**9), ("2k", 2000), ("1.5Mi", 1.5 * 2**20)]
)
def test_quantities(text: str, number: float) -> None:
    assert values.quantity(text) == number


def test_what_is_no_quantity_is_refused() -> None:
    with pytest.raises(ValueError, match="no quantity"):
        values.quantity("1 GiB")


def test_resources_are_rounded_up_to_their_divisor() -> None:
    container = {"name": "main", "resources": {"limits": {"memory": "1Gi", "cpu": "1500m"}}}
    owner = {"spec": {"containers": [container]}}
    assert values.resource_of(owner, container, {"resource": "limits.memory"}) == str(2**30)
    assert values.resource_of(owner, container, {"resource": "limits.cpu"}) == "2"
    assert values.resource_of(owner, container, {"resource": "limits.memory", "divisor": "1Mi"}) == "1024"


def test_fields_of_a_pod() -> None:
    labelled = pod(labels={"b": "2", "a.b/c": "1"})
    assert values.field_of(labelled, "metadata.name") == "one"
    assert values.field_of(labelled, "metadata.labels['a.b/c']") == "1"
    assert values.field_of(labelled, "metadata.labels") == 'a.b/c="1"\nb="2"'
    assert values.field_of(labelled, "status.podIP") == ""


def test_a_volume_changes_as_a_whole(tmp_path: Path) -> None:
    volumes.swap(tmp_path, {"a": b"1", "deep/b": b"1"})
    before = (tmp_path / "..data").resolve()
    volumes.swap(tmp_path, {"a": b"1", "deep/b": b"1"})
    assert (tmp_path / "..data").resolve() == before
    volumes.swap(tmp_path, {"a": b"2"})
    assert (tmp_path / "a").read_bytes() == b"2"
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("..")) == ["a"]
    assert not before.exists()


@pytest.mark.parametrize(
    ("reference_", "known"),
    [
        ("ghcr.io/fluxcd/source-controller:v1.9.3", True),
        ("mirror.example.com:5000/some/where/fluxcd/source-controller@sha256:0123", True),
        ("ghcr.io/fluxcd/source-controller:v1@sha256:0123", True),
        ("source-controller", False),
        ("docker.io/vllm/vllm-openai:v0.32.0", False),
    ],
)
def test_images_are_known_by_their_last_two_parts(reference_: str, known: bool) -> None:
    assert (image(reference_) is not None) is known


def test_namespaces_and_crds_come_first_and_the_rest_stays_in_order(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("kind: ConfigMap\n---\n---\nkind: List\nitems: [{kind: Namespace}]\n")
    (tmp_path / "a.yml").write_text("kind: Secret\n")
    (tmp_path / "no.txt").write_text("kind: Nothing\n")
    items = read_objects(tmp_path)
    assert [item["kind"] for item in items] == ["Secret", "ConfigMap", "Namespace"]
    assert [item["kind"] for item in sort(items)] == ["Namespace", "Secret", "ConfigMap"]


def test_every_shape_becomes_nodes_with_addresses_of_their_own() -> None:
    machines = fleet.shapes(ROOT / "overlays")
    nodes = fleet.fleet(machines)
    assert len(nodes) == 2 + 2 * len(machines)
    assert len({node["metadata"]["name"] for node in nodes}) == len(nodes)
    assert len({node["spec"]["podCIDR"] for node in nodes}) == len(nodes)
    gpus = {
        node["metadata"]["labels"]["node.kubernetes.io/instance-type"]: node["status"]["capacity"] for node in nodes
    }
    assert gpus["BM.GPU.H100.8"]["nvidia.com/gpu"] == "8"
    assert "nvidia.com/gpu" not in gpus[fleet.CPU.shape]


def test_the_stand_ins_have_the_versions_that_gpuyard_installs() -> None:
    known = [
        yaml.safe_load(path.read_text()) for path in (ROOT / "generator/gpuyard/catalogue/platform").glob("*.yaml")
    ]
    installed = {each["chart"]: each["version"] for each in known}
    charts = [yaml.safe_load(path.read_text()) for path in (ROOT / "tests/cluster/standins").glob("*/Chart.yaml")]
    found = {each["name"]: each["version"] for each in charts}
    assert found == {name: installed.get(name) for name in found}
    assert {"keda", "kube-prometheus-stack"} <= found.keys()


def test_facts_are_read_as_they_were_written(tmp_path: Path) -> None:
    facts = Facts(
        {"helm": Path("/bin/helm")}, Path("/flux.yaml"), (Chart(Path("/a.tgz"), "upstream"),), Path("/overlays")
    )
    write(State(tmp_path), facts)
    assert read(State(tmp_path)) == facts


def test_a_directory_of_charts_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GPUYARD_E2E_CHARTS", str(tmp_path / "none"))
    with pytest.raises(SetupError, match="GPUYARD_E2E_CHARTS"):
        charts.collect({})


def test_upstreams_charts_take_the_place_of_stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    version = yaml.safe_load((ROOT / "tests/cluster/standins/keda/Chart.yaml").read_text())["version"]
    for name in (f"keda-{version}.tgz", "other-1.2.3.tgz"):
        (tmp_path / name).touch()
    monkeypatch.setenv("GPUYARD_E2E_CHARTS", str(tmp_path))
    monkeypatch.setattr(charts, "_package", lambda chart, real, helm: Path(chart.name))
    monkeypatch.delenv("GPUYARD_E2E_ENGINES", raising=False)
    upstream = {f"keda-{version}.tgz": "upstream", "other-1.2.3.tgz": "upstream"}
    crds = {"prometheus-operator-crds": "stand-in"}
    found = {chart.package.name: chart.origin for chart in charts.collect({"helm": Path("helm")})}
    assert found == {**upstream, **crds, "kube-prometheus-stack": "stand-in"}
    monkeypatch.setenv("GPUYARD_E2E_ENGINES", "1")
    found = {chart.package.name: chart.origin for chart in charts.collect({"helm": Path("helm")})}
    assert found == {**upstream, **crds, "kube-prometheus-stack": "of its programs' own manifests"}


def test_what_a_dead_run_left_is_swept_and_a_living_world_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with state.create("dead") as (dead, _):
        (dead.logs).mkdir()
    with state.create("alive") as (alive, _):
        assert state.is_alive(alive)
        assert not state.is_alive(dead)
        assert state.sweep() == [dead.root]
        assert alive.root.exists()
        with pytest.raises(SetupError, match="up already"), state.create("alive"):
            pass


def test_a_link_in_place_of_the_directory_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    place = state.base()
    place.rmdir()
    (tmp_path / "elsewhere").mkdir()
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SetupError, match="belongs to somebody else"):
        state.base()


class _Answers:
    """An API server with one ConfigMap, which counts how often it is read."""

    def __init__(self) -> None:
        self.text: str | None = "1"
        self.reads = 0

    def get(self, path: str) -> Object:
        self.reads += 1
        if self.text is None:
            raise NotFoundError(404, path)
        return {"data": {"key": self.text}}


def test_a_volume_is_read_again_when_its_source_has_changed(tmp_path: Path) -> None:
    api, changes = _Answers(), Changes(cast(Api, None))
    name = "configmaps", "here", "settings"
    pod = {"metadata": {"namespace": "here"}, "spec": {"volumes": [{"name": "v", "configMap": {"name": "settings"}}]}}
    found = volumes.Volumes(cast(Api, api), changes, pod, tmp_path, tmp_path)
    assert found.is_behind()
    found.refresh()
    assert not found.is_behind()
    changes.note("ADDED", "configmaps", {"metadata": {"namespace": "here", "name": "settings", "resourceVersion": "7"}})
    assert changes.version(name) == "7"
    assert found.is_behind(), "it was read before anybody told of it"
    api.text = "2"
    found.refresh()
    assert (tmp_path / "v/key").read_text() == "2"
    assert not found.is_behind()
    changes.note("MODIFIED", "secrets", {"metadata": {"namespace": "here", "name": "settings", "resourceVersion": "8"}})
    changes.note("ADDED", "configmaps", {"metadata": {"namespace": "here", "name": "others", "resourceVersion": "9"}})
    assert not found.is_behind()
    changes.note("DELETED", "configmaps", {"metadata": {"namespace": "here", "name": "settings"}})
    assert found.is_behind()
    api.text = None
    with pytest.raises(values.MissingError):
        found.refresh()
    assert found.is_behind(), "what can't be read is tried again"
    assert api.reads == 3
