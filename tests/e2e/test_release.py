"""A release that a key signed: Flux syncs it in the place of Git, and takes nothing that somebody else signed.

Two are made by what `gpuyard init --with release` writes, GitLab's job and GitHub's workflow: their own steps, from a
clone by the tag to a Flux that runs it. The cosign is a real one, built here and not downloaded; where the workflow
signs without a key, for which it would need Sigstore, it signs with one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from tests.cluster import programs
from tests.cluster.addresses import REGISTRY_HOST
from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.conditions import condition
from tests.cluster.state import State
from tests.e2e.stacks import Stack
from tests.e2e.test_stacks import monitors
from tests.releasing import by_github, by_gitlab

__all__ = ["monitors"]

FLUX = "-n flux-system"
SECRET = "signers"  # noqa: S105 # its name

pytestmark = [
    pytest.mark.usefixtures("monitors"),
    pytest.mark.skipif(
        programs.missing("cosign"), reason="no cosign; `python -m tests.cluster.programs --group release` builds it"
    ),
]


@pytest.fixture(scope="module")
def cosign() -> Path:
    return programs.path("cosign")


def key_pair(cosign: Path, folder: Path) -> Path:
    """A private key without a password; the public one is beside it."""
    folder.mkdir()
    environment = {**os.environ, "COSIGN_PASSWORD": ""}
    subprocess.run([cosign, "generate-key-pair"], cwd=folder, env=environment, check=True, capture_output=True)
    return folder / "cosign.key"


@pytest.fixture
def stack(cluster: Cluster, world: State) -> Iterator[Stack]:
    """A stack that clusters follow in the registry, if one of the keys of a Secret has signed it."""
    name = f"signed-{uuid4().hex[:6]}"
    repository = {"oci": {"url": f"oci://{REGISTRY_HOST}/{name}", "insecure": True}, "charts": False}
    yield Stack(world, name, "chat", repository=repository, flux={"verifySecret": SECRET})
    for each in cluster.objects("kustomization.kustomize.toolkit.fluxcd.io", namespace="flux-system"):
        if each["metadata"]["name"].startswith(name):
            cluster.delete(f"kustomization/{each['metadata']['name']} {FLUX}", within=120)
    cluster.kubectl("delete", "namespace", name, "--ignore-not-found", "--timeout=120s")
    cluster.discard(f"ocirepository/{name} {FLUX}")
    cluster.discard(f"secret/{SECRET} {FLUX}")


def release(stack: Stack, version: str, cosign: Path, key: Path) -> None:
    """As who releases it does."""
    argv = [sys.executable, "-m", "gpuyard", "release", version, str(stack.root), "--sign-key", str(key)]
    environment = {**os.environ, "PATH": f"{cosign.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def start(stack: Stack) -> None:
    """With what releases on both, as a user adds it."""
    for ci in ("github", "gitlab"):
        argv = [sys.executable, "-m", "gpuyard", "init", "--ci", ci, "--with", "release", str(stack.root)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def keyed(cosign: Path, key: Path) -> str:
    """A cosign that signs with a key where it is told to do without."""
    how = f"--key {key} --tlog-upload=false --use-signing-config=false"
    return f'#!/bin/sh\n[ "$1" = sign ] || exec {cosign} "$@"\nshift\nexec {cosign} sign {how} "$@"\n'


def trust(cluster: Cluster, public: Path) -> None:
    """The Secret, by the command that the documentation has."""
    cluster.discard(f"secret/{SECRET} {FLUX}")
    cluster.kubectl(*f"{FLUX} create secret generic {SECRET} --from-file={public}".split())


def verified(stack: Stack, cosign: Path, key: Path) -> dict[str, Any]:
    """What `gpuyard verify` says of the release."""
    argv = [sys.executable, "-m", "gpuyard", "verify", str(stack.root), "--release", "1.0.0", "-o", "json"]
    environment = {**os.environ, "PATH": f"{cosign.parent}{os.pathsep}{os.environ['PATH']}"}
    argv += ["--key", str(key.with_suffix(".pub"))]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def applied(item: Object | None, revision: str) -> bool:
    """At a revision, and all that it has is ready."""
    status = (item or {}).get("status", {})
    return status.get("lastAppliedRevision") == revision and condition(item or {}, "Ready").get("status") == "True"


def moved_on(item: Object | None, before: str) -> bool:
    """To another artifact than that one."""
    return (item or {}).get("status", {}).get("artifact", {}).get("revision", before) != before


def edit(stack: Stack, old: str, new: str) -> None:
    """A line of the blueprint, compiled and pushed."""
    text = stack.read("blueprints/chat.yaml")
    assert old in text
    stack.write("blueprints/chat.yaml", text.replace(old, new))
    assert stack.compile() == ""


def refused(item: Object | None) -> bool:
    """Not ready, for its signature."""
    ready, verified = (condition(item or {}, each) for each in ("Ready", "SourceVerified"))
    return (ready.get("status"), verified.get("status"), verified.get("reason")) == (
        "False",
        "False",
        "VerificationError",
    ) and "failed to verify the signature" in ready["message"]


def test_flux_takes_what_the_key_has_signed_and_nothing_else(
    cluster: Cluster, stack: Stack, cosign: Path, tmp_path: Path
) -> None:
    ours, theirs = key_pair(cosign, tmp_path / "ours"), key_pair(cosign, tmp_path / "theirs")
    source = f"ocirepository/{stack.name} {FLUX}"
    entry = yaml.safe_load_all((stack.entry / "sync.yaml").read_text(encoding="utf-8"))
    (repository,) = (each for each in entry if each["kind"] == "OCIRepository")
    start(stack)
    where = f"{REGISTRY_HOST}/{stack.name}"
    done = by_gitlab(stack.root, "1.0.0", where, f'#!/bin/sh\nexec {cosign} "$@"\n', ours, tmp_path / "gitlab")
    assert done.code == 0, done.log
    trust(cluster, theirs.with_suffix(".pub"))
    cluster.apply(repository)
    seen = cluster.wait(source, refused, within=60)
    assert "artifact" not in seen["status"]

    trust(cluster, ours.with_suffix(".pub"))
    cluster.reconcile(source)
    seen = cluster.wait(source, within=60)
    assert condition(seen, "SourceVerified")["status"] == "True"
    taken = seen["status"]["artifact"]["revision"]
    assert taken.startswith("latest@sha256:")
    assert verified(stack, cosign, ours)["digest"] == taken.partition("@")[2], "it is what the job has pushed"

    cluster.kubectl("apply", "-f", str(stack.entry))
    for name in stack.names():
        cluster.wait(f"kustomization/{name} {FLUX}", lambda item: applied(item, taken), within=180)
    pods = cluster.objects("pod", namespace=stack.namespace, labels={"app.kubernetes.io/component": "server"})
    assert [condition(pod, "Ready")["status"] for pod in pods] == ["True"]

    edit(stack, "contextLength: 16384", "contextLength: 8192")
    ran = by_github(stack.root, "1.1.0", where, keyed(cosign, ours), tmp_path / "github")
    assert not ran.failed, ran.log
    cluster.reconcile(source)
    cluster.wait(source, lambda item: moved_on(item, taken), within=60)
    taken = cluster.wait(source, within=60)["status"]["artifact"]["revision"]
    for name in stack.names():
        cluster.wait(f"kustomization/{name} {FLUX}", lambda item: applied(item, taken), within=180)
    (server,) = cluster.objects("deployment", namespace=stack.namespace)
    assert "8192" in json.dumps(server["spec"]["template"]["spec"]["containers"])

    edit(stack, "max: 1", "max: 2")
    release(stack, "1.2.0", cosign, theirs)
    cluster.reconcile(source)
    seen = cluster.wait(source, refused, within=60)
    assert seen["status"]["artifact"]["revision"] == taken
