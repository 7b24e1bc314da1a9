"""A stack that gets another name on a real Flux: refused, moved by the commands that it is told, and the danger."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest
import yaml

from tests.cluster.cluster import Cluster
from tests.cluster.flux import kubectl_program
from tests.cluster.repository import Repository
from tests.cluster.state import State
from tests.e2e.gitops import CLUSTER, Gitops
from tests.e2e.scaler import Scaler
from tests.e2e.test_gitops import BLUEPRINTS, FLUX, KINDS, Record, arrive, remove

PLATFORM = ("deployment", "service", "helmrelease", "ocirepository", "helmrepository", "prometheus", "daemonset")
KEPT = tuple(kind for kind in KINDS if kind != "job")
NAME = "metadata:\n  name: {}\n"


@pytest.fixture(scope="module")
def gitops(cluster: Cluster, world: State) -> Iterator[Gitops]:
    yield from started(cluster, world)


def started(cluster: Cluster, world: State) -> Iterator[Gitops]:
    """Compiled, pushed and applied to an empty cluster."""
    if cluster.objects("kustomization.kustomize.toolkit.fluxcd.io", namespace="flux-system"):
        remove(cluster)
    scaler, gitops = Scaler(cluster), Gitops(Repository(world, f"renamed-{uuid4().hex[:6]}"))
    scaler.start()
    cluster.kubectl("apply", "-f", str(gitops.entry))
    try:
        arrive(cluster, gitops.repo.revision, *names("demo"), within=180)
        yield gitops
    finally:
        scaler.stop()
        remove(cluster)


def names(stack: str) -> list[str]:
    layers = [f"{stack}-platform-{layer}" for layer in ("crds", "controllers", "configs")]
    models = [f"{stack}-inference-{name}{part}" for name in BLUEPRINTS for part in ("", "-weights")]
    return [stack, *layers, *models]


def uids(cluster: Cluster) -> dict[str, str]:
    """Every object of the models and of the platform, but for what has the stack's name.

    Pods have it as a label: servers are replaced one after the other, and Jobs, which can't change, are made again.
    """
    found = {}
    for namespace, kinds in (("inference", KEPT), ("keda", PLATFORM), ("monitoring", PLATFORM)):
        for kind in kinds:
            for item in cluster.objects(kind, namespace=namespace):
                found[f"{namespace}/{kind}/{item['metadata']['name']}"] = item["metadata"]["uid"]
    kept = {name: uid for name, uid in found.items() if not name.endswith("-alerts")}
    assert {"keda/helmrelease/keda", "inference/deployment/chat"} <= kept.keys()
    return kept


def gpuyard(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "gpuyard", *arguments], capture_output=True, text=True, check=False)


def refusal(gitops: Gitops, old: str, new: str) -> str:
    """What is said of the new name, which is committed."""
    text = gitops.read("stack.yaml")
    assert NAME.format(old) in text
    gitops.repo.commit({"stack.yaml": text.replace(NAME.format(old), NAME.format(new))}, f"Call it {new}")
    results = [gpuyard(*command, str(gitops.root)) for command in (("check",), ("compile", "--check"), ("compile",))]
    assert {result.returncode for result in results} == {65}, results
    said = [[line for line in result.stderr.splitlines() if line.startswith("stack.yaml:")] for result in results]
    assert said[0] == said[1] == said[2]
    return "\n".join(said[0])


def confirmed(gitops: Gitops, old: str) -> str:
    """Compiled with the author's word."""
    text = re.sub(r"\n  moved: .*", "", gitops.read("stack.yaml").rstrip())
    return gitops.write("stack.yaml", f"{text}\n  moved: {{name: {old}}}\n")


def shell(cluster: Cluster, gitops: Gitops, commands: list[str]) -> None:
    """As an administrator pastes them; kubectl is the world's, which has one cluster."""
    tools = cluster.state.root / "tools"
    tools.mkdir(exist_ok=True)
    script = f'#!/bin/sh\n[ "$1" = --context ] && shift 2\nexec {kubectl_program()} "$@"\n'
    (tools / "kubectl").write_text(script, encoding="utf-8")
    (tools / "kubectl").chmod(0o755)
    env = {
        **os.environ,
        "KUBECONFIG": str(cluster.state.kubeconfig),
        "PATH": os.pathsep.join([str(tools), os.environ["PATH"]]),
    }
    for command in commands:
        done = subprocess.run(
            ["sh", "-c", command], cwd=gitops.root, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def steps(message: str) -> tuple[list[str], list[str]]:
    """The commands before the push, and after it."""
    first, second = (
        [
            command
            for line in message.splitlines()
            if f"): {when} the push, in {CLUSTER}" in line
            for command in re.findall(r"`(kubectl [^`]+)`", line)
        ]
        for when in ("before", "after")
    )
    assert first
    assert len(second) > 2
    return first, second


def gone(cluster: Cluster, stack: str) -> None:
    for kind in ("kustomization", "gitrepository"):
        cluster.wait(f"{kind}/{stack} {FLUX}", "deleted", within=60)


def settle(cluster: Cluster, gitops: Gitops, stack: str) -> None:
    """Every Kustomization has looked at the newest commit once more."""
    cluster.reconcile(f"gitrepository/{stack} {FLUX}")
    arrive(cluster, gitops.repo.revision, *names(stack), within=180)
    for name in names(stack):
        cluster.reconcile(f"kustomization/{name} {FLUX}", within=120)


def test_a_rename_is_refused_and_its_commands_keep_everything(cluster: Cluster, gitops: Gitops) -> None:
    before = uids(cluster)
    first, second = steps(refusal(gitops, "demo", "acme"))
    shell(cluster, gitops, first)
    confirmed(gitops, "demo")
    shell(cluster, gitops, second)
    settle(cluster, gitops, "acme")
    gone(cluster, "demo")
    assert uids(cluster) == before
    assert gpuyard("compile", "--check", str(gitops.root)).returncode == 0


def test_without_the_commands_the_entry_stays_and_all_comes_back(cluster: Cluster, gitops: Gitops) -> None:
    """As the refusal warns: the old entry deletes Kustomizations that it made, and they may delete what they hold."""
    before = uids(cluster)
    _, second = steps(refusal(gitops, "acme", "other"))
    confirmed(gitops, "acme")
    cluster.reconcile(f"gitrepository/acme {FLUX}")
    arrive(cluster, gitops.repo.revision, "other", within=60)
    settle(cluster, gitops, "other")
    assert cluster.exists(f"kustomization/acme {FLUX}")
    shell(cluster, gitops, second)
    settle(cluster, gitops, "other")
    gone(cluster, "acme")
    assert uids(cluster).keys() == before.keys()


def unprotected(gitops: Gitops) -> dict[str, str | None]:
    """The entry as it was before."""
    sync = f"clusters/{CLUSTER}/sync.yaml"
    header, text = gitops.read(sync).split("\n", 1)  # without the first line it would not be gpuyard's any more
    objects = list(yaml.safe_load_all(text))
    for each in objects:
        assert each["metadata"].pop("annotations") == {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
    return {sync: f"{header}\n{yaml.safe_dump_all(objects)}"}


def test_what_the_annotation_prevents(cluster: Cluster, gitops: Gitops, record_property: Record) -> None:
    """The same rename without it empties the cluster; the last test here, for that reason."""
    entry = f"kustomization/other {FLUX}"
    gitops.repo.commit(unprotected(gitops), "As it was")
    cluster.reconcile(f"gitrepository/other {FLUX}")
    cluster.wait(entry, f".status.lastAppliedRevision={gitops.repo.revision}", within=60)
    cluster.kubectl(
        *("annotate", "kustomization,gitrepository", "other", "-n", "flux-system"),
        "kustomize.toolkit.fluxcd.io/prune-",
    )
    refusal(gitops, "other", "last")
    text = re.sub(r"\n  moved: .*", "", gitops.read("stack.yaml").rstrip())
    gitops.repo.commit({"stack.yaml": f"{text}\n  moved: {{name: other}}\n"}, "Confirm")
    assert gpuyard("compile", "--overwrite", str(gitops.root)).returncode == 0
    gitops.repo.commit(unprotected(gitops), "As it was")
    cluster.reconcile(f"gitrepository/other {FLUX}")
    cluster.wait(entry, "deleted", within=120)
    cluster.wait("deployment/chat -n inference", "deleted", within=120)
    cluster.wait("helmrelease/keda -n keda", "deleted", within=120)
