"""What programs there are: programs.toml, read once."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.cluster.errors import SetupError

__all__ = ["FLUX2", "GO_AT_LEAST", "GO_WHEEL", "PROGRAMS", "REDIS", "VLLM", "Program", "groups", "program", "select"]

HERE: Final = Path(__file__).parent
_FILE: Final = tomllib.loads((HERE / "programs.toml").read_text(encoding="utf-8"))

GO_AT_LEAST: Final[str] = _FILE["go"]["at-least"]
GO_WHEEL: Final[str] = _FILE["go"]["wheel"]
FLUX2: Final[dict[str, str]] = _FILE["flux2"]
VLLM: Final[dict[str, str]] = _FILE["vllm"]
REDIS: Final[dict[str, str]] = _FILE["redis"]


@dataclass(frozen=True, slots=True)
class Program:
    """One executable, and all that its build depends on."""

    name: str
    version: str
    group: str
    module: Path  # the folder of go.mod and go.sum
    package: str
    ldflags: str
    asks: tuple[str, ...]  # arguments that make it print its version; none: it can't
    seconds: int  # a build on 2 cores, roughly


def _read() -> dict[str, Program]:
    # The quick ones first: whoever waits for all of them has something to work with early.
    found: list[tuple[int, list[Program]]] = []
    for folder, module in _FILE["modules"].items():
        version = module["version"]
        programs = [
            Program(
                name=name,
                version=version,
                group=module["group"],
                module=HERE / folder,
                package=item["package"],
                ldflags=" ".join(["-s -w", *module.get("ldflags", "").format(version=version).split()]),
                asks=tuple(module.get("asks", ())),
                seconds=item["seconds"],
            )
            for name, item in module["programs"].items()
        ]
        found.append((sum(each.seconds for each in programs), programs))
    return {each.name: each for _, programs in sorted(found, key=lambda item: item[0]) for each in programs}


PROGRAMS: Final = _read()


@cache
def groups() -> tuple[str, ...]:
    """The names of all groups."""
    return tuple(sorted({each.group for each in PROGRAMS.values()}))


def program(name: str) -> Program:
    """The program of that name; SetupError lists all names."""
    if name not in PROGRAMS:
        raise SetupError(f"no program is called {name!r}; there are: {', '.join(sorted(PROGRAMS))}")
    return PROGRAMS[name]


def select(names: list[str], in_groups: list[str]) -> list[Program]:
    """The programs named, and those of the groups named, the quick ones first; all if nothing is named."""
    wanted = {program(name).name for name in names}
    return [
        each for each in PROGRAMS.values() if each.name in wanted or each.group in in_groups or not (names or in_groups)
    ]
