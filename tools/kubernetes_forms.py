"""Writes the forms of Kubernetes that values of charts/vllm may hold, from the API's own schemas.

    python -m tools.kubernetes_forms

Neither descriptions nor fields of later versions are in it. kubernetes-validate has the schemas (extra `dev`).
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kubernetes_validate import utils

__all__ = ["FILE", "VERSION", "text"]

VERSION = "1.37.0"
"""The newest that kubernetes-validate has: a cluster that is older refuses what it does not have yet."""
FILE = Path(__file__).parents[1] / "generator" / "gpuyard" / "resolve" / "inference" / "kubernetes.forms.json"

_DEFINITIONS = f"kubernetes-json-schema/v{VERSION}-local-strict/_definitions.json"
_CORE, _NETWORK = "io.k8s.api.core.v1.", "io.k8s.api.networking.v1."
_LISTS = {
    "envFrom": f"{_CORE}EnvFromSource",
    "extraContainers": f"{_CORE}Container",
    "extraEnv": f"{_CORE}EnvVar",
    "extraVolumeMounts": f"{_CORE}VolumeMount",
    "extraVolumes": f"{_CORE}Volume",
    "initContainers": f"{_CORE}Container",
    "networkPolicy.extraEgress": f"{_NETWORK}NetworkPolicyEgressRule",
    "networkPolicy.extraIngress": f"{_NETWORK}NetworkPolicyIngressRule",
    "tolerations": f"{_CORE}Toleration",
    "topologySpreadConstraints": f"{_CORE}TopologySpreadConstraint",
}
_SINGLE = {
    "affinity": f"{_CORE}Affinity",
    "download.affinity": f"{_CORE}Affinity",
    "lifecycle": f"{_CORE}Lifecycle",
    "livenessProbe": f"{_CORE}Probe",
    "podSecurityContext": f"{_CORE}PodSecurityContext",
    "readinessProbe": f"{_CORE}Probe",
    "securityContext": f"{_CORE}SecurityContext",
    "startupProbe": f"{_CORE}Probe",
}
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
"""Of the server: what an httpGet leaves out, the chart has."""
_KEPT = ("additionalProperties", "enum", "items", "properties", "required", "type")
_CHOICES = {
    "Container.imagePullPolicy": ["Always", "IfNotPresent", "Never"],
    "ContainerPort.protocol": ["TCP", "UDP", "SCTP"],
    "LabelSelectorRequirement.operator": ["In", "NotIn", "Exists", "DoesNotExist"],
    "NetworkPolicyPort.protocol": ["TCP", "UDP", "SCTP"],
    "NodeSelectorRequirement.operator": ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"],
}
"""Texts that the API server compares with a list, which its schemas do not have."""
_TEXTS = {
    "EmptyDirVolumeSource.medium": {
        "pattern": "^(Memory|HugePages(-[0-9]+[KMGT]i)?)?$",
        "x-error": "must be Memory, HugePages or HugePages-2Mi",
    },
    "ObjectFieldSelector.fieldPath": {
        "pattern": r"^(metadata[.](name|namespace|uid|(labels|annotations)(\['.+'\])?)"
        r"|spec[.](nodeName|serviceAccountName)|status[.](hostIPs?|podIPs?))$",
        "x-error": "must be a field such as metadata.name, metadata.labels['KEY'], spec.nodeName or status.podIP",
    },
}
"""Others with a form of their own."""
_SCALARS = {"Quantity": ["string", "number"], "IntOrString": ["string", "integer"]}


def text() -> str:
    """The file: one form a line."""
    known: Mapping[str, Any] = utils.schema_contents(_DEFINITIONS, VERSION)["$defs"]
    pod = _plain(known[f"{_CORE}PodSpec"])["properties"]
    root: dict[str, Any] = {"extraPodSpec": {"properties": {name: pod[name] for name in sorted(pod.keys() - _taken())}}}
    for place, form in (*_LISTS.items(), *_SINGLE.items()):
        group, _, name = place.rpartition(".")
        holder = root.setdefault(group, {"properties": {}})["properties"] if group else root
        holder[name] = {"items": _reference(form)} if place in _LISTS else _reference(form)
    forms = {_short(form): _plain(known[form]) for form in sorted(_closure(known, root))}
    asked = {key: rule for key, rule in forms["HTTPGetAction"].items() if key != "required"}
    forms["ServerProbe"] = {**forms["Probe"], "properties": {**forms["Probe"]["properties"], "httpGet": asked}}
    root |= {place: _reference("ServerProbe") for place in _PROBES}
    for place, choices in _CHOICES.items():
        form, _, name = place.partition(".")
        forms[form]["properties"][name] = {"enum": choices}
    for place, rule in _TEXTS.items():
        form, _, name = place.partition(".")
        forms[form]["properties"][name] |= rule
    lines = [f"    {json.dumps(name)}: {json.dumps(form)}" for name, form in forms.items()]
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Forms of Kubernetes {VERSION} in values of charts/vllm, written by tools/kubernetes_forms.py",
    }
    parts = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    own = ",\n".join(f"    {json.dumps(name)}: {json.dumps(rule)}" for name, rule in sorted(root.items()))
    parts += [f'  "properties": {{\n{own}\n  }}', '  "$defs": {\n' + ",\n".join(lines) + "\n  }"]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _taken() -> set[str]:
    """Fields of a pod that the chart sets itself."""
    schema = json.loads((Path(__file__).parents[1] / "charts/vllm/values.schema.json").read_text(encoding="utf-8"))
    return set(schema["properties"]["extraPodSpec"]["propertyNames"]["not"]["enum"])


def _closure(known: Mapping[str, Any], root: Mapping[str, Any]) -> set[str]:
    """Every form that those of the root refer to."""
    full = {_short(name): name for name in known if name.startswith((_CORE, _NETWORK, "io.k8s.apimachinery."))}
    found, waiting = set[str](), [full[name] for name in _references(root)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [full[other] for other in _references(_plain(known[name]))]
    return found


def _references(rule: Any) -> Iterator[str]:
    if isinstance(rule, dict):
        if isinstance(rule.get("$ref"), str):
            yield rule["$ref"].rpartition("/")[2]
        for each in rule.values():
            yield from _references(each)
    elif isinstance(rule, list):
        for each in rule:
            yield from _references(each)


def _plain(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Without what only readers need, and without null: an author's empty value is told as such."""
    if isinstance(reference := rule.get("$ref"), str):
        return _reference(reference.rpartition("/")[2])
    found: dict[str, Any] = {key: rule[key] for key in _KEPT if key in rule}
    if isinstance(found.get("type"), list):
        left = [name for name in found["type"] if name != "null"]
        found["type"] = left[0] if len(left) == 1 else left
    if "enum" in found:
        found["enum"] = [value for value in found["enum"] if value is not None]
    if "properties" in found:
        found["properties"] = {name: _plain(each) for name, each in found["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), Mapping):
            found[key] = _plain(found[key])
    return found


def _reference(form: str) -> dict[str, Any]:
    short = _short(form)
    return {"type": _SCALARS[short]} if short in _SCALARS else {"$ref": f"#/$defs/{short}"}


def _short(form: str) -> str:
    return form.rpartition(".")[2]


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")
