"""Kubernetes' own forms in values of the chart: what a cluster would refuse is said where it stands."""

import copy
from typing import Any

import pytest
import yaml

from gpuyard.catalogue.chartwords import WORDS
from gpuyard.catalogue.shippedchart import chart_defaults, shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.project.load import parse
from gpuyard.render.kustomize import objects
from gpuyard.resolve import resolve
from gpuyard.resolve.inference import elsewhere, podnames
from gpuyard.resolve.inference.values import CHART
from gpuyard.resolve.overrides import at
from tests.chart import rendering
from tests.projects import STACK, chart_values, merged, problems, resolved
from tests.test_hatch import CASES, case_blueprint
from tools import kubernetes_forms

WRONG: dict[str, str] = {
    # values: the message behind spec.values.
    # a field that is no field, at any depth
    "extraVolumes: [{name: a, configmap: {name: b}}]": "extraVolumes[0].configmap is not known; did you "
    "mean configMap?",
    "extraVolumes: [{name: a, emptyDir: {sizelimit: 1Gi}}]": (
        "extraVolumes[0].emptyDir.sizelimit is not known; did you mean sizeLimit?"
    ),
    "extraContainers: [{name: a, image: b, volumemounts: []}]": (
        "extraContainers[0].volumemounts is not known; did you mean volumeMounts?"
    ),
    "initContainers: [{name: a, image: b, resources: {limit: {cpu: 1}}}]": (
        "initContainers[0].resources.limit is not known; did you mean limits?"
    ),
    "readinessProbe: {httpGet: {pth: /x, port: 8000}}": "readinessProbe.httpGet.pth is not known; did you mean path?",
    "lifecycle: {preStop: {exce: {command: [a]}}}": "lifecycle.preStop.exce is not known; did you mean exec?",
    "affinity: {nodeAffinity: {requiredDuringScheduling: {}}}": (
        "affinity.nodeAffinity.requiredDuringScheduling is not known; "
        "did you mean requiredDuringSchedulingIgnoredDuringExecution?"
    ),
    "networkPolicy: {extraIngress: [{form: []}]}": (
        "networkPolicy.extraIngress[0].form is not known; did you mean from?"
    ),
    # a wrong type, or nothing where something must be
    "extraVolumes: [{name: a, hostPath: /dev}]": 'extraVolumes[0].hostPath is the text "/dev"; must be a mapping',
    "extraContainers: [{name: a, image: b, ports: [8080]}]": (
        "extraContainers[0].ports[0] is the number 8080; must be a mapping"
    ),
    "extraContainers: [{name: a, image: b, command: sleep 5}]": (
        'extraContainers[0].command is the text "sleep 5"; must be a list, so put it in [ ]'
    ),
    "extraPodSpec: {hostNetwork: 'yes'}": (
        'extraPodSpec.hostNetwork is the text "yes"; must be true or false, so write true'
    ),
    "lifecycle: {postStart: {exec: [a]}}": "lifecycle.postStart.exec is a list; must be a mapping",
    "topologySpreadConstraints: [{topologyKey: zone, maxSkew: 1}]": (
        "topologySpreadConstraints[0].whenUnsatisfiable is missing; add it"
    ),
    "affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: a, labelSelector: "
    "{matchExpressions: [{key: a, operator: in}]}}]}}": (
        "affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchExpressions[0]"
        '.operator is "in"; must be one of In, NotIn, Exists, DoesNotExist (did you mean In?)'
    ),
    # one of several
    "extraVolumes: [{name: a, configMap: {name: b}, emptyDir: {}}]": (
        "extraVolumes[0]: has configMap and emptyDir, of which Kubernetes takes one; keep one"
    ),
    "lifecycle: {preStop: {exec: {command: [a]}, sleep: {seconds: 1}}}": (
        "lifecycle.preStop: has exec and sleep, of which Kubernetes takes one; keep one (exec: null takes exec away)"
    ),
    "startupProbe: {tcpSocket: {port: 1}, exec: {command: [a]}}": (
        "startupProbe: has tcpSocket and exec, of which Kubernetes takes one; keep one (tcpSocket: null "
        "takes tcpSocket "
        "away)"
    ),
    "envFrom: [{secretRef: {name: a}, configMapRef: {name: b}}]": (
        "envFrom[0]: has secretRef and configMapRef, of which Kubernetes takes one; keep one"
    ),
    "extraContainers: [{name: a, image: b, envFrom: [{prefix: a}]}]": (
        "extraContainers[0].envFrom[0]: has none of configMapRef, secretRef; give one"
    ),
    "extraContainers: [{name: a, image: b, env: [{name: A, value: a, valueFrom: {fieldRef: {fieldPath: "
    "spec.nodeName}}}]}]": (
        "extraContainers[0].env[0]: has value and valueFrom, of which Kubernetes takes one; keep one"
    ),
    "extraEnv: [{name: TZ, value: a, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]": (
        "extraEnv[0] is a mapping; must have value or valueFrom, not both"
    ),
    "extraVolumeMounts: [{name: tmp, mountPath: /x, subPath: a, subPathExpr: b}]": (
        "extraVolumeMounts[0]: has subPath and subPathExpr, of which Kubernetes takes one; keep one"
    ),
    # what does not go together
    "extraVolumeMounts: [{name: tmp, mountPath: /x, subPath: ../a}]": (
        "extraVolumeMounts[0].subPath: must be inside the volume: no slash in front, and no .."
    ),
    "tolerations: [{key: a, operator: Exists, value: b}]": (
        "tolerations[0].value: goes with operator Equal only; remove it, or set operator: Equal"
    ),
    "tolerations: [{key: a, operator: Exists, tolerationSeconds: 5}]": (
        "tolerations[0].tolerationSeconds: goes with effect NoExecute only; remove it, or set effect: NoExecute"
    ),
    "initContainers: [{name: a, image: b, livenessProbe: {httpGet: {port: 1}}}]": (
        "initContainers[0].livenessProbe: only applies to containers that keep running; set restartPolicy: Always, or "
        "remove it"
    ),
    "lifecycle: {stopSignal: SIGTERM}": (
        "lifecycle.stopSignal: needs the system of the pod; set extraPodSpec: {os: {name: linux}}, too"
    ),
    "extraVolumes: [{name: a, emptyDir: {medium: memory}}]": (
        'extraVolumes[0].emptyDir.medium is "memory"; must be Memory, HugePages or HugePages-2Mi'
    ),
    "extraEnv: [{name: TZ, valueFrom: {fieldRef: {fieldPath: metadata.labels.app}}}]": (
        'extraEnv[0].valueFrom.fieldRef.fieldPath is "metadata.labels.app"; must be a field such as metadata.name, '
        "metadata.labels['KEY'], spec.nodeName or status.podIP"
    ),
    "livenessProbe: {successThreshold: 2}": (
        "livenessProbe.successThreshold: must be 1, for only a readinessProbe may have another"
    ),
    "podSecurityContext: {runAsUser: 0}": (
        "podSecurityContext.runAsUser: 0 is root, and runAsNonRoot lets no container start as root; set runAsNonRoot: "
        "false, or another user"
    ),
    "strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}": (
        "strategy.rollingUpdate: replaces no pod with maxSurge and maxUnavailable both 0, which Kubernetes refuses; "
        "raise one"
    ),
    "strategy: {rollingUpdate: {maxSurge: -1}}": "strategy.rollingUpdate.maxSurge: is -1; must be at least 0",
    "resources: {requests: {nvidia.com/rdma-vf: 1}}": (
        'resources.requests["nvidia.com/rdma-vf"]: Kubernetes refuses a request for nvidia.com/rdma-vf '
        "without an equal "
        "limit; set the limit to 1, too"
    ),
    "resources: {claims: [{name: nic}]}": (
        "resources.claims[0].name: nic is not among extraPodSpec.resourceClaims; known are none"
    ),
    "service: {externalTrafficPolicy: Local}": (
        "service.externalTrafficPolicy: needs service.type NodePort or LoadBalancer; set that, too"
    ),
    "service: {nodePort: 30080}": "service.nodePort: needs service.type NodePort or LoadBalancer; set that, too",
    "service: {loadBalancerIP: 10.0.8.9}": "service.loadBalancerIP: needs service.type LoadBalancer; set that, too",
    "service: {type: LoadBalancer, loadBalancerIP: lb}": 'service.loadBalancerIP is "lb"; must be an IP address',
    "service: {clusterIP: 10.0.0}": "service.clusterIP: 10.0.0 is no IP address",
    "service: {type: LoadBalancer, loadBalancerIP: None}": "service.loadBalancerIP: None is no IP address",
    "service: {externalIPs: [10.0.8.9, 10.0.8.256]}": "service.externalIPs[1]: 10.0.8.256 is no IP address",
    "service: {type: NodePort, clusterIP: None}": (
        "service.clusterIP: None goes with type ClusterIP only, not with NodePort; remove it"
    ),
    "service: {clusterIP: None, port: 80}": (
        "service.port: 80 is of no use with clusterIP None, where clients reach the pods themselves, on 8000; remove it"
    ),
    # what is taken
    "extraContainers: [{name: a, image: b, ports: [{containerPort: 8000}]}]": (
        "extraContainers[0].ports[0].containerPort: 8000 is the port of the server, in the same pod; choose another"
    ),
    "initContainers: [{name: a, image: b, restartPolicy: Always, ports: [{containerPort: 1, name: http}]}]": (
        "initContainers[0].ports[0].name: http is the name of the server's port, by which it is found; choose another"
    ),
    "extraVolumeMounts: [{name: weights, mountPath: /x}]": (
        "extraVolumeMounts[0].name: weights is not a volume of the pod; add one of another name to extraVolumes"
    ),
    "extraPodSpec: {terminationGracePeriod: 5}": (
        "extraPodSpec.terminationGracePeriod: is not a field of a pod; set spec.budget.shutdownSeconds instead"
    ),
    "extraPodSpec: {priorityClassName: a}": "extraPodSpec.priorityClassName: set spec.priorityClass instead",
    "extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {b: 1}}, data: {c: ''}}]": (
        "extraObjects[0].metadata.labels.b is the number 1; must be text, so put it in quotes"
    ),
    "extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {b: true}}]": (
        "extraObjects[0].data.b is true; must be text, so put it in quotes"
    ),
    # networks
    "networkPolicy: {clientCidrs: [10.0.0.300/24]}": (
        "networkPolicy.clientCidrs[0]: 10.0.0.300/24 has a number that is too large, or leading zeros; write it like "
        "10.0.7.9/32"
    ),
    "networkPolicy: {extraEgress: [{to: [{ipBlock: {cidr: 10.0.0.1}}]}]}": (
        "networkPolicy.extraEgress[0].to[0].ipBlock.cidr: 10.0.0.1 is no network; write 10.0.0.1/32 for "
        "that one address"
    ),
    # words in place of patterns
    "networkPolicy: {clientCidrs: [10.0.0.1]}": (
        'networkPolicy.clientCidrs[0] is "10.0.0.1"; must be a network such as 10.0.20.0/24 or fd12:3456::/64; '
        "10.0.20.7/32 is one address"
    ),
    "resources: {limits: {memory: 64GB}}": (
        'resources.limits.memory is "64GB"; must be an amount such as 500m, 8 or 64Gi: a number and m, '
        "k, Ki, M, Mi, G, Gi, T, Ti, P or Pi"
    ),
    "resources: {limits: {gpu: 1}}": (
        "resources.limits.gpu is not an allowed name; must be cpu, memory, ephemeral-storage, "
        "hugepages-2Mi or a device "
        "such as nvidia.com/rdma-vf"
    ),
    "podLabels: {a: has space}": (
        'podLabels.a is "has space"; must be the value of a label: letters, digits, dashes, dots and underscores, '
        "63 at most"
    ),
    "image: {pullPolicy: always}": (
        'image.pullPolicy is "always"; must be one of Always, IfNotPresent, Never (did you mean Always?)'
    ),
    # where it belongs
    "hostAliases: []": "hostAliases is not known; set extraPodSpec.hostAliases of these values instead",
    "terminationGracePeriodSeconds: 5": (
        "terminationGracePeriodSeconds is not known; set spec.budget.shutdownSeconds instead"
    ),
    "env: []": "env is not known; set extraEnv of these values instead",
    "imagePullPolicy: Always": "imagePullPolicy is not known; set image.pullPolicy of these values instead",
    "extraArgs: []": "extraArgs is not known; set spec.serving.args instead",
    "serviceMonitor: {}": "serviceMonitor is not known; set podMonitor of these values instead",
    **{
        f"{theirs}: []": f"{theirs} is not known; set {ours} of these values instead"
        for theirs, ours in {
            "extraDeploy": "extraObjects",
            "extraManifests": "extraObjects",
            "customObjects": "extraObjects",
            "extraEnvVars": "extraEnv",
            "extraEnvVarsSecret": "envFrom",
            "updateStrategy": "strategy",
            "deploymentStrategy": "strategy",
            "lifecycleHooks": "lifecycle",
            "shmSize": "sharedMemory.size",
            "customReadinessProbe": "readinessProbe",
            "keda": "autoscaling",
        }.items()
    },
    "service: {nodePorts: {http: 30080}}": (
        "service.nodePorts is not known; set service.nodePort of these values instead"
    ),
    "ingress: {hosts: []}": "ingress.hosts is not known; set spec.expose.host instead",
    "replicaCount: 2": "replicaCount is not known; set spec.scaling.min and spec.scaling.max instead",
    "ingress: {ingressClassName: nginx}": (
        "ingress.ingressClassName is not known; set spec.ingress.className in stack.yaml instead"
    ),
}


@pytest.mark.parametrize("written", WRONG)
def test_what_a_cluster_would_refuse(written: str) -> None:
    assert problems({"values": yaml.safe_load(written), "shapes": {"h100": {}}}) == [f"spec.values.{WRONG[written]}"]


RIGHT = (
    "extraVolumes: [{name: a}, {name: b, image: {reference: 'quay.io/a/b:1'}}, {name: c, projected: {sources: "
    "[{serviceAccountToken: {path: t, audience: vault, expirationSeconds: 3600}}, {downwardAPI: {items: [{path: l, "
    "fieldRef: {fieldPath: metadata.labels}}]}}]}}, {name: d, ephemeral: {volumeClaimTemplate: {spec: {accessModes: "
    "[ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}]",
    "extraContainers: [{name: a, image: b, ports: [{containerPort: 8000, protocol: UDP}], securityContext: {runAsUser: "
    "0, runAsNonRoot: false}, resources: {limits: {cpu: 0.5, memory: 1e9}}, restartPolicyRules: []}]",
    "networkPolicy: {extraEgress: [{to: [{ipBlock: {cidr: 169.254.169.254/32}}], ports: [{port: 443, endPort: 450}]}]}",
    "podSecurityContext: {runAsUser: 0, runAsNonRoot: false, sysctls: [{name: a, value: b}]}",
    "extraPodSpec: {aFieldOfKubernetesToCome: {a: [b]}}",
    "{lifecycle: {stopSignal: SIGTERM, postStart: {httpGet: {port: 8000}}}, extraPodSpec: {os: {name: linux}}}",
    "initContainers: [{name: a, image: b, restartPolicy: Always, startupProbe: {httpGet: {port: 1}}}]",
    "tolerations: [{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 5}]",
    "strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}",
    "extraEnv: [{name: TZ, valueFrom: {fieldRef: {fieldPath: \"metadata.annotations['a/b']\"}}}]",
    "extraVolumes: [{name: a, emptyDir: {medium: ''}}, {name: b, downwardAPI: {items: [{path: a, fieldRef: {fieldPath: "
    "metadata.labels}}]}}]",
    "livenessProbe: {httpGet: {path: /x}}",
    *(f"{name}:" for name in ("startupProbe", "livenessProbe", "affinity", "resources", "topologySpreadConstraints")),
    *(f"resources: {{{name}: }}" for name in ("requests", "limits")),
    "resources: {requests: {cpu: 0.5, memory: .5Gi}, limits: {memory: 64e9, ephemeral-storage: 1Pi}}",
    "service: {type: NodePort, nodePort: 30080, externalIPs: [10.0.8.9]}",
    "service: {clusterIP: None, internalTrafficPolicy: Local, trafficDistribution: PreferClose}",
    "service: {type: LoadBalancer, loadBalancerIP: 10.0.8.9, clusterIP: 10.96.0.9}",
)


@pytest.mark.parametrize("written", RIGHT)
def test_what_a_cluster_takes(written: str) -> None:
    assert problems({"values": yaml.safe_load(written), "shapes": {"h100": {}}}) == []


def test_a_shape_that_adds_another_handler_is_told_at_its_own_key() -> None:
    hook: dict[str, Any] = {"lifecycle": {"preStop": {"exec": {"command": ["a"]}}}}
    more = copy.deepcopy(hook)
    more["lifecycle"]["preStop"] = {"sleep": {"seconds": 5}}
    (message,) = problems({"values": hook, "shapes": {"a10": {}, "h100": {"values": more}}})
    assert message.startswith("spec.shapes.h100.values.lifecycle.preStop: has exec and sleep")
    more["lifecycle"]["preStop"]["exec"] = None
    assert problems({"values": hook, "shapes": {"a10": {}, "h100": {"values": more}}}) == []


GATEWAY = {"gateway": {"name": "public", "namespace": "gateways"}, "policy": {"maxGpus": 100000}}
PVC = {"source": "pvc://weights/qwen"}
BUCKET = {"source": "oci://models@acme/qwen", "region": "us-phoenix-1", "credentials": {"secret": "s", "key": "k"}}
FILES = {"/etc/x/y": {"configMap": "c", "key": "k"}}
PODS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({}, {}),
    ({"storage": {"download": False}}, {}),
    ({"model": PVC}, {}),
    ({"model": BUCKET}, {}),
    ({"expose": {"apiKey": {"secret": "s", "key": "k"}}}, {}),
    ({"model": PVC, "serving": {"files": FILES}}, {"network": {"ca": {"secret": "s"}}}),
)


@pytest.mark.parametrize("number", range(len(PODS)))
def test_volumes_of_a_pod_are_those_that_it_gets(number: int) -> None:
    values = chart_values(*PODS[number])
    pod = rendering.pod(values)
    assert sorted(each["name"] for each in pod["volumes"]) == sorted(podnames.volumes(values))


@pytest.mark.parametrize("policy", ["clientCidrs: [10.0.0.0/24]", "extraIngress: [{}]", "enabled: false"])
def test_who_is_let_in_by_values_is_let_in(policy: str) -> None:
    values = {"networkPolicy": yaml.safe_load(policy)}
    assert any("no requests yet" in note for note in resolved({}).notes)
    assert not any("no requests yet" in note for note in resolved({"values": values}).notes)


def test_the_file_of_forms_is_current() -> None:
    assert kubernetes_forms.FILE.read_text(encoding="utf-8") == kubernetes_forms.text()


def test_words_are_of_definitions_that_the_chart_has() -> None:
    patterns = {name for name, each in rendering.schema()["definitions"].items() if "pattern" in each}
    others = {"argument", "destination", "nameOrEmpty", "repository"}  # of values that a blueprint has keys for
    assert patterns - others == WORDS.keys() - {"variable"}


def test_what_other_charts_call_a_value_leads_to_one_that_there_is() -> None:
    for theirs, ours in elsewhere.OTHERS.items():
        assert at(chart_defaults(CHART), tuple(theirs.split("."))) is None
        assert at(chart_defaults(CHART), tuple(ours.split("."))) is not None


def test_fields_of_a_pod_are_those_of_kubernetes() -> None:
    forms = yaml.safe_load(kubernetes_forms.text())["properties"]["extraPodSpec"]["properties"]
    assert forms.keys() >= podnames.POD


UNREAD: dict[str, tuple[dict[str, Any], str]] = {
    "autoscaling: {pollingInterval: 7}": ({}, "autoscaling.pollingInterval"),
    "autoscaling: {cooldownPeriod: 700}": ({}, "autoscaling.cooldownPeriod"),
    "autoscaling: {upstream: {activation: 7}}": ({}, "autoscaling.upstream"),
    "autoscaling: {ttft: {percentile: 90}}": ({}, "autoscaling.ttft"),
    "autoscaling: {behavior: {scaleDown: {selectPolicy: Min}}, pollingInterval: 7}": (
        {"scaling": {"min": 2, "max": 2}},
        "autoscaling",
    ),
    "prometheusRule: {slo: {objective: 99}}": ({}, "prometheusRule.slo"),
    "download: {nodeSelector: {a: b}}": ({"storage": {"download": False}}, "download"),
    "init: {resources: {limits: {memory: 1Gi}}}": ({"storage": {"download": False}}, "init"),
    "httpRoute: {annotations: {a: b}}": ({}, "httpRoute"),
    "ingress: {bodySize: 512m}": ({}, "ingress"),
    "networkPolicy: {enabled: false, extraEgress: [{}]}": ({}, "networkPolicy.extraEgress"),
    "podDisruptionBudget: {enabled: false, maxUnavailable: 3}": ({}, "podDisruptionBudget.maxUnavailable"),
    "serviceAccount: {create: false, annotations: {a: b}}": ({}, "serviceAccount.annotations"),
}


@pytest.mark.parametrize("written", UNREAD)
def test_a_value_that_nothing_reads_is_told_and_changes_nothing(written: str) -> None:
    spec, path = UNREAD[written]
    given = yaml.safe_load(written)
    whole = resolved({**spec, "values": given, "shapes": {"h100": {}}})
    (note,) = (each for each in whole.notes if " has no effect" in each)
    assert note.startswith(f"chat on h100: spec.values.{path} has no effect: it is read only where ")
    left = copy.deepcopy(given)
    holder = left
    *above, last = path.split(".")
    for name in above:
        holder = holder[name]
    del holder[last]
    without = resolved({**spec, "values": left, "shapes": {"h100": {}}})
    helm = Embedded(shipped_charts())
    made, expected = (objects(each, each.workloads[0], helm) for each in (whole, without))
    assert made == expected


def test_what_is_read_is_not_told() -> None:
    files = {"stack.yaml": yamlio.dump(merged(STACK, {"spec": GATEWAY})).encode()}
    for name, case in CASES.items():
        files[f"blueprints/{name}.yaml"] = yamlio.dump(case_blueprint(name, case)).encode()
    assert [note for note in resolve(parse(files)).notes if " has no effect" in note] == []


def test_parts_of_a_gpu_are_not_what_the_fit_counted() -> None:
    part = {"values": {"gpu": {"resource": "nvidia.com/mig-3g.40gb"}}, "shapes": {"a10": {}, "h100": {}}}
    assert [note for note in resolved(part).notes if "whole GPUs" in note] == [
        "chat on a10: it gets 2 nvidia.com/mig-3g.40gb, and what fits was computed for so many whole GPUs",
        "chat on h100: it gets 1 nvidia.com/mig-3g.40gb, and what fits was computed for so many whole GPUs",
    ]
    assert not [note for note in resolved({}).notes if "whole GPUs" in note]


def test_an_address_that_variables_hold() -> None:
    variables = [
        {"name": "NODE_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
        {"name": "BASE", "value": "otel.obs.svc"},
        {"name": "FIRST", "value": "http://$(NODE_IP):4317"},
        {"name": "SECOND", "value": "http://$(BASE):4318"},
    ]
    first, second = (note for note in resolved({"values": {"extraEnv": variables}}).notes if " blocks" in note)
    assert first.startswith("blueprints/chat.yaml: FIRST is $(NODE_IP), port 4317, which")
    assert "stack.yaml spec.network: {egress: [{cidr: ADDRESS/32, port: 4317}]}" in first
    assert second.startswith("blueprints/chat.yaml: SECOND is otel.obs.svc, port 4318, which")
