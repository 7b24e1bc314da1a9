"""What a server's flags, and the keys of what they hold, let their author do, which `unsafe` has to name."""

import json
import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from gpuyard.catalogue import reach
from gpuyard.catalogue.datafiles import read
from gpuyard.catalogue.flagkinds import ANY, Kind
from gpuyard.catalogue.flagvalues import mapping
from gpuyard.catalogue.vllm import Version, rules

__all__ = ["Power", "entry", "find", "table", "unclassified"]

Path = tuple[str | int, ...]
_ODD = re.compile(r"[^A-Za-z0-9_.]")
UNKNOWN = "is not known to gpuyard in this version or build of vLLM, so that nobody can say what it does"
_EMPTY: tuple[object, ...] = (None, "", False, [], {})


class Power(NamedTuple):
    """Where it is written, the entry of `unsafe` that allows it, what it allows, and whether it must be asked for."""

    path: Path
    entry: str
    allows: str
    asked: bool = True


class _Place(NamedTuple):
    """A value in the arguments: where it is written, its entry, its kind, and whether all keys there are known."""

    path: Path
    entry: str
    kind: Kind
    closed: bool


@cache
def table() -> Mapping[str, Any]:
    """The rows of powers.yaml."""
    return read(resources.files("gpuyard") / "catalogue" / "vllm" / "powers.yaml", "vllm-powers")


def find(args: Mapping[str, Any], known: Version, files: Collection[str], *, whole: bool) -> Iterator[Power]:
    """What flags do; `files`: paths of the pod whose text anybody may read; `whole`: there are no other flags."""
    for name, given in args.items():
        head, *below = name.replace("_", "-").split(".")
        flag, own, negated = known.named(head)
        value = given if not negated or not isinstance(given, bool) else not given
        for key in reversed(below):
            value = {key: value}
        if flag is None:
            if not whole and own not in _refused():
                yield Power((name,), own, UNKNOWN, asked=not _is_number(value))
            continue
        place = _Place((name,), own, flag.kind, closed=whole)
        yield from _at(place, value, table()["flags"].get(own), known, files)


def entry(name: str) -> str:
    """An entry of `unsafe` in the one spelling: dashes in a flag, underscores in its keys; variables as they are."""
    head, dot, keys = name.partition(".")
    plain = name[:1].isupper() or name[:1] == "/" or head in ("values", name)
    return name if plain else f"{head.replace('_', '-')}{dot}{_key(keys)}"


def _key(name: object) -> str:
    """A key as entries have it: nothing in it that a file or a message would have to quote."""
    return _ODD.sub("_", str(name))


def unclassified(known: Version) -> Iterator[str]:
    """Flags and keys (Class.key) of a version that powers.yaml has no row for."""
    rows, harmless = table(), table()["harmless"]
    for name, flag in known.flags.items():
        if not flag.alias and name not in {*rows["flags"], *harmless["flags"], *_refused()}:
            yield name
    for cls, keys in known.objects.items():
        listed = {*harmless["keys"].get(cls, ()), *(key.partition(".")[2] for key in rows["keys"] if _of(key, cls))}
        yield from (f"{cls}.{key}" for key in keys if key not in listed)


def _of(key: str, cls: str) -> bool:
    return key.partition(".")[0] == cls


@cache
def _refused() -> frozenset[str]:
    """Flags that no blueprint can set."""
    return frozenset({*rules()["computed"], *rules()["unsupported"]})


def _at(
    place: _Place, value: Any, row: Mapping[str, Any] | None, known: Version, files: Collection[str]
) -> Iterator[Power]:
    """Of a value, and of what is in it."""
    if row and _matters(value, row, place, files):
        yield Power(place.path, place.entry, row["allows"])
    if row and not place.kind.object and {"object", "any"} & {*place.kind.types}:
        yield from _free(place, value)
    if place.kind.object or (place.kind.items and place.kind.items.object):
        yield from _inside(place, value, known, files)


def _matters(value: Any, row: Mapping[str, Any], place: _Place, files: Collection[str]) -> bool:
    if any(value == each and type(value) is type(each) for each in _EMPTY) or value in row.get("unless", ()):
        return False
    if "is" in row:
        return value in row["is"]
    if row.get("form") == "known" and place.closed:
        return False  # refused, but for a plugin that has an entry of its own
    return _FORMS[row.get("form", "")](value, place.kind, files)


def _inside(place: _Place, value: Any, known: Version, files: Collection[str]) -> Iterator[Power]:
    """The keys of an object, or of each in a list; a text has no lines of its own."""
    written, value = not isinstance(value, str), _parsed(value)
    if isinstance(value, list):
        for index, each in enumerate(value):
            path = (*place.path, index) if written else place.path
            yield from _inside(place._replace(path=path, kind=place.kind.items or ANY), each, known, files)
    cls, keys = place.kind.object or "", known.objects.get(place.kind.object or "", {})
    for key, each in value.items() if isinstance(value, Mapping) else ():
        name = _key(key)
        below = _Place(
            (*place.path, key) if written else place.path,
            f"{place.entry}.{name}",
            keys.get(name, ANY),
            closed=place.closed,
        )
        if name in keys:
            yield from _at(below, each, table()["keys"].get(f"{cls}.{name}"), known, files)
        elif not place.closed:
            yield Power(below.path, below.entry, UNKNOWN, asked=not _is_number(each))


def _free(place: _Place, value: Any) -> Iterator[Power]:
    """Keys of an object whose keys nobody lists, by their names; without recursion, as JSON may be deep."""
    waiting: list[tuple[Path, str, Any, bool]] = [(place.path, place.entry, value, True)]
    while waiting:
        path, name, found, written = waiting.pop()
        written, found = written and not isinstance(found, str), _parsed(found)
        if isinstance(found, list):
            waiting += [((*path, at) if written else path, name, each, written) for at, each in enumerate(found)]
        for key, each in found.items() if isinstance(found, Mapping) else ():
            below, below_name = (*path, key) if written else path, f"{name}.{_key(key)}"
            allows = _word(str(key))
            if allows and each not in _EMPTY:
                yield Power(below, below_name, allows)
            else:
                waiting.append((below, below_name, each, written))


def _word(key: str) -> str | None:
    plain = key.replace("-", "_").lower()
    return next((allows for word, allows in table()["words"].items() if fnmatchcase(plain, word)), None)


def _parsed(value: Any) -> Any:
    """What JSON in a text holds; anything else as it is."""
    if not isinstance(value, str):
        return value
    if (found := mapping(value)) is not None:
        return found
    try:
        return json.loads(value) if value.lstrip()[:1] == "[" else value
    except (ValueError, RecursionError):
        return value


def _is_number(value: Any) -> bool:
    """It names no module, file or address: where nobody knows what a flag does, its note is enough."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _has_text(value: Any, kind: Kind, files: Collection[str]) -> bool:
    """Whether a text is anywhere in it."""
    waiting = [value]
    while waiting:
        found = _parsed(waiting.pop())
        if isinstance(found, str) and found:
            return True
        waiting += found.values() if isinstance(found, Mapping) else found if isinstance(found, list) else ()
    return False


def _is_new(value: Any, kind: Kind, files: Collection[str]) -> bool:
    """Whether a name is in no closed set that is known."""
    names = {str(each).lower().replace("-", "_") for each in kind.choices}
    return isinstance(value, str) and bool(names) and value.lower().replace("-", "_") not in names


def _is_module(value: Any, kind: Kind, files: Collection[str]) -> bool:
    """As vLLM's SpeculativeConfig tells a class from a repository."""
    parts = value.split(".") if isinstance(value, str) and "/" not in value else []
    return len(parts) > 1 and all(part.isidentifier() for part in parts)


def _is_elsewhere(value: Any, kind: Kind, files: Collection[str]) -> bool:
    """Whether a path leads to another file than those."""
    return not isinstance(value, str) or value not in files


def _is_no_template(value: Any, kind: Kind, files: Collection[str]) -> bool:
    """Whether it is a path, and neither one of the files nor an example of the image."""
    if not isinstance(value, str) or any(each in value for each in "{}\n"):
        return not isinstance(value, str)
    folder = reach.paths()["folder"]
    return _is_elsewhere(value, kind, files) and not posixpath.normpath(posixpath.join(folder, value)).startswith(
        f"{folder}/examples/"
    )


_FORMS: Mapping[str, Callable[[Any, Kind, Collection[str]], bool]] = {
    "": lambda value, kind, files: True,
    "known": _is_new,
    "plain": _has_text,
    "words": lambda value, kind, files: False,
    "module": _is_module,
    "path": _is_elsewhere,
    "template": _is_no_template,
}
