"""Every text that a server is started with: of flags, of the JSON in them, and of variables."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gpuyard.resolve.overrides import Values

__all__ = ["Text", "of_args", "of_variables"]

_JSON = ("{", "[")
_VARIABLE = re.compile(r"\$\(([-._A-Za-z0-9]+)\)")


@dataclass(frozen=True, slots=True)
class Text:
    """A text, and the names that lead to it: the flag or variable, then keys of its value."""

    names: tuple[str, ...]
    value: str

    @property
    def name(self) -> str:
        """Of what holds it: the last one, an element of a list is its list's."""
        return self.names[-1]

    @property
    def shown(self) -> str:
        """For people."""
        return ".".join(self.names)


def of_args(args: Mapping[str, Any]) -> Iterator[Text]:
    """Of flags; a text that holds JSON is what it holds."""
    for name, value in args.items():
        yield from _of((name.removeprefix("no-"),), value)


def of_variables(values: Values) -> Iterator[Text]:
    """Of variables whose text is known here, as the chart gets them; $(NAME) in it is an earlier one."""
    known: dict[str, str] = {}
    for each in values.get("extraEnv", ()):
        if isinstance(each.get("value"), str):
            text = known[each["name"]] = _VARIABLE.sub(lambda found: known.get(found[1], found[0]), each["value"])
            yield from _of((each["name"],), text)


def _of(names: tuple[str, ...], value: Any) -> Iterator[Text]:
    """Without recursion: JSON may be as deep as its reader takes it."""
    waiting = [(names, value)]
    while waiting:
        names, value = waiting.pop()
        value = _read(value)
        if isinstance(value, Mapping):
            waiting += reversed([((*names, str(key)), each) for key, each in value.items()])
        elif isinstance(value, list):
            waiting += reversed([(names, each) for each in value])
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            yield Text(names, str(value))


def _read(value: Any) -> Any:
    """What JSON in a text holds; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in _JSON:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
