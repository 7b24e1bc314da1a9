"""Help, README and schema say what the code does."""

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import click
import pytest
from click.testing import CliRunner

from gpuyard import errors
from gpuyard.cli import main as cli_main
from gpuyard.cli.main import cli
from gpuyard.errors import GpuyardError
from gpuyard.project.formats import schema
from gpuyard.review.placed import Effect
from tests.conftest import ROOT
from tools import key_docs

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = cli.list_commands(click.Context(cli))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_an_example_and_its_place_in_the_readme(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert f"Example: gpuyard {name}" in result.output
    assert f"gpuyard {name}" in README


CONDITIONAL = ("if", "then", "else")


def test_the_list_of_commands_is_whole_and_on_one_line_each() -> None:
    lines = CliRunner().invoke(cli, ["--help"], terminal_width=80).output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == COMMANDS
    for line in lines:
        short = line.split(maxsplit=1)[1]
        assert len(short) <= 60
        assert (short.endswith("."), "..." in short) == (True, False)


def keys(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        for name, value in node.get("properties", {}).items():
            yield f"{path}.{name}", value
        for name, value in node.items():
            if name not in CONDITIONAL:  # says more of keys that are described elsewhere
                yield from keys(value, f"{path}.{name}" if name not in ("properties", "items") else path)
    elif isinstance(node, list):
        for value in node:
            yield from keys(value, path)


def objects(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object with keys that are named, wherever in a schema."""
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict) and path.rpartition(".")[2] != "properties":
            yield path, node
        for name, value in node.items():
            if name not in CONDITIONAL:
                yield from objects(value, f"{path}.{name}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from objects(value, f"{path}.{index}")


@pytest.mark.parametrize("kind", ["blueprint", "stack"])
def test_every_key_is_described_and_every_object_closed(kind: str) -> None:
    whole = schema(kind)
    for path, value in keys(whole):
        reference = value.get("$ref", "").rpartition("/")[2]
        described = value if "description" in value or not reference else whole["$defs"][reference]
        assert described.get("description", "").endswith("."), path
    found = list(objects(whole))
    assert len(found) > 15
    assert [path for path, node in found if node.get("additionalProperties") is not False] == []


@pytest.mark.parametrize("kind", ["blueprint", "stack"])
def test_schema_is_printed_as_it_stands(kind: str) -> None:
    assert json.loads(CliRunner().invoke(cli, ["schema", kind]).output) == schema(kind)


def test_readme_gets_to_success_within_25_lines() -> None:
    head = README.splitlines()[:25]
    assert any("make demo" in line for line in head)
    assert any(line.strip().startswith("commit ") for line in head)


def test_shapes_command_lists_every_shape() -> None:
    rows = json.loads(CliRunner().invoke(cli, ["shapes", "--output", "json"]).output)
    assert {row["name"] for row in rows} >= {
        "VM.GPU.A10.1", "VM.GPU.A10.2", "BM.GPU.A10.4", "BM.GPU4.8", "BM.GPU.B4.8", "BM.GPU.A100-v2.8", "BM.GPU.H100.8"
    }  # fmt: skip
    text = CliRunner().invoke(cli, ["shapes"]).output
    assert all(row["name"] in text for row in rows)


def test_shapes_command_says_what_a_pod_needs_there_and_what_several_nodes_share() -> None:
    rows = json.loads(CliRunner().invoke(cli, ["shapes", "--output", "json"]).output)
    (h100,) = (row for row in rows if row["name"] == "BM.GPU.H100.8")
    assert (h100["resource"], h100["instance_type_label"]) == ("nvidia.com/gpu", "node.kubernetes.io/instance-type")
    assert h100["taint"] == {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    assert not h100["read_only_root_filesystem"]
    assert "nvidia-cdi-hook" in h100["read_only_root_reason"]
    assert (h100["rdma"]["ports"], h100["rdma"]["gbps"], h100["rdma"]["virtual_functions"]) == (16, 3200, 16)
    assert h100["rdma"]["nccl"]["NCCL_IB_GID_INDEX"] == "3"
    assert h100["rdma"]["host_network_hca"].startswith("=mlx5_0,")


def test_the_page_of_all_keys_is_that_of_the_schemas() -> None:
    """Each has an example, which test_blueprint_fields compiles."""
    assert key_docs.PAGE.read_text(encoding="utf-8") == key_docs.page(), "run python -m tools.key_docs"


def test_every_effect_of_a_change_has_its_line() -> None:
    page = (ROOT / "docs" / "changes.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert sorted(rows[1:]) == sorted(effect.value for effect in Effect)


DIFF = (ROOT / "generator/gpuyard/cli/commands/diff.py").read_text(encoding="utf-8")
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_every_exit_code_has_its_line() -> None:
    table = COMMANDS_PAGE.partition("## Exit codes")[2].partition("## ")[0]
    rows = {int(found) for found in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, GpuyardError)]
    own = {int(found) for found in re.findall(r"^_[A-Z_]+ = (\d+)$", inspect.getsource(cli_main), re.MULTILINE)}
    of_diff = {int(found) for found in re.findall(r"^_(?:CHANGED|DANGER) = (\d+)$", DIFF, re.MULTILINE)}
    assert len(of_diff) == 2
    assert rows == {0, 2, *of_diff, *(each.exit_code for each in classes), *own}


@pytest.mark.parametrize(("name", "arguments"), [("check", []), ("compile", ["--check"]), ("diff", [])])
def test_every_key_for_machines_has_its_line(name: str, arguments: list[str]) -> None:
    table = COMMANDS_PAGE.partition("## Output for machines")[2].partition("## ")[0]
    described = {
        key
        for line in table.splitlines()
        if line.startswith("| `") and f"`{name}`" in line.split("|")[2].replace("compile --check", "compile")
        for key in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    result = CliRunner().invoke(cli, [name, "nowhere", *arguments, "-o", "json"])
    assert set(json.loads(result.stdout)) == described


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_as_the_page_says(shell: str) -> None:
    assert f"{shell}_source" in COMMANDS_PAGE
    code = "import sys; sys.argv = ['gpuyard']; from gpuyard.cli.main import main; main()"
    command = [sys.executable, "-c", code]
    variables = {**os.environ, "_GPUYARD_COMPLETE": f"{shell}_source"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert "_GPUYARD_COMPLETE" in done.stdout
