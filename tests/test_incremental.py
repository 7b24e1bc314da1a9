"""A compile that remembers: the same bytes in less time, and nothing is taken that another input gave."""

import dataclasses
import importlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.commit.digest import own_digest
from gpuyard.doors.cache import NOTHING, Disk
from gpuyard.doors.helm import Binary, Embedded, Helm
from gpuyard.errors import InputError
from gpuyard.pipeline import remembered
from gpuyard.project.load import parse
from gpuyard.render import render
from gpuyard.resolve import Resolved, resolve
from gpuyard.tree import Tree
from tests.conftest import demo_sources
from tests.test_compile import git, lower_context, run, save


class Counting:
    """Helm, and whose values it rendered."""

    def __init__(self, helm: Helm) -> None:
        self.helm, self.rendered = helm, list[str]()

    def render(self, chart: str, values: Mapping[str, Any], *, release: str, namespace: str) -> list[dict[str, Any]]:
        raise AssertionError("one by one")

    def render_all(
        self, chart: str, several: Sequence[Mapping[str, Any]], *, release: str, namespace: str
    ) -> list[list[dict[str, Any]]]:
        self.rendered += [values["model"]["servedName"] for values in several]
        return self.helm.render_all(chart, several, release=release, namespace=namespace)

    def identity(self, chart: str) -> str:
        return self.helm.identity(chart)


@pytest.fixture
def cache(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "cache", own_digest())


@pytest.fixture
def helm() -> Counting:
    return Counting(Embedded(shipped_charts()))


def tree(resolved: Resolved, helm: Helm, cache: Disk) -> Tree:
    return render(resolved, shipped_charts(), helm, cache)


def edited(old: str, new: str, file: str = "blueprints/chat.yaml") -> Resolved:
    sources = demo_sources()
    assert old in sources[file].decode()
    return resolve(parse({**sources, file: sources[file].replace(old.encode(), new.encode(), 1)}))


def test_the_second_time_helm_renders_nothing_and_the_bytes_are_the_same(
    demo: Resolved, demo_tree: Tree, helm: Counting, cache: Disk
) -> None:
    assert tree(demo, helm, cache) == demo_tree
    assert len(helm.rendered) == len(demo.workloads)
    helm.rendered.clear()
    again = tree(demo, helm, cache)
    assert helm.rendered == []
    assert again == demo_tree
    assert list(again) == list(demo_tree)


@pytest.mark.parametrize("place", ["contextLength: 16384", "concurrency: 32"])
def test_only_the_changed_blueprint_is_rendered(place: str, demo: Resolved, helm: Counting, cache: Disk) -> None:
    tree(demo, helm, cache)
    helm.rendered.clear()
    changed = edited(place, place[:-2] + "16")
    found = tree(changed, helm, cache)
    assert set(helm.rendered) == {"chat"}
    assert found == render(changed, shipped_charts(), helm)


def test_a_change_of_the_stack_renders_what_it_is_about(demo: Resolved, helm: Counting, cache: Disk) -> None:
    tree(demo, helm, cache)
    changed = edited("name: demo", "name: other", "stack.yaml")
    helm.rendered.clear()
    assert tree(changed, helm, cache) == render(changed, shipped_charts(), Embedded(shipped_charts()))
    assert len(helm.rendered) == len(demo.workloads)  # a label of every object


@pytest.mark.parametrize("file", ["templates/service.yaml", "values.yaml", "values.schema.json", "files/test.py"])
def test_another_chart_is_rendered_anew(file: str, demo: Resolved, helm: Counting, cache: Disk) -> None:
    tree(demo, helm, cache)
    chart = shipped_charts()["vllm"]
    other = Counting(Embedded({"vllm": {**chart, PurePosixPath(file): chart[PurePosixPath(file)] + "\n"}}))
    tree(demo, other, cache)
    assert len(other.rendered) == len(demo.workloads)


def test_another_gpuyard_renders_anew(demo: Resolved, helm: Counting, cache: Disk, tmp_path: Path) -> None:
    tree(demo, helm, cache)
    helm.rendered.clear()
    tree(demo, helm, Disk(tmp_path / "cache", "of another version"))
    assert len(helm.rendered) == len(demo.workloads)


def test_another_helm_renders_anew(tmp_path: Path) -> None:
    programs = [tmp_path / "one", tmp_path / "two"]
    for number, program in enumerate(programs):
        program.write_bytes(bytes(number))
    identities = {Binary(shipped_charts(), program).identity("vllm") for program in programs}
    assert len({*identities, Embedded(shipped_charts()).identity("vllm")}) == 3


def test_what_one_blueprint_has_is_not_another_s(demo: Resolved, helm: Counting, cache: Disk) -> None:
    """The same values under another name, on another shape or in another namespace."""
    first = demo.workloads[0]
    shape = next(each.shape for each in demo.workloads if each.shape != first.shape)
    one = dataclasses.replace(demo, workloads=(first,))
    tree(one, helm, cache)
    for other in (
        *(
            dataclasses.replace(one, workloads=(dataclasses.replace(first, **change),))
            for change in ({"name": "other"}, {"shape": shape})
        ),
        dataclasses.replace(one, stack=dataclasses.replace(demo.stack, namespace="elsewhere")),
    ):
        helm.rendered.clear()
        assert tree(other, helm, cache) == render(other, shipped_charts(), Embedded(shipped_charts()))
        assert len(helm.rendered) == 1


@pytest.mark.parametrize("where", ["gpuyard.render.kustomize.blueprint", "gpuyard.render.layers.files"])
def test_a_patch_that_matches_nothing_is_never_remembered(
    where: str, demo: Resolved, helm: Counting, cache: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it comes from; what is known is not looked at again, so nothing is known that was refused."""
    module, _, name = where.rpartition(".")
    real = getattr(importlib.import_module(module), name)
    lost = {PurePosixPath("overlays/a10/chat/kustomization.yaml"): "patches:\n- path: gone.yaml\n"}
    lost[PurePosixPath("platform/lost/kustomization.yaml")] = "kind: Kustomization\npatches:\n- path: gone.yaml\n"
    monkeypatch.setattr(where, lambda *args: {**real(*args), **lost})
    for _ in range(2):
        with pytest.raises(InputError, match="matches no object below it"):
            tree(demo, helm, cache)


def test_files_are_read_once(cache: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = parse(demo_sources(), cache=cache)
    monkeypatch.setattr("gpuyard.doors.yamlio.read", None)
    again = parse(demo_sources(), cache=cache)
    assert again == first == again
    assert again.at("blueprints/chat.yaml", "spec", "serving") == first.at("blueprints/chat.yaml", "spec", "serving")


def test_a_changed_file_is_read_and_checked(cache: Disk) -> None:
    sources = demo_sources()
    parse(sources, cache=cache)
    bad = {
        **sources,
        "blueprints/chat.yaml": sources["blueprints/chat.yaml"].replace(b"contextLength", b"contextLenght"),
    }
    for _ in range(2):  # what is wrong is not remembered as right
        (problem,) = parse(bad, cache=cache).problems
        assert "did you mean contextLength?" in problem.message


def test_what_is_wrong_between_files_is_found_again(cache: Disk) -> None:
    sources = demo_sources()
    twice = {**sources, "blueprints/second.yaml": sources["blueprints/chat.yaml"]}
    first = parse(twice, cache=cache)
    assert first.problems
    assert parse(twice, cache=cache).problems == first.problems


def test_a_file_of_another_name_is_read(cache: Disk) -> None:
    """A blueprint's bytes in a sub-folder are no blueprint."""
    sources = demo_sources()
    parse(sources, cache=cache)
    moved = {**sources, "blueprints/sub/chat.yaml": sources["blueprints/chat.yaml"]}
    assert "sub-folders" in parse(moved, cache=cache).problems[0].message


@pytest.fixture
def repository(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where `gpuyard compile` remembers."""
    monkeypatch.delenv("GPUYARD_COMPILE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    subprocess.run(["git", "init", "-q", "-b", "main", str(project)], check=True)
    save(project, "sources")
    yield project


def committed(repository: Path) -> str:
    return git(repository, "rev-parse", "main^{tree}")


def test_compile_commits_the_same_with_and_without(repository: Path, tmp_path: Path) -> None:
    trees = []
    for name, env in (("cold", {}), ("warm", {}), ("off", {"GPUYARD_COMPILE_CACHE": "off"})):
        copy = tmp_path / name
        subprocess.run(["git", "clone", "-q", str(repository), str(copy)], check=True)
        result = run("compile", copy, env=env)
        assert result.exit_code == 0, result.output
        trees.append(committed(copy))
    assert len(set(trees)) == 1
    assert os.listdir(tmp_path / "xdg/gpuyard") == ["answers.sqlite"]  # noqa: PTH208 - names only


def test_check_takes_nobody_s_word_for_it(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("compile", repository).exit_code == 0
    monkeypatch.setattr("gpuyard.pipeline.open_cache", None)
    assert run("compile", repository, "--check").exit_code == 0


def test_a_change_is_compiled_and_not_what_was_remembered(repository: Path, tmp_path: Path) -> None:
    assert run("compile", repository).exit_code == 0
    subprocess.run(["git", "clone", "-q", str(repository), str(tmp_path / "off")], check=True)
    trees = {committed(repository)}
    for place, env in ((repository, {}), (tmp_path / "off", {"GPUYARD_COMPILE_CACHE": "off"})):
        lower_context(place)
        save(place)
        assert run("compile", place, env=env).exit_code == 0
        trees.add(committed(place))
    assert len(trees) == 2


def test_switched_off_it_remembers_nothing() -> None:
    assert remembered() is NOTHING
