"""`gpuyard pr` killed at any point: the user's files stay, and the next run makes one branch, request and comment.

`make crash` kills a thousand, `make test` a dozen. A kill is at a request of the run, API's or Git's, which then is
done or lost; at a step of the run itself; or after some time. Git may die with it or go on by itself.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.gittools import git
from tests.requesting import Yard, yard
from tests.test_repo_crash import EVERY, Kill, Record, killer

pytestmark = pytest.mark.attack("A29 killed and interrupted runs")

PARTS = 4 if EVERY else 1
KILLS = 84 if EVERY else 4
"""In each part, of each kind of forge."""
IN_A_ROW = 4
"""Of as many kills, each finds what the one before has left; then a run goes to its end."""
KINDS = ("request", "request", "step", "time")
SECONDS = 300


@pytest.fixture(params=["github", "gitlab", "gitea"])
def there(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    with yard(request.param, tmp_path, monkeypatch) as found:
        for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
            monkeypatch.delenv(name)  # a second commit has another time, and so another name
        monkeypatch.setenv("GPUYARD_COMPILE_CACHE", "on")
        yield found


@dataclass
class Victims:
    """Runs in processes of their own, one after the other."""

    yard: Yard
    kill: Kill
    note: Path
    """Holds the number of the process."""
    chosen: random.Random
    steps: list[str] = field(default_factory=list)
    requests: int = 0
    took: float = 0.0

    def run(self, **order: object) -> dict[str, object]:
        """One of them, until it and all that it has started have ended."""
        self.note.unlink(missing_ok=True)
        argv = ["pr", "--forge", self.yard.forge.kind, str(self.yard.tree)]
        done = self.kill(argv=argv, note=str(self.note), **order)
        settled(self.yard)
        self.yard.forge.at_request = None
        return done

    def whole(self) -> None:
        """One that nobody kills; from it follows at what there is to kill one."""
        start = time.monotonic()
        steps = self.run()["steps"]
        self.took = time.monotonic() - start
        assert isinstance(steps, list)
        self.steps, self.requests = steps, self.yard.forge.served
        assert self.requests > 8
        assert "subprocess.Popen" in self.steps

    def killed(self) -> bool:
        """One that is; it may be too late, as there is less to do the second time."""
        alone, done = self.chosen.random() < 0.5, self.chosen.random() < 0.5
        self.yard.forge.served = 0
        match self.chosen.choice(KINDS):
            case "time":
                found = self.run(delay=0.01 + self.chosen.random() * self.took, alone=alone)
            case "step":
                found = self.run(step=self.chosen.randrange(len(self.steps)))
            case _:
                wanted = self.chosen.randint(1, self.requests)
                self.yard.forge.at_request = self._hook(wanted, alone=alone, done=done)
                found = self.run()
        return bool(found["killed"])

    def _hook(self, wanted: int, *, alone: bool, done: bool) -> Callable[[int], bool]:
        """For the forge: the run is dead when that request is done, or lost."""

        def hook(number: int) -> bool:
            if number != wanted:
                return True
            with suppress(ProcessLookupError):
                (os.kill if alone else os.killpg)(int(self.note.read_text()), signal.SIGKILL)
            return done

        return hook


def untouched(tree: Path) -> dict[str, bytes]:
    """All of a user's repository, Git's own files too: a run must leave every byte as it is."""
    return {str(file): file.read_bytes() for file in sorted(tree.rglob("*")) if file.is_file()}


def settled(there: Yard) -> None:
    """The forge has nothing more to do."""
    end = time.monotonic() + SECONDS
    while there.forge.busy:
        assert time.monotonic() < end
        time.sleep(0.01)


def forget(there: Yard) -> None:
    """As before the first run."""
    for name in there.branches():
        if name != "main":
            git(there.bare, "update-ref", "-d", f"refs/heads/{name}")
    for each in (there.forge.requests, there.forge.comments, there.forge.calls):
        each.clear()
    there.forge.served = 0


def one_of_each(there: Yard, whole: dict[str, object]) -> None:
    """What there is after a run that nobody killed."""
    (request,), (comment,) = there.forge.requests, there.forge.comments
    assert sorted(there.branches()) == sorted(["main", request["branch"]])
    assert seen(there) == whole
    assert comment["request"] == request["number"]


def seen(there: Yard) -> dict[str, object]:
    branch = there.forge.requests[0]["branch"]
    tree, parent = git(there.bare, "rev-parse", f"{branch}^{{tree}}", f"{branch}^").split()
    return {"branch": branch, "tree": tree, "parent": parent, "comment": there.forge.comments[0]["body"]}


def no_half_state(there: Yard, whole: dict[str, object]) -> None:
    """What a reviewer may see after a kill: nothing, or a part that is true; never two of anything."""
    others = [name for name in there.branches() if name != "main"]
    assert others in ([], [whole["branch"]])
    for name in others:
        assert git(there.bare, "rev-parse", f"{name}^{{tree}}", f"{name}^").split() == [whole["tree"], whole["parent"]]
    assert len(there.forge.requests) <= len(others)
    assert len(there.forge.comments) <= len(there.forge.requests)
    assert [each["body"] for each in there.forge.comments] in ([], [whole["comment"]])


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_anywhere_the_next_run_makes_one_of_each(
    there: Yard, part: int, tmp_path: Path, record_property: Record
) -> None:
    there.edit("max: 2", "max: 4")
    before = untouched(there.tree)
    chosen = random.Random(f"{there.forge.kind} {part}")  # noqa: S311 - no secret
    found = Counter[str]()
    with killer() as kill:
        victims = Victims(there, kill, tmp_path / "note", chosen)
        victims.run()  # what is in the cache afterwards is in that of every user
        forget(there)
        victims.whole()
        whole = seen(there)
        while found.total() < KILLS:
            forget(there)
            for _ in range(min(chosen.randint(1, IN_A_ROW), KILLS - found.total())):
                if victims.killed():
                    found["after" if there.forge.comments else "before"] += 1
                no_half_state(there, whole)
                assert untouched(there.tree) == before
            assert there.data()["number"] == 1
            one_of_each(there, whole)
            assert untouched(there.tree) == before
    git(there.bare, "fsck", "--strict", "--no-dangling")
    row = {"scene": f"pr on {there.forge.kind}, part {part}", "kills": found.total()}
    record_property("crash", {**row, "before": found["before"], "after": found["after"]})
