"""What is wrong with the flags and variables of a server, by its version of vLLM and by our rules."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from gpuyard.catalogue import flagpowers, variablepowers
from gpuyard.catalogue.flagcontents import Given, Wrong, wrong
from gpuyard.catalogue.flagsets import together
from gpuyard.catalogue.flagvalues import MOST_TOGETHER, bytes_of, content, text
from gpuyard.catalogue.vllm import Flag, ListForm, Version, base, minor, removed, rules
from gpuyard.errors import meant

__all__ = [
    "Finding",
    "allowed",
    "assumptions",
    "check_args",
    "check_unsafe",
    "deprecations",
    "needed",
    "passed_on",
    "usable",
]

Finding = tuple[tuple[str | int, ...], str]
"""Which flag or variable (`args` or `env`, and the name, and where in it, or all of them), and what is wrong."""

_OURS = ("computed", "unsupported")
_CODE = ("PYTHONPATH", "VLLM_PLUGINS")
"""Variables by which others' code is imported, which may register names."""


def check_args(
    args: Mapping[str, Any],
    env: Collection[str],
    unsafe: Collection[str],
    version: str,
    *,
    released: bool = True,
    files: Collection[str] = (),
) -> list[Finding]:
    """What is wrong with flags, and with names of variables.

    `released`: the server is vLLM's own release of that version, and no other build of it. `files`: paths in the pod
    of what may be read by anybody.
    """
    known = base(version)
    whole = released and minor(version) == known.minor
    found: list[Finding] = []
    beside, misnamed = _beside(args, env), set[str]()
    for name, value in args.items():
        flag, _, _ = known.named(name)
        messages = (_gone(name, version) if flag is None else []) or _name(name, known, whole=whole)
        problems = [Wrong((), each, typed=True) for each in messages]
        if problems:
            misnamed.add(name)
        else:
            problems += _value(name, value, flag, known, beside)
        found += [(("args", name, *each.path), each.message) for each in problems if whole or each.typed]
    readable, entries = usable(args, version), {*map(flagpowers.entry, unsafe)}
    for each in flagpowers.find(readable, known, files, whole=whole):
        if each.asked and each.entry not in entries and each.path[0] not in misnamed:
            found.append((("args", *each.path), _to_allow(each, known)))
    found += [(("args", *path), message) for path, message in together(readable)] if whole else []
    for name in env:
        gone = _gone(name, version) if name not in known.environment else []
        messages = gone or _variable(name, unsafe, known, whole=whole)
        found += [(("env", name), message) for message in messages]
    if (size := bytes_of(args)) > MOST_TOGETHER:
        found.append((("args",), f"{size} bytes are too much for the object of a pod; {MOST_TOGETHER} at most"))
    return found


def usable(args: Mapping[str, Any], version: str) -> dict[str, Any]:
    """The flags whose values are of the right type, so that others can read them; a flag's text is a text."""
    known = base(version)
    found: dict[str, Any] = {}
    for name, value in args.items():
        flag, _, _ = known.named(name)
        if not any(each.typed for each in _value(name, value, flag, known, args)):
            plain = flag is not None and flag.type == "string"
            found[name] = text(value) if plain else value
    return found


def _beside(args: Iterable[str], env: Collection[str]) -> frozenset[str]:
    """Flags that are given; empty is in it where code of others may register names."""
    return frozenset({*args, *([""] if set(_CODE) & set(env) else [])})


def _value(name: str, value: object, flag: Flag | None, known: Version, beside: Collection[str]) -> Iterator[Wrong]:
    """What is wrong with the value of a flag; of one that nobody knows, with its form."""
    listed = f"`vllm serve --help={name}` of vLLM {known.release} lists them"
    problems = (
        list(wrong(value, flag.kind, Given(known.objects, beside, rules()["removed_keys"], listed))) if flag else []
    )
    if not problems and flag and flag.list_form is ListForm.JSON and isinstance(value, str):
        problems = [Wrong((), "must be an array", typed=True)]  # it is written as the JSON text that vLLM reads
    yield from problems
    if problems and isinstance(value, float):
        return  # said already
    mappings = flag is not None and flag.kind.items is not None and flag.kind.items.object is not None
    for path, message in content(value, words=flag is None or flag.list_form is None, mappings=mappings):
        yield Wrong(path, message, typed=True)


def needed(
    args: Mapping[str, Any],
    env: Collection[str],
    version: str,
    *,
    released: bool = True,
    files: Collection[str] = (),
) -> dict[str, str]:
    """The entries of `unsafe` that a server with `usable` flags may have, and what each of them allows."""
    known = base(version)
    whole = released and minor(version) == known.minor
    found = {each.entry: each.allows for each in flagpowers.find(args, known, files, whole=whole)}
    opened = {name: variablepowers.does(name) for name in env if not _not_yours(name)}
    return found | {name: does for name, does in opened.items() if does}


def check_unsafe(unsafe: Iterable[str], given: Collection[str], needs: Collection[str]) -> Iterator[tuple[int, str]]:
    """Entries of `unsafe` that allow nothing, by their index.

    `given` are the names of all flags, variables and values, `needs` the entries that they need.
    """
    names = {*map(_positive, given), *given}
    for index, name in enumerate(unsafe):
        own = flagpowers.entry(name)
        if own in needs:
            continue
        if own.partition(".")[0] not in names and own not in names:
            yield index, f"{name} is neither in args nor in env; remove it here too"
        elif inside := sorted(each for each in needs if each.startswith(f"{own}.")):
            yield index, f"{name} needs no entry here, and what is in it needs its own: {', '.join(inside)}"
        else:
            yield index, f"{name} needs no entry here"


def passed_on(args: Mapping[str, Any], env: Collection[str], version: str, *, released: bool = True) -> list[Finding]:
    """What the server gets though nobody here knows it, and what may have been meant."""
    known = base(version)
    if released and minor(version) == known.minor:
        return []
    found: list[Finding] = []
    for name, value in args.items():
        flag, _, _ = known.named(name)
        if flag is None:
            found.append((("args", name), _passed(f"has no flag --{name}", meant(name, known.flags), known)))
        else:
            problems = _value(name, value, flag, known, _beside(args, env))
            found += [(("args", name, *each.path), _other(each.message, known)) for each in problems if not each.typed]
    for name in (name for name in env if name.startswith("VLLM_") and name not in known.environment):
        found.append((("env", name), _passed(f"has no variable {name}", meant(name, known.environment), known)))
    return found


def _passed(what: str, near: str, known: Version) -> str:
    hint = f"; did you mean {near}?" if near else ""
    return f"vLLM {known.release} of the catalogue {what}; it is passed on as written{hint}"


def _other(message: str, known: Version) -> str:
    return f"{message}, by vLLM {known.release} of the catalogue; it is passed on as written"


def _positive(name: str) -> str:
    return name.removeprefix("no-")


def _name(name: str, known: Version, *, whole: bool) -> Iterator[str]:
    """What is wrong with a flag, whatever its value; `whole`: the version has no other flags than are known."""
    flag, own, _ = known.named(name)
    if whole and flag is None:
        hint = _near(name, known.flags, f"`vllm serve --help=all` of vLLM {known.release} lists what there is")
        yield f"vLLM {known.release} has no flag --{name}; {hint}"
    elif ours := _not_yours(own):
        yield ours
    elif flag is None and (longer := _abbreviated(own, known)):
        yield f"vLLM may read it as short for {longer}; write the whole name"


def _not_yours(name: str) -> str | None:
    if by := _rule("computed", name):
        return f"gpuyard sets it from {by}; remove it here"
    if reason := _rule("unsupported", name):
        return f"is not supported: {reason}"
    return None


def _near(name: str, known: Iterable[str], listed: str) -> str:
    near = meant(name, known)
    return f"did you mean {near}?" if near else listed


def _abbreviated(name: str, known: Version) -> str | None:
    """A flag with a rule of ours that argparse may take a beginning for."""
    longer = (each for each in known.flags if each.startswith(name))
    opens = flagpowers.table()["flags"]
    return next((each for each in longer if each in opens or any(_rule(kind, each) for kind in _OURS)), None)


def _variable(name: str, unsafe: Collection[str], known: Version, *, whole: bool) -> Iterator[str]:
    if ours := _not_yours(name):
        yield ours
    elif whole and name.startswith("VLLM_") and name not in known.environment:
        hint = _near(name, known.environment, f"vllm/envs.py of vLLM {known.release} lists what there is")
        yield f"vLLM {known.release} has no variable {name}; {hint}"
    elif (does := variablepowers.does(name)) and name not in unsafe:
        yield allowed(name, does)


def _gone(name: str, version: str) -> list[str]:
    for spelling in (name, _positive(name)):
        if message := removed(spelling, version):
            return [f"{'' if spelling.isupper() else '--'}{spelling} {message}"]
    return []


def _rule(kind: str, name: str) -> str | None:
    """What a kind of rules says of a name; a * at a rule's end stands for anything."""
    table: Mapping[str, str] = rules()[kind]
    patterns = (rule for rule in table if rule.endswith("*") and name.startswith(rule[:-1]))
    return table.get(name) or next((table[rule] for rule in patterns), None)


def allowed(entry: str, does: str) -> str:
    """What is said of something that needs an entry and has none."""
    return f"{does}; to allow it, add {entry} to serving.unsafe"


def _to_allow(power: flagpowers.Power, known: Version) -> str:
    """The same of a flag; one that nobody knows may be a known one misspelled."""
    unknown = power.allows == flagpowers.UNKNOWN and len(power.path) == 1
    if unknown and (near := meant(power.entry, known.flags)):
        return f"{power.allows}; did you mean {near}? To pass it on as written, add {power.entry} to serving.unsafe"
    return allowed(power.entry, power.allows)


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
