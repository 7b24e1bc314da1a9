"""From every release to what is made of the same files now: nothing that an API server would refuse, nothing lost."""

import copy
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from tests.chart.rendering import CHART
from tests.releases.immutable import MOVED, breaks
from tests.releases.stored import RELEASES, Made, load, make, sources, version

STORED = sorted(folder.name for folder in RELEASES.iterdir() if (folder / "sources").is_dir())
Object = dict[str, Any]


@cache
def now(release: str) -> Made:
    return make(sources(release))


def test_the_first_release_is_stored() -> None:
    assert STORED[0] == "0.1.0"
    assert {"stack", "a10", "a100", "h100"} <= set(load("0.1.0"))


def test_every_kind_that_the_chart_makes_is_stored() -> None:
    """Some that no blueprint leads to: test values of the chart do."""
    stored = [obj for found in load("0.1.0").values() for obj in found]
    kinds = {obj["kind"] for obj in stored}
    templates = [path.read_text("utf-8") for path in (CHART / "templates").glob("*.yaml")]
    assert {kind for text in templates for kind in re.findall(r"^kind: (\w+)$", text, re.M)} <= kinds
    claims = [obj["spec"] for obj in stored if obj["kind"] == "PersistentVolumeClaim"]
    assert {mode for spec in claims for mode in spec["accessModes"]} == {"ReadWriteOnce", "ReadWriteMany"}


@pytest.mark.parametrize("release", STORED)
def test_its_files_are_still_taken_and_nothing_breaks(release: str) -> None:
    old, new = load(release), now(release)
    assert set(old) <= set(new)
    assert {part: found for part in old if (found := breaks(old[part], new[part]))} == {}


def test_what_moves_is_in_the_changelog() -> None:
    changelog = (RELEASES.parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
    assert [name for name, text in MOVED.items() if text not in changelog] == []


def test_the_version_is_a_stored_one_or_newer() -> None:
    def number(text: str) -> list[int]:
        return list(map(int, text.split(".")))

    assert number(version()) >= max(map(number, STORED))


# --- it would be seen ---------------------------------------------------------------------------------------


def put(obj: Object, *path: str, value: Any) -> None:
    for key in path[:-1]:
        obj = obj.setdefault(key, {})
    obj[path[-1]] = value


FAULTS: dict[str, tuple[str, Callable[[Object], None], str]] = {
    "selector": (
        "Deployment",
        lambda obj: put(obj, "spec", "selector", "matchLabels", "app.kubernetes.io/version", value="1"),
        "spec.selector changes",
    ),
    "headless": ("Service", lambda obj: put(obj, "spec", "clusterIP", value="None"), "spec.clusterIP changes"),
    "claim class": (
        "PersistentVolumeClaim",
        lambda obj: put(obj, "spec", "storageClassName", value="other"),
        "spec.storageClassName changes",
    ),
    "claim mode": (
        "PersistentVolumeClaim",
        lambda obj: put(obj, "spec", "accessModes", value=["ReadWriteOncePod"]),
        "spec.accessModes changes",
    ),
    "smaller claim": (
        "PersistentVolumeClaim",
        lambda obj: put(obj, "spec", "resources", "requests", "storage", value="1Gi"),
        "shrinks",
    ),
    "claim not kept": (
        "PersistentVolumeClaim",
        lambda obj: put(obj, "metadata", "annotations", value={}),
        "which keeps it",
    ),
    "other target": (
        "ScaledObject",
        lambda obj: put(obj, "spec", "scaleTargetRef", "name", value="other"),
        "spec.scaleTargetRef.name changes",
    ),
    "other name": ("Deployment", lambda obj: put(obj, "metadata", "name", value="other"), "vanishes"),
    "other group": ("ScaledObject", lambda obj: put(obj, "apiVersion", value="other.sh/v1"), "vanishes"),
    "namespace not kept": ("Namespace", lambda obj: put(obj, "metadata", "annotations", value={}), "which keeps it"),
    "route renamed": ("HTTPRoute", lambda obj: put(obj, "metadata", "name", value="other"), "vanishes"),
    "route elsewhere": ("HTTPRoute", lambda obj: put(obj, "spec", "parentRefs", value=[]), "spec.parentRefs changes"),
    "other ingress class": (
        "Ingress",
        lambda obj: put(obj, "spec", "ingressClassName", value="other"),
        "spec.ingressClassName changes",
    ),
    "other secret": (
        "TriggerAuthentication",
        lambda obj: put(obj, "spec", "secretTargetRef", value=[]),
        "spec.secretTargetRef changes",
    ),
    "Flux object renamed": ("Kustomization", lambda obj: put(obj, "metadata", "name", value="other"), "vanishes"),
    "Flux folder moved": ("Kustomization", lambda obj: put(obj, "spec", "path", value="./other"), "spec.path changes"),
    "release renamed": (
        "HelmRelease",
        lambda obj: put(obj, "spec", "releaseName", value="other"),
        "spec.releaseName changes",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_seen(name: str) -> None:
    kind, change, message = FAULTS[name]
    old = next(found for found in load("0.1.0").values() if any(obj["kind"] == kind for obj in found))
    new = copy.deepcopy(old)
    change(next(obj for obj in new if obj["kind"] == kind))
    found = breaks(old, new)
    assert found
    assert all(each.startswith(f"{kind}/") and each.endswith(message) for each in found)


def job(image: str, name: str = "download") -> Object:
    template = {"spec": {"containers": [{"name": "main", "image": image}], "restartPolicy": "Never"}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template}}


def test_a_job_is_replaced_and_not_changed() -> None:
    assert breaks([job("a")], [job("b")]) == ["Job/download: spec.template changes"]
    assert breaks([job("a", "download-1")], [job("b", "download-2")]) == []


def test_a_claim_may_grow() -> None:
    old = next(obj for obj in load("0.1.0")["a10"] if obj["kind"] == "PersistentVolumeClaim")
    new = copy.deepcopy(old)
    put(new, "spec", "resources", "requests", "storage", value="9Ti")
    assert breaks([old], [new]) == []
