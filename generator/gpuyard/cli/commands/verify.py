"""`gpuyard verify`: whether files and releases are what follows from the sources, and who signed them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gpuyard.cli import options
from gpuyard.cli.commands.release import target
from gpuyard.cli.output import progress, say

if TYPE_CHECKING:
    from gpuyard.doors.cosign import Keyless

__all__ = ["command"]


@click.command(
    "verify", epilog="Example: gpuyard verify gitops --release oci://ghcr.io/acme/gitops:1.4.0 --key cosign.pub"
)
@options.directory
@click.option(
    "--release", "reference", metavar="REF", callback=options.given, help="oci://HOST/PATH:VERSION (or @DIGEST)."
)
@click.option("--key", type=click.Path(path_type=Path), metavar="FILE", help="The public key that has signed it.")
@click.option(
    "--identity", metavar="SUBJECT", callback=options.given, help="Whom Fulcio has certified, such as a workflow."
)
@click.option("--issuer", metavar="URL", callback=options.given, help="Who says who that is.")
@click.option("--insecure", "plain", multiple=True, metavar="HOST", help="A registry that speaks plain HTTP.")
def command(
    directory: Path,
    reference: str | None,
    key: Path | None,
    identity: str | None,
    issuer: str | None,
    plain: tuple[str, ...],
) -> None:
    """Check that the generated files of the commit in DIR (default: the current directory) follow from its sources.

    What is compared are the locks, every file and their digests, as in `gpuyard compile --check`. With --release the
    artifact in a registry, too: it must hold these very files, and be signed by the key or identity that is given.
    """
    from gpuyard.cli.committed import committed
    from gpuyard.doors.cosign import Keyless

    if bool(identity) != bool(issuer) or (key and identity):
        raise click.UsageError("give --key FILE, or --identity SUBJECT with --issuer URL")
    who = key or (Keyless(issuer, identity) if identity and issuer else None)
    if reference is None:
        if who:
            raise click.UsageError("a key or identity is that of a release; give --release, too")
        committed(directory)
        say("the generated files follow from the sources")
        return
    if who is None:
        raise click.UsageError("whose signature? give --key FILE, or --identity SUBJECT with --issuer URL")
    _release(directory, reference, who, plain)


def _release(directory: Path, reference: str, who: "Path | Keyless", plain: tuple[str, ...]) -> None:
    from gpuyard.cli.committed import committed, origin
    from gpuyard.doors import cosign
    from gpuyard.doors.logins import Logins
    from gpuyard.errors import MissingError
    from gpuyard.release.assembled import tree_of
    from gpuyard.release.compared import check_same, revision
    from gpuyard.release.publish import Registry

    address, tag = _parts(reference)
    found = committed(directory)
    stack = found.compiled.project.stack
    if stack.repository.oci and stack.repository.oci.insecure:
        plain = (*plain, stack.repository.oci.url.removeprefix("oci://").partition("/")[0])
    progress(f"reading {address}")
    from_ = origin(stack.name, tag, stack.repository.url, found.commit, found.seconds)
    main, registry = tree_of(found.files, stack.folder, from_), Registry(address, Logins(), plain)
    there = registry.store(main).manifest(tag)
    if there is None:
        raise MissingError(f"{address}:{tag}: there is no such release")
    check_same(registry, main, there, f"{address}:{tag}")
    # By its digest: a tag may be another's a moment later.
    cosign.verify(who, [f"{address}@{there.digest}"], plain)
    say(f"{address}@{there.digest}: signed, and what follows from the sources{revision(there)}")


def _parts(reference: str) -> tuple[str, str]:
    """The address of a repository, and a tag or digest in it."""
    context = click.get_current_context()
    option = next(each for each in context.command.params if each.name == "reference")
    head, at, digest = reference.partition("@")
    name, colon, tag = head.rpartition(":") if not at else (head, ":", digest)
    if not colon or "/" in tag:
        raise click.BadParameter(f"{reference!r} names no version; write oci://HOST/PATH:VERSION", context, option)
    return str(target(context, option, name)), tag
