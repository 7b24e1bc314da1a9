"""What is wrong with the flags and variables of a server, by its version of vLLM and by our rules."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from gpuyard.catalogue.flagvalues import MOST_TOGETHER, content, together
from gpuyard.catalogue.vllm import Flag, ListForm, Version, base, minor, rules
from gpuyard.errors import meant, nearest

__all__ = ["Finding", "assumptions", "check_args", "check_unsafe", "deprecations", "passed_on"]

Finding = tuple[tuple[str, ...], str]
"""Which flag or variable (`args` or `env`, and the name, or all of them), and what is wrong."""

_FLAGS = "`vllm serve --help=all` lists its flags"
_VARIABLES = "https://docs.vllm.ai/en/latest/configuration/env_vars/ lists its variables"
_FOUR_BYTES = ("float", "float32")
_PYTHON: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int, str),  # vLLM reads 16k
    "number": (int, float, str),
    "string": (str, int, float),
    "array": (list, str),
    "object": (dict, str),
}


def check_args(
    args: Mapping[str, Any], env: Iterable[str], unsafe: Collection[str], version: str, *, released: bool = True
) -> list[Finding]:
    """What is wrong with flags, and with names of variables.

    `released`: the server is vLLM's own release of that version, and no other build of it.
    """
    known, own = base(version), minor(version)
    whole = released and own == known.minor
    found: list[Finding] = []
    for name, value in args.items():
        messages = _gone(name, own) or _flag(name, value, unsafe, known, whole=whole)
        found += [(("args", name), message) for message in messages]
    found += [(("args", name), message) for name, message in _together(args)]
    for name in env:
        messages = _gone(name, own) or _variable(name, unsafe, known, whole=whole)
        found += [(("env", name), message) for message in messages]
    if (size := together(args)) > MOST_TOGETHER:
        found.append((("args",), f"{size} bytes are too much for the object of a pod; {MOST_TOGETHER} at most"))
    return found


def check_unsafe(unsafe: Iterable[str], given: Collection[str]) -> Iterator[tuple[int, str]]:
    """Entries of `unsafe` that allow nothing, by their index; `given` are the names of all flags and variables."""
    names = {*map(_positive, given), *given}
    for index, name in enumerate(unsafe):
        if name not in names:
            yield index, f"{name} is neither in args nor in env; remove it here too"
        elif not _rule("unsafe", name):
            yield index, f"{name} needs no entry here"


def passed_on(args: Collection[str], env: Collection[str], version: str, *, released: bool = True) -> list[Finding]:
    """Flags and variables that the server gets though nobody here knows them, and what they may have meant."""
    known = base(version)
    if released and minor(version) == known.minor:
        return []
    flags = [name for name in args if known.named(name)[0] is None]
    variables = [name for name in env if name.startswith("VLLM_") and name not in known.environment]
    return [
        *((("args", name), _passed(f"flag --{name}", meant(name, known.flags), known)) for name in flags),
        *((("env", name), _passed(f"variable {name}", meant(name, known.environment), known)) for name in variables),
    ]


def _passed(what: str, near: str, known: Version) -> str:
    hint = f"; did you mean {near}?" if near else ""
    return f"vLLM {known.release} of the catalogue has no {what}; it is passed on as written{hint}"


def _positive(name: str) -> str:
    return name.removeprefix("no-")


def _flag(name: str, value: object, unsafe: Collection[str], known: Version, *, whole: bool) -> Iterator[str]:
    """`whole`: the version has no other flags than those that are known."""
    flag, own, negated = known.named(name)
    if whole and flag is None:
        yield f"vLLM {known.release} has no flag --{name}; {nearest(name, known.flags, listed=_FLAGS)}"
    elif by := _rule("computed", own):
        yield f"gpuyard sets it from {by}; remove it here"
    elif flag is None and (longer := _abbreviated(own, known)):
        yield f"vLLM may read it as short for {longer}; write the whole name"
    else:
        if (value is False) if negated else (value is not False):
            yield from _unsafe(own, unsafe)
        yield from _type(value, flag) if flag else ()
        yield from content(value, words=flag is None or flag.list_form is None)


def _abbreviated(name: str, known: Version) -> str | None:
    """A flag with a rule of ours that argparse may take a beginning for."""
    longer = (each for each in known.flags if each.startswith(name))
    return next((each for each in longer if _rule("computed", each) or _rule("unsafe", each)), None)


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


def _variable(name: str, unsafe: Collection[str], known: Version, *, whole: bool) -> Iterator[str]:
    if by := _rule("computed", name):
        yield f"gpuyard sets it from {by}; remove it here"
    elif whole and name.startswith("VLLM_") and name not in known.environment:
        yield f"vLLM {known.release} has no variable {name}; {nearest(name, known.environment, listed=_VARIABLES)}"
    else:
        yield from _unsafe(name, unsafe)


def _gone(name: str, version: tuple[int, ...]) -> list[str]:
    for spelling in (name, _positive(name)):
        rule = rules()["removed"].get(spelling)
        if rule and minor(rule["version"]) <= version:
            flag = spelling if spelling.isupper() else f"--{spelling}"
            before = " or before" if rule.get("before") else ""
            return [f"{flag} was removed in {rule['version']}{before}; {rule['instead']}"]
    return []


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
    if flag.type == "any" and isinstance(value, bool):
        yield "must be a value, not true or false"
    elif expected and ((isinstance(value, bool) and flag.type != "boolean") or not isinstance(value, expected)):
        yield f"must be {'an' if flag.type[0] in 'aeio' else 'a'} {flag.type}"
    elif flag.list_form is ListForm.JSON and isinstance(value, str):
        yield "must be an array"  # it is written as the JSON text that vLLM reads


def deprecations(args: Collection[str], version: str) -> list[Finding]:
    """Flags that the version still takes and a later one won't."""
    known, soon = base(version), rules()["deprecated"]
    found: list[Finding] = []
    for name in args:
        flag = known.flags.get(_positive(name))
        if flag and (message := flag.deprecated or soon.get(_positive(name))):
            found.append((("args", name), message))
    return found


def assumptions(version: str) -> Iterator[str]:
    """What isn't known of a version, as a sentence."""
    known = base(version)
    if known.minor != minor(version):
        yield (
            f"vLLM {version} is not in the catalogue: its flags, metrics and GPU memory are taken to be those of "
            f"{known.release}, and flags that {known.release} does not have are passed on as written"
        )
    elif known.release != version:
        yield f"flags and metrics of vLLM {version} are checked as those of {known.release}"
