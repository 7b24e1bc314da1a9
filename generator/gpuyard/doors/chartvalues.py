"""Values of a chart against its schema, once: Helm reads and compiles the schema anew for each rendering."""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.doors.schema import Breach, breaches_of, faults

__all__ = ["SCHEMA", "Values", "has_null"]

SCHEMA = PurePosixPath("values.schema.json")
_NONE: Mapping[str, str] = {}


class Values:
    """The defaults of a chart and the rules for its values; `words` say what would be right, by a rule's definition."""

    def __init__(self, chart: Mapping[PurePosixPath, str], words: Mapping[str, str] = _NONE) -> None:
        self._defaults: Mapping[str, Any] = yamlio.load_data(chart[PurePosixPath("values.yaml")]) or {}
        self._schema: Mapping[str, Any] = json.loads(chart[SCHEMA]) if SCHEMA in chart else {}
        for name, text in words.items():
            self._schema["definitions"][name]["x-error"] = text

    def problems(self, values: Mapping[str, Any]) -> Iterator[str]:
        """What the chart doesn't take, with its place; defaults filled in as Helm does it."""
        return faults(_coalesced(self._defaults, values), self._schema)

    def breaches(self, values: Mapping[str, Any]) -> list[Breach]:
        """The same in the words that users read, for values of theirs."""
        return breaches_of(_coalesced(self._defaults, values), self._schema)

    def filled(self, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """With the defaults, if the chart takes them and none is null, which Helm has more than one rule for."""
        whole = _coalesced(self._defaults, values)
        return None if has_null(values) or any(faults(whole, self._schema)) else whole


def has_null(value: object) -> bool:
    """Whether it is null, or anything in it."""
    if isinstance(value, Mapping):
        return any(map(has_null, value.values()))
    return any(map(has_null, value)) if isinstance(value, list | tuple) else value is None


def _coalesced(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Maps are merged, null takes a default away, everything else replaces it."""
    result = dict(defaults)
    for key, value in values.items():
        if value is None and key in result:
            del result[key]
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _coalesced(result[key], value)
        else:
            result[key] = value
    return result
