"""Where requests go, if not to Oracle's own hosts."""

import os

from gpuyard.doors.urls import parse_url
from gpuyard.errors import ToolError

__all__ = ["ENDPOINT", "region_of", "relayed"]

ENDPOINT = "GPUYARD_OCI_ENDPOINT"
"""Environment variable: a URL in which {service} and {region} are filled in, where requests go through a relay."""


def relayed(service: str, region: str) -> str | None:
    """The relay's address for a service; None: there is no relay."""
    template = os.environ.get(ENDPOINT)
    if not template:
        return None
    try:
        address = template.format(service=service, region=region)
    except (LookupError, ValueError, AttributeError):
        address = ""
    url = parse_url(address)
    if url is None or url.scheme not in ("http", "https") or not url.host:
        raise ToolError(
            f"{ENDPOINT} must be a URL such as https://relay.example.com/{{region}}/{{service}}, or not set"
        )
    return address


def region_of(ocid: str) -> str:
    """That an OCID names; empty: it names none that is known."""
    import oci

    part = [*ocid.split("."), "", "", "", ""][3]
    region = str(oci.regions.REGIONS_SHORT_NAMES.get(part, part))
    return region if region and oci.regions.is_region(region) else ""
