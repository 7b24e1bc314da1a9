"""Verifies requests as OCI's front end does: draft-cavage-http-signatures with RSA-SHA256, and a clock."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.request import parse_http_list

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.oci.errors import Refused

SKEW = timedelta(minutes=5)
_ALWAYS = {"date", "(request-target)", "host"}
_WITH_BODY = {"content-length", "content-type", "x-content-sha256"}


@dataclass
class Keys:
    """Who may ask: public keys by keyId; ST$<token> for sessions."""

    known: dict[str, str] = field(default_factory=dict)
    """keyId and its public key as PEM."""
    ahead: timedelta = timedelta(0)
    """How far this clock is ahead of the caller's."""

    def verify(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> str:
        """The keyId that signed a request; raises 401 where nobody did, or not this."""
        said = _parsed(headers.get("authorization", ""))
        _in_time(headers.get("date", ""), datetime.now(UTC) + self.ahead)
        covered = said["headers"].lower().split()
        streamed = method == "PUT" and "x-content-sha256" not in headers and "/o/" in target
        needed = _ALWAYS | (_WITH_BODY if method in {"POST", "PUT", "PATCH"} and not streamed else set())
        if missing := needed - set(covered):
            raise _unknown(f"headers not signed: {', '.join(sorted(missing))}")
        self._verify(said, _signed_text(covered, method, target, headers))
        if not streamed and "x-content-sha256" in covered and _digest(body) != headers["x-content-sha256"]:
            raise _unknown("x-content-sha256 is not the body's")
        return said["keyId"]

    def _verify(self, said: Mapping[str, str], text: str) -> None:
        pem = self.known.get(said["keyId"])
        if pem is None:
            raise _unknown("no such key, or the session has expired")
        key = serialization.load_pem_public_key(pem.encode())
        assert isinstance(key, rsa.RSAPublicKey)
        try:
            key.verify(
                base64.b64decode(said["signature"], validate=True), text.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except (InvalidSignature, binascii.Error):
            raise _unknown("Failed to verify the HTTP(S) Signature") from None


def _parsed(header: str) -> Mapping[str, str]:
    scheme, _, rest = header.partition(" ")
    said = {key: value.strip('"') for key, _, value in (each.partition("=") for each in parse_http_list(rest))}
    if scheme.lower() != "signature" or {"keyId", "signature", "headers"} - said.keys():
        raise _unknown("Missing or malformed Authorization header")
    if said.get("algorithm") != "rsa-sha256" or said.get("version") != "1":
        raise _unknown('algorithm must be "rsa-sha256" and version "1"')
    return said


def _in_time(date: str, now: datetime) -> None:
    try:
        sent = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        raise _unknown("no date") from None
    if abs(now - sent) > SKEW:
        raise _unknown(f"Date '{date}' is not within allowed clock skew. Current '{now:%a, %d %b %Y %H:%M:%S} GMT'")


def _signed_text(covered: list[str], method: str, target: str, headers: Mapping[str, str]) -> str:
    if missing := [name for name in covered if name != "(request-target)" and name not in headers]:
        raise _unknown(f"headers signed, but not sent: {', '.join(missing)}")
    values = {**headers, "(request-target)": f"{method.lower()} {target}"}
    return "\n".join(f"{name}: {values[name]}" for name in covered)


def _digest(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _unknown(why: str) -> Refused:
    return Refused(
        401, "NotAuthenticated", f"The required information to complete authentication was not provided: {why}"
    )
