"""Argo CD as an administrator sees it: what it is given, how far it is, and how to be rid of it."""

import time
from collections.abc import Iterable, Mapping

import yaml

from tests.cluster import argocd
from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.e2e.gitops import Gitops

__all__ = ["applications", "arrive", "commands", "is_in_step", "refresh", "remove"]

ENTRY = "clusters/phx/entry.yaml"
_AGAIN = 10.0


def commands(gitops: Gitops) -> list[str]:
    """By which the README lets this cluster follow; the Secrets of the pages are for what is simulated here."""
    _, section = gitops.read("README.md").split("## A new cluster", 1)
    (block,) = [part for part in section.split("\n## ")[0].split("```")[1::2] if " apply " in part]
    return [line for line in block.strip().splitlines() if line.startswith("kubectl --context phx ")]


def remove(cluster: Cluster) -> None:
    """All that it brought; the root first, which would make the others again."""
    cluster.kubectl("delete", "application", "demo", "-n", argocd.NAMESPACE, "--timeout=60s", "--ignore-not-found")
    cluster.kubectl("delete", "application", "--all", "-n", argocd.NAMESPACE, "--timeout=180s")
    cluster.kubectl("delete", "apiservice", "v1beta1.external.metrics.k8s.io", "--ignore-not-found")
    for namespace in ("inference", "monitoring", "keda"):
        cluster.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=120s")
    # Definitions stay, and Helm takes over none that isn't its own: the cluster would not be empty for Flux.
    kinds = [each["metadata"]["name"] for each in cluster.objects("crd")]
    ours = [name for name in kinds if name.endswith(("monitoring.coreos.com", "keda.sh"))]
    cluster.kubectl("delete", "crd", *ours, "--ignore-not-found", "--timeout=120s")


def applications(cluster: Cluster) -> Mapping[str, Object]:
    found = cluster.objects("application.argoproj.io", namespace=argocd.NAMESPACE)
    return {each["metadata"]["name"]: each for each in found}


def refresh(cluster: Cluster, names: Iterable[str], asked: dict[str, float] | None = None) -> None:
    """Ask Argo CD to look at these now rather than within its period; again when they were asked ten seconds ago.

    What it is at work on is left alone: a look is a dry run of every object, and enough of them keep it from working.
    """
    found, now = applications(cluster), time.monotonic()
    asked = {} if asked is None else asked
    for name in found.keys() & set(names):
        at_work = found[name].get("status", {}).get("operationState", {}).get("phase") == "Running"
        if not at_work and now - asked.get(name, -_AGAIN) >= _AGAIN:
            change = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
            cluster.patch(f"application/{name} -n {argocd.NAMESPACE}", change)
            asked[name] = now


def is_in_step(application: Object) -> bool:
    """With a commit, and healthy if it has anything that has a health."""
    status = application.get("status", {})
    return status.get("sync", {}).get("status") == "Synced" and status.get("health", {}).get("status") in {
        "Healthy",
        None,
    }


def late(cluster: Cluster, gitops: Gitops) -> dict[str, str]:
    """Applications that are not in step with the newest commit, and how they are."""
    found = {}
    for name, each in applications(cluster).items():
        status = each.get("status", {})
        sync, health = status.get("sync", {}), status.get("health", {}).get("status", "Healthy")
        phase = status.get("operationState", {}).get("phase", "Succeeded")
        revisions = {sync.get("revision"), *sync.get("revisions", [])}
        here = "chart" in each["spec"].get("source", {}) or gitops.repo.head in revisions
        if (sync.get("status"), health, phase, here) != ("Synced", "Healthy", "Succeeded", True):
            conditions = "; ".join(item["message"][:200] for item in status.get("conditions", []))
            message = status.get("operationState", {}).get("message", "")[:200]
            found[name] = f"{sync.get('status')} {health} {phase} {here} {conditions} {message}"
    return found


def arrive(cluster: Cluster, gitops: Gitops, *, within: float) -> None:
    """Wait until every Application has all of the newest commit and is healthy; says which ones do not."""
    names = {each["metadata"]["name"] for each in entries(gitops)}
    end, asked = time.monotonic() + within, dict[str, float]()
    while time.monotonic() < end:
        missing, waiting = names - applications(cluster).keys(), late(cluster, gitops)
        if not missing and not waiting:
            return
        refresh(cluster, waiting, asked)
        time.sleep(2)
    raise AssertionError(f"missing: {names - applications(cluster).keys()}; late: {late(cluster, gitops)}")


def entries(gitops: Gitops) -> list[Object]:
    """All Applications of the repository."""
    files = [gitops.root / ENTRY, *sorted(gitops.entry.glob("platform.yaml")), *sorted(gitops.entry.glob("inf*.yaml"))]
    objects = [each for file in files for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    return [each for each in objects if each["kind"] == "Application"]
