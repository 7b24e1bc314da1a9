"""What `gpuyard bootstrap status --probe` asks the clusters themselves."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from gpuyard.bootstrap.observe import Observed
from gpuyard.bootstrap.probes import Probed, probes
from gpuyard.cli.output import progress
from gpuyard.doors.oci import Cloud, Login, cluster_token
from gpuyard.project.load import Project

__all__ = ["answers", "kubeconfig_files"]


def kubeconfig_files(given: tuple[str, ...], clusters: list[str]) -> dict[str, Path]:
    """By cluster; an option that names none is refused."""
    files = {}
    for each in given:
        cluster, _, file = each.partition("=")
        if cluster not in clusters or not file:
            raise click.BadParameter(
                f"must be CLUSTER=FILE with one of {', '.join(clusters)}", param_hint="--kubeconfig"
            )
        files[cluster] = Path(file)
    return files


def answers(
    cloud: Cloud, project: Project, observed: Observed, files: dict[str, Path], image: str, login: Login
) -> Iterator[Probed]:
    """Each is told as it is asked: pods take a while to start."""

    def token(cluster: str, region: str) -> str:
        return cluster_token(replace(login, region=region), cluster)

    progress("asking the clusters, which takes minutes")
    return probes(cloud, project.stack, observed, files, image, token)
