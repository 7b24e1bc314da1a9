"""What a message must not repeat: literals that look like tokens, keys or pre-authenticated URLs."""

import base64
import json
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from itertools import pairwise

from gpuyard.doors.secretnames import names_secret, names_secret_variable

__all__ = ["hushed", "looks_secret", "names_secret", "names_secret_variable", "redacted"]

# Each pattern begins with something rare and is bounded, so that hostile text can't make it slow.
_KINDS = (
    ("a Hugging Face token", r"\bhf_[A-Za-z0-9]{20}"),
    ("a GitHub token", r"\b(?:gh[oprsu]_|github_pat_)[A-Za-z0-9_]{20}"),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{16}"),
    ("an API key", r"(?<![A-Za-z0-9])sk-(?:[a-z0-9]{1,10}-){0,3}[A-Za-z0-9_]{16}"),
    ("an NVIDIA API key", r"\bnvapi-[A-Za-z0-9_-]{20}"),
    ("a Google API key", r"\bAIza[A-Za-z0-9_-]{30}"),
    ("a Slack token", r"\bxox[a-z]-[A-Za-z0-9-]{10}"),
    ("an AWS access key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}"),
    ("a private key", r"-----BEGIN (?!CERTIFICATE-|PUBLIC KEY-)"),
    ("a JSON web token", r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8}"),
    ("a pre-authenticated URL", r"/p/[^/\s]{16,}/n/|[?&](?:sig|X-Amz-Signature|X-Goog-Signature)=[^&\s]{16}"),
    ("a URL with a password", r"://[^/\s:@]*:[^/\s@]+@|https?://[^/\s:@]{20,}@"),
)
_KNOWN = re.compile("|".join(f"(?P<k{number}>{pattern})" for number, (_, pattern) in enumerate(_KINDS)))
_WORD, _ALONE = r"\b", "(?<![A-Za-z0-9])"
_TOKENS = re.compile(
    "|".join(rf"(?:{pattern.removeprefix(_WORD)})[\w.-]*" for kind, pattern in _KINDS if "URL" not in kind)
)
"""Of those kinds, all that is secret; in a damaged file it may stand in the middle of a word."""
_SHORTEST = 12
_ODD = 4
_BASIC = re.compile(r"\b[Bb]asic\s{1,4}([A-Za-z0-9+/]{6,400})(?![A-Za-z0-9+/])")
_ASSIGNED = re.compile(r"(?<![A-Za-z0-9_-])(?:--)?([A-Za-z][A-Za-z0-9_-]{2,60})=([^\s$={}<>\"']{1,100})")
_PAIR = re.compile(
    r"""["']([A-Za-z][A-Za-z0-9_-]{2,60})["']\s{0,4}:\s{0,4}["']([^\s"'$={}<>]{1,100}={0,2})["']"""  # of JSON
    r"""|(?:^|[{,])\s{0,40}(?:- )?([A-Za-z][A-Za-z0-9_-]{2,60}):\s{1,4}([^\s"'$={}<>]{1,100})\s{0,4}(?=$|[,}#])""",
    re.MULTILINE,  # a line of YAML, or a header
)
_LOGINS = re.compile(
    r"(?:\bcurl\b.{0,200}\s(?:-u|--user)[ =]?|\blogin\s{1,4})[\w.@-]{1,60}(?::|\s{1,4}password\s{1,4})[^\s:$]{6}",
    re.DOTALL,
)
"""What `curl -u` and a .netrc have."""
_REFERRED = re.compile(
    r"(?i)(?:/[\w.-]+)+|\$.*|\*+|x+|\.+|string|(?:your[-_ ])?(?:password|secret|token|key)|required|example|changeme"
)
"""A path or a blank is no secret where a name says that one comes."""
_LEAST = 6
"""Characters of what is assigned to a name that promises a secret."""

# Whoever a URL lets in: before the last @ of its host, after the : of git's short form, in its query. A digest that
# follows a tag is none, and neither is a path with an @ behind a host and its port.
_URL = r"(?:[a-z][a-z0-9+.-]{0,20}:/{1,3}|(?<![:/])//)"
_SECRETS = "token|secret|password|passwd|key|auth|sig|credential"
_IN_URLS = (
    (re.compile(r"(https?:/{1,3})[^/\s]+@", re.IGNORECASE), r"\1…@"),
    (
        re.compile(rf"({_URL}[^/\s:@]{{0,400}}):(?!\d+/)[^\s@]{{0,400}}@(?:[^\s/@]{{1,400}}@)?", re.IGNORECASE),
        r"\1:…@",
    ),
    (re.compile(rf"({_URL}[^/\s:@]{{0,400}}):(?!\d+(?:\D|$))[^\s@/]{{4,400}}(?=\s?…)", re.IGNORECASE), r"\1:…"),
    (re.compile(r"(…\s?)[^\s/@…]{4,400}@(?=[\w.-])"), r"\1…@"),
    (re.compile(r"(?<![\w/.:-])([\w.-]+):[^\s/@]+@(?!sha(?:256|512):)(?=[\w.-]+:)"), r"\1:…@"),
    (re.compile(rf"([?&][\w.-]{{0,64}}(?:{_SECRETS})[\w.-]{{0,64}}=)[^&\s#]+", re.IGNORECASE), r"\1…"),
)

_PUBLIC = re.compile(
    r"\bocid1\.[a-z0-9._-]+|\b(?:[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})\b"
    r"|\b[A-Z][A-Za-z0-9_]{2,60}For(?:Causal|Conditional|Sequence|Token|Text|Image|Process|Reward)[A-Za-z]{2,40}\b"
    r"|-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----"
    r"|\b(?:ssh-(?:rsa|ed25519)|ecdsa-sha2-nistp\d{3}) AAAA[A-Za-z0-9+/=]+"
)
_DIGEST = re.compile("[0-9a-f]{40,128}")
_TELLING = rf"{_DIGEST.pattern}|\b[0-9A-F]{{32}}(?:/[0-9A-F]{{32}}){{0,2}}\b|\bSHA256:[A-Za-z0-9+/]{{43}}"
"""The opc-request-id by which Oracle finds a request again, and the fingerprint of a host's key."""
_CERTIFICATE = re.compile(r"\bLS0tLS1CRUdJTiBDRVJUSUZJQ0FUR[A-Za-z0-9+/]{4,}={0,2}")
"""A certificate in base64, as a caBundle has it."""
_SYLLABLES = re.compile(r"[a-z]{3,}")
_RUN = re.compile(r"[A-Za-z0-9+/_-]{24,}")
_RUNS = re.compile(rf"{_PUBLIC.pattern}|{_TELLING}|(?P<run>{_RUN.pattern})")
# Kinds of characters in a run -> its length and the share of neighbours that differ in kind, at the least:
# 62 % of random letters and digits do, 50 % of random letters, 47 % of hexadecimal digits, few in words.
_RANDOM = {"0Aa": (24, 0.38), "Aa": (32, 0.45), "0a": (32, 0.28), "0A": (32, 0.28)}


def looks_secret(text: str) -> str:
    """What kind of secret a text looks like, or nothing: commit ids, digests and OCIDs only identify."""
    if len(text) < _SHORTEST:
        return ""
    match = _KNOWN.search(text)
    if match and match.lastgroup:
        return _KINDS[int(match.lastgroup[1:])][0]
    if kind := next(
        (kind for mark, kind, pattern in _formats() if mark in text and _compiled(pattern).search(text)), ""
    ):
        return kind
    if any(map(_has_key, _CERTIFICATE.findall(text))):
        return "a private key"
    if any(map(_is_random, _RUN.findall(_PUBLIC.sub(" ", _CERTIFICATE.sub(" ", text))))):
        return "a random key"
    if any(map(_is_login, _BASIC.findall(text))) or _LOGINS.search(text):
        return "a login"
    assigned = (len(value) >= _LEAST and names_secret_variable(name) for name, value in _ASSIGNED.findall(text))
    return "a secret" if any(assigned) or any(map(_is_told, _PAIR.findall(text))) else ""


def redacted(text: str) -> str:
    """The text without the passwords and tokens that URLs in it carry, and without what has the form of a token."""
    if "@" in text or "=" in text or "…" in text:  # most lines have none of them
        for pattern, instead in _IN_URLS:
            text = pattern.sub(instead, text)
    if len(text) < _SHORTEST:
        return text
    text = _TOKENS.sub("…", text)
    for mark, _, form in _formats():
        if mark in text:
            odd = len(mark) >= _ODD and not mark.isalpha()  # no word ends so
            text = _compiled(form.removeprefix(_ALONE) if odd else form).sub("…", text)
    return text


def hushed(text: str) -> str:
    """The same for what is only said, and of which nobody makes anything: without what looks random, too."""
    return _RUNS.sub(_hidden, redacted(text))


def _hidden(run: re.Match[str]) -> str:
    """Nothing of what looks random, in whatever it stands, but for what only names something."""
    return "…" if run["run"] and _is_random(_DIGEST.sub("-", run["run"])) else run[0]


@cache
def _formats() -> Sequence[tuple[str, str, str]]:
    """What must be in a text, the kind, and the pattern, of those that many issuers give out."""
    file = resources.files("gpuyard") / "doors" / "secretformats.json"
    rows = json.loads(file.read_text("utf-8"))["formats"]
    return [(row["mark"], row["kind"], row["pattern"]) for row in rows]


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _has_key(bundle: str) -> bool:
    """Whether there is more in base64 than certificates."""
    whole = bundle.rstrip("=")
    return b"PRIVATE" in base64.b64decode(whole[: len(whole) // 4 * 4])


def _is_told(pair: tuple[str, str, str, str]) -> bool:
    """Whether a text has a name that promises a secret, and one behind it; without quotes a word may be prose."""
    name, value, plain_name, plain = pair
    if name.lower() == "auth":
        return _is_login(value)
    if len(value or plain) < _LEAST or _REFERRED.fullmatch(value or plain) or plain.isalpha() or plain.endswith("."):
        return False
    called = name or plain_name
    return names_secret_variable(called) if called.isupper() else names_secret(called)


def _is_login(text: str) -> bool:
    """Whether it is `user:password` in base64, as Basic authentication sends it."""
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        return False
    return found.isprintable() and ":" in found


def _is_random(run: str) -> bool:
    kinds = [_kind(character) for character in run]
    length, share = _RANDOM.get("".join(sorted(set(kinds) - {"-"})), (len(run) + 1, 1))
    changes = sum("-" not in pair and pair[0] != pair[1] for pair in pairwise(kinds))
    if 2 * sum(map(len, _SYLLABLES.findall(run))) >= len(run):
        return False  # words in CamelCase, perhaps with a version
    return len(run) >= length and changes >= share * len(run) and kinds.count("-") * 12 <= len(run)


def _kind(character: str) -> str:
    return "a" if character.islower() else "A" if character.isupper() else "0" if character.isdigit() else "-"
