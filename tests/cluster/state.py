"""The directory of one world: where everything lies, who holds it, and how what a killed run left is swept away."""

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.errors import SetupError

__all__ = ["KEPT", "State", "base", "create", "is_alive", "kept", "reduce", "remove", "sweep"]

KEPT = "kept"
_NEEDED_BYTES = 700 * 2**20


@dataclass(frozen=True, slots=True)
class State:
    """The paths of one world."""

    root: Path

    @property
    def certificates(self) -> Path:
        return self.root / "certificates"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def processes(self) -> Path:
        """One file per process, with its number inside the world."""
        return self.root / "processes"

    @property
    def hosts(self) -> Path:
        """The world's /etc/hosts: written in place, because a bind mount shows the inode, not the name."""
        return self.root / "hosts"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def repositories(self) -> Path:
        return self.root / "repositories"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def pid(self) -> Path:
        """The number of the world's first process, as the outside sees it; written when the world can be entered."""
        return self.root / "pid"

    @property
    def facts(self) -> Path:
        """What the outside found for the inside: programs, charts, manifests."""
        return self.root / "facts.json"

    @property
    def code(self) -> Path:
        """A digest of the code that the world runs."""
        return self.root / "code"

    @property
    def ready(self) -> Path:
        """Written when the world is up; its text is the summary that `status` shows."""
        return self.root / "ready"


def base() -> Path:
    """This user's directory of worlds, private; raises SetupError when somebody else made it."""
    parent = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108  (mode and owner are checked below)
    path = parent / f"gpuyard-e2e-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{path}: {error.strerror}; set XDG_RUNTIME_DIR to a directory that you can write") from error
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise SetupError(f"{path} belongs to somebody else; set XDG_RUNTIME_DIR to a directory of your own")
    return path


def kept() -> State:
    """The state of the world that `up` keeps, whether it is alive or not."""
    return State(base() / KEPT)


@contextmanager
def create(name: str) -> Iterator[tuple[State, int]]:
    """A fresh state directory and its lock, to be handed to the world's first process; the lock dies with that."""
    root = base() / name
    with _guard():
        if is_alive(State(root)):
            raise SetupError(f"a world is up already in {root}; python -m tests.cluster down ends it")
        remove(State(root))
        root.mkdir(mode=0o700)
        lock = os.open(root / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        _check_space(root)
        yield State(root), lock
    finally:
        os.close(lock)


def is_alive(state: State) -> bool:
    """Whether the world's first process still holds its lock: a number in a file could be somebody else's by now."""
    try:
        lock = os.open(state.root / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def sweep() -> list[Path]:
    """Remove what killed runs left behind; returns the directories that went."""
    with _guard():
        dead = [path for path in base().iterdir() if path.is_dir() and not is_alive(State(path))]
        for path in dead:
            remove(State(path))
    return dead


def remove(state: State) -> None:
    """Delete a world's directory; nothing in it may run any more."""
    shutil.rmtree(state.root, ignore_errors=True)
    if state.root.exists():
        raise SetupError(f"{state.root} can't be removed; delete it by hand")


def reduce(state: State) -> None:
    """Delete all but the logs: what a person needs after a failure, and nothing that grows."""
    for path in state.root.iterdir():
        if path == state.logs:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


@contextmanager
def _guard() -> Iterator[None]:
    """One at a time: between a new directory and its lock another run would take it for a dead one."""
    with (base() / ".guard").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_space(root: Path) -> None:
    free = shutil.disk_usage(root).free
    if free < _NEEDED_BYTES:
        raise SetupError(
            f"{root}: {free // 2**20} MiB are free, a world needs {_NEEDED_BYTES // 2**20};"
            " set XDG_RUNTIME_DIR to a directory with more space"
        )
