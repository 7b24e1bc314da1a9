"""`gpuyard images --lock` against the world's registry: what it stores is locked, and clusters get it pinned."""

import hashlib
import json
import urllib.request
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from click.testing import CliRunner, Result

from gpuyard.cli.main import cli
from gpuyard.doors import registry
from gpuyard.errors import MissingError, ToolError
from tests.cluster.addresses import REGISTRY_HOST
from tests.test_compile import save

INDEX = "application/vnd.oci.image.index.v1+json"
MIRRORS = ("docker.io", "ghcr.io", "quay.io", "registry.k8s.io")


def put(repository: str, tag: str) -> str:
    """Store an index that is only this image's; returns the digest that the registry gives it."""
    body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "annotations": {"name": f"{repository}:{tag}"}}
    data = json.dumps(body).encode()
    address = f"http://{REGISTRY_HOST}/v2/{repository}/manifests/{tag}"
    asked = urllib.request.Request(address, data=data, method="PUT", headers={"Content-Type": INDEX})  # noqa: S310 - as below
    with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - the world's own registry
        digest = str(answer.headers["Docker-Content-Digest"])
    assert digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    return digest


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A stack that pulls everything from the world's registry, which has none of it yet."""
    mirror = f"mirror-{uuid4().hex[:6]}"
    assert run("init", tmp_path / "gitops").exit_code == 0
    file = tmp_path / "gitops/stack.yaml"
    stack = yaml.safe_load(file.read_text(encoding="utf-8"))
    stack["spec"]["images"] = {"mirrors": {host: f"{REGISTRY_HOST}/{mirror}/{host}" for host in MIRRORS}}
    stack["spec"]["policy"] = {"registries": [REGISTRY_HOST]}
    file.write_text(yaml.safe_dump(stack), encoding="utf-8")
    return tmp_path / "gitops"


def test_digest_of_a_real_registry() -> None:
    repository = f"images-{uuid4().hex[:6]}/vllm-openai"
    stored, name = put(repository, "v0.32.0"), f"{REGISTRY_HOST}/{repository}"
    assert registry.digest(name, "v0.32.0", plain=(REGISTRY_HOST,)) == stored
    with pytest.raises(MissingError):
        registry.digest(name, "v0.33.0", plain=(REGISTRY_HOST,))
    # It speaks plain http, and nobody allowed that.
    with pytest.raises(ToolError):
        registry.digest(name, "v0.32.0")


def test_every_image_of_a_stack_is_locked_and_pinned(project: Path) -> None:
    listed = json.loads(run("images", project, "--output", "json").stdout)["images"]
    assert len(listed) > 5
    refused = run("images", project, "--lock", "--insecure", REGISTRY_HOST)
    assert refused.exit_code != 0
    assert not (project / "images.lock").exists(), "half a lock would pin some of what belongs together"

    stored = {}
    for each in listed:
        name, _, tag = each["image"].removeprefix(f"{REGISTRY_HOST}/").rpartition(":")
        stored[each["upstream"]] = put(name, tag)
    result = run("images", project, "--lock", "--insecure", REGISTRY_HOST)
    assert result.exit_code == 0, result.output
    locked = yaml.safe_load((project / "images.lock").read_text(encoding="utf-8"))["images"]
    assert locked == stored
    assert "pinned" not in run("check", project).output

    save(project)
    assert run("compile", project).exit_code == 0
    text = run("render", "chat", project, "--shape", "a10").stdout
    assert all(digest in stored.values() for digest in set(_digests(text)))
    assert _digests(text)


def _digests(text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith(("image:", "- image:"))]
    return [line.rpartition("@")[2].strip("\"'") for line in lines]
