"""charts/ as packages that `helm pull` takes, with all that they depend on inside, under the version of the release."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from gpuyard.catalogue.platform import Release
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.release.artifact import CHART, VERSION, Artifact, Layer
from gpuyard.release.tarball import Files, packed
from gpuyard.render.charts import servers, umbrella
from gpuyard.resolve import Resolved
from gpuyard.tree import SERVERS, chart

__all__ = ["Files", "Vendored", "charts", "package"]

Vendored = Sequence[tuple[Release, bytes]]
"""The packages of charts of others."""

_METADATA = PurePosixPath("Chart.yaml")


def charts(resolved: Resolved, files: Files, vendored: Vendored, version: str) -> tuple[Artifact, ...]:
    """The model servers, and the umbrella of everything: as the commit has them, but for the version.

    `files` are those of the commit; `vendored` are the packages of the platform's charts.
    """
    stack = resolved.stack
    if not stack.repository.charts:
        return ()
    again = replace(resolved, stack=replace(stack, version=version))
    rendered = {**servers.files(again, shipped_charts()), **umbrella.files(again)}
    known = {**files, **{path: text.encode() for path, text in rendered.items()}}
    inner, outer = _below(known, SERVERS), _below(known, stack.name)
    folder = PurePosixPath("charts")
    outer |= {folder / SERVERS / path: data for path, data in inner.items()}
    outer |= {folder / f"{each.chart}-{each.version}.tgz": data for each, data in vendored}
    return package(SERVERS, inner), package(stack.name, outer)


def package(name: str, files: Files, path: str | None = None) -> Artifact:
    """A chart's files, by their path in its folder, as what Helm stores in a registry."""
    metadata = yamlio.load_data(files[_METADATA].decode())
    version = metadata["version"]
    archive = packed({PurePosixPath(name) / path: data for path, data in files.items()})
    described = {
        "org.opencontainers.image.title": name,
        VERSION: version,
        "org.opencontainers.image.description": metadata.get("description", ""),
    }
    config = json.dumps(metadata, separators=(",", ":"), sort_keys=True).encode()
    return Artifact(
        path=f"charts/{name}" if path is None else path,
        file=f"{name}-{version}.tgz",
        config=Layer(CHART.config, config),
        layer=Layer(CHART.layer, archive),
        annotations={key: value for key, value in described.items() if value},
    )


def _below(files: Files, name: str) -> dict[PurePosixPath, bytes]:
    folder = chart(name)
    return {path.relative_to(folder): data for path, data in files.items() if path.is_relative_to(folder)}
