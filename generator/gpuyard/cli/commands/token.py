"""`gpuyard token`: signs in to an OKE cluster for kubectl, in the place of the `oci` program."""

import json
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from gpuyard.cli.login import signed_in
from gpuyard.cli.output import emit_data

if TYPE_CHECKING:
    from gpuyard.doors.oci import Login

__all__ = ["command"]

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


@click.command("token", epilog="Example: gpuyard token --cluster-id ocid1.cluster.oc1.phx.aaaa --region us-phoenix-1")
@click.option("--cluster-id", required=True, metavar="OCID", help="The OKE cluster.")
@signed_in
def command(cluster_id: str, login: "Login") -> None:
    """Print a token for an OKE cluster, as kubectl wants it from an exec credential plugin.

    In a kubeconfig: `users[].user.exec: {apiVersion: client.authentication.k8s.io/v1, command: gpuyard, args: [token,
    --cluster-id, OCID, --region, REGION], interactiveMode: Never}`. It holds for four minutes.
    """
    from gpuyard.doors.oci import LASTS, cluster_token

    if not cluster_id.startswith("ocid1.cluster."):
        raise click.BadParameter("must be the OCID of a cluster: ocid1.cluster.…", param_hint="--cluster-id")
    ends = datetime.now(UTC) + timedelta(seconds=LASTS)
    status = {"token": cluster_token(login, cluster_id), "expirationTimestamp": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
    emit_data({"apiVersion": _version(), "kind": "ExecCredential", "status": status})


def _version() -> str:
    """The one that kubectl asked for."""
    try:
        asked = json.loads(os.environ.get("KUBERNETES_EXEC_INFO", "{}")).get("apiVersion")
    except (ValueError, AttributeError, RecursionError):
        asked = None
    return asked if asked in _VERSIONS else _VERSIONS[0]
