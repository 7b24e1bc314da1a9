"""A vault that somebody made: secrets are read by their names, and it keeps the deploy key of each cluster.

So a cluster that is made anew has the key that its repository knows already.
"""

from base64 import b64decode, b64encode
from typing import Any

from gpuyard.bootstrap.resource import MANAGED, RESOURCE, STACK
from gpuyard.bootstrap.states import is_gone
from gpuyard.doors.deploykey import DeployKey, kept_key, new_key
from gpuyard.doors.oci import Cloud, Refused, region_of
from gpuyard.errors import MissingError, ToolError
from gpuyard.project.oraclecloud import Vault

__all__ = ["by_name", "by_ocid", "check", "deploy_key", "details", "of_stack"]

_GOING = ("SCHEDULING_DELETION", "PENDING_DELETION")
_LIMIT = 300
"""Seconds until a secret is there again."""


def check(cloud: Cloud, vault: Vault) -> None:
    """ToolError where nothing can be kept in it."""
    found = _vault(cloud, vault)
    if (state := found.get("lifecycleState")) != "ACTIVE":
        raise ToolError(f"the vault {found.get('displayName') or vault.id} is {state}; name one that is ACTIVE")


def _vault(cloud: Cloud, vault: Vault) -> dict[str, Any]:
    what = "read the vault of spec.oci.vault"
    return dict(cloud.call("kms_vault", "get_vault", vault.id, region=region_of(vault.id), what=what).data)


def by_ocid(cloud: Cloud, ocid: str) -> bytes:
    """What a secret holds, in whatever vault."""
    what = f"read the secret {ocid} of OCI Vault"
    return _content(cloud.call("secrets", "get_secret_bundle", ocid, region=region_of(ocid), what=what).data)


def by_name(cloud: Cloud, vault: Vault, name: str) -> bytes:
    """What a secret of the vault holds; MissingError where it has none of this name."""
    found = _read(cloud, vault, name)
    if found is None:
        raise MissingError(f"the vault {vault.id} has no secret {name}, or this user may not read it")
    return found


def _read(cloud: Cloud, vault: Vault, name: str) -> bytes | None:
    region, what = region_of(vault.id), f"read the secret {name} of the vault"
    try:
        bundle = cloud.call(
            "secrets", "get_secret_bundle_by_name", name, vault.id, region=region, what=what, absent=True
        ).data
    except Refused as error:
        if error.fault.status != 404:
            raise
        return None
    return _content(bundle)


def _content(bundle: Any) -> bytes:
    return b64decode((bundle.get("secretBundleContent") or {}).get("content") or "")


def deploy_key(cloud: Cloud, vault: Vault, stack: str, cluster: str) -> DeployKey:
    """The one that the vault has for a cluster; a new one is there before it is anywhere else.

    One whose deletion is scheduled has its name until then: its deletion is called off.
    """
    name, comment = _name(stack, cluster), f"gpuyard {stack}"
    _call_off(cloud, vault, stack, cluster)
    held = _read(cloud, vault, name)
    if held is None:
        key = new_key(comment)
        body = details(vault, str(_vault(cloud, vault)["compartmentId"]), stack, cluster, key)
        try:
            what = f"create the secret {name} in the vault"
            cloud.call("vaults", "create_secret", body, region=region_of(vault.id), what=what, absent=True)
        except Refused as error:
            if error.fault.status != 409:
                raise
        else:
            return key
        held = by_name(cloud, vault, name)  # its answer was lost, or somebody was faster
    try:
        return kept_key(held, comment)
    except ValueError as error:
        raise ToolError(f"the secret {name} of the vault is not an SSH key; delete or rename it: {error}") from error


def _call_off(cloud: Cloud, vault: Vault, stack: str, cluster: str) -> None:
    region, what = region_of(vault.id), f"keep the secret {_name(stack, cluster)} of the vault"
    for row in _ours(cloud, vault, stack):
        if row["freeformTags"].get(RESOURCE) != f"{cluster}/deploy-key" or row["lifecycleState"] not in _GOING:
            continue
        cloud.call("vaults", "cancel_secret_deletion", row["id"], region=region, what=what)
        began = cloud.clock()
        while (
            cloud.call("vaults", "get_secret", row["id"], region=region, what=what).data["lifecycleState"] != "ACTIVE"
        ):
            if cloud.clock() - began > _LIMIT:
                raise ToolError(f"{what}: it is not ACTIVE again yet; run the same command again")
            cloud.pause(1)


def _name(stack: str, cluster: str) -> str:
    return f"{stack}-{cluster}-deploy-key"


def details(vault: Vault, compartment: str, stack: str, cluster: str, key: DeployKey) -> dict[str, Any]:
    """What its secret is made with; nobody can make two of one name, so it needs no retry token."""
    content = {"contentType": "BASE64", "content": b64encode(key.private.encode()).decode()}
    return {
        "compartmentId": compartment,
        "vaultId": vault.id,
        "keyId": vault.key,
        "secretName": _name(stack, cluster),
        "description": f"Deploy key by which {cluster} of the gpuyard stack {stack} reads its repository",
        "secretContent": content,
        "freeformTags": {MANAGED: "gpuyard", STACK: stack, RESOURCE: f"{cluster}/deploy-key"},
    }


def of_stack(cloud: Cloud, vault: Vault, stack: str) -> list[dict[str, Any]]:
    """Secrets that bootstrap made for a stack; none where the vault is gone, or this user may not see it."""
    return [row for row in _ours(cloud, vault, stack) if not is_gone(row.get("lifecycleState"))]


def _ours(cloud: Cloud, vault: Vault, stack: str) -> list[dict[str, Any]]:
    """In whatever state."""
    region = region_of(vault.id)
    try:
        compartment = _vault(cloud, vault)["compartmentId"]
        rows = list(
            cloud.listed("vaults", "list_secrets", region=region, compartment_id=compartment, vault_id=vault.id)
        )
    except Refused as error:
        if error.fault.status != 404:
            raise
        return []
    return [dict(row) for row in rows if (row.get("freeformTags") or {}).get(STACK) == stack]
