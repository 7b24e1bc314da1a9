"""An artifact: a few files and a manifest over them, which follows from them alone; its digest is its name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gpuyard.doors.artifacts import MANIFEST, digest_of

__all__ = ["CHART", "FLUX", "REVISION", "VERSION", "Artifact", "Kind", "Layer"]

REVISION = "org.opencontainers.image.revision"
VERSION = "org.opencontainers.image.version"


@dataclass(frozen=True, slots=True)
class Kind:
    """What reads an artifact knows it by these types: of its configuration, and of its file."""

    config: str
    layer: str


CHART = Kind("application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
"""What `helm pull` takes."""
FLUX = Kind("application/vnd.cncf.flux.config.v1+json", "application/vnd.cncf.flux.content.v1.tar+gzip")
"""What an OCIRepository of Flux takes."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A file of an artifact."""

    kind: str
    data: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """sha256:… of it."""
        return digest_of(self.data)

    def descriptor(self) -> dict[str, Any]:
        """As a manifest lists it."""
        return {"mediaType": self.kind, "digest": self.digest, "size": len(self.data)}


@dataclass(frozen=True, slots=True)
class Artifact:
    """What goes to one repository of a registry."""

    path: str
    """Below the release's address; empty: there itself."""
    file: str
    """What it is called on a disk."""
    config: Layer
    layer: Layer
    annotations: Mapping[str, str]
    subject: "Artifact | None" = None
    """What it is about, in the same repository."""

    @property
    def manifest(self) -> bytes:
        """JSON in one form."""
        data: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.config.descriptor(),
            "layers": [self.layer.descriptor()],
            "annotations": dict(sorted(self.annotations.items())),
        }
        if self.subject:
            data["artifactType"] = self.layer.kind
            size = len(self.subject.manifest)
            data["subject"] = {"mediaType": MANIFEST, "digest": self.subject.digest, "size": size}
        return json.dumps(data, separators=(",", ":"), sort_keys=True).encode()

    @property
    def digest(self) -> str:
        """sha256:… by which all of it is known."""
        return digest_of(self.manifest)

    @property
    def attached(self) -> str:
        """The tag by which what is about another artifact is found where a registry does not list such things."""
        if self.subject is None:
            return ""
        return f"{self.subject.digest.replace(':', '-')}.{self.file.partition('.')[0]}"
