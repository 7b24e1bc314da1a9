"""The command line: builds what is missing, says so on stderr, and nothing when nothing is."""

import argparse
import os
import signal
import sys
from pathlib import Path

from tests.cluster.errors import SetupError
from tests.cluster.programs import build, missing, path, store, toolchain
from tests.cluster.programs.catalogue import PROGRAMS, Program, groups, select

_WHAT = "Build the programs that the tests run, unless this machine has them."


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.programs", description=_WHAT)
    parser.add_argument("names", metavar="NAME", nargs="*", help="a program; all when nothing is named")
    parser.add_argument("--group", action="append", default=[], choices=groups(), help="all of a group")
    parser.add_argument("--to", metavar="DIR", type=Path, help="link the executables into this folder")
    parser.add_argument("--missing", action="store_true", help="build nothing; print what would have to be built")
    parser.add_argument(
        "--clean", action="store_true", help="then drop Go's build cache and other versions; alone: only this"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else the compiler would go on without us
    only_clean = options.clean and not (options.names or options.group)
    try:
        wanted = [] if only_clean else select(options.names, options.group)
        if options.missing:
            sys.stdout.writelines(f"{each.name}\n" for each in wanted if missing(each.name))
            return 0
        for program in wanted:
            found = path(program.name)
            if options.to:
                _link(found, options.to)
        if options.clean:
            build.clean({_place(each) for each in PROGRAMS.values()})
    except (SetupError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; what was being built is not kept\n")
        return 130
    return 0


def _place(program: Program) -> Path:
    return store.built(program, toolchain.version())


def _link(executable: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if executable.parent == folder.absolute():
        return  # found through PATH where it should go; a link to itself would lose it
    new = folder / f".{executable.name}.{os.getpid()}"
    new.symlink_to(executable)
    new.replace(folder / executable.name)


if __name__ == "__main__":
    sys.exit(main())
