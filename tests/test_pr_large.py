"""A pull request that changes every blueprint of a large stack: one comment that forges take, what matters on top."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpuyard.cli.proposing import reviewed
from gpuyard.review.comment import LONGEST, mark_of, marked
from gpuyard.review.diff import Diff
from gpuyard.review.diffmarkdown import markdown
from tests.requesting import CHAT, Yard, yard
from tests.reviewing import two
from tests.test_repo_crash import EVERY

MANY = 400
COUNT = MANY if EVERY else 8
"""Of the real run; a comment of eight has room for all."""
LAST = "All of it is in diff.md, which the run has written."


def names(count: int) -> tuple[str, ...]:
    return tuple(f"chat-{number:03}" for number in range(count))


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    with yard("github", tmp_path, monkeypatch, names(COUNT)) as found:
        yield found


def sound(body: str, whole: str, every: tuple[str, ...]) -> None:
    """What matters is on top, what is open is closed, and what the comment has no room for is in the artifact."""
    assert len(body) <= len(body.encode()) <= LONGEST
    lines = body.splitlines()
    assert lines[1].startswith("### Compared with `main`")
    assert lines[3].startswith("Dangers: `unsafe-flag` (1)")
    danger = next(number for number, line in enumerate(lines) if line.startswith("- **danger** `unsafe-flag`"))
    table = next(number for number, line in enumerate(lines) if line.startswith("| `phx` |"))
    objects = next(number for number, line in enumerate(lines) if line.startswith("<details>"))
    assert danger < table < objects
    assert any("**all models**" in line for line in lines[table:objects])
    assert body.count("<details>") == body.count("</details>")
    assert body.count("```") % 2 == 0
    assert ("Cut for length: " in body) == (len(whole.encode()) > LONGEST)
    assert lines[-1] == LAST
    assert [name for name in every if f"<code>{name} on " not in whole] == []
    assert "Cut for length" not in whole


def many(found: Diff, every: tuple[str, ...]) -> Diff:
    """The same change of other blueprints as well; the danger is that of one."""
    groups = tuple(replace(each, blueprint=name) for name in every for each in found.groups)
    clusters = tuple(
        replace(each, models=tuple(replace(model, name=name) for name in every for model in each.models))
        for each in found.clusters
    )
    return replace(found, groups=groups, clusters=clusters)


def test_the_comment_of_a_change_of_400_blueprints_is_within_the_limit() -> None:
    every = names(MANY)
    serving = {"unsafe": ["trust-remote-code"], "args": {"trust-remote-code": True}}
    found = many(two({}, {"scaling": {"max": 4}, "serving": serving}), every)
    whole = markdown(found, 1 << 30)
    assert len(whole.encode()) > LONGEST
    sound(marked(mark_of("."), reviewed(found, LAST)), whole, every)


def test_a_run_that_changes_every_blueprint_writes_what_the_comment_has_no_room_for(
    there: Yard, tmp_path: Path
) -> None:
    every = names(COUNT)
    for name in every:
        there.edit("max: 2", "max: 4", CHAT.replace("chat", name))
    unsafe = "spec:\n  serving:\n    unsafe: [trust-remote-code]\n    args: {trust-remote-code: true}\n"
    there.edit("spec:\n", unsafe, CHAT.replace("chat", every[-1]))
    artifact = tmp_path / "diff.md"
    assert there.data("--artifact", str(artifact))["labels"] == ["gpuyard-danger"]
    (comment,) = there.forge.comments
    sound(comment["body"], artifact.read_text(encoding="utf-8"), every)
