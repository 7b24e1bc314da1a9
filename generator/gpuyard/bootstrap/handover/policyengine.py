"""Calico that only enforces NetworkPolicy: its own manifest, with what Oracle says to change beside OKE's CNI."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gpuyard.bootstrap.handover.engineobjects import mirrored_objects
from gpuyard.catalogue.calico import Calico, calico
from gpuyard.project.stack import Cluster, Stack

__all__ = ["PROGRAM", "calico_objects", "how", "is_policy_only", "wanted"]

Object = Mapping[str, Any]
PROGRAM: Object = {
    "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "calico-node", "namespace": "kube-system"}
}  # fmt: skip
"""That there is where Calico is, whoever installed it."""


def wanted(stack: Stack, cluster: Cluster) -> bool:
    """Whether it is to be in a cluster: where bootstrap made that, unless the stack says otherwise."""
    default = "none" if cluster.oci.cluster else "calico"
    return stack.oci is not None and (cluster.oci.network_policy or default) == "calico"


def how() -> str:
    """What is left to do without its manifest."""
    return (
        f"no NetworkPolicy is enforced without Calico: `curl -fLO {calico().manifest}`, and the same command again with"
        " --calico-manifests calico-policy-only.yaml; or set networkPolicy: none in oci of the cluster"
    )


def is_policy_only(objects: Iterable[Object]) -> bool:
    """Whether that is the manifest of a Calico that leaves the network to others."""
    for each in objects:
        if _is_program(each):
            variables = {one["name"]: one.get("value") for one in _container(each).get("env", ())}
            return variables.get("CALICO_NETWORKING_BACKEND") == "none"
    return False


def calico_objects(stack: Stack, objects: Sequence[Object]) -> list[Object]:
    """As one cluster gets them."""
    edits = calico()
    kept = [each for each in objects if (each["kind"], each["metadata"]["name"]) not in edits.objects]
    return mirrored_objects(stack, [_edited(each, edits) if _is_program(each) else each for each in kept])


def _is_program(each: Object) -> bool:
    return (each["kind"], each["metadata"]["name"]) == (PROGRAM["kind"], PROGRAM["metadata"]["name"])


def _container(program: Object) -> Object:
    found: list[Object] = program["spec"]["template"]["spec"]["containers"]
    return next((each for each in found if each["name"] == "calico-node"), {})


def _edited(program: Object, edits: Calico) -> Object:
    """Without what would write a CNI's configuration, and with the names of OKE's interfaces."""
    spec = program["spec"]
    pod = {key: value for key, value in spec["template"]["spec"].items() if key != "initContainers"}
    pod["volumes"] = [each for each in pod.get("volumes", ()) if each["name"] not in edits.volumes]
    pod["containers"] = [
        _edited_container(each, edits) if each["name"] == "calico-node" else each for each in pod["containers"]
    ]
    return {**program, "spec": {**spec, "template": {**spec["template"], "spec": pod}}}


def _edited_container(container: Object, edits: Calico) -> Object:
    replaced = {*edits.without, *edits.variables}
    kept = {key: value for key, value in container.items() if key != "envFrom"}
    return {
        **kept,
        "env": [
            *(each for each in container.get("env", ()) if each["name"] not in replaced),
            *({"name": name, "value": value} for name, value in edits.variables.items()),
        ],
        "volumeMounts": [each for each in container.get("volumeMounts", ()) if each["name"] not in edits.volumes],
    }
