"""`gpuyard release`: what is committed as artifacts with a version, signed, in a registry."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_json, emit_notes, on_error, progress, say

if TYPE_CHECKING:
    from gpuyard.cli.committed import ChartSource, Committed
    from gpuyard.doors.logins import Logins
    from gpuyard.project.enginekeys import Artifact
    from gpuyard.release.assembled import Assembled
    from gpuyard.release.publish import Found, Registry

__all__ = ["command"]

_TARGET = re.compile(r"oci://([-A-Za-z0-9.]+(?::[0-9]+)?(?:/[a-z0-9][-a-z0-9._]*)+)")
_FIRST = "The first release.\n"
_UNSIGNED = "nothing is signed; --sign-key FILE or --keyless does, and Flux can demand it (repository.oci.verify)"


def target(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The address without its scheme."""
    if value is None:
        return None
    if (found := _TARGET.fullmatch(value)) is None:
        raise click.BadParameter(f"{value!r} is no registry; write oci://HOST/PATH, in lower case", ctx, param)
    return found[1]


@click.command("release", epilog="Example: gpuyard release 1.4.0 gitops --to oci://ghcr.io/acme/gitops --keyless")
@click.argument("version", metavar="VERSION")
@options.directory
@click.option(
    "--to",
    "address",
    metavar="oci://HOST/PATH",
    callback=target,
    help="Registry. Default: repository.oci of the stack.",
)
@click.option(
    "--sign-key", "key", type=click.Path(path_type=Path), metavar="FILE", help="Sign with this private key of cosign."
)
@click.option("--keyless", is_flag=True, help="Sign as the workflow that runs this (OIDC), without a key.")
@click.option(
    "--files",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write all files there; without a registry, push nothing.",
)
@click.option("--dry-run", is_flag=True, help="Compare with the registry, and push nothing.")
@click.option("--insecure", "plain", multiple=True, metavar="HOST", help="A registry that speaks plain HTTP.")
@options.output
def command(
    version: str,
    directory: Path,
    address: str | None,
    key: Path | None,
    keyless: bool,
    folder: Path | None,
    dry_run: bool,
    plain: tuple[str, ...],
    as_json: bool,
) -> None:
    """Release the commit that DIR (default: the current directory) has checked out as VERSION.

    The generated files become an artifact that Flux syncs in the place of Git, and charts/ packages for `helm pull`; a
    bill of materials (CycloneDX) and a provenance statement (in-toto) go with them. The same commit gives the same
    bytes on every machine. Nothing is pushed where nothing changed since the last release, and no version is ever
    replaced. A DIR that is a chart is released by itself. Logins are those of `docker login`.
    """
    from gpuyard.doors import cosign
    from gpuyard.doors.logins import Logins
    from gpuyard.release.publish import Registry
    from gpuyard.release.versions import checked

    on_error(_Released(version).data)
    checked(version)
    if key and keyless:
        raise click.UsageError("--sign-key and --keyless are two ways to sign; give one")
    signer = cosign.signer(key) if key or keyless else None
    logins, found = Logins(), _found(directory, version)
    own = _own(found)
    if address is None and own and not folder:
        address = own.url.removeprefix("oci://")
    if address is None and folder is None:
        raise click.UsageError("there is no registry; give --to oci://HOST/PATH, or --files DIR to push nothing")
    whole = _assembled(found, version, logins, plain)
    if address:
        plain = (*plain, own.url.removeprefix("oci://").partition("/")[0]) if own and own.insecure else plain
        channel = [own.tag] if own and own.url == f"oci://{address}" and own.tag != version else []
        registry = Registry(address, logins, plain)
        made = _release(registry, whole, found, version, channel, signer, folder, dry_run=dry_run)
    else:
        made = _written(folder, whole, version)
    if as_json:
        emit_json(made.data())
        return
    say(*made.lines())
    emit_notes(made.notes)


@dataclass(frozen=True, slots=True)
class _Released:
    """What there is now."""

    version: str
    artifacts: tuple[tuple[str, str], ...] = ()
    """Names and digests."""
    pushed: bool = False
    signed: bool = False
    unchanged: str = ""
    """The release that has the same files."""
    notes: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """For a machine."""
        return {
            "ok": True,
            "error": None,
            "problems": [],
            "version": self.version,
            "artifacts": [{"name": name, "digest": digest} for name, digest in self.artifacts],
            "pushed": self.pushed,
            "signed": self.signed,
            "unchanged": self.unchanged or None,
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """For people."""
        first = [f"nothing changed since {self.unchanged}; nothing is pushed"] if self.unchanged else []
        return [*first, *(f"{name}  {digest}" for name, digest in self.artifacts)]


def _found(directory: Path, version: str) -> "Committed | ChartSource":
    from gpuyard.cli.committed import chart, committed, is_chart

    if is_chart(directory):
        return chart(directory, version)
    progress("compiling")
    return committed(directory)


def _own(found: "Committed | ChartSource") -> "Artifact | None":
    """Where clusters read the stack, if they do not read Git."""
    from gpuyard.cli.committed import ChartSource

    return None if isinstance(found, ChartSource) else found.compiled.resolved.stack.repository.oci


def _assembled(found: "Committed | ChartSource", version: str, logins: "Logins", plain: tuple[str, ...]) -> "Assembled":
    from gpuyard.cli.committed import ChartSource, origin
    from gpuyard.release.assembled import assembled, of_chart
    from gpuyard.release.vendored import vendored

    if isinstance(found, ChartSource):
        from_ = origin(found.name, version, found.url, found.commit, found.seconds)
        return of_chart(found.name, found.files, from_)
    resolved = found.compiled.resolved
    stack = resolved.stack
    progress("reading the charts of the platform")
    packages = vendored(resolved.releases if stack.repository.charts else (), logins, plain)
    from_ = origin(stack.name, version, stack.repository.url, found.commit, found.seconds)
    return assembled(resolved, found.files, packages, from_)


def _written(folder: Path | None, whole: "Assembled", version: str) -> _Released:
    if folder:
        _write(folder, whole, _FIRST)
    return _Released(version, tuple((each.file, each.digest) for each in whole.all))


def _release(
    registry: "Registry",
    whole: "Assembled",
    about: "Committed | ChartSource",
    version: str,
    channel: list[str],
    signer: Any,
    folder: Path | None,
    *,
    dry_run: bool,
) -> _Released:
    from gpuyard.release.publish import State, look, publish

    found = look(registry, whole.main, whole.others, version)
    name = f"{registry.name(whole.main)}:{found.last}"
    if found.state is State.UNCHANGED and found.manifest:
        return _Released(version, ((name, found.manifest.digest),), unchanged=name)
    if folder:
        _write(folder, whole, _notes(registry, whole, about, found))
    if dry_run:
        names = tuple((f"{registry.name(each)}:{each.attached or version}", each.digest) for each in whole.all)
        return _Released(version, names, notes=("nothing is pushed (--dry-run)",))
    tags = [version, *(channel if found.leads else [])]
    pushed = tuple(publish(registry, whole.main, whole.others, tags, signer, progress))
    return _Released(version, pushed, pushed=True, signed=signer is not None, notes=() if signer else (_UNSIGNED,))


def _notes(registry: "Registry", whole: "Assembled", about: "Committed | ChartSource", found: "Found") -> str:
    """What the release changes in the clusters, against the one before it."""
    from gpuyard import pipeline
    from gpuyard.cli.committed import ChartSource
    from gpuyard.release.artifact import FLUX
    from gpuyard.release.pulled import Pulled
    from gpuyard.release.tarball import unpacked
    from gpuyard.review.diff import Base
    from gpuyard.review.diffmarkdown import markdown

    if isinstance(about, ChartSource) or found.last is None or found.manifest is None:
        return _FIRST
    layers = [digest for kind, digest in found.manifest.layers if kind == FLUX.layer]
    if not layers:
        return _FIRST
    name = f"{registry.name(whole.main)}:{found.last}"
    files = unpacked(registry.store(whole.main).blob(layers[0]), name)
    folder = about.compiled.project.stack.folder
    inside = {path.relative_to(folder): data for path, data in files.items() if path.is_relative_to(folder)}
    place = Pulled(inside)
    compared = pipeline.difference(about.compiled, place, pipeline.running(place), Base(found.last, ""))
    return markdown(compared)


def _write(folder: Path, whole: "Assembled", notes: str) -> None:
    from gpuyard.errors import OutputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in whole.all:
            (folder / each.file).write_bytes(each.layer.data)
        (folder / "notes.md").write_text(notes, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{error.filename or folder}: cannot be written: {error.strerror}") from error
