"""Templates in pieces, and what each reads: what isn't understood reads everything."""

from pathlib import PurePosixPath

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.chartpieces import Piece, pieces_of
from gpuyard.doors.charttext import Element, elements

HELPERS = """\
{{- define "name" }}{{ .Values.first }}{{ include "other" . }}{{ end }}
{{- define "other" }}{{ with .Values.second }}{{ .third }}{{ end }}{{ end }}
{{- define "check.a" }}{{ .Values.a }}{{ end }}
{{- define "check.b" }}{{ .Values.b }}{{ include "check.a" . }}{{ end }}
{{- define "odd" }}{{ toYaml .Values }}{{ end }}
"""


def pieces(text: str) -> list[Piece]:
    files = {"_helpers.tpl": HELPERS, "object.yaml": text, "NOTES.txt": "{{ .Values.never }}"}
    (found,) = pieces_of({PurePosixPath("templates", name): content for name, content in files.items()}).values()
    return found


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a\n{{- .b }} c", ["a", "{{- .b }}", " c"]),
        ("a {{ .b -}}\n c", ["a ", "{{ .b -}}", "c"]),
        ("a {{- /* }} said { */ -}} b", ["a", "b"]),
        (
            '{{ if eq .a "}}" }}x{{ else if .b }}y{{ end }}{{ `}}` }}',
            ['{{ if eq .a "}}" }}x{{ else if .b }}y{{ end }}', "{{ `}}` }}"],
        ),
        ("{{ range .a }}{{ with . }}x{{ end }}{{ end }}y", ["{{ range .a }}{{ with . }}x{{ end }}{{ end }}", "y"]),
        ("a{ {{- .b }}", ['{{ "a{" }}', "{{- .b }}"]),
        ("{{ if .a }}never closed", ["{{ if .a }}never closed"]),
    ],
)
def test_parts(text: str, parts: list[str]) -> None:
    assert [part.source for part in elements(text)] == parts


def test_code_without_comments() -> None:
    assert elements("{{- if .a }}{{- /* .b */}}{{ .c }}{{ end -}}")[0].codes == ("if .a", ".c", "end")
    assert elements("x") == [Element("x")]


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("{{ .Values.a.b }} {{ $.Values.a }}", {"a"}),
        ("{{ with .root.Values.a }}{{ .b }}{{ end }}", {"a"}),
        ('{{ include "name" . }}', {"first", "second"}),
        ('{{ template "name" . }}', {"first", "second"}),
        ('{{ range list "a" "b" }}{{ include (printf "check.%s" .) $ }}{{ end }}', {"a", "b"}),
        ('{{ range pick .Values "a" "b" }}{{ . }}{{ end }}', {"a", "b"}),
        ('{{ toYaml (pick .Values "a") | nindent 2 }}', {"a"}),
        ('{{ printf ".Values.a" }}', {"a"}),
        ("{{ .Release.Name }}", set()),
        ("{{ tpl .Values.a . }}", None),
        ("{{ toYaml .Values }}", None),
        ('{{ index .Values "a" }}', None),
        ('{{ get . "Values" }}', None),
        ("{{ pick .Values .Values.a }}", None),
        ('{{ include "odd" . }}', None),
        ('{{ include "unknown" . }}', None),
        ("{{ include .Values.a . }}", None),
        ('{{ include (printf "check.%s%s" "a" "b") . }}', None),
    ],
)
def test_what_a_piece_reads(text: str, reads: set[str] | None) -> None:
    assert [piece.reads for piece in pieces(text)] == [reads]


def test_neighbours_are_joined_where_that_reads_no_more() -> None:
    found = pieces("{{ .Values.a }}{{ .Values.b }}{{ include `x` . }}{{ .Values.c }} {{ .Values.c }}")
    assert [(piece.source, piece.reads) for piece in found] == [
        ("{{ .Values.a }}", {"a"}),
        ("{{ .Values.b }}", {"b"}),
        ("{{ include `x` . }}{{ .Values.c }} {{ .Values.c }}", None),
    ]


def test_variables_go_along() -> None:
    text = "{{ $a := .Values.a }}{{ $b := add $a 1 }}{{ $c := 1 }}{{ .Values.x }}\n{{ if $b }}{{ $c }}{{ end }}"
    assert [(piece.source, piece.reads) for piece in pieces(text)] == [
        ("{{ .Values.x }}\n", {"x"}),
        ("{{ $a := .Values.a }}{{ $b := add $a 1 }}{{ $c := 1 }}{{ if $b }}{{ $c }}{{ end }}", {"a"}),
    ]


def test_a_variable_takes_no_blanks_where_it_goes() -> None:
    (piece,) = pieces("{{- $a := 1 -}} a: {{ $a }}")
    assert piece.source == "a: {{ $a := 1 }}{{ $a }}"


@pytest.mark.parametrize(
    "text",
    [
        "{{ $a := 1 }}{{ if .Values.x }}{{ $a = 2 }}{{ end }}{{ .Values.y }}{{ $a }}",
        '{{ $_ := set . "x" 1 }}{{ .Values.x }}{{ .Values.y }}',
        "{{ $a := .Values.x }}{{ $a := .Values.y }}{{ .Values.x }}",
    ],
)
def test_what_has_an_order_stays_together(text: str) -> None:
    assert [(piece.source, piece.reads) for piece in pieces(text)] == [(text, {"x", "y"})]


def test_the_chart_is_understood() -> None:
    """Or all that this is for is lost: of the Deployment, only little is rendered anew for each shape."""
    chart = shipped_charts()["vllm"]
    found = pieces_of({path: text for path, text in chart.items() if path.parts[0] == "templates"})
    assert all(piece.reads is not None for each in found.values() for piece in each)
    assert [path.name for path, each in found.items() for piece in each if "args" in (piece.reads or ())] == [
        "deployment.yaml",
        "deployment.yaml",
    ]
