"""The token by which OKE's API servers know a user: a signed request, which they send to OCI themselves."""

import base64
from typing import Any
from urllib.parse import urlencode

from gpuyard.doors.oci.endpoints import relayed
from gpuyard.doors.oci.signin import Login, sign_in

__all__ = ["LASTS", "cluster_token"]

_IN_WHOSE_NAME = "opc-obo-token"
"""Header of a machine that asks for a user, who is named by its token."""
LASTS = 240
"""Seconds that it can be used for; OCI takes a signature for five minutes."""


def cluster_token(login: Login, cluster: str) -> str:
    """For an OKE cluster, by its OCID, in the region of the login."""
    session = sign_in(login)
    session.renew()
    url = f"{_endpoint(session.region)}/cluster_request/{cluster}"
    signed = session.signer.do_request_sign(_request(url)).headers
    shown = {name: signed[name] for name in ("authorization", "date", _IN_WHOSE_NAME) if name in signed}
    return base64.urlsafe_b64encode(f"{url}?{urlencode(shown)}".encode()).decode()


def _request(url: str) -> Any:
    from oci._vendor.requests import Request  # what the SDK's signers sign

    return Request("GET", url).prepare()


def _endpoint(region: str) -> str:
    """Of OKE in the region's realm."""
    import oci

    if relay := relayed("container_engine", region):
        return relay
    realm = oci.regions.REGION_REALMS[region]
    return f"https://containerengine.{region}.{oci.regions.REALMS[realm]}"
