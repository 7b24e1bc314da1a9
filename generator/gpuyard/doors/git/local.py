"""A repository on disk: what is checked out there, how objects get in, how a branch moves."""

import fcntl
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gpuyard.doors.git import index as gitindex
from gpuyard.doors.git import worktree
from gpuyard.doors.git.calm import refuse_link, refuse_rebase, refuse_under_way
from gpuyard.doors.git.process import Result, Store, checked, explain, read_config, run
from gpuyard.doors.git.remote import Remote, no_branch, reached
from gpuyard.doors.interrupts import uninterrupted
from gpuyard.doors.whereabouts import argument, repository_shown, shown
from gpuyard.errors import ConflictError, MissingError, OutputError

__all__ = ["Local", "open_local"]

_HOLD_WAIT = 60.0  # s, for another gpuyard on the same repository
_LOOSE = 100  # objects; git's own limit for keeping them one by one rather than in a pack


@dataclass(frozen=True, slots=True)
class _Branch:
    commit: str | None
    here: bool  # checked out in this work tree
    link: str = ""


@dataclass(frozen=True, slots=True)
class Local:
    """A repository on disk, bare or with a work tree at `root`."""

    root: Path
    git_dir: Path
    common_dir: Path
    bare: bool
    hash_name: str

    @property
    def label(self) -> str:
        """What messages call it."""
        return repository_shown(self.root)

    @property
    def head(self) -> str | None:
        """The branch that is checked out here, though it may have no commit yet."""
        return None if self.bare else self._head().removeprefix("refs/heads/") or None

    def store(self, directory: Path) -> Store:
        """Where the commit is made, next to the objects that are here."""
        shallow = self.common_dir / "shallow"
        return Store.create(
            directory,
            hash_name=self.hash_name,
            borrowed=self.common_dir / "objects",
            shallow=shallow.read_bytes() if shallow.exists() else b"",
        )

    def config_directory(self, store: Store) -> Path:
        """The git directory whose config is the user's."""
        return self.git_dir

    def tip(self, store: Store, ref: str) -> str | None:
        """The commit that the branch is at; None in an empty repository."""
        return self._branch(ref).commit

    @contextmanager
    def hold(self, store: Store) -> Iterator[int]:
        """Keep other runs of gpuyard out, and finish what a killed one left half done."""
        directory = os.open(self.git_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            alone = _lock(directory, self.label)
            checkout = self._checkout(store)
            if not self.bare and os.path.lexists(checkout.ours):
                if not alone:
                    raise ConflictError(f"{shown(checkout.ours)} exists: another gpuyard is running, or was killed")
                journal = worktree.interrupted(checkout)
                worktree.recover(checkout, journal, journal and self._checked_out(store, journal.ref))
            yield directory
        finally:
            os.close(directory)

    def calm(self, store: Store) -> AbstractContextManager[object]:
        """Keep the user's git commands from committing, which need the index."""
        return nullcontext() if self.bare else gitindex.lock(self._checkout(store))

    def land(self, store: Store, ref: str, *, new: str, old: str | None, holding: int | None) -> bool:
        """Move the branch to the commit if it is still at `old`; False if it isn't."""
        branch = self._branch(ref)
        if branch.commit != old:
            return False
        if not branch.here:
            self._refuse_elsewhere(ref)
            refuse_rebase(self.common_dir, ref, self.label)
            self._receive(store)
            return self._move(ref, new, old, holding)
        refuse_under_way(self.git_dir, self.label)
        checkout = self._checkout(store)
        plan = worktree.plan(checkout, ref, old=old, new=new)
        self._receive(store)
        moved = False
        try:
            with uninterrupted():
                moved = worktree.carry_out(checkout, plan, lambda: self._move(ref, new, old, holding))
        except KeyboardInterrupt as stop:
            if not moved:
                raise
            raise KeyboardInterrupt(f"interrupted; {new} is committed, with its files, and not pushed") from stop
        return moved

    def remote(self, ref: str) -> str | None:
        """The remote that `publish` brings the branch to, if it has one."""
        config = read_config(self.git_dir, r"^(branch|remote)\.")
        name = _remote(config, ref)
        return name if f"remote.{name}.pushurl" in config or f"remote.{name}.url" in config else None

    def publish(self, store: Store, ref: str, mark: str) -> None:
        """Push the branch to the remote that it follows; never with force."""
        config = read_config(self.git_dir, r"^(branch|remote)\.")
        name = ref.removeprefix("refs/heads/")
        remote = _remote(config, ref)
        url = config.get(f"remote.{remote}.pushurl") or config.get(f"remote.{remote}.url")
        if not url:
            raise MissingError(f"{self.label} has no remote to push {name} to; `git remote add origin URL`")
        there = self.there(url)
        commit = self._branch(ref).commit
        theirs = config.get(f"branch.{name}.merge", ref)
        if commit and not there.push(store, commit, theirs):
            way = self._way_to_pull(store, ref, commit, mark)
            raise ConflictError(
                f"{there.label} has commits that {name} in {self.label} does not have; {way}, then run this again"
            )

    def there(self, url: str) -> Remote:
        """The repository behind the URL of a remote, with what lets us in."""
        # Tokens that CI's checkout step leaves: a header runs nothing, unlike most of what a config can hold.
        return reached(url, self.root, read_config(self.git_dir, r"^http\..*\.extraheader$", "--local"))

    def _way_to_pull(self, store: Store, ref: str, commit: str, mark: str) -> str:
        """Generated commits of both sides always conflict, and ours is made anew once the others' are here."""
        if not mark:
            return "pull them"
        trailer = f"%(trailers:key={mark},valueonly,separator=%x2C)"  # empty for a commit that has none
        result = store.run("log", "--first-parent", f"--format=%H {trailer}", commit)
        lines = os.fsdecode(checked(result, f"reading {self.label}")).splitlines()
        kept = next((line.strip() for line in lines if line.endswith(" ")), None)
        if kept in (None, commit) or not self._branch(ref).here:
            return "pull them"
        return f"`git reset --keep {kept}`, `git pull --no-rebase --no-edit`"

    def _branches(self) -> dict[str, _Branch]:
        form = "%(refname)%00%(objectname)%00%(symref)%00%(HEAD)"
        result = self._git("for-each-ref", f"--format={form}", "refs/heads/")
        out = os.fsdecode(checked(result, f"reading the branches of {self.label}"))
        found = {}
        for line in out.split("\n")[:-1]:
            name, commit, link, head = line.split("\0")
            found[name] = _Branch(commit, head == "*" and not self.bare, link)
        return found

    def _branch(self, ref: str) -> _Branch:
        """Where the branch is, and whether it is checked out here."""
        branches = self._branches()
        name = ref.removeprefix("refs/heads/")
        if branch := branches.get(ref):
            if branch.link:
                other = branch.link.removeprefix("refs/heads/")
                raise OutputError(f"branch {name} of {self.label} only points to {other}; name {other} instead")
            return branch
        if branches:
            raise no_branch(self.label, ref, [name.removeprefix("refs/heads/") for name in branches])
        return _Branch(None, self._head() == ref and not self.bare)

    def _checked_out(self, store: Store, ref: str) -> str | None:
        """The commit, or empty tree, that is checked out here as this branch; None if it is another."""
        branch = self._branches().get(ref) or _Branch(None, self._head() == ref)
        return (branch.commit or store.empty_tree()) if branch.here else None

    def _head(self) -> str:
        return os.fsdecode(self._git("symbolic-ref", "--quiet", "HEAD").out).strip()

    def _checkout(self, store: Store) -> worktree.Checkout:
        return worktree.Checkout(self.root, self.git_dir, store)

    def _refuse_elsewhere(self, ref: str) -> None:
        if not (self.common_dir / "worktrees").is_dir():
            return
        out = os.fsdecode(checked(self._git("worktree", "list", "--porcelain"), f"reading {self.label}"))
        for block in out.split("\n\n"):
            lines = block.split("\n")
            place = Path(lines[0].removeprefix("worktree "))
            if f"branch {ref}" in lines and place.is_dir():
                name = ref.removeprefix("refs/heads/")
                raise OutputError(f"branch {name} is checked out in {shown(place)}; name that directory instead")

    def _receive(self, store: Store) -> None:
        """Copy the new objects; until a branch leads to them they are only weight."""
        for pack in (store.directory / "objects/pack").glob("*.pack"):
            with pack.open("rb", buffering=0) as stream:  # of thousands of blueprints it has many MB
                few = int.from_bytes(stream.read(12)[8:], "big") < _LOOSE
                stream.seek(0)
                command = ("unpack-objects", "-q") if few else ("index-pack", "--stdin")
                checked(self._git(*command, stdin=stream), f"writing to {self.label}")

    def _move(self, ref: str, new: str, old: str | None, holding: int | None) -> bool:
        """Move the branch from `old` to `new` in one step; False if it isn't at `old` any more."""
        nothing = "0" * len(new)
        result = run(
            *("update-ref", "-m", "gpuyard: commit", "--end-of-options", ref, new, old or nothing),
            env={"GIT_DIR": str(self.git_dir)},
            user_config=True,  # the name in the reflog
            holding=holding,
        )
        if result.status == 0:
            return True
        if re.search(r"but expected|already exists|unable to resolve reference", result.err):
            return False
        if lock := re.search(r"Unable to create '(.*)': File exists", result.err):
            held = shown(Path(lock[1]))
            raise ConflictError(
                f"{held} is held by another git command; if none is running, it was left behind: delete it"
            )
        if self._branches().get(ref, _Branch(None, False)).commit == new:  # it was stopped when that was done
            return True
        raise explain(result, f"moving the branch of {self.label}")

    def _git(self, *arguments: str, stdin: bytes | BinaryIO = b"") -> Result:
        return run(*arguments, env={"GIT_DIR": str(self.git_dir)}, stdin=stdin)


def _remote(config: Mapping[str, str], ref: str) -> str:
    """The name of the remote that a branch is pushed to."""
    name = ref.removeprefix("refs/heads/")
    return config.get(f"branch.{name}.pushremote") or config.get(f"branch.{name}.remote") or "origin"


def open_local(path: Path) -> Local:
    """The repository in this very directory; one further up is not what the user named."""
    if "\0" in str(path) or "\n" in str(root := path.resolve()):  # git separates paths by them
        raise OutputError(f"{str(path)!r} has a line break in it; rename it")
    named = shown(path)
    if not root.is_dir():
        raise MissingError(f"{named}: no such directory")
    refuse_link(root, named)
    facts = ("--is-bare-repository", "--is-inside-work-tree", "--absolute-git-dir", "--git-common-dir")
    result = run(
        *("rev-parse", *facts, "--show-object-format", "--show-prefix"),
        cwd=root,
        env={"GIT_CEILING_DIRECTORIES": str(root.parent)},
        user_config=True,  # safe.directory
    )
    if "not a git repository" in result.err:
        above = run("rev-parse", "--show-toplevel", cwd=root, user_config=True)
        if above.status == 0:
            top = shown(Path(os.fsdecode(above.out).removesuffix("\n")))
            raise OutputError(f"{named} is not the top of the repository {top}, where its files must be")
        raise OutputError(f"{named} is not a Git repository; create one with `git init -b main {named}`")
    if "dubious ownership" in result.err:
        raise OutputError(
            f"{named} belongs to another user; `git config --global --add safe.directory {argument(root)}`"
        )
    lines = os.fsdecode(checked(result, f"opening {named}")).split("\n")
    bare, inside, git_dir, common_dir, hash_name, prefix = lines[:6]
    if bare == "false" and (inside == "false" or prefix):
        raise OutputError(f"{named} is not the top of a work tree; give the directory that is")
    return Local(root, Path(git_dir), (root / common_dir).resolve(), bare == "true", hash_name)


def _lock(directory: int, label: str) -> bool:
    """Wait for other runs to end; False if the file system can't tell whether there are any."""
    deadline = time.monotonic() + _HOLD_WAIT
    while True:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise ConflictError(f"another gpuyard has been writing to {label} for a while; try again") from error
            time.sleep(0.02)
        except OSError:  # NFS
            return False
