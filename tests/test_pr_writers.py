"""Several of `gpuyard pr` at once: what they propose all lands, and nothing that somebody proposed is lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gittools import git
from tests.requesting import CHAT, Yard, run, yard
from tests.test_repo_crash import EVERY, Kill, Record, killer

WRITERS = 8 if EVERY else 3
ROUNDS = 17 if EVERY else 1
"""Of each kind of forge: fifty in all, of eight; `make test` tries three at once."""
BRANCH = "together"
NAMES = tuple(f"w{number}" for number in range(WRITERS))
DONE, OTHERS_AT_WORK, NOT_OURS = 0, 75, 76


@pytest.fixture(params=["github", "gitlab", "gitea"] if EVERY else ["github"])
def there(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    monkeypatch.setenv("GPUYARD_COMPILE_CACHE", "on")
    with yard(request.param, tmp_path, monkeypatch, NAMES) as found:
        yield found


@dataclass(frozen=True)
class Writer:
    """Somebody with a clone, who changes one blueprint in it."""

    yard: Yard
    tree: Path
    name: str
    kill: Kill

    @property
    def file(self) -> str:
        return CHAT.replace("chat", self.name)

    def write(self, most: int) -> None:
        text = git(self.tree, "show", f"HEAD:{self.file}")
        (self.tree / self.file).write_text(text.replace(f"max: {maximum(text)}", f"max: {most}") + "\n")

    def run(self, *arguments: str) -> dict[str, object]:
        return self.kill(argv=["pr", "--forge", self.yard.forge.kind, *arguments, str(self.tree)])

    def pull(self) -> None:
        """As `git pull` does after the request was merged, by a way that needs no login."""
        git(self.tree, "checkout", "-q", "--", ".")
        git(self.tree, "fetch", "-q", str(self.yard.bare), "+main:refs/remotes/origin/main")
        git(self.tree, "merge", "-q", "--ff-only", "origin/main")


def maximum(text: str) -> int:
    """The most replicas in a blueprint."""
    return int(text.partition("max: ")[2].split()[0])


@pytest.fixture
def everybody(there: Yard, tmp_path: Path) -> Iterator[list[Writer]]:
    """People, each with a clone and a process."""
    with ExitStack() as stack:
        found = []
        for name in NAMES:
            tree = tmp_path / name
            git(tmp_path, "clone", "-q", str(there.bare), str(tree))
            git(tree, "remote", "set-url", "origin", there.forge.url)
            git(tree, "config", "user.email", f"{name}@example.com")
            found.append(Writer(there, tree, name, stack.enter_context(killer())))
        yield found


def at_once(some: list[Writer], allowed: set[int], *arguments: str) -> list[Writer]:
    """Run all of them; those that landed. What is refused is refused in words."""
    landed = []
    with ThreadPoolExecutor(len(some)) as pool:
        for writer, done in zip(some, pool.map(lambda each: each.run(*arguments), some), strict=True):
            assert done["code"] in allowed, done["said"]
            if done["code"] == DONE:
                landed.append(writer)
            else:
                assert "nothing was pushed" in str(done["said"])
    return landed


def merge(there: Yard, branch: str) -> None:
    """As the forge's button does, with the branch deleted; a conflict would be an error."""
    tree = git(there.bare, "merge-tree", "--write-tree", "main", branch).split()[0]
    commit = git(there.bare, "commit-tree", tree, "-p", "main", "-p", branch, "-m", f"Merge {branch}")
    git(there.bare, "update-ref", "refs/heads/main", commit)
    git(there.bare, "update-ref", "-d", f"refs/heads/{branch}")
    for each in there.forge.requests:
        each["open"] = each["open"] and each["branch"] != branch


def on_main(there: Yard) -> dict[str, int]:
    """The most replicas of everybody's blueprint."""
    return {name: maximum(git(there.bare, "show", f"main:{CHAT.replace('chat', name)}")) for name in NAMES}


def whole(there: Yard, everybody: list[Writer]) -> None:
    """What is on main follows from its sources, and is what Git may hold."""
    everybody[0].pull()
    result = run("compile", "--check", str(everybody[0].tree))
    assert result.exit_code == DONE, result.output
    git(there.bare, "fsck", "--strict", "--no-dangling")


def test_what_several_people_propose_at_once_all_lands_on_one_branch(
    there: Yard, everybody: list[Writer], record_property: Record
) -> None:
    """Each has a request of their own; the base moves under all of them with every merge."""
    for number in range(ROUNDS):
        for each in everybody:
            each.pull()
            each.write(3 + number)
        assert at_once(everybody, {DONE}) == everybody
        opened = [each for each in there.forge.requests if each["open"]]
        assert len(opened) == len({each["branch"] for each in opened}) == WRITERS
        assert len(there.forge.requests) == len(there.forge.comments) == WRITERS * (number + 1)
        assert on_main(there) == dict.fromkeys(NAMES, 2 + number)
        for each in opened:
            merge(there, each["branch"])
        assert on_main(there) == dict.fromkeys(NAMES, 3 + number)
        assert there.branches() == ["main"]
    whole(there, everybody)
    record_property(f"landed on {there.forge.kind}", WRITERS * ROUNDS)


def the_one_request(there: Yard) -> dict[str, object]:
    (found,) = (each for each in there.forge.requests if each["open"])
    assert (found["branch"], found["base"]) == (BRANCH, "main")
    assert git(there.bare, "rev-list", "--count", f"main..{BRANCH}") == "1"
    assert sorted(there.branches()) == sorted(["main", BRANCH])
    (_,) = (each for each in there.forge.comments if each["request"] == found["number"])
    return dict(found)


def test_a_named_branch_is_one_person_s_at_a_time_and_in_the_end_all_land(there: Yard, everybody: list[Writer]) -> None:
    """Nobody's proposal is overwritten: the others are told, and propose again after the merge."""
    left, merged = everybody, 0
    for each in everybody:
        each.write(3)
    while left:
        racing = left if EVERY or merged < 1 else left[:1]
        (winner,) = at_once(racing, {DONE, OTHERS_AT_WORK, NOT_OURS}, "--branch", BRANCH)
        the_one_request(there)
        assert git(there.bare, "log", "-1", "--format=%ce", BRANCH) == f"{winner.name}@example.com"
        merge(there, BRANCH)
        merged += 1
        left = [each for each in left if each is not winner]
        assert {name for name, most in on_main(there).items() if most == 2} == {each.name for each in left}
        for each in everybody:
            each.pull()
        for each in left:
            each.write(3)
    assert len(there.forge.requests) == WRITERS
    whole(there, everybody)


def test_the_same_person_in_several_places_has_one_request(there: Yard, everybody: list[Writer]) -> None:
    """Each run brings the branch up to date with its own checkout, whole; never a mixture, never a second request."""
    for each in everybody:
        git(each.tree, "config", "user.email", "ada@example.com")
    for number in range(ROUNDS):
        for each in everybody:
            each.write(3 + number)
        assert at_once(everybody, {DONE, OTHERS_AT_WORK}, "--branch", BRANCH)
        the_one_request(there)
        changed = git(there.bare, "diff", "--name-only", "main", BRANCH, "--", "blueprints/").splitlines()
        (last,) = (each for each in everybody if [each.file] == changed)
        assert at_once([last], {DONE}, "--branch", BRANCH) == [last]
        assert len(there.forge.requests) == 1
        (comment,) = there.forge.comments
        assert f"`{last.name}`" in comment["body"]
    git(there.bare, "fsck", "--strict", "--no-dangling")
