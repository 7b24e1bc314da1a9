"""vLLM's flags as arguments of a container."""

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["written"]


def written(args: Mapping[str, Any]) -> tuple[str, ...]:
    """One flag an entry."""
    return tuple(_written(name, value).replace("$", "$$") for name, value in args.items())


def _written(name: str, value: Any) -> str:
    if value is True:
        return f"--{name}"
    if value is False:
        return f"--no-{name}"
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return f"--{name}={text}"
