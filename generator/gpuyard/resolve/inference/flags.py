"""The flags of a server in their final form: what stands in `args` of its container."""

from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.catalogue.flagvalues import text
from gpuyard.catalogue.vllm import ListForm, Version, base

__all__ = ["written"]


def written(args: Mapping[str, Any], version: str) -> tuple[str, ...]:
    """One argument an entry, sorted by flag, so that their order in a file starts no pod anew."""
    known = base(version)
    arguments = (argument for name in sorted(args) for argument in _flag(name, args[name], known))
    # Kubernetes puts a variable in the place of $(NAME), and makes one of two dollars.
    return tuple(argument.replace("$", "$$") for argument in arguments)


def _flag(name: str, value: object, known: Version) -> Iterator[str]:
    """With its value behind =, where a dash begins no other flag."""
    flag, own, negated = known.named(name)
    if isinstance(value, list) and (flag is None or flag.list_form is None):
        yield from (f"--{name}", *map(text, value))
    elif isinstance(value, list) and flag and flag.list_form is ListForm.REPEAT:
        yield from (f"--{name}={text(entry)}" for entry in value)
    elif not isinstance(value, bool):
        yield f"--{name}={text(value)}"
    elif value:
        yield f"--{name}"
    elif negated:
        yield f"--{own}"
    elif flag is None or not flag.switch:  # a switch has no --no-flag: it is off where it isn't there
        yield f"--no-{name}"
