"""The operations of OCI's API, read from the SDK's own clients: path, parameters, models of body and answer."""

import importlib
import inspect
import re
from dataclasses import dataclass
from functools import cache
from types import ModuleType

CLIENTS = {
    "artifacts": "oci.artifacts.ArtifactsClient",
    "blockstorage": "oci.core.BlockstorageClient",
    "compute": "oci.core.ComputeClient",
    "container_engine": "oci.container_engine.ContainerEngineClient",
    "file_storage": "oci.file_storage.FileStorageClient",
    "identity": "oci.identity.IdentityClient",
    "kms_management": "oci.key_management.KmsManagementClient",
    "kms_vault": "oci.key_management.KmsVaultClient",
    "limits": "oci.limits.LimitsClient",
    "load_balancer": "oci.load_balancer.LoadBalancerClient",
    "network_load_balancer": "oci.network_load_balancer.NetworkLoadBalancerClient",
    "object_storage": "oci.object_storage.ObjectStorageClient",
    "secrets": "oci.secrets.SecretsClient",
    "vaults": "oci.vault.VaultsClient",
    "virtual_network": "oci.core.VirtualNetworkClient",
    "work_requests": "oci.work_requests.WorkRequestClient",
}
"""Services by the name that the SDK has for them, which is their part of a path here."""


@dataclass(frozen=True)
class Operation:
    """One call of one service, as the SDK makes it."""

    service: str
    name: str
    method: str
    path: str
    query: frozenset[str]
    required: frozenset[str]
    """Query parameters without which there is no answer."""
    body: str | None
    answer: str | None
    token: bool
    """Takes opc-retry-token."""
    models: ModuleType


def client(service: str) -> type:
    """The SDK's client of a service."""
    module, _, name = CLIENTS[service].rpartition(".")
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, type)
    return found


def models(service: str) -> ModuleType:
    """The SDK's models of a service."""
    return importlib.import_module(f"{CLIENTS[service].rpartition('.')[0]}.models")


@cache
def base(service: str) -> str:
    """What the paths of a service start with."""
    found = re.search(r"'base_path': '([^']*)'", inspect.getsource(vars(client(service))["__init__"]))
    return found[1].rstrip("/") if found else ""


@cache
def operation(service: str, name: str) -> Operation:
    """An operation by the name of the SDK's method."""
    source = inspect.getsource(getattr(client(service), name))
    path = _one(r'resource_path = "([^"]*)"', source)
    keys = dict(re.findall(r'^            "(\w+)": (.*?),?$', _block("query_params = {", source), re.M))
    argument = re.search(r"\bbody=(?:kwargs\.get\('(\w+)'|(\w+))", source)
    return Operation(
        service=service,
        name=name,
        method=_one(r'method = "(\w+)"', source),
        path=f"{base(service)}{path}",
        query=frozenset(keys),
        required=frozenset(key for key, value in keys.items() if "kwargs" not in value),
        body=_body(argument[1] or argument[2], source) if argument else None,
        answer=found[1] if (found := re.search(r'response_type="([^"]*)"', source)) else None,
        token='"opc-retry-token"' in source,
        models=models(service),
    )


def _one(pattern: str, source: str) -> str:
    found = re.search(pattern, source)
    assert found, f"the SDK's source has no {pattern}"
    return found[1]


def _block(start: str, source: str) -> str:
    """A dict of the source, by its first line."""
    _, _, rest = source.partition(start)
    return rest.partition("\n        }")[0]


def _body(argument: str, source: str) -> str:
    return _one(rf":param (?:oci\.\w+\.models\.)?([\w\[\]]+) {argument}:", source)
