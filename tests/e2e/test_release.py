"""A release that a key signed: Flux syncs it in the place of Git, and takes nothing that somebody else signed.

The first is made by the job that `gpuyard init --ci gitlab --with release` writes: its own script, from a clone by the
tag to a Flux that runs it. Only the download of cosign is a stand-in, and what compares its digest: it is built here.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

import pytest
import yaml

from gpuyard.project.ci import Ci, Extra, Pipeline, pipeline_files
from tests.cluster import programs
from tests.cluster.addresses import REGISTRY_HOST
from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.conditions import condition
from tests.cluster.state import State
from tests.e2e.stacks import Stack
from tests.e2e.test_stacks import monitors
from tests.gitlabjobs import check_out, jobs, pipeline, run_script
from tests.workflows import Job, console, program

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


def release_by_job(stack: Stack, version: str, cosign: Path, key: Path, folder: Path) -> None:
    """As the pipeline of a tag does it."""
    files = {str(path): text for path, text in pipeline_files(
        Pipeline(Ci.GITLAB, frozenset({Extra.RELEASE})), PurePosixPath(), "main").items()}  # fmt: skip
    stack.repo.git("tag", f"v{version}")
    job = Job(folder)
    tag = f"+refs/tags/v{version}:refs/tags/v{version}"
    check_out(job, stack.root, stack.repo.head, tag)
    console(job)
    program(job, "pip", "#!/bin/sh\n")
    program(job, "curl", f'#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done\ncp {cosign} "$2"\n')
    program(job, "sha256sum", "#!/bin/sh\ncat > /dev/null\n")
    variables = {
        "CI_COMMIT_TAG": f"v{version}",
        "CI_COMMIT_REF_PROTECTED": "true",
        "CI_REGISTRY": REGISTRY_HOST,
        "CI_REGISTRY_IMAGE": f"{REGISTRY_HOST}/{stack.name}",
        "CI_REGISTRY_USER": "gitlab-ci-token",
        "CI_REGISTRY_PASSWORD": "unused",
        "COSIGN_KEY": str(key),
        "COSIGN_PASSWORD": "",
    }
    (name,) = pipeline(files, variables)
    done = run_script(jobs(files)[name], job, variables)
    assert done.code == 0, done.log


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
    release_by_job(stack, "1.0.0", cosign, ours, tmp_path / "runner")
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

    stack.write("blueprints/chat.yaml", stack.read("blueprints/chat.yaml").replace("max: 1", "max: 2"))
    assert stack.compile() == ""
    release(stack, "1.1.0", cosign, theirs)
    cluster.reconcile(source)
    seen = cluster.wait(source, refused, within=60)
    assert seen["status"]["artifact"]["revision"] == taken
