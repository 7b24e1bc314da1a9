"""The dashboard's data: fragments are filled in, and what is wrong has a place."""

from pathlib import Path

import pytest

from gpuyard.catalogue.panels import board, load
from gpuyard.errors import InputError
from tests.conftest import ROOT

FILE = ROOT / "generator" / "gpuyard" / "catalogue" / "panels.yaml"


def refused(folder: Path, old: str, new: str) -> tuple[str, str]:
    """The line in a copy in which one text is another, and what is said of it."""
    text = FILE.read_text("utf-8")
    assert text.count(old) == 1
    file = folder / "panels.yaml"
    file.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(InputError) as caught:
        load(file)
    (problem,) = caught.value.problems
    return file.read_text("utf-8").splitlines()[problem.location.line - 1], problem.message


def test_no_fragment_is_left() -> None:
    shipped = board()
    asked = [query.expression for row in shipped.rows for panel in row.panels for query in panel.queries]
    asked += [variable.query for variable in shipped.variables]
    assert [text for text in asked if "<" in text or ">" in text.replace(">= 0", "")] == []


def test_a_histogram_has_three_percentiles_for_each_model() -> None:
    panels = {panel.title: panel for row in board().rows for panel in row.panels}
    for title in ("Time to first token", "Between tokens", "Time per output token", "Whole request", "Queue"):
        assert [query.legend for query in panels[title].queries] == [
            f"{{{{model_name}}}} p{each}" for each in (50, 95, 99)
        ]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        (
            "(vllm:num_requests_waiting{<models>})'}\n      - title: Tokens",
            "(vllm:num_requests_waiting{<modles>})'}\n      - title: Tokens",
            """queries: {"{{pod}}": 'sum by (pod) (vllm:num_requests_waiting{<modles>})'}""",
            "uses <modles>, which is not a fragment defined before it; did you mean models?",
        ),
        (
            "(vllm:num_requests_running{<models>})\n  calls:",
            "(vllm:num_requests_running{<calls>})\n  calls:",
            "pods: group by (namespace, pod, model_name) (vllm:num_requests_running{<calls>})",
            "uses <calls>, which is not a fragment defined before it; known are known, models",
        ),
        (
            "      - title: Queue\n",
            "      - {title: Empty, description: Nothing?, unit: s}\n      - title: Queue\n",
            "- {title: Empty, description: Nothing?, unit: s}",
            "has nothing to show; it needs one of queries, histogram, columns",
        ),
        (
            "        histogram: vllm:request_prefill_time_seconds\n",
            "        histogram: vllm:request_prefill_time_seconds\n        queries: {a: 'vector(1)'}\n",
            "- title: Prefill",
            "has queries and histogram; it needs one of queries, histogram, columns",
        ),
        (
            "        histogram: vllm:request_decode_time_seconds\n",
            "        histogram: http_request_duration_seconds\n",
            "histogram: http_request_duration_seconds",
            'histogram is "http_request_duration_seconds"; must be a histogram of vLLM, such as '
            "vllm:e2e_request_latency_seconds",
        ),
    ],
)
def test_what_is_wrong_has_a_place(old: str, new: str, line: str, message: str, tmp_path: Path) -> None:
    place, said = refused(tmp_path, old, new)
    assert place.strip() == line
    assert said.endswith(message)
