"""Say which flags, keys and variables of vLLM nobody has looked at: what do they let the author of a blueprint do?

    python -m tools.vllm_powers [vllm-0.33.0/]

Reads the flags, the keys of the objects that they hold (at any depth) and the variables of every minor version in the
catalogue, which tools/vllm_catalogue.py extracts from vLLM's source, and prints those without a row in
generator/gpuyard/catalogue/vllm/powers.yaml and environment.yaml. With an unpacked source it also prints where that
imports by name, so that whoever classifies them knows where to look. Ends with 1 where a row is missing.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from gpuyard.catalogue import flagpowers, variablepowers, vllm

__all__ = ["missing", "stale", "suspicious"]

_CALLS = re.compile(
    r"\b(?:resolve_obj_by_qualname|import_from_path|import_module|__import__|entry_points|include_router)\("
)


def missing() -> list[str]:
    """Flags, keys (Class.key) and variables of any version that have no row."""
    known = [each for version in vllm.versions() if (each := vllm.catalogue(version))]
    found = {name for version in known for name in flagpowers.unclassified(version)}
    return sorted(found | {name for version in known for name in variablepowers.unclassified(version)})


def stale() -> list[str]:
    """Rows for what no version has."""
    known = [found for version in vllm.versions() if (found := vllm.catalogue(version))]
    flags = {name for version in known for name in version.flags}
    keys = {f"{cls}.{key}" for version in known for cls, found in version.objects.items() for key in found}
    rows, harmless = flagpowers.table(), flagpowers.table()["harmless"]
    named = {f"{cls}.{key}" for cls, found in harmless["keys"].items() for key in found}
    return sorted(({*rows["flags"], *harmless["flags"]} - flags) | ({*rows["keys"], *named} - keys))


def suspicious(source: Path) -> Iterator[str]:
    """Lines of an unpacked source that import by a name, or add routes."""
    for file in sorted((source / "vllm").rglob("*.py")):
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
            if _CALLS.search(line) and not line.lstrip().startswith(("def ", "from ", "import ", "#")):
                yield f"{file.relative_to(source)}:{number}: {line.strip()}"


def main(sources: list[str]) -> None:
    """Print what is missing."""
    found = [*missing(), *stale()]
    places = [line for source in sources for line in suspicious(Path(source))]
    sys.stdout.write("".join(f"{each}\n" for each in (*places, *found)))
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
