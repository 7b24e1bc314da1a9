"""Where the shipped folders are: charts, overlays and blueprints."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

__all__ = ["shipped"]

_PACKAGED = resources.files("gpuyard") / "_data"
_CHECKOUT = Path(__file__).resolve().parents[3]


def shipped(name: str) -> Traversable:
    """A shipped folder: inside the wheel or, when installed editable, the checkout."""
    return (_PACKAGED if _PACKAGED.is_dir() else _CHECKOUT) / name
