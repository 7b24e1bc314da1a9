"""The cloud for a test: running, with the SDK's clients at hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import oci

from tests.oci import operations
from tests.oci.cloud import TENANCY, Cloud
from tests.oci.credentials import SESSION, admit, new_key, write
from tests.oci.server import serving

ENDPOINT = "GPUYARD_OCI_ENDPOINT"
"""The variable by which gpuyard finds the endpoints: a URL with {region} and {service}."""


class Running(Cloud):
    """A cloud that listens, and what a test asks it with."""

    tenancy = TENANCY

    @property
    def template(self) -> str:
        """Where its services are, as GPUYARD_OCI_ENDPOINT has it."""
        return f"{self.base}/{{region}}/{{service}}"

    def endpoint(self, service: str, region: str | None = None) -> str:
        """Where a service is."""
        return self.template.format(region=region or self.home, service=service)

    def environment(self, folder: Path) -> dict[str, str]:
        """What a process needs to find it: its configuration is written to the folder."""
        return {"OCI_CONFIG_FILE": str(write(self, folder)), ENDPOINT: self.template, "NO_PROXY": "127.0.0.1"}

    def client(self, service: str, region: str | None = None, **more: Any) -> Any:
        """The SDK's client of a service, which asks once."""
        settings = {
            "circuit_breaker_strategy": oci.circuit_breaker.NoCircuitBreakerStrategy(),
            "retry_strategy": oci.retry.NoneRetryStrategy(),
            **more,
        }
        config = {**admit(self), "region": region or self.home}
        settings.setdefault("signer", _signer(config["user"], config["fingerprint"]))
        settings.setdefault("service_endpoint", self.endpoint(service, region))
        return operations.client(service)(config, **settings)

    def session_client(self, service: str) -> Any:
        """The same by a session token."""
        key = oci.signer.load_private_key(admit(self)["key_content"], None)
        return self.client(service, signer=oci.auth.signers.SecurityTokenSigner(SESSION, key))

    def count(self, operation: str) -> int:
        """How often an operation was asked for, successfully or not."""
        return sum(each.operation == operation for each in self.log)


@cache
def _signer(user: str, fingerprint: str) -> Any:
    """One for all clients: reading a key takes longer than a request."""
    return oci.signer.Signer(TENANCY, user, fingerprint, None, private_key_content=new_key().private)


@contextmanager
def running(**settings: Any) -> Iterator[Running]:
    """A cloud until the block ends."""
    cloud = Running(**settings)
    admit(cloud)
    with serving(cloud):
        yield cloud
