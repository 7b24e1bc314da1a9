"""The same resources as a configuration for Terraform, in its JSON syntax, for those who must use Resource Manager."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.bootstrap.families import KINDS
from gpuyard.bootstrap.planning import Plan
from gpuyard.bootstrap.resource import Resource

__all__ = ["terraform"]

_LINK = re.compile(r"\$\{([^}:]+)(?::([A-Za-z0-9.]+))?\}")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_TAGS = ("freeformTags",)
"""Keys whose values are somebody's own names."""
_OTHERWISE: Mapping[str, tuple[str, str]] = {
    "bucket": ("publicAccessType", "accessType"),
    "internet-gateway": ("isEnabled", "enabled"),
    "rules": ("isStateless", "stateless"),
}
"""Keys that the provider calls otherwise than OCI's API does, by kind; of rules, in each of them."""
Row = tuple[str, str, dict[str, Any]]
"""Type, name and arguments."""


def terraform(plan: Plan) -> dict[str, Any]:
    """Of everything that the stack asks for, whatever is there already."""
    resources = {change.id: change.resource for change in plan.changes if change.resource}
    found: dict[str, dict[str, Any]] = {}
    for resource in resources.values():
        for kind, name, arguments in _rows(resource, resources, plan):
            found.setdefault(kind, {})[name] = arguments
    regions = sorted({resource.region for resource in resources.values()})
    return {
        "terraform": {"required_providers": {"oci": {"source": "oracle/oci"}}},
        "provider": {"oci": [{"alias": _name(region), "region": region} for region in regions]},
        "resource": found,
    }


def _rows(resource: Resource, resources: Mapping[str, Resource], plan: Plan) -> Iterator[Row]:
    kind, body = KINDS[resource.kind], dict(resource.body)
    common: dict[str, Any] = {"provider": f"oci.{_name(resource.region)}"}
    before = [resources[name] for name in resource.after if name in resources]
    if single := [_address(each) for each in before if each.kind not in ("nodes", "rules")]:
        common["depends_on"] = single
    match resource.kind:
        case "nodes":
            return
        case "rules":
            for number, rule in enumerate(body["rules"].values()):
                whole = {**_renamed("rules", rule), "networkSecurityGroupId": resource.parent}
                yield kind.terraform, f"{_name(resource.id)}_{number}", {**common, **_written(whole, resources)}
            return
        case "addon":
            body = {**body, "clusterId": resource.parent, "removeAddonResourcesOnDelete": True}
        case "bucket":
            body = {**body, "namespace": resource.parent}
        case "gpu-pool":
            body["nodeConfigDetails"] = {**body["nodeConfigDetails"], "size": _first_size(resource, resources)}
            common["lifecycle"] = {"ignore_changes": ["node_config_details[0].size"]}
        case "security-list":
            common["lifecycle"] = {"ignore_changes": ["ingress_security_rules", "egress_security_rules"]}
        case _:
            pass
    if kind.tagged:
        body["freeformTags"] = resource.labelled(plan.stack)
    yield kind.terraform, _name(resource.id), {**common, **_written(_renamed(resource.kind, body), resources)}


def _renamed(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    before, after = _OTHERWISE.get(kind, ("", ""))
    return {after if key == before else key: value for key, value in body.items()}


def _first_size(pool: Resource, resources: Mapping[str, Resource]) -> int:
    """The nodes of an OCI shape start in the first of its pools."""
    for each in resources.values():
        if each.kind == "nodes" and each.body["pools"][0] == f"${{{pool.id}}}":
            return int(each.body["size"])
    return 0


def _written(value: Any, resources: Mapping[str, Resource]) -> Any:
    """In Terraform's words: snake_case, and links to other resources."""
    if isinstance(value, Mapping):
        return {_snake(key): dict(each) if key in _TAGS else _written(each, resources) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written(each, resources) for each in value]
    if isinstance(value, str):
        return _LINK.sub(lambda match: _reference(match, resources), value)
    return value


def _reference(match: re.Match[str], resources: Mapping[str, Resource]) -> str:
    return f"${{{_address(resources[match[1]])}.{_snake(match[2] or 'id')}}}"


def _address(resource: Resource) -> str:
    return f"{KINDS[resource.kind].terraform}.{_name(resource.id)}"


def _name(text: str) -> str:
    return re.sub(r"[^a-z0-9_]", "_", text.lower())


def _snake(key: str) -> str:
    return _WORD.sub("_", key.replace("GBs", "Gbs")).lower()
