"""A chart that renders another one for many values at once: Helm parses the templates anew for each rendering.

Its only template takes a list of values, with the chart's defaults in them, and calls the other chart's templates as
Helm would, with each. The texts come back as a line of JSON for each, which no value can break out of.
"""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath

__all__ = ["KEY", "batched", "texts"]

KEY = "each"
"""Of the list of values."""
_TEMPLATES = "templates"
_OWN = PurePosixPath(_TEMPLATES, "batch.yaml")
_HEAD = """\
{{- range $.Values.each }}
{{- $root := dict "Values" . "Chart" $.Chart "Release" $.Release "Capabilities" $.Capabilities "Files" $.Files }}
{{- $texts := list }}
"""
_CALL = """\
{{- $_ := set $root "Template" (dict "Name" %(name)s "BasePath" $.Template.BasePath) }}
{{- $texts = append $texts (include %(partial)s $root) }}
"""
_TAIL = """\
{{ toJson $texts }}
{{ end }}
"""


def batched(name: str, chart: Mapping[PurePosixPath, str]) -> dict[PurePosixPath, str]:
    """The chart for many values, by the name and the files of the chart for one."""
    files, calls = {PurePosixPath("values.yaml"): f"{KEY}: []\n"}, []
    for path, text in chart.items():
        place = path
        if path.parts[0] == _TEMPLATES and not path.name.startswith("_"):
            if path.name == "NOTES.txt":
                continue
            place = path.with_name(f"_{path.name}")  # parsed and not rendered; called by its path
            calls.append({"name": json.dumps(f"{name}/{path}"), "partial": json.dumps(f"{name}/{place}")})
        files.setdefault(place, text)
    files[_OWN] = _HEAD + "".join(_CALL % call for call in calls) + _TAIL
    return files


def texts(rendered: Mapping[str, str]) -> list[list[str]]:
    """What each template gave, for each of the values in their order; Go's word for nothing is taken out as by Helm."""
    lines = (line for text in rendered.values() for line in text.splitlines() if line.strip())
    return [[text.replace("<no value>", "") for text in json.loads(line)] for line in lines]
