"""What people and machines want to know of a model server, in the order in which they are told."""

from collections.abc import Mapping

from gpuyard.resolve.inference import alternatives
from gpuyard.resolve.inference.gpumemory import pooling
from gpuyard.resolve.inference.price import price
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.workload import Fact

__all__ = ["facts"]


def facts(server: Server) -> Mapping[str, Fact]:
    """By the name that a machine reads them by."""
    low, high = server.min_replicas, server.max_replicas
    tokens = server.fit.kv_tokens
    cache = {} if pooling(server.args) else {"kvTokens": Fact(tokens, f"KV cache {tokens} tokens")}
    return {
        "model": Fact(server.model.name),
        "licence": Fact(server.model.licence),
        "fit": Fact(str(server.fit.verdict), alternatives.words(server.fit, server.steps)),
        "context": Fact(server.context, f"context {server.context}"),
        **cache,
        "otherGpus": Fact(alternatives.as_data(server.steps)),
        "replicas": Fact({"min": low, "max": high}, f"replicas {low}-{high}"),
        "price": price(server),
        "startSeconds": Fact(server.budget.start, f"ready within {server.budget.start} s"),
    }
