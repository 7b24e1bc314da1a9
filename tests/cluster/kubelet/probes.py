"""Readiness and startup probes by HTTP and TCP, asked of the pod's own address."""

import http.client
import socket
import ssl
import time

from tests.cluster.api import Object

__all__ = ["Probe"]

_UNTIL_FIRST = 0.25


class Probe:
    """The probes of one container: ready once startup and readiness have succeeded, asked often until then."""

    def __init__(self, container: Object, address: str) -> None:
        self._probes = [container[kind] for kind in ("startupProbe", "readinessProbe") if kind in container]
        self._container, self._address = container, address
        self._ready, self._failures, self._next = False, 0, 0.0

    def ready(self) -> bool:
        """Whether the container is ready now; asks when it is time to."""
        if not self._probes:
            return True
        if time.monotonic() < self._next:
            return self._ready
        probe = self._probes[0]
        if self._ask(probe):
            self._failures = 0
            if len(self._probes) > 1:
                self._probes.pop(0)  # a startup probe that has succeeded is never asked again
                return False
            self._ready = True
        else:
            self._failures += 1
            self._ready = self._ready and self._failures < probe.get("failureThreshold", 3)
        self._next = time.monotonic() + (probe.get("periodSeconds", 10) if self._ready else _UNTIL_FIRST)
        return self._ready

    def _ask(self, probe: Object) -> bool:
        seconds = float(probe.get("timeoutSeconds", 1))
        try:
            if "httpGet" in probe:
                return 200 <= self._get(probe["httpGet"], seconds) < 400
            if "tcpSocket" in probe or "grpc" in probe:
                port = self._port((probe.get("tcpSocket") or probe["grpc"])["port"])
                socket.create_connection((self._address, port), seconds).close()
        except (OSError, http.client.HTTPException):
            return False
        return True  # exec probes aren't run

    def _get(self, wanted: Object, seconds: float) -> int:
        port = self._port(wanted["port"])
        connection = (
            http.client.HTTPSConnection(self._address, port, timeout=seconds, context=_any_certificate())
            if wanted.get("scheme") == "HTTPS"
            else http.client.HTTPConnection(self._address, port, timeout=seconds)
        )
        try:
            connection.request("GET", wanted.get("path", "/"))
            return connection.getresponse().status
        finally:
            connection.close()

    def _port(self, named: int | str) -> int:
        ports = {port.get("name"): port["containerPort"] for port in self._container.get("ports", [])}
        return int(ports.get(named, named))


def _any_certificate() -> ssl.SSLContext:
    """As a kubelet's probes: whatever the pod presents."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
