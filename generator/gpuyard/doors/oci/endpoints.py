"""Where requests go, if not to Oracle's own hosts."""

import os

__all__ = ["ENDPOINT", "region_of", "relayed"]

ENDPOINT = "GPUYARD_OCI_ENDPOINT"
"""Environment variable: a URL in which {service} and {region} are filled in, where requests go through a relay."""


def relayed(service: str, region: str) -> str | None:
    """The relay's address for a service; None: there is no relay."""
    template = os.environ.get(ENDPOINT)
    return template.format(service=service, region=region) if template else None


def region_of(ocid: str) -> str:
    """That an OCID names; empty: it names none that is known."""
    import oci

    part = [*ocid.split("."), "", "", "", ""][3]
    region = str(oci.regions.REGIONS_SHORT_NAMES.get(part, part))
    return region if region and oci.regions.is_region(region) else ""
