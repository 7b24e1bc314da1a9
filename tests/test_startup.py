"""What the command line imports before it works: people wait for it, and at every tab."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpuyard import __version__

HEAVY = {"git", "gpuyard.resolve", "helm_python", "jinja2", "jsonschema", "ruamel", "yaml"}
WORKING = ("init", "check", "compile", "render", "images", "shapes", "schema")
TOLD = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from gpuyard.cli.main import main
sys.argv[0] = "gpuyard"
main()
"""


def run(*args: str, **env: str) -> tuple[str, set[str]]:
    """What is printed, and the modules that are imported in the end."""
    done = subprocess.run(
        [sys.executable, "-c", TOLD, *args], env={**os.environ, **env}, capture_output=True, text=True, check=True
    )
    return done.stdout, set(done.stderr.split())


def completed(line: str) -> tuple[str, set[str]]:
    """The same at a tab, as bash asks for it."""
    return run(_GPUYARD_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(line.count(" ")))


@pytest.mark.parametrize(("argument", "shown"), [("--help", "render"), ("--version", f"gpuyard {__version__}\n")])
def test_listing_the_commands_imports_none(argument: str, shown: str) -> None:
    printed, imported = run(argument)
    assert shown in printed
    assert not HEAVY & imported
    assert not {name for name in imported if name.startswith("gpuyard.cli.commands")}


def test_completing_a_command_imports_none() -> None:
    printed, imported = completed("gpuyard re")
    assert printed.split() == ["plain,release", "plain,render"]
    assert not HEAVY & imported
    assert not {name for name in imported if name.startswith("gpuyard.cli.commands")}


@pytest.mark.parametrize("name", WORKING)
def test_a_command_s_help_and_completion_import_its_options_alone(name: str) -> None:
    printed, imported = run(name, "--help")
    assert printed.startswith(f"Usage: gpuyard {name}")
    assert not HEAVY & imported
    printed, imported = completed(f"gpuyard {name} --he")
    assert printed.split() == ["plain,--help"]
    assert not HEAVY & imported


def test_an_interrupt_waits_until_the_library_of_schemas_is_loaded() -> None:
    """In the middle of its loading it would be a panic of Rust's, with a text that says nothing to anybody."""
    code = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "jsonschema_rs":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
from gpuyard.doors.schema.acceptance import fits
try:
    fits({"type": "object"}, {})
except KeyboardInterrupt:
    print("loaded" if "jsonschema_rs" in sys.modules else "in the middle")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "loaded\n"


def test_what_we_ship_is_read_without_the_slow_library_of_schemas() -> None:
    """A price of 2.0 is a whole number that isn't one: only the slow one can say whether that is right there."""
    code = """
import sys
from gpuyard.pipeline import compile
from gpuyard.project.load import parse
from tests.conftest import demo_sources
compile(parse(demo_sources()))
print("jsonschema" in sys.modules)
"""
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
