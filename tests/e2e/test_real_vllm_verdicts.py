"""What `check` passes starts, and what it refuses would not have: the real vLLM is the judge.

Its own parser and its own configuration decide, with the arguments of the rendered pod; no weights are loaded and no
GPU is asked. What vLLM can't show without them (memory, the network, what is unsafe) is tested elsewhere.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
import yaml

from gpuyard.errors import InputError
from tests.e2e.vllm.judging import Line, Verdict, judged, line, refused_line
from tests.e2e.vllm.server import NEEDS_VLLM
from tests.projects import Values, merged

pytestmark = NEEDS_VLLM

_CASES: Final = yaml.safe_load((Path(__file__).parent / "vllm" / "cases.yaml").read_text("utf-8"))
ACCEPTED: Final[Mapping[str, Any]] = _CASES["accepted"]
REFUSED: Final[Mapping[str, Any]] = _CASES["refused"]
STRICTER: Final[Mapping[str, Any]] = _CASES["stricter"]
MOST_STRICTER: Final = 3


def test_the_table_is_large_enough() -> None:
    assert len(ACCEPTED) >= 60
    assert len(REFUSED) >= 60
    assert len(STRICTER) <= MOST_STRICTER
    assert len({*ACCEPTED, *REFUSED, *STRICTER}) == len(ACCEPTED) + len(REFUSED) + len(STRICTER)
    assert [name for name, case in STRICTER.items() if not case["why"]] == []


@pytest.mark.parametrize("name", ACCEPTED)
def test_vllm_takes_what_check_passes(name: str) -> None:
    assert _problems(ACCEPTED[name]) == []
    assert _verdict(name) is None


@pytest.mark.parametrize("name", REFUSED)
def test_check_refuses_what_vllm_refuses(name: str) -> None:
    case, words = REFUSED[name], _verdict(name)
    assert case["says"] in (words or "it starts")
    assert _problems(case) != [], f"check passes it, and vLLM says: {words}"


@pytest.mark.parametrize("name", STRICTER)
def test_where_check_is_stricter_is_known(name: str) -> None:
    """A case that both take, or both refuse, by now belongs elsewhere."""
    assert _verdict(name) is None
    assert _problems(STRICTER[name]) != []


def _problems(case: Mapping[str, Any]) -> list[str]:
    """What check says."""
    try:
        line(_spec(case), case.get("shape", "h100"))
    except InputError as error:
        return [problem.message for problem in error.problems]
    return []


def _verdict(name: str) -> str | None:
    """Of vLLM."""
    verdicts, reasons = _verdicts()
    assert name in verdicts, f"check refuses it even without its flags: {reasons[name]}"
    return verdicts[name].refused


@cache
def _verdicts() -> tuple[Mapping[str, Verdict], Mapping[str, str]]:
    """On all cases, by one process; and why there is no command line of some."""
    lines, reasons = {}, {}
    for name, case in {**ACCEPTED, **REFUSED, **STRICTER}.items():
        try:
            lines[name] = _line(case, passes=name in ACCEPTED)
        except InputError as error:
            reasons[name] = str(error)
    with TemporaryDirectory(prefix="judged-") as root:
        return dict(zip(lines, judged(list(lines.values()), Path(root)), strict=True)), reasons


def _line(case: Mapping[str, Any], *, passes: bool) -> Line:
    spec, shape = _spec(case), case.get("shape", "h100")
    if passes and not _problems(case):
        return line(spec, shape)
    return refused_line(spec, shape, case.get("base", {}), case.get("means", {}))


def _spec(case: Mapping[str, Any]) -> Values:
    """The spec of its blueprint."""
    name = case["model"]
    facts = _CASES["facts"].get(name)
    model = {"architecture": {"name": name, **facts}} if facts else {"name": name}
    serving = {key: case[key] for key in ("args", "env", "unsafe") if key in case}
    return merged({"model": model, "serving": serving}, case.get("spec", {}))
