"""The nodes: GPU nodes of every shape in overlays/, as OKE registers them, and CPU nodes for the platform."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.addresses import node, node_pods
from tests.cluster.api import Object
from tests.cluster.errors import WorldError
from tests.cluster.programs.catalogue import program

__all__ = ["CPU", "Machine", "fleet", "nodes", "shapes", "storage_classes"]

_VERSION = f"v{program('kube-apiserver').version}"
_DOMAINS = 3


@dataclass(frozen=True, slots=True)
class Machine:
    """An OCI shape as a node offers it; `family` is the name of its directory in overlays/."""

    family: str
    shape: str
    gpus: int
    cores: int
    memory_gib: int
    labels: tuple[tuple[str, str], ...] = ()
    resource: str = ""
    taints: tuple[Mapping[str, str], ...] = ()


CPU = Machine("cpu", "VM.Standard.E5.Flex", gpus=0, cores=16, memory_gib=64)


def shapes(overlays: Path) -> list[Machine]:
    """Every OCI shape of every overlays/<shape>/shape.yaml."""
    found = [machine for path in sorted(overlays.glob("*/shape.yaml")) for machine in _machines(path)]
    if not found:
        raise WorldError(f"{overlays}/*/shape.yaml: no GPU shape found")
    return found


def fleet(machines: Sequence[Machine], *, of_each: int = 2, platform: int = 2) -> list[Object]:
    """This many nodes of each GPU shape, and CPU nodes beside them."""
    wanted = [(CPU, platform), *((machine, of_each) for machine in machines)]
    return list(nodes([machine for machine, count in wanted for _ in range(count)]))


def nodes(machines: Sequence[Machine], *, first: int = 0) -> Iterator[Object]:
    """One Node per machine; numbers, and with them addresses, count from `first`."""
    seen: dict[str, int] = {}
    for number, machine in enumerate(machines, start=first):
        stem = machine.shape.lower().replace(".", "-")
        seen[stem] = seen.get(stem, -1) + 1
        yield _node(f"{stem}-{first + seen[stem]}" if first else f"{stem}-{seen[stem]}", number, machine)


def storage_classes() -> list[Object]:
    """OKE's own: block volumes that wait for their consumer, file systems that don't."""
    return [
        _storage_class("oci-bv", "blockvolume.csi.oraclecloud.com", "WaitForFirstConsumer", default=True),
        _storage_class("oci-fss", "fss.csi.oraclecloud.com", "Immediate", default=False),
    ]


def _machines(path: Path) -> Iterator[Machine]:
    document: Mapping[str, Any] = yaml.safe_load(path.read_text())
    for shape, facts in document["shapes"].items():
        # OCI sells x86 cores as pairs of threads, and Kubernetes counts threads.
        yield Machine(
            family=path.parent.name,
            shape=shape,
            gpus=int(facts["gpus"]),
            cores=2 * int(facts["ocpus"]),
            memory_gib=int(facts["memoryGiB"]),
            labels=((document["node"]["instanceTypeLabel"], shape),),
            resource=document["node"]["resource"],
            taints=(document["node"]["taint"],),
        )


def _node(name: str, number: int, machine: Machine) -> Object:
    domain = number % _DOMAINS
    zone = f"PHX-AD-{domain + 1}"
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/instance-type": machine.shape,
        "beta.kubernetes.io/os": "linux",
        "displayName": name,
        "failure-domain.beta.kubernetes.io/region": "phx",
        "failure-domain.beta.kubernetes.io/zone": zone,
        "hostname": name,
        "internal_addr": node(number),
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": node(number),
        "kubernetes.io/os": "linux",
        "node.info/kubeletVersion": _VERSION.rpartition(".")[0],
        "node.kubernetes.io/instance-type": machine.shape,
        "oci.oraclecloud.com/fault-domain": f"FAULT-DOMAIN-{domain + 1}",
        "topology.kubernetes.io/region": "phx",
        "topology.kubernetes.io/zone": zone,
        **dict(machine.labels),
    }
    # What a kubelet keeps for itself and the system, roughly.
    capacity = {
        "cpu": str(machine.cores),
        "memory": f"{machine.memory_gib}Gi",
        "pods": "110",
        "ephemeral-storage": "2Ti",
    }
    free = {**capacity, "memory": f"{machine.memory_gib - max(2, machine.memory_gib // 40)}Gi"}
    if machine.gpus:
        capacity[machine.resource] = free[machine.resource] = str(machine.gpus)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "podCIDR": node_pods(number),
            "podCIDRs": [node_pods(number)],
            "providerID": f"ocid1.instance.oc1.phx.{name}",
            "taints": list(machine.taints),
        },
        "status": {
            "capacity": capacity,
            "allocatable": free,
            "addresses": [
                {"type": "InternalIP", "address": node(number)},
                {"type": "Hostname", "address": node(number)},
            ],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": "cri-o://1.37.0",
                "kernelVersion": "5.15.0",
                "kubeProxyVersion": _VERSION,
                "kubeletVersion": _VERSION,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "Oracle Linux Server 8.10",
                "systemUUID": "",
            },
        },
    }


def _storage_class(name: str, provisioner: str, binding: str, *, default: bool) -> Object:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": annotations},
        "provisioner": provisioner,
        "volumeBindingMode": binding,
        "reclaimPolicy": "Delete",
        "allowVolumeExpansion": True,
    }
