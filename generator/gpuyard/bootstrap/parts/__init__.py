"""Families of resources: each module has its KINDS, and says which resources of them a cluster or a stack needs."""
