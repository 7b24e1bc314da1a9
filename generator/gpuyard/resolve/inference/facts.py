"""What people and machines want to know of a model server, in the order in which they are told."""

from collections.abc import Mapping

from gpuyard.resolve.inference.price import price
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.workload import Fact

__all__ = ["facts"]


def facts(server: Server) -> Mapping[str, Fact]:
    """By the name that a machine reads them by."""
    low, high = server.min_replicas, server.max_replicas
    return {
        "model": Fact(server.model.name),
        "licence": Fact(server.model.licence),
        "fit": Fact(str(server.fit.verdict), str(server.fit.verdict)),
        "context": Fact(server.context, f"context {server.context}"),
        "kvTokens": Fact(server.fit.kv_tokens, _cache(server)),
        "replicas": Fact({"min": low, "max": high}, f"replicas {low}-{high}"),
        "price": price(server),
        "startSeconds": Fact(server.budget.start, f"ready within {server.budget.start} s"),
    }


def _cache(server: Server) -> str:
    encoder = server.model.attention.encoder
    return "no KV cache" if encoder else f"KV cache {server.fit.kv_tokens} tokens"
