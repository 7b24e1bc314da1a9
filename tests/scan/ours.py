"""Our own checks: Pod Security, the API's schemas, and secrets in what is generated."""

from collections.abc import Iterator
from functools import cache

import kubernetes_validate
from kubernetes_validate import utils

from gpuyard.doors import yamlio
from gpuyard.doors.redaction import looks_secret
from gpuyard.doors.yamlio import Document
from gpuyard.project.secrets import find_secrets
from gpuyard.tree import Tree
from tests.chart import pss
from tests.scan.finding import Finding, Report
from tests.scan.objects import Objects, named

__all__ = ["KUBERNETES", "built_in", "invalid", "pod_security", "schemas", "secrets"]

KUBERNETES = tuple(f"1.{minor}" for minor in range(30, 38))
"""Every minor version that we support."""


# It reads a version's 1.5 MB of definitions again for every object.
utils.schema_contents = cache(utils.schema_contents)


def pod_security(objects: Objects) -> Report:
    """Pod Security Standards, restricted."""
    pods = 0
    findings = []
    for group, found in objects.items():
        for obj in found:
            spec = obj.get("spec")
            if obj["kind"] == "Pod" or (isinstance(spec, dict) and "spec" in spec.get("template", {})):
                pods += 1
                pod = obj if obj["kind"] == "Pod" else obj["spec"]["template"]
                findings += [Finding(rule, named(group, obj), "restricted") for rule in pss.restricted(pod)]
    return Report("Pod Security restricted", f"{pods} pods", findings)


def schemas(objects: Objects) -> Report:
    """The API's schemas of every supported version, without fields that it doesn't know."""
    findings = []
    checked = 0
    for group, found in objects.items():
        for obj in found:
            if built_in(obj["apiVersion"]):
                checked += 1
                problems = [(version, invalid(obj, version)) for version in KUBERNETES]
                findings += [
                    Finding(f"schema {version}", named(group, obj), text) for version, text in problems if text
                ]
    versions = f"{KUBERNETES[0]}-{KUBERNETES[-1]}"
    return Report(f"Kubernetes schemas {versions}", f"{checked} objects", findings)


def built_in(api_version: str) -> bool:
    """Whether the API server itself serves this: its groups are v1, apps/v1 or end in .k8s.io."""
    group = api_version.rpartition("/")[0]
    return "." not in group or (group.endswith(".k8s.io") and not group.startswith("gateway."))


def invalid(obj: dict[str, object], version: str) -> str:
    """What the schema of a version has against an object, or nothing."""
    try:
        kubernetes_validate.validate(obj, version, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return str(error).split("\n", 1)[0] or type(error).__name__
    return ""


def secrets(tree: Tree) -> Report:
    """What looks like a token, a key or a password in any generated file."""
    findings = [Finding("secret", path, message) for path, message in _secrets(tree)]
    return Report("our search for secrets", f"{len(tree)} files", findings)


def _secrets(tree: Tree) -> Iterator[tuple[str, str]]:
    for path, text in tree.items():
        name = str(path)
        for number, line in enumerate(text.splitlines(), 1):
            if kind := looks_secret(line):
                yield name, f"line {number} looks like {kind}"
        if path.suffix == ".yaml" and "templates" not in path.parts:
            for value in yamlio.parse_manifests(text):
                for problem in find_secrets(Document(name, value, {(): (1, 1, 1, 1)})):
                    yield name, problem.message
