"""A second kind of workload costs its two modules, its schema and its chart; those of this toy are the test's."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.cli.main import cli
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.doors.schema import structured
from gpuyard.errors import InputError
from gpuyard.project import blueprint as project
from gpuyard.project import formats
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.load import parse
from gpuyard.project.parts import Unique
from gpuyard.project.placing import Placing
from gpuyard.render import render
from gpuyard.resolve import kinds, resolve
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Site
from gpuyard.resolve.workload import Fact, KeyUse, Needs, Refusal, Workload
from gpuyard.tree import Tree, owner
from tests.projects import Values, sources

# --- project/kinds/toy.py and its schema ----------------------------------------------------------------------

SCHEMA = {
    "spec": {
        "type": "object",
        "description": "The workload.",
        "additionalProperties": False,
        "required": ["command"],
        "properties": {
            "command": {"$ref": "#/$defs/command"},
            "gpus": {"type": "integer", "minimum": 1, "default": 2, "description": "Of the Job."},
        },
    },
    "$defs": {"command": {"type": "string", "description": "What runs."}},
}


@dataclass(frozen=True, slots=True)
class Toy:
    type: str
    command: str
    gpus: int

    def unique(self) -> Iterator[Unique]:
        yield Unique("command", self.command, ("spec", "command"), "{other} runs it already")

    def brought(self) -> tuple[()]:
        return ()

    def placed(self, own: Placing) -> "Toy":
        return self


# --- resolve/toy/ ---------------------------------------------------------------------------------------------


def workloads(blueprint: Blueprint[Toy], site: Site, problems: Problems) -> Iterator[Workload | Refusal]:
    if blueprint.spec.command == "rm":
        problems.add(blueprint.file, ("spec", "command"), "rm is not run here")
    for shape, nodes in site.available.values():
        if blueprint.spec.gpus > nodes[-1].gpus:
            yield Refusal(blueprint.name, shape.name, f"{blueprint.spec.gpus} GPUs are too many")
            continue
        yield Workload(
            name=blueprint.name,
            file=blueprint.file,
            kind=blueprint.kind,
            description=blueprint.description,
            shape=shape,
            nodes=tuple(node.name for node in nodes),
            gpus=blueprint.spec.gpus,
            gpu_resource="nvidia.com/gpu",
            max_replicas=1,
            surge=0,
            away=0,
            unsafe={},
            sync_timeout=600,
            image=site.image("docker.io/acme/toy", "1"),
            first=None,
            chart="toy",
            values={"name": blueprint.name, "command": blueprint.spec.command, "label": shape.name},
            needs=Needs(keys=(KeyUse("toy-token", "token", f"{blueprint.name}: playing"),)),
            volumes=(),
            reach=None,
            health=(),
            facts={"command": Fact(blueprint.spec.command, f"runs {blueprint.spec.command}")},
            notes=(f"{blueprint.file}: a toy",),
        )


def notes(blueprint: Blueprint[Toy], site: Site) -> Iterator[str]:
    yield f"{blueprint.file}: toys are for {site.stack.name} too"


# --- charts/toy/ ----------------------------------------------------------------------------------------------

CHART = {
    PurePosixPath("Chart.yaml"): "apiVersion: v2\nname: toy\nversion: 1.2.3\n",
    PurePosixPath("values.yaml"): "name: toy\ncommand: ''\nlabel: ''\n",
    PurePosixPath("templates/job.yaml"): (
        "apiVersion: batch/v1\nkind: Job\nspec: {command: {{ .Values.command }}}\nmetadata:\n"
        "  name: {{ .Values.name }}\n  namespace: {{ .Release.Namespace }}\n  labels: {shape: {{ .Values.label }}}\n"
    ),
}
CHARTS = {**shipped_charts(), "toy": CHART}


# --- a line in each of two dicts ------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    file = tmp_path / "toy.schema.json"
    file.write_text(json.dumps(SCHEMA), encoding="utf-8")

    def read(spec: Mapping[str, Any], name: str) -> Toy:
        return structured(spec, Toy)

    monkeypatch.setitem(project.KINDS, "toy", SimpleNamespace(SCHEMA=file, parse=read))  # type: ignore[arg-type] - a dict
    monkeypatch.setitem(kinds.KINDS, "toy", SimpleNamespace(workloads=workloads, notes=notes))  # type: ignore[arg-type] - a dict
    caches = (formats.schema, formats._of_kind)
    for each in caches:
        each.cache_clear()
    yield
    for each in caches:
        each.cache_clear()


def both(spec: Values) -> dict[str, bytes]:
    """The files of other tests, and a blueprint of the toy."""
    toy = {
        "apiVersion": "gpuyard.dev/v1alpha1",
        "kind": "Blueprint",
        "metadata": {"name": "top", "description": "Spins."},
        "spec": {"type": "toy", **spec},
    }
    return {**sources({"clientNamespaces": ["apps"]}), "blueprints/top.yaml": yamlio.dump(toy).encode()}


def compiled(files: Mapping[str, bytes]) -> Tree:
    return render(resolve(parse(files)), CHARTS, Embedded(CHARTS))


def test_it_has_objects_and_everything_around_them() -> None:
    tree = compiled(both({"command": "spin"}))
    only = {path for path in tree if {"top", "toy"} & {*path.parts, path.stem}}
    assert sorted(map(str, only)) == [
        "base/top/job.yaml",
        "base/top/kustomization.yaml",
        "charts/inference/charts/toy/Chart.yaml",
        "charts/inference/charts/toy/templates/_job.yaml",
        "charts/inference/charts/toy/values.yaml",
        "charts/inference/servers/toy/a10/top.yaml",
        "charts/inference/servers/toy/h100/top.yaml",
        "charts/inference/templates/toy.yaml",
        "overlays/a10/top/job.yaml",
        "overlays/a10/top/kustomization.yaml",
        "overlays/h100/top/job.yaml",
        "overlays/h100/top/kustomization.yaml",
        "workloads/top.md",
    ]
    (base,) = yamlio.parse_manifests(tree[PurePosixPath("base/top/job.yaml")])
    (patch,) = yamlio.parse_manifests(tree[PurePosixPath("overlays/a10/top/job.yaml")])
    assert (base["spec"], patch["metadata"]["labels"]) == ({"command": "spin"}, {"shape": "a10"})
    (synced,) = (
        each
        for each in yamlio.parse_manifests(tree[PurePosixPath("clusters/phx/inference-top.yaml")])
        if each["metadata"]["name"] == "demo-inference-top"
    )
    assert (synced["spec"]["path"], synced["spec"]["timeout"]) == ("./overlays/a10/top", "600s")
    readme = tree[PurePosixPath("workloads/top.md")]
    assert "| phx | – | a10 | VM.GPU.A10.2, BM.GPU.A10.4 | 2 | – | – | – |" in readme  # noqa: RUF001 - the dash of the tables
    assert "| inference | Secret | toy-token | token | top: playing |" in readme
    assert "**top**: Spins.\n" in readme


def test_the_charts_are_one_umbrella() -> None:
    tree = compiled(both({"command": "spin"}))
    metadata = yaml.safe_load(tree[PurePosixPath("charts/inference/Chart.yaml")])
    assert {"name": "toy", "version": "1.2.3", "repository": ""} in metadata["dependencies"]
    assert yaml.safe_load(tree[PurePosixPath("charts/inference/servers/toy/h100/top.yaml")])["label"] == "h100"


def test_everything_else_is_as_without_it() -> None:
    """So that branches with different blueprints never change one file."""
    files = both({"command": "spin"})
    tree = compiled(files)
    without = compiled({name: data for name, data in files.items() if name != "blueprints/top.yaml"})
    assert {path: text for path, text in tree.items() if owner(path) != "top"} == without


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"comand": "spin", "command": "x"}, "spec.comand is not known; did you mean command?"),
        ({}, "spec.command is missing; add it"),
        ({"command": "rm"}, "spec.command: rm is not run here"),
        ({"model": {"name": "qwen3-8b"}, "command": "x"}, "spec.model is not known; known keys: type, command, gpus"),
    ],
)
def test_what_is_wrong_is_said_in_its_own_keys(spec: Values, message: str) -> None:
    with pytest.raises(InputError) as refusal:
        resolve(parse(both(spec)))
    assert [(each.location.file, each.message) for each in refusal.value.problems] == [("blueprints/top.yaml", message)]


def test_two_of_it_are_told_apart_by_what_it_says() -> None:
    files = both({"command": "spin"})
    again = files["blueprints/top.yaml"].replace(b"name: top", b"name: tip")
    (problem,) = parse({**files, "blueprints/tip.yaml": again}).problems
    assert str(problem).endswith("spec.command: blueprints/tip.yaml runs it already")


def test_the_schema_for_editors_has_both() -> None:
    whole = json.loads(CliRunner().invoke(cli, ["schema", "blueprint"]).output)
    kinds = whole["properties"]["spec"]["oneOf"]
    assert ["model" in kinds[0]["properties"], "command" in kinds[1]["properties"]] == [True, True]


def test_check_tells_its_facts(tmp_path: Path) -> None:
    for name, data in both({"command": "spin"}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    result = CliRunner().invoke(cli, ["check", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "top h100 BM.GPU.H100.8 2 GPUs runs spin" in [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert sorted(line for line in result.stderr.splitlines() if "toy" in line) == [
        "note: blueprints/top.yaml: a toy",
        "note: blueprints/top.yaml: toys are for demo too",
        "note: docker.io/acme/toy:1 is not pinned: gpuyard's catalogue does not list it; `gpuyard images --lock` asks "
        "the registry",
    ]
    found = json.loads(CliRunner().invoke(cli, ["check", str(tmp_path), "-o", "json"]).stdout)
    assert found["workloads"][-1] == {
        "blueprint": "top", "shape": "h100", "nodes": ["BM.GPU.H100.8"], "gpus": 2, "command": "spin"
    }  # fmt: skip


def test_a_shape_that_it_does_not_fit_refuses_it() -> None:
    found = resolve(parse(both({"command": "spin", "gpus": 8})))
    (refusal,) = found.refusals
    assert (refusal.blueprint, refusal.shape, refusal.reason) == ("top", "a10", "8 GPUs are too many")
