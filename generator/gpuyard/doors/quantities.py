"""Sizes as Kubernetes and our users write them, such as 100Gi, 2Ti and 500m."""

from decimal import Decimal

__all__ = ["GIB", "gib", "quantity"]

GIB = 2**30
"""Bytes."""
_UNITS = {"Gi": 1, "Ti": 1024}
_POWERS = {"": 1, "k": 10**3, "Ki": 2**10, "M": 10**6, "Mi": 2**20, "G": 10**9, "Gi": 2**30, "T": 10**12, "Ti": 2**40}
_POWERS |= {"P": 10**15, "Pi": 2**50, "E": 10**18, "Ei": 2**60}
_PARTS = {"n": 10**9, "u": 10**6, "m": 10**3}


def gib(size: str) -> int:
    """GiB of a size whose form was checked."""
    return int(size[:-2]) * _UNITS[size[-2:]]


def quantity(value: str | int) -> Decimal:
    """A quantity of Kubernetes as a number, whose form was checked."""
    text = str(value)
    number = text.rstrip("kKMGTPEimun")
    unit = text[len(number) :]
    return Decimal(number) / _PARTS[unit] if unit in _PARTS else Decimal(number) * _POWERS.get(unit, 1)
