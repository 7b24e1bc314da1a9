"""Sizes as Kubernetes and our users write them, such as 100Gi and 2Ti."""

__all__ = ["GIB", "gib"]

GIB = 2**30
"""Bytes."""
_UNITS = {"Gi": 1, "Ti": 1024}


def gib(size: str) -> int:
    """GiB of a size whose form was checked."""
    return int(size[:-2]) * _UNITS[size[-2:]]
