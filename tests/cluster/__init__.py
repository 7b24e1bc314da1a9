"""A whole cluster as plain processes in private namespaces: real API server, real Flux, simulated GPU nodes.

    python -m tests.cluster up | status | run [pytest arguments] | down

How the parts hang together is told in world.py, from the first namespace to the last wait.
"""
