"""gpuyard: blueprints in, a Git repository out."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("gpuyard")
