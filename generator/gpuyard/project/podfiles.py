"""Text files of the repository that a blueprint brings into its pods."""

from collections.abc import Iterator
from pathlib import Path

from gpuyard.doors.redaction import looks_secret
from gpuyard.doors.yamlio import bad_characters
from gpuyard.project.userfiles import read_file
from gpuyard.tree import is_generated

__all__ = ["MOST", "MOST_TOGETHER", "read", "text"]

MOST, MOST_TOGETHER = 512 * 1024, 900 * 1024
"""Bytes of one file, and of all files of a blueprint: etcd takes no object of more than 1.5 MiB."""


def read(directory: Path, name: str) -> bytes | str:
    """The content of a file, or what is wrong with it."""
    if is_generated(name):
        return "is a file that gpuyard may write; put yours elsewhere"
    data = read_file(directory, name, MOST)
    return data if isinstance(data, str) else next(_wrong(data), data)


def text(data: bytes) -> str:
    """The content as pods get it, whatever the checkout makes of the ends of lines."""
    return data.decode().replace("\r\n", "\n")


def _wrong(data: bytes) -> Iterator[str]:
    if not data:
        yield "is empty"
    try:
        lines = text(data).split("\n")
    except UnicodeDecodeError as error:
        yield f"is not UTF-8 text (byte {error.start}); put it on a volume"
        return
    for number, line in enumerate(lines, 1):
        for _, message in bad_characters(line):
            yield f"{message} (line {number})"
    if kind := looks_secret("\n".join(lines)):
        yield f"has what looks like {kind}; keep it in a Secret, and name that here (secret: NAME, key: KEY)"
