"""`gpuyard pr` against a real Gitea on loopback: `make forge`."""
