"""Each documented key, changed once: the diff says what it changes in the clusters, in all its forms, and no more."""

from collections.abc import Mapping
from functools import cache

import pytest

from gpuyard.cli.difftext import as_text
from gpuyard.pipeline import Compiled
from gpuyard.review.diff import Diff
from gpuyard.review.diffdata import as_data
from gpuyard.review.diffmarkdown import markdown
from gpuyard.review.fields import What
from tests.projects import BLUEPRINT, STACK, Values, with_unsafe
from tests.reviewing import built, compared, running
from tests.test_blueprint_fields import BLUEPRINT_KEYS, STACK_KEYS, Case, changed, files

KEYS: Mapping[tuple[str, str], Case] = {
    (kind, key): case
    for kind, table in (("blueprint", BLUEPRINT_KEYS), ("stack", STACK_KEYS))
    for key, case in table.items()
    if not (case.refused or case.built or case.noted)
}
_READ = ("clusters/", "platform/")
"""What every cluster of these stacks reads; overlays are of all shapes."""
_SYNCED = ("Application", "Kustomization")
_OTHERS_SYNC = {
    "metadata.name",
    "spec.argocd.hub",
    "spec.clusters[].platform",  # without Prometheus, the layer of its definitions goes
    "spec.platform.prometheus.enabled",
    "spec.clusters[].name",
    "spec.engine",
    "spec.names",
    "spec.repository.oci.url",
    "spec.repository.source",
}
"""Keys by which what an engine syncs has another name, or is no longer there."""
DANGERS = {
    ("stack", "spec.names"): "renamed",
    ("stack", "spec.repository.url"): "source-moved",
    ("stack", "spec.repository.branch"): "source-moved",
    ("stack", "spec.repository.source"): "source-moved",
    ("stack", "spec.repository.oci.url"): "source-moved",
    ("stack", "spec.repository.oci.tag"): "source-moved",
    ("stack", "spec.repository.oci.insecure"): "source-moved",
    ("stack", "spec.repository.oci.verify.identity"): "source-moved",
    ("stack", "spec.platform.registry"): "source-moved",
    ("stack", "spec.platform.insecure"): "source-moved",
    ("stack", "spec.platform.keda.enabled"): "chart-removed",
    ("stack", "spec.platform.prometheus.enabled"): "chart-removed",
    ("stack", "spec.platform.prometheus.insecure"): "security-loosened",
    ("stack", "spec.gateway.name"): "host-exposed",
    ("stack", "spec.ingress.className"): "host-exposed",
    ("stack", "spec.clusters[].blueprints.*.host"): "host-exposed",
    ("stack", "spec.network.clients[]"): "network-opened",
    ("stack", "spec.network.egress[].cidr"): "network-opened",
    ("stack", "spec.storage.fss"): "pvc-class",
    ("stack", "spec.clusters[].storage"): "pvc-class",
    ("stack", "spec.vllm.version"): "downtime",
    ("blueprint", "spec.expose.host"): "host-exposed",
    ("blueprint", "spec.clientNamespaces"): "network-opened",
    ("blueprint", "spec.serving.contextLength"): "downtime",
}
CALM = {
    ("stack", "spec.flux.serviceAccount"),
    ("stack", "spec.flux.verifySecret"),
    ("stack", "spec.policy.maxGpus"),
    ("stack", "spec.alerts.labels.*"),
    ("stack", "spec.platform.keda.version"),
    ("stack", "spec.platform.prometheus.version"),
    ("stack", "spec.platform.prometheus.retention"),
    ("blueprint", "spec.scaling.max"),
    ("blueprint", "spec.storage.cache.size"),
}


@cache
def _built(sources: tuple[tuple[str, bytes], ...], before: tuple[tuple[str, bytes], ...] = ()) -> Compiled:
    return built(dict(sources), before=running(_built(before)) if before else None)


@cache
def found_of(kind: str, key: str) -> Diff:
    case = KEYS[kind, key]
    blueprint = changed(BLUEPRINT, case.before if kind == "blueprint" else case.blueprint)
    stack = changed(STACK, case.before if kind == "stack" else case.stack)
    new: tuple[Values, Values] = (
        (changed(blueprint, case.after), stack) if kind == "blueprint" else (blueprint, changed(stack, case.after))
    )
    before, after = (
        tuple(files(with_unsafe(each, flags=True), around).items()) for each, around in ((blueprint, stack), new)
    )
    return compared(_built(before), _built(after, before))


@pytest.mark.parametrize(("kind", "key"), KEYS)
def test_a_key_is_told_in_every_form(kind: str, key: str) -> None:
    found = found_of(kind, key)
    assert found.unread == ()
    assert found.groups or not any(file.startswith(_READ) for file in found.files)
    assert found.files or found.empty
    data, page, words = as_data(found), markdown(found, 1 << 24), "\n".join(as_text(found))
    names = {change["name"] for group in data["objects"] for change in group["changes"]}
    rules = {each["id"] for each in data["dangers"]}
    assert {each for each in names | rules if each not in page} == set()
    assert {each for each in names | rules if each not in words} == set()
    assert (data["danger"], data["changed"]) == (found.dangerous, not found.empty)


@pytest.mark.parametrize(("kind", "key"), [each for each in KEYS if each[1] not in _OTHERS_SYNC])
def test_what_an_engine_syncs_stays_where_it_is(kind: str, key: str) -> None:
    """It is changed in place, in whichever file it then stands; what an engine no longer finds it deletes."""
    gone = {
        str(change.identity)
        for group in found_of(kind, key).groups
        for change in group.changes
        if change.what is What.REMOVED and change.identity.kind in _SYNCED and "-weights" not in change.identity.name
    }
    assert gone == set()


@pytest.mark.parametrize(("kind", "key"), DANGERS)
def test_a_key_that_is_dangerous_to_change(kind: str, key: str) -> None:
    assert DANGERS[kind, key] in {each.rule.id for each in found_of(kind, key).dangers}


@pytest.mark.parametrize(("kind", "key"), sorted(CALM))
def test_a_key_that_is_not(kind: str, key: str) -> None:
    assert found_of(kind, key).dangers == ()
