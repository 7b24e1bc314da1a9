"""`python -m gpuyard`."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the current directory, often a checkout: what is called jinja2.py there is not our library

from gpuyard.cli.main import main

main()
