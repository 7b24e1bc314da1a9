"""`gpuyard pr` killed at any point: the user's files stay, and the next run makes one branch, request and comment.

`make crash` kills a thousand, `make test` a dozen. A kill is at a request of the run, API's or Git's, which then is
done or lost; or after some time. Git may die with it or go on by itself.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.gittools import git, status
from tests.requesting import Yard, yard

pytestmark = pytest.mark.attack("A29 killed and interrupted runs")

EVERY = os.environ.get("GPUYARD_CRASH") == "all"
PARTS = 8 if EVERY else 1
KILLS = 42 if EVERY else 4
"""In each part, of each kind of forge."""
BY_TIME = 4
"""Every fourth is killed after some time instead."""
SECONDS = 60
CHAT = "blueprints/chat.yaml"


@pytest.fixture(params=["github", "gitlab", "gitea"])
def there(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    with yard(request.param, tmp_path, monkeypatch) as found:
        for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
            monkeypatch.delenv(name)  # a second commit has another time, and so another name
        yield found


@dataclass
class Victim:
    """A real run, in a group of processes of its own."""

    yard: Yard
    alone: bool
    """Whether only gpuyard is killed; what it has started goes on."""
    process: "subprocess.Popen[bytes]" = field(init=False)

    def __enter__(self) -> "Victim":
        command = [sys.executable, "-m", "gpuyard", "pr", "--forge", self.yard.forge.kind, str(self.yard.tree)]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)
        return self

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            (os.kill if self.alone else os.killpg)(self.process.pid, signal.SIGKILL)
        self.process.wait(SECONDS)

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(SECONDS)


def untouched(tree: Path) -> tuple[object, ...]:
    """All of a user's repository that a run must leave as it is."""
    kept = (git(tree, "rev-parse", "HEAD"), git(tree, "for-each-ref"), git(tree, "ls-files", "--stage"), status(tree))
    return (*kept, (tree / CHAT).read_bytes(), (tree / ".git/HEAD").read_bytes(), (tree / ".git/config").read_bytes())


def settled(there: Yard) -> None:
    """The forge has nothing more to do."""
    end = time.monotonic() + SECONDS
    while there.forge.busy:
        assert time.monotonic() < end
        time.sleep(0.01)


def forget(there: Yard) -> None:
    """As before the first run."""
    settled(there)
    for name in there.branches():
        if name != "main":
            git(there.bare, "update-ref", "-d", f"refs/heads/{name}")
    for each in (there.forge.requests, there.forge.comments, there.forge.calls):
        each.clear()
    there.forge.at_request = None
    there.forge.served = 0


def kill_at(there: Yard, victim: Victim, wanted: int, *, done: bool) -> Callable[[int], bool]:
    """A hook for the forge: the run is dead when that request is done, or lost."""

    def hook(number: int) -> bool:
        if number != wanted:
            return True
        victim.kill()
        return done

    return hook


def one_of_each(there: Yard, whole: dict[str, object]) -> None:
    """What there is after a run that nobody killed."""
    (request,), (comment,) = there.forge.requests, there.forge.comments
    assert sorted(there.branches()) == sorted(["main", request["branch"]])
    assert request["branch"] == whole["branch"]
    assert (comment["request"], comment["body"]) == (request["number"], whole["comment"])
    assert git(there.bare, "rev-parse", f"{request['branch']}^{{tree}}") == whole["tree"]
    assert git(there.bare, "rev-parse", f"{request['branch']}^") == git(there.bare, "rev-parse", "main")


def seen(there: Yard) -> dict[str, object]:
    branch = there.forge.requests[0]["branch"]
    tree = git(there.bare, "rev-parse", f"{branch}^{{tree}}")
    return {"branch": branch, "tree": tree, "comment": there.forge.comments[0]["body"]}


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_anywhere_the_next_run_makes_one_of_each(
    there: Yard, part: int, record_property: Callable[[str, object], None]
) -> None:
    there.edit("max: 2", "max: 4")
    before = untouched(there.tree)
    start = time.monotonic()
    with Victim(there, alone=True) as first:
        assert first.process.wait(SECONDS) == 0
    took, requests, whole = time.monotonic() - start, there.forge.served, seen(there)
    assert requests > 8
    chosen = random.Random(f"{there.forge.kind} {part}")  # noqa: S311 - no secret
    found = Counter[str]()
    for kill in range(KILLS):
        forget(there)
        alone, done = chosen.random() < 0.5, chosen.random() < 0.5
        wanted, after = chosen.randint(1, requests), chosen.random() * took
        with Victim(there, alone=alone) as victim:
            if kill % BY_TIME == BY_TIME - 1:
                time.sleep(after)
                victim.kill()
            else:
                there.forge.at_request = kill_at(there, victim, wanted, done=done)
                assert victim.process.wait(SECONDS) == -signal.SIGKILL
            settled(there)
            there.forge.at_request = None
            assert len(there.forge.requests) <= 1
            assert len(there.forge.comments) <= 1
            assert untouched(there.tree) == before
            found["after" if there.forge.comments else "before"] += 1
            made = there.data()
        settled(there)
        one_of_each(there, whole)
        assert made["number"] == 1
        assert untouched(there.tree) == before
    git(there.bare, "fsck", "--strict", "--no-dangling")
    row = {"scene": f"pr on {there.forge.kind}, part {part}", "kills": found.total()}
    record_property("crash", {**row, "before": found["before"], "after": found["after"]})
