"""Labels once per folder: what Kustomize puts there is what stood there, whatever else is in the folder."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gpuyard.doors import yamlio
from gpuyard.render.labels import common_labels, without
from gpuyard.render.overlays import kustomization

Object = dict[str, Any]
LABELS = {"app": "chat", "team": "7", "component": "server"}


def thing(kind: str, api: str, **spec: Any) -> Object:
    metadata = {"name": kind.lower(), "labels": dict(LABELS)}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **({"spec": spec} if spec else {})}


def template(**labels: str) -> Object:
    return {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main"}]}}


def workloads() -> list[Object]:
    """Every kind that has a pod template, and some without one."""
    pods = {kind: thing(kind, "apps/v1", template=template(**LABELS)) for kind in ("DaemonSet", "ReplicaSet")}
    deployment = thing("Deployment", "apps/v1", selector={"matchLabels": LABELS}, template=template(**LABELS))
    job, cron = (template(**LABELS), {"metadata": {"labels": LABELS}, "spec": {"template": template(**LABELS)}})
    return [
        thing("Service", "v1", selector=LABELS),
        thing("Thing", "example.com/v1", template=template(own="1")),
        deployment,
        *pods.values(),
        thing("StatefulSet", "apps/v1", template=template(**LABELS)),
        thing("ReplicationController", "v1", template=template(**LABELS)),
        thing("Job", "batch/v1", template=job),
        thing("CronJob", "batch/v1", jobTemplate=cron),
    ]


def built(folder: Path, objects: Sequence[Object], kubectl: Path) -> list[Object]:
    """What Kustomize makes of a folder that is written as a base is."""
    pairs = common_labels(objects)
    files = {f"{obj['kind'].lower()}.yaml": yamlio.dump(without(obj, pairs)) for obj in objects}
    for name, text in {**files, "kustomization.yaml": kustomization(sorted(files), labels=pairs)}.items():
        (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=True)
    return sorted(yamlio.parse_manifests(done.stdout), key=lambda obj: str(obj["kind"]))


def test_labels_of_all_stand_once(tmp_path: Path, kubectl: Path) -> None:
    objects = workloads()
    assert common_labels(objects) == LABELS
    assert without(objects[0], LABELS) == {**objects[0], "metadata": {"name": "service"}}
    assert "metadata" not in without(objects[2], LABELS)["spec"]["template"]
    assert built(tmp_path, objects, kubectl) == sorted(objects, key=lambda obj: str(obj["kind"]))


@pytest.mark.parametrize(
    "other",
    [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own", "labels": None}},
        thing("Job", "batch/v1", template={"spec": {}}),
        thing("Job", "example.com/v1", template=template(**LABELS)),
        thing("Deployment", "example.com/v1", template={"spec": {}}),
        thing(
            "StatefulSet",
            "apps/v1",
            template=template(**LABELS),
            volumeClaimTemplates=[{"metadata": {"name": "data"}, "spec": {}}],
        ),
    ],
    ids=lambda other: f"{other['apiVersion']} {other['kind']} {list(other['metadata'])}",
)
def test_an_object_that_lacks_them_gets_none(other: Object, tmp_path: Path, kubectl: Path) -> None:
    objects = [thing("Service", "v1", selector=LABELS), other]
    assert common_labels(objects) == {}
    assert built(tmp_path, objects, kubectl) == sorted(objects, key=lambda obj: str(obj["kind"]))


def test_what_differs_stays() -> None:
    one, two = thing("Service", "v1"), thing("ConfigMap", "v1")
    two["metadata"]["labels"]["component"] = "route"
    pairs = common_labels([one, two])
    assert pairs == {"app": "chat", "team": "7"}
    assert without(two, pairs)["metadata"]["labels"] == {"component": "route"}
    assert common_labels([]) == {}


def test_another_maker_s_kind_may_have_a_text_where_a_pod_would_be() -> None:
    labels = {"app.kubernetes.io/part-of": "demo"}
    odd = {
        "apiVersion": "acme.example/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "labels": labels},
        "spec": {"template": "x"},
    }
    assert common_labels([odd]) == {}
