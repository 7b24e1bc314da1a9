"""The one door to cosign, which signs and verifies; keys and passwords stay in its files and its environment."""

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpuyard.doors.scratch import scratch
from gpuyard.errors import MissingError, ToolError, visible

__all__ = ["Keyless", "Signer", "identity_pattern", "sign", "signed", "signer", "verify"]

_SECONDS = 300
_SHOWN = 3
"""Lines of what it says that are repeated: the last ones, where the error is."""
_ANY = r"[^/\s]*"
_LOUD = re.compile(r"^(WARNING|Flag |\s*$)")


@dataclass(frozen=True, slots=True)
class Keyless:
    """An identity that Fulcio has certified: of a workflow, by who says so; `*` stands for anything but a slash."""

    issuer: str
    subject: str


def identity_pattern(text: str) -> str:
    """What cosign and Flux compare a whole name with, by Go's regular expressions."""
    return f"^{_ANY.join(map(re.escape, text.split('*')))}$"


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: a key's file, or None: who the environment shows to be (`id-token: write` in a workflow)."""

    program: str
    key: Path | None


def signer(key: Path | None) -> Signer:
    """Checked before anything is pushed."""
    if key and not key.is_file():
        raise MissingError(f"{key}: there is no such key; `cosign generate-key-pair` makes one")
    return Signer(_program(), key)


def sign(by: Signer, references: Sequence[str], plain: Collection[str]) -> None:
    """Sign artifacts, named by their digests, where the registry keeps them."""
    how = ["--key", str(by.key), "--tlog-upload=false", "--use-signing-config=false"] if by.key else []
    for reference in references:
        _run(by.program, ["sign", "--yes", *how, *_plain(reference, plain), reference], f"signing {reference}")


def verify(key: Path | Keyless | str, references: Sequence[str], plain: Collection[str]) -> None:
    """ToolError for the first that the key or identity did not sign; a text is a key."""
    if isinstance(key, str):
        with scratch() as folder:
            (folder / "cosign.pub").write_text(key, encoding="ascii")
            verify(folder / "cosign.pub", references, plain)
        return
    if isinstance(key, Keyless):
        how = ["--certificate-identity-regexp", identity_pattern(key.subject)]
        how += ["--certificate-oidc-issuer", key.issuer]
    elif key.is_file():
        # A key of one's own is in no transparency log.
        how = ["--key", str(key), "--insecure-ignore-tlog=true"]
    else:
        raise MissingError(f"{key}: there is no such key")
    program = _program()
    for reference in references:
        _run(program, ["verify", "--output", "json", *how, *_plain(reference, plain), reference], "the signature")


def signed(by: Signer, reference: str, plain: Collection[str]) -> bool:
    """Whether the key has signed it already; what somebody else signed without a key is signed once more."""
    if by.key is None:
        return False
    with scratch() as folder:
        public = folder / "cosign.pub"
        _run(by.program, ["public-key", "--key", str(by.key), "--outfile", str(public)], f"reading {by.key}")
        try:
            verify(public, [reference], plain)
        except ToolError:
            return False
    return True


def _program() -> str:
    found = shutil.which("cosign")
    if found is None:
        raise ToolError(
            "there is no cosign on PATH, which signs and verifies artifacts; install it "
            "(https://docs.sigstore.dev/cosign/system_config/installation)"
        )
    return found


def _plain(reference: str, plain: Collection[str]) -> list[str]:
    return ["--allow-http-registry"] if reference.partition("/")[0] in plain else []


def _run(program: str, arguments: list[str], what: str) -> None:
    # Without a terminal it would wait for a password; one that has none is the empty one.
    environment = {"COSIGN_PASSWORD": "", **os.environ}
    try:
        done = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{what}: cosign did not end within {_SECONDS} s") from error
    except OSError as error:
        raise ToolError(f"{what}: cosign cannot be started: {error.strerror}") from error
    if done.returncode:
        said = [visible(line) for line in done.stderr.splitlines() if not _LOUD.match(line)][-_SHOWN:]
        raise ToolError(f"{what}: cosign ended with {done.returncode}: {' '.join(said) or 'it said nothing'}")
