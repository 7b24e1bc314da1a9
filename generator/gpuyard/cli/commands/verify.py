"""`gpuyard verify`: whether files and releases are what follows from the sources, and who signed them."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_json, on_error, progress, say

if TYPE_CHECKING:
    from gpuyard.cli.committed import Committed
    from gpuyard.doors.cosign import Keyless

__all__ = ["command"]

_REFERENCE = re.compile(
    r"(?:oci://(?P<address>[-A-Za-z0-9.]+(?::[0-9]+)?(?:/[a-z0-9][-a-z0-9._]*)+)(?::|(?=@)))?"
    r"(?:(?P<tag>[A-Za-z0-9_][-._A-Za-z0-9]{0,127})|@(?P<digest>sha256:[0-9a-f]{64}))"
)


class _Reference(NamedTuple):
    """A release in a registry."""

    address: str | None
    """None: the stack says it."""
    tag: str
    """Or digest."""

    def __str__(self) -> str:
        return f"{self.address}{'@' if ':' in self.tag else ':'}{self.tag}"


def _reference(ctx: click.Context, param: click.Parameter, value: str | None) -> _Reference | None:
    if value is None:
        return None
    if (found := _REFERENCE.fullmatch(value)) is None:
        way = "write oci://HOST/PATH:VERSION, oci://HOST/PATH@sha256:DIGEST, or VERSION for the stack's repository.oci"
        raise click.BadParameter(f"{value!r} names no version; {way}", ctx, param)
    return _Reference(found["address"], found["tag"] or found["digest"])


@click.command(
    "verify", epilog="Example: gpuyard verify gitops --release oci://ghcr.io/acme/gitops:1.4.0 --key cosign.pub"
)
@options.directory
@click.option(
    "--release",
    "reference",
    metavar="REF",
    callback=_reference,
    help="oci://HOST/PATH:VERSION (or @DIGEST), or only VERSION: one of the stack's repository.oci.",
)
@click.option("--key", type=click.Path(path_type=Path), metavar="FILE", help="The public key that has signed it.")
@click.option(
    "--identity",
    metavar="SUBJECT",
    callback=options.given,
    help="The identity that Fulcio has certified, such as a workflow; * is anything but a slash.",
)
@click.option("--issuer", metavar="URL", callback=options.given, help="Who says who that is.")
@click.option("--insecure", "plain", multiple=True, metavar="HOST", help="A registry that speaks plain HTTP.")
@options.output
def command(
    directory: Path,
    reference: _Reference | None,
    key: Path | None,
    identity: str | None,
    issuer: str | None,
    plain: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check that the generated files of the commit in DIR (default: the current directory) follow from its sources.

    What is compared are the locks, every file and their digests, as in `gpuyard compile --check`. With --release the
    artifact in a registry, too: it must hold these very files, and be signed by whom repository.oci.verify of the stack
    names, or, where it names nobody, by the key or identity that is given.
    """
    from gpuyard.cli.committed import committed
    from gpuyard.doors.cosign import Keyless

    if bool(identity) != bool(issuer) or (key and identity):
        raise click.UsageError("give --key FILE, or --identity SUBJECT with --issuer URL")
    who = key or (Keyless(issuer, identity) if identity and issuer else None)
    if who and reference is None:
        raise click.UsageError("a key or identity is that of a release; give --release, too")
    on_error(lambda: _data("", None, ""))
    progress("compiling")
    found = committed(directory)
    on_error(lambda: _data(found.commit, None, ""))
    if reference is None:
        if as_json:
            emit_json(_data(found.commit, None, ""))
        else:
            say("the generated files follow from the sources")
        return
    reference = _whole(reference, found)
    digest, revision = _check(reference, found, _signer(found, who), plain)
    if as_json:
        emit_json(_data(found.commit, reference, digest))
    else:
        say(f"{reference.address}@{digest}: signed, and what follows from the sources{revision}")


def _data(commit: str, reference: _Reference | None, digest: str) -> dict[str, Any]:
    """For a machine."""
    head: dict[str, Any] = {"ok": True, "error": None, "problems": [], "commit": commit or None}
    return {**head, "release": str(reference) if reference else None, "digest": digest or None}


def _whole(reference: _Reference, found: "Committed") -> _Reference:
    own = found.compiled.project.stack.repository.oci
    if reference.address is None and own is None:
        raise click.UsageError(
            f"{reference.tag} is a version of no registry: stack.yaml has no repository.oci; "
            "write oci://HOST/PATH:VERSION"
        )
    return reference if reference.address or own is None else reference._replace(address=own.url.removeprefix("oci://"))


def _signer(found: "Committed", given: "Path | Keyless | None") -> "Path | Keyless | str":
    """Whose signature counts; a text is a key."""
    from gpuyard.doors.cosign import Keyless

    own = found.compiled.project.stack.repository.oci
    signed = own.verify if own else None
    if signed is None:
        if given is None:
            raise click.UsageError(
                "whose signature? give --key FILE, or --identity SUBJECT with --issuer URL; or name them in stack.yaml "
                "(repository.oci.verify)"
            )
        return given
    if given is not None:
        raise click.UsageError("stack.yaml says who signs (repository.oci.verify); omit --key, --identity and --issuer")
    return signed.key or Keyless(str(signed.issuer), str(signed.identity))


def _check(
    reference: _Reference, found: "Committed", who: "Path | Keyless | str", plain: tuple[str, ...]
) -> tuple[str, str]:
    """Its digest, and what it says of its commit."""
    from gpuyard.cli.committed import origin
    from gpuyard.doors import cosign
    from gpuyard.doors.logins import Logins
    from gpuyard.errors import MissingError
    from gpuyard.release.assembled import tree_of
    from gpuyard.release.compared import check_same, revision
    from gpuyard.release.publish import Registry

    stack = found.compiled.project.stack
    if stack.repository.oci and stack.repository.oci.insecure:
        plain = (*plain, stack.repository.oci.url.removeprefix("oci://").partition("/")[0])
    address = str(reference.address)
    progress(f"reading {reference}")
    from_ = origin(stack.name, reference.tag, stack.repository.url, found.commit, found.seconds)
    main, registry = tree_of(found.files, stack.folder, from_), Registry(address, Logins(), plain)
    there = registry.store(main).manifest(reference.tag)
    if there is None:
        raise MissingError(f"{reference}: there is no such release")
    check_same(registry, main, there, str(reference))
    # By its digest: a tag may be another's a moment later.
    cosign.verify(who, [f"{address}@{there.digest}"], plain)
    return there.digest, revision(there)
