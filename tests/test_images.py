"""`gpuyard images`: what is listed is what is rendered; digests come from the lock, and mirrors hold for both."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gpuyard import images
from gpuyard.chart import shipped_chart
from gpuyard.cli import cli
from gpuyard.digest import input_digest
from gpuyard.helm import Embedded
from gpuyard.load import load, read
from gpuyard.render.kustomize import objects
from gpuyard.resolve import resolve
from tests.fakeregistry import fake_registry

UPSTREAM = "docker.io/vllm/vllm-openai:v0.32.0"
DIGEST = "sha256:" + "ab" * 32
MIRRORS = "  images: {mirrors: {docker.io: registry.example.com/hub}}\n"


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def edit(project: Path, more: str) -> None:
    with (project / "stack.yaml").open("a", encoding="utf-8") as stream:
        stream.write(more)


def lock(project: Path, entries: dict[str, str]) -> None:
    (project / "images.lock").write_text(images.write_lock(entries), encoding="utf-8")


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

    resolved, helm = resolve(load(project)), Embedded(shipped_chart())
    return {image for workload in resolved.workloads for image in found(objects(resolved, workload, helm))}


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("pinned", [False, True])
def test_what_is_listed_is_what_is_rendered(project: Path, mirrored: bool, pinned: bool) -> None:
    if mirrored:
        edit(project, MIRRORS)
    if pinned:
        lock(project, {UPSTREAM: DIGEST})
    wanted = ("registry.example.com/hub" if mirrored else "docker.io") + "/vllm/vllm-openai:v0.32.0"
    wanted += f"@{DIGEST}" if pinned else ""
    data = json.loads(run("images", project, "-o", "json").stdout)
    assert [image["image"] for image in data["images"]] == [wanted]
    assert rendered(project) == {wanted}


def test_charts_are_listed_and_what_isnt_known_is_said(project: Path) -> None:
    result = run("images", project)
    assert f"{UPSTREAM.rpartition(':')[0]}:v0.32.0  none" in result.output
    assert "kube-prometheus-stack" in result.output
    assert "The images of these charts are named by the charts themselves" in result.output


def test_a_tag_alone_is_noted(project: Path) -> None:
    note = f"{UPSTREAM} isn't pinned: no digest with a source is known: tag only; `gpuyard images lock` asks"
    result = run("check", project)
    assert (result.exit_code, note in result.output) == (0, True), result.output
    assert note in json.loads(run("check", project, "-o", "json").stdout)["notes"][0]
    lock(project, {UPSTREAM: DIGEST})
    assert "note:" not in run("check", project).output


def test_a_pin_for_nothing_is_noted(project: Path) -> None:
    lock(project, {UPSTREAM: DIGEST, "docker.io/vllm/vllm-openai:v0.31.0": DIGEST})
    assert "images.lock pins docker.io/vllm/vllm-openai:v0.31.0, which the stack doesn't use" in (
        run("check", project).output
    )


def test_the_lock_is_part_of_the_input(project: Path) -> None:
    before = input_digest(read(project))
    lock(project, {UPSTREAM: DIGEST})
    assert input_digest(read(project)) != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("images: {}\n", "images.lock:1:1: apiVersion is missing; add it"),
        (images.write_lock({UPSTREAM: "sha256:12"}), "must be sha256: and 64 hexadecimal digits"),
        (images.write_lock({"vllm": DIGEST}), "must be an image with its tag"),
    ],
)
def test_a_damaged_lock(project: Path, text: str, message: str) -> None:
    (project / "images.lock").write_text(text, encoding="utf-8")
    result = run("check", project)
    assert (result.exit_code, message in result.output) == (65, True), result.output


def test_a_lock_that_is_a_link_out(project: Path) -> None:
    (project / "images.lock").symlink_to("/etc/passwd")
    result = run("check", project)
    assert (result.exit_code, "is a link that leads out of the directory" in result.output) == (65, True)


def test_lock_asks_the_mirror_and_pins_what_compile_emits(project: Path) -> None:
    with fake_registry() as fake:
        edit(project, f'  images: {{mirrors: {{docker.io: "{fake.host}/hub"}}}}\n')
        digest = fake.put("hub/vllm/vllm-openai", "v0.32.0")
        first = run("images", "lock", project)
        assert first.exit_code == 0, first.output
        assert f"{UPSTREAM}: {digest}\n" in first.output
        written = (project / "images.lock").read_text(encoding="utf-8")
        assert written.endswith(f"images:\n  {UPSTREAM}: {digest}\n")
        assert run("images", "lock", project).output == f"up to date: {project / 'images.lock'}\n"
        assert rendered(project) == {f"{fake.host}/hub/vllm/vllm-openai:v0.32.0@{digest}"}
        # A tag that has moved: the change is shown.
        moved = fake.put("hub/vllm/vllm-openai", "v0.32.0", b'{"schemaVersion": 2}')
        assert f"{UPSTREAM}: {moved} (was {digest})" in run("images", "lock", project).output
    assert [path.name for path in project.iterdir() if path.name.startswith("tmp")] == []


def test_a_registry_that_fails_leaves_the_lock_alone(project: Path) -> None:
    lock(project, {UPSTREAM: DIGEST})
    before = (project / "images.lock").read_text(encoding="utf-8")
    with fake_registry() as fake:
        edit(project, f'  images: {{mirrors: {{docker.io: "{fake.host}"}}}}\n')
        result = run("images", "lock", project)
    assert result.exit_code == 66, result.output
    assert (project / "images.lock").read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("name", "pulled"),
    [
        ("docker.io/vllm/vllm-openai", "b.example/x/vllm-openai"),
        ("docker.io/vllmx/a", "a.example/vllmx/a"),
        ("ghcr.io/vllm/a", "ghcr.io/vllm/a"),
        ("docker.io.example/vllm/a", "docker.io.example/vllm/a"),
    ],
)
def test_the_longest_mirror_decides(name: str, pulled: str) -> None:
    assert images.mirrored(name, {"docker.io": "a.example", "docker.io/vllm": "b.example/x"}) == pulled


def test_catalogue_has_a_line_for_every_known_vllm() -> None:
    from gpuyard.vllm import versions

    for version in versions():
        image = images.image("docker.io/vllm/vllm-openai", f"v{version}", mirrors={}, locked={})
        assert image.digest or image.reason == "no digest with a source is known: tag only"
