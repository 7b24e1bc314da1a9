"""A registry with a login: Flux pulls a platform chart from it as gpuyard's README says, and digests are asked for."""

import base64
import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpuyard.catalogue.platform import Release
from gpuyard.doors import registry as door
from gpuyard.errors import ToolError
from gpuyard.render.engines import flux
from gpuyard.render.required import required
from gpuyard.resolve import Resolved
from tests.cluster import registry
from tests.cluster.addresses import PRIVATE_REGISTRY_HOST
from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.conditions import condition
from tests.projects import resolved

CHART = "prometheus-operator-crds"  # a chart of definitions alone: nothing waits for images
MIRROR = {"registry": registry.PRIVATE_CHARTS, "insecure": True, "registrySecret": "mirror"}


@pytest.fixture
def stack(namespace: str) -> Resolved:
    """A stack whose charts come from the registry; this one goes to a namespace of the test's own."""
    found = resolved({}, {"platform": MIRROR})
    (release,) = (each for each in found.releases if each.chart == CHART)
    return replace(found, releases=(replace(release, namespace=namespace),))


def source(stack: Resolved) -> tuple[Object, str]:
    """The chart's source, and how it is called."""
    release: Release = stack.releases[0]
    found = next(each for each in flux.release(release) if each["kind"] == "OCIRepository")
    return found, f"ocirepository/{CHART} -n {release.namespace}"


def docker_config(folder: Path, password: str) -> Path:
    auth = base64.b64encode(f"{registry.USER}:{password}".encode()).decode()
    file = folder / "config.json"
    file.write_text(json.dumps({"auths": {PRIVATE_REGISTRY_HOST: {"auth": auth}}}))
    return file


def create(cluster: Cluster, stack: Resolved, file: Path) -> None:
    """The Secret, by the command that the README has."""
    (needed,) = (each for each in required(stack, "phx") if each.name == "mirror")
    arguments = [part.replace("FILE", str(file)) for part in shlex.split(needed.command)]
    cluster.kubectl(*arguments)


def failing(words: str) -> Callable[[Object | None], bool]:
    def check(item: Object | None) -> bool:
        """Not ready, and it says so."""
        ready: dict[str, Any] = condition(item or {}, "Ready")
        return ready.get("status") == "False" and words in ready.get("message", "")

    return check


def test_flux_pulls_a_chart_with_the_login_and_says_what_is_wrong_without(
    cluster: Cluster, stack: Resolved, tmp_path: Path
) -> None:
    repository, named = source(stack)
    cluster.apply(repository)
    seen = cluster.wait(named, failing("mirror"), within=60)
    assert "not found" in condition(seen, "Ready")["message"]

    create(cluster, stack, docker_config(tmp_path, "wrong"))
    cluster.reconcile(named)
    cluster.wait(named, failing("UNAUTHORIZED"), within=60)

    cluster.delete(f"secret/mirror -n {stack.releases[0].namespace}", within=10)
    create(cluster, stack, docker_config(tmp_path, registry.PASSWORD))
    cluster.reconcile(named)
    pulled = cluster.wait(named, within=60)
    assert pulled["status"]["artifact"]["revision"].startswith(f"{stack.releases[0].version}@sha256:")


def test_digests_are_those_that_who_is_logged_in_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    name, plain = f"{PRIVATE_REGISTRY_HOST}/charts/{CHART}", (PRIVATE_REGISTRY_HOST,)
    version = next(each.version for each in resolved({}).releases if each.chart == CHART)
    with pytest.raises(ToolError, match="requires a login, and there is none"):
        door.digest(name, version, plain=plain)
    docker_config(tmp_path, "wrong")
    with pytest.raises(ToolError, match="refused the login from"):
        door.digest(name, version, plain=plain)
    docker_config(tmp_path, registry.PASSWORD)
    public = registry.CHARTS.removeprefix("oci://")
    found = door.digest(name, version, plain=plain)
    assert found == door.digest(f"{public}/{CHART}", version, plain=(public.partition("/")[0],))


def test_flux_knows_every_reference_of_its_sources(cluster: Cluster, namespace: str) -> None:
    """Authorities, proxies and logins: what a kind does not have, the API server would leave out with a warning."""
    site = {"ca": {"secret": "corp-ca"}, "proxy": {"https": "http://10.0.7.9:3128", "secret": "proxy"}}
    for platform in ({}, {"registry": "oci://registry.example.org/charts", "registrySecret": "mirror"}):
        found = resolved({}, {"network": site, "platform": platform})
        releases = [replace(each, namespace=namespace) for each in found.releases]
        sources = [each for release in releases for each in flux.release(release) if each["kind"] != "HelmRelease"]
        sources += flux.cluster(found, "phx")["sync.yaml"][:1]
        assert cluster.apply(sources, dry_run=True) == []
        text = json.dumps(sources)
        assert all(key in text for key in ("certSecretRef", "proxySecretRef", *(["secretRef"] if platform else [])))
