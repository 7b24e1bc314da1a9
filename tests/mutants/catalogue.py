"""mutants.toml, read: what each mutant changes, and which tests have to see it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["GOLDEN", "Mutant", "mutants", "mutated", "without_effect"]

GOLDEN = "tests/test_golden.py"
_FILE = Path(__file__).with_name("mutants.toml")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault; `old` stands exactly once in the file."""

    id: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    """What has to kill it, the nearest first: files of tests, or tests in them."""
    seen: str
    """What a user would see."""


def mutants() -> list[Mutant]:
    """Those that a user would see."""
    return _read("mutant")


def without_effect() -> list[Mutant]:
    """Those that nothing may see: they show that a test, and a process that it starts, runs the copy."""
    return _read("control")


def mutated(mutant: Mutant, root: Path) -> str:
    """The text of its file with the fault in it; ValueError where the code has moved on."""
    file = root / mutant.file
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    if (found := text.count(mutant.old)) != 1:
        raise ValueError(f"{mutant.file} has its snippet {found} times")
    return text.replace(mutant.old, mutant.new)


def _read(kind: str) -> list[Mutant]:
    entries = tomllib.loads(_FILE.read_text(encoding="utf-8"))[kind]
    return [Mutant(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries]
