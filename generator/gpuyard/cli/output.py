"""Where what a command says goes: results to stdout, notes and progress to stderr, data for machines."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import click

__all__ = ["JSON", "RESULT", "emit_json", "emit_notes", "on_error", "progress", "table"]

JSON = "gpuyard.json"
"""Key in click's context: errors are printed for a machine too."""
RESULT = "gpuyard.result"
"""What the command's data has beside an error."""


def emit_json(data: Any) -> None:
    """Print data for a machine."""
    click.echo(json.dumps(data, indent=2))


def on_error(data: Mapping[str, Any]) -> None:
    """What an error adds for a machine, so that it finds the same keys."""
    click.get_current_context().meta[RESULT] = data


def emit_notes(notes: Iterable[str]) -> None:
    """What is allowed and still worth saying, apart from the results."""
    for note in notes:
        click.echo(f"note: {note}", err=True)


def progress(text: str) -> None:
    """Say what starts now; silent when stderr is piped."""
    if sys.stderr.isatty():
        click.echo(f"{text} …", err=True)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as aligned lines."""
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
