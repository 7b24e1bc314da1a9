"""All probes of all clusters; what one of them cannot ask, the others still do."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from gpuyard.bootstrap.clusterapi import Token, hint, open_cluster
from gpuyard.bootstrap.observe import Observed
from gpuyard.bootstrap.probes.bench import bench
from gpuyard.bootstrap.probes.filewrites import writes
from gpuyard.bootstrap.probes.nodescaler import starts_gpus
from gpuyard.bootstrap.probes.probed import Probed, Verdict
from gpuyard.bootstrap.probes.refusals import refuses
from gpuyard.bootstrap.probes.syncstate import in_sync
from gpuyard.doors.kubernetes import Kubernetes
from gpuyard.doors.oci import Cloud
from gpuyard.errors import StoppedError, ToolError
from gpuyard.project.stack import Cluster, Stack

__all__ = ["NAMES", "probes"]

NAMES = ("engine", "network policy", "file storage")
_SCALER = "karpenter"


def probes(
    cloud: Cloud, stack: Stack, observed: Observed, files: Mapping[str, Path], image: str, token: Token
) -> Iterator[Probed]:
    """One after the other; `files` are kubeconfigs by cluster, for those that are not reached as OKE says."""
    for cluster in stack.clusters:
        try:
            api = open_cluster(cloud, cluster, observed, files, token)
        except ToolError as error:
            yield from (Probed(cluster.name, name, Verdict.UNKNOWN, _unasked(error)) for name in NAMES)
            continue
        yield _probed(cluster, NAMES[0], partial(in_sync, api, stack))
        yield _probed(cluster, NAMES[1], partial(_network, cloud, api, image))
        if f"{cluster.name}/mount-target" in observed.ours:
            yield _probed(cluster, NAMES[2], partial(_files, cloud, api, image, stack))
        scaler = _probed(cluster, _SCALER, partial(_scales, api))
        if scaler.message:
            yield scaler


def _scales(api: Kubernetes) -> tuple[Verdict, str]:
    """No message: nothing of it is there."""
    return starts_gpus(api) or (Verdict.GOOD, "")


def _network(cloud: Cloud, api: Kubernetes, image: str) -> tuple[Verdict, str]:
    with bench(api, image, cloud.pause) as place:
        return refuses(place)


def _files(cloud: Cloud, api: Kubernetes, image: str, stack: Stack) -> tuple[Verdict, str]:
    with bench(api, image, cloud.pause) as place:
        return writes(place, stack.storage["fss"])


def _probed(cluster: Cluster, name: str, ask: Callable[[], tuple[Verdict, str]]) -> Probed:
    try:
        verdict, message = ask()
    except StoppedError:
        raise
    except ToolError as error:
        verdict, message = Verdict.UNKNOWN, _unasked(error)
    return Probed(cluster.name, name, verdict, message)


def _unasked(error: ToolError) -> str:
    return f"could not be asked: {error}{hint(error)}"
