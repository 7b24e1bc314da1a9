"""`gpuyard images`: what is listed is what is rendered; digests come from the lock, and mirrors hold for both."""

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gpuyard.catalogue import datafiles, images
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.cli.main import cli
from gpuyard.commit.digest import input_digest
from gpuyard.doors.helm import Embedded
from gpuyard.project.imageslock import write_images_lock
from gpuyard.project.load import load
from gpuyard.project.userfiles import read
from gpuyard.render.kustomize import objects
from gpuyard.resolve import resolve
from tests.fakeregistry import FakeRegistry, fake_registry

UPSTREAM = "docker.io/vllm/vllm-openai:v0.32.0"
DIGEST = "sha256:" + "ab" * 32
REGISTRIES = ("docker.io", "ghcr.io", "quay.io", "registry.k8s.io")


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def edit(project: Path, more: str) -> None:
    with (project / "stack.yaml").open("a", encoding="utf-8") as stream:
        stream.write(more)


def mirror(project: Path, to: str, *registries: str) -> None:
    """Everything of these registries (docker.io) comes from there, and may."""
    names = ", ".join(f'{name}: "{to}"' for name in registries or ("docker.io",))
    edit(project, f'  images: {{mirrors: {{{names}}}}}\n  policy: {{registries: ["{to.partition("/")[0]}"]}}\n')


def known(project: Path) -> list[str]:
    """Every image of the stack."""
    return [image.upstream for image in resolve(load(project)).images]


def filled(fake: FakeRegistry, project: Path) -> dict[str, str]:
    """Digest by image, once the registry has all of them under hub/."""
    digests = {}
    for name in known(project):
        repository, _, tag = name.rpartition(":")
        digests[name] = fake.put(f"hub/{repository.partition('/')[2]}", tag, f'{{"of":"{name}"}}'.encode())
    return digests


def lock(project: Path, entries: dict[str, str]) -> None:
    (project / "images.lock").write_text(write_images_lock(entries), encoding="utf-8")


def rendered(project: Path) -> set[str]:
    """Every image of every object."""

    def found(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                if key == "image" and isinstance(value, str):
                    yield value
                else:
                    yield from found(value)
        elif isinstance(node, list):
            for value in node:
                yield from found(value)

    resolved, helm = resolve(load(project)), Embedded(shipped_charts())
    return {image for workload in resolved.workloads for image in found(objects(resolved, workload, helm))}


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("pinned", [False, True])
def test_what_is_listed_is_what_is_rendered(project: Path, mirrored: bool, pinned: bool) -> None:
    if mirrored:
        mirror(project, "registry.example.com/hub")
    if pinned:
        lock(project, {UPSTREAM: DIGEST})
    wanted = ("registry.example.com/hub" if mirrored else "docker.io") + "/vllm/vllm-openai:v0.32.0"
    wanted += f"@{DIGEST}" if pinned else ""
    data = json.loads(run("images", project, "-o", "json").stdout)
    assert [image["image"] for image in data["images"] if image["chart"] is None] == [wanted]
    assert rendered(project) == {wanted}


def test_images_and_charts_as_text(project: Path) -> None:
    lines = [line.split() for line in run("images", project).output.splitlines()]
    assert lines[0] == ["IMAGE", "DIGEST", "MIRROR", "OF"]
    assert lines[1][:5] == [UPSTREAM, "none", "none", "model", "servers,"]
    assert ["ghcr.io/kedacore/keda:2.20.2", "none", "none", "keda", "2.20.2"] in lines
    assert ["kube-prometheus-stack", "88.5.3", "oci://ghcr.io/prometheus-community/charts"] in lines
    mirror(project, "registry.example.com/hub", "ghcr.io", "docker.io")
    lines = [line.split() for line in run("images", project).output.splitlines()]
    assert lines[1][2] == "registry.example.com/hub/vllm/vllm-openai"
    assert ["ghcr.io/kedacore/keda:2.20.2", "none", "registry.example.com/hub/kedacore/keda", "keda", "2.20.2"] in lines


def test_a_tag_alone_is_noted(project: Path) -> None:
    note = f"{UPSTREAM} is not pinned: gpuyard's catalogue has no digest for it; `gpuyard images --lock` asks"
    result = run("check", project)
    assert (result.exit_code, note in result.output) == (0, True), result.output
    assert note in json.loads(run("check", project, "-o", "json").stdout)["notes"][0]
    platform = "10 of 10 platform images are pinned by tag only; `gpuyard images --lock` asks"
    assert platform in result.output
    lock(project, {UPSTREAM: DIGEST, "ghcr.io/kedacore/keda:2.20.2": DIGEST})
    result = run("check", project)
    assert (note in result.output, "9 of 10 platform images" in result.output) == (False, True)
    lock(project, dict.fromkeys(known(project), DIGEST))
    assert "pinned" not in run("check", project).output


def test_a_pin_for_nothing_is_noted(project: Path) -> None:
    lock(project, {UPSTREAM: DIGEST, "docker.io/vllm/vllm-openai:v0.31.0": DIGEST})
    assert "images.lock pins docker.io/vllm/vllm-openai:v0.31.0, which the stack does not use" in (
        run("check", project).output
    )


def test_the_lock_is_part_of_the_input(project: Path) -> None:
    before = input_digest(read(project)[0])
    lock(project, {UPSTREAM: DIGEST})
    assert input_digest(read(project)[0]) != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("images: {}\n", "images.lock:1:1: apiVersion is missing; add it"),
        (write_images_lock({UPSTREAM: "sha256:12"}), "must be sha256: and 64 hexadecimal digits"),
        (write_images_lock({"vllm": DIGEST}), "must be an image with its tag"),
    ],
)
def test_a_damaged_lock(project: Path, text: str, message: str) -> None:
    (project / "images.lock").write_text(text, encoding="utf-8")
    result = run("check", project)
    assert (result.exit_code, message in result.output) == (65, True), result.output


def test_a_lock_that_is_a_link_out(project: Path) -> None:
    (project / "images.lock").symlink_to("/etc/passwd")
    result = run("check", project)
    assert (result.exit_code, "images.lock: is a symbolic link" in result.output) == (65, True)


def test_lock_asks_the_mirrors_and_pins_what_compile_emits(project: Path) -> None:
    with fake_registry() as fake:
        mirror(project, f"{fake.host}/hub", *REGISTRIES)
        digests = filled(fake, project)
        assert len(digests) == 11
        first = run("images", project, "--lock")
        assert first.exit_code == 0, first.output
        for name, digest in digests.items():
            assert f"{name}: {digest}\n" in first.output
        assert load(project).digests == digests
        assert run("images", project, "--lock").output == f"up to date: {project / 'images.lock'}\n"
        pinned = f"{fake.host}/hub/vllm/vllm-openai:v0.32.0@{digests[UPSTREAM]}"
        assert rendered(project) == {pinned}
        data = json.loads(run("images", project, "-o", "json").stdout)["images"]
        assert {image["upstream"]: image["digest"] for image in data} == digests
        assert all(image["image"].startswith(f"{fake.host}/hub/") for image in data)
        # A tag that has moved: the change is shown.
        moved = fake.put("hub/vllm/vllm-openai", "v0.32.0", b'{"schemaVersion": 2}')
        assert f"{UPSTREAM}: {moved} (was {digests[UPSTREAM]})" in run("images", project, "--lock").output
    assert [path.name for path in project.iterdir() if path.name.startswith("tmp")] == []


def test_lock_for_a_machine_says_what_a_listing_says_afterwards(project: Path) -> None:
    with fake_registry() as fake:
        mirror(project, f"{fake.host}/hub", *REGISTRIES)
        digests = filled(fake, project)
        data = json.loads(run("images", project, "--lock", "-o", "json").stdout)
    assert {image["upstream"]: image["digest"] for image in data["images"]} == digests
    assert data == json.loads(run("images", project, "-o", "json").stdout)


def test_a_folder_called_lock_is_listed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project.rename(project.parent / "lock")
    monkeypatch.chdir(project.parent)
    result = run("images", "lock")
    assert (result.exit_code, result.output.startswith("IMAGE")) == (0, True)
    assert not (project.parent / "lock" / "images.lock").exists()


def test_a_registry_over_plain_http_is_for_the_lock(project: Path) -> None:
    result = run("images", project, "--insecure", "registry.example.com")
    assert (result.exit_code, "--insecure only applies with --lock" in result.output) == (2, True)


def test_what_a_mirror_lacks_is_said_at_once_and_leaves_the_lock_alone(project: Path) -> None:
    lock(project, {UPSTREAM: DIGEST})
    before = (project / "images.lock").read_text(encoding="utf-8")
    with fake_registry() as fake:
        mirror(project, f"{fake.host}/hub", *REGISTRIES)
        filled(fake, project)
        del fake.manifests["/v2/hub/vllm/vllm-openai/manifests/v0.32.0"]
        del fake.manifests["/v2/hub/thanos/thanos/manifests/v0.42.4"]
        result = run("images", project, "--lock")
    assert result.exit_code == 66, result.output
    for missing in ("vllm/vllm-openai:v0.32.0", "thanos/thanos:v0.42.4"):
        assert f"{fake.host}/hub/{missing}: not found in the registry\n" in result.output
    assert (project / "images.lock").read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("name", "pulled", "by"),
    [
        ("docker.io/vllm/vllm-openai", "b.example/x/vllm-openai", "docker.io/vllm"),
        ("docker.io/vllmx/a", "a.example/vllmx/a", "docker.io"),
        ("ghcr.io/vllm/a", "ghcr.io/vllm/a", ""),
        ("docker.io.example/vllm/a", "docker.io.example/vllm/a", ""),
    ],
)
def test_the_longest_mirror_decides(name: str, pulled: str, by: str) -> None:
    assert images.mirrored(name, {"docker.io": "a.example", "docker.io/vllm": "b.example/x"}) == (pulled, by)


def test_catalogue_has_a_line_for_every_known_vllm() -> None:
    from gpuyard.catalogue.vllm import versions

    lines = datafiles.read(resources.files("gpuyard") / "catalogue" / "images.yaml", "images")["images"]
    named = {(line["repository"], line["tag"]) for line in lines}
    for version in versions():
        image = images.image("docker.io/vllm/vllm-openai", f"v{version}", mirrors={}, locked={})
        assert (image.repository, image.tag) in named
        assert image.digest or image.reason == "gpuyard's catalogue has no digest for it"
