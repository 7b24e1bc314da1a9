"""A checkout of a stack, its bare repository on a forge, and runs of `gpuyard pr`."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gpuyard.cli.main import cli
from tests.forges import PROJECT, TOKENS, FakeForge, authority, serving
from tests.gittools import git, isolate, new
from tests.projects import sources

__all__ = ["VARIABLES", "Yard", "run", "yard"]

VARIABLES = {"github": "GH_TOKEN", "gitlab": "GITLAB_TOKEN", "gitea": "GITEA_TOKEN"}
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

    def edit(self, old: str, new: str, name: str = "blueprints/chat.yaml") -> None:
        """A line of a file, not committed."""
        text = (self.tree / name).read_text()
        assert old in text
        (self.tree / name).write_text(text.replace(old, new))

    def branches(self) -> list[str]:
        return git(self.bare, "for-each-ref", "--format=%(refname:short)", "refs/heads/").splitlines()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), standalone_mode=True)


def made(tree: Path, bare: Path, url: str, spec: dict[str, Any]) -> None:
    """A compiled stack in a bare repository, and its clone."""
    bare.parent.mkdir(parents=True)
    new(bare, "--bare", "-b", "main")
    new(tree, "-b", "main")
    for name, data in sources(spec, {"repository": {"url": url, "branch": "main"}}).items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_bytes(data)
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "Start")
    result = run("compile", str(tree))
    assert result.exit_code == 0, result.output
    git(tree, "remote", "add", "origin", str(bare))
    git(tree, "push", "-q", "-u", "origin", "main")
    git(tree, "remote", "set-url", "origin", url)


SPEC: dict[str, Any] = {"scaling": {"min": 1, "max": 2}}


@contextmanager
def yard(kind: str, where: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    """All of it; the token is in the environment."""
    isolate(monkeypatch, where / "home")
    certificate = authority(where / "tls")
    for name in (*VARIABLES.values(), *_OF_CI):
        monkeypatch.delenv(name, raising=False)
    for name in ("GIT_SSL_CAINFO", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(certificate))
    monkeypatch.setenv(VARIABLES[kind], TOKENS[kind])
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert "GPUYARD_COMPILE_CACHE" in os.environ
    tree, bare = where / "gitops", where / f"repos/{PROJECT}.git"
    with serving(kind, where / "repos", certificate) as forge:
        made(tree, bare, forge.url, SPEC)
        yield Yard(tree, bare, forge)
        assert forge.wrong == []
