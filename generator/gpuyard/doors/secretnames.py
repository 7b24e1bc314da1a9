"""Names that promise a secret: of keys, and of environment variables, whose names say more."""

import re

__all__ = ["names_secret", "names_secret_variable"]

_JOINED = re.compile(
    r"(?i)(?:.*[_-])?(?:password|passwd|passphrase|client[_-]?secret|(?:api|access|private|secret)[_-]?key"
    r"|(?:hf|hub|api|auth|access|bearer|git|github|gitlab|refresh|session|security)[_-]?token)"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|[0-9]+")
_LONGEST = 300
"""Characters: no name is longer."""
_ALWAYS = frozenset(
    {"password", "passwords", "passwd", "passphrase", "passcode", "pwd", "dsn", "htpasswd", "mnemonic", "userpass"}
    | {"pgpassword", "rootpassword", "adminpassword", "dbpassword", "clientsecret"}
)
_PAIRS = frozenset(
    {
        *(("webhook", "url"), ("hook", "url"), ("webhook", "uri"), ("conn", "str"), ("conn", "string")),
        *(("connection", "string"), ("connection", "str"), ("client", "secret"), ("shared", "secret")),
        *(
            (kind, "key")
            for kind in (
                *(
                    "api",
                    "access",
                    "private",
                    "secret",
                    "signing",
                    "encryption",
                    "account",
                    "master",
                    "ssh",
                    "rsa",
                    "tls",
                ),
                *(
                    "ssl",
                    "client",
                    "license",
                    "service",
                    "routing",
                    "integration",
                    "ingest",
                    "hmac",
                    "cookie",
                    "deploy",
                ),
            )
        ),
        *(
            (kind, "token")
            for kind in (
                "hf",
                "hub",
                "api",
                "auth",
                "access",
                "bearer",
                "git",
                "github",
                "gitlab",
                "refresh",
                "session",
                *(
                    "bot",
                    "app",
                    "user",
                    "vault",
                    "npm",
                    "deploy",
                    "webhook",
                    "personal",
                    "slack",
                    "registry",
                    "service",
                ),
            )
        ),
    }
)
_OF_VARIABLES = frozenset(
    {"token", "pass", "secret", "secrets", "credential", "credentials", "cred", "creds", "webhook", "apikey", "pat"}
    | {"jwt", "bearer", "cookie", "hmac", "pw", "apitoken"}
)
_LOGINS = frozenset({("redis", "auth"), ("basic", "auth"), ("proxy", "auth"), ("registry", "auth"), ("wandb", "key")})
"""The same, by their last two words."""
_OF_TEXTS = frozenset(
    {"stop", "eos", "bos", "pad", "mask", "unk", "sep", "cls", "image", "audio", "video", "special", "next", "first"}
    | {"last", "per", "each", "begin", "end", "start", "think", "max", "min", "num", "count", "prefill", "draft"}
)
"""Before `token`, and it is one of a model's; before `pass`, one of a compiler's."""
_SUFFIXES = frozenset(
    {"value", "base", "b", "plain", "text", "current", "old", "new", "primary", "secondary", "json", "pem"}
)


def names_secret(key: str) -> bool:
    """Whether a key's name says that its value is secret: `api-key`, `HF_TOKEN`, but not `stop-token`."""
    if len(key) > _LONGEST:
        return False
    words = _words(key)
    return _JOINED.fullmatch(key) is not None or (bool(words) and (words[-1] in _ALWAYS or tuple(words[-2:]) in _PAIRS))


def names_secret_variable(name: str) -> bool:
    """The same of an environment variable: SLACK_WEBHOOK, DB_PASS, but not MAX_TOKENS, TOKEN_LIMIT or TOKEN_PATH."""
    if names_secret(name):
        return True
    words = _words(name) if len(name) <= _LONGEST else []
    if tuple(words[-2:]) in _LOGINS:
        return True
    return bool(words) and words[-1] in _OF_VARIABLES and not _OF_TEXTS & {*words[-2:-1]}


def _words(name: str) -> list[str]:
    """Lower case, without a number or what says which of several it is at the end."""
    found = [word.lower() for word in _WORD.findall(name.rpartition("/")[2])]
    while len(found) > 1 and (found[-1].isdigit() or found[-1] in _SUFFIXES):
        found.pop()
    return found
