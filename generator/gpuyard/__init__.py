"""gpuyard: blueprints in, a Git repository out."""

__all__ = ["__version__"]

__version__ = "0.1.0"
