"""`python -m gpuyard`."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the current directory, often a checkout: a module there that is called as a library is not that library

from gpuyard.cli.main import main

main()
