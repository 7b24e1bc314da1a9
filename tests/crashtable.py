"""The crash matrix of bootstraps as a table: what was tried, how often it went well, and how many runs it took."""

from collections import defaultdict
from collections.abc import Iterable

import pytest

__all__ = ["CRASH", "lines"]

CRASH = "crash"
"""Name of the property: what was done, what went wrong, and how many runs more it took."""


def lines(reports: Iterable[pytest.TestReport]) -> list[str]:
    """A row for each way in which something went wrong."""
    rows: dict[tuple[str, str], list[tuple[bool, int]]] = defaultdict(list)
    for report in reports:
        for name, value in report.user_properties:
            if name == CRASH and report.when == "call" and isinstance(value, str):  # kills are told as mappings
                where, fault, runs = value.split("|")
                rows[where, fault].append((report.passed, int(runs)))
    table = [("of", "what went wrong", "tried", "well", "most runs to repair it")]
    for (where, fault), results in sorted(rows.items()):
        well = sum(passed for passed, _ in results)
        table.append((where, fault, str(len(results)), str(well), str(max(runs for _, runs in results))))
    widths = [max(len(row[column]) for row in table) for column in range(5)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
