"""What is wrong with values of an author's own is said where it stands; what they replace and need is told."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import pytest

from gpuyard.catalogue import chartpowers
from gpuyard.catalogue.shippedchart import chart_defaults, shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.errors import InputError
from gpuyard.project.load import parse
from gpuyard.project.objects import MADE
from gpuyard.render import render
from gpuyard.render.kustomize import objects
from gpuyard.resolve import resolve
from gpuyard.resolve.inference.elsewhere import KEYS
from gpuyard.resolve.inference.podnames import CONTAINERS, PATHS, VOLUMES
from tests.chart import rendering
from tests.projects import BLUEPRINT, STACK, Values, merged, problems, resolved, with_unsafe, workload
from tests.test_hatch import CASES

START = """\
apiVersion: gpuyard.dev/v1alpha1
kind: Blueprint
metadata: {name: chat}
spec:
  model: {name: qwen3-8b}
"""
WRONG: dict[str, tuple[str, str]] = {
    # name: what stands in the file from line 6 on, the message
    "a key that is not known": (
        "  values:\n    nodeSelctor: {a: b}\n",
        "7:5: spec.values.nodeSelctor is not known; did you mean nodeSelector?",
    ),
    "a key that is not known below": (
        "  values:\n    service: {prot: 80}\n",
        "7:15: spec.values.service.prot is not known; did you mean port?",
    ),
    "a wrong type": (
        "  values: {nodeSelector: gpu}\n",
        '6:26: spec.values.nodeSelector is the text "gpu"; must be a mapping',
    ),
    "one entry of a list": (
        "  values:\n    tolerations:\n    - {key: a, operator: Exists}\n    - {kee: b}\n",
        "9:8: spec.values.tolerations[1].kee is not known; did you mean key?",
    ),
    "on one shape": (
        "  shapes:\n    h100:\n      values:\n        podLabels: {a: 1}\n",
        "9:24: spec.shapes.h100.values.podLabels.a is the number 1; must be text, so put it in quotes",
    ),
    "a computed mapping replaced": (
        "  values: {resources: 5}\n",
        "6:23: spec.values.resources is the number 5; must be a mapping",
    ),
    "nothing": ("  values: {service: }\n", "6:12: spec.values.service is empty; give it a value, or remove it"),
    "nothing to take away": (
        "  values: {resources: {limits: {cpu: }}}\n",
        "6:33: spec.values.resources.limits.cpu is empty; give it a value, or remove it",
    ),
    "nothing in a list": (
        "  values: {extraVolumes: [{name: x, emptyDir: }]}\n",
        "6:37: spec.values.extraVolumes[0].emptyDir is empty; give it a value, or remove it",
    ),
    "a key of the blueprint": (
        "  values: {args: [--seed=7]}\n",
        "6:12: spec.values.args: set spec.serving.args instead",
    ),
    "a key of a shape": (
        "  shapes: {h100: {values: {autoscaling: {minReplicas: 2}}}}\n",
        "6:42: spec.shapes.h100.values.autoscaling.minReplicas: set spec.shapes.h100.scaling.min instead",
    ),
    "a key of the stack": (
        "  values: {imagePullSecrets: [{name: a}]}\n",
        "6:12: spec.values.imagePullSecrets: set spec.images.pullSecrets in stack.yaml instead",
    ),
    "the number of GPUs": (
        "  values: {resources: {limits: {nvidia.com/gpu: 2}}}\n",
        '6:33: spec.values.resources.limits["nvidia.com/gpu"]: set spec.shapes.<shape>.tensorParallel instead',
    ),
    "a name": (
        "  values: {fullnameOverride: x}\n",
        "6:12: spec.values.fullnameOverride: every name follows from metadata.name; remove it",
    ),
    "a label that selects": (
        "  values: {commonLabels: {app.kubernetes.io/name: x}}\n",
        '6:27: spec.values.commonLabels["app.kubernetes.io/name"]: selects the pods of this model; '
        "choose another label",
    ),
    "a field of pods that is a value": (
        "  values: {extraPodSpec: {tolerations: []}}\n",
        "6:27: spec.values.extraPodSpec.tolerations: set tolerations of these values instead",
    ),
    "a field of pods that is not known": (
        "  values: {extraPodSpec: {dnsconfig: {}}}\n",
        "6:27: spec.values.extraPodSpec.dnsconfig: is not a field of a pod; did you mean dnsConfig?",
    ),
    "a volume of the chart": (
        "  values: {extraVolumes: [{name: cache, emptyDir: {}}]}\n",
        "6:34: spec.values.extraVolumes[0].name: cache is the name of a volume of the chart already; choose another",
    ),
    "a volume twice": (
        "  values: {extraVolumes: [{name: a, emptyDir: {}}, {name: a, emptyDir: {}}]}\n",
        "6:59: spec.values.extraVolumes[1].name: a is the name of a volume of extraVolumes already; choose another",
    ),
    "a path that is taken": (
        "  values: {extraVolumeMounts: [{name: tmp, mountPath: /models/}]}\n",
        "6:55: spec.values.extraVolumeMounts[0].mountPath: /models has a volume of the chart already; "
        "choose another path",
    ),
    "a volume that is not there": (
        "  values: {extraVolumeMounts: [{name: cach, mountPath: /a}]}\n",
        "6:39: spec.values.extraVolumeMounts[0].name: cach is not a volume of the pod; did you mean cache? "
        "If not, add it to extraVolumes",
    ),
    "a container of the chart": (
        "  values: {extraContainers: [{name: vllm, image: a}]}\n",
        "6:37: spec.values.extraContainers[0].name: vllm is the name of a container of the chart "
        "already; choose another",
    ),
    "a container twice": (
        "  values: {initContainers: [{name: a, image: a}], extraContainers: [{name: a, image: a}]}\n",
        "6:76: spec.values.extraContainers[0].name: a is the name of a container of initContainers "
        "already; choose another",
    ),
    "a variable of a shape's env": (
        "  shapes: {h100: {env: {TZ: UTC}}}\n  values: {extraEnv: [{name: TZ, value: x}]}\n",
        "7:30: spec.values.extraEnv[0].name: TZ is a variable of shapes.h100.env already; keep one",
    ),
    "a variable of serving.env": (
        "  serving: {env: {TZ: b}}\n  values: {extraEnv: [{name: TZ, value: c}]}\n",
        "7:30: spec.values.extraEnv[0].name: TZ is a variable of serving.env already; keep one",
    ),
    "a variable that opens the server": (
        "  values: {extraEnv: [{name: LD_PRELOAD, value: c}]}\n",
        "6:30: spec.values.extraEnv[0].name: LD_PRELOAD: loads a library; to allow it, add LD_PRELOAD "
        "to serving.unsafe",
    ),
    "a variable of a sidecar twice": (
        "  values: {extraContainers: [{name: a, image: a, env: [{name: A, value: b}, {name: A, value: c}]}]}\n",
        "6:84: spec.values.extraContainers[0].env[1].name: A is a variable of this container already; keep one",
    ),
    "an object of the model": (
        "  values: {extraObjects: [{apiVersion: v1, kind: Service, metadata: {name: chat}}]}\n",
        "6:76: spec.values.extraObjects[0].metadata.name: Service/chat is an object of the model chat "
        "already; give it another name",
    ),
    "an object of the stack": (
        "  values: {extraObjects: [{apiVersion: v1, kind: ResourceQuota, metadata: {name: demo-gpus}}]}\n",
        "6:82: spec.values.extraObjects[0].metadata.name: ResourceQuota/demo-gpus is an object of the stack "
        "already; give it another name",
    ),
    "an object elsewhere": (
        "  values: {extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: b}}]}\n",
        "6:92: spec.values.extraObjects[0].metadata.namespace: b is not the namespace of the models, "
        "inference, where all "
        "objects go; remove it",
    ),
    "an object that is a path": (
        "  values: {extraObjects: [{apiVersion: v1, kind: ../../x, metadata: {name: a}}]}\n",
        '6:50: spec.values.extraObjects[0].kind is "../../x"; must be the kind of one object, such as ConfigMap',
    ),
    "a Secret in Git": (
        "  values: {extraObjects: [{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {b: Yw==}}]}\n",
        "6:50: spec.values.extraObjects[0].kind: Secret would put its content into Git; create it in "
        "the cluster, or use an "
        "ExternalSecret",
    ),
    "a volume of a wrong type": (
        "  values: {extraVolumes: [{name: a, configMap: b}]}\n",
        '6:48: spec.values.extraVolumes[0].configMap is the text "b"; must be a mapping',
    ),
    "a secret": (
        "  values: {extraEnv: [{name: DB_PASSWORD, value: hunter2}]}\n",
        "6:50: spec.values.extraEnv[0].value looks like a secret; keep it in a Secret and name that here (valueFrom: "
        "{secretKeyRef: {name: NAME, key: KEY}})",
    ),
    "a strategy of two minds": (
        "  rollout: {spareGpus: 16}\n  values: {strategy: {type: Recreate}}\n",
        "7:29: spec.values.strategy.type: Recreate does not go with rollingUpdate; set rollingUpdate: null",
    ),
    "a login without a Secret": (
        "  values: {autoscaling: {prometheus: {auth: {mode: basic}}}}\n",
        "6:45: spec.values.autoscaling.prometheus.auth.secret: is missing; name the Secret with the credentials",
    ),
    "too few scrapes": (
        "  slo: {ttft: 1s}\n  scaling: {signal: ttft}\n  values: {podMonitor: {intervalSeconds: 60}}\n",
        "8:42: spec.values.podMonitor.intervalSeconds: 60 is more than a quarter of "
        "autoscaling.ttft.windowSeconds, 120, so "
        "that no rate is known",
    ),
    "a variable of a shape that vLLM lacks": (
        "  shapes: {h100: {env: {VLLM_LOGING_LEVEL: a}}}\n",
        "6:25: spec.shapes.h100.env.VLLM_LOGING_LEVEL: vLLM 0.32.0 has no variable VLLM_LOGING_LEVEL; did you mean "
        "VLLM_LOGGING_LEVEL?",
    ),
    "a flag of a shape that is another's contrary": (
        "  serving: {args: {enable-prefix-caching: true}}\n  shapes: {h100: {args: "
        "{no-enable-prefix-caching: true}}}\n",
        "7:26: spec.shapes.h100.args.no-enable-prefix-caching: conflicts with enable-prefix-caching; keep one",
    ),
    "a variable of two places": (
        "  serving: {env: {TZ: {secret: s, configMap: c, key: k}}}\n",
        "6:23: spec.serving.env.TZ is a mapping; must be {secret: NAME, key: KEY} or {configMap: NAME, key: KEY}",
    ),
    "a variable of a place without a key": (
        "  shapes: {h100: {env: {TZ: {configMap: c}}}}\n",
        "6:29: spec.shapes.h100.env.TZ is a mapping; must be {secret: NAME, key: KEY} or {configMap: NAME, key: KEY}",
    ),
    "a flag that a version to come may not have": (
        "  vllm: {version: 0.99.0}\n  serving: {args: {max-num-seq: some}}\n",
        "7:20: spec.serving.args.max-num-seq: is not known to gpuyard in this version or build of vLLM, so that nobody "
        "can say what it does; did you mean max-num-seqs? To pass it on as written, add max-num-seq to serving.unsafe",
    ),
    "an entry of unsafe for nothing": (
        "  serving: {unsafe: [LD_PRELOAD]}\n  shapes: {h100: {}}\n",
        "6:22: spec.serving.unsafe[0]: LD_PRELOAD is neither in args nor in env; remove it here too",
    ),
}


def said(more: str, stack: Mapping[str, Any] | None = None) -> list[str]:
    files = {
        "stack.yaml": yamlio.dump(merged(STACK, {"spec": stack or {}})).encode(),
        "blueprints/chat.yaml": (START + more + _allowed(more)).encode(),
    }
    with pytest.raises(InputError) as refused:
        resolve(parse(files))
    return [str(problem) for problem in refused.value.problems]


def _allowed(more: str) -> str:
    """The entries that the values need, at the end of the file."""
    spec = yamlio.load_data(START + more)["spec"]
    found = {entry for values in _layers(spec) for _, entry, _ in chartpowers.find(values)}
    return f"  serving: {{unsafe: [{', '.join(sorted(found))}]}}\n" if found and "serving" not in spec else ""


def _layers(spec: Values) -> Iterator[Values]:
    shapes = spec.get("shapes")
    layers = (spec, *(shapes.values() if isinstance(shapes, dict) else ()))
    yield from (each["values"] for each in layers if isinstance(each, dict) and isinstance(each.get("values"), dict))


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_where_it_stands(name: str) -> None:
    more, message = WRONG[name]
    assert said(more) == [f"blueprints/chat.yaml:{message}"]


def test_all_of_it_is_said_at_once() -> None:
    found = said("  values: {args: [], nodeSelctor: {}, service: {type: Nope}, extraPodSpec: {volumes: []}}\n")
    assert [line.split(" ")[1].rstrip(":") for line in found] == [
        f"spec.values.{name}" for name in ("args", "nodeSelctor", "service.type", "extraPodSpec.volumes")
    ]


def test_what_the_chart_and_kubernetes_refuse_is_said_at_once() -> None:
    volumes = "[{name: a, configmap: {}}, {name: b, secret: {secretName: A_b}}]"
    found = said(f"  values: {{service: {{port: 0}}, extraVolumes: {volumes}}}\n")
    assert [line.split(" ")[1].rstrip(":") for line in found] == [
        f"spec.values.{name}"
        for name in ("service.port", "extraVolumes[0].configmap", "extraVolumes[1].secret.secretName")
    ]


def test_an_entry_of_unsafe_allows_a_variable_of_the_hatch() -> None:
    opened = {"values": {"extraEnv": [{"name": "LD_PRELOAD", "value": "a.so"}]}, "serving": {"unsafe": ["LD_PRELOAD"]}}
    assert problems(opened) == []


def test_an_object_that_another_blueprint_has() -> None:
    rules = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "rules"}}
    files = {"stack.yaml": yamlio.dump(STACK).encode()}
    for name, made in (("a", rules), ("b", rules), ("c", {**rules, "kind": "Service", "metadata": {"name": "a"}})):
        spec = {"model": {"name": "qwen3-8b"}, "values": {"extraObjects": [made]}}
        content = with_unsafe({**merged(BLUEPRINT, {"metadata": {"name": name}}), "spec": spec})
        files[f"blueprints/{name}.yaml"] = yamlio.dump(content).encode()
    with pytest.raises(InputError) as refused:
        resolve(parse(files))
    assert [problem.message for problem in refused.value.problems] == [
        "spec.values.extraObjects[0]: blueprints/a.yaml has ConfigMap/rules already; give it another name",
        "spec.values.extraObjects[0].metadata.name: Service/a is an object of the model a already; give "
        "it another name",
    ]


NONSENSE: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, "", "x", [], [None], ["x"], [[]], {}, {"a": None}, {"name": "x"}, [{"name": "x"}]),
    *([{"name": "x", "image": "y", "env": ["q"]}], [{"name": "x", "image": "y", "volumeMounts": [5]}]),
    *(
        [{"name": "x", "secret": 5}],
        [{"name": "x", "projected": {"sources": [{"secret": {"name": "x", "items": [5]}}]}}],
    ),
    [{"name": "x", "valueFrom": {"secretKeyRef": {"name": "s"}}}],
    [{"apiVersion": "v1", "kind": "ExternalSecret", "metadata": {"name": "x"}, "spec": {"target": 5}}],
    *([{"kind": "A"}], {"rollingUpdate": {"maxSurge": "x"}}, {"type": "Recreate", "rollingUpdate": None}),
)


@pytest.mark.parametrize("first", range(4))
def test_check_refuses_whatever_compile_would(first: int) -> None:
    """Each value of the chart with some nonsense: it is rendered, or refused with its place."""
    helm, tried = Embedded(shipped_charts()), 0
    for number, path in enumerate(leaves(rendering.schema())):
        for nonsense in NONSENSE[(2 * first + number) % 8 :: 8]:
            values = nonsense
            for name in reversed(path):
                values = {name: values}
            try:
                whole = resolved({"values": values, "shapes": {"h100": {}}})
            except InputError as error:
                assert all(problem.location.line for problem in error.problems)
                continue
            assert objects(whole, whole.workloads[0], helm)
            tried += 1
    assert tried > 10


# --- what is replaced, and what is needed --------------------------------------------------------------------------


def notes(values: Mapping[str, Any], **spec: Any) -> list[str]:
    found = resolved({"values": values, **spec}).notes
    return [note for note in found if " computed " in note]


def test_a_computed_value_that_is_replaced_is_told() -> None:
    assert notes({"resources": {"limits": {"memory": "64Gi"}}}) == [
        "chat on a10: spec.values.resources.limits.memory replaces the computed 384Gi with 64Gi",
        "chat on h100: spec.values.resources.limits.memory replaces the computed 204Gi with 64Gi",
    ]


def test_one_that_is_taken_away_is_told_by_the_shape_s_own_key() -> None:
    shapes = {"a10": {}, "h100": {"values": {"resources": {"limits": {"memory": None}}}}}
    assert notes({}, shapes=shapes) == [
        "chat on h100: spec.shapes.h100.values.resources.limits.memory removes the computed 204Gi"
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"nodeSelector": {"a": "b"}},
        {"tolerations": [{"key": "a", "operator": "Exists"}]},
        {"service": {"port": 80}},
        {"affinity": {"podAntiAffinity": {}}},
        {"resources": {"limits": {"memory": "204Gi"}}},
    ],
    ids=str,
)
def test_what_replaces_nothing_computed_needs_no_note(values: Mapping[str, Any]) -> None:
    assert notes(values, shapes={"h100": {}}) == []


def test_what_must_be_there_is_in_the_readme() -> None:
    values = {
        "extraEnv": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "k"}}}],
        "envFrom": [{"configMapRef": {"name": "b"}}, {"secretRef": {"name": "maybe", "optional": True}}],
        "extraVolumes": [
            {"name": "x", "secret": {"secretName": "c", "items": [{"key": "tls.crt", "path": "a"}]}},
            {"name": "y", "projected": {"sources": [{"configMap": {"name": "d"}}, {"secret": {"name": "made"}}]}},
            {"name": "z", "persistentVolumeClaim": {"claimName": "e"}},
        ],
        "extraContainers": [
            {
                "name": "s",
                "image": "i",
                "env": [{"name": "B", "valueFrom": {"configMapKeyRef": {"name": "f", "key": "k"}}}],
            }
        ],
        "autoscaling": {"prometheus": {"auth": {"mode": "basic", "secret": "g", "ca": True}}},
        "extraObjects": [
            {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "made"}}
        ],
    }
    serving = {"env": {"C": {"secret": "h", "key": "k"}, "D": {"configMap": "i", "key": "k"}}}
    whole = resolved({"values": values, "serving": serving})
    text = render(whole, shipped_charts(), Embedded(shipped_charts()))[PurePosixPath("workloads/chat.md")]
    rows = [line for line in text.splitlines() if line.startswith("| inference |") and "hf-token" not in line]
    assert sorted(row.partition(" | `kubectl")[0] for row in rows) == [
        "| inference | ConfigMap | b | all | chat: environment",
        "| inference | ConfigMap | d | all | chat: volume y",
        "| inference | ConfigMap | f | k | chat: environment, B",
        "| inference | ConfigMap | i | k | chat: environment, D",
        "| inference | Secret | a | k | chat: environment, A",
        "| inference | Secret | c | tls.crt | chat: volume x",
        "| inference | Secret | g | username, password, ca | chat: asking Prometheus",
        "| inference | Secret | h | k | chat: environment, C",
    ]
    assert "the volume claim `e` in `inference`" in text
    assert "create configmap b --from-file=FOLDER" in text
    assert "create configmap i --from-file=k=FILE" in text
    assert "maybe" not in text


@pytest.mark.parametrize(
    ("version", "kind", "path"),
    [
        ("v1", "Pod", ()),
        ("batch/v1", "CronJob", ("jobTemplate", "spec", "template", "spec")),
        ("batch/v1", "Job", ("template", "spec")),
        ("apps/v1", "Deployment", ("template", "spec")),
    ],
)
def test_what_pods_of_ones_own_need_is_in_the_readme(version: str, kind: str, path: tuple[str, ...]) -> None:
    spec: Any = {
        "restartPolicy": "Always" if kind == "Deployment" else "Never",
        "initContainers": [{"name": "a", "image": "i", "envFrom": [{"secretRef": {"name": "one"}}]}],
        "containers": [
            {
                "name": "b",
                "image": "i",
                "env": [{"name": "B", "valueFrom": {"secretKeyRef": {"name": "two", "key": "k"}}}],
            }
        ],
        "volumes": [{"name": "v", "configMap": {"name": "three"}}],
    }
    for key in reversed(path):
        spec = {key: spec}
    if kind == "CronJob":
        spec["schedule"] = "0 1 * * *"
    if kind == "Deployment":
        spec["selector"] = {"matchLabels": {"a": "b"}}
        spec["template"]["metadata"] = {"labels": {"a": "b"}}
    own = {"apiVersion": version, "kind": kind, "metadata": {"name": "own"}, "spec": spec}
    found = workload({"values": {"extraObjects": [own]}}).needs.keys
    assert [(each.name, each.key, each.purpose, each.kind) for each in found if each.name != "hf-token"] == [
        ("one", "", f"chat: {kind} own, environment", "Secret"),
        ("two", "k", f"chat: {kind} own, environment, B", "Secret"),
        ("three", "", f"chat: {kind} own, volume v", "ConfigMap"),
    ]


@pytest.mark.parametrize(
    ("account", "objects", "needed"),
    [
        ({"create": False, "name": "mine"}, [], True),
        ({"create": False}, [], False),
        ({"create": False, "name": "default"}, [], False),
        ({"name": "mine"}, [], False),
        ({"create": False, "name": "mine"}, ["mine"], False),
    ],
)
def test_an_account_of_others_is_in_the_readme(account: dict[str, Any], objects: list[str], needed: bool) -> None:
    made = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}} for name in objects]
    whole = resolved({"values": {"serviceAccount": account, "extraObjects": made}})
    text = render(whole, shipped_charts(), Embedded(shipped_charts()))[PurePosixPath("workloads/chat.md")]
    assert ("the ServiceAccount `mine` in `inference`" in text) is needed


def test_what_follows_from_a_value_follows_from_the_author_s() -> None:
    found = workload({"values": {"service": {"port": 80}, "podSecurityContext": {"runAsUser": 2000}}})
    assert found.reach is not None
    assert (found.reach.port, found.needs.user) == (80, 2000)
    assert found.reach.inside == "http://chat.inference.svc:80/v1"


def test_the_limit_of_gpus_holds_whatever_they_are_called() -> None:
    shared = {"values": {"gpu": {"resource": "nvidia.com/gpu.shared"}}, "shapes": {"h100": {}}}
    assert resolved(shared).gpu_resources == ("nvidia.com/gpu", "nvidia.com/gpu.shared")


@pytest.mark.parametrize(
    ("strategy", "surge"),
    [
        ({}, 0),
        ({"type": "Recreate"}, 0),
        ({"type": "RollingUpdate"}, 1),
        ({"rollingUpdate": {"maxSurge": 3}}, 3),
        ({"rollingUpdate": {"maxSurge": "50%"}}, 2),
    ],
    ids=str,
)
def test_what_a_rollout_adds_is_held_against_the_limit(strategy: Mapping[str, Any], surge: int) -> None:
    assert workload({"values": {"strategy": strategy}}).surge == surge


# --- flags and variables of a shape --------------------------------------------------------------------------------


def test_flags_of_a_shape_are_what_the_fit_counts_with() -> None:
    shapes = {"a10": {}, "h100": {"args": {"kv-cache-dtype": "fp8_per_token_head"}}}
    assert problems({"shapes": shapes}) == []
    (refusal,) = problems({"serving": {"args": {"kv-cache-dtype": "fp8_per_token_head"}}, "shapes": {"a10": {}}})
    assert "an FP8 KV cache needs sm_89" in refusal
    plain, smaller = (workload({"shapes": {"h100": part}}).facts["kvTokens"].value for part in ({}, shapes["h100"]))
    assert smaller > 1.5 * plain


def test_a_model_that_only_a_shape_s_flag_names_is_looked_for() -> None:
    found = problems({"shapes": {"a10": {}, "h100": {"args": {"tokenizer": "acme/tokens"}}}})
    assert [message.partition(":")[0] for message in found] == ["spec.shapes.h100.args.tokenizer"]


def test_a_mirror_on_one_shape_asks_for_no_token_there() -> None:
    env = {"HF_ENDPOINT": "https://mirror.example.com"}
    shapes = {"a10": {}, "h100": {"env": env}}
    spec = {
        "model": {"credentials": None, "source": "hf://meta-llama/Llama-3.1-8B-Instruct"},
        "serving": {"unsafe": ["HF_ENDPOINT"]},
    }
    assert [message for message in problems({**spec, "shapes": {"h100": shapes["h100"]}}) if "gated" in message] == []
    assert [message for message in problems({**spec, "shapes": shapes}) if "gated" in message] != []


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_a_proxy_that_no_rule_lets_out(name: str) -> None:
    spec = {"shapes": {"h100": {"env": {name: "http://10.0.7.9:3128"}}}}
    assert any(note.startswith(f"blueprints/chat.yaml: {name} is 10.0.7.9, port 3128") for note in resolved(spec).notes)
    hidden = {"shapes": {"h100": {"env": {name: {"secret": "s", "key": "k"}}}}}
    assert not any(name in note for note in resolved(hidden).notes)


# --- the tables ----------------------------------------------------------------------------------------------------

UNTRIED = {
    "autoscaling.behavior.scaleDown": "as scaleUp",
    "autoscaling.prometheus.auth.ca": "one key more of the Secret",
    "autoscaling.prometheus.auth.keys": "what keys of the Secret are called, which the stack says",
    "autoscaling.ttft.percentile": "as windowSeconds, a number of one query",
    "autoscaling.ttft.windowSeconds": "refused with podMonitor.intervalSeconds, above",
    "commonLabels": "below it, by name",
    "download.format": "follows from load-format, and is replaced as any other",
    "download.ignore": "a list of the Job's arguments",
    "download.timeoutSeconds": "a number of the Job's arguments",
    "drain.marginSeconds": "adds to the grace period",
    "ingress.annotations": "an Ingress in place of the Gateway of the other cases",
    "ingress.bodySize": "an Ingress in place of the Gateway of the other cases",
    "model.bucket.credentials": "below model",
    "networkPolicy.enabled": "renders a policy or none",
    "networkPolicy.internet": "adds a rule",
    "service.ipFamilies": "as ipFamilyPolicy",
    "service.labels": "as annotations",
}
"""Values that no case sets, and why another one stands for them."""


def leaves(node: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, part in node["properties"].items():
        if part.get("type") == "object" and "properties" in part and "$ref" not in part and (*path, name) not in KEYS:
            yield from leaves(part, (*path, name))
        else:
            yield (*path, name)


def test_every_value_of_the_chart_is_an_author_s_or_says_whose_it_is() -> None:
    free = {path for path in leaves(rendering.schema()) if not any(path[: len(key)] == key for key in KEYS)}
    given = [case.values for case in CASES.values()]
    untried = {path for path in free if not any(_has(values, path) for values in given)}
    groups = {path for path in untried if any(_has(values, path[:1]) for values in given) and path[0] in _OPEN}
    assert {".".join(path) for path in untried - groups} <= set(UNTRIED)


_OPEN = ("podSecurityContext", "securityContext", "lifecycle", "strategy")
"""Fields of Kubernetes that pass through as they are."""


def _has(values: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(values, Mapping) or name not in values:
            return False
        values = values[name]
    return True


def test_every_key_of_the_table_is_a_value_of_the_chart() -> None:
    defaults = chart_defaults("vllm")
    for key in KEYS:
        if key[0] not in ("extraPodSpec", "commonLabels", "podLabels", "global") and key[:2] != ("service", "labels"):
            assert _has(defaults, key), key


def test_names_that_are_taken_are_those_of_the_chart() -> None:
    """With every part switched on; the ci files are what the chart is tested with."""
    volumes, paths, containers, made = set(), set(), set(), set()
    cases = [*map(rendering.case, rendering.CASES)]
    cases.append(rendering.case("default", model={"token": {"secret": "s", "key": "k"}}, download={"enabled": False}))
    for values in cases:
        for obj in rendering.objects(values).values():
            made.add((obj["kind"], obj["metadata"]["name"]))
            if obj["kind"] == "Deployment":
                pod = obj["spec"]["template"]["spec"]
                volumes |= {volume["name"] for volume in pod["volumes"]}
                both = (*pod["containers"], *pod.get("initContainers", ()))
                containers |= {container["name"] for container in both}
                paths |= {mount["mountPath"] for each in both for mount in each.get("volumeMounts", ())}
    assert set(VOLUMES) <= volumes
    assert set(PATHS) <= paths
    assert set(CONTAINERS) <= containers
    assert {kind for kind, _ in made} - set(MADE) <= {"Job", "Pod"}


def test_what_the_stack_itself_puts_beside_the_models_is_taken() -> None:
    whole = resolved(
        {}, {"platform": {"prometheus": {"enabled": False, "address": "http://prom.observability.svc:9090"}}}
    )
    tree = render(whole, shipped_charts(), Embedded(shipped_charts()))
    found = 0
    for path, text in tree.items():
        if path.parts[:2] == ("platform", "configs") and path.name != "kustomization.yaml":
            for obj in yamlio.parse_manifests(text):
                if obj["metadata"].get("namespace") == "inference" or obj["kind"] == "Namespace":
                    own = {
                        "apiVersion": obj["apiVersion"],
                        "kind": obj["kind"],
                        "metadata": {"name": obj["metadata"]["name"]},
                    }
                    assert problems({"values": {"extraObjects": [own]}}), own
                    found += 1
    assert found >= 3


# --- the platform --------------------------------------------------------------------------------------------------

KEDA: dict[str, tuple[Mapping[str, Any], str]] = {
    "its definitions": (
        {"crds": {"install": False}},
        "crds.install: models need its definitions, which come with this chart",
    ),
    "an image": (
        {"image": {"keda": {"tag": "2.19.0"}}},
        "image.keda.tag: images come from spec.images.mirrors and images.lock; set those instead",
    ),
    "a name": ({"fullnameOverride": "x"}, "fullnameOverride: gpuyard finds its objects by their names; remove it"),
    "its switch": ({"enabled": False}, "enabled: set spec.platform.keda.enabled instead"),
    "a mapping of ours": ({"prometheus": 5}, "prometheus: must be a mapping, because gpuyard sets values in it"),
    "where images are": ({"image": None}, "image: must be a mapping, because gpuyard sets values in it"),
    "where an image is": ({"image": {"keda": []}}, "image.keda: must be a mapping, because gpuyard sets values in it"),
}


@pytest.mark.parametrize("name", KEDA)
def test_what_something_else_counts_on_stays(name: str) -> None:
    values, message = KEDA[name]
    assert problems({}, {"platform": {"keda": {"values": values}}}) == [f"spec.platform.keda.values.{message}"]


def test_values_of_what_is_not_installed() -> None:
    off = {"prometheus": {"enabled": False, "address": "http://prom.observability.svc:9090", "values": {"a": 1}}}
    assert problems({}, {"platform": off}) == [
        "spec.platform.prometheus.values: only applies where the component is installed; remove it, or "
        "set enabled: true"
    ]


PLATFORM: dict[str, tuple[str, Mapping[str, Any], str, tuple[str, ...], Any]] = {
    "keda-log": (
        "keda",
        {"logging": {"operator": {"level": "debug"}}},
        "keda",
        ("logging", "operator", "level"),
        "debug",
    ),
    "keda-beside-ours": (
        "keda",
        {"prometheus": {"metricServer": {"enabled": True}}},
        "keda",
        ("prometheus",),
        {"operator": {"enabled": True}, "metricServer": {"enabled": True}},
    ),
    "keda-null": ("keda", {"podSecurityContext": None}, "keda", ("podSecurityContext",), None),
    "prometheus-volume": (
        "prometheus",
        {"prometheus": {"prometheusSpec": {"retention": "30d"}}},
        "kube-prometheus-stack",
        ("prometheus", "prometheusSpec", "retention"),
        "30d",
    ),
    "prometheus-grafana": (
        "prometheus",
        {"grafana": {"enabled": True}},
        "kube-prometheus-stack",
        ("grafana", "enabled"),
        True,
    ),
    "kuberay-replicas": ("kuberay", {"replicas": 2}, "kuberay-operator", ("replicas",), 2),
}


@pytest.mark.parametrize("name", PLATFORM)
def test_a_value_of_the_platform_reaches_its_release_and_the_umbrella(name: str) -> None:
    component, values, chart, path, expected = PLATFORM[name]
    whole = resolved({}, {"platform": {component: {"enabled": True, "values": values}}})
    tree = render(whole, shipped_charts(), Embedded(shipped_charts()))
    release = next(
        obj
        for obj in yamlio.parse_manifests(tree[PurePosixPath(f"platform/controllers/{chart}.yaml")])
        if obj["kind"] == "HelmRelease"
    )
    # A null is with a shape: of a chart's own values Helm takes none.
    file = "values-a10" if expected is None else "values"
    umbrella = yamlio.load_data(tree[PurePosixPath(f"charts/demo/{file}.yaml")])[chart]
    for found in (release["spec"]["values"], umbrella):
        for step in path:
            found = found[step]
        assert found == expected


def test_what_the_stack_replaces_of_the_platform_is_told() -> None:
    found = resolved({}, {"platform": {"prometheus": {"values": {"grafana": {"enabled": True}}}}}).notes
    line = "stack.yaml: spec.platform.prometheus.values.grafana.enabled replaces the computed false with true"
    assert line in found


def test_the_definitions_of_a_component_get_no_values() -> None:
    whole = resolved({}, {"platform": {"prometheus": {"values": {"crds": {"annotations": {}}}}}})
    crds = next(release for release in whole.releases if release.chart == "prometheus-operator-crds")
    assert "annotations" in crds.values["crds"]
    assert crds.values["crds"]["annotations"]
