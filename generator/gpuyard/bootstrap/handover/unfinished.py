"""The end of a hand-over that is not done yet."""

from collections.abc import Mapping

from gpuyard.errors import ToolError

__all__ = ["UnfinishedError", "unfinished"]


class UnfinishedError(ToolError):
    """What was made stays, and the same command goes on from there."""

    exit_code = 75


def unfinished(why: Mapping[str, str]) -> UnfinishedError:
    """By cluster."""
    lines = (f"  {cluster}: {text}" for cluster, text in why.items())
    return UnfinishedError("not handed over yet; run the same command again:", *lines)
