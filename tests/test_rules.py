"""What charts/vllm refuses, `gpuyard check` refuses at its place: for the whole blueprint, and for each of its shapes.

The chart's own words have no line of a user's file, and come when `compile` renders. So each of its rules is here with
values that break it, and with what in a blueprint or a stack would lead there, or why nothing does.
"""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.cli.main import cli
from gpuyard.doors import yamlio
from gpuyard.doors.chartvalues import SCHEMA
from gpuyard.doors.chartvalues import Values as ChartValues
from tests.chart.rendering import CHART, case
from tests.projects import BLUEPRINT, STACK, merged, with_token

FILES = {"blueprint": "blueprints/chat.yaml", "stack": "stack.yaml"}


@dataclass(frozen=True)
class Refused:
    """What differs in the two files, the place that is wrong then, and what is said there."""

    place: str
    says: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    stack: Mapping[str, Any] = field(default_factory=dict)
    name: str = "chat"
    file: str = FILES["blueprint"]

    def sources(self) -> dict[str, bytes]:
        blueprint = with_token(merged(BLUEPRINT, {"metadata": {"name": self.name}, "spec": self.spec}))
        contents = {FILES["stack"]: merged(STACK, {"spec": self.stack}), FILES["blueprint"]: blueprint}
        return {name: yamlio.dump(content).encode() for name, content in contents.items()}


def of_flag(says: str, value: Any, name: str) -> Refused:
    return Refused(f"spec.serving.args.{name}", says, {"serving": {"args": {name: value}}})


def in_stack(place: str, says: str, stack: Mapping[str, Any], spec: Mapping[str, Any] | None = None) -> Refused:
    return Refused(place, says, spec or {}, stack, file=FILES["stack"])


@dataclass(frozen=True)
class Rule:
    """A rule of the chart: values that break it, what leads there, and what does on one shape; or why nothing does."""

    values: Mapping[str, Any]
    blueprint: Refused | str
    shape: Refused | str = "shapes have no such key"
    base: str = "default"
    """The file of charts/vllm/ci that the values change."""
    namespace: str = "inference"


def h100(**override: Any) -> dict[str, Any]:
    """A blueprint on two shapes, with what is different on one of them."""
    return {"shapes": {"a10": {}, "h100": override}}


def opened(values: Mapping[str, Any]) -> dict[str, Any]:
    """A blueprint with values of the chart, on one shape, so that what is wrong is said once."""
    return {"shapes": {"h100": {}}, "values": values}


def opened_on(values: Mapping[str, Any]) -> dict[str, Any]:
    return h100(values=values)


SECRET = {"secret": "s", "key": "k"}
QWEN = {"name": "qwen3-8b"}
EXPOSED = {"expose": {"host": "chat.example.com"}}
BLOCK = {"cache": {"kind": "block"}}
GATEWAY = {"gateway": {"name": "public", "namespace": "gateways"}}
UPSTREAM = {"signal": "upstream", "upstream": {"query": "sum(a) or vector(0)", "target": 8}}
TTFT = {"scaling": {"signal": "ttft"}, "slo": {"ttft": "1s"}}
GPU = {"resources": {"limits": {"nvidia.com/gpu": 1}}}
HEADLESS = {"service": {"clusterIP": "None", "port": 80}}
SURGE = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}
SELDOM = {"podMonitor": {"intervalSeconds": 60}}
BEARER = {"autoscaling": {"prometheus": {"auth": {"mode": "bearer", "secret": ""}}}}
BUCKET = {"source": "oci://models@acme/llama", "credentials": SECRET, "region": "us-phoenix-1"}


RULES: dict[str, Rule] = {
    "fullnameOverride:": Rule(
        {"fullnameOverride": "vllm"},
        Refused("metadata.name", "not begin with vllm", name="vllm"),
    ),
    "image.tag:": Rule(
        {"image": {"tag": "latest"}},
        Refused("spec.vllm.tag", "and not latest, which changes under running pods", {"vllm": {"tag": "latest"}}),
    ),
    "service.port:": Rule(
        HEADLESS,
        Refused("spec.values.service.port", "is of no use with clusterIP None", opened(HEADLESS)),
    ),
    "args:": Rule({"args": ["--port=8001"]}, of_flag("gpuyard sets it from the chart", 8001, "port")),
    "resources:": Rule(
        {"resources": {"limits": {"nvidia.com/gpu": 1}}},
        Refused('spec.values.resources.limits["nvidia.com/gpu"]', "tensorParallel instead", opened(GPU)),
        Refused('spec.shapes.h100.values.resources.limits["nvidia.com/gpu"]', "tensorParallel instead", opened_on(GPU)),
    ),
    "model.bucket:": Rule(
        {"model": {"source": "bucket"}},
        Refused("spec.model", "a bucket is read with a customer secret key", {"model": {"source": BUCKET["source"]}}),
        Refused("spec.shapes.h100.model", "a bucket is read with", h100(model={**QWEN, "source": BUCKET["source"]})),
    ),
    "download.enabled:": Rule(
        {"download": {"enabled": True}},
        Refused(
            "spec.storage.download",
            "needs a shared cache",
            {"storage": {"download": True, "cache": {"kind": "ephemeral"}}},
        ),
        Refused(
            "spec.shapes.h100.model.source",
            "storage.download: true copies from Hugging Face",
            {"storage": {"download": True}, **h100(model={**QWEN, **BUCKET})},
        ),
    ),
    "model.volume.claim: is also": Rule(
        {
            "model": {"source": "volume", "volume": {"claim": "weights"}},
            "cache": {"kind": "claim", "claim": "weights"},
        },
        Refused(
            "spec.storage.cache.claim",
            "cannot mount one claim as two volumes",
            {"model": {"source": "pvc://weights"}, "storage": {"cache": {"claim": "weights"}}},
        ),
        Refused(
            "spec.shapes.h100.model.source",
            "is the claim that gpuyard creates for the cache",
            h100(model={**QWEN, "source": "pvc://chat-cache"}),
        ),
    ),
    "cache.kind:": Rule(
        {"cache": {"kind": "block"}, "replicas": 2},
        Refused("spec.storage.cache.kind", "attaches to one node", {"storage": BLOCK}),
        Refused(
            "spec.shapes.h100.scaling.max",
            "3 replicas cannot share a block volume",
            {"storage": BLOCK, "scaling": {"max": 1}, **h100(scaling={"max": 3})},
        ),
    ),
    "strategy:": Rule(
        {"cache": {"kind": "block"}, **SURGE},
        Refused(
            "spec.values.strategy",
            "a new pod would wait for the block volume",
            {"storage": BLOCK, "scaling": {"max": 1}, **opened(SURGE)},
        ),
        Refused(
            "spec.shapes.h100.values.strategy",
            "a new pod would wait for the block volume",
            {"storage": BLOCK, "scaling": {"max": 1}, **opened_on(SURGE)},
        ),
    ),
    "cache.storageClassName:": Rule(
        {"cache": {"kind": "nvme"}},
        Refused("spec.storage.cache.kind", "spec.storage.nvme", {"storage": {"cache": {"kind": "nvme"}}}),
    ),
    "autoscaling.minReplicas: {{ $scaling.minReplicas }} is more": Rule(
        {"autoscaling": {"enabled": True, "minReplicas": 3}},
        Refused("spec.scaling.min", "5 is more than scaling.max, 4", {"scaling": {"min": 5}}),
        Refused("spec.shapes.h100.scaling.max", "1 is less", {"scaling": {"min": 2}, **h100(scaling={"max": 1})}),
    ),
    "autoscaling.minReplicas: 0 needs": Rule(
        {"autoscaling": {"enabled": True, "minReplicas": 0}},
        Refused("spec.scaling.min", "a signal that exists without pods", {"scaling": {"min": 0}}),
        Refused("spec.shapes.h100.scaling.min", "a signal that exists without pods", h100(scaling={"min": 0})),
    ),
    "autoscaling.upstream.query: signal": Rule(
        {"autoscaling": {"enabled": True, "signal": "upstream"}},
        Refused("spec.scaling.signal", "upstream needs scaling.upstream", {"scaling": {"signal": "upstream"}}),
    ),
    "autoscaling.upstream.query: `or vector": Rule(
        {"autoscaling": {"enabled": True, **UPSTREAM}},
        Refused("spec.scaling.upstream.query", "is only for min: 0", {"scaling": UPSTREAM}),
        Refused(
            "spec.scaling.upstream.query",
            "with min: 1 or more (spec.shapes.h100.scaling.min is 1)",
            {"scaling": {"min": 0, **UPSTREAM}, **h100(scaling={"min": 1})},
        ),
    ),
    "autoscaling.ttft.windowSeconds:": Rule(
        {
            "autoscaling": {"enabled": True, "signal": "ttft", "ttft": {"windowSeconds": 60}},
            "podMonitor": {"enabled": True, "intervalSeconds": 60},
        },
        Refused("spec.values.podMonitor.intervalSeconds", "so that no rate is known", {**TTFT, **opened(SELDOM)}),
        Refused(
            "spec.shapes.h100.values.podMonitor.intervalSeconds",
            "so that no rate is known",
            {**TTFT, **opened_on(SELDOM)},
        ),
    ),
    "autoscaling.prometheus.auth.secret:": Rule(
        {"autoscaling": {"enabled": True, "prometheus": {"auth": {"mode": "bearer"}}}},
        Refused("spec.values.autoscaling.prometheus.auth.secret", "name the Secret", opened(BEARER)),
        Refused("spec.shapes.h100.values.autoscaling.prometheus.auth.secret", "name the Secret", opened_on(BEARER)),
    ),
    "{{ $key }}.timeoutSeconds:": Rule(
        {
            "httpRoute": {
                "enabled": True,
                "parentRefs": [{"name": "public"}],
                "hostnames": ["chat.example.com"],
                "timeoutSeconds": 301,
            },
            "networkPolicy": {"clientNamespaces": ["gateways"]},
        },
        "both are budget.shutdownSeconds",
    ),
    "networkPolicy.clientNamespaces:": Rule(
        {"ingress": {"enabled": True, "host": "chat.example.com", "plainHttp": True}},
        in_stack("spec.gateway.namespace", "is missing", {"gateway": {"name": "public"}}, EXPOSED),
    ),
    "httpRoute: needs": Rule(
        {"httpRoute": {"enabled": True}, "networkPolicy": {"clientNamespaces": ["gateways"]}},
        Refused("spec.expose.host", "needs a Gateway or an Ingress", EXPOSED),
    ),
    "ingress: needs": Rule(
        {
            "ingress": {"enabled": True, "host": "chat.example.com"},
            "networkPolicy": {"clientNamespaces": ["ingress"]},
        },
        Refused(
            "spec.expose.host",
            "chat.example.com needs a certificate",
            EXPOSED,
            {"ingress": {"className": "nginx", "namespace": "ingress"}},
        ),
    ),
}
"""By how the rule's line in the templates begins."""


LONG = "x" * 300
LETTERS = "a..b"
"""What a looser pattern takes for the name of a Secret or a Gateway; Kubernetes doesn't."""


SCHEMA_RULES: dict[str, Rule] = {
    "image.repository": Rule(
        {"image": {"repository": "registry"}},
        in_stack(
            'spec.images.mirrors["docker.io/vllm/vllm-openai"]',
            "leaves no image name",
            {"images": {"mirrors": {"docker.io/vllm/vllm-openai": "registry.example.com"}}},
        ),
    ),
    "image.tag": Rule(
        {"image": {"tag": "v0.32." + "1" * 130}},
        in_stack("spec.vllm.version", "must have at most 20", {"vllm": {"version": "0.32." + "1" * 130}}),
    ),
    "imagePullSecrets[0].name": Rule(
        {"imagePullSecrets": [{"name": LETTERS}]},
        in_stack("spec.images.pullSecrets[0]", "the name of a Secret", {"images": {"pullSecrets": [LETTERS]}}),
    ),
    "model.id": Rule(
        {"model": {"id": f"acme/{LONG}"}},
        Refused("spec.model.source", "names of at most 95", {"model": {"source": f"hf://acme/{LONG[:200]}"}}),
        Refused("spec.shapes.h100.model.source", "at most 95", h100(model={**QWEN, "source": f"hf://a/{LONG[:200]}"})),
    ),
    "model.token.secret": Rule(
        {"model": {"token": {"secret": LETTERS}}},
        Refused(
            "spec.model.credentials.secret", "the name of", {"model": {"credentials": {**SECRET, "secret": LETTERS}}}
        ),
        Refused(
            "spec.shapes.h100.model.credentials.secret",
            "the name of a Secret",
            h100(model={"credentials": {**SECRET, "secret": LETTERS}}),
        ),
    ),
    "model.volume.path": Rule(
        {"model": {"volume": {"path": LONG}}},
        Refused("spec.model.source", "must have at most 260", {"model": {"source": f"pvc://w/{LONG}"}}),
        Refused("spec.shapes.h100.model.source", "at most 260", h100(model={**QWEN, "source": f"fss://w/{LONG}"})),
    ),
    "model.bucket.endpoint": Rule(
        {"model": {"bucket": {"endpoint": f"https://{LONG}"}}},
        Refused("spec.model.source", "must be hf://", {"model": {**BUCKET, "source": f"oci://bb@{LONG[:64]}"}}),
        Refused("spec.shapes.h100.model.source", "", h100(model={**QWEN, **BUCKET, "source": f"oci://bb@{LONG[:64]}"})),
    ),
    "model.bucket.region": Rule(
        {"model": {"bucket": {"region": LONG}}},
        in_stack(
            "spec.clusters[0].region",
            "must have at most 60",
            {"clusters": [{**STACK["spec"]["clusters"][0], "region": f"us-{LONG[:80]}"}]},
            {"model": {**BUCKET, "region": None}},
        ),
        Refused("spec.shapes.h100.model.region", "60", h100(model={**QWEN, **BUCKET, "region": f"us-{LONG[:80]}"})),
    ),
    "apiKey.secret": Rule(
        {"apiKey": {"secret": LETTERS}},
        Refused("spec.expose.apiKey.secret", "the name of", {"expose": {"apiKey": {**SECRET, "secret": LETTERS}}}),
    ),
    "args[0]": Rule(
        {"args": ['--override-generation-config={"x":"y\r\nz"}']},
        of_flag("must not contain control characters", {"x": "y\r\nz"}, "override-generation-config"),
    ),
    "extraEnv[0].name": Rule(
        {"extraEnv": [{"name": "X" * 129}]},
        Refused(f'spec.serving.env["{"X" * 39}…"]', "128 at most", {"serving": {"env": {"X" * 129: "x"}}}),
    ),
    "extraEnv": Rule(
        {"extraEnv": [{"name": f"X{number}"} for number in range(257)]},
        Refused("spec.serving.env", "at most 128", {"serving": {"env": {f"X{number}": "x" for number in range(129)}}}),
    ),
    "gpu.count": Rule(
        {"gpu": {"count": 17}},
        "no node of ours has more than 8, and a replica is on one node",
        Refused("spec.shapes.h100", "needs 32 GPUs, the node has 8", h100(tensorParallel=32)),
    ),
    "cache.size": Rule(
        {"cache": {"size": "1023998976Gi"}},
        Refused("spec.storage.cache.size", "9999Ti at most", {"storage": {"cache": {"size": "999999Ti"}}}),
    ),
    "cache.storageClassName": Rule(
        {"cache": {"storageClassName": LETTERS}},
        in_stack("spec.storage.fss", "the name of a StorageClass", {"storage": {"fss": LETTERS}}),
    ),
    "download.adapters[0].id": Rule(
        {"download": {"adapters": [{"id": f"acme/{LONG}", "revision": "1" * 40}]}},
        Refused(
            "spec.serving.adapters[0].source",
            "names of at most 95",
            {"serving": {"adapters": [{"name": "sql", "rank": 8, "source": f"hf://acme/{LONG[:200]}@{'1' * 40}"}]}},
        ),
    ),
    "networkPolicy.egress[0].cidr": Rule(
        {"networkPolicy": {"egress": [{"cidr": "10.0.0.0/08"}]}},
        in_stack(
            "spec.network.egress[0].cidr",
            "has leading zeros; write 10.0.0.0/8",
            {"network": {"egress": [{"cidr": "10.0.0.0/08"}]}},
        ),
    ),
    "networkPolicy.clientCidrs[0]": Rule(
        {"networkPolicy": {"clientCidrs": ["fd12:3456::/064"]}},
        in_stack(
            "spec.network.clients[0]",
            "has leading zeros; write fd12:3456::/64",
            {"network": {"clients": ["fd12:3456::/064"]}},
        ),
    ),
    "networkPolicy.dnsCidrs[0]": Rule(
        {"networkPolicy": {"dnsCidrs": ["169.254.169.254/32"]}},
        in_stack("spec.network.dns[0]", "is not a DNS server", {"network": {"dns": ["169.254.169.254/32"]}}),
    ),
    "networkPolicy.clientNamespaces[0]": Rule(
        {"networkPolicy": {"clientNamespaces": [LONG[:64]]}},
        in_stack(
            "spec.gateway.namespace",
            "must have at most 63",
            {"gateway": {"name": "public", "namespace": LONG[:64]}},
            EXPOSED,
        ),
    ),
    "httpRoute.parentRefs[0].name": Rule(
        {"httpRoute": {"parentRefs": [{"name": LETTERS}]}},
        in_stack("spec.gateway.name", "the name of a Gateway", {"gateway": {**GATEWAY["gateway"], "name": LETTERS}}),
    ),
    "httpRoute.parentRefs[0].sectionName": Rule(
        {"httpRoute": {"parentRefs": [{"name": "public", "sectionName": LETTERS}]}},
        in_stack("spec.gateway.listener", "a listener", {"gateway": {**GATEWAY["gateway"], "listener": LETTERS}}),
    ),
}
"""By the place in the chart's values, as the refusal names it."""


OURS: dict[str, Refused] = {
    "a name that begins like vLLM's variables": Refused("metadata.name", "not begin with vllm", name="vllm-chat"),
    "a name that no Service has": Refused("metadata.name", "begin with a letter", name="1chat"),
    "a namespace": in_stack("spec.namespace", "must be a namespace", {"namespace": "Inference"}),
    "the beginning of a flag": of_flag("has no flag --served", "x", "served"),
    "more GPUs than the pod has": of_flag(
        "gpuyard sets it from shapes.<shape>.tensorParallel", 2, "tensor-parallel-size"
    ),
    "stages on GPUs that nobody counted": of_flag("", 2, "pipeline-parallel-size"),
    "servers on GPUs that nobody counted": of_flag("", 2, "data-parallel-size"),
    "a list that vLLM reads as JSON": of_flag("must be an array", "*", "allowed-origins"),
    "a mapping in a list": Refused(
        "spec.serving.args.ignore-patterns[0]",
        "takes no mappings and lists in this list",
        {"serving": {"args": {"ignore-patterns": [{"x": "y"}]}}},
    ),
    "a flag that opens the pod": of_flag("add trust-remote-code to serving.unsafe", True, "trust-remote-code"),
    "a variable that opens the pod": Refused(
        "spec.serving.env.LD_PRELOAD", "add LD_PRELOAD to", {"serving": {"env": {"LD_PRELOAD": "x.so"}}}
    ),
    "an entry that allows nothing": Refused(
        "spec.serving.unsafe[0]", "neither in args nor in env", {"serving": {"unsafe": ["trust-remote-code"]}}
    ),
    "no replica": Refused("spec.scaling.max", "must be at least 1", {"scaling": {"max": 0}}),
    "no replica on a shape": Refused("spec.shapes.h100.scaling.max", "must be at least 1", h100(scaling={"max": 0})),
    "a certificate of no host": Refused("spec.expose.tlsSecret", "add host", {"expose": {"tlsSecret": "own"}}),
    "the instance's identity": in_stack(
        "spec.network.egress[0].cidr",
        "holds addresses of 169.254.0.0/16",
        {"network": {"egress": [{"cidr": "169.254.169.254/32"}]}},
    ),
    "the instance's identity in a larger network": in_stack(
        "spec.network.egress[0].cidr",
        "holds addresses of 169.254.0.0/16",
        {"network": {"egress": [{"cidr": "168.0.0.0/7"}]}},
    ),
    "the instance's identity by IPv6": in_stack(
        "spec.network.egress[0].cidr",
        "holds addresses of fd00:c1::/32",
        {"network": {"egress": [{"cidr": "fd00::/8"}]}},
    ),
    "a DNS server that is a network": in_stack(
        "spec.network.dns[0]", "is not a DNS server", {"network": {"dns": ["10.96.0.0/16"]}}
    ),
}
"""What the chart takes, or lets Kubernetes refuse when it is applied, and gpuyard doesn't."""


# --- every rule of the templates is here ------------------------------------------------------------------------


def lines() -> list[str]:
    """What the checks say: every line of theirs that isn't a template's action."""
    text = (CHART / "templates/_check.tpl").read_text("utf-8")
    return [line for line in re.sub(r"^ *{{-.*?}}$", "", text, flags=re.DOTALL | re.MULTILINE).splitlines() if line]


def test_the_chart_fails_in_one_place() -> None:
    """Where the lines of all checks come together; a `fail` or `required` elsewhere would not be in the table."""
    calls = {
        file.name: found
        for file in sorted((CHART / "templates").rglob("*.*"))
        if (found := re.findall(r"(?:\{\{-?|[(|])\s*(fail|required)\b", file.read_text("utf-8")))
    }
    assert calls == {"_check.tpl": ["fail"]}


def test_every_rule_is_in_the_table() -> None:
    by_rule = {line: [name for name in RULES if line.startswith(name)] for line in lines()}
    assert {line: names for line, names in by_rule.items() if len(names) != 1} == {}
    assert sorted(RULES) == sorted(name for names in by_rule.values() for name in names)


@cache
def unchecked() -> Any:
    """The chart without its schema, which would refuse some of the values before the templates see them."""
    import helm_python

    from gpuyard.doors.helm import archive

    return helm_python.Chart.load_archive(
        archive({path: text for path, text in shipped_charts()["vllm"].items() if path != SCHEMA})
    )


def said(rule: Rule) -> list[str]:
    """The lines of the chart's refusal."""
    import helm_python

    with pytest.raises(helm_python.HelmError) as refused:
        unchecked().render(case(rule.base, **rule.values), name="release", namespace=rule.namespace)
    return [line for line in str(refused.value).splitlines()[1:] if line]


@pytest.mark.parametrize("name", SCHEMA_RULES)
def test_the_schema_of_the_chart_refuses(name: str) -> None:
    problems = list(ChartValues(shipped_charts()["vllm"]).problems(case("default", **SCHEMA_RULES[name].values)))
    assert {problem.partition(": ")[0] for problem in problems} == {f"$.{name.strip()}"}


@pytest.mark.parametrize("name", RULES)
def test_the_chart_refuses(name: str) -> None:
    """This rule, and no other: what leads there is what the other tests are about."""
    (line,) = (each for each in lines() if each.startswith(name))
    pattern = "".join(
        re.escape(part) if index % 2 == 0 else ".*" for index, part in enumerate(re.split(r"({{.*?}})", line))
    )
    assert [bool(re.fullmatch(pattern, each)) for each in said(RULES[name])] == [True]


# --- and what leads there is refused with its place ---------------------------------------------------------------


def wrong() -> list[Any]:
    """Every blueprint and stack of the tables, named by the rule and by what of the blueprint breaks it."""
    table = {**RULES, **{f"schema: {name}": rule for name, rule in SCHEMA_RULES.items()}}
    found = [
        *((f"{name} ({kind})", getattr(rule, kind)) for name, rule in table.items() for kind in ("blueprint", "shape")),
        *((f"ours: {name}", refused) for name, refused in OURS.items()),
    ]
    return [pytest.param(refused, id=name) for name, refused in found if isinstance(refused, Refused)]


def test_who_is_not_refused_has_a_reason() -> None:
    for rule in [*RULES.values(), *SCHEMA_RULES.values()]:
        assert all(isinstance(each, Refused) or len(each) > 20 for each in (rule.blueprint, rule.shape))


def refusal(command: str, refused: Refused, folder: Path, *options: str) -> list[str]:
    """What a command says of the files."""
    for name, data in refused.sources().items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    result = CliRunner().invoke(cli, [command, str(folder), *options])
    assert result.exit_code == 65, result.output
    return result.output.splitlines()


@pytest.mark.parametrize("refused", wrong())
def test_check_refuses_it_at_its_place(refused: Refused, tmp_path: Path) -> None:
    """Nothing else is wrong, and the line is where the place says."""
    found = refusal("check", refused, tmp_path)
    problems = [re.fullmatch(rf"{re.escape(refused.file)}:(\d+):\d+: (.*)", line) for line in found]
    assert all(each and each[2].startswith((f"{refused.place}: ", f"{refused.place} ")) for each in problems), found
    (problem,) = (each for each in problems if each and refused.says in each[2])
    key = re.split(r"[.\[]", refused.place)[-1].strip('"…]')
    text = refused.sources()[refused.file].decode()
    # A mapping is where its first key is; what is missing, or a default, is where it would stand.
    above = "\n".join(text.splitlines()[int(problem[1]) - 2 : int(problem[1])])
    assert key.isdigit() or key not in text or key in above


@pytest.mark.parametrize("kind", ["blueprint", "shape"])
def test_compile_refuses_it_in_the_same_words(kind: str, tmp_path: Path) -> None:
    """It asks what check asks, before anything is rendered."""
    refused = getattr(RULES["cache.kind:"], kind)
    subprocess.run(["git", "init", "-q", str(tmp_path / "target")], check=True)
    assert refusal("compile", refused, tmp_path, "--repo", str(tmp_path / "target")) == refusal(
        "check", refused, tmp_path
    )
