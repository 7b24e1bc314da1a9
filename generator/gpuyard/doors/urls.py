"""The one place that takes a URL apart: users, registries and proxies may write anything, so what is none is None."""

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

__all__ = ["Url", "joined", "parse_url"]


@dataclass(frozen=True, slots=True)
class Url:
    """Scheme and host in lower case; `authority` is all between // and the path."""

    scheme: str
    authority: str
    host: str
    port: int | None


def parse_url(text: str) -> Url | None:
    """The parts of a URL with a host; None: brackets around no address, a port that is no number, and the like."""
    if any(character.isspace() or not character.isprintable() for character in text):
        return None  # urlsplit would drop some of them, and programs that read the URL may not
    try:
        parts = urlsplit(text)
        found = Url(parts.scheme, parts.netloc, parts.hostname or "", parts.port)
    except ValueError:
        return None
    return found if found.host else None


def joined(base: str, reference: str) -> str | None:
    """Where a redirect leads, if anywhere; None: that can't be said."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return None
