"""`make demo-pr`: change one line, `gpuyard pr`, and read its comment, on a stand-in of a forge on this machine."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT
from tests.forges import PROJECT, TOKENS, FakeForge, authority, serving
from tests.gittools import git

__all__ = ["main"]

FILE, OLD, NEW = "blueprints/chat.yaml", "contextLength: 16384", "contextLength: 8192"
_WHO = {f"GIT_{role}_{what}": text for role in ("AUTHOR", "COMMITTER")
        for what, text in (("NAME", "Demo"), ("EMAIL", "demo@example.com"))}  # fmt: skip


def main() -> int:
    """Print what a user types and sees."""
    with tempfile.TemporaryDirectory(prefix="gpuyard-demo-") as name:
        folder = Path(name)
        certificate = authority(folder / "tls")
        os.environ.update(_WHO)
        os.environ.update(GIT_SSL_CAINFO=str(certificate), SSL_CERT_FILE=str(certificate), no_proxy="127.0.0.1")
        os.environ["GH_TOKEN"] = TOKENS["github"]
        with serving("github", folder / "repositories", certificate) as forge:
            _started(folder, forge)
            tree = folder / "gitops"
            (tree / FILE).write_text((tree / FILE).read_text().replace(OLD, NEW))
            _show(f"$ git diff    # {OLD} is {NEW} now", git(tree, "diff", "--unified=0", "--", FILE))
            _show("$ gpuyard pr gitops", _gpuyard("pr", "--forge", "github", str(tree)))
            _show("The comment of the request:", forge.comments[0]["body"])
    return 0


def _started(folder: Path, forge: FakeForge) -> None:
    """The demo's stack on the forge, and a clone of it."""
    tree, bare = folder / "gitops", forge.repositories / f"{PROJECT}.git"
    _gpuyard("init", str(tree), "--name", "demo", "--url", forge.url, "--blueprints", str(ROOT / "blueprints"))
    _gpuyard("compile", str(tree))
    bare.parent.mkdir(parents=True)
    git(folder, "clone", "-q", "--bare", str(tree), str(bare))
    git(tree, "remote", "add", "origin", forge.url)
    git(tree, "fetch", "-q", str(bare), "+refs/heads/main:refs/remotes/origin/main")


def _gpuyard(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "gpuyard", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


def _show(title: str, text: str) -> None:
    sys.stdout.write(f"{title}\n\n{text.rstrip()}\n\n")


if __name__ == "__main__":
    sys.exit(main())
