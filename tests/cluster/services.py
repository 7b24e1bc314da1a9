"""ClusterIPs and service names: what kube-proxy and DNS do in a cluster.

A port listens only while an endpoint is ready, so that a Service without one refuses connections, as it should.
"""

import asyncio
import os
import random
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.cluster.addresses import DOMAIN, NAMES
from tests.cluster.api import Api, Object
from tests.cluster.state import State

__all__ = ["main"]

Address = tuple[str, int]


class _Directory:
    """The Services and EndpointSlices as last seen."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, Object]] = {"Service": {}, "EndpointSlice": {}}

    def note(self, kind: str, event: str, item: Object) -> None:
        if event == "DELETED":
            self._objects[kind].pop(item["metadata"]["uid"], None)
        else:
            self._objects[kind][item["metadata"]["uid"]] = item

    def ports(self) -> dict[Address, list[Address]]:
        """The ready endpoints of every ClusterIP and port that has one."""
        found: dict[Address, list[Address]] = {}
        for service in self._objects["Service"].values():
            address = service["spec"].get("clusterIP", "None")
            for port in service["spec"].get("ports", []):
                if address not in {"None", ""} and port.get("protocol", "TCP") == "TCP":
                    endpoints = list(self._endpoints(service, port.get("name", "")))
                    if endpoints:
                        found[address, port["port"]] = endpoints
        return found

    def names(self) -> list[tuple[str, str]]:
        """Addresses and names, for /etc/hosts; a headless Service's name stands for its endpoints.

        A bare name, too, where a single namespace has it: pods look in their own first, and /etc/hosts is one for all.
        """
        lines: list[tuple[str, str]] = []
        counts = Counter(service["metadata"]["name"] for service in self._objects["Service"].values())
        for service in self._objects["Service"].values():
            name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
            suffixes = (f"{namespace}", f"{namespace}.svc", f"{namespace}.svc.{DOMAIN}")
            address = service["spec"].get("clusterIP", "")
            if address == "None":
                for slice_ in self._slices(service):
                    for endpoint in _ready(slice_):
                        hosts = [f"{endpoint['hostname']}.{name}"] if "hostname" in endpoint else []
                        names = [f"{each}.{suffix}" for each in (name, *hosts) for suffix in suffixes]
                        lines += [(each, " ".join(names)) for each in endpoint["addresses"]]
            elif address:
                bare = [name] if counts[name] == 1 else []
                lines.append((address, " ".join([*bare, *(f"{name}.{suffix}" for suffix in suffixes)])))
        return lines

    def _slices(self, service: Object) -> Iterator[Object]:
        name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
        for found in self._objects["EndpointSlice"].values():
            metadata = found["metadata"]
            owner = metadata.get("labels", {}).get("kubernetes.io/service-name")
            if (metadata["namespace"], owner) == (namespace, name):
                yield found

    def _endpoints(self, service: Object, port: str) -> Iterator[Address]:
        for found in self._slices(service):
            for number in (each["port"] for each in found.get("ports") or [] if (each.get("name") or "") == port):
                for endpoint in _ready(found):
                    yield from ((address, number) for address in endpoint["addresses"])


class _Proxy:
    """One listener per port, opened and closed as endpoints come and go."""

    def __init__(self, state: State) -> None:
        self._hosts = state.hosts
        self._servers: dict[Address, asyncio.Server] = {}
        self._endpoints: dict[Address, list[Address]] = {}
        self._dirty = asyncio.Event()
        self.directory = _Directory()

    def note(self, kind: str, event: str, item: Object) -> None:
        self.directory.note(kind, event, item)
        self._dirty.set()

    async def run(self) -> None:
        while await self._dirty.wait():
            self._dirty.clear()
            _write_hosts(self._hosts, self.directory.names())
            self._endpoints = self.directory.ports()
            for address in self._servers.keys() - self._endpoints.keys():
                self._servers.pop(address).close()
            for address in self._endpoints.keys() - self._servers.keys():
                with suppress(OSError):  # a foreign or taken address; the next change tries again
                    self._servers[address] = await self._listen(address)

    async def _listen(self, address: Address) -> asyncio.Server:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._connect(address, reader, writer)

        # A stand-in may listen on 0.0.0.0 with the same port: with SO_REUSEPORT the exact address wins.
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        return await asyncio.start_server(accept, sock=listener)

    async def _connect(self, address: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One endpoint per connection, for its whole life."""
        endpoints = self._endpoints.get(address, [])
        try:
            there = await asyncio.open_connection(*random.choice(endpoints))  # noqa: S311  (not a secret)
        except (OSError, IndexError):
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))
        finally:
            there[1].close()
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


def _ready(slice_: Object) -> Iterator[Object]:
    for endpoint in slice_.get("endpoints") or []:
        if endpoint.get("conditions", {}).get("ready", True):
            yield endpoint


def _write_hosts(path: Path, lines: list[tuple[str, str]]) -> None:
    """In place, because a bind mount shows the inode; in one write, what was there first, so that no reader errs."""
    text = "".join(f"{address} {names}\n" for address, names in [*NAMES.items(), *lines]).encode()
    if path.read_bytes() == text:
        return
    file = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(file, text, 0)
        os.ftruncate(file, len(text))
    finally:
        os.close(file)


def main(root: str) -> None:
    """Run until killed."""
    state = State(Path(root))
    asyncio.run(_main(state))


async def _main(state: State) -> None:
    proxy, loop = _Proxy(state), asyncio.get_running_loop()
    api = Api(state.certificates, "node-agent")

    def follow(kind: str, path: str) -> None:
        for event, item in api.follow(path):
            loop.call_soon_threadsafe(proxy.note, kind, event, item)

    for kind, path in {
        "Service": "/api/v1/services",
        "EndpointSlice": "/apis/discovery.k8s.io/v1/endpointslices",
    }.items():
        threading.Thread(target=follow, args=(kind, path), daemon=True).start()
    await proxy.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
