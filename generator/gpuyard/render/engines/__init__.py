"""What syncs the clusters: one module an engine."""
