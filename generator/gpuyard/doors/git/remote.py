"""A repository behind a URL: which URLs are let through, how its branch is fetched and pushed."""

import os
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from gpuyard.doors.git.process import Result, Store, checked, explain, printable
from gpuyard.doors.redaction import looks_secret, redacted
from gpuyard.errors import GpuyardError, InputError, Location, MissingError, Problem, ToolError, meant

__all__ = ["Remote", "is_url", "no_branch", "parse_url", "reached"]

# Nothing may begin with a dash, which ssh would take for an option.
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]"
_USER = r"[A-Za-z0-9_][A-Za-z0-9._~%+-]*"
_PATH = r"[^\s\x00-\x1f\x7f]+"
_HTTPS = re.compile(rf"https://(?:({_USER})(?::([^/@\s]*))?@)?((?:{_HOST})(?::\d+)?/[^\s\x00-\x1f\x7f?#]+)")
_SSH = re.compile(rf"ssh://(?:{_USER}@)?(?:{_HOST})(?::\d+)?/(?!-){_PATH}")
_SCP = re.compile(rf"{_USER}@(?:{_HOST}):(?!-)(?!:){_PATH}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:/?/|:)|[^/\s]+@[^/\s:]+:")
_MOST = 10
"""Branches that a message lists."""
_RACE = re.compile(
    r"stale info|fetch first|non-fast-forward|incorrect old value"
    r"|cannot lock ref|failed to lock|failed to update ref"
)
# A directory that a clone calls its origin: git starts the other side here, where it must run nothing either.
_RECEIVE = (
    "git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.alternateRefsCommand=true"
    " -c receive.autogc=false receive-pack"
)


def is_url(target: str) -> bool:
    """Whether a target is meant as a URL, allowed or not, rather than as a directory."""
    return bool(_URL.match(target))


def parse_url(url: str) -> "Remote":
    """The repository behind a URL; anything but https and ssh is refused."""
    if match := _HTTPS.fullmatch(url):
        user, password, rest = match.groups()
        return Remote(f"https://{rest}", _login(f"https://{rest.partition('/')[0]}", user, password))
    if _SSH.fullmatch(url) or _SCP.fullmatch(url):
        return Remote(url)
    allowed = "a directory, https://host/path, ssh://user@host/path or user@host:path"
    raise InputError([Problem(Location(_refusable(url)), f"not a repository that gpuyard can reach; give {allowed}")])


def _login(server: str, user: str | None, password: str | None) -> dict[str, str]:
    """Who asks, as settings: in argv, or in that of git's helpers, every user of the machine could read it."""
    if not user:
        return {}
    if not password and not looks_secret(user):
        return {f"credential.{server}.username": unquote(user)}
    login = b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode()
    return {f"http.{server}/.extraHeader": f"Authorization: Basic {login}"}


def _refusable(url: str) -> str:
    """As much of a URL as cannot be a secret, whatever its author meant to be what: nothing before its last @."""
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/*(?=.*[/@])|/*", url)
    first = scheme[0] if scheme and "/" in scheme[0] else ""
    host = url[len(first) :].rpartition("@")[2]
    inside = "?" not in url and "#" not in url
    return redacted(f"{first}{'…@' if '@' in url else ''}{host if inside else '…'}")


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository behind a URL; `settings` hold what git must know and nobody may see."""

    url: str
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    login: str = "any login that git has"
    """What messages call that which lets us in."""

    @property
    def label(self) -> str:
        """What messages call it."""
        return redacted(self.url)

    @property
    def root(self) -> None:
        """Nowhere on this disk."""
        return None

    @property
    def head(self) -> None:
        """Nothing is checked out."""
        return None

    def store(self, directory: Path) -> Store:
        """Where its branch is fetched to and the commit is made."""
        return Store.create(directory)

    def config_directory(self, store: Store) -> Path:
        """The git directory whose config is the user's: the store adds nothing to the global one."""
        return store.directory

    @contextmanager
    def hold(self, store: Store) -> Iterator[None]:
        """Nothing: another machine can't be kept from writing; `land` finds out that it did."""
        yield None

    def calm(self, store: Store) -> AbstractContextManager[None]:
        """Nothing: see `hold`."""
        return nullcontext()

    def tip(self, store: Store, ref: str) -> str | None:
        """The commit that the branch is at, fetched without its history; None in an empty repository."""
        ours = "refs/gpuyard/tip"
        result = self._run(
            *(store, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head"),
            *("--end-of-options", self.url, f"+{ref}:{ours}"),
        )
        if result.status == 0:
            return checked(store.run("rev-parse", "--verify", ours), "reading the branch").decode().strip()
        if "object format" in result.err or "mismatched algorithms" in result.err:
            raise ToolError(
                f"{self.label} is a SHA-256 repository, which git cannot fetch into; use a clone of it on disk"
            )
        if "couldn't find remote ref" not in result.err:
            raise explain(result, f"fetching from {self.label}", login=self.login)
        result = self._run(store, "ls-remote", "--heads", "--end-of-options", self.url)
        lines = checked(result, f"asking {self.label} for its branches", login=self.login).decode().splitlines()
        names = [line.partition("\t")[2].removeprefix("refs/heads/") for line in lines]
        if names:
            raise no_branch(self.label, ref, names)
        return None

    def peek(self, store: Store, ref: str) -> str | None:
        """The commit that a branch is at, fetched with the one before; None: there is no such branch."""
        if self._at(store, ref) is None:
            return None
        result = self._run(
            *(store, "fetch", "--quiet", "--depth=2", "--no-tags", "--no-write-fetch-head"),
            *("--end-of-options", self.url, f"+{ref}:refs/gpuyard/there"),
        )
        if "couldn't find remote ref" in result.err:  # deleted in between
            return None
        checked(result, f"fetching from {self.label}", login=self.login)
        return checked(store.run("rev-parse", "--verify", "refs/gpuyard/there"), "reading the branch").decode().strip()

    def replace(self, store: Store, ref: str, *, new: str, old: str | None) -> bool:
        """Put the branch at a commit if it is at `old`, whether that leads there or not; False if it isn't."""
        lease = f"{ref}:{old or ''}"
        result = self._push(store, f"--force-with-lease={lease}", f"{new}:{ref}")
        if result.status == 0:
            return True
        now = self._at(store, ref)
        if now == new:  # it landed, and the answer was lost
            return True
        if now != old:
            return False
        raise _refused(result, self.label, self.login)

    def _at(self, store: Store, ref: str) -> str | None:
        result = self._run(store, "ls-remote", "--end-of-options", self.url, ref)
        lines = checked(result, f"asking {self.label} for its branches", login=self.login).decode().splitlines()
        return next((id for id, _, name in (line.partition("\t") for line in lines) if name == ref), None)

    def land(self, store: Store, ref: str, *, new: str, old: str | None, holding: int | None) -> bool:
        """Push the commit if the branch is still at `old`; False if it isn't."""
        try:
            result = self._push(store, f"--force-with-lease={ref}:{old or ''}", f"{new}:{ref}")
        except KeyboardInterrupt as stop:
            where = f"{ref.removeprefix('refs/heads/')} of {self.label}"
            raise KeyboardInterrupt(f"interrupted; {new} may have been pushed to {where}; run this again") from stop
        if result.status == 0:
            return True
        now = self.tip(store, ref)
        if now == new:  # it landed, and the answer was lost
            return True
        if now != old or _RACE.search(_verdict(result)):
            return False
        raise _refused(result, self.label, self.login)

    def remote(self, ref: str) -> str | None:
        """None: it is the remote itself."""
        return None

    def publish(self, store: Store, ref: str, mark: str) -> None:
        """Nothing: what landed is published."""

    def push(self, store: Store, commit: str, ref: str) -> bool:
        """Push a commit that the branch leads to, without force; False if the branch has others."""
        result = self._push(store, f"{commit}:{ref}")
        if result.status == 0:
            return True
        if _RACE.search(_verdict(result)):
            return False
        raise _refused(result, self.label, self.login)

    def _push(self, store: Store, *arguments: str) -> Result:
        *options, refspec = arguments
        if self.url.startswith("/"):
            options.append(f"--receive-pack={_RECEIVE}")
        options += ["--porcelain", "--no-verify", "--no-follow-tags", "--end-of-options"]
        return self._run(store, "push", *options, self.url, refspec)

    def _run(self, store: Store, *arguments: str) -> Result:
        start = int(os.environ.get("GIT_CONFIG_COUNT") or 0)  # the user's, often CI's way to give a token
        env = {"GIT_CONFIG_COUNT": str(start + len(self.settings))}
        for number, (key, value) in enumerate(self.settings.items(), start):
            env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return store.run(*arguments, protocols="file" if self.url.startswith("/") else "https:ssh", env=env)


def reached(url: str, root: Path, headers: Mapping[str, str]) -> Remote:
    """What the URL of a remote means in a repository at `root`; `headers` are its settings."""
    if not is_url(url):
        return Remote(str((root / url).resolve()))
    found = parse_url(url)
    return Remote(found.url, {**headers, **found.settings})


def no_branch(label: str, ref: str, names: Sequence[str]) -> MissingError:
    """The error for a branch that isn't there, in a repository that has others."""
    branch = ref.removeprefix("refs/heads/")
    hint = f"it has {', '.join(sorted(names))}"
    if len(names) > _MOST:
        near = meant(branch, names)
        hint = f"did you mean {near}?" if near else "`git ls-remote --heads` lists those that it has"
    return MissingError(f"{label} has no branch {branch}; {hint}")


def _verdict(result: Result) -> str:
    return result.out.decode("utf-8", "replace") + result.err


def _refused(result: Result, label: str, login: str) -> GpuyardError:
    reasons = re.findall(r"^!\t[^\t]*\t(.*)$", result.out.decode("utf-8", "replace"), re.MULTILINE)
    said = [line for line in result.err.splitlines() if line.startswith("remote: ") and line.strip() != "remote:"]
    if not reasons:
        return explain(result, f"pushing to {label}", login=login)
    return ToolError(f"pushing to {label}: {printable('; '.join([*said[-2:], *reasons]))}")
