"""SSH keys by which a cluster reads a repository: made in memory, and never on a disk or in an argument."""

from dataclasses import dataclass, field

__all__ = ["DeployKey", "kept_key", "new_key"]


@dataclass(frozen=True, slots=True)
class DeployKey:
    """A new key; only its public half is ever shown."""

    private: str = field(repr=False)
    public: str


def new_key(comment: str) -> DeployKey:
    """Ed25519, in OpenSSH's own format."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    made = Ed25519PrivateKey.generate()
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return DeployKey(private.decode(), f"{public.decode()} {comment}")


def kept_key(private: bytes, comment: str) -> DeployKey:
    """One that was made before; ValueError where it is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        public = serialization.load_ssh_private_key(private, None).public_key()
        text = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
        return DeployKey(private.decode(), f"{text} {comment}")
    except (TypeError, UnsupportedAlgorithm) as error:  # with a passphrase, or of a kind that nobody has any more
        raise ValueError(str(error)) from error
