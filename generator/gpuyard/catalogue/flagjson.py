"""Whether vLLM takes what stands in the JSON of a flag, as pydantic reads it into the classes of its configuration."""

import math
from collections.abc import Container, Iterator, Mapping
from typing import Any

from gpuyard.catalogue.flagbounds import Given, Wrong, bound, known_keys
from gpuyard.catalogue.flagkinds import ANY, Kind

__all__ = ["keys_of"]

_TRUTHS = frozenset({"true", "false", "1", "0", "yes", "no", "on", "off", "t", "f", "y", "n"})
_HINTED = 100
"""Unknown keys of an object that are compared with the known ones; nobody is told of more."""
_PYTHON: Mapping[str, type | tuple[type, ...]] = {
    "boolean": bool,
    "array": list,
    "object": dict,
    "string": str,
    "null": type(None),
    "any": object,
}


def keys_of(read: Mapping[str, Any], kind: Kind, given: Given) -> Iterator[Wrong]:
    """What is wrong in JSON; nothing here is certain but for the version."""
    known = given.objects.get(kind.object or "")
    if known is None:
        for key, each in read.items() if kind.items else ():
            yield from (
                found._replace(path=(key, *found.path)) for found in _json(each, kind.items or ANY, given, read)
            )
        return
    plain = {key.replace("-", "_"): key for key in read}
    unknown = [name for name in plain if name not in known]
    hinted = {*unknown[:_HINTED]}
    for name, key in plain.items():
        if name not in known:
            instead = given.gone.get(f"{kind.object}.{name}")
            near = known_keys(name if name in hinted else "", known, given)
            hint = f"no longer a key of it; {instead}" if instead else f"not a key of it; {near}"
            yield Wrong((key,), f"is {hint}")
        else:
            found = _json(read[key], known[name], given, read)
            yield from (each._replace(path=(key, *each.path)) for each in found)
    for name in (name for name, each in known.items() if each.required and name not in plain):
        yield Wrong((), f"must have {name}")


def _json(value: Any, kind: Kind, given: Given, beside: Container[str]) -> Iterator[Wrong]:
    """As pydantic takes it."""
    if value is None and kind.null:
        return
    types = [each for each in kind.types if _is(value, each)]
    if not types:
        names = [each for each in kind.types if each != "null"]
        words = " or ".join(f"{'an' if each[0] in 'aeio' else 'a'} {each}" for each in names)
        yield Wrong((), f"must be {words}")
    elif isinstance(value, dict) and "object" in types:
        yield from keys_of(value, kind, given)
    elif isinstance(value, list):
        for index, entry in enumerate(value if kind.items else ()):
            yield from (
                each._replace(path=(index, *each.path)) for each in _json(entry, kind.items or ANY, given, beside)
            )
    elif "any" not in types and not (kind.more and kind.more.replace("-", "_") in beside):
        yield from bound(_plain(value, types), kind, given)


def _plain(value: Any, types: Container[str]) -> Any:
    """The number that a text or 3.0 stands for, where it can't be meant otherwise."""
    numeric = "integer" in types or "number" in types
    if isinstance(value, bool) or not numeric or (isinstance(value, str) and "string" in types):
        return value
    number = float(value)
    return int(number) if number.is_integer() else number


def _is(value: object, type: str) -> bool:
    """Whether pydantic takes a value of JSON for a type; it reads numbers and truths in texts, too."""
    if type == "boolean" and not isinstance(value, bool):
        return str(value).lower() in _TRUTHS and isinstance(value, int | str)
    if type not in ("integer", "number"):
        return isinstance(value, _PYTHON[type])
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return False
    return math.isfinite(number) and (type == "number" or number.is_integer())
