"""A chart that renders another one for many values at once, and nothing twice.

Helm parses the templates anew for each rendering. This chart's only template takes a list of values and, for each,
which pieces of the other chart's templates to call with them, as Helm would. It is known what a piece reads; where
that is the same for several values, it is called for the first. The calls get no other values than those that they
were found to read. The texts come back as a line of JSON each, which no value can break out of.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from gpuyard.doors.chartpieces import pieces_of

__all__ = ["Batch"]

_TEMPLATES = "templates"
_KEY = "each"
_OWN = """\
{{- range $.Values.each }}
{{- $root := dict "Values" .values "Chart" $.Chart "Release" $.Release "Capabilities" $.Capabilities "Files" $.Files }}
{{- range .pieces }}
{{ include . $root | toJson }}
{{- end }}
{{- end }}
"""
_NAMED = """{{ $_ := set . "Template" (dict "Name" %s "BasePath" %s) }}"""

Values = Mapping[str, Any]
Question = tuple[int | None, ...]
"""The number of a piece, and of each value that it reads."""


class Batch:
    """Made of the name and the files of the chart for one; `chart` is for many."""

    def __init__(self, name: str, chart: Mapping[PurePosixPath, str]) -> None:
        templates = {path: text for path, text in chart.items() if path.parts[0] == _TEMPLATES}
        self.chart = {path: text for path, text in chart.items() if path not in templates}
        self.chart |= {path: text for path, text in templates.items() if path.name.startswith("_")}
        self.chart |= {PurePosixPath("values.yaml"): f"{_KEY}: []\n", PurePosixPath(_TEMPLATES, "batch.yaml"): _OWN}
        numbers: dict[str, int] = {}
        self._reads: list[Sequence[str] | None] = []
        self._files: list[list[int]] = []
        asked = any(".Template." in text for text in templates.values())
        base = json.dumps(f"{name}/{_TEMPLATES}")
        for path, pieces in pieces_of(templates).items():
            head = _NAMED % (json.dumps(f"{name}/{path}"), base) if asked else ""
            for piece in pieces:
                if numbers.setdefault(head + piece.source, len(numbers)) == len(self._reads):
                    self._reads.append(None if piece.reads is None else sorted(piece.reads))
            self._files.append([numbers[head + piece.source] for piece in pieces])
        places = [PurePosixPath(_TEMPLATES, f"_piece-{number}.tpl") for number in numbers.values()]  # called by path
        self._names = [f"{name}/{place}" for place in places]
        self.chart |= dict(zip(places, numbers, strict=True))

    def texts(self, several: Sequence[Values], render: Callable[[Values], Mapping[str, str]]) -> list[list[str]]:
        """What each template gives, for each of the values in their order."""
        numbers = _Numbers()
        questions = [self._questions(values, numbers) for values in several]
        known: set[Question] = set()
        asked: list[Question] = []
        requests = []
        for values, each in zip(several, questions, strict=True):
            if new := [question for question in each if question not in known]:
                known.update(new)
                asked += new
                requests.append(self._request(values, new))
        lines = [line for text in render({_KEY: requests}).values() for line in text.split("\n") if line]
        # Go's word for nothing is taken out as by Helm.
        answers = [json.loads(line).replace("<no value>", "") for line in lines]
        found = dict(zip(asked, answers, strict=True))
        return [["".join([found[each[piece]] for piece in file]) for file in self._files] for each in questions]

    def _questions(self, values: Values, numbers: "_Numbers") -> list[Question]:
        """One for each piece."""
        number = {key: numbers.of(value) for key, value in values.items()}
        return [
            (piece, numbers.of(values)) if reads is None else (piece, *map(number.get, reads))
            for piece, reads in enumerate(self._reads)
        ]

    def _request(self, values: Values, questions: Sequence[Question]) -> dict[str, object]:
        pieces = [piece for piece, *_ in questions if piece is not None]
        reads = [self._reads[piece] for piece in pieces]
        keys = values if None in reads else {key for each in reads for key in each or ()} & values.keys()
        return {"values": {key: values[key] for key in keys}, "pieces": [self._names[piece] for piece in pieces]}


class _Numbers:
    """Of values that live as long: equal ones have the same."""

    def __init__(self) -> None:
        self._by_id: dict[int, int] = {}
        self._by_text: dict[str, int] = {}

    def of(self, value: object) -> int:
        """Of one value."""
        found = self._by_id.get(id(value))  # most are the chart's defaults
        if found is None:
            found = self._by_text.setdefault(json.dumps(value), len(self._by_text))
            self._by_id[id(value)] = found
        return found
