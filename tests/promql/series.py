"""Series as Prometheus holds them: of the servers, of kube-state-metrics, of KEDA, and of the neighbours."""

from itertools import product

from tests.promql.promtool import Series

PODS = ("chat-5d9f8c7b6-abcde", "chat-5d9f8c7b6-fghij")
_VLLM = 'namespace="inference",model_name="llama-3.1-8b"'
_DEPLOYMENT = '{namespace="inference",deployment="chat"}'
_HPA = 'namespace="inference",horizontalpodautoscaler="keda-hpa-chat"'
_NAMESPACE = {'namespace="inference"': 'namespace="elsewhere{}"'}
_NAMES = {
    'model_name="llama-3.1-8b"': 'model_name="llama-3.1-8b-long{}"',
    'job="inference/chat"': 'job="inference/chat-big{}"',
    'deployment="chat"': 'deployment="chat-big{}"',
    'pod="chat-': 'pod="chat-big{}-',
    "keda-hpa-chat": "keda-hpa-chat-big{}",
    'scaledObject="chat"': 'scaledObject="chat-big{}"',
    'scaledobject="chat"': 'scaledobject="chat-big{}"',
    'scaledResource="chat"': 'scaledResource="chat-big{}"',
    'scaled_resource="chat"': 'scaled_resource="chat-big{}"',
    'job_name="chat-': 'job_name="chat-big{}-',
    'replicaset="chat-': 'replicaset="chat-big{}-',
}
FACTS = {
    "start_budget_seconds": "2700",
    "download_budget_seconds": "7200",
    'ttft_error_budget{le="2.5"}': "0.05",
}
"""What the chart records about a model, and its values in these scenes."""


def vllm(metric: str, pod: str = PODS[0], engine: str = "0", **labels: str) -> str:
    """A series of a server, as the PodMonitor brings it in."""
    more = "".join(f',{name}="{value}"' for name, value in labels.items())
    return f'vllm:{metric}{{{_VLLM},job="inference/chat",pod="{pod}",engine="{engine}"{more}}}'


def deployment(metric: str) -> str:
    """A series of kube-state-metrics about the Deployment."""
    return f"kube_deployment_{metric}{_DEPLOYMENT}"


def fact(name: str) -> str:
    """A fact about the model, as its chart records it."""
    name, _, more = name.rstrip("}").partition("{")
    return f'gpuyard:{name}{{namespace="inference",deployment="chat",model_name="llama-3.1-8b"{more and "," + more}}}'


def replicaset(name: str, *, created: str, wanted: str) -> Series:
    """When a ReplicaSet was made, in seconds, and how many pods it is to have."""
    labels = f'{{namespace="inference",replicaset="{name}"}}'
    return {f"kube_replicaset_created{labels}": created, f"kube_replicaset_spec_replicas{labels}": wanted}


def requests(pod: str, status: str, handler: str = "/v1/chat/completions") -> str:
    """Requests by status, as the pods of any FastAPI program show them."""
    return (
        f'http_requests_total{{namespace="inference",job="inference/chat",pod="{pod}",method="POST",'
        f'handler="{handler}",status="{status}"}}'
    )


def autoscaler(metric: str, labels: str = "") -> str:
    """A series of kube-state-metrics about the HPA that KEDA makes."""
    return f"kube_horizontalpodautoscaler_{metric}{{{_HPA}{labels}}}"


def condition(kind: str) -> str:
    """A condition of the ScaledObject, as our kube-state-metrics reads it."""
    return (
        "kube_customresource_scaledobject_status_condition"
        f'{{namespace="inference",scaledobject="chat",condition="{kind}",customresource_kind="ScaledObject"}}'
    )


_RESOURCE = {
    "scaled_object_errors_total": "scaledObject",
    "scaler_empty_upstream_responses_total": "scaledResource",
    "scaler_http_requests_total": "scaled_resource",
}


def keda(metric: str, namespace: str = 'namespace="inference"', **labels: str) -> str:
    """A counter of KEDA about the ScaledObject; each has a name of its own for that label."""
    more = "".join(f',{name}="{value}"' for name, value in labels.items())
    return f'keda_{metric}{{{namespace},{_RESOURCE[metric]}="chat"{more}}}'


def download(metric: str, job: str = "chat-download-0a1b2c3d") -> str:
    """Of the download Job: pods that succeeded, or when it began (start_time)."""
    return f'kube_job_status_{metric}{{namespace="inference",job_name="{job}"}}'


def pod_series(metric: str, pod: str, **labels: str) -> str:
    """A series of kube-state-metrics about a pod."""
    more = "".join(f',{name}="{value}"' for name, value in labels.items())
    return f'kube_pod_{metric}{{namespace="inference",pod="{pod}"{more}}}'


def histogram(metric: str, counts: dict[str, str], pod: str = PODS[0], engine: str = "0") -> Series:
    """Buckets by their bound; +Inf is the count too."""
    buckets = {vllm(f"{metric}_bucket", pod, engine, le=bound): values for bound, values in counts.items()}
    return {**buckets, vllm(f"{metric}_count", pod, engine): counts["+Inf"]}


def engine(pod: str, number: str, running: str, waiting: str, kv: str, first_tokens: str) -> Series:
    """What the scaling queries read of one engine; every first token takes 0.75 to 1 s."""
    tokens = {"0.75": "0x40", "1.0": first_tokens, "2.5": first_tokens, "+Inf": first_tokens}
    return {
        vllm("num_requests_running", pod, number): running,
        vllm("num_requests_waiting", pod, number): waiting,
        vllm("kv_cache_usage_perc", pod, number): kv,
        **histogram("time_to_first_token_seconds", tokens, pod, number),
    }


def pod(name: str, *, created: str, ready: str, phase: str = "Running", restarts: str = "0x600") -> Series:
    """What kube-state-metrics says about a pod."""
    return {
        pod_series("created", name): created,
        pod_series("status_ready", name, condition="true"): ready,
        pod_series("container_status_restarts_total", name, container="vllm"): restarts,
        **{
            pod_series("status_phase", name, phase=each): f"{int(each == phase)}x600"
            for each in ("Pending", "Running", "Succeeded", "Failed")
        },
    }


def elsewhere(series: Series, number: int = 0) -> Series:
    """The same in another namespace, where another stack may be."""
    return _renamed(series, _NAMESPACE, number)


def next_door(series: Series, number: int = 0) -> Series:
    """The same by another name in our namespace."""
    return _renamed(series, _NAMES, number)


def others(series: Series, number: int = 0) -> Series:
    """Both neighbours."""
    return {**elsewhere(series, number), **next_door(series, number)}


def twice(series: Series) -> Series:
    """While kube-state-metrics moves, there are two that say the same."""
    kube = {key: values for key, values in series.items() if key.startswith("kube_")}
    return {**series, **{key.replace("}", ',instance="10.0.0.9:8080"}'): values for key, values in kube.items()}}


def _renamed(series: Series, names: dict[str, str], number: int) -> Series:
    found: Series = {}
    for key, values in series.items():
        for old, new in names.items():
            key = key.replace(old, new.format(number))
        found[key] = values
    return found


def servers(running: str, waiting: str, kv: str, first_tokens: str, *, pods: int = 1, engines: int = 1) -> Series:
    """The same engine in every pod."""
    found: Series = {}
    for name, number in product(PODS[:pods], range(engines)):
        found.update(engine(name, str(number), running, waiting, kv, first_tokens))
    return found
