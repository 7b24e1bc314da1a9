"""Every scanner over everything that the demo repository would put on a cluster: `make scan`."""
