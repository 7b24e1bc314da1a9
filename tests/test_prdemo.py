"""`make demo-pr` shows what the README says: one line, a request and its comment."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def test_it_ends_with_the_comment(tmp_path: Path) -> None:
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("GIT_", "GH_", "GITHUB_"))}
    paths = os.pathsep.join((str(ROOT / "generator"), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-m", "tests.prdemo"],
        env={**environment, "HOME": str(tmp_path), "PYTHONPATH": paths},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "+    contextLength: 8192" in done.stdout
    assert "pushed to gpuyard/chat-" in done.stdout
    comment = done.stdout.partition("The comment of the request:")[2]
    assert "| `phx` | `chat` | `changed` | `a10` | `2` | `1-4` | `16384 → 8192` |" in comment
    assert "--max-model-len" in comment
