"""Images of the platform's charts: the catalogue knows them, and mirrors, pins and the policy reach what is pulled."""

from collections.abc import Mapping
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.errors import InputError
from gpuyard.project.imageslock import write_images_lock
from gpuyard.project.load import parse
from gpuyard.project.stack import Component, Images, Network, Platform
from gpuyard.render import layers as platform
from gpuyard.render.charts import umbrella
from gpuyard.resolve import Resolved, resolve
from gpuyard.resolve.nodes import with_nvidia
from gpuyard.resolve.releases import releases
from tests.cluster.kubelet.images import IMAGES, STAND_IN, STAND_IN_VLLM
from tests.projects import problems, resolved, sources

ELSEWHERE = {"enabled": False, "address": "http://prometheus.observability.svc:9090"}
DIGEST = "sha256:" + "0123456789abcdef" * 4
MIRRORS = {
    "docker.io": "registry.example.com/hub",
    "ghcr.io": "registry.example.com:5000",
    "nvcr.io": "registry.example.com/nvidia",
    "quay.io": "quay.example.com/a/b",
    "quay.io/prometheus-operator": "operators.example.com",
    "registry.k8s.io": "registry.example.com",
}
POLICY = {"registries": ["docker.io", "registry.example.com"]}


def catalogue() -> dict[str, Any]:
    """The data as it is written, by chart."""
    folder = resources.files("gpuyard") / "catalogue" / "platform"
    return {data["chart"]: data for file in folder.iterdir() for data in [yamlio.load_data(file.read_text("utf-8"))]}


COMPONENTS = sorted({data["component"] for data in catalogue().values()})


def stack(more: Mapping[str, Any] | None = None, **enabled: bool) -> dict[str, Any]:
    components: dict[str, Any] = {name: {"enabled": enabled.get(name, True)} for name in COMPONENTS}
    components["prometheus"]["grafana"] = {"adminSecret": "grafana"}
    if not enabled.get("prometheus", True):
        components["prometheus"] = ELSEWHERE
    return {"platform": components, "policy": POLICY, **(more or {})}


def pinned(spec: Mapping[str, Any], digests: Mapping[str, str]) -> Resolved:
    return resolve(
        parse({**sources({"clientNamespaces": ["apps"]}, spec), "images.lock": write_images_lock(digests).encode()})
    )


def told(found: Resolved) -> tuple[str, ...]:
    """The notes, but for those on its nodes, on their plugin and on KubeRay, which this is not about."""
    others = ("node pools need", "object of Ray", "NvidiaGpuPlugin")
    return tuple(note for note in found.notes if not any(each in note for each in others))


def written(found: Resolved) -> dict[str, Any]:
    """Values by chart, as the HelmRelease has them; the umbrella's are the same."""
    values = {}
    for path, text in platform.files(found, shipped_charts()).items():
        if path.parts[0] == "platform":
            for each in yamlio.parse_manifests(text):
                if each["kind"] == "HelmRelease":
                    values[each["metadata"]["name"]] = each["spec"]["values"]
    whole = yamlio.load_data(umbrella.files(found)[PurePosixPath("charts/demo/values.yaml")])
    assert {chart: {**each, "enabled": False} for chart, each in values.items()} == {
        chart: each for chart, each in whole.items() if chart != "inference"
    }
    return values


def at(values: Any, path: str) -> Any:
    for key in path.split("."):
        values = values[key]
    return values


def test_every_chart_has_the_images_of_its_version() -> None:
    for chart, data in catalogue().items():
        assert data["images"]["version"] == data["version"], f"{chart}: run tools/platform_images.py"
    everything = Platform(insecure=False, components={name: Component(True) for name in COMPONENTS})
    found = releases(everything, Images({}, ()), Network((), (), ()), storage={"block": "oci-bv"}, locked={})
    assert all(release.images is not None for release in found)


def test_no_image_and_no_value_twice() -> None:
    for data in catalogue().values():
        paths = [path for image in data["images"]["list"] for path in image["values"].values()]
        assert len(paths) == len(set(paths))
    names = [image["repository"] for data in catalogue().values() for image in data["images"]["list"]]
    assert len(names) == len(set(names))


ENGINES = ("fluxcd/", "argoproj/", "library/redis")
"""Their images are installed by others."""


def test_the_true_test_runs_images_of_these_names() -> None:
    known = {"/".join(image.split(":")[0].split("/")[-2:]) for image in (i.upstream for i in resolved({}).images)}
    ours = {name for name in IMAGES if name not in (STAND_IN, STAND_IN_VLLM) and not name.startswith(ENGINES)}
    assert len(ours) == 7
    assert ours <= known


@pytest.mark.parametrize("off", [None, *COMPONENTS])
def test_listed_is_what_the_catalogue_says_of_what_is_on(off: str | None) -> None:
    found = resolved({}, stack(**({off: False} if off else {})))
    wanted = [
        f"{image['repository']}:{image['tag']}"
        for data in catalogue().values()
        if data["component"] != off
        for image in data["images"]["list"]
    ]
    assert found.images[0] == found.workloads[0].image
    assert sorted(image.upstream for image in found.images[1:]) == sorted(wanted)


def test_no_mirror_and_no_pin_leave_the_values_alone() -> None:
    off = {"platform": {name: {"enabled": True} for name in COMPONENTS}}
    affinity = {data["chart"]: {data["gpuNodes"]: with_nvidia()} for data in catalogue().values() if "gpuNodes" in data}
    assert written(resolved({}, off)) == {
        chart: {**data["values"], **affinity.get(chart, {})} for chart, data in catalogue().items()
    }


def test_mirrors_move_every_image_and_nothing_else() -> None:
    values = written(resolved({}, stack({"images": {"mirrors": MIRRORS}})))
    for chart, data in catalogue().items():
        for image in data["images"]["list"]:
            places = image["values"]
            whole = [at(values[chart], places[part]) for part in ("registry", "path", "repository") if part in places]
            registry, _, path = image["repository"].partition("/")
            assert "/".join(whole) in (f"{MIRRORS[registry]}/{path}", "operators.example.com/" + path.split("/")[1])
            assert path.startswith("prometheus-operator/") == whole[0].startswith("operators.example.com")
    assert values["keda"]["image"]["keda"] == {"registry": "registry.example.com:5000", "repository": "kedacore/keda"}
    assert values["kuberay-operator"] == {"image": {"repository": "quay.example.com/a/b/kuberay/operator"}}
    # What was there beside it stays.
    operator = values["kube-prometheus-stack"]["prometheusOperator"]
    assert operator["tls"] == {"enabled": False}
    assert operator["thanosImage"] == {"registry": "quay.example.com", "repository": "a/b/thanos/thanos"}
    assert values["prometheus-operator-crds"] == catalogue()["prometheus-operator-crds"]["values"]


def test_a_locked_digest_pins_in_the_charts_own_words() -> None:
    names = [image.upstream for image in resolved({}, stack()).images]
    found = pinned(stack(), dict.fromkeys(names, DIGEST))
    values = written(found)
    assert told(found) == ()
    assert values["keda"]["image"]["webhooks"] == {"tag": f"2.20.2@{DIGEST}"}
    assert values["kuberay-operator"] == {"image": {"tag": f"v1.6.0@{DIGEST}"}}
    prometheus = values["kube-prometheus-stack"]
    assert prometheus["kube-state-metrics"]["image"] == {"sha": DIGEST}
    assert prometheus["prometheus-node-exporter"]["image"] == {"digest": DIGEST}
    assert prometheus["prometheusOperator"]["prometheusConfigReloader"]["image"] == {"sha": DIGEST[7:]}
    one = written(pinned(stack(), {"quay.io/kuberay/operator:v1.6.0": DIGEST}))
    assert one["keda"] == catalogue()["keda"]["values"]
    assert one["kuberay-operator"] == {"image": {"tag": f"v1.6.0@{DIGEST}"}}


def test_of_another_version_nothing_is_claimed() -> None:
    spec = {
        "platform": {"keda": {"version": "2.20.3"}, "prometheus": ELSEWHERE},
        "images": {"mirrors": {"ghcr.io": "registry.example.com"}},
    }
    lock = {"docker.io/vllm/vllm-openai:v0.32.0": DIGEST, "ghcr.io/kedacore/keda:2.20.2": DIGEST}
    found = pinned(spec, lock)
    assert [release.images for release in found.releases] == [None]
    assert found.images == (found.workloads[0].image,)
    assert written(found)["keda"]["image"]["keda"] == {
        "registry": "registry.example.com",
        "repository": "kedacore/keda",
    }
    assert told(found) == (
        "keda 2.20.3: its images are not known, so they are neither listed nor pinned (gpuyard knows those of 2.20.2); "
        "`helm template` shows them",
        "images.lock pins ghcr.io/kedacore/keda:2.20.2, which the stack does not use; "
        "`gpuyard images --lock` rewrites it",
    )


@pytest.mark.parametrize(
    "mirror",
    [
        "registry.example.com/x\n",
        "registry.example.com/ x",
        "https://registry.example.com",
        "registry.example.com/../x",
        "registry.example.com/x@sha256",
        "registry.example.com/x:latest",
        "{{ .Values.x }}",
        "$(id)",
        "REGISTRY.example.com",
        "",
        "null",
        "harbor",
        "harbor/quay",
    ],
)
def test_a_mirror_that_is_none(mirror: str) -> None:
    found = problems({}, {"images": {"mirrors": {"quay.io": mirror}}})
    assert len(found) == 1
    assert found[0].startswith(('spec.images.mirrors["quay.io"] is ', 'spec.images.mirrors["quay.io"]: is '))


def test_a_mirror_without_a_name_for_the_image() -> None:
    mirrors = {"ghcr.io/kedacore/keda": "registry.example.com"}
    assert problems({}, {"images": {"mirrors": mirrors}}) == [
        'spec.images.mirrors["ghcr.io/kedacore/keda"]: is registry.example.com, which leaves no image name for '
        "ghcr.io/kedacore/keda:2.20.2; include the path"
    ]


def test_the_policy_looks_at_what_is_pulled() -> None:
    mirrors = {"images": {"mirrors": {"docker.io": "registry.example.com/hub", "quay.io": "quay.example.com"}}}
    with pytest.raises(InputError) as raised:
        resolve(parse(sources({}, mirrors)))
    (problem,) = raised.value.problems
    assert str(problem).startswith("stack.yaml:")
    assert problem.message == (
        'spec.images.mirrors["docker.io"]: docker.io/vllm/vllm-openai is then pulled from '
        "registry.example.com/hub/vllm/vllm-openai, a registry that is not in spec.policy.registries (docker.io)"
    )
    # The mirror alone is enough; the platform's charts aren't held to it.
    assert problems({}, {**mirrors, "policy": {"registries": ["registry.example.com"]}}) == []
    assert problems({}, {"policy": {"registries": ["ghcr.io"]}}) == [
        "spec.vllm.image: docker.io/vllm/vllm-openai comes from a registry that is not in "
        "spec.policy.registries (ghcr.io)"
    ]
    allowed = {"vllm": {"image": "ghcr.io/acme/vllm"}, "images": {"mirrors": {"ghcr.io": "docker.io/acme"}}}
    assert problems({}, allowed) == []
