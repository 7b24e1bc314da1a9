"""A checkout of a stack, its bare repository on a forge, and runs of `gpuyard pr`."""

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gpuyard.cli.main import cli
from tests.forges import PROJECT, TOKENS, FakeForge, authority, serving
from tests.gittools import git, isolate, new
from tests.projects import sources

__all__ = ["CHAT", "SPEC", "VARIABLES", "Yard", "fresh", "made", "run", "yard"]

VARIABLES = {"github": "GH_TOKEN", "gitlab": "GITLAB_TOKEN", "gitea": "GITEA_TOKEN"}
CHAT = "blueprints/chat.yaml"
SPEC: dict[str, Any] = {"scaling": {"min": 1, "max": 2}}
_OF_CI = ("GITHUB_TOKEN", "CI_JOB_TOKEN", "FORGEJO_TOKEN", "GITHUB_SERVER_URL", "CI_SERVER_URL", "GITHUB_EVENT_PATH")
_OF_CI += ("GITHUB_REPOSITORY", "CI_PROJECT_URL")


@dataclass
class Yard:
    """A user's clone, what is behind it, and the forge."""

    tree: Path
    bare: Path
    forge: FakeForge

    def pr(self, *arguments: str) -> Result:
        """`gpuyard pr` in the clone."""
        return run("pr", *arguments, "--forge", self.forge.kind, str(self.tree))

    def data(self, *arguments: str) -> dict[str, Any]:
        """What it says to a machine."""
        result = self.pr("-o", "json", *arguments)
        assert result.exit_code == 0, result.output
        return dict(json.loads(result.stdout))

    def edit(self, old: str, new: str, name: str = CHAT) -> None:
        """A line of a file, not committed."""
        text = (self.tree / name).read_text()
        assert old in text
        (self.tree / name).write_text(text.replace(old, new))

    def branches(self) -> list[str]:
        return git(self.bare, "for-each-ref", "--format=%(refname:short)", "refs/heads/").splitlines()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), standalone_mode=True)


def made(tree: Path, bare: Path, url: str, names: tuple[str, ...] = ("chat",)) -> None:
    """A compiled stack with these blueprints in a bare repository, and its clone."""
    template = _template(names)
    shutil.copytree(template / "gitops.git", bare)
    shutil.copytree(template / "gitops", tree)
    git(tree, "remote", "set-url", "origin", url)
    git(tree, "update-index", "-q", "--refresh")


@cache
def _template(names: tuple[str, ...]) -> Path:
    """What `made` copies; to compile it takes seconds."""
    where = Path(tempfile.mkdtemp(prefix="gpuyard-yard-"))
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    tree, bare = new(where / "gitops", "-b", "main"), new(where / "gitops.git", "--bare", "-b", "main")
    found = sources(SPEC, {"policy": {"maxGpus": 100_000}})
    chat = found.pop(CHAT)
    copies = {CHAT.replace("chat", name): chat.replace(b"name: chat", f"name: {name}".encode()) for name in names}
    for name, data in {**found, **copies}.items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_bytes(data)
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "Start")
    result = run("compile", str(tree))
    assert result.exit_code == 0, result.output
    git(tree, "remote", "add", "origin", str(bare))
    git(tree, "push", "-q", "-u", "origin", "main")
    return where


def fresh(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    """No token and no CI in the environment; a forge with that certificate is trusted."""
    for name in (*VARIABLES.values(), *_OF_CI):
        monkeypatch.delenv(name, raising=False)
    for name in ("GIT_SSL_CAINFO", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificate))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@contextmanager
def yard(kind: str, where: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...] = ("chat",)) -> Iterator[Yard]:
    """All of it; the token is in the environment."""
    isolate(monkeypatch, where / "home")
    certificate = authority(where / "tls")
    fresh(monkeypatch, certificate)
    monkeypatch.setenv(VARIABLES[kind], TOKENS[kind])
    assert "GPUYARD_COMPILE_CACHE" in os.environ
    tree, bare = where / "gitops", where / f"repos/{PROJECT}.git"
    with serving(kind, where / "repos", certificate) as forge:
        made(tree, bare, forge.url, names)
        yield Yard(tree, bare, forge)
        assert forge.wrong == []
