"""A cluster that somebody else made, from the first command to the last.

Pools join it, and its engine follows the stack; killed at any request, the next run goes on; and it stays with what it
had when all of that is taken away.
"""

import base64
import json
import os
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gpuyard.cli.main import cli
from gpuyard.doors import yamlio
from gpuyard.doors.oci import cloud as door
from tests.fakecluster import FakeCluster
from tests.fakekubernetes import serving
from tests.gittools import git
from tests.oci.faults import How
from tests.oci.fixture import running
from tests.oci.site import Site, built, finished
from tests.ociruns import SPEC, kinds, stack
from tests.projects import merged, sources

REGION, SHAPE = "us-phoenix-1", "VM.GPU.A10.2"
SSH = {"url": "ssh://git@github.com/acme/gitops", "secret": "git"}
ENGINES = {"flux": ("flux-system", "Kustomization"), "argocd": ("argocd", "Application")}
WRITES = ("POST", "PUT", "PATCH", "DELETE")
NO_WRITES = ("create_kubeconfig", "create_compute_capacity_report")
"""Operations that are POSTs and change nothing."""


class Yard:
    """The cloud with their cluster, its API server, and a repository with the stack."""

    def __init__(self, site: Site, api: FakeCluster, folder: Path) -> None:
        self.site, self.cloud, self.api = site, site.cloud, api
        self.where, self.token = folder / "gitops", folder / "hf-token"
        self.token.write_text("hf_given", encoding="utf-8")

    def write(self, engine: str) -> None:
        cluster = {"oci": {"cluster": self.site.cluster}, "kubernetes": "1.35"}
        spec = merged(stack(None, cluster), {"engine": engine, "repository": SSH, "oci": {"bucket": None}})
        for name, data in sources(SPEC, spec).items():
            (self.where / name).parent.mkdir(parents=True, exist_ok=True)
            (self.where / name).write_bytes(data)
        git(self.where, "init", "--quiet", "--initial-branch", "main")
        git(self.where, "add", "--all")
        git(self.where, "commit", "--quiet", "--message", "first")

    def run(self, command: str, *arguments: str) -> Result:
        own = ("--yes",) if command in ("apply", "destroy") else ()
        if command in ("apply", "plan"):
            own += ("--secret", f"inference/hf-token/token={self.token}")
        own += ("--wait", "2") if command == "apply" else ()
        return CliRunner().invoke(cli, ["bootstrap", command, str(self.where), *arguments, *own])

    def apply(self) -> Result:
        found = self.run("apply")
        assert found.exit_code == 0, found.output
        return found

    def theirs(self) -> list[dict[str, Any]]:
        """Their cluster, their node pools, their network."""
        made = ("cluster", "node_pool", "vcn", "subnet", "route_table", "internet_gateway", "network_security_group")
        found = [each.has for kind in made for each in self.cloud.all(kind)]
        return deepcopy([each for each in found if each["freeformTags"].get("managed-by") != "gpuyard"])

    def written(self, since: int) -> list[str]:
        """Operations that change something."""
        rows = self.cloud.log[since:]
        return [each.operation for each in rows if each.method in WRITES and each.operation not in NO_WRITES]


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    with running(home=REGION, pace=0, lag=0) as cloud, serving(tmp_path, FakeCluster()) as api:
        site = built(cloud)
        engine = cloud.client("container_engine", REGION)
        source = {"sourceType": "IMAGE", "imageId": site.image("8.10-2026")}
        shape = {"node_shape": "VM.Standard.E5.Flex", "node_shape_config": {"ocpus": 2.0, "memoryInGBs": 16.0}}
        finished(engine, engine.create_node_pool(site.pool(name="theirs", node_source_details=source, **shape)))
        cloud.kubernetes = {"server": api.url, "ca": base64.b64encode(api.authority).decode()}
        for key, value in cloud.environment(tmp_path / "oci").items():
            monkeypatch.setenv(key, value)
        monkeypatch.setattr(door, "delay", lambda _: 0.0)
        monkeypatch.setattr(door.Cloud, "pause", lambda *_: None)
        theirs = {"kind": "Deployment", "metadata": {"name": "shop", "namespace": "default"}, "spec": {}}
        api.put("/apis/apps/v1/namespaces/default/deployments/shop", {"apiVersion": "apps/v1", **theirs})
        yield Yard(site, api, tmp_path)


@pytest.mark.parametrize("engine", ENGINES)
def test_joined_handed_over_idle_and_left_as_it_was(yard: Yard, engine: str) -> None:
    yard.write(engine)
    space, entry = ENGINES[engine]
    before, cluster = yard.theirs(), yard.site.cluster
    assert yard.run("plan").exit_code == 2

    said = yard.apply()
    made = {name for _, name in kinds(yard.cloud) if name}
    assert made == {"compartment", "repository/vllm/vllm-openai", *(f"phx/pool-{SHAPE}-ad{n}" for n in (1, 2, 3))}
    assert sum(each.has["nodeConfigDetails"]["size"] for each in yard.cloud.all("node_pool")) == 2
    (facts,) = yamlio.parse_manifests((yard.where / "clusters/phx/oci.yaml").read_text(encoding="utf-8"))
    assert (facts["metadata"]["namespace"], facts["data"]["cluster"]) == (space, cluster)
    assert git(yard.where, "status", "--porcelain").strip() == ""
    assert {"hf-token", "git"} <= set(yard.api.named("Secret"))
    assert yard.api.named(entry) == ["demo"]
    assert "let this key read ssh://git@github.com/acme/gitops" in said.stderr
    assert "PRIVATE KEY" not in said.output
    tokens = {each for each in yard.api.tokens if each}
    assert tokens, "the API server is asked with a token of the login"

    since, head, wrote = len(yard.cloud.log), git(yard.where, "rev-parse", "HEAD"), list(yard.api.writes)
    assert yard.apply().stdout.splitlines()[-1] == "up to date"
    assert yard.run("plan").exit_code == 0
    assert (yard.written(since), git(yard.where, "rev-parse", "HEAD"), yard.api.writes) == ([], head, wrote)
    assert yard.theirs() == before

    inside = deepcopy(yard.api.objects)
    gone = yard.run("destroy", "--delete-data")
    assert gone.exit_code == 0, gone.output
    assert "stays: phx/cluster" in gone.stdout
    assert yard.theirs() == before
    assert yard.api.objects == inside, "its engine, and what that applied, stay in it"
    assert not {name for _, name in kinds(yard.cloud) if name}


def test_a_cluster_that_cannot_be_reached_is_said_and_what_was_made_stays(yard: Yard) -> None:
    yard.write("flux")
    before, server = yard.theirs(), yard.cloud.kubernetes["server"]
    yard.cloud.kubernetes["server"] = "https://127.0.0.1:1"
    way = "run it inside of the VCN, through a tunnel with --kubeconfig, or let your address in by oci.api"
    planned = yard.run("plan")
    (note,) = [line for line in planned.stdout.splitlines() if line.startswith("note: phx: could not be asked: ")]
    assert (planned.exit_code, way in note) == (2, True)
    died = yard.run("apply")
    assert died.exit_code == 75, died.output
    assert "not handed over yet; run the same command again:" in died.stderr
    assert way in died.stderr
    assert "Traceback" not in died.output
    assert sum(kind == "node_pool" for kind, name in kinds(yard.cloud) if name) == 3
    yard.cloud.kubernetes["server"] = server
    _whole(yard, before)


EVERY = os.environ.get("GPUYARD_CRASH") == "all"
REQUESTS = 90
"""More than an apply makes."""
KILLS = ("create_compartment", "create_node_pool", "update_node_pool", "create_kubeconfig")
"""Operations after which a run is killed in `make test`."""


@pytest.mark.parametrize("after", range(1, REQUESTS) if EVERY else KILLS)
def test_killed_after_a_request_to_the_cloud_the_next_run_goes_on(yard: Yard, after: str | int) -> None:
    yard.write("flux")
    before = yard.theirs()
    where: dict[str, Any] = {"at": len(yard.cloud.log) + after} if isinstance(after, int) else {"operation": after}
    yard.cloud.script.fail(**where, how=How.KILL_AFTER)
    died = yard.run("apply")
    assert yard.cloud.script.dead or EVERY, "it was not killed"
    assert "Traceback" not in died.output
    yard.cloud.script.revive()
    _whole(yard, before)


INSIDE = 60
"""More requests than there are in a hand-over before the engine's objects are written."""


@pytest.mark.parametrize("number", range(1, INSIDE) if EVERY else (1, 12, 40))
def test_killed_after_a_request_to_the_cluster_the_next_run_goes_on(yard: Yard, number: int) -> None:
    yard.write("flux")
    before = yard.theirs()
    yard.api.dies_after = number
    died = yard.run("apply")
    assert died.exit_code == 75, died.output
    assert "not handed over yet; run the same command again:" in died.stderr
    yard.api.revive()
    _whole(yard, before)


def _whole(yard: Yard, before: list[dict[str, Any]]) -> None:
    """One of each, all of it handed over, and nothing left to do; theirs is untouched."""
    yard.apply()
    assert {count for (_, name), count in kinds(yard.cloud).items() if name} == {1}
    assert yard.api.named("Kustomization") == ["demo"]
    assert yard.theirs() == before
    found = yard.run("plan", "--output", "json")
    assert found.exit_code == 0, found.output
    assert {each["action"] for each in json.loads(found.stdout)["changes"]} == {"keep"}
    assert len(git(yard.where, "log", "--format=%s").splitlines()) <= 3, "the facts are committed once"
