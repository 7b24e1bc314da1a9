"""Where the program begins; also `python -m gpuyard`."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # The current directory, often a checkout, in which a file can have the name of any library.
    del sys.path[0]

_INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C is no error of ours while it is still loaded, either."""
    try:
        from gpuyard.cli.main import main as run
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None  # nothing has begun that one would have to tell of
    run()


if __name__ == "__main__":
    main()
