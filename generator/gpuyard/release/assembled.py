"""All artifacts of a release, from what is committed: pure but for the packages of others, which are given."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from gpuyard.release.artifact import FLUX, REVISION, VERSION, Artifact, Layer
from gpuyard.release.evidence import BILL, STATEMENT, Origin, about, bill, provenance
from gpuyard.release.packages import Files, Vendored, charts, package
from gpuyard.release.tarball import packed
from gpuyard.resolve import Resolved
from gpuyard.tree import FOLDERS

__all__ = ["Assembled", "assembled", "of_chart", "tree_of"]


@dataclass(frozen=True, slots=True)
class Assembled:
    """The artifact that a version stands for, and those that go with it."""

    main: Artifact
    others: tuple[Artifact, ...]

    @property
    def all(self) -> tuple[Artifact, ...]:
        """Every one."""
        return (self.main, *self.others)


def tree_of(files: Files, folder: PurePosixPath, origin: Origin) -> Artifact:
    """What Flux syncs in the place of Git: everything in the generated folders, at the paths of the repository."""
    kept = {folder / path: data for path, data in files.items() if path.parts[0] in FOLDERS}
    annotations = {
        "org.opencontainers.image.source": origin.url,
        REVISION: f"{origin.version}@sha1:{origin.commit}",
        VERSION: origin.version,
    }
    file = f"{origin.name}-tree-{origin.version}.tgz"
    return Artifact("", file, Layer(FLUX.config, b"{}"), Layer(FLUX.layer, packed(kept)), annotations)


def assembled(resolved: Resolved, files: Files, vendored: Vendored, origin: Origin) -> Assembled:
    """Of a stack; `files` are those of the commit, by their path in the stack's folder."""
    main = tree_of(files, resolved.stack.folder, origin)
    packages = charts(resolved, files, vendored, origin.version)
    inside = bill(origin, main, resolved.images, vendored)
    made = provenance(origin, (main, *packages), resolved.images, vendored)
    return Assembled(main, (*packages, *_evidence(main, inside, made)))


def of_chart(name: str, files: Files, origin: Origin) -> Assembled:
    """Of a chart by itself."""
    main = package(name, files, path=name)
    inside, made = bill(origin, main, (), ()), provenance(origin, (main,), (), ())
    return Assembled(main, _evidence(main, inside, made))


def _evidence(main: Artifact, inside: bytes, made: bytes) -> tuple[Artifact, ...]:
    return (about(main, "sbom.cdx.json", BILL, inside), about(main, "provenance.intoto.json", STATEMENT, made))
