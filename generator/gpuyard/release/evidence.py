"""What a release says of itself: what is in it (CycloneDX), and what it was made of (in-toto, SLSA)."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from gpuyard import __version__
from gpuyard.catalogue.images import Image
from gpuyard.doors.artifacts import digest_of
from gpuyard.errors import ToolError
from gpuyard.release.artifact import Artifact, Layer
from gpuyard.release.packages import Vendored

__all__ = ["BILL", "STATEMENT", "Origin", "about", "bill", "provenance"]

_EMPTY = "application/vnd.oci.empty.v1+json"
BILL, STATEMENT = "application/vnd.cyclonedx+json", "application/vnd.in-toto+json"
_BUILD = "https://github.com/gpuyard/gpuyard/blob/main/docs/release.md#provenance"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a release comes from."""

    name: str
    version: str
    url: str
    """Of the repository."""
    commit: str
    seconds: int
    """When that was committed, since 1970."""
    builder: str
    """Who makes the release, as a URI."""


def about(subject: Artifact, file: str, kind: str, data: bytes) -> Artifact:
    """A file about an artifact, as a registry keeps it."""
    return Artifact(subject.path, file, Layer(_EMPTY, b"{}"), Layer(kind, data), {}, subject)


def bill(origin: Origin, subject: Artifact, images: Iterable[Image], charts: Vendored) -> bytes:
    """A bill of materials: the images that clusters pull, and the charts of others."""
    try:
        from cyclonedx.model.bom import Bom, BomMetaData
        from cyclonedx.model.component import Component, ComponentType
        from cyclonedx.model.tool import ToolRepository
        from cyclonedx.output.json import JsonV1Dot6
    except ImportError as error:
        raise ToolError(
            "a release has a bill of materials, which cyclonedx-python-lib writes: `pip install 'gpuyard[release]'`"
        ) from error

    components = list(_components(images, charts))
    whole = Component(
        name=origin.name,
        version=origin.version,
        type=ComponentType.APPLICATION,
        bom_ref=f"{origin.name}@{subject.digest}",
        hashes=_hashes(subject.digest),
    )
    when = datetime.fromtimestamp(origin.seconds, tz=UTC)
    tool = Component(name="gpuyard", version=__version__, type=ComponentType.APPLICATION, bom_ref="gpuyard")
    made = Bom(
        components=components,
        serial_number=uuid5(NAMESPACE_URL, f"{origin.url}#{subject.digest}"),
        metadata=BomMetaData(component=whole, timestamp=when, tools=ToolRepository(components=[tool])),
    )
    made.register_dependency(whole, components)
    return f"{JsonV1Dot6(made).output_as_string(indent=2)}\n".encode()


def _components(images: Iterable[Image], charts: Vendored) -> Iterator[Any]:
    """What clusters pull, by the names that scanners look up (purl)."""
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    for image in images:
        named = {"repository_url": image.repository, "tag": image.tag}
        yield Component(
            name=image.repository,
            version=image.tag,
            type=ComponentType.CONTAINER,
            bom_ref=str(image),
            hashes=_hashes(image.digest),
            purl=PackageURL("oci", None, image.repository.rpartition("/")[2], image.digest, named),
        )
    for release, data in charts:
        purl = PackageURL("helm", None, release.chart, release.version, {"repository_url": release.repository})
        yield Component(
            name=release.chart,
            version=release.version,
            type=ComponentType.APPLICATION,
            bom_ref=str(purl),
            hashes=_hashes(digest_of(data)),
            purl=purl,
        )


def _hashes(digest: str | None) -> list[Any]:
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:"))] if digest else []


def provenance(origin: Origin, subjects: Iterable[Artifact], images: Iterable[Image], charts: Vendored) -> bytes:
    """An in-toto statement with the predicate of SLSA 1.0: from which commit, by whom, of what."""
    materials: list[dict[str, Any]] = [
        {"uri": f"git+{origin.url}", "digest": {"gitCommit": origin.commit}},
        *(
            {"uri": f"oci://{each.repository}:{each.tag}", "digest": _sha256(each.digest)}
            for each in images
            if each.digest
        ),
        *(
            {"uri": f"{each.repository}/{each.chart}:{each.version}", "digest": _sha256(digest_of(data))}
            for each, data in charts
        ),
    ]
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": each.path or origin.name, "digest": _sha256(each.digest)} for each in subjects],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD,
                "externalParameters": {"version": origin.version, "repository": origin.url},
                "internalParameters": {"gpuyard": __version__},
                "resolvedDependencies": materials,
            },
            "runDetails": {"builder": {"id": origin.builder, "version": {"gpuyard": __version__}}},
        },
    }
    return f"{json.dumps(statement, indent=2, sort_keys=True)}\n".encode()


def _sha256(digest: str | None) -> dict[str, str]:
    return {"sha256": (digest or "").removeprefix("sha256:")}
