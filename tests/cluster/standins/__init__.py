"""Charts and programs that stand in for what can't be had from source: same names, same CRDs, nothing else."""
