"""README.md and charts/vllm/README.md: every command, option, value, version and figure in them is the program's."""

import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from gpuyard.catalogue import vllm
from gpuyard.catalogue.alerts import catalogue as alerts
from gpuyard.catalogue.platform import catalogue
from gpuyard.catalogue.shapes import catalogue as shapes
from gpuyard.cli.main import cli
from gpuyard.doors.helm import open_helm
from gpuyard.errors import ToolError
from tests.chart.rendering import schema
from tests.conftest import ROOT
from tests.projects import problems
from tests.scan.ours import KUBERNETES
from tools import chart_docs

README = (ROOT / "README.md").read_text(encoding="utf-8")
CHART = (ROOT / "charts/vllm/README.md").read_text(encoding="utf-8").partition("## Values")[0]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COMMANDS = cli.list_commands(click.Context(cli))


def spans(text: str) -> list[str]:
    """What stands between backticks, and in blocks of commands."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    blocks = re.findall(r"^ {4}(?:\$ )?(\S.*)$", text, re.MULTILINE)
    return [*re.findall(r"`([^`\n]+)`", prose), *(line.partition("#")[0].strip() for line in blocks)]


# --- commands ------------------------------------------------------------------------------------------------


def command_lines(text: str) -> Iterator[str]:
    """Those that name gpuyard, and those that begin with one of its commands; alone, that is only its name."""
    for span in spans(text):
        if span.startswith("gpuyard "):
            yield span.removeprefix("gpuyard ")
        elif span.partition(" ")[0] in COMMANDS and " " in span:
            yield span


LINES = [(name, line) for name, text in (("README", README), ("chart", CHART)) for line in command_lines(text)]


def test_there_are_command_lines() -> None:
    assert {line.split()[0] for _, line in LINES} == set(COMMANDS)


@pytest.mark.parametrize("line", [line for _, line in LINES])
def test_a_command_line_is_one_that_gpuyard_takes(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsed as a shell and click would, and not run."""
    monkeypatch.setattr(click.Command, "invoke", lambda self, ctx: None)
    result = CliRunner().invoke(cli, shlex.split(line))
    assert result.exit_code == 0, result.output


def options(command: click.Command) -> set[str]:
    inside = command.commands.values() if command is not cli and isinstance(command, click.Group) else ()
    own = {name for each in command.params for name in each.opts}
    return own.union(*map(options, inside))


@pytest.mark.parametrize("text", [README, CHART], ids=["README", "chart"])
def test_an_option_that_is_named_alone_is_one(text: str) -> None:
    known: set[str] = set()
    for name in COMMANDS:
        _, command, _ = cli.resolve_command(click.Context(cli), [name])
        assert command
        known |= options(command)
    if text is CHART:
        newest = vllm.catalogue(vllm.versions()[-1])
        assert newest
        known |= {f"--{flag}" for flag in newest.flags}
    assert {span for span in spans(text) if re.fullmatch(r"--[a-z-]+", span)} <= known


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_make_has_every_target(text: str) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {span.split()[1] for span in spans(text) if span.startswith("make ")}
    assert named
    assert named <= targets


def test_extras_are_those_that_pip_knows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = set(re.findall(r"\[([a-z,]+)\]'", README))
    assert {extra for each in named for extra in each.split(",")} <= project["optional-dependencies"].keys()


# --- what is printed -----------------------------------------------------------------------------------------


def run(*args: str | Path) -> Result:
    result = CliRunner().invoke(cli, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result


def test_the_demo_prints_what_the_readme_shows(tmp_path: Path) -> None:
    """By the commands of the Makefile; a commit's id is another one every time."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ndemo:")[2].partition("\n\n")[0]
    assert "gpuyard init $(DEMO) --name demo --engine $(ENGINE) --blueprints blueprints" in recipe
    assert "gpuyard compile $(DEMO)" in recipe
    run("init", tmp_path / "gitops", "--name", "demo", "--engine", "flux", "--blueprints", ROOT / "blueprints")
    printed = run("compile", tmp_path / "gitops").stdout
    shown = README.partition("$ make demo")[2].partition("\n")[2].partition("\nRun `make demo`")[0]
    pages = [re.sub(r"commit [0-9a-f]{12} ", "commit … ", text) for text in (shown, printed)]
    readme, program = ([line.strip() for line in page.strip().splitlines()] for page in pages)
    assert readme == program
    assert run("compile", tmp_path / "gitops").stdout.startswith("up to date")


def test_the_blueprint_is_one_that_is_shipped() -> None:
    block, more, _ = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert yaml.safe_load(block) == yaml.safe_load((ROOT / "blueprints/chat.yaml").read_text(encoding="utf-8"))
    assert problems(yaml.safe_load(more)) == []


def test_refusals_are_those_of_the_program() -> None:
    shown = " ".join(README.partition("with its position and the numbers:")[2].partition("`gpuyard schema")[0].split())
    alone = {"clusters": [{"name": "phx", "shapes": {"a10": "BM.GPU.A10.4"}}]}
    (unknown,) = problems({"serving": {"contextLenght": 1}})
    (large,) = problems({"model": {"name": "llama-3.3-70b-instruct"}, "shapes": {"a10": {}}}, alone)
    first, second = re.fullmatch(r"\S+:\d+:\d+: (.*) \S+:\d+:\d+: (.*); …", shown).groups()  # type: ignore[union-attr] # then it fails
    assert first == unknown
    assert large.startswith(second)


def test_shapes_are_those_of_the_catalogue() -> None:
    assert "vLLM on " + " and ".join(", ".join(sorted(map(str.upper, shapes()))).rsplit(", ", 1)) in README


# --- charts/vllm ---------------------------------------------------------------------------------------------


def test_versions_are_those_that_are_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    said = dict(re.findall(r"\b(Kubernetes|Helm|KEDA) (\d+\.\d+)", CHART))
    metadata = yaml.safe_load((ROOT / "charts/vllm/Chart.yaml").read_text(encoding="utf-8"))
    assert metadata["kubeVersion"] == f">={said['Kubernetes']}.0-0"
    assert said["Kubernetes"] == KUBERNETES[0]
    (keda,) = (release.version for release in catalogue() if release.chart == "keda")
    assert keda.startswith(f"{said['KEDA']}.")
    monkeypatch.setitem(sys.modules, "helm_python", None)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("GPUYARD_HELM", raising=False)
    with pytest.raises(ToolError, match=rf"helm {re.escape(said['Helm'])} or newer"):
        open_helm({})


def names(node: Any, path: str = "") -> Iterator[str]:
    for key, value in node.items():
        yield f"{path}{key}"
        if isinstance(value, dict):
            yield from names(value, f"{path}{key}.")


def test_values_are_those_of_the_chart() -> None:
    """Whatever begins like a value has to be one; and what the example sets."""
    known = set(names(chart_docs.defaults(schema())))
    tops = {each.partition(".")[0] for each in known}
    said = {span.partition(":")[0].removesuffix(".*") for span in spans(CHART)}
    said |= set(re.findall(r"--set ([\w.]+)=", CHART))
    named = {each for each in said if re.fullmatch(r"\w+(\.\w+)+", each) and each.partition(".")[0] in tops}
    assert {"drain.shutdownSeconds", "cache.kind", "model.id"} <= named
    assert named <= known


def test_alerts_that_are_named_are_there() -> None:
    named = {span for span in [*spans(CHART), *spans(README)] if re.fullmatch(r"Vllm[A-Z]\w+", span)}
    assert named
    assert named <= {alert.name for alert in alerts().alerts}
