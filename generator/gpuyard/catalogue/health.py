"""What shows that something works: a condition of an object, which each engine asks for in its own language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

__all__ = ["SCALED_OBJECT", "Health"]


@dataclass(frozen=True, slots=True)
class Health:
    """The condition of an object and its status once the object works."""

    api_version: str
    kind: str
    condition: str
    status: str
    failed: str | None = None
    """Its status when waiting is in vain; None: every other status may pass."""
    name: str | None = None
    """None: every object of the kind."""
    namespace: str | None = None

    @classmethod
    def of(cls, data: Mapping[str, str]) -> Self:
        """From the catalogue's own words."""
        return cls(
            data["apiVersion"],
            data["kind"],
            data["condition"],
            data["status"],
            failed=data.get("failed"),
            name=data["name"],
            namespace=data.get("namespace"),
        )


# Both engines take an object without status for healthy, and without KEDA's operator it never gets one.
SCALED_OBJECT = Health("keda.sh/v1alpha1", "ScaledObject", "Ready", "True", failed="False")
