"""What gpuyard writes, charts/vllm takes: value by value, and whole projects that nobody thought of.

`check` must never pass what `compile` refuses, and the schema of the chart is stricter than a type.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuyard.catalogue import models
from gpuyard.catalogue import shapes as gpu_shapes
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.helm import Embedded
from gpuyard.doors.schema.breaches import StrictValidator
from gpuyard.errors import InputError
from gpuyard.fit.budget import load_budget
from gpuyard.project.formats import schema
from gpuyard.render.kustomize import objects
from tests.chart import rendering
from tests.projects import Values, chart_values, flags, problems, resolved
from tests.scan.leaves import text

SECRET = {"secret": "s", "key": "k"}
GATEWAY = {"gateway": {"name": "public", "namespace": "gateways", "listener": "https"}}
INGRESS = {
    "ingress": {"className": "nginx", "namespace": "ingress", "tlsSecret": "wildcard", "annotations": {"a": "b"}}
}
EXPOSED = {"expose": {"host": "chat.example.com", "apiKey": SECRET}, "clientNamespaces": ["apps"]}
UPSTREAM = {"signal": "upstream", "upstream": {"query": "sum(a)", "target": 8}}
BUCKET = {"source": "oci://models@acme/llama", "credentials": SECRET, "region": "us-phoenix-1"}
NVME = {"storage": {"nvme": "local"}}
ADAPTERS = {"adapters": [{"name": "sql", "rank": 8, "source": "hf://acme/sql@" + "1" * 40}]}
REST = {
    "images": {"pullSecrets": ["ocir"]},
    "network": {"egress": [{"cidr": "10.0.7.9/32"}], "dns": ["10.96.5.5/32"], "clients": ["10.0.20.0/24"]},
    "scheduling": {"priorityClass": "high", "runtimeClass": "nvidia"},
    "platform": {"prometheus": {"labels": {"release": "kps"}}},
}
PROJECTS: Mapping[str, tuple[Values, Values]] = {
    "plain": ({}, {}),
    "gateway": ({**EXPOSED, "serving": ADAPTERS}, {**GATEWAY, **REST}),
    "ingress": ({**EXPOSED, "slo": {"ttft": "1s"}, "scaling": {"signal": "composite"}}, INGRESS),
    "targets": (
        {
            "slo": {"ttft": "1s"},
            "scaling": {"signal": "composite", "queue": {"target": 4}, "kv": {"target": 0.8}},
            "serving": {
                "env": {"NCCL_DEBUG": "WARN", "A": SECRET, "B": {"configMap": "c", "key": "k"}},
                "args": {"trust-remote-code": True},
                "unsafe": ["trust-remote-code"],
            },
        },
        {},
    ),
    "upstream": ({"scaling": {"min": 0, **UPSTREAM}}, {}),
    "bucket": ({"model": BUCKET, "storage": {"cache": {"kind": "ephemeral"}}}, {}),
    "volume": ({"model": {"source": "pvc://weights/llama"}, "storage": {"cache": {"claim": "mine"}}}, {}),
    "block": ({"storage": {"cache": {"kind": "block"}}, "scaling": {"max": 1}}, {}),
    "nvme": ({"storage": {"cache": {"kind": "nvme"}}, "scaling": {"max": 2}}, NVME),
    "surge": ({"rollout": {"spareGpus": 8}}, {"policy": {"maxGpus": 1000}}),
}
"""Blueprints and stacks that bring every value of the chart that gpuyard writes."""


# --- value by value -----------------------------------------------------------------------------------------------

KEYS = " (keys)"
TERMS = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[].matchExpressions[]"
COPIED: Mapping[str, tuple[str, ...]] = {
    "fullnameOverride": ("blueprint.metadata.name",),
    "nameOverride": ("blueprint.metadata.name",),
    "commonLabels.*": ("stack.metadata.name",),
    "image.digest": ("images-lock.images.*",),
    "imagePullSecrets[].name": ("stack.spec.images.pullSecrets[]",),
    "model.servedName": ("blueprint.spec.model.servedName", "blueprint.metadata.name"),
    "model.token.secret": ("blueprint.spec.model.credentials.secret",),
    "model.token.key": ("blueprint.spec.model.credentials.key",),
    "model.bucket.region": ("blueprint.spec.model.region", "stack.spec.clusters[].region"),
    "model.bucket.credentials.secret": ("blueprint.spec.model.credentials.secret",),
    "model.bucket.credentials.key": ("blueprint.spec.model.credentials.key",),
    "extraEnv[].name": (f"blueprint.spec.serving.env{KEYS}",),
    "extraEnv[].value": ("blueprint.spec.serving.env.*",),
    "apiKey.secret": ("blueprint.spec.expose.apiKey.secret",),
    "apiKey.key": ("blueprint.spec.expose.apiKey.key",),
    "cache.claim": ("blueprint.spec.storage.cache.claim",),
    "cache.storageClassName": ("stack.spec.storage.fss", "stack.spec.storage.block", "stack.spec.storage.nvme"),
    "budget.startSeconds": ("blueprint.spec.budget.startSeconds",),
    "budget.scheduleSeconds": ("blueprint.spec.budget.scheduleSeconds",),
    "drain.shutdownSeconds": ("blueprint.spec.budget.shutdownSeconds",),
    "priorityClassName": ("blueprint.spec.priorityClass", "stack.spec.scheduling.priorityClass"),
    "runtimeClassName": ("stack.spec.scheduling.runtimeClass",),
    "replicas": ("blueprint.spec.scaling.max", "blueprint.spec.shapes.*.scaling.max"),
    "autoscaling.minReplicas": ("blueprint.spec.scaling.min", "blueprint.spec.shapes.*.scaling.min"),
    "autoscaling.maxReplicas": ("blueprint.spec.scaling.max", "blueprint.spec.shapes.*.scaling.max"),
    "autoscaling.signal": ("blueprint.spec.scaling.signal",),
    "autoscaling.concurrency.target": ("blueprint.spec.serving.concurrency", "blueprint.spec.shapes.*.concurrency"),
    "autoscaling.queue.target": ("blueprint.spec.scaling.queue.target",),
    "autoscaling.kv.target": ("blueprint.spec.scaling.kv.target",),
    "autoscaling.upstream.query": ("blueprint.spec.scaling.upstream.query",),
    "autoscaling.upstream.target": ("blueprint.spec.scaling.upstream.target",),
    "autoscaling.prometheus.address": ("stack.spec.platform.prometheus.address",),
    "podMonitor.labels.*": ("stack.spec.platform.prometheus.labels.*",),
    "prometheusRule.labels.*": ("stack.spec.platform.prometheus.labels.*",),
    "networkPolicy.prometheusNamespaces[]": ("stack.spec.platform.prometheus.namespace",),
    "networkPolicy.clientNamespaces[]": (
        "blueprint.spec.clientNamespaces[]",
        *("stack.spec.gateway.namespace", "stack.spec.gateway.proxyNamespace", "stack.spec.ingress.namespace"),
    ),
    "networkPolicy.egress[].port": ("stack.spec.network.egress[].port",),
    "httpRoute.hostnames[]": ("blueprint.spec.expose.host",),
    "httpRoute.timeoutSeconds": ("blueprint.spec.budget.shutdownSeconds",),
    "httpRoute.parentRefs[].name": ("stack.spec.gateway.name",),
    "httpRoute.parentRefs[].namespace": ("stack.spec.gateway.namespace",),
    "httpRoute.parentRefs[].sectionName": ("stack.spec.gateway.listener",),
    "ingress.timeoutSeconds": ("blueprint.spec.budget.shutdownSeconds",),
    "ingress.className": ("stack.spec.ingress.className",),
    "ingress.host": ("blueprint.spec.expose.host",),
    "ingress.tlsSecret": ("stack.spec.ingress.tlsSecret", "blueprint.spec.expose.tlsSecret"),
    "ingress.annotations.*": ("stack.spec.ingress.annotations.*",),
}
"""Places of the chart, and those of the users' files whose values stand there as they are."""
COMPUTED: Mapping[str, str] = {
    **dict.fromkeys(("image.repository", "image.tag"), "in the table of test_rules.py"),
    **dict.fromkeys(
        ("model.id", "model.volume.claim", "model.volume.path", "model.bucket.uri", "model.bucket.endpoint"),
        "parts of a source: in the table; the pattern of a source allows what the patterns of its parts do",
    ),
    "model.source": "hf, volume or bucket, by the source",
    "model.revision": "40 hexadecimal digits, by the pattern of a source and of a model's facts",
    **dict.fromkeys(
        (f"extraEnv[].valueFrom.{kind}KeyRef.{name}" for kind in ("secret", "configMap") for name in ("name", "key")),
        "the chart looks at no reference",
    ),
    "args[]": "any text, as catalogue/flagvalues.py sees to it",
    "gpu.count": "in the table",
    **dict.fromkeys(
        (
            f"resources.{kind}.{name}"
            for kind in ("requests", "limits")
            for name in ("cpu", "memory", "ephemeral-storage")
            if (kind, name) != ("limits", "cpu")
        ),
        "whole cores and GiB of a node's part, see pod.py",
    ),
    "sharedMemory.size": "whole GiB of a node's memory, see pod.py",
    "cache.kind": "the enum of the blueprint, or claim where one is named",
    "cache.size": "in the table; computed, it is what twice the weights need that fit on a node's GPUs",
    "download.timeoutSeconds": "1800 to 86400, see storage.py",
    "download.adapters[].id": "in the table",
    "download.adapters[].revision": "40 hexadecimal digits: a copied adapter without a commit is refused",
    "scripts.configMap": "the stack's name and -scripts, shorter than a ConfigMap's may be",
    "drain.preStopSeconds": "15",
    "drain.marginSeconds": "15",
    **dict.fromkeys(
        ("strategy.type", "strategy.rollingUpdate.maxSurge", "strategy.rollingUpdate.maxUnavailable"),
        "the surge: see below",
    ),
    **dict.fromkeys(("tolerations[].key", "tolerations[].operator"), "of the shape catalogue: see test_new_shape.py"),
    **dict.fromkeys(
        ("download.tolerations[].key", "download.tolerations[].operator"), "the same, of all shapes of the blueprint"
    ),
    "download.nodeSelector.kubernetes.io/arch": "a constant: that of the server's image",
    "nodeSelector.node.kubernetes.io/instance-type": "a label that the chart passes on",
    **dict.fromkeys((f"{TERMS}.key", f"{TERMS}.operator", f"{TERMS}.values[]"), "the chart looks at no term"),
    "autoscaling.ttft.seconds": "one of slo.ttft, 0.1 to 40",
    "prometheusRule.slo.ttftSeconds": "one of slo.ttft, 0.1 to 40",
    "networkPolicy.egress[].cidr": "in the table, and see network.py",
    "networkPolicy.clientCidrs[]": "in the table, and see network.py",
    "networkPolicy.dnsCidrs[]": "single addresses, see network.py",
}
"""Places of the chart where something else stands, and why it is always taken."""
OPEN = ("commonLabels", "labels", "annotations")


def written(value: Any, path: str = "") -> Iterator[str]:
    """The places of values, without numbers and the keys of open mappings."""
    if isinstance(value, dict):
        for key, item in value.items():
            step = "*" if path.rpartition(".")[2] in OPEN else key
            yield from written(item, f"{path}.{step}" if path else step)
    elif isinstance(value, list):
        for item in value:
            yield from written(item, f"{path}[]")
    elif not isinstance(value, bool):
        yield path


def test_every_value_has_its_reason() -> None:
    found = {place for project in PROJECTS.values() for place in written(chart_values(*project))}
    found |= set(written(chart_values({}, shape="a10")))  # of several kinds of nodes
    assert found | {"image.digest"} == COPIED.keys() | COMPUTED.keys()


def node(whole: Mapping[str, Any], place: str) -> Any:
    """The schema of a place, on its own."""
    found: Any = whole
    for step in (None, *place.replace("[]", ".[]").split(".")):
        if step == "[]":
            found = found["items"]
        elif step is not None:
            found = found.get("properties", {}).get(step) or found["additionalProperties"]
        while "$ref" in found:
            kind, name = found["$ref"].removeprefix("#/").split("/")
            found = {**whole[kind][name], **{key: item for key, item in found.items() if key != "$ref"}}
        found = next((form for form in found.get("anyOf", ()) if form.get("type") == "string"), found)
    return {**found, **{key: whole[key] for key in ("$defs", "definitions") if key in whole}}


def corners(rule: Mapping[str, Any]) -> Iterator[Any]:
    """Values at the edges of a schema: bounds, and a text that grows at each of its letters."""
    for branch in rule.get("anyOf", ()):
        yield from corners(branch)
    yield from rule.get("enum", ())
    yield from (rule[bound] for bound in ("minimum", "maximum") if bound in rule)
    if rule.get("type") == "string" and "pattern" in rule:
        start = text(rule["pattern"])
        grown = ("a" * size for size in (1, rule.get("maxLength", 300) - len(start), 45, 62, 63, 127, 191, 252, 300))
        more = ["", *(".", "..", "-", ".-", "_", "/", "//", "A", ":"), *grown]
        yield from (start[:place] + each + start[place:] for place in range(len(start) + 1) for each in more)


def names(rule: Any) -> Any:
    """The schema of the keys of an open mapping."""
    return {**rule["propertyNames"], "type": "string", "definitions": rule.get("definitions", {})}


def too_wide(chart: Mapping[str, Any], user: Mapping[str, Any]) -> list[Any]:
    """What a user's file may say and the chart doesn't take."""
    taken = [value for value in corners(user) if StrictValidator(user).is_valid(value)]
    assert taken
    return [value for value in taken if not StrictValidator(chart).is_valid(value)]


@pytest.mark.parametrize("place", COPIED)
def test_what_is_copied_fits(place: str) -> None:
    for source in COPIED[place]:
        kind, _, inside = source.removesuffix(KEYS).partition(".")
        if source.endswith(KEYS):
            assert too_wide(node(rendering.schema(), place), names(node(schema(kind), inside))) == [], source
            continue
        assert too_wide(node(rendering.schema(), place), node(schema(kind), inside)) == [], source
        if place.endswith(".*") and inside.endswith(".*"):
            chart, user = node(rendering.schema(), place[:-2]), node(schema(kind), inside[:-2])
            assert too_wide(names(chart), names(user)) == [], f"names in {source}"


def test_the_largest_model_that_fits_starts_in_time() -> None:
    """The chart takes six hours; a computed start must never be more."""
    nodes = [each for shape in gpu_shapes.catalogue().values() for each in shape.nodes.values()]
    most = max(each.gpus * each.usable_gib for each in nodes)
    model = next(iter(models.catalogue().values()))
    largest = replace(model, weights_bytes=int(most * 2**30))
    limit = node(rendering.schema(), "budget.startSeconds")["maximum"]
    quickest, slowest = (
        load_budget(each, kind=kind, shutdown_timeout=300).start for each, kind in ((model, "nvme"), (largest, "hf"))
    )
    assert 60 <= quickest < slowest <= limit


@pytest.mark.parametrize(
    ("name", "value"),
    [("chat-template", "{" + "$" * 129_999), ("ignore-patterns", [str(number) for number in range(9_000)])],
)
def test_the_longest_flags_fit(name: str, value: Any) -> None:
    """Linux and etcd have limits; the chart has none that come before."""
    assert flags(chart_values({"serving": {"args": {name: value}}}))[name]


NETWORKS = (
    *("10.0.0.0", "169.254.169.254", "169.0.0.0", "172.16.0.0", "192.168.0.0", "134.70.8.0", "1.0.0.0"),
    *("fd00:c1::a9fe:a9fe", "fd00:c1::", "fd00:ec2::254", "fd12:3456::", "fc00::", "fe80::", "2603:c020::", "::"),
    *("64:ff9b::a9fe:a9fe", "::ffff:a00:0", "FD12::", "fd12:0:0::", "10.0.0.01", "1.2.3"),
)


@pytest.mark.parametrize(
    ("ours", "theirs"), [("egress[].cidr", "egress[].cidr"), ("dns[]", "dnsCidrs[]"), ("clients[]", "clientCidrs[]")]
)
def test_networks_that_check_takes_the_chart_takes(ours: str, theirs: str) -> None:
    """At every length of the prefix."""
    mine, chart = (
        StrictValidator(node(whole, place))
        for whole, place in (
            (schema("stack"), f"spec.network.{ours}"),
            (rendering.schema(), f"networkPolicy.{theirs}"),
        )
    )
    written = (f"{address}/{bits}" for address in NETWORKS for bits in (*range(33), 48, 56, 64, 127, 128, 129, "08"))
    left = [cidr for cidr in written if mine.is_valid(cidr)]
    key = ours.partition("[")[0]
    taken = []
    for part in (left[start : start + 32] for start in range(0, len(left), 32)):
        given = [{"cidr": cidr} for cidr in part] if key == "egress" else part
        places = (message.partition("]")[0] for message in problems({}, {"network": {key: given}}))
        refused = {int(place.removeprefix(f"spec.network.{key}[")) for place in places}
        taken += [cidr for index, cidr in enumerate(part) if index not in refused]
    assert len(taken) > 5
    assert [cidr for cidr in taken if not chart.is_valid(cidr)] == []


# --- whole projects -----------------------------------------------------------------------------------------------

WIDE = {"policy": {"maxGpus": 100000, "maxReplicas": 256}}
"""A stack whose own limits refuse nothing."""
SOURCES: tuple[Values, ...] = (
    *({}, {}, {}, {"source": "pvc://weights/llama"}, {"source": "fss://chat-cache"}, BUCKET),
    {"source": f"hf://{'a' * 95}/{'b' * 96}@{'1' * 40}"},
)
SIGNALS: tuple[Values, ...] = (
    *({}, {}, {}, {"signal": "queue", "queue": {"target": 1}}, {"signal": "kv", "kv": {"target": 0.9}}),
    *(
        {"signal": "composite"},
        {"signal": "upstream", "upstream": {"query": "sum(a) OR on(x) vector (1)", "target": 1}},
    ),
    *(UPSTREAM, {"signal": "upstream", "upstream": {"query": "sum(vllm:x)", "target": 1}}),
)
CACHES: tuple[Values, ...] = (
    *({"kind": kind} for kind in ("fss", "block", "block", "nvme", "ephemeral")),
    *({"kind": "fss", "size": "9999Ti"}, {"kind": "block", "size": "999999Gi"}),
    *({"claim": "weights"}, {"claim": "chat-cache"}),
)
EXPOSES: tuple[Values, ...] = ({}, {}, EXPOSED["expose"], {"apiKey": SECRET}, {**EXPOSED["expose"], "tlsSecret": "own"})
WAYS: tuple[Values, ...] = (
    *({}, GATEWAY, INGRESS),
    {"ingress": {"className": "nginx", "namespace": "ingress", "plainHttp": True}},
)


@st.composite
def projects(draw: st.DrawFn) -> tuple[Values, Values]:
    """What joins two values, in every combination; what stands alone is tested above."""

    def one(*choices: Any) -> Any:
        return draw(st.sampled_from(choices))

    def bounds(*lows: int | None) -> Values:
        given = {"min": one(*lows), "max": one(None, 1, 1, 2, 4)}
        return {key: value for key, value in given.items() if value is not None}

    h100: Values = {"scaling": bounds(None, None, 0, 1, 2), "tensorParallel": one(1, 1, 8)}
    if one(True, False):
        h100["model"] = {"name": "qwen3-8b", **one(*SOURCES)}
    spec: Values = {
        "model": one(*SOURCES),
        "scaling": {**one(*SIGNALS), **bounds(None, None, 0, 2)},
        "shapes": one(None, {"h100": h100}, {"a10": {}, "h100": h100}),
        "storage": {"cache": one(*CACHES), **one({}, {}, {"download": True}, {"download": False})},
        "rollout": {"spareGpus": one(0, 8, 512)},
        "budget": one({}, {"startSeconds": 60, "shutdownSeconds": 3600}),
        "expose": one(*EXPOSES) or None,
        "slo": {"ttft": one("100ms", "40s")},
    }
    return spec, {**WIDE, **one(*WAYS), **one(NVME, NVME, {})}


UNITS = {"m": 1e-3, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def quantity(text: object) -> float:
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()  # type: ignore[union-attr] # then it fails
    return float(number) * UNITS.get(unit, 1)


def beyond(resources: Mapping[str, Any]) -> list[str]:
    """What a container requests more of than it may have, which Kubernetes refuses."""
    requests, limits = resources["requests"], resources["limits"]
    return [name for name in requests.keys() & limits.keys() if quantity(requests[name]) > quantity(limits[name])]


def volumes(pod: Mapping[str, Any], medium: str) -> float:
    """Bytes of the volumes that count against the limits of their pod: what is beyond evicts or kills it."""
    empty = (each["emptyDir"] for each in pod["volumes"] if "emptyDir" in each)
    return sum(quantity(each["sizeLimit"]) for each in empty if each.get("medium", "") == medium)


@cache
def helm() -> Embedded:
    return Embedded(shipped_charts())


def test_what_check_takes_the_chart_takes() -> None:
    """On every shape; the surge that the GPUs are counted with is the chart's, and the pod's parts fit into it."""
    taken = []

    @settings(max_examples=300, derandomize=True, deadline=None)
    @given(projects())
    def try_one(project: tuple[Values, Values]) -> None:
        spec, stack = project
        try:
            found = resolved(spec, stack)
        except InputError as error:
            assert all(problem.location.line for problem in error.problems)
            return
        taken.append(project)
        for workload in found.workloads:
            (deployment,) = (each for each in objects(found, workload, helm()) if each["kind"] == "Deployment")
            rolling = deployment["spec"]["strategy"].get("rollingUpdate", {"maxSurge": 0})
            assert rolling["maxSurge"] == workload.surge
            pod = deployment["spec"]["template"]["spec"]
            for container in (*pod.get("initContainers", ()), *pod["containers"]):
                assert beyond(container["resources"]) == []
            assert volumes(pod, "Memory") < quantity(pod["containers"][0]["resources"]["limits"]["memory"])
            assert volumes(pod, "") <= quantity(pod["containers"][0]["resources"]["limits"]["ephemeral-storage"])

    try_one()
    assert len(taken) > 30, "almost all were refused, which shows nothing"
