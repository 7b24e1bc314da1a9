"""What `make crash` prints: the matrix of bootstraps and the table of kills, from reports of both."""

from types import SimpleNamespace

import pytest

from tests.conftest import pytest_terminal_summary


def test_both_tables_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUYARD_CRASH", "all")
    kills = {"scene": "pr on gitea, part 0", "kills": 84, "before": 40, "after": 44}
    told = ([("crash", "vcn|killed|2")], [("crash", kills)], [])
    reports = [SimpleNamespace(user_properties=each, when="call", passed=True) for each in told]
    said: list[str] = []
    pytest_terminal_summary(SimpleNamespace(stats={"passed": reports}, write_line=said.append))
    assert [line.split() for line in said if line.startswith("vcn")] == [["vcn", "killed", "1", "1", "2"]]
    assert said[-1].split() == ["together", "84", "40", "44"]
