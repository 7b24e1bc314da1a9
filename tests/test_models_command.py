"""`gpuyard models` and `gpuyard model add`: what can be served, where, at what price; and a model of one's own."""

import json
import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from gpuyard.catalogue.models import catalogue, model_from
from gpuyard.catalogue.shapes import HOURS_A_MONTH
from gpuyard.catalogue.shapes import catalogue as shapes
from gpuyard.cli.main import cli
from gpuyard.doors import yamlio
from gpuyard.doors.git.remote import no_branch
from gpuyard.doors.schema import validate
from gpuyard.errors import InputError, nearest
from gpuyard.fit import MARGIN_GIB, TYPICAL_TOKENS
from gpuyard.project.formats import schema
from tests import configs
from tests.conftest import ROOT
from tests.projects import resolved, workload
from tests.test_checkpoint import folder
from tools.vllm_architectures import page, tables

SIZE = {"total_size": 16381470720}
COMMIT = "1f0c5b6d4a3e2f1908172635445362718090a1b2"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def data(*arguments: object) -> Any:
    result = run(*arguments, "-o", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_list_has_every_model_on_one_line(tmp_path: Path) -> None:
    heading, *rows = run("models", "--in", tmp_path).stdout.splitlines()
    assert heading.split()[:5] == ["MODEL", "PARAMETERS", "WEIGHTS", "CONTEXT", "LICENCE"]
    assert [row.split()[0] for row in rows] == list(catalogue())
    (gated,) = (row for row in rows if row.startswith("llama-3.1-8b-instruct "))
    assert "llama3.1 (gated)" in gated
    assert [each["name"] for each in data("models", "--in", tmp_path)] == list(catalogue())


def test_the_smallest_is_the_cheapest_node_with_room(tmp_path: Path) -> None:
    found = {each["name"]: each["smallest"] for each in data("models", "--in", tmp_path)}
    # One A10 holds it only tightly; a bare-metal node with a larger GPU is rented whole.
    small = found["llama-3.1-8b-instruct"]
    assert (small["node"], small["gpus"], small["gpusOfNode"], small["fit"]) == ("VM.GPU.A10.2", 2, 2, "fits")
    # Eight GPUs of the older node cost less than the whole newer one, of which four would do.
    large = found["llama-3.3-70b-instruct"]
    assert (large["node"], large["gpus"], large["usdPerHourOfNode"]) == ("BM.GPU4.8", 8, 24.4)


def test_one_model_has_each_node_with_its_price_or_its_reason(tmp_path: Path) -> None:
    found = data("models", "qwen3-32b", "--in", tmp_path, "--context", 32768)
    places = {each["node"]: each for each in found["places"]}
    assert list(places) == [node for shape in shapes().values() for node in shape.nodes]
    assert found["context"] == 32768
    assert places["VM.GPU.A10.1"]["fit"] == "no"
    assert "needs 8.00 GiB of KV cache" in places["VM.GPU.A10.1"]["reason"]
    assert places["BM.GPU.A10.4"]["fit"] == "tight"
    large = places["BM.GPU.H100.8"]
    assert (large["gpus"], large["usdPerHour"], large["usdPerMonth"]) == (2, 20.0, 14600.0)
    assert (large["usdPerHourOfNode"], large["priceDate"]) == (80.0, shapes()["h100"].nodes["BM.GPU.H100.8"].date)
    assert large["kvTokens"] > 32768


def test_one_model_in_words(tmp_path: Path) -> None:
    text = run("models", "qwen3-32b", "--in", tmp_path, "--context", 32768).stdout
    known = catalogue()["qwen3-32b"]
    assert known.source
    assert known.source in text
    assert known.date in text.split()
    assert "40960, or 131072 with ropeScaling: {factor: 4}" in text
    assert "One replica with a context of 32768 tokens" in text
    assert "BM.GPU.A10.4: tight, less than 1 GiB to spare" in text
    assert "VM.GPU.A10.1: a request of 32768 tokens needs" in text


def test_more_requests_need_more_gpus(tmp_path: Path) -> None:
    few, many = (
        {each["node"]: each.get("gpus") for each in data("models", "qwen3-14b", "--in", tmp_path, *more)["places"]}
        for more in ((), ("--concurrency", 300))
    )
    assert many["BM.GPU.A100-v2.8"] > few["BM.GPU.A100-v2.8"]


def test_a_context_beyond_the_model_s_says_what_extends_it(tmp_path: Path) -> None:
    text = run("models", "qwen3-8b", "--in", tmp_path, "--context", 131072).stdout
    assert "context 131072 is more than the model's 40960" in text
    assert "model.ropeScaling of a blueprint extends the context of this model" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("qwen3-33b", "no model is called qwen3-33b; did you mean qwen3-32b?"),
        ("zzz", "no model is called zzz; `gpuyard models` lists them, `gpuyard model add` adds one"),
    ],
)
def test_a_wrong_name(name: str, said: str, tmp_path: Path) -> None:
    result = run("models", name, "--in", tmp_path)
    assert (result.exit_code, result.output) == (66, f"error: {said}\n")


def test_a_model_is_added_and_can_be_named(project: Path, tmp_path: Path) -> None:
    path = folder(tmp_path / "My_Model", configs.QWEN3, SIZE)
    source = f"hf://acme/My_Model@{COMMIT}"
    result = run("model", "add", path, project, "--source", source, "--licence", "mit", "--gated")
    assert result.exit_code == 0, result.output
    file = project / "models" / "my-model.yaml"
    written, _, advice = result.stdout.splitlines()
    assert (written, advice) == (str(file), f"Where it fits: gpuyard models my-model --in {project}")
    facts = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert (facts["repository"], facts["revision"]) == ("acme/My_Model", COMMIT)
    assert (facts["licence"], facts["gated"]) == ("mit", True)
    known = catalogue()["qwen3-8b"].attention
    assert replace(model_from(facts).attention, rope=known.rope) == known
    chat = project / "blueprints" / "chat.yaml"
    text = chat.read_text(encoding="utf-8").replace("name: llama-3.1-8b-instruct", "name: my-model")
    chat.write_text(text, encoding="utf-8")
    assert "chat" in run("check", project).stdout
    assert "my-model (models/my-model.yaml)" in run("models", "--in", project).stdout
    assert f"hf://acme/My_Model@{COMMIT}" in run("models", "my-model", "--in", project).stdout
    again = run("model", "add", path, project, "--source", source)
    assert (again.exit_code, "is there already" in again.output) == (73, True)


def test_hugging_face_s_cache_says_repository_and_commit(project: Path, tmp_path: Path) -> None:
    path = folder(tmp_path / "models--acme--My-Model" / "snapshots" / COMMIT, configs.QWEN3, SIZE)
    facts = data("model", "add", path, project)["model"]
    assert (facts["name"], facts["repository"], facts["revision"]) == ("my-model", "acme/My-Model", COMMIT)


def test_an_architecture_is_printed_for_a_blueprint(tmp_path: Path) -> None:
    path = folder(tmp_path / "mine", configs.QWEN3, SIZE)
    shown = run("model", "add", path, tmp_path, "--print")
    assert shown.exit_code == 0
    architecture = yaml.safe_load(shown.stdout)["architecture"]
    assert architecture["parameters"] == 8190735360
    here = f"hf://acme/mine@{COMMIT}"
    found = workload({"model": {"name": None, "architecture": architecture, "source": here}})
    assert found.facts["model"].value == "mine"
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--name", "qwen3-8b"], 65, "--name: name qwen3-8b is a model of the catalogue"),
        (["--source", "pvc://weights"], 65, "--source: must be hf://organisation/model@commit"),
        (["--source", "hf://acme/mine", "--revision", "main"], 65, "--revision: must be a commit, 40 digits"),
        (["--revision", COMMIT], 65, "--source: is needed with --revision"),
        (["--weights-bytes", "1000"], 65, "0.00 bytes for each of 8190735360 parameters, but bfloat16 takes"),
    ],
)
def test_what_is_refused(arguments: list[str], code: int, said: str, project: Path, tmp_path: Path) -> None:
    result = run("model", "add", folder(tmp_path / "mine", configs.QWEN3, SIZE), project, *arguments)
    assert (result.exit_code, said in result.output) == (code, True), result.output
    assert not (project / "models").exists()


def test_without_a_stack_there_is_nowhere_to_write(tmp_path: Path) -> None:
    result = run("model", "add", folder(tmp_path / "mine", configs.QWEN3, SIZE), tmp_path)
    assert (result.exit_code, "give the directory of a stack, or --print" in result.output) == (66, True)


def test_the_stack_s_version_of_vllm_decides(project: Path, tmp_path: Path) -> None:
    path = folder(tmp_path / "mine", configs.QWEN3 | {"architectures": ["Step5ForCausalLM"]}, SIZE)
    old = run("model", "add", path, project)
    assert (old.exit_code, "vLLM 0.32 has no Step5ForCausalLM, 0.33 has" in old.output) == (65, True)
    stack = project / "stack.yaml"
    stack.write_text(stack.read_text(encoding="utf-8").rstrip() + "\n  vllm: {version: 0.33.0}\n", encoding="utf-8")
    assert run("model", "add", path, project).exit_code == 0


def test_the_schema_of_a_model_file_is_printed() -> None:
    assert json.loads(run("schema", "model").stdout) == schema("model")


# --- prices --------------------------------------------------------------------------------------------------


def test_a_price_is_that_of_the_gpus_and_of_whole_nodes() -> None:
    price = workload({"scaling": {"min": 2, "max": 9}}, shape="h100").facts["price"]
    (row,) = price.value["nodes"]
    assert (row["node"], row["usdPerHour"], row["usdPerMonth"], row["usdPerHourOfNode"]) == (
        "BM.GPU.H100.8",
        10.0,
        7300,
        80.0,
    )
    assert price.value["usdPerMonth"] == {"min": 14600, "max": 65700}
    # Two replicas of one GPU are on one node of eight, nine on two.
    assert price.value["usdPerMonthOfNodes"] == {"min": 58400, "max": 116800}
    assert price.text == "10.00 USD/hour"


def test_several_oci_shapes_are_a_range() -> None:
    stack = {"clusters": [{"name": "phx", "shapes": {"a100": ["BM.GPU4.8", "BM.GPU.A100-v2.8"]}}]}
    price = workload({}, stack, shape="a100").facts["price"]
    assert price.text == "3.05-4.00 USD/hour"
    assert price.value["usdPerMonth"] == {"min": round(3.05 * 730), "max": 4 * 4 * 730}


def test_check_says_what_its_prices_are(project: Path) -> None:
    text = run("check", project).stdout
    assert "  10.00 USD/hour  " in text
    assert "USD/hour: list price of 2026-08-14 for the GPUs of one replica; Oracle bills whole nodes: " in text
    assert "BM.GPU.H100.8 80.00" in text
    found = data("check", project)
    prices = {(each["blueprint"], each["shape"]): each["price"]["usdPerMonth"] for each in found["workloads"]}
    months = [prices[each["blueprint"], each["shape"]] for each in found["placements"]]
    few, many = (sum(month[end] for month in months) for end in ("min", "max"))
    assert f"USD/month of all clusters: {few} with the fewest replicas, {many} with the most" in text
    assert few
    assert all(each["price"]["nodes"] for each in found["workloads"])


# --- names ---------------------------------------------------------------------------------------------------


def test_no_list_of_names_is_cut() -> None:
    many = [f"name{index}" for index in range(40)]
    assert nearest("zzz", many, listed="`here` lists them") == "`here` lists them"
    assert nearest("zzz", many) == f"known are {', '.join(sorted(many))}"
    assert nearest("name-7", many, listed="`here` lists them") == "did you mean name7?"
    assert nearest("zzz", ["a", "b"], listed="`here` lists them") == "known are a, b"


@pytest.mark.parametrize(
    ("branch", "count", "said"),
    [
        ("prod", 2, "it has topic-0, topic-1"),
        ("topic3", 40, "did you mean topic-3?"),
        ("prod", 40, "`git ls-remote --heads` lists those that it has"),
    ],
)
def test_nor_one_of_branches(branch: str, count: int, said: str) -> None:
    names = [f"topic-{index}" for index in range(count)]
    assert str(no_branch("origin", f"refs/heads/{branch}", names)) == f"origin has no branch {branch}; {said}"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"shapes": {"l40s": {}}}, "spec.shapes.l40s: l40s is not a shape; known are a10, a100, h100"),
        ({"shapes": {"a100": {}}}, "spec.shapes.a100: no cluster of the stack has a100; did you mean a10?"),
        ({"shapes": {"h10": {}}}, "spec.shapes.h10: h10 is not a shape; did you mean h100?"),
        (
            {"serving": {"args": {"zzzzzz": 1}}},
            "spec.serving.args.zzzzzz: vLLM 0.32.0 has no flag --zzzzzz; `vllm serve --help=all` of vLLM 0.32.0 lists",
        ),
    ],
)
def test_wrong_names_say_what_there_is(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        resolved(spec)
    assert said in str(error.value)


REGISTRY = """
_TEXT_GENERATION_MODELS = {"A": ("a", "A"), "B": ("b", "B")}
_MULTIMODAL_MODELS: dict = {"C": ("c", "C")}
_TRANSFORMERS_SUPPORTED_MODELS = {}
_EMBEDDING_MODELS = {**_TEXT_GENERATION_MODELS, "A": ("a", "A"), "E": ("e", "E")}
_LATE_INTERACTION_MODELS = {"L": ("l", "L")}
_SEQUENCE_CLASSIFICATION_MODELS = {"S": ("s", "S")}
_REWARD_MODELS = {"R": ("r", "R")}
_TOKEN_CLASSIFICATION_MODELS = {}
_PREVIOUSLY_SUPPORTED_MODELS = {"Old": "0.28.0", "B": "0.1.0"}
_OOT_SUPPORTED_MODELS = {"Plug": "https://example.com"}
"""


def test_architectures_are_read_from_the_registry() -> None:
    assert yaml.safe_load(page("0.40.1", tables(REGISTRY))) == {
        "release": "0.40.1",
        "generate": ["A", "B", "C"],
        "embed": ["E", "L"],
        "score": ["S"],
        "classify": ["R"],
        "removed": {"Old": "0.28.0"},
        "plugins": {"Plug": "https://example.com"},
    }


# --- the page ------------------------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
FILE, LONGER = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))


def test_the_page_has_the_options_of_the_command() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `--")]
    table = {option for row in rows for option in re.findall(r"`(--[-a-z]+)`", row)}
    group = import_module("gpuyard.cli.commands.model").command
    options = {name for each in group.commands["add"].params for name in each.opts if name.startswith("--")}
    assert table == options - {"--output"}


def test_the_page_s_file_and_blueprint_hold() -> None:
    assert not list(validate(yamlio.read(yamlio.dump(FILE).encode(), "models/x.yaml"), schema("model")))
    assert FILE["name"] == "my-model"
    assert resolved(LONGER["spec"]).workloads


def test_the_page_says_what_fits_means() -> None:
    text = " ".join(PAGE.split())
    assert f"with {MARGIN_GIB:g} GiB to spare" in text
    assert f"as many requests of {TYPICAL_TOKENS} tokens as" in text
    assert f"a month of {HOURS_A_MONTH} hours" in text
