"""Images that registries do not have: `diff --registries` asks for those that a merge brings, and for no other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpuyard.doors import registry
from gpuyard.errors import MissingError
from gpuyard.review.podspecs import images_of
from tests.fakeregistry import FakeRegistry, fake_registry
from tests.gittools import isolate
from tests.test_compile import run, save
from tests.test_diff import data
from tests.test_told import CONTEXT, edit, repository

__all__ = ["repository"]

VERSION = "v0.33.0"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path / "home")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))  # whoever runs the tests may be logged in


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with fake_registry() as found:
        yield found


def own_image(root: Path, fake: FakeRegistry) -> str:
    edit(root, {"spec": {"policy": {"registries": ["docker.io", fake.host]}}}, "stack.yaml")
    edit(root, {"spec": {"vllm": {"image": f"{fake.host}/acme/vllm", "version": VERSION.removeprefix("v")}}})
    return f"{fake.host}/acme/vllm:{VERSION}"


def test_an_image_that_is_not_there_is_a_danger(repository: Path, fake: FakeRegistry) -> None:
    image = own_image(repository, fake)
    found = data(repository, "--registries")
    (told,) = [each for each in found["dangers"] if each["id"] == "image-absent"]
    assert told["detail"] == f"{image}: not found in the registry"
    assert (told["blueprint"], told["clusters"]) == ("chat", ["phx"])
    assert run("diff", repository, "--registries", "--exit-code").exit_code == 81
    assert {path for path, _ in fake.seen} == {f"/v2/acme/vllm/manifests/{VERSION}"}


def test_one_that_is_there_is_none(repository: Path, fake: FakeRegistry) -> None:
    own_image(repository, fake)
    fake.put("acme/vllm", VERSION)
    found = data(repository, "--registries")
    assert "image-absent" not in {each["id"] for each in found["dangers"]}
    assert not any("is not known" in note for note in found["notes"])


def test_nobody_is_asked_unless_it_is_wanted(repository: Path, fake: FakeRegistry) -> None:
    own_image(repository, fake)
    assert "image-absent" not in {each["id"] for each in data(repository)["dangers"]}
    assert fake.seen == []


def test_what_was_there_before_is_not_asked_for(repository: Path, fake: FakeRegistry) -> None:
    own_image(repository, fake)
    save(repository, "an image of our own")
    assert run("compile", repository).exit_code == 0
    edit(repository, CONTEXT)
    assert data(repository, "--registries")["changed"]
    assert fake.seen == []


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_registry_that_does_not_tell_is_a_note(status: int, repository: Path, fake: FakeRegistry) -> None:
    image, fake.status = own_image(repository, fake), status
    found = data(repository, "--registries")
    assert [note for note in found["notes"] if note.startswith(f"whether there is {image} is not known: {image}: ")]
    assert "image-absent" not in {each["id"] for each in found["dangers"]}
    assert run("diff", repository, "--registries").exit_code == 0


@pytest.mark.parametrize(
    ("image", "there"),
    [
        ("a/b:v1", True),
        ("a/b", False),
        ("a/b:v1@{digest}", True),
        ("a/b@{digest}", True),
        ("a/b:v1@sha256:" + "0" * 64, False),
        ("a/b:v2", False),
    ],
)
def test_an_image_is_looked_for_as_a_node_would(image: str, there: bool, fake: FakeRegistry) -> None:
    digest = fake.put("a/b", "v1")
    fake.put("a/b", digest)
    named = f"{fake.host}/{image.format(digest=digest)}"
    if there:
        registry.look_for(named)
    else:
        with pytest.raises(MissingError, match=r"/a/b[:@][^/]* not found in the registry"):
            registry.look_for(named)


@pytest.mark.parametrize(
    ("pod", "images"),
    [
        ({"containers": [{"image": "a"}], "initContainers": [{"image": "b"}]}, {"a", "b"}),
        ({"containers": [], "volumes": [{"image": {"reference": "c"}}, {"image": {}}, {"name": "d"}]}, {"c"}),
        ({"containers": ["a", {"image": "b"}, None], "volumes": ["c", {"image": "d"}]}, {"b"}),
        ({"containers": [], "volumes": 7}, set()),
    ],
)
def test_images_of_what_authors_write(pod: dict[str, Any], images: set[str]) -> None:
    """An object of an odd form is told elsewhere, and ends in no traceback here."""
    assert {*images_of({"kind": "Deployment", "spec": {"template": {"spec": pod}}})} == images
