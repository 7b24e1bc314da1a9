"""What an engine can't do with a stack: said where the stack asks for it."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from gpuyard.catalogue.argocd import facts
from gpuyard.catalogue.platform import Release
from gpuyard.project.formats import schema
from gpuyard.project.stack import Engine, Stack
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.workload import Workload
from gpuyard.tree import PLATFORM

__all__ = ["check", "check_names", "check_project"]

_ARGOCD = ("spec", "argocd")
_FLUX = {
    "serviceAccount": "service_account",
    "verifySecret": "verify_secret",
    "notifications": "notifications",
    "receiver": "receiver",
}
_OF_THE_SOURCE = ("verifySecret", "receiver", "oci")
"""What belongs to the source of others, where there is one."""
_FLUX_ACCOUNTS = ("kustomize-controller", "helm-controller", "source-controller", "notification-controller", "default")


def check(stack: Stack, problems: Problems) -> None:
    """Of the stack by itself."""
    _check_flux(stack, problems)
    if stack.engine is Engine.ARGOCD:
        _check_argocd(stack, problems)
        return
    if stack.moved and stack.moved.engine is Engine.ARGOCD:  # which the clusters have until they are handed over
        return
    default = schema("stack")["properties"]["spec"]["properties"]["argocd"]["properties"]["version"]["default"]
    for key in ("version", "hub", "project"):
        if getattr(stack.argocd, key) not in (None, default):
            problems.add(stack.file, (*_ARGOCD, key), "only applies with engine: argocd; remove it", key=True)


def check_names(stack: Stack, workloads: Iterable[Workload], problems: Problems) -> None:
    """A folder that Argo CD's blueprints have in each cluster has to be theirs alone."""
    if stack.engine is not Engine.ARGOCD:
        return
    for workload in workloads:
        if workload.name == PLATFORM and workload.first:
            message = f"clusters/<cluster>/{PLATFORM} is the platform's own with engine: argocd; give it another name"
            problems.add(workload.file, ("metadata", "name"), message)


def check_project(stack: Stack, releases: Iterable[Release], problems: Problems) -> None:
    """Whether the AppProject of others lets a cluster have what it needs."""
    project = stack.argocd.project
    if stack.engine is not Engine.ARGOCD or project is None:
        return
    needed = {Engine.ARGOCD.namespace: "the Applications", stack.namespace: "the models"}
    for release in releases:
        for namespace in (release.namespace, *release.outside_namespaces):
            needed.setdefault(namespace, f"the platform's {release.component}")
    for namespace, whose in needed.items():
        if not any(fnmatchcase(namespace, pattern) for pattern in project.namespaces):
            message = (
                f"{project.name} does not permit {namespace}, where {whose} would be: Argo CD would refuse it; "
                "permit it "
                "there and list it here, or leave project out, so that the stack has projects of its own"
            )
            problems.add(stack.file, (*_ARGOCD, "project", "namespaces"), message, key=True)


def _check_argocd(stack: Stack, problems: Problems) -> None:
    known, repository = facts(), stack.repository
    if known.too_old(stack.argocd.version):
        message = f"{stack.argocd.version} is too old; {known.oldest} or newer, because {known.because}"
        problems.add(stack.file, (*_ARGOCD, "version"), message)
    path = ("spec", "repository")
    if repository.source:
        message = "only applies with engine: flux, which has GitRepositories; remove it"
        problems.add(stack.file, (*path, "source"), message, key=True)
    if stack.network.proxy and stack.network.proxy.secret:
        message = (
            "only applies with engine: flux; Argo CD's argocd-repo-server has the proxy in its environment (the README "
            "says how); remove it"
        )
        problems.add(stack.file, ("spec", "network", "proxy", "secret"), message, key=True)
    if repository.secret and repository.secret == stack.platform.registry_secret:
        message = (
            f"{repository.secret} is the login of this repository (spec.repository.secret), and Argo CD reads one "
            "login "
            "from a Secret; give it a Secret of its own"
        )
        problems.add(stack.file, ("spec", "platform", "registrySecret"), message)


def _check_flux(stack: Stack, problems: Problems) -> None:
    given = [("spec", "flux", key) for key, name in _FLUX.items() if getattr(stack.flux, name)]
    given += [("spec", "repository", "oci")] if stack.repository.oci else []
    for path in given:
        if stack.engine is not Engine.FLUX:
            problems.add(stack.file, path, "only applies with engine: flux; remove it", key=True)
        elif stack.repository.source and path[-1] in _OF_THE_SOURCE:
            message = f"only applies without repository.source: {stack.repository.source} has its own; remove it"
            problems.add(stack.file, path, message, key=True)
    if stack.repository.oci and stack.repository.secret:
        message = "only applies to Git, and clusters read repository.oci; use oci.secret for its login, or remove oci"
        problems.add(stack.file, ("spec", "repository", "secret"), message, key=True)
    account = stack.flux.service_account
    if account in _FLUX_ACCOUNTS:
        message = f"{account} is Flux's own, which may do anything; name one that may only do what blueprints need"
        problems.add(stack.file, ("spec", "flux", "serviceAccount"), message)
