"""The compiled demo repository, as the cluster syncs it: change the user's files, compile, push."""

import subprocess
import sys
from pathlib import Path

from tests.cluster.registry import CHARTS
from tests.cluster.repository import Repository
from tests.conftest import demo_sources

__all__ = ["CLUSTER", "Gitops"]

CLUSTER = "phx"
# One blueprint on each shape, so that placement shows; a start as short as a test can wait for.
_PLACES = {"chat": "a10", "docs": "a100", "assistant": "h100"}
_BUDGET = "  budget: {startSeconds: 60, scheduleSeconds: 0, shutdownSeconds: 1}\n"


class Gitops:
    """What a platform engineer does: edits stack.yaml and blueprints/, runs `gpuyard compile`, pushes."""

    def __init__(self, repo: Repository, engine: str = "flux") -> None:
        self.repo, self.root = repo, repo.directory
        self.ready_after = 0.0
        """Seconds from the apply of the entry point to everything Ready."""
        files = {name: data.decode() for name, data in demo_sources(engine).items()}
        files["stack.yaml"] = _stack(files["stack.yaml"], repo.url)
        for name in list(files):
            if name.startswith("blueprints/"):
                files[name] += _BUDGET
        repo.commit(files, "Start")
        self.compile()

    @property
    def entry(self) -> Path:
        return self.root / "clusters" / CLUSTER

    def read(self, file: str) -> str:
        return (self.root / file).read_text(encoding="utf-8")

    def change(self, file: str, old: str, new: str) -> str:
        """Edit a user's file, compile, push both commits; returns the revision as Flux writes it."""
        text = self.read(file)
        assert old in text, f"{file} has no {old!r}"
        self.repo.commit({file: text.replace(old, new)}, f"Change {file}")
        return self.compile()

    def write(self, file: str, text: str | None) -> str:
        """Write or remove a user's file, compile, push."""
        self.repo.commit({file: text}, f"Write {file}")
        return self.compile()

    def compile(self) -> str:
        argv = [sys.executable, "-m", "gpuyard", "compile", str(self.root)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self.repo.push()
        return self.repo.revision


def _stack(text: str, url: str) -> str:
    """The starter's stack, but for where things are: the world has its own Git server and registry."""
    text = text.replace("https://git.example.com/demo/gitops", url).replace(
        "    branch: main", "    branch: main\n    insecure: true"
    )
    places = "".join(f"      {name}: {shape}\n" for name, shape in _PLACES.items())
    return f"{text}    blueprints:\n{places}  platform: {{registry: '{CHARTS}', insecure: true}}\n"
