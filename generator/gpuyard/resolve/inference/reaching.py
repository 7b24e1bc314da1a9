"""What a server connects to and its NetworkPolicy doesn't let out, and what others connect to and it doesn't let in."""

from collections.abc import Iterator, Sequence

from gpuyard.resolve import network, policy, proxy
from gpuyard.resolve.inference.connections import Connection, connections, listening
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.inference.texts import Text, of_args, of_variables
from gpuyard.resolve.overrides import Values
from gpuyard.resolve.site import Site

__all__ = ["notes"]

_DOMAINS = "allowed-media-domains"


def notes(server: Server, site: Site, values: Values) -> Iterator[str]:
    """One line for each address and port; `values` are what the chart gets."""
    file, own = server.blueprint.file, site.stack.namespace
    texts = [*of_args(server.options.args), *of_variables(values)]
    yield from network.notes(file, dict(_proxies(server, own, values)), site.stack)
    for each in dict.fromkeys(connections(texts)):
        if not _proxied(each, site) and policy.blocks(values, each.host, each.port, own):
            where = f"{each.host}, port {each.port}" if each.port else each.host
            yield (
                f"{file}: {each.by} is {where}, which the NetworkPolicy blocks; "
                f"{policy.way_out(each.host, each.port, own)}"
            )
    for by, port in dict.fromkeys(listening(texts)):
        if policy.closed_port(values, port):
            yield (
                f"{file}: {by} opens port {port}, which the NetworkPolicy blocks for other pods; add to spec.values "
                f"networkPolicy: {{extraIngress: [{{from: [{{podSelector: {{}}}}], ports: [{{port: {port}}}]}}]}}"
            )
    yield from _media(server, site, values, texts)


def _proxies(server: Server, own: str, values: Values) -> Iterator[tuple[str, str]]:
    """Variables of the author's, which may be proxies and mirrors, but for what rules of the author's let out."""
    for name, text in server.options.texts.items():
        host, port = proxy.target(text)
        if not (host and port and policy.opens(values, host, port, own)):
            yield name, text


def _proxied(each: Connection, site: Site) -> bool:
    """Whether the proxy is what must be let out."""
    return each.scheme in ("http", "https") and proxy.passes(site.stack.network, f"{each.scheme}://{each.host}")


def _media(server: Server, site: Site, values: Values, texts: Sequence[Text]) -> Iterator[str]:
    """Images and sounds that clients name by their URL are fetched by the server."""
    file, own, rules = server.blueprint.file, site.stack.namespace, site.stack.network
    domains = [text.value for text in texts if text.names == (_DOMAINS,)]
    for domain in domains:
        if not proxy.passes(rules, f"https://{domain}") and policy.blocks(values, domain.lower(), 443, own):
            yield (
                f"{file}: {_DOMAINS} has {domain}, from which the NetworkPolicy lets the server fetch nothing; "
                f"{policy.way_out(domain.lower(), 443, own)}, or let clients send images as data: URLs"
            )
    if server.model.multimodal and not (domains or rules.proxy) and policy.blocks(values, "images.invalid", 443, own):
        yield (
            f"{file}: URLs of images cannot be fetched, because the NetworkPolicy blocks them: let clients send images "
            "as data: URLs, or name their hosts in serving.args as allowed-media-domains and list their addresses in "
            "stack.yaml as spec.network.egress"
        )
