"""The one door for YAML: a strict reader for what users write, fast ones for what we wrote, a writer.

User files are hostile until shown otherwise (they come from pull requests), so `read` takes a small part
of YAML 1.2, in pure Python, with limits, and knows the line and column of everything it read.
"""

from gpuyard.doors.yamlio.alike import Alike
from gpuyard.doors.yamlio.characters import bad_characters
from gpuyard.doors.yamlio.document import Document, Path, read_again, show_path, written
from gpuyard.doors.yamlio.loader import load_data, parse_manifests
from gpuyard.doors.yamlio.reader import MAX_BYTES, TOO_LONG, read
from gpuyard.doors.yamlio.splice import spliced
from gpuyard.doors.yamlio.writer import dump

__all__ = [
    "MAX_BYTES",
    "TOO_LONG",
    "Alike",
    "Document",
    "Path",
    "bad_characters",
    "dump",
    "load_data",
    "parse_manifests",
    "read",
    "read_again",
    "show_path",
    "spliced",
    "written",
]
