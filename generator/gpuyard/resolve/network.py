"""What pods may connect to: rules of the stack that open too much, and addresses that no rule lets out."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network

from gpuyard.project.stack import Network, Stack
from gpuyard.resolve import addresses, policy, proxy
from gpuyard.resolve.problems import Problems

__all__ = ["check", "notes", "stack_notes"]

_LINK_LOCAL, _METADATA = ip_network("169.254.0.0/16"), ip_network("169.254.169.254/32")
"""The instance's metadata service, and with it the node's identity, is there; a node-local DNS cache may be, too."""
_BY_IPV6 = tuple(map(ip_network, ("fe80::/10", "fd00:c1::/32", "fd00:ec2::/32", "64:ff9b::a9fe:0/112")))
"""The same places for IPv6: OCI's is fd00:c1::a9fe:a9fe; the last ones are those of IPv4 behind NAT64."""
_PATH = ("spec", "network")
_MIRROR = "HF_ENDPOINT"
_NAMED = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", _MIRROR)
_PUBLIC_PORT = 443
_LAST_PORT = 65535


def check(stack: Stack, problems: Problems) -> None:
    """Every address of spec.network, and of the networks that bootstrap makes."""
    for index, rule in enumerate(stack.network.egress):
        if message := _not_let_out(rule.cidr):
            problems.add(stack.file, (*_PATH, "egress", index, "cidr"), message)
    _check_authorities(stack, problems)
    for name, url in proxy.urls(stack.network).items():
        if message := _not_a_proxy(url):
            problems.add(stack.file, (*_PATH, "proxy", name.removesuffix("_PROXY").lower()), message)
    for index, cidr in enumerate(stack.network.dns):
        if message := _not_a_server(cidr):
            problems.add(stack.file, (*_PATH, "dns", index), message)
    for index, cidr in enumerate(stack.network.clients):
        if message := _not_clients(cidr):
            problems.add(stack.file, (*_PATH, "clients", index), message)
    _check_clusters(stack, problems)


def _check_clusters(stack: Stack, problems: Problems) -> None:
    for number, cluster in enumerate(stack.clusters):
        clients = [(("api", index), cidr) for index, cidr in enumerate(cluster.oci.api)]
        for path, cidr in [(("cidr",), cluster.oci.cidr), *clients]:
            if message := _not_of_a_vcn(cidr):
                problems.add(stack.file, ("spec", "clusters", number, "oci", *path), message)


def _not_of_a_vcn(cidr: str) -> str | None:
    """Why Oracle Cloud would not take addresses, if it would not."""
    network = addresses.network(cidr)
    if isinstance(network, str):
        return network
    return (
        None if network.version == 4 else f"{cidr} is IPv6, which bootstrap's networks do not have; list IPv4 addresses"
    )


def _not_let_out(cidr: str) -> str | None:
    """Why pods must not connect to addresses, if they mustn't."""
    network = addresses.network(cidr)
    if isinstance(network, str):
        return network
    if held := addresses.held(network, (_LINK_LOCAL, *_BY_IPV6)):
        return (
            f"{cidr} holds addresses of {held}, where pods could read the node's credentials; "
            "list only the addresses that are needed"
        )
    return addresses.too_large(network)


def _check_authorities(stack: Stack, problems: Problems) -> None:
    """They are in one place."""
    ca = stack.network.ca
    if ca and ca.secret and ca.config_map:
        message = f"conflicts with secret, {ca.secret}; keep one of the two"
        problems.add(stack.file, (*_PATH, "ca", "configMap"), message, key=True)
    elif ca and not ca.name:
        message = "does not say where the certificates are; add configMap: NAME or secret: NAME"
        problems.add(stack.file, (*_PATH, "ca"), message, key=True)


def _not_a_proxy(url: str) -> str | None:
    """Why this is no proxy's address, if it isn't."""
    host, port = proxy.target(url)
    if host is None or port is None or port > _LAST_PORT:
        return f"{url} has no valid port; write it like http://proxy.example.com:3128"
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return _not_let_out(f"{address}/{address.max_prefixlen}")


def _not_a_server(cidr: str) -> str | None:
    """Why this is no DNS server's address, if it isn't."""
    network = addresses.network(cidr)
    if isinstance(network, str):
        return network
    if network.prefixlen == network.max_prefixlen and not addresses.held(network, (_METADATA, *_BY_IPV6)):
        return None
    return f"{cidr} is not a DNS server; give single addresses, such as 10.96.5.5/32 or fd12:3456::a/128"


def _not_clients(cidr: str) -> str | None:
    """Why addresses must not call models, if they mustn't."""
    network = addresses.network(cidr)
    if isinstance(network, str):
        return network
    if message := addresses.too_large(network):
        return message
    if addresses.held(network, (_LINK_LOCAL, _BY_IPV6[0])):
        return f"{cidr} holds link-local addresses, from which nobody calls a pod; list the clients' own"
    return None


def stack_notes(stack: Stack) -> Iterator[str]:
    """The stack's own proxy, where no rule lets it out."""
    yield from notes(stack.file, proxy.urls(stack.network), stack)


def notes(file: str, env: Mapping[str, str], stack: Stack) -> Iterator[str]:
    """Proxies and mirrors that no rule lets out, as far as that is seen without asking for names."""
    for variable, address in env.items():
        if not address or variable.upper() not in _NAMED:
            continue
        host, port = proxy.target(address)
        if variable == _MIRROR and proxy.passes(stack.network, address):
            continue  # the proxy is what must be let out
        if host is None or port is None:
            yield f"{file}: {variable} is not an address; write it like http://proxy.example.com:3128"
        elif not _let_out(host, port, stack.network) and policy.namespace_of(host, stack.namespace):
            way = policy.way_out(host, port, stack.namespace)
            yield f"{file}: {variable} is {host}, port {port}, which the NetworkPolicy blocks; {way}"
        elif not _let_out(host, port, stack.network):
            yield (
                f"{file}: {variable} is {host}, port {port}, which the NetworkPolicy blocks; list its "
                f"addresses with port: {port} in stack.yaml as spec.network.egress"
            )


def _let_out(host: str, port: int, network: Network) -> bool:
    """A name may have any address, so for it the port decides."""
    rules = [rule for rule in proxy.egress(network) if rule.port == port]
    try:
        address = ip_address(host)
    except ValueError:
        return bool(rules) or port == _PUBLIC_PORT
    if any(address in ip_network(rule.cidr) for rule in rules):
        return True
    return port == _PUBLIC_PORT and address.is_global
