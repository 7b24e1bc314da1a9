"""A release that a key signed: Flux syncs it in the place of Git, and takes nothing that somebody else signed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
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

FLUX = "-n flux-system"
SECRET = "signers"  # noqa: S105 # its name

pytestmark = pytest.mark.skipif(
    programs.missing("cosign"), reason="no cosign; `python -m tests.cluster.programs --group release` builds it"
)


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
    cluster.discard(f"ocirepository/{name} {FLUX}")
    cluster.discard(f"secret/{SECRET} {FLUX}")


def release(stack: Stack, version: str, cosign: Path, key: Path) -> None:
    """As who releases it does."""
    argv = [sys.executable, "-m", "gpuyard", "release", version, str(stack.root), "--sign-key", str(key)]
    environment = {**os.environ, "PATH": f"{cosign.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def trust(cluster: Cluster, public: Path) -> None:
    """The Secret, by the command that the documentation has."""
    cluster.discard(f"secret/{SECRET} {FLUX}")
    cluster.kubectl(*f"{FLUX} create secret generic {SECRET} --from-file={public}".split())


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
    release(stack, "1.0.0", cosign, ours)
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

    stack.write("blueprints/chat.yaml", stack.read("blueprints/chat.yaml").replace("max: 1", "max: 2"))
    assert stack.compile() == ""
    release(stack, "1.1.0", cosign, theirs)
    cluster.reconcile(source)
    seen = cluster.wait(source, refused, within=60)
    assert seen["status"]["artifact"]["revision"] == taken
