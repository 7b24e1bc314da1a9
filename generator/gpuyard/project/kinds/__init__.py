"""What authors write under `spec`: one module a kind of workload, named like its `type`."""
