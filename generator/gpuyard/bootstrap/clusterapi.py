"""How the API server of a cluster is reached: as OKE says, or by a kubeconfig of the user's."""

from collections.abc import Callable, Mapping
from pathlib import Path

from gpuyard.bootstrap.observe import Observed
from gpuyard.bootstrap.resource import Found
from gpuyard.doors.kubernetes import Kubernetes, UnansweredError, opened
from gpuyard.doors.oci import LASTS, Cloud
from gpuyard.errors import ToolError
from gpuyard.project.stack import Cluster

__all__ = ["Token", "hint", "open_cluster"]

Token = Callable[[str, str], str]
"""Of a cluster, by its OCID, in a region."""


def open_cluster(
    cloud: Cloud, cluster: Cluster, observed: Observed, files: Mapping[str, Path], token: Token
) -> Kubernetes:
    """Its API; `files` are kubeconfigs by cluster, for those that are not reached as OKE says."""
    if file := files.get(cluster.name):
        try:
            return opened(file.read_text(encoding="utf-8"), folder=file.parent)
        except (OSError, UnicodeDecodeError) as error:
            raise ToolError(f"{file}: cannot be read: {error}") from error
    found = observed.cluster(cluster.name)
    if found is None:
        raise ToolError("the cluster is not there yet; run `gpuyard bootstrap apply` first")
    return opened(_kubeconfig(cloud, found), token=_lasting(lambda: token(found.id, found.region), cloud.clock))


def hint(error: ToolError) -> str:
    """What to do where no answer came at all."""
    if isinstance(error, UnansweredError) and error.status == 0:
        return "; run it inside of the VCN, through a tunnel with --kubeconfig, or let your address in by oci.api"
    return ""


def _lasting(make: Callable[[], str], clock: Callable[[], float]) -> Callable[[], str]:
    """One for many requests: to sign in takes longer than most of them."""
    held: list[tuple[float, str]] = []

    def token() -> str:
        if not held or clock() - held[-1][0] > LASTS / 2:
            held.append((clock(), make()))
        return held[-1][1]

    return token


def _kubeconfig(cloud: Cloud, found: Found) -> str:
    public = bool((found.data.get("endpoints") or {}).get("publicEndpoint"))
    body = {"tokenVersion": "2.0.0", "endpoint": "PUBLIC_ENDPOINT" if public else "PRIVATE_ENDPOINT"}
    what = "ask for the kubeconfig"
    return str(
        cloud.call("container_engine", "create_kubeconfig", found.id, region=found.region, what=what,
                   create_cluster_kubeconfig_content_details=body).data
    )  # fmt: skip
