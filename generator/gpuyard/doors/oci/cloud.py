"""Requests to OCI: signed, repeated where that helps, and refused with a message that says what to do."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from gpuyard.doors.oci.endpoints import relayed
from gpuyard.doors.oci.faults import REQUEST, UNREACHED, Fault, explained, refusal, stranger
from gpuyard.doors.oci.patience import ATTEMPTS, WINDOW, Passing, delay, passing
from gpuyard.doors.oci.signin import Login, Session, sign_in
from gpuyard.doors.urls import parse_url
from gpuyard.errors import StoppedError

__all__ = ["SERVICES", "Cloud", "Reply"]

SERVICES: Mapping[str, tuple[str, str]] = {
    "artifacts": ("artifacts", "ArtifactsClient"),
    "blockstorage": ("core", "BlockstorageClient"),
    "compute": ("core", "ComputeClient"),
    "container_engine": ("container_engine", "ContainerEngineClient"),
    "file_storage": ("file_storage", "FileStorageClient"),
    "identity": ("identity", "IdentityClient"),
    "kms_vault": ("key_management", "KmsVaultClient"),
    "limits": ("limits", "LimitsClient"),
    "load_balancer": ("load_balancer", "LoadBalancerClient"),
    "network_load_balancer": ("network_load_balancer", "NetworkLoadBalancerClient"),
    "object_storage": ("object_storage", "ObjectStorageClient"),
    "secrets": ("secrets", "SecretsClient"),
    "vaults": ("vault", "VaultsClient"),
    "virtual_network": ("core", "VirtualNetworkClient"),
}
"""By our name: module and class of the SDK."""
_TIMEOUT = (10, 60)
"""Seconds to connect, and without a byte."""
_LONGEST = 200
_NUMBER = re.compile(r"^\[Errno -?\d+\] ")
_IAM, _WRITES = "identity", ("create_", "update_")
_BUSY = 600
"""Seconds to wait for others to let go of something."""


class Reply(NamedTuple):
    """What OCI answered, as it was on the wire; header names in lower case."""

    data: Any
    headers: Mapping[str, str]


class Cloud:
    """All requests of a command; one per command, used by many threads."""

    def __init__(
        self,
        login: Login,
        *,
        pause: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session: Session = sign_in(login)
        self._stopped = threading.Event()
        self._wait, self.clock = pause or self._stopped.wait, clock
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._settles = 0.0
        self.requests = 0

    @property
    def tenancy(self) -> str:
        """OCID of the tenancy, which is its root compartment, too."""
        return self._session.tenancy

    @property
    def region(self) -> str:
        """Where requests go that name no region."""
        return self._session.region

    def pause(self, seconds: float) -> None:
        """Wait; StoppedError once nothing is to be waited for any more."""
        self._wait(seconds)
        if self._stopped.is_set():
            raise StoppedError("interrupted")

    def stop(self) -> None:
        """End all waiting, in whatever thread."""
        self._stopped.set()

    def unsettle(self, ago: float = 0) -> None:
        """IAM was changed so many seconds ago: for a while OCI answers as if it had not been."""
        self._settles = max(self._settles, self.clock() + WINDOW - ago)

    def call(
        self,
        service: str,
        operation: str,
        *arguments: Any,
        region: str = "",
        what: str = "",
        repeatable: bool = True,
        absent: bool = False,
        **options: Any,
    ) -> Reply:
        """One operation, as often as it takes; Refused (or NoCapacity) says why not.

        `repeatable`: doing it twice is doing it once. `absent`: that it is not there is an answer.
        """
        what = what or operation.replace("_", " ")
        began, attempt = self.clock(), 0
        while True:
            attempt += 1
            reply = self._once(service, operation, arguments, region or self.region, options)
            if isinstance(reply, Reply):
                if service == _IAM and operation.startswith(_WRITES):
                    self.unsettle()
                return reply
            match passing(reply, repeatable=repeatable, unsettled=self.clock() < self._settles and not absent):
                case Passing.NO:
                    again = False
                case Passing.SOON:
                    again = attempt < ATTEMPTS
                case Passing.UNTIL_SETTLED:
                    again = True
                case Passing.UNTIL_FREE:
                    again = self.clock() - began < _BUSY and attempt < 40
            if not again:
                raise explained(reply, what)
            self.pause(delay(attempt))

    def listed(self, service: str, operation: str, *, region: str = "", **options: Any) -> Iterator[Mapping[str, Any]]:
        """Every element of all pages."""
        page: dict[str, Any] = {}
        while True:
            reply = self.call(service, operation, region=region, **options, **page)
            yield from reply.data["items"] if isinstance(reply.data, Mapping) else reply.data
            if not (after := reply.headers.get("opc-next-page")):
                return
            page = {"page": after}

    def _once(
        self, service: str, operation: str, arguments: tuple[Any, ...], region: str, options: Mapping[str, Any]
    ) -> Reply | Fault:
        import oci

        client = self._client(service, region)
        with self._lock:
            self.requests += 1
        self._session.renew()
        try:
            response = getattr(client, operation)(*arguments, **options)
        except oci.exceptions.ServiceError as error:
            headers = {str(key).lower(): str(value) for key, value in (error.headers or {}).items()}
            return refusal(error.status, error.code, str(error.message), headers)
        except OSError as error:  # all of the SDK's own for a connection are of this class
            return Fault(UNREACHED, "", _short(error))
        headers = {key.lower(): value for key, value in response.headers.items()}
        if response.status == 200 and REQUEST not in headers and "json" not in headers.get("content-type", ""):
            return stranger(response.status, "")
        data = response.data
        if hasattr(data, "text"):  # a file, such as a kubeconfig
            data = data.text
        elif not isinstance(data, str):
            data = client.base_client.sanitize_for_serialization(data)
        return Reply(data, headers)

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._made(service, region)
            return self._clients[service, region]

    def _made(self, service: str, region: str) -> Any:
        import oci

        module, name = SERVICES[service]
        relay = relayed(service, region)
        own = {"service_endpoint": relay} if relay else {}
        config = {**self._session.config, "region": region}
        return getattr(import_module(f"oci.{module}"), name)(
            config,
            signer=self._session.signer,
            timeout=_TIMEOUT,
            retry_strategy=oci.retry.NoneRetryStrategy(),  # what is repeated, and when, is said in patience.py
            circuit_breaker_strategy=oci.circuit_breaker.NoCircuitBreakerStrategy(),
            **own,
        )


def _short(error: BaseException) -> str:
    """The host, and the innermost of the reasons that the SDK and its libraries wrap in one another."""
    chain = [error]
    while (inner := _inner(chain[-1])) and inner not in chain:
        chain.append(inner)
    asked = next((each.request.url for each in chain if getattr(each, "request", None)), "")  # type: ignore[attr-defined]  # those of requests have it
    text = " ".join(_NUMBER.sub("", str(chain[-1]) or type(chain[-1]).__name__).split())
    url = parse_url(asked)
    return f"{url.host}: {text[:_LONGEST]}" if url else text[:_LONGEST]


def _inner(error: BaseException) -> BaseException | None:
    found = (getattr(error, "reason", None), next(iter(error.args), None), error.__context__)
    return next((each for each in found if isinstance(each, BaseException)), None)
