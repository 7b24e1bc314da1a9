"""`python -m gpuyard`."""

from gpuyard.cli.main import main

main()
