"""Who asks: an API key and a session of a user of this cloud, as a configuration of the SDK's."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.oci.cloud import TENANCY, Cloud

USER = "ocid1.user.oc1..aaaaaaaagpuyardtests"
SESSION = "eyJhbGciOiJSUzI1NiJ9.gpuyard-tests.session"


@dataclass(frozen=True)
class Key:
    """A pair of keys; made anew in each run, so that none is in the repository."""

    private: str
    public: str
    fingerprint: str


@cache
def new_key(name: str = "api") -> Key:
    """The key pair of a name."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    format_, der = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding.DER
    digest = hashlib.md5(key.public_key().public_bytes(der, format_), usedforsecurity=False).hexdigest()
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pairs = ":".join(digest[at : at + 2] for at in range(0, 32, 2))
    return Key(private.decode(), key.public_key().public_bytes(pem, format_).decode(), pairs)


def admit(cloud: Cloud) -> dict[str, str]:
    """Let the user in, by key and by session; the user's configuration."""
    key = new_key()
    cloud.keys.known[f"{TENANCY}/{USER}/{key.fingerprint}"] = key.public
    cloud.keys.known[f"ST${SESSION}"] = key.public
    return {
        "tenancy": TENANCY,
        "user": USER,
        "fingerprint": key.fingerprint,
        "key_content": key.private,
        "region": cloud.home,
    }


def write(cloud: Cloud, folder: Path) -> Path:
    """A file like ~/.oci/config: the profiles DEFAULT, with a key, and SESSION, with a token."""
    config = admit(cloud)
    folder.mkdir(parents=True, exist_ok=True)
    secret, token, file = folder / "key.pem", folder / "token", folder / "config"
    secret.write_text(config.pop("key_content"), encoding="utf-8")
    secret.chmod(0o600)
    token.write_text(SESSION, encoding="utf-8")
    named = "".join(f"{key}={value}\n" for key, value in config.items()) + f"key_file={secret}\n"
    session = "".join(f"{key}={config[key]}\n" for key in ("tenancy", "fingerprint", "region"))
    file.write_text(
        f"[DEFAULT]\n{named}\n[SESSION]\n{session}key_file={secret}\nsecurity_token_file={token}\n", encoding="utf-8"
    )
    file.chmod(0o600)
    return file
