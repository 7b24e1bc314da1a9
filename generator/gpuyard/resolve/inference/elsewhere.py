"""Values of the chart that follow from keys of the blueprint or of the stack, which are what authors set."""

from collections.abc import Iterable, Iterator, Mapping

from gpuyard.doors.yamlio import Path
from gpuyard.errors import meant
from gpuyard.resolve.inference.podnames import POD

__all__ = ["KEYS", "OTHERS", "instead", "instead_of_unknown", "key_of"]

_STACK = "in stack.yaml"
_SELECTS = "selects the pods of this model; choose another label"
_OWN = "gpuyard sets it; choose another label"
_NAMED = "every name follows from metadata.name; remove it"
_MEASURED = "models scale on what it measures, so it stays on; remove it"
_FIXED = "does not change; remove it"

_BLUEPRINT: Mapping[str, str] = {
    "args": "serving.args",
    "apiKey": "expose.apiKey",
    "autoscaling.concurrency": "serving.concurrency",
    "autoscaling.enabled": "scaling.min and spec.scaling.max",
    "autoscaling.kv": "scaling.kv",
    "autoscaling.maxReplicas": "scaling.max",
    "autoscaling.minReplicas": "scaling.min",
    "autoscaling.queue": "scaling.queue",
    "autoscaling.signal": "scaling.signal",
    "autoscaling.ttft.seconds": "slo.ttft",
    "autoscaling.upstream.query": "scaling.upstream.query",
    "autoscaling.upstream.target": "scaling.upstream.target",
    "budget.scheduleSeconds": "budget.scheduleSeconds",
    "budget.startSeconds": "budget.startSeconds",
    "cache.claim": "storage.cache.claim",
    "cache.kind": "storage.cache.kind",
    "cache.size": "storage.cache.size",
    "download.adapters": "serving.adapters",
    "download.enabled": "storage.download",
    "drain.shutdownSeconds": "budget.shutdownSeconds",
    "files": "serving.files",
    "gpu.count": "shapes.<shape>.tensorParallel",
    "image.repository": "vllm.image",
    "image.tag": "vllm.version or spec.vllm.tag",
    "httpRoute.enabled": "expose.host",
    "httpRoute.hostnames": "expose.host",
    "httpRoute.timeoutSeconds": "budget.shutdownSeconds",
    "ingress.enabled": "expose.host",
    "ingress.host": "expose.host",
    "ingress.timeoutSeconds": "budget.shutdownSeconds",
    "ingress.tlsSecret": "expose.tlsSecret",
    "model.servedName": "model.servedName",
    "model.token": "model.credentials",
    "model": "model",
    "networkPolicy.clientNamespaces": "clientNamespaces",
    "priorityClassName": "priorityClass",
    "prometheusRule.slo.ttftSeconds": "slo.ttft",
    "replicas": "scaling.min and spec.scaling.max",
}
"""Keys below `spec` of a blueprint."""
_SHAPE: Mapping[str, str] = {
    "args": "args",
    "autoscaling.concurrency": "concurrency",
    "autoscaling.enabled": "scaling.min and scaling.max",
    "autoscaling.maxReplicas": "scaling.max",
    "autoscaling.minReplicas": "scaling.min",
    "gpu.count": "tensorParallel",
    "model.token": "model.credentials",
    "model": "model",
    "replicas": "scaling.min and scaling.max",
}
"""Keys below `spec.shapes.<shape>`, where a shape has its own."""
_OF_STACK: Mapping[str, str] = {
    "autoscaling.prometheus.address": "platform.prometheus.address",
    "autoscaling.prometheus.unsafeSsl": "platform.prometheus.insecure",
    "ca": "network.ca",
    "cache.storageClassName": "storage",
    "httpRoute.parentRefs": "gateway",
    "imagePullSecrets": "images.pullSecrets",
    "ingress.className": "ingress.className",
    "ingress.plainHttp": "ingress.plainHttp",
    "networkPolicy.dnsCidrs": "network.dns",
    "networkPolicy.egress": "network.egress",
    "networkPolicy.prometheusNamespaces": "platform.prometheus.namespace",
    "podMonitor.labels": "platform.prometheus.labels",
    "prometheusRule.labels": "platform.prometheus.labels",
    "runtimeClassName": "scheduling.runtimeClass",
}
"""Keys below `spec` of the stack."""
_POD: Mapping[str, str] = {
    "affinity": "affinity",
    "containers": "extraContainers",
    "initContainers": "initContainers",
    "nodeSelector": "nodeSelector",
    "securityContext": "podSecurityContext",
    "serviceAccountName": "serviceAccount.name",
    "serviceMonitor": "podMonitor",
    "tolerations": "tolerations",
    "topologySpreadConstraints": "topologySpreadConstraints",
    "volumes": "extraVolumes",
}
"""Fields of a pod that are values of the chart; what is left of it goes into extraPodSpec."""
OTHERS: Mapping[str, str] = {
    "additionalLabels": "commonLabels",
    "annotations": "podAnnotations",
    "containerSecurityContext": "securityContext",
    "customLivenessProbe": "livenessProbe",
    "customObjects": "extraObjects",
    "customReadinessProbe": "readinessProbe",
    "customStartupProbe": "startupProbe",
    "deploymentStrategy": "strategy",
    "env": "extraEnv",
    "envVars": "extraEnv",
    "extraArgs": "args",
    "extraDeploy": "extraObjects",
    "extraEnvFrom": "envFrom",
    "extraEnvVars": "extraEnv",
    "extraEnvVarsCM": "envFrom",
    "extraEnvVarsSecret": "envFrom",
    "extraInit": "initContainers",
    "extraInitContainers": "initContainers",
    "extraManifests": "extraObjects",
    "hpa": "autoscaling",
    "image.name": "image.repository",
    "imagePullPolicy": "image.pullPolicy",
    "ingress.hostname": "ingress.host",
    "ingress.hosts": "ingress.host",
    "ingress.tls": "ingress.tlsSecret",
    "keda": "autoscaling",
    "labels": "commonLabels",
    "lifecycleHooks": "lifecycle",
    "networkPolicy.ingress": "networkPolicy.extraIngress",
    "pdb": "podDisruptionBudget",
    "replicaCount": "replicas",
    "service.nodePorts": "service.nodePort",
    "serviceAccountName": "serviceAccount.name",
    "shm": "sharedMemory",
    "shmSize": "sharedMemory.size",
    "sidecar": "extraContainers",
    "sidecars": "extraContainers",
    "updateStrategy": "strategy",
    "volumeMounts": "extraVolumeMounts",
    "volumes": "extraVolumes",
}
"""What other charts call values of this one."""
_WORDS: Mapping[str, str] = {
    "enabled": "the shapes of a blueprint and the clusters of the stack decide where it runs; remove it",
    "extraPodSpec.automountServiceAccountToken": _FIXED,
    "extraPodSpec.enableServiceLinks": _FIXED,
    "download.first": "the Job always comes first; remove it",
    "fullnameOverride": _NAMED,
    "image.digest": "digests are in images.lock (`gpuyard images --lock`); remove it",
    "global": "nothing reads it; remove it",
    "nameOverride": _NAMED,
    "podMonitor.enabled": _MEASURED,
    "prometheusRule.enabled": "the alerts of the stack read its facts, so it stays on; remove it",
    "scripts": "gpuyard makes the ConfigMap and mounts it; remove it",
    "tests": "runs with `helm test` only, which the clusters do not do; remove it",
}


def _all() -> Iterator[tuple[Path, str]]:
    """The whole table, as the end of a message; `<own>` is where the shape's own key is."""
    for value, key in _BLUEPRINT.items():
        yield tuple(value.split(".")), f"set spec.{key} instead"
    for value, key in _OF_STACK.items():
        yield tuple(value.split(".")), f"set spec.{key} {_STACK} instead"
    for field, key in _POD.items():
        yield ("extraPodSpec", field), f"set {key} of these values instead"
    for field in ("imagePullSecrets", "runtimeClassName"):
        yield ("extraPodSpec", field), f"set spec.{_OF_STACK[field]} {_STACK} instead"
    yield ("extraPodSpec", "priorityClassName"), f"set spec.{_BLUEPRINT['priorityClassName']} instead"
    yield ("extraPodSpec", "terminationGracePeriodSeconds"), "set spec.budget.shutdownSeconds instead"
    for value, words in _WORDS.items():
        yield tuple(value.split(".")), words
    for labels in (("commonLabels",), ("podLabels",), ("service", "labels")):
        yield from (((*labels, f"app.kubernetes.io/{name}"), _SELECTS) for name in ("name", "instance", "component"))
        yield from (((*labels, f"app.kubernetes.io/{name}"), _OWN) for name in ("part-of", "managed-by"))


KEYS: Mapping[Path, str] = dict(_all())
"""By the path of the value: what to do instead."""


def instead(path: Path, shape: str) -> str | None:
    """What to do instead of setting a value, for the whole blueprint (an empty shape) or on one shape."""
    own = _SHAPE.get(".".join(map(str, path))) if shape else None
    if own is None:
        return KEYS.get(path)
    return "set " + " and ".join(f"spec.shapes.{shape}.{key}" for key in own.split(" and ")) + " instead"


def instead_of_unknown(path: Path, known: Iterable[str], shape: str) -> str | None:
    """The same for a name that the chart doesn't have: a pod's field, another chart's word, or a misspelled one."""
    if own := OTHERS.get(".".join(map(str, path))):
        return instead(tuple(own.split(".")), shape) or f"set {own} of these values instead"
    if len(path) == 1 and path[0] in POD:
        return f"set extraPodSpec.{path[0]} of these values instead"
    if found := KEYS.get(("extraPodSpec", *path)):
        return found
    near = meant(str(path[-1]), known)
    return instead((*path[:-1], near), shape) if near else None


def key_of(path: Path) -> Path:
    """The key of a blueprint that a value follows from; the whole of `spec` where it is several, or the stack's."""
    names = {**_BLUEPRINT, "extraEnv": "serving.env"}
    texts = [str(each) for each in path]
    found = (names.get(".".join(texts[:length])) for length in range(len(texts), 0, -1))
    key = next(filter(None, found), "")
    return ("spec", *key.split(".")) if key and " " not in key else ("spec",)
