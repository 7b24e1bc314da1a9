"""Which room of the package may import which, and that each library has one door."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "generator" / "gpuyard"
FLOORS: tuple[tuple[str, ...], ...] = (
    ("__init__",),
    ("errors", "tree"),
    ("doors",),
    ("catalogue", "review"),
    ("project", "fit"),
    ("resolve", "commit"),
    ("render",),
    ("pipeline", "bootstrap", "release"),
    ("cli",),
    ("__main__",),
)
"""From the ground up; a room imports what is below it and itself."""
DOORS = {
    "cattrs": ("doors.schema",),
    "click": ("cli",),
    "cryptography": ("doors.deploykey",),
    "cyclonedx": ("release.evidence",),
    "git": ("doors.git",),
    "helm_python": ("doors.helm",),
    "http": ("doors.http", "doors.kubernetes"),
    "jinja2": ("render.readme",),
    "jsonschema": ("doors.schema",),
    "jsonschema_rs": ("doors.schema",),
    "promql_parser": ("doors.promql",),
    "oci": ("doors.oci",),
    "requests": (),
    "ruamel": ("doors.yamlio",),
    "socket": ("doors.http", "doors.leash"),
    "sqlite3": ("doors.cache",),
    "subprocess": ("doors.cosign", "doors.git", "doors.helm", "doors.logins", "doors.processes"),
    "urllib.parse": ("doors.forge.calls", "doors.git.remote", "doors.oci.ketoken", "doors.registry", "doors.urls"),
    "urllib.request": ("doors.http",),
    "yaml": ("doors.yamlio",),
}
"""Libraries, and the modules that may import them."""
FAMILIES = ("bootstrap.parts", "cli.commands", "project.kinds", "render.engines")
"""Packages whose modules are members of one kind, called like what they are to users."""


@cache
def modules() -> Mapping[str, ast.Module]:
    """Every module by its name below gpuyard; a package by its own."""
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = ast.parse(file.read_text(encoding="utf-8"))
    return found


def imported(tree: ast.Module) -> Iterator[str]:
    """Every name that a module imports, wherever in it: within functions and for types, too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"__import__", "import_module"}:
            # A name that is put together: everything below what is known of it.
            known = ast.unparse(node.args[0]).strip("f'\"").partition("{")[0].removesuffix(".")
            yield from (f"gpuyard.{name}" for name in modules() if f"gpuyard.{name}".startswith(f"{known}."))


def uses(name: str) -> set[str]:
    """The modules of ours that a module imports."""
    found = set()
    for each in imported(modules()[name]):
        if each.partition(".")[0] != "gpuyard":
            continue
        inside = each.partition(".")[2]
        while inside not in modules():  # a name in a module, and not a module itself
            inside = inside.rpartition(".")[0] or "__init__"
        found.add(inside)
    return found - {name}


def room(name: str) -> str:
    return name.partition(".")[0]


def floor(name: str) -> int:
    return next(index for index, rooms in enumerate(FLOORS) if room(name) in rooms)


def test_every_room_has_a_floor() -> None:
    rooms = {room(name) for name in modules()}
    assert rooms <= {name for rooms in FLOORS for name in rooms}
    assert len(rooms - {"__init__", "__main__"}) <= 14


@pytest.mark.parametrize("name", modules())
def test_a_module_imports_what_is_below(name: str) -> None:
    above = [each for each in uses(name) if room(each) != room(name) and floor(each) >= floor(name)]
    assert not above, f"{name} imports {', '.join(sorted(above))}, which is not below it"


def test_there_is_no_circle() -> None:
    graph = {name: uses(name) - {name.rpartition(".")[0]} for name in modules()}
    # A package's face imports its modules; a module that imports its own face is found by the next test.
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("name", modules())
def test_a_module_does_not_import_its_package_s_face(name: str) -> None:
    package = name.rpartition(".")[0]
    names = {alias for each in imported(modules()[name]) if each.rpartition(".")[0] == f"gpuyard.{package}"
             for alias in [each.rpartition(".")[2]]}  # fmt: skip
    assert not package or all(f"{package}.{each}" in modules() for each in names)


@pytest.mark.parametrize("name", modules())
def test_a_library_is_imported_behind_its_door(name: str) -> None:
    for each in imported(modules()[name]):
        for library, doors in DOORS.items():
            if f"{each}.".startswith(f"{library}."):
                inside = any(f"{name}.".startswith(f"{door}.") for door in doors)
                assert inside, f"{name} imports {each}; its door is {' and '.join(doors) or 'not there'}"


def test_only_the_command_line_ends_the_process() -> None:
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "sys.exit",
                "os._exit",
                "exit",
                "quit",
                "print",
            }:
                assert name == "cli.main", f"{name}:{node.lineno} calls {ast.unparse(node.func)}"


def test_no_two_modules_have_one_name() -> None:
    seen: dict[str, str] = {}
    for name in modules():
        # Each kind of workload has the same rooms: values, needs, notes.
        kind = name.split(".")[1] if name.startswith("resolve.") else ""
        package = any(each.startswith(f"{name}.") for each in modules())
        if package or name.rpartition(".")[0] in FAMILIES or f"project.kinds.{kind}" in modules():
            continue
        last = name.rpartition(".")[2]
        assert last not in seen, f"{name} and {seen[last]}"
        seen[last] = name


def test_modules_are_short() -> None:
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in PACKAGE.rglob("*.py")}
    assert {file: length for file, length in lengths.items() if length > 300} == {}
