"""All probes of all clusters; what one of them cannot ask, the others still do."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from gpuyard.bootstrap.observe import Observed
from gpuyard.bootstrap.probes.bench import bench
from gpuyard.bootstrap.probes.filewrites import writes
from gpuyard.bootstrap.probes.probed import Probed, Verdict
from gpuyard.bootstrap.probes.refusals import refuses
from gpuyard.bootstrap.probes.syncstate import in_sync
from gpuyard.bootstrap.resource import Found
from gpuyard.doors.kubernetes import Kubernetes, UnansweredError, opened
from gpuyard.doors.oci import Cloud
from gpuyard.errors import StoppedError, ToolError
from gpuyard.project.stack import Cluster, Stack

__all__ = ["NAMES", "probes"]

NAMES = ("engine", "network policy", "file storage")
Token = Callable[[str, str], str]
"""Of a cluster, by its OCID, in a region."""


def probes(
    cloud: Cloud, stack: Stack, observed: Observed, files: Mapping[str, Path], image: str, token: Token
) -> Iterator[Probed]:
    """One after the other; `files` are kubeconfigs by cluster, for those that are not reached as OKE says."""
    for cluster in stack.clusters:
        try:
            api = _opened(cloud, cluster, observed, files, token)
        except ToolError as error:
            yield from (Probed(cluster.name, name, Verdict.UNKNOWN, _unasked(error)) for name in NAMES)
            continue
        yield _probed(cluster, NAMES[0], partial(in_sync, api, stack))
        yield _probed(cluster, NAMES[1], partial(_network, cloud, api, image))
        if f"{cluster.name}/mount-target" in observed.ours:
            yield _probed(cluster, NAMES[2], partial(_files, cloud, api, image, stack))


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
    hint = ""
    if isinstance(error, UnansweredError) and error.status == 0:
        hint = "; run it inside of the VCN, through a tunnel with --kubeconfig, or let your address in by oci.api"
    return f"could not be asked: {error}{hint}"


def _opened(cloud: Cloud, cluster: Cluster, observed: Observed, files: Mapping[str, Path], token: Token) -> Kubernetes:
    if file := files.get(cluster.name):
        try:
            return opened(file.read_text(encoding="utf-8"), folder=file.parent)
        except (OSError, UnicodeDecodeError) as error:
            raise ToolError(f"{file}: cannot be read: {error}") from error
    found = observed.ours.get(f"{cluster.name}/cluster")
    if found is None:
        raise ToolError("the cluster is not there yet; run `gpuyard bootstrap apply` first")
    return opened(_kubeconfig(cloud, found), token=lambda: token(found.id, found.region))


def _kubeconfig(cloud: Cloud, found: Found) -> str:
    public = bool((found.data.get("endpoints") or {}).get("publicEndpoint"))
    body = {"tokenVersion": "2.0.0", "endpoint": "PUBLIC_ENDPOINT" if public else "PRIVATE_ENDPOINT"}
    what = "ask for the kubeconfig"
    return str(
        cloud.call("container_engine", "create_kubeconfig", found.id, region=found.region, what=what,
                   create_cluster_kubeconfig_content_details=body).data
    )  # fmt: skip
