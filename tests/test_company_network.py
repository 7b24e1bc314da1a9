"""Company networks: mirrors with a login, a private CA, a proxy, a Prometheus that asks who it is."""

import json
import subprocess
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from gpuyard.catalogue.platform import catalogue
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.cli.main import cli
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.project.load import parse
from gpuyard.render import render
from gpuyard.render.prerequisites import commands
from gpuyard.render.required import required
from gpuyard.resolve import resolve
from gpuyard.tree import Tree
from tests.projects import STACK, problems, resolved, sources

Object = dict[str, Any]

MIRROR = {"registry": "oci://registry.example.com/charts", "registrySecret": "mirror"}
IMAGES = {
    "mirrors": {name: "registry.example.com/hub" for name in ("docker.io", "ghcr.io", "quay.io", "registry.k8s.io")},
    "pullSecrets": ["mirror", "second"],
}
POLICY = {"registries": ["registry.example.com"]}
WHOLE = {"platform": {**MIRROR, "kuberay": {"enabled": True}}, "images": IMAGES, "policy": POLICY}


def tree(stack: dict[str, Any], spec: dict[str, Any] | None = None) -> Tree:
    return render(resolved(spec or {}, stack), shipped_charts(), Embedded(shipped_charts()))


def objects(stack: dict[str, Any], *kinds: str) -> dict[str, Object]:
    """Of the engine's, by kind and name."""
    return {
        f"{each['kind']}/{each['metadata']['name']}": each
        for path, text in tree(stack).items()
        if path.parts[0] in ("platform", "clusters") and path.name != "kustomization.yaml"
        for each in yamlio.parse_manifests(text)
        if each["kind"] in kinds
    }


def needed(stack: dict[str, Any], spec: dict[str, Any] | None = None) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """Keys of what clusters must have, by namespace, kind and name."""
    return {(each.namespace, each.kind, each.name): each.keys for each in required(resolved(spec or {}, stack))}


def at(values: Any, path: str) -> Any:
    for key in path.split("."):
        values = values[key]
    return values


# --- charts from a mirror with a login -----------------------------------------------------------------------


def test_every_chart_is_pulled_with_the_login_of_its_namespace() -> None:
    sources = objects(WHOLE, "OCIRepository", "HelmRepository")
    assert set(sources) == {f"OCIRepository/{release.chart}" for release in catalogue()}
    assert all(each["spec"]["secretRef"] == {"name": "mirror"} for each in sources.values())
    found = needed({"platform": MIRROR})
    assert {namespace for namespace, kind, name in found if name == "mirror"} == {"keda", "monitoring"}
    assert set(found.values()) >= {(".dockerconfigjson",)}


def test_a_mirror_without_a_login_needs_none() -> None:
    sources = objects({"platform": {"registry": MIRROR["registry"]}}, "OCIRepository")
    assert sources
    assert not any("secretRef" in each["spec"] for each in sources.values())
    assert not any(name == "mirror" for *_, name in needed({"platform": {"registry": MIRROR["registry"]}}))


def test_a_login_of_no_mirror_is_refused() -> None:
    assert problems({}, {"platform": {"registrySecret": "mirror"}}) == [
        "spec.platform.registrySecret: only applies to charts from a mirror; add registry: oci://host/path, or remove "
        "it"
    ]
    assert problems({}, {"platform": {**MIRROR, "registrySecret": "Not A Secret"}}) == [
        'spec.platform.registrySecret is "Not A Secret"; must be the name of a Secret'
    ]


# --- images from a mirror with a login -----------------------------------------------------------------------


def test_every_chart_with_images_says_where_it_takes_pull_secrets() -> None:
    assert all(bool(release.pull_secrets_at) == bool(release.known.images) for release in catalogue())


def test_pull_secrets_reach_every_chart_and_every_namespace() -> None:
    found = resolved({}, WHOLE)
    for release in found.releases:
        if release.pull_secrets_at:
            assert at(release.values, release.pull_secrets_at) == [{"name": "mirror"}, {"name": "second"}]
    namespaces = {namespace for namespace, _, name in needed(WHOLE) if name == "second"}
    assert namespaces == {"keda", "kuberay", "monitoring", "inference"}


def test_public_images_are_pulled_without() -> None:
    """Only where a mirror stands for one of them: nobody should make Secrets that nothing reads."""
    partly = {"images": {"mirrors": {"ghcr.io": "registry.example.com/hub"}, "pullSecrets": ["mirror"]}}
    found = {release.chart: release.pull_secrets for release in resolved({}, partly).releases}
    assert found == {"keda": ("mirror",), "kube-prometheus-stack": (), "prometheus-operator-crds": ()}
    assert {namespace for namespace, _, name in needed(partly) if name == "mirror"} == {"keda", "inference"}
    values = {release.chart: release.values for release in resolved({}, partly).releases}
    assert values["kube-prometheus-stack"] == {each.chart: each for each in catalogue()}["kube-prometheus-stack"].values


def test_a_secret_for_charts_and_images_is_made_once(kubectl: Path, tmp_path: Path) -> None:
    """Each command, as a new cluster's owner types it, is one that kubectl takes."""
    found = resolved({}, WHOLE)
    lines = list(commands(found, "phx"))
    assert len(lines) == len(set(lines))
    assert [line.rpartition(" ")[2] for line in lines if "create namespace" in line] == [
        "inference",
        "monitoring",
        "keda",
        "kuberay",
    ]
    (line,) = (line for line in lines if "--namespace keda" in line and " mirror " in line)
    (tmp_path / "FILE").write_text(json.dumps({"auths": {"registry.example.com": {"auth": "eDp5"}}}))
    arguments = line.removeprefix("kubectl --context phx ").split()
    done = subprocess.run(
        [kubectl, *arguments, "--dry-run=client", "-o", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    made = json.loads(done.stdout)
    assert (made["type"], list(made["data"])) == ("kubernetes.io/dockerconfigjson", [".dockerconfigjson"])
    assert made["metadata"]["namespace"] == "keda"


# --- what a machine is told ----------------------------------------------------------------------------------


def test_check_lists_what_each_cluster_must_have(tmp_path: Path) -> None:
    more = {
        "clusters": [*STACK["spec"]["clusters"], {"name": "iad", "shapes": {"h100": "BM.GPU.H100.8"}, "blueprints": {}}]
    }
    spec = {"serving": {"env": {"PROMPT": {"configMap": "site", "key": "prompt"}}}}
    for name, text in sources(spec, {**WHOLE, **more}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text)
    result = CliRunner().invoke(cli, ["check", "-o", "json", str(tmp_path)])
    found = json.loads(result.output)["prerequisites"]
    assert {
        "cluster": "phx",
        "namespace": "inference",
        "kind": "ConfigMap",
        "name": "site",
        "keys": ["prompt"],
        "purpose": "chat: environment, PROMPT",
        "command": "kubectl --context phx --namespace inference create configmap site --from-file=prompt=FILE",
    } in found
    listed = {(each["cluster"], each["namespace"], each["name"]) for each in found}
    assert ("phx", "inference", "hf-token") in listed
    assert ("iad", "keda", "mirror") in listed
    assert not any(cluster == "iad" and name in ("hf-token", "site") for cluster, _, name in listed)
    whole = resolve(parse(sources(spec, {**WHOLE, **more})))
    assert {each["command"] for each in found} <= {line for name in ("phx", "iad") for line in commands(whole, name)}
