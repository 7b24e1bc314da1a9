"""Sizes as Kubernetes and our users write them, such as 100Gi, 2Ti and 500m."""

from decimal import Decimal

__all__ = ["GIB", "gib", "quantity"]

GIB = 2**30
"""Bytes."""
_UNITS = {"Gi": 1, "Ti": 1024}
_POWERS = {"k": 10**3, "Ki": 2**10, "M": 10**6, "Mi": 2**20, "G": 10**9, "Gi": 2**30, "T": 10**12, "Ti": 2**40}


def gib(size: str) -> int:
    """GiB of a size whose form was checked."""
    return int(size[:-2]) * _UNITS[size[-2:]]


def quantity(value: str | int) -> Decimal:
    """A quantity of Kubernetes as a number, whose form was checked."""
    text = str(value)
    number = text.rstrip("kKMGTim")
    unit = text[len(number) :]
    return Decimal(number) / 1000 if unit == "m" else Decimal(number) * _POWERS.get(unit, 1)
