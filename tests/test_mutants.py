"""The list of faults can't rot, and the program that plants them tells a killed one from one that survives."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.mutants.__main__ import Outcome, confirmed, outcome
from tests.mutants.catalogue import GOLDEN, Mutant, mutants, mutated, without_effect

ALL = [*mutants(), *without_effect()]


def test_there_are_many_and_each_has_a_name() -> None:
    assert len(mutants()) >= 77
    assert len({each.id for each in ALL}) == len(ALL)
    assert all(each.seen and each.tests for each in ALL)


@pytest.mark.parametrize("mutant", ALL, ids=lambda each: each.id)
def test_a_mutant_applies_to_the_code_as_it_is(mutant: Mutant) -> None:
    text = mutated(mutant, ROOT)
    assert text != (ROOT / mutant.file).read_text(encoding="utf-8")
    if mutant.file.endswith(".py"):
        compile(text, mutant.file, "exec")


def test_mutants_are_for_tests_that_are_there() -> None:
    """Golden files see every change, and of none whether it is wrong."""
    for test in {test for each in ALL for test in each.tests}:
        file, _, name = test.partition("::")
        assert file != GOLDEN
        assert not name or f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), test


# --- the program ---------------------------------------------------------------------------------------------

PARENT = "from ours import answer\n\ndef test_here():\n    assert answer() > 40\n"
CHILD = """
import subprocess, sys

def test_there():
    subprocess.run([sys.executable, "-c", "from ours import answer; assert answer() == 42"], cwd="/", check=True)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project with one function, which two tests know more or less well; one of them in a process of its own."""
    files = {"generator/ours.py": "def answer():\n    return 42\n", "test_here.py": PARENT, "test_there.py": CHILD}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


@pytest.mark.parametrize(
    ("old", "tests", "word"),
    [
        ("return 42", ("test_there.py",), "killed"),
        ("return 42", ("test_here.py",), "survived"),
        ("return 42", ("test_nowhere.py",), "failed"),
        ("return 44", ("test_here.py",), "does not apply"),
        ("r", ("test_here.py",), "does not apply"),
    ],
)
def test_what_becomes_of_a_mutant(old: str, tests: tuple[str, ...], word: str, checkout: Path) -> None:
    mutant = Mutant("X", "generator/ours.py", old, "return 43", tests, "another answer")
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    assert outcome(mutant, checkout).word == word
    assert {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()} == before


def test_a_test_that_always_fails_has_seen_nothing(checkout: Path) -> None:
    (checkout / "test_wrong.py").write_text("def test_wrong():\n    assert not 1\n", encoding="utf-8")
    mutant = Mutant("X", "generator/ours.py", "42", "43", ("test_wrong.py",), "another answer")
    found = [Outcome(mutant, "killed", f"test_{name}.py::test_{name}") for name in ("wrong", "here")]
    assert [each.word for each in confirmed(found, checkout)] == ["failed", "killed"]
