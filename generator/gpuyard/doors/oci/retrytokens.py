"""The token by which OCI knows that a request to create something was sent before, by whatever process."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

__all__ = ["retry_token"]


def retry_token(stack: str, resource: str, generation: int, body: Mapping[str, Any]) -> str:
    """64 characters, OCI's most: the same for the same body, and another one for the next generation."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256("|".join((stack, resource, str(generation), canonical)).encode()).hexdigest()
