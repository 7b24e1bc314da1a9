"""`gpuyard images lock` against the world's registry: what it stores is what we compute."""

import hashlib
import urllib.request

import pytest

from gpuyard import registry
from gpuyard.errors import MissingError, ToolError
from tests.cluster.addresses import REGISTRY_HOST

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'


def test_digest_of_a_real_registry() -> None:
    name = f"{REGISTRY_HOST}/images/vllm-openai"
    put = urllib.request.Request(
        f"http://{REGISTRY_HOST}/v2/images/vllm-openai/manifests/v0.32.0",
        data=MANIFEST,
        method="PUT",
        headers={"Content-Type": INDEX},
    )
    with urllib.request.urlopen(put, timeout=10) as answer:  # noqa: S310 - the world's own registry
        stored = answer.headers["Docker-Content-Digest"]
    assert stored == f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"
    assert registry.digest(name, "v0.32.0", plain=(REGISTRY_HOST,)) == stored
    with pytest.raises(MissingError):
        registry.digest(name, "v0.33.0", plain=(REGISTRY_HOST,))
    # It speaks plain http, and nobody allowed that.
    with pytest.raises(ToolError):
        registry.digest(name, "v0.32.0")
