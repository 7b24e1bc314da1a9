"""Add-ons of the cluster; none starts on a tainted node, so the pool without GPUs comes first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gpuyard.bootstrap import standard
from gpuyard.bootstrap.fleet import Fleet
from gpuyard.bootstrap.ground import Ground
from gpuyard.bootstrap.parts.pools import places
from gpuyard.bootstrap.resource import MANAGED, RESOURCE, SPEC, Found, Kind, Place, Resource
from gpuyard.bootstrap.states import is_gone
from gpuyard.catalogue.oracle import oracle
from gpuyard.doors.oci import Cloud, Refused, wait_for_work

__all__ = ["AUTOSCALER", "KINDS", "addons"]

AUTOSCALER, _NVIDIA = "ClusterAutoscaler", "NvidiaGpuPlugin"
_LIMIT = 1800
_CONFIGURED = (AUTOSCALER,)
"""Add-ons whose settings are ours; the listing does not have them."""


def addons(ground: Ground, fleets: Sequence[Fleet]) -> Iterator[Resource]:
    """Those that the cluster needs: an autoscaler and a plugin where it has GPU nodes."""
    for addon in oracle().addons:
        if addon.name == _NVIDIA and not any(each.resource.startswith("nvidia.com/") for each in fleets):
            continue
        after = [ground.named("pool-system"), *(ground.named(f"addon-{name}") for name in addon.needs)]
        body: dict[str, Any] = {"addonName": addon.name}
        if addon.name == AUTOSCALER:
            if not fleets:
                continue
            body["configurations"] = _scaled(ground, fleets)
            after.append(ground.named("policy-autoscaler"))
        yield Resource(
            id=ground.named(f"addon-{addon.name}"), kind="addon", region=ground.region.name, body=body,
            parent=ground.link("cluster"), after=tuple(after),
        )  # fmt: skip


def _scaled(ground: Ground, fleets: Sequence[Fleet]) -> list[dict[str, str]]:
    """The pools that it may grow and shrink: from none, as far as all replicas of what is placed here need."""
    pools = [
        f"0:{fleet.most}:{ground.link(f'pool-{fleet.node.name}-ad{number}')}"
        for fleet in fleets
        for number, _ in places(ground, fleet.node.name)
    ]
    return [{"key": "authType", "value": "workload"}, {"key": "nodes", "value": ", ".join(pools)}]


def _find(cloud: Cloud, kind: Kind, place: Place, before: Iterable[Found]) -> Iterator[Found]:
    for cluster in before:
        if not (cluster.kind == "cluster" and cluster.region == place.region and _has_addons(cluster)):
            continue
        for data in cloud.listed(kind.service, "list_addons", region=place.region, cluster_id=cluster.id):
            name = data["name"]
            if is_gone(data.get("lifecycleState")):
                continue
            whole = data
            if name in _CONFIGURED:
                whole = cloud.call(kind.service, "get_addon", cluster.id, name, region=place.region).data
            resource = f"{cluster.tags[RESOURCE].partition('/')[0]}/addon-{name}"
            tags = {**cluster.tags, RESOURCE: resource, SPEC: ""}
            yield Found(kind=kind.name, region=place.region, data=_plain(whole), tags=tags, parent=cluster.id)


def _has_addons(cluster: Found) -> bool:
    """One that is still being made, or that failed, has none; nor is one of somebody else's our affair."""
    return cluster.tags.get(MANAGED) == "gpuyard" and cluster.state in ("ACTIVE", "UPDATING")


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    settings = sorted(data.get("configurations") or (), key=lambda each: each["key"])
    return {**data, "id": data["name"], "addonName": data["name"], "configurations": settings}


def _create(cloud: Cloud, kind: Kind, resource: Resource, body: Mapping[str, Any], token: str) -> Found:
    what = f"install add-on {resource.id}"
    cluster, details = body["parent"], {key: value for key, value in body.items() if key != "parent"}
    try:
        reply = cloud.call(
            kind.service, "install_addon", cluster, details, region=resource.region, what=what, opc_retry_token=token
        )
        _wait(cloud, reply.headers, resource.region, what)
    except Refused as error:
        if error.fault.status != 409 or error.fault.code == "InvalidatedRetryToken":
            raise  # it is there already: an earlier run was interrupted
    made = standard.wait(cloud, kind, body["addonName"], resource.region, what, cluster)
    return replace(made, data=_plain(made.data))


def _update(cloud: Cloud, kind: Kind, there: Found, resource: Resource, body: Mapping[str, Any]) -> None:
    what, wanted = f"update add-on {resource.id}", {"configurations": body["configurations"]}
    reply = cloud.call(kind.service, "update_addon", there.parent, there.id, wanted, region=there.region, what=what)
    _wait(cloud, reply.headers, there.region, what)


def _delete(cloud: Cloud, kind: Kind, there: Found) -> None:
    """What OKE itself brings is never asked for: it goes with the cluster."""
    what = f"remove add-on {there.id}"
    reply = cloud.call(
        kind.service, "disable_addon", there.parent, there.id, True, region=there.region, what=what, absent=True
    )
    _wait(cloud, reply.headers, there.region, what)


def _wait(cloud: Cloud, headers: Mapping[str, str], region: str, what: str) -> None:
    if request := headers.get("opc-work-request-id"):
        wait_for_work(cloud, request, region=region, limit=_LIMIT, what=what)


KINDS = (
    Kind(
        name="addon", title="add-on", service="container_engine", noun="addon", tagged=False, within=True, seconds=60,
        terraform="oci_containerengine_addon", changes=frozenset({"configurations"}),
        find=_find, create=_create, update=_update, delete=_delete,
    ),
)  # fmt: skip
