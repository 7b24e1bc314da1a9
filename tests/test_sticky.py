"""What runs stays where it runs until its author moves it: the rest is an error, and never a silent move."""

import json
from pathlib import Path
from typing import Any

import pytest

from gpuyard.doors import yamlio
from gpuyard.errors import InputError, Problem
from gpuyard.pipeline import compile
from gpuyard.project.load import Project, parse
from gpuyard.resolve import resolve
from gpuyard.review.placed import Placed, Running
from tests.projects import BLUEPRINT, Values, merged, sources, with_token
from tests.test_compile import git, run, save

FP8 = {"serving": {"args": {"kv-cache-dtype": "fp8_per_token_head"}}}
"""Which an A10 can't hold its cache in."""
PHX: Values = {"name": "phx", "shapes": {"a10": ["VM.GPU.A10.2", "BM.GPU.A10.4"], "h100": "BM.GPU.H100.8"}}
IAD: Values = {"name": "iad", "shapes": {"h100": "BM.GPU.H100.8"}}


def project(spec: Values, clusters: list[Values] | None = None, **more: Values) -> Project:
    files = sources(spec, {"clusters": clusters} if clusters else None)
    for name, each in more.items():
        blueprint = merged(BLUEPRINT, {"metadata": {"name": name}, "spec": each})
        files[f"blueprints/{name}.yaml"] = yamlio.dump(with_token(blueprint)).encode()
    return parse(files)


def ran(**shapes: str) -> Running:
    """In phx."""
    return Running(placements={"phx": {name: Placed(shape, "inference", None) for name, shape in shapes.items()}})


def placed(found: Project, running: Running) -> dict[tuple[str, str], str]:
    return {(each.cluster, each.workload.name): each.workload.shape.name for each in resolve(found, running).placements}


def problems(found: Project, running: Running) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        resolve(found, running)
    return tuple(caught.value.problems)


def test_what_runs_wins_over_what_would_come_first() -> None:
    assert placed(project({}), Running()) == {("phx", "chat"): "a10"}
    assert placed(project({}), ran(chat="h100")) == {("phx", "chat"): "h100"}
    assert placed(project({"shapes": {"a10": {}, "h100": {}}}), ran(chat="h100")) == {("phx", "chat"): "h100"}


def test_each_cluster_and_each_blueprint_for_itself() -> None:
    both = project({}, [PHX, {**PHX, "name": "iad"}], docs={})
    assert placed(both, ran(docs="h100")) == {
        ("phx", "chat"): "a10",
        ("phx", "docs"): "h100",
        ("iad", "chat"): "a10",
        ("iad", "docs"): "a10",
    }


def test_what_no_longer_fits_where_it_runs_is_an_error_with_its_way_out() -> None:
    found = project(FP8)
    assert placed(found, Running()) == {("phx", "chat"): "h100"}
    [problem] = problems(found, ran(chat="a10"))
    line = (
        found.sources["blueprints/chat.yaml"].decode().splitlines().index("      kv-cache-dtype: fp8_per_token_head")
        + 1
    )
    assert str(problem.location) == f"blueprints/chat.yaml:{line}:7"
    assert problem.message.startswith(
        "spec.serving.args.kv-cache-dtype: chat runs on a10 in phx and would not fit there any more: "
    )
    assert "an FP8 KV cache needs sm_89 or newer here, NVIDIA A10 is sm_86" in problem.message
    assert problem.message.endswith(
        ". Change it back, or decide it: list what phx runs in `blueprints` of the cluster in stack.yaml, "
        "list `shapes` of the blueprint without a10, or delete the blueprint"
    )


def test_the_numbers_are_said() -> None:
    """A model that only a larger GPU holds."""
    [problem] = problems(project({"model": {"name": "llama-3.3-70b-instruct"}}), ran(chat="a10"))
    assert problem.message.startswith("spec.model: ")
    assert "BM.GPU.A10.4: weights 32.9 + other 2.0 of 19.9 GiB on each of 4 GPUs" in problem.message


def test_a_context_is_at_its_key() -> None:
    small = [{**PHX, "shapes": {**PHX["shapes"], "a10": "VM.GPU.A10.2"}}]
    [problem] = problems(
        project({"serving": {"contextLength": 131072}, "model": {"name": "gemma-3-12b-it"}}, small), ran(chat="a10")
    )
    assert problem.message.startswith("spec.serving.contextLength: chat runs on a10 in phx")


def test_a_cache_that_the_nodes_have_no_drives_for_is_at_its_key() -> None:
    clusters = [{**PHX, "shapes": {**PHX["shapes"], "a10": "VM.GPU.A10.2"}}]
    found = parse(
        sources({"storage": {"cache": {"kind": "nvme"}}}, {"clusters": clusters, "storage": {"nvme": "local"}})
    )
    [problem] = problems(found, ran(chat="a10"))
    line = found.sources["blueprints/chat.yaml"].decode().splitlines().index("    cache:") + 1
    assert str(problem.location) == f"blueprints/chat.yaml:{line}:5"
    assert problem.message.startswith("spec.storage.cache: chat runs on a10 in phx and would not fit")


def test_nodes_that_are_left_and_do_not_hold_it() -> None:
    """The author took the larger node away; the shape is still there."""
    large = {"model": {"name": "qwen3-32b"}}
    whole = project(large, [PHX, {**PHX, "name": "iad"}])
    assert placed(whole, Running())["phx", "chat"] == "a10"
    [problem] = problems(
        project(large, [{**PHX, "shapes": {**PHX["shapes"], "a10": "VM.GPU.A10.2"}}, {**PHX, "name": "iad"}]),
        ran(chat="a10"),
    )
    assert "it fits on BM.GPU.A10.4, and the cluster has VM.GPU.A10.2" in problem.message


@pytest.mark.parametrize(
    ("spec", "clusters", "wanted"),
    [
        ({**FP8, "shapes": {"h100": {}}}, [PHX], "h100"),
        (FP8, [{**PHX, "blueprints": {"chat": "h100"}}], "h100"),
        (FP8, [{**PHX, "blueprints": {}}], None),
        (FP8, [{**PHX, "shapes": {"h100": "BM.GPU.H100.8"}}], "h100"),
        ({}, [{**PHX, "shapes": {"h100": "BM.GPU.H100.8"}}], "h100"),
        (FP8, [IAD], None),
    ],
)
def test_its_author_may_move_it(spec: Values, clusters: list[Values], wanted: str | None) -> None:
    assert placed(project(spec, clusters), ran(chat="a10")).get(("phx", "chat")) == wanted


def test_a_deleted_blueprint_is_no_error() -> None:
    assert placed(project({}), ran(chat="a10", gone="a10")) == {("phx", "chat"): "a10"}


def test_what_is_wrong_anyway_is_said_once() -> None:
    """A shape that the author names, and a model that fits nowhere."""
    assert len(problems(project({**FP8, "shapes": {"a10": {}, "h100": {}}}), ran(chat="a10"))) == 1
    nowhere: dict[str, Any] = {"model": {"name": "llama-3.3-70b-instruct"}, "serving": {"contextLength": 131072}}
    small = [{**PHX, "shapes": {"a10": "VM.GPU.A10.2"}}]
    assert len(problems(project(nowhere, small), ran(chat="a10"))) == 1


def test_compiling_what_was_compiled_changes_nothing() -> None:
    first = compile(project({}, [PHX, IAD], docs={}), ran(chat="h100"))
    again = compile(first.project, Running(placements=first.placements))
    assert (again.tree, again.placements) == (first.tree, first.placements)


# --- the commands -------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Compiled with chat on a10, and an argument that an A10 doesn't take, committed."""
    root = tmp_path / "gitops"
    assert run("init", root).exit_code == 0
    assert run("compile", root).exit_code == 0
    chat = root / "blueprints" / "chat.yaml"
    text = chat.read_text(encoding="utf-8")
    assert "    args:\n" in text
    chat.write_text(
        text.replace("    args:\n", "    args:\n      kv-cache-dtype: fp8_per_token_head\n"), encoding="utf-8"
    )
    save(root, "a pull request")
    return root


@pytest.mark.parametrize("command", [("check",), ("compile",), ("compile", "--check")])
def test_every_command_says_it(command: tuple[str, ...], repository: Path) -> None:
    name, *options = command
    head = git(repository, "rev-parse", "HEAD")
    result = run(name, repository, *options)
    assert (result.exit_code, "chat runs on a10 in phx and would not fit there any more" in result.output) == (65, True)
    assert git(repository, "rev-parse", "HEAD") == head


def test_moving_it_in_the_sources_is_the_way(repository: Path) -> None:
    chat = repository / "blueprints" / "chat.yaml"
    chat.write_text(chat.read_text(encoding="utf-8") + "  shapes: {h100: {}}\n", encoding="utf-8")
    save(repository, "moved")
    assert run("compile", repository).exit_code == 0
    data = json.loads(run("check", repository, "-o", "json").stdout)
    assert [each["shape"] for each in data["placements"]] == ["h100"]
    assert run("compile", repository).output.startswith("up to date")
