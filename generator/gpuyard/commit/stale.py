"""A plan for a directory as it stands, told as what is wrong with it: what a pull request's check says."""

import shlex

from gpuyard.commit.plan import Plan
from gpuyard.errors import InputError, StaleError

__all__ = ["check_current"]

_NAMED = 20
"""Files that the error names."""


def check_current(plan: Plan, base: str | None = None) -> None:
    """InputError where a cluster would refuse it; StaleError names the files that aren't what compile makes."""
    if plan.problems:
        raise InputError(plan.problems)
    if plan.empty:
        return
    gone = {*plan.deleted}
    lines = [
        f"{path}{' no longer has a source' if path in gone else ''}" for path in sorted([*plan.written, *plan.deleted])
    ]
    more = [f"and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
    command = f"gpuyard compile --base {shlex.quote(base)}" if base else "gpuyard compile"
    first = f"{len(lines)} generated files are out of date; `{command}` would write:"
    raise StaleError(first, *lines[:_NAMED], *more)
