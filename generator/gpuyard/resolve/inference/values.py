"""Values of the vllm chart for one server: what was decided, in the chart's words."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gpuyard.catalogue.shapes import Shape
from gpuyard.catalogue.shippedchart import chart_defaults
from gpuyard.project.kinds.inference import Variable
from gpuyard.project.stack import Platform
from gpuyard.resolve import prometheus, proxy
from gpuyard.resolve.exposure import tls_secret
from gpuyard.resolve.inference import download, files
from gpuyard.resolve.inference.flags import written
from gpuyard.resolve.inference.gpumemory import pooling
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.site import Site

__all__ = ["CHART", "environment", "values"]

CHART = "vllm"
_ZONE = "topology.kubernetes.io/zone"
_PART_OF, _MANAGED_BY = "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by"

Values = dict[str, Any]


def values(server: Server, site: Site, shapes: Collection[Shape]) -> Values:
    """Everything that differs from the chart's defaults; `shapes` are all that the blueprint runs on."""
    stack, image = site.stack, server.image
    secrets = [{"name": name} for name in stack.images.pull_secrets]
    return {
        "nameOverride": server.blueprint.name,
        "fullnameOverride": server.blueprint.name,
        "commonLabels": {_PART_OF: stack.name, _MANAGED_BY: "gpuyard"},
        "image": {
            "repository": image.repository,
            "tag": image.tag,
            **({"digest": image.digest} if image.digest else {}),
        },
        **({"imagePullSecrets": secrets} if secrets else {}),
        "model": _model(server),
        "args": list(written(server.args, server.version)),
        **_authorities(site),
        **_environment(server, site),
        **files.values(server, site),
        "gpu": {"count": server.gpus, **_differing("gpu", resource=server.shape.resource)},
        "resources": _resources(server),
        "sharedMemory": {"size": f"{server.resources.shared_memory}Gi"},
        "cache": _cache(server, site),
        **download.values(server, shapes),
        **_scripts(server, site),
        "budget": {"startSeconds": server.budget.start, "scheduleSeconds": server.budget.schedule},
        "drain": {
            "preStopSeconds": server.budget.pre_stop,
            "shutdownSeconds": server.budget.shutdown_timeout,
            "marginSeconds": server.budget.shutdown_margin,
        },
        **_strategy(server),
        **_placement(server, site),
        **_scaling(server, site),
        **_monitoring(server, site),
        **_exposure(server, site),
        "tests": {"enabled": False},
    }


def _authorities(site: Site) -> Values:
    """The site's own."""
    if (ca := site.stack.network.ca) is None:
        return {}
    return {"ca": {"secret" if ca.secret else "configMap": ca.name, "key": ca.key}}


def environment(server: Server, site: Site) -> dict[str, Variable]:
    """The author's variables, and the stack's where the author has none of that name in any spelling."""
    own = server.options.env
    named = {name.upper() for name in own}
    common = {name: Variable(text) for name, text in proxy.variables(site.stack).items() if name.upper() not in named}
    return {**own, **common}


def _environment(server: Server, site: Site) -> Values:
    env = [{"name": name, **_content(each)} for name, each in environment(server, site).items()]
    return {"extraEnv": env} if env else {}


def _content(variable: Variable) -> Values:
    """A text, or where the cluster finds it."""
    if variable.secret:
        return {"valueFrom": {"secretKeyRef": {"name": variable.secret, "key": variable.key}}}
    if variable.config_map:
        return {"valueFrom": {"configMapKeyRef": {"name": variable.config_map, "key": variable.key}}}
    return {"value": variable.text}


def _differing(group: str, **given: Any) -> Values:
    """Those of a group's values that the chart doesn't have by itself."""
    defaults = chart_defaults(CHART)[group]
    return {key: value for key, value in given.items() if value != defaults[key]}


def _strategy(server: Server) -> Values:
    """A surge where GPUs are free for it; else the chart's own way, in place."""
    if not server.surge:
        return {}
    return {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": server.surge, "maxUnavailable": 0}}}


def _model(server: Server) -> Values:
    source, credentials = server.source, server.source.credentials
    served = {"servedName": server.spec.model.served_name}
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


def _resources(server: Server) -> Values:
    resources = server.resources
    return {
        "requests": {
            "cpu": str(resources.cpu_request),
            "memory": f"{resources.memory_request}Gi",
            "ephemeral-storage": f"{resources.disk_request}Gi",
        },
        "limits": {
            "memory": f"{resources.memory_limit}Gi",
            "ephemeral-storage": f"{resources.disk_limit}Gi",
        },
    }


def _cache(server: Server, site: Site) -> Values:
    cache = server.spec.storage.cache
    if cache.kind is None:
        return {"kind": "claim", "claim": cache.claim}
    size = {"size": f"{server.cache_gib}Gi"}
    if cache.kind == "ephemeral":
        return {"kind": "emptyDir", **size}
    # A class that isn't named has been reported.
    return {"kind": cache.kind, **size, "storageClassName": site.stack.storage.get(cache.kind, "")}


def _scripts(server: Server, site: Site) -> Values:
    """Once for all models, where a container runs one: to wait for weights, to copy them, to pass on a key or trust."""
    if not (server.download_seconds or server.spec.expose.api_key or site.stack.network.ca):
        return {}
    return {"scripts": {"configMap": f"{site.stack.name}-scripts"}}


def _scaling(server: Server, site: Site) -> Values:
    if server.min_replicas == server.max_replicas:
        return {"replicas": server.max_replicas}
    scaling, ttft = server.spec.scaling, server.spec.slo.ttft_seconds
    upstream = scaling.upstream
    return {
        "autoscaling": {
            "enabled": True,
            "minReplicas": server.min_replicas,
            "maxReplicas": server.max_replicas,
            "signal": scaling.signal,
            "concurrency": {"target": server.concurrency},
            **({"queue": {"target": scaling.queue.target}} if scaling.queue else {}),
            **({"kv": {"target": scaling.kv.target}} if scaling.kv else {}),
            **({"ttft": {"seconds": ttft}} if ttft and scaling.signal in ("ttft", "composite") else {}),
            **({"upstream": {"query": upstream.query, "target": upstream.target}} if upstream else {}),
            "prometheus": _prometheus(site.stack.platform),
        }
    }


def _prometheus(platform: Platform) -> Values:
    """Where KEDA asks, and how it shows who it is."""
    given = prometheus.written(platform)
    found: Values = {"address": prometheus.address(platform)}
    if given.insecure and prometheus.asked_by_https(platform):
        found["unsafeSsl"] = True
    if given.auth:
        mode, secret, keys = prometheus.login(given.auth)
        found["auth"] = {
            "mode": mode,
            "secret": secret,
            "keys": {name: key for name, key in keys.items() if name != key},
        }
    return found


def _placement(server: Server, site: Site) -> Values:
    shape, scheduling = server.shape, site.stack.scheduling
    priority = server.spec.priority_class or scheduling.priority_class
    labels = {shape.instance_type_label: server.nodes, **({_ZONE: site.zones} if site.zones else {})}
    return {
        "tolerations": [{"key": shape.taint.key, "operator": "Exists"}],
        **_nodes(labels),
        **({"priorityClassName": priority} if priority else {}),
        **({"runtimeClassName": scheduling.runtime_class} if scheduling.runtime_class else {}),
        **({"securityContext": {"readOnlyRootFilesystem": True}} if shape.read_only_root_filesystem else {}),
    }


def _nodes(labels: Mapping[str, Sequence[str]]) -> Values:
    """Labels say which nodes they are where each has one value; of several it takes an affinity."""
    if all(len(names) == 1 for names in labels.values()):
        return {"nodeSelector": {label: names[0] for label, names in labels.items()}}
    wanted = [{"key": label, "operator": "In", "values": list(names)} for label, names in labels.items()]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": wanted}]}}
    return {"affinity": {"nodeAffinity": required}}


def _monitoring(server: Server, site: Site) -> Values:
    given = prometheus.written(site.stack.platform).labels
    labels = {"labels": dict(given)} if given else {}
    ttft = None if pooling(server.args) else server.spec.slo.ttft_seconds
    return {
        "podMonitor": {"enabled": True, **labels},
        "prometheusRule": {"enabled": True, **labels, **({"slo": {"ttftSeconds": ttft}} if ttft else {})},
    }


def _exposure(server: Server, site: Site) -> Values:
    """Who may reach the pods and by which way, whom they may reach, and whether a key is asked for."""
    key = server.spec.expose.api_key
    return {
        "networkPolicy": _network_policy(server, site),
        **_route(server, site),
        **({"apiKey": {"secret": key.secret, "key": key.key}} if key else {}),
    }


def _network_policy(server: Server, site: Site) -> Values:
    stack, clients = site.stack, list(server.spec.client_namespaces)
    if server.spec.expose.host and stack.gateway:
        clients = [stack.gateway.proxies, *clients]
    elif server.spec.expose.host and stack.ingress:
        clients = [stack.ingress.namespace, *clients]
    egress = [{"cidr": rule.cidr, "port": rule.port} for rule in proxy.egress(stack.network)]
    return {
        "prometheusNamespaces": [prometheus.namespace(stack.platform)],
        **({"clientNamespaces": list(dict.fromkeys(clients))} if clients else {}),
        **({"clientCidrs": list(stack.network.clients)} if server.spec.expose.host and stack.network.clients else {}),
        **({"egress": egress} if egress else {}),
        **({"dnsCidrs": list(stack.network.dns)} if stack.network.dns else {}),
    }


def _route(server: Server, site: Site) -> Values:
    """From outside of the cluster, through the stack's Gateway or Ingress."""
    expose, gateway, ingress = server.spec.expose, site.stack.gateway, site.stack.ingress
    longest = server.budget.shutdown_timeout
    if expose.host and gateway:
        listener = {"sectionName": gateway.listener} if gateway.listener else {}
        parent = {"name": gateway.name, "namespace": gateway.namespace, **listener}
        return {
            "httpRoute": {
                "enabled": True,
                "hostnames": [expose.host],
                "timeoutSeconds": longest,
                "parentRefs": [parent],
            }
        }
    if expose.host and ingress:
        secret = tls_secret(expose, site.stack)
        way: Values = {"tlsSecret": secret} if secret else {"plainHttp": True}
        return {
            "ingress": {
                "enabled": True,
                "className": ingress.class_name,
                "host": expose.host,
                **way,
                "timeoutSeconds": longest,
                **({"annotations": dict(ingress.annotations)} if ingress.annotations else {}),
            }
        }
    return {}
