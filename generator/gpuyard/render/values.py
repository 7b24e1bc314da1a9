"""Values of the vllm chart for one workload: what resolve decided, in the chart's words."""

from typing import Any

from gpuyard.resolve import Resolved, Workload

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
        "gpu": {"count": workload.gpus},
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
        "placement": {"instanceTypes": list(workload.nodes)},
        "securityContext": {"readOnlyRootFilesystem": workload.shape.read_only_root_filesystem},
        "scaling": _scaling(resolved, workload),
        **_monitoring(workload),
        **_exposure(resolved, workload),
    }


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


def _monitoring(workload: Workload) -> Values:
    ttft = workload.blueprint.ttft_seconds
    return {
        "podMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True, **({"ttftSeconds": ttft} if ttft else {})},
    }


def _exposure(resolved: Resolved, workload: Workload) -> Values:
    """The route through the stack's Gateway, and who may reach the pods."""
    expose, gateway = workload.blueprint.expose, resolved.stack.gateway
    clients = list(workload.blueprint.client_namespaces)
    network: Values = {"prometheusNamespaces": [resolved.stack.platform.prometheus_namespace]}
    if expose is None or gateway is None:
        return {"networkPolicy": {**network, **({"clientNamespaces": clients} if clients else {})}}
    listener = {"sectionName": gateway.listener} if gateway.listener else {}
    return {
        "networkPolicy": {**network, "clientNamespaces": list(dict.fromkeys([gateway.proxy_namespace, *clients]))},
        "httpRoute": {
            "enabled": True,
            "hostnames": [expose.host],
            "timeoutSeconds": workload.budget.shutdown_timeout,
            "parentRefs": [{"name": gateway.name, "namespace": gateway.namespace, **listener}],
        },
        **({"apiKey": {"secret": expose.api_key.secret, "key": expose.api_key.key}} if expose.api_key else {}),
    }
