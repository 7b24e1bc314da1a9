"""`python -m gpuyard`."""

import sys

if not sys.flags.safe_path:
    # The current directory, often a checkout, in which a file can have the name of any library.
    del sys.path[0]

from gpuyard.cli.main import main

main()
