"""Models of the user's own: files of models/, which blueprints name, and which are sources like blueprints."""

from pathlib import Path
from typing import Any

import pytest

from gpuyard.commit.digest import input_digest
from gpuyard.doors import yamlio
from gpuyard.errors import InputError
from gpuyard.project.formats import schema
from gpuyard.project.load import Project, load, parse
from gpuyard.project.userfiles import is_source
from gpuyard.resolve import resolve
from tests.projects import Values, sources
from tests.test_blueprint_fields import FACTS, HERE

REPOSITORY = {"repository": "acme/mine", "revision": "1" * 40}


def files(facts: Values, spec: Values | None = None, file: str = "models/mine.yaml") -> dict[str, bytes]:
    return {**sources(spec or {"model": {"name": "mine"}}), file: yamlio.dump(facts).encode()}


def said(found: dict[str, bytes]) -> list[str]:
    with pytest.raises(InputError) as error:
        resolve(parse(found))
    return [str(problem) for problem in error.value.problems]


def mine(**more: Any) -> Values:
    return {**FACTS, **REPOSITORY, **more}


def test_a_blueprint_names_it_and_gets_its_weights() -> None:
    (found,) = (each for each in resolve(parse(files(mine()))).workloads if each.shape.name == "h100")
    assert found.facts["model"].value == "mine"
    assert (found.values["model"]["id"], found.values["model"]["revision"]) == ("acme/mine", "1" * 40)


def test_a_cluster_that_differs_knows_it_too() -> None:
    found = files(mine())
    stack = yamlio.read(found["stack.yaml"], "stack.yaml").value
    stack["spec"]["clusters"][0]["vllm"] = {"version": "0.33.0"}
    whole = resolve(parse({**found, "stack.yaml": yamlio.dump(stack).encode()}))
    assert [each.workload.facts["model"].value for each in whole.placements] == ["mine"]


def test_it_is_part_of_what_everything_follows_from() -> None:
    assert input_digest(files(mine())) != input_digest(files(mine(licence="mit")))
    assert is_source("models/mine.yaml")
    assert not is_source("models/deeper/mine.yaml")


def test_it_is_read_from_its_folder(project: Path) -> None:
    (project / "models").mkdir()
    (project / "models" / "mine.yaml").write_text(yamlio.dump(mine()), encoding="utf-8")
    (project / "models" / ".mine.yaml.swp").write_text("", encoding="utf-8")
    found = load(project)
    assert not found.problems
    assert "models/mine.yaml" in found.sources
    assert {"mine", "qwen3-8b"} <= set(found.models)
    (project / "models" / "deep").mkdir()
    (project / "models" / "deep" / "x.yaml").write_text("", encoding="utf-8")
    assert [str(each) for each in load(project).problems] == [
        "models: 'models/deep/x.yaml': gpuyard does not read sub-folders; move it to models/"
    ]


@pytest.mark.parametrize(
    ("facts", "file", "expected"),
    [
        pytest.param(mine(), "models/other.yaml", ["models/other.yaml:1:7: name must be the file's: other"], id="file"),
        pytest.param(
            mine(name="qwen3-8b"),
            "models/qwen3-8b.yaml",
            [
                "models/qwen3-8b.yaml:1:7: name qwen3-8b is a model of the catalogue; give yours another, or add "
                "override: true to replace it"
            ],
            id="a name of the catalogue",
        ),
        pytest.param(
            mine(override=True),
            "models/mine.yaml",
            ["models/mine.yaml:14:11: override has nothing to replace: the catalogue has no mine"],
            id="nothing to replace",
        ),
        pytest.param(
            mine(variantOf="qwen3-8b"),
            "models/mine.yaml",
            ["models/mine.yaml:14:1: variantOf is not known; known keys: "],
            id="a key of the catalogue alone",
        ),
        pytest.param(
            mine(attention={**FACTS["attention"], "kvHeads": 7}),
            "models/mine.yaml",
            ["models/mine.yaml:7:10: attention.heads must be a multiple of kvHeads: 32 of 7"],
            id="heads",
        ),
        pytest.param(
            {key: value for key, value in mine().items() if key != "parameters"},
            "models/mine.yaml",
            ["models/mine.yaml:1:1: parameters is missing; add it"],
            id="a missing fact",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it_is_said_at_its_place(facts: Values, file: str, expected: list[str]) -> None:
    found = [each for each in said(files(facts, {"model": {"name": "qwen3-8b"}}, file)) if each.startswith("models/")]
    assert len(found) == len(expected)
    for each, start in zip(found, expected, strict=True):
        assert each.startswith(start), each


def test_a_blueprint_that_names_a_broken_one_has_no_second_problem() -> None:
    (found,) = said(files({**mine(), "parameters": 0}))
    assert found.startswith("models/mine.yaml:")


def test_a_file_may_replace_a_model_of_the_catalogue() -> None:
    found = files(mine(name="qwen3-8b", override=True), {"model": {"name": "qwen3-8b"}}, "models/qwen3-8b.yaml")
    (placed,) = (each for each in resolve(parse(found)).workloads if each.shape.name == "h100")
    assert placed.values["model"]["id"] == "acme/mine"


def test_without_a_repository_the_blueprint_says_where_the_weights_are() -> None:
    (found,) = said(files(FACTS))
    assert found.endswith("has no source for its weights; add source: hf://organisation/model@commit")
    project: Project = parse(files(FACTS, {"model": {"name": "mine", "source": HERE}}))
    assert resolve(project).workloads


@pytest.mark.parametrize(
    ("name", "said_"),
    [
        (
            "zzz",
            "zzz is not in the catalogue; `gpuyard models` lists it, and `gpuyard model add` adds a model of your own",
        ),
        ("llama3.1-8b", "llama3.1-8b is not in the catalogue; did you mean llama-3.1-8b-instruct?"),
        ("mined", "mined is not in the catalogue; did you mean mine?"),
    ],
)  # fmt: skip
def test_a_wrong_name(name: str, said_: str) -> None:
    assert [each.partition(" ")[2] for each in said(files(mine(), {"model": {"name": name}}))] == [
        f"spec.model.name: {said_}"
    ]


def test_editors_complete_the_keys_of_an_architecture() -> None:
    blueprint, file = schema("blueprint"), schema("model")
    model = blueprint["properties"]["spec"]["properties"]["model"]["$ref"].rpartition("/")[2]
    reference = blueprint["$defs"][model]["properties"]["architecture"]["$ref"]
    keys = blueprint["$defs"][reference.rpartition("/")[2]]["properties"]
    assert set(file["properties"]) - set(keys) == {"override"}
    assert "num_hidden_layers" in keys["attention"]["properties"]["layers"]["description"]
