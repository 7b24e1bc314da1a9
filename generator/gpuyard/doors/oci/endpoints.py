"""Where requests go, if not to Oracle's own hosts."""

import os

__all__ = ["ENDPOINT", "relayed"]

ENDPOINT = "GPUYARD_OCI_ENDPOINT"
"""Environment variable: a URL in which {service} and {region} are filled in, where requests go through a relay."""


def relayed(service: str, region: str) -> str | None:
    """The relay's address for a service; None: there is no relay."""
    template = os.environ.get(ENDPOINT)
    return template.format(service=service, region=region) if template else None
