"""atheris, which looks for new paths through the code, on the reader of everything that a pull request brings.

python -m tests.fuzz_reader [SECONDS]       one of atheris' own options may follow
"""

import importlib
import sys
from pathlib import Path

from gpuyard.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
"""Not conftest's, which imports the reader: what is imported before atheris looks is not seen by it."""
SECONDS = 120
LARGEST = 4096


def main() -> None:
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        sys.stdout.write(
            "atheris is not installed (it has no wheel for this Python or platform): its part is left out\n"
        )
        return
    assert "gpuyard.doors.yamlio" not in sys.modules
    with atheris.instrument_imports(include=["gpuyard.doors.yamlio"]):
        from gpuyard.doors.yamlio import read

    def one(data: bytes) -> None:
        try:
            document = read(data, "x.yaml")
        except InputError as error:
            assert error.problems, data
            assert all(problem.message.isprintable() for problem in error.problems), data
            return
        assert all(document.at(path) for path, _, _ in document.scalars()), data

    seconds, more = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else (str(SECONDS), [])
    seeds = [str(ROOT / "tests/bad"), str(ROOT / "blueprints")]
    new = ROOT / ".tools/atheris/corpus"
    new.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        "-timeout=2",
        f"-max_len={LARGEST}",
        "-verbosity=1",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, *more, str(new), *seeds], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
