"""Every address and name of the world: one for each part, so that all keep their usual ports."""

from typing import Final

__all__ = [
    "API",
    "API_PORT",
    "API_URL",
    "CONTROLLERS",
    "DOMAIN",
    "ETCD",
    "ETCD_URL",
    "GIT",
    "GIT_HOST",
    "KUBERNETES_SERVICE",
    "KWOK",
    "NAMES",
    "NETWORK",
    "PRIVATE_REGISTRY_HOST",
    "REGISTRY",
    "REGISTRY_HOST",
    "SERVICES",
    "node",
    "node_pods",
    "running_pod",
]

# RFC 2544 sets this network aside for benchmarks: no real machine has an address in it.
NETWORK: Final = "198.18.0.0/15"
SERVICES: Final = "198.19.0.0/16"
KUBERNETES_SERVICE: Final = "198.19.0.1"
DOMAIN: Final = "cluster.local"

API: Final = "198.18.0.1"
API_PORT: Final = 6443
API_URL: Final = f"https://{API}:{API_PORT}"
ETCD: Final = "198.18.0.2"
ETCD_URL: Final = f"http://{ETCD}:2379"
KWOK: Final = "198.18.0.3"
GIT: Final = "198.18.0.4"
REGISTRY: Final = "198.18.0.5"
CONTROLLERS: Final = "198.18.0.6"

GIT_HOST: Final = "git.world.internal"
REGISTRY_HOST: Final = "registry.world.internal:5000"
PRIVATE_REGISTRY_HOST: Final = "registry.world.internal:5001"
NAMES: Final = {
    "127.0.0.1": "localhost",
    API: "api.world.internal",
    GIT: GIT_HOST,
    REGISTRY: REGISTRY_HOST.partition(":")[0],
}


def node(number: int) -> str:
    """The address of the node with this number, counted from 0."""
    return f"198.18.1.{number + 1}"


def node_pods(number: int) -> str:
    """The range from which that node's simulated pods get their addresses."""
    return f"198.18.{number + 10}.0/24"


def running_pod(number: int) -> str:
    """The address of the n-th pod that really runs; numbers come round again after 1000."""
    third, fourth = divmod(number % 1000, 250)
    return f"198.18.{third + 2}.{fourth + 1}"
