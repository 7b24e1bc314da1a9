"""Steps of a bootstrap as they happen: for people, and in a file where one is wanted."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpuyard.cli.output import say

if TYPE_CHECKING:
    from gpuyard.bootstrap.apply import Event

__all__ = ["reporting"]


@contextmanager
def reporting(log: Path | None) -> Iterator[Callable[["Event"], None]]:
    """To stderr, and to a file where one is wanted."""
    from gpuyard.cli.changeset import as_event, event_line
    from gpuyard.errors import OutputError

    try:
        file: Any = log.open("a", encoding="utf-8") if log else None
    except OSError as error:
        raise OutputError(f"{log}: cannot be written: {error.strerror}") from error

    lock = threading.Lock()

    def report(event: "Event") -> None:
        with lock:
            say(event_line(event), err=True)
            if file:
                file.write(json.dumps(as_event(event)) + "\n")
                file.flush()

    try:
        yield report
    finally:
        if file:
            file.close()
