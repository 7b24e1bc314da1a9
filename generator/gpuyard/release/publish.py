"""A release in a registry: what it has already, and what is pushed, so that a run which is killed is repeated.

First everything by its digest, then the signatures, then the tags, and the version of the whole last: whoever asks for
a version finds all of it, signed, or nothing.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from gpuyard.doors import cosign
from gpuyard.doors.artifacts import Manifest, Store
from gpuyard.doors.cosign import Signer
from gpuyard.doors.logins import Logins
from gpuyard.errors import OutputError
from gpuyard.release.artifact import FLUX, REVISION, Artifact
from gpuyard.release.versions import newest

__all__ = ["Found", "Registry", "State", "look", "publish"]


class State(Enum):
    """What a registry has of a release."""

    NEW = "new"
    UNCHANGED = "unchanged"
    """The newest version, or this one, has the same files."""
    UNFINISHED = "unfinished"
    """This very version is there; what is missing of it is pushed."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The address of the releases of a stack: HOST/PATH, and how the host is asked."""

    address: str
    logins: Logins
    plain: Collection[str] = ()

    def store(self, artifact: Artifact, *, write: bool = False) -> Store:
        """Where an artifact goes."""
        return Store(self.name(artifact), self.logins, self.plain, write=write)

    def name(self, artifact: Artifact) -> str:
        """Of its repository."""
        return f"{self.address}/{artifact.path}" if artifact.path else self.address


@dataclass(frozen=True, slots=True)
class Found:
    """What was there before."""

    state: State
    last: str | None = None
    """The version before this one, or the one that has the same files."""
    manifest: Manifest | None = None
    """That version's."""
    leads: bool = False
    """Whether what follows the newest release is to follow this one: it is no pre-release, and none is newer."""


def look(registry: Registry, main: Artifact, others: Sequence[Artifact], version: str) -> Found:
    """What the registry has; OutputError where a version of this name has other bytes."""
    store = registry.store(main)
    tags = store.tags()
    here = store.manifest(version) if version in tags else None
    leads = "-" not in version and newest([*tags, version]) == version
    if here:
        if here.digest == main.digest:
            last = _before(tags, version)
            return Found(State.UNFINISHED, last, store.manifest(last) if last else None, leads)
        if _same(here, main):
            return Found(State.UNCHANGED, version, here)
        raise _taken(registry, main, version, here)
    for other in others:
        tag = _tag(other, version)
        if not other.subject and (there := registry.store(other).manifest(tag)) and there.digest != other.digest:
            raise _taken(registry, other, tag, there)
    last = newest(tags)
    before = store.manifest(last) if last else None
    if before and _same(before, main):
        return Found(State.UNCHANGED, last, before)
    return Found(State.NEW, last, before, leads)


def publish(
    registry: Registry,
    main: Artifact,
    others: Sequence[Artifact],
    tags: Sequence[str],
    signer: Signer | None,
    said: Callable[[str], None],
) -> Iterator[tuple[str, str]]:
    """Push what is missing; yields each name with its digest. `tags` are those of the main artifact, the version first.

    What the key has signed already is not signed again.
    """
    version, whole = tags[0], (*others, main)
    for each in whole:
        said(f"pushing {registry.name(each)}")
        store = registry.store(each, write=True)
        for blob in (each.config, each.layer):
            store.push_blob(blob.data)
        store.push_manifest(each.manifest, each.digest)
    if signer:
        references = [f"{registry.name(each)}@{each.digest}" for each in whole]
        for reference in references:
            if not cosign.signed(signer, reference, registry.plain):
                said(f"signing {reference}")
                cosign.sign(signer, [reference], registry.plain)
    for each in whole:
        for tag in reversed(tags) if each is main else [_tag(each, version)]:
            _set(registry, each, tag)
            yield f"{registry.name(each)}:{tag}", each.digest


def _set(registry: Registry, each: Artifact, tag: str) -> None:
    store = registry.store(each, write=True)
    found = store.manifest(tag)
    if found is None or found.digest != each.digest:
        store.push_manifest(each.manifest, tag)


def _tag(artifact: Artifact, version: str) -> str:
    return artifact.attached or version


def _same(there: Manifest, ours: Artifact) -> bool:
    return (ours.layer.kind, ours.layer.digest) in there.layers


def _before(tags: Sequence[str], version: str) -> str | None:
    return newest(tag for tag in tags if newest([tag, version]) == version and tag != version)


def _taken(registry: Registry, ours: Artifact, tag: str, there: Manifest) -> OutputError:
    since = f" (from commit {there.annotations[REVISION]})" if REVISION in there.annotations else ""
    what = "files" if ours.config.kind == FLUX.config else "package"
    return OutputError(
        f"{registry.name(ours)}:{tag} exists{since} with other bytes: {there.digest}, and this {what} "
        f"is {ours.digest}; a version is never replaced: release the next one"
    )
