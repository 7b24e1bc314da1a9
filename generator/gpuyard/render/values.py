"""Values of the vllm chart for one workload: what resolve decided, in the chart's words."""

from typing import Any

from gpuyard.catalogue.shippedchart import chart_defaults
from gpuyard.resolve import Resolved, Workload
from gpuyard.resolve.exposure import tls_secret

__all__ = ["values"]

Values = dict[str, Any]

_INSTALLED_PROMETHEUS = "http://kps-prometheus.monitoring.svc:9090"


def values(resolved: Resolved, workload: Workload) -> Values:
    """Everything that differs from the chart's defaults."""
    blueprint, stack, image = workload.blueprint, resolved.stack, resolved.image
    return {
        "enabled": True,
        "nameOverride": workload.name,
        "fullnameOverride": workload.name,
        "partOf": stack.name,
        "image": {
            "repository": image.repository,
            "tag": image.tag,
            **({"digest": image.digest} if image.digest else {}),
            **({"pullSecrets": list(stack.pull_secrets)} if stack.pull_secrets else {}),
        },
        "model": _model(workload),
        "args": dict(workload.args),
        **({"env": dict(blueprint.serving.env)} if blueprint.serving.env else {}),
        **({"unsafe": list(blueprint.serving.unsafe)} if blueprint.serving.unsafe else {}),
        "gpu": {"count": workload.gpus, **_gpu(workload)},
        "resources": _resources(workload),
        "sharedMemory": {"size": f"{workload.resources.shared_memory}Gi"},
        "cache": _cache(resolved, workload),
        **_download(workload),
        "budget": {"startSeconds": workload.budget.start, "scheduleSeconds": workload.budget.schedule},
        "drain": {
            "preStopSeconds": workload.budget.pre_stop,
            "shutdownSeconds": workload.budget.shutdown_timeout,
            "marginSeconds": workload.budget.shutdown_margin,
        },
        "rollout": {"spareGpus": blueprint.spare_gpus},
        "placement": _placement(resolved, workload),
        "securityContext": {"readOnlyRootFilesystem": workload.shape.read_only_root_filesystem},
        "scaling": _scaling(resolved, workload),
        **_monitoring(resolved, workload),
        **_exposure(resolved, workload),
    }


def _gpu(workload: Workload) -> Values:
    """The GPUs as nodes of the shape offer and guard them."""
    shape = workload.shape
    return _differing("gpu", resource=shape.resource, taint=shape.taint.key)


def _differing(group: str, **given: Any) -> Values:
    """Those of a group's values that the chart doesn't have by itself."""
    defaults = chart_defaults()[group]
    return {key: value for key, value in given.items() if value != defaults[key]}


def _model(workload: Workload) -> Values:
    source, credentials = workload.source, workload.source.credentials
    served = {"servedName": workload.blueprint.served_name}
    secret = {"secret": credentials.secret, "key": credentials.key} if credentials else None
    if source.claim:
        return {"source": "volume", **served, "volume": {"claim": source.claim, "path": source.path or ""}}
    if source.bucket:
        bucket = source.bucket
        where = {"uri": bucket.uri, "endpoint": bucket.endpoint, "region": bucket.region}
        return {"source": "bucket", **served, "bucket": {**where, "credentials": secret}}
    return {
        "source": "hf",
        "id": source.repository,
        "revision": source.revision or "",
        **served,
        **({"token": secret} if secret else {}),
    }


def _resources(workload: Workload) -> Values:
    resources = workload.resources
    return {
        "requests": {
            "cpu": str(resources.cpu_request),
            "memory": f"{resources.memory_request}Gi",
            "ephemeral-storage": f"{resources.disk_request}Gi",
        },
        "limits": {
            "cpu": str(resources.cpu_limit),
            "memory": f"{resources.memory_limit}Gi",
            "ephemeral-storage": f"{resources.disk_limit}Gi",
        },
    }


def _cache(resolved: Resolved, workload: Workload) -> Values:
    cache = workload.blueprint.cache
    if cache.claim:
        return {"kind": "claim", "claim": cache.claim}
    size = {"size": f"{workload.cache_gib}Gi"}
    if cache.kind == "ephemeral":
        return {"kind": "emptyDir", **size}
    return {"kind": cache.kind, **size, "storageClassName": resolved.stack.storage_classes[cache.kind]}


def _download(workload: Workload) -> Values:
    if not workload.download_seconds:
        return {}
    copied = [{"id": repository, "revision": commit} for repository, commit in workload.copied_adapters]
    adapters = {"adapters": copied} if copied else {}
    return {"download": {"enabled": True, "timeoutSeconds": workload.download_seconds, **adapters}}


def _scaling(resolved: Resolved, workload: Workload) -> Values:
    scaling, ttft = workload.blueprint.scaling, workload.blueprint.ttft_seconds
    upstream = scaling.upstream
    return {
        "enabled": True,
        "min": workload.min_replicas,
        "max": workload.max_replicas,
        "signal": scaling.signal,
        "concurrency": {"target": workload.concurrency},
        **({"queue": {"target": scaling.queue}} if scaling.queue else {}),
        **({"kv": {"target": scaling.kv}} if scaling.kv else {}),
        **({"ttft": {"seconds": ttft}} if ttft and scaling.signal in ("ttft", "composite") else {}),
        **({"upstream": {"query": upstream.query, "target": upstream.target}} if upstream else {}),
        "prometheus": {"address": resolved.stack.platform.prometheus_address or _INSTALLED_PROMETHEUS},
    }


def _placement(resolved: Resolved, workload: Workload) -> Values:
    scheduling = resolved.stack.scheduling
    priority = workload.blueprint.priority_class or scheduling.priority_class
    return {
        "instanceTypes": list(workload.nodes),
        **_differing("placement", instanceTypeLabel=workload.shape.instance_type_label),
        **({"priorityClassName": priority} if priority else {}),
        **({"runtimeClassName": scheduling.runtime_class} if scheduling.runtime_class else {}),
    }


def _monitoring(resolved: Resolved, workload: Workload) -> Values:
    ttft, given = workload.blueprint.ttft_seconds, resolved.stack.platform.prometheus_labels
    labels = {"labels": dict(given)} if given else {}
    return {
        "podMonitor": {"enabled": True, **labels},
        "prometheusRule": {"enabled": True, **labels, **({"ttftSeconds": ttft} if ttft else {})},
    }


def _exposure(resolved: Resolved, workload: Workload) -> Values:
    """Who may reach the pods and by which way, whom they may reach, and whether a key is asked for."""
    key = workload.blueprint.api_key
    return {
        "networkPolicy": _network_policy(resolved, workload),
        **_route(resolved, workload),
        **({"apiKey": {"secret": key.secret, "key": key.key}} if key else {}),
    }


def _network_policy(resolved: Resolved, workload: Workload) -> Values:
    stack, clients = resolved.stack, list(workload.blueprint.client_namespaces)
    if workload.blueprint.expose and stack.gateway:
        clients = [stack.gateway.proxy_namespace, *clients]
    elif workload.blueprint.expose and stack.ingress:
        clients = [stack.ingress.namespace, *clients]
    egress = [{"cidr": rule.cidr, "port": rule.port} for rule in stack.network.egress]
    return {
        "prometheusNamespaces": [stack.platform.prometheus_namespace],
        **({"clientNamespaces": list(dict.fromkeys(clients))} if clients else {}),
        **({"egress": egress} if egress else {}),
        **({"dnsCidrs": list(stack.network.dns)} if stack.network.dns else {}),
    }


def _route(resolved: Resolved, workload: Workload) -> Values:
    """From outside of the cluster, through the stack's Gateway or Ingress."""
    expose, gateway, ingress = workload.blueprint.expose, resolved.stack.gateway, resolved.stack.ingress
    if expose and gateway:
        listener = {"sectionName": gateway.listener} if gateway.listener else {}
        parent = {"name": gateway.name, "namespace": gateway.namespace, **listener}
        longest = workload.budget.shutdown_timeout
        return {
            "httpRoute": {
                "enabled": True,
                "hostnames": [expose.host],
                "timeoutSeconds": longest,
                "parentRefs": [parent],
            }
        }
    if expose and ingress:
        secret = tls_secret(workload.blueprint, resolved.stack)
        way: Values = {"tlsSecret": secret} if secret else {"plainHttp": True}
        return {
            "ingress": {
                "enabled": True,
                "className": ingress.class_name,
                "host": expose.host,
                **way,
                **({"annotations": dict(ingress.annotations)} if ingress.annotations else {}),
            }
        }
    return {}
