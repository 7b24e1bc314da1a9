"""What a version of vLLM takes and shows: flags, environment variables, metrics, and our rules for them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import read
from gpuyard.catalogue.flagvalues import content
from gpuyard.errors import nearest

__all__ = [
    "Flag",
    "ListForm",
    "Metric",
    "Version",
    "catalogue",
    "check_args",
    "deprecations",
    "rules",
    "versions",
]

Finding = tuple[tuple[str | int, ...], str]
"""Where below `serving` (`args` or `env` and the name, `unsafe` and the index), and what is wrong."""

_FOUR_BYTES = ("float", "float32")
_FOLDER = resources.files("gpuyard") / "catalogue" / "vllm"
_PYTHON: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int, str),  # vLLM reads 16k
    "number": (int, float, str),
    "string": (str, int, float),
    "array": (list, str),
    "object": (dict, str),
}


class ListForm(StrEnum):
    """How a flag takes a list where it isn't `--flag one two`."""

    JSON = "json"
    """As one JSON text."""
    REPEAT = "repeat"
    """The flag once for each entry; a configuration file can hold one."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag of `vllm serve`; `type` is JSON's, or any."""

    type: str
    default: object
    alias: str | None
    deprecated: str | None
    list_form: ListForm | None = None
    switch: bool = False
    """Boolean, and there is no --no-flag."""

    @property
    def negatable(self) -> bool:
        """Whether there is a --no-flag."""
        return self.type == "boolean" and not self.switch


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric; labels without le, None where they aren't known."""

    type: str
    labels: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Version:
    """One minor version."""

    release: str
    flags: Mapping[str, Flag]
    environment: frozenset[str]
    metrics: Mapping[str, Metric]

    @property
    def minor(self) -> tuple[int, ...]:
        """To compare by: (0, 32)."""
        return _minor(self.release)


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


@cache
def _versions() -> Mapping[tuple[int, ...], Version]:
    files = [file for file in _FOLDER.iterdir() if file.name[:1].isdigit()]
    found = [_version(read(file, "vllm")) for file in files]
    return {version.minor: version for version in sorted(found, key=lambda version: version.minor)}


def _version(data: Mapping[str, Any]) -> Version:
    flags = {name: _read_flag(row) for name, row in data["flags"].items()}
    metrics = {
        name: Metric(row["type"], frozenset(row["labels"]) if "labels" in row else None)
        for name, row in data["metrics"].items()
    }
    return Version(data["release"], flags, frozenset(data["environment"]), metrics)


def _read_flag(row: Mapping[str, Any]) -> Flag:
    form = ListForm(row["list"]) if "list" in row else None
    texts = (row.get("alias"), row.get("deprecated"))
    return Flag(row.get("type", "any"), row.get("default"), *texts, form, switch="switch" in row)


def versions() -> tuple[str, ...]:
    """The releases that were read, oldest first; a patch of the same minor version counts as the same."""
    return tuple(version.release for version in _versions().values())


def catalogue(version: str) -> Version | None:
    """The facts about a version such as 0.32.1; None where its minor version isn't known."""
    return _versions().get(_minor(version))


@cache
def rules() -> Mapping[str, Any]:
    """Which flags and variables are removed, unsafe, computed, breaking or deprecated, whatever the version."""
    return read(_FOLDER / "rules.yaml", "vllm-rules")


def check_args(args: Mapping[str, Any], env: Mapping[str, str], unsafe: Collection[str], version: str) -> list[Finding]:
    """What is wrong with flags, variables and `unsafe` entries; KeyError for a version that isn't known."""
    known = _versions()[_minor(version)]
    found: list[Finding] = []
    for name, value in args.items():
        found += [(("args", name), message) for message in _flag(name, value, unsafe, known)]
    found += [(("args", name), message) for name, message in _together(args)]
    for name in env:
        found += [(("env", name), message) for message in _variable(name, unsafe, known)]
    given = {*map(_positive, args), *args, *env}
    for index, name in enumerate(unsafe):
        if name not in given:
            found.append((("unsafe", index), f"{name} is neither in args nor in env; remove it here too"))
        elif not _rule("unsafe", name):
            found.append((("unsafe", index), f"{name} needs no entry here"))
    return found


def _positive(name: str) -> str:
    return name.removeprefix("no-")


def _flag(name: str, value: object, unsafe: Collection[str], known: Version) -> Iterator[str]:
    negated = name.startswith("no-") and name not in known.flags
    flag = known.flags.get(_positive(name) if negated else name)
    canonical = (flag.alias if flag else None) or (_positive(name) if negated else name)
    if gone := _gone(name, known):
        yield gone
    elif flag is None or (negated and not flag.negatable):
        yield f"vLLM {known.release} has no flag --{name}; {nearest(name, known.flags)}"
    elif by := _rule("computed", canonical):
        yield f"gpuyard sets it from {by}; remove it here"
    else:
        if not negated and value is not False:
            yield from _unsafe(canonical, unsafe)
        yield from _type(value, flag if flag.alias is None else known.flags[flag.alias])
        yield from content(value)


def _together(args: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What each flag may be and all of them, or the arithmetic, may not."""
    for name in args:
        if name.startswith("no-") and _positive(name) in args:
            yield name, f"conflicts with {_positive(name)}; keep one"
    if args.get("enable-auto-tool-choice") is True and "tool-call-parser" not in args:
        yield "enable-auto-tool-choice", "needs tool-call-parser, which names the format of the model's tool calls"
    if args.get("dtype") in _FOUR_BYTES:
        message = (
            f"{args['dtype']} doubles weights and KV cache, which the fit counts at two bytes per value; use bfloat16"
        )
        yield "dtype", message


def _variable(name: str, unsafe: Collection[str], known: Version) -> Iterator[str]:
    if gone := _gone(name, known):
        yield gone
    elif by := _rule("computed", name):
        yield f"gpuyard sets it from {by}; remove it here"
    elif name.startswith("VLLM_") and name not in known.environment:
        yield f"vLLM {known.release} has no variable {name}; {nearest(name, known.environment)}"
    else:
        yield from _unsafe(name, unsafe)


def _gone(name: str, known: Version) -> str | None:
    for spelling in (name, _positive(name)):
        rule = rules()["removed"].get(spelling)
        if rule and _minor(rule["version"]) <= known.minor:
            flag = spelling if spelling.isupper() else f"--{spelling}"
            before = " or before" if rule.get("before") else ""
            return f"{flag} was removed in {rule['version']}{before}; {rule['instead']}"
    return None


def _rule(kind: str, name: str) -> str | None:
    """What a kind of rules says of a name; a * at a rule's end stands for anything."""
    table: Mapping[str, str] = rules()[kind]
    patterns = (rule for rule in table if rule.endswith("*") and name.startswith(rule[:-1]))
    return table.get(name) or next((table[rule] for rule in patterns), None)


def _unsafe(name: str, unsafe: Collection[str]) -> Iterator[str]:
    reason = _rule("unsafe", name)
    if reason and name not in unsafe:
        yield f"{reason}; to allow it, add {name} to serving.unsafe"


def _type(value: object, flag: Flag) -> Iterator[str]:
    expected = _PYTHON.get(flag.type)
    wrong_bool = isinstance(value, bool) and flag.type != "boolean"
    if expected and (wrong_bool or not isinstance(value, expected)):
        yield f"must be {'an' if flag.type[0] in 'aeio' else 'a'} {flag.type}"
    elif flag.list_form is ListForm.JSON and isinstance(value, str):
        yield "must be an array"  # the chart writes it as the JSON text that vLLM reads
    elif flag.list_form is ListForm.REPEAT and isinstance(value, list) and len(value) > 1:
        yield "may have only one entry: vLLM takes more by repeating the flag, which its configuration file cannot do"


def deprecations(args: Mapping[str, Any], version: str) -> list[Finding]:
    """Flags that the version still takes and a later one won't."""
    known = _versions()[_minor(version)]
    soon = rules()["deprecated"]
    found: list[Finding] = []
    for name in args:
        flag = known.flags.get(_positive(name))
        if flag and (message := flag.deprecated or soon.get(_positive(name))):
            found.append((("args", name), message))
    return found
