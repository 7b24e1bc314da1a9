"""The comment that docs/pr.md shows is the one that `gpuyard pr` writes for the demo's repository."""

from gpuyard.cli.proposing import reviewed
from tests.conftest import ROOT, demo_sources
from tests.reviewing import built, compared, running

FILE = ROOT / "docs/pr.md"
BEGIN, END = "<!-- the comment: -->\n", "<!-- the comment ends -->\n"
CHAT, OLD, NEW = "blueprints/chat.yaml", "contextLength: 16384", "contextLength: 32768"


def test_the_comment_in_the_documentation_is_what_a_change_of_one_line_gets() -> None:
    """From the same sources, compiled before and after the edit that the page names."""
    text = FILE.read_text(encoding="utf-8")
    said, _, rest = text.partition(BEGIN)
    assert f"`{OLD}`" in said
    assert f"`{NEW}`" in said
    shown = rest.partition(END)[0]
    sources = demo_sources()
    assert OLD.encode() in sources[CHAT]
    before = built(sources)
    changed = {**sources, CHAT: sources[CHAT].replace(OLD.encode(), NEW.encode())}
    assert shown == f"\n{reviewed(compared(before, built(changed, before=running(before))))}\n"
