"""Where what a command says goes: results to stdout, notes and progress to stderr, data for machines."""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import click

from gpuyard.doors.redaction import hushed, redacted
from gpuyard.errors import visible

__all__ = ["JSON", "RESULT", "emit_data", "emit_json", "emit_notes", "emit_text", "on_error", "progress", "say"]
__all__ += ["table"]

# GitHub reads `::name` at the start of a line and `##[name]` anywhere in it, Azure and TeamCity read `##vso[`
_COMMAND = re.compile(r"^\s*::|##(?=\w*\[)")
_MARK = re.compile(r"##(\w*\[)")
_LINES = "error"
"""The key of a text that has lines."""
_SAID = (_LINES, "notes", "problems")
"""Keys of what people are told as well."""

JSON = "gpuyard.json"
"""Key in click's context: errors are printed for a machine too."""
RESULT = "gpuyard.result"
"""What the command's data has beside an error."""


def say(*lines: str, err: bool = False) -> None:
    """Print lines: the one place that does, so that nobody's text can be more than text on a terminal or in a log."""
    safe = hushed if err else redacted
    click.echo("\n".join(_COMMAND.sub(_broken, visible(safe(line))) for line in lines), err=err)


def emit_json(data: Any) -> None:
    """Print what a command has to tell to a machine."""
    emit_data(_told(data))


def emit_data(data: Any) -> None:
    """Print data as it is, such as objects of a cluster; JSON's own escapes keep it from being anything else."""
    text = json.dumps(data, indent=2)
    click.echo(_MARK.sub(r"\\u0023#\1", text).replace("\x7f", "\\u007f"))


def emit_text(text: str) -> None:
    """Print a file's text as it is, which YAML's own escapes keep harmless."""
    click.echo(text, nl=False)


def _told(data: Any, safe: Callable[[str], str] = redacted) -> Any:
    """With its texts as people see them; an error keeps its lines."""
    if isinstance(data, str):
        return visible(safe(data))
    if isinstance(data, Mapping):
        return {key: _of_key(key, value, hushed if key in _SAID else safe) for key, value in data.items()}
    return [_told(each, safe) for each in data] if isinstance(data, list | tuple) else data


def _of_key(key: str, value: Any, safe: Callable[[str], str]) -> Any:
    if key == _LINES and isinstance(value, str):
        return "\n".join(_told(line, safe) for line in value.split("\n"))
    return _told(value, safe)


def _broken(found: re.Match[str]) -> str:
    """A mark by which a CI system knows its commands, no longer one."""
    return found.group().replace("##", "#\\x23").replace("::", "\\x3a:")


def on_error(data: Callable[[], Mapping[str, Any]]) -> None:
    """What an error adds for a machine, so that it finds the same keys; of thousands of models it is only made then."""
    click.get_current_context().meta[RESULT] = data


def emit_notes(notes: Iterable[str]) -> None:
    """What is allowed and still worth saying, apart from the results."""
    for note in notes:
        say(f"note: {note}", err=True)


def progress(text: str) -> None:
    """Say what starts now; silent when stderr is piped."""
    if sys.stderr.isatty():
        say(f"{text} …", err=True)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as aligned lines."""
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]


class _Said(logging.Handler):
    """Warnings of what lies below."""

    def emit(self, record: logging.LogRecord) -> None:
        """As a line for people."""
        say(record.getMessage(), err=True)


logging.getLogger("gpuyard").addHandler(_Said(logging.WARNING))
