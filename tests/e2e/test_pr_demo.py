"""The README's demo: change one line, `gpuyard pr`, read the comment, merge, and Flux rolls it out.

The forge is a stand-in (tests/forges.py) over the very repository that the cluster's Flux reads; it makes the merge.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.conditions import condition
from tests.cluster.state import State
from tests.e2e.stacks import Stack
from tests.e2e.test_stacks import FLUX, arrive, monitors, start
from tests.forges import PROJECT, TOKENS, FakeForge, authority, serving
from tests.gittools import git

__all__ = ["monitors"]

pytestmark = pytest.mark.usefixtures("monitors")


@pytest.fixture
def stack(cluster: Cluster, world: State) -> Iterator[Stack]:
    name = f"pr-{uuid4().hex[:6]}"
    made = Stack(world, name, "chat")
    yield made
    cluster.kubectl("delete", "-f", str(made.entry), "--ignore-not-found", "--wait=true", "--timeout=120s")
    cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--timeout=120s")


@pytest.fixture
def forge(stack: Stack, world: State, tmp_path: Path) -> Iterator[FakeForge]:
    """It has the repository that Flux reads, under its own address and behind its own login."""
    repositories = tmp_path / "forge"
    (repositories / PROJECT).parent.mkdir(parents=True)
    bare = next(world.repositories.glob(f"{stack.name}-*.git"))
    (repositories / f"{PROJECT}.git").symlink_to(bare)
    with serving("github", repositories, authority(tmp_path / "tls")) as found:
        yield found
        assert found.wrong == []


@pytest.fixture
def tree(stack: Stack, forge: FakeForge, tmp_path: Path) -> Path:
    """A user's clone."""
    tree = tmp_path / "gitops"
    git(tmp_path, "clone", "-q", str(forge.repositories / f"{PROJECT}.git"), str(tree))
    git(tree, "remote", "set-url", "origin", forge.url)
    return tree


def pr(tree: Path, certificate: Path) -> str:
    """`gpuyard pr` as a user runs it."""
    trusted = {"GIT_SSL_CAINFO": str(certificate), "SSL_CERT_FILE": str(certificate), "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-m", "gpuyard", "pr", "--forge", "github", str(tree)],
        env={**os.environ, **trusted, "GH_TOKEN": TOKENS["github"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def servers(cluster: Cluster, namespace: str) -> list[tuple[str, bool]]:
    """The context length of each server's pod, and whether it serves."""

    def length(pod: Object) -> str:
        arguments = pod["spec"]["containers"][0]["args"]
        return next(each for each in arguments if each.startswith("--max-model-len="))

    labels = {"app.kubernetes.io/name": "chat", "app.kubernetes.io/component": "server"}
    found = cluster.objects("pod", namespace=namespace, labels=labels)
    return [(length(pod), condition(pod, "Ready").get("status") == "True") for pod in found]


def test_one_line_a_request_its_comment_and_the_merge(
    cluster: Cluster, stack: Stack, forge: FakeForge, tree: Path, tmp_path: Path
) -> None:
    start(cluster, stack)
    assert servers(cluster, stack.name) == [("--max-model-len=16384", True)]

    blueprint = tree / "blueprints/chat.yaml"
    blueprint.write_text(blueprint.read_text().replace("contextLength: 16384", "contextLength: 8192"))
    said = pr(tree, tmp_path / "tls/tls.crt")
    (request,) = forge.requests
    assert f"opened https://{forge.host}/{PROJECT}/1" in said
    assert request["base"] == "main"
    (comment,) = forge.comments
    assert "| `phx` | `chat` | `changed` | `a10` | `2` | `1` | `16384 → 8192` |" in comment["body"]
    cluster.reconcile(f"gitrepository/{stack.name} {FLUX}")
    arrive(cluster, stack)
    assert servers(cluster, stack.name) == [("--max-model-len=16384", True)], "a request alone changes nothing"

    merged = forge.merge(1)
    stack.repo.git("pull", "--quiet")
    assert stack.repo.head == merged
    cluster.reconcile(f"gitrepository/{stack.name} {FLUX}")
    arrive(cluster, stack, within=180)
    assert servers(cluster, stack.name) == [("--max-model-len=8192", True)]
