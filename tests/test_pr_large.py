"""A pull request that changes every blueprint of a large stack: one comment that forges take, what matters on top."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpuyard.review.comment import LONGEST
from tests.requesting import CHAT, Yard, yard
from tests.test_repo_crash import EVERY

COUNT = 400 if EVERY else 160
NAMES = tuple(f"chat-{number:03}" for number in range(COUNT))


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    monkeypatch.setenv("GPUYARD_COMPILE_CACHE", "on")
    with yard("github", tmp_path, monkeypatch, NAMES) as found:
        yield found


def test_a_change_of_every_blueprint_has_a_comment_within_the_limit(there: Yard, tmp_path: Path) -> None:
    for name in NAMES:
        there.edit("max: 2", "max: 4\n  serving: {args: {max-num-seqs: 64}}", CHAT.replace("chat", name))
    unsafe = "max: 4\n  serving: {unsafe: [trust-remote-code], args: {max-num-seqs: 64, trust-remote-code: true}}"
    there.edit("max: 4\n  serving: {args: {max-num-seqs: 64}}", unsafe, CHAT.replace("chat", NAMES[-1]))
    artifact = tmp_path / "diff.md"
    made = there.data("--artifact", str(artifact))
    assert made["labels"] == ["gpuyard-danger"]
    (comment,) = there.forge.comments
    body, whole = comment["body"], artifact.read_text(encoding="utf-8")
    assert len(body) <= len(body.encode()) <= LONGEST < len(whole.encode())
    lines = body.splitlines()
    assert lines[1].startswith("### Compared with `main`")
    assert lines[3] == "Dangers: `unsafe-flag` (1), `downtime` (1)"
    danger = next(number for number, line in enumerate(lines) if line.startswith("- **danger** `unsafe-flag`"))
    table = next(number for number, line in enumerate(lines) if line.startswith("| `phx` |"))
    objects = next(number for number, line in enumerate(lines) if line.startswith("<details>"))
    assert danger < table < objects
    assert any("**all models**" in line for line in lines[table:objects])
    assert body.count("<details>") == body.count("</details>")
    assert body.count("```") % 2 == 0
    assert "Cut for length: " in body
    assert lines[-1] == "All of it is in diff.md, which the run has written."
    assert [name for name in NAMES if f"<code>{name} on " not in whole] == []
    assert "Cut for length" not in whole
    assert there.data("--artifact", str(artifact))["created"] is False
    assert [each["body"] for each in there.forge.comments] == [body]
