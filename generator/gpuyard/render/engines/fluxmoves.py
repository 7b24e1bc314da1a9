"""Another name of a stack whose clusters Flux syncs, or another engine in its place: what keeps everything."""

from collections.abc import Iterable, Iterator, Sequence

from gpuyard.catalogue.platform import Release, catalogue
from gpuyard.project.stack import Engine, Stack
from gpuyard.render import fluxsources

__all__ = ["adopt", "bare", "forget", "give", "managers", "remove", "rename_danger", "stop", "suspend"]

_NAMESPACE = Engine.FLUX.namespace
_KUBECTL = f"--namespace {_NAMESPACE}"
_SOURCES = "gitrepository,ocirepository"
"""What it may read the repository by."""
_SUSPEND = """'{"spec":{"suspend":true}}'"""
_ORPHAN = """'{"spec":{"suspend":true,"deletionPolicy":"Orphan"}}'"""


def suspend(old: str, context: str) -> Iterator[str]:
    """The old entry must not see the new tree, in which it isn't: it would prune itself, and all that it applied."""
    yield f"{_KUBECTL} patch kustomization {old} --type merge -p {_SUSPEND}"


def forget(old: str, context: str) -> Iterator[str]:
    """By the source that they read: what has kept its name reads the new one since the new entry was applied."""
    found, each = _kustomizations(old), f"xargs -r kubectl --context {context} {_KUBECTL}"
    yield f"{found} | {each} patch --type merge -p {_ORPHAN} kustomization"
    yield f"{found} | {each} delete kustomization"
    yield f"{_KUBECTL} delete {_SOURCES} {old} --ignore-not-found"


def rename_danger(old: str) -> str:
    """Measured on Flux 2.9, before the entry was protected."""
    return (
        f"Flux deletes what is no longer in the repository: with its entry {old} it would delete all that the entry "
        "has applied, every model, KEDA and Prometheus, within seconds. With the commands below all of it stays; only "
        "the pods are replaced once, since a label of theirs is the stack's name, and downloads look at the cache again"
    )


def stop(stack: Stack, context: str) -> Iterator[str]:
    """The source and the entry first, which would set the others going again."""
    source = stack.name
    yield f"{_KUBECTL} patch {fluxsources.kind(stack).lower()} {source} --type merge -p {_SUSPEND}"
    yield from suspend(source, context)
    each = f"xargs -r -n 1 kubectl --context {context} {_KUBECTL}"
    yield f"{_kustomizations(source)} | {each} patch --type merge -p {_SUSPEND} kustomization"
    for namespace, chart in _charts(stack):
        yield f"--namespace {namespace} patch helmrelease {chart} --type merge -p {_SUSPEND}"


def adopt(stack: Stack, context: str) -> Iterator[str]:
    """A Kustomization applies all of it at every reconciliation."""
    kubectl, now = f"kubectl --context {context} {_KUBECTL}", 'reconcile.fluxcd.io/requestedAt="$(date +%s)"'
    source = fluxsources.kind(stack).lower()
    yield f"{kubectl} annotate --overwrite {source}/{stack.name} kustomization/{stack.name} {now}"
    found = f"kubectl --context {context} {_kustomizations(stack.name)}"
    yield f"{found} | xargs -r -n 1 {kubectl} wait --for=condition=Ready --timeout=90m kustomization"


def bare(stack: Stack, cluster: str) -> str:
    """By its labels, of every kind that there is."""
    label = "kustomize.toolkit.fluxcd.io/namespace"
    each = (
        '{{range .items}}---{{"\\n"}}{apiVersion: {{.apiVersion}}, kind: {{.kind}}, metadata: {name: {{.metadata.name}}'
        '{{with .metadata.namespace}}, namespace: {{.}}{{end}}}}{{"\\n"}}{{end}}'
    )
    listed = f"get --all-namespaces --ignore-not-found -l {label}={_NAMESPACE} -o go-template='{each}'"
    return f"api-resources --verbs=list,patch -o name | xargs -n 1 kubectl --context {cluster} {listed}"


def give(stack: Stack, cluster: str, releases: Iterable[Release]) -> Iterator[str]:
    """Nothing: what it made carries no mark that another engine needs."""
    return iter(())


def managers() -> Sequence[str]:
    """Each controller has its own."""
    return ("kustomize-controller", "helm-controller")


def remove(stack: Stack, context: str) -> Iterator[str]:
    """What is suspended prunes nothing when it is deleted, as long as its controllers run."""
    for namespace, chart in _charts(stack):
        yield f"--namespace {namespace} delete helmrelease {chart}"
        yield f"--namespace {namespace} delete helmrepository,ocirepository {chart} --ignore-not-found"
        yield f"--namespace {namespace} delete secret -l owner=helm,name={chart}"
    yield f"{_kustomizations(stack.name)} | xargs -r kubectl --context {context} {_KUBECTL} delete kustomization"
    yield f"{_KUBECTL} delete {_SOURCES} {stack.name} --ignore-not-found"


def _kustomizations(source: str) -> str:
    """Their names, by the source that they read."""
    theirs = f"""'{{.items[?(@.spec.sourceRef.name=="{source}")].metadata.name}}'"""
    return f"{_KUBECTL} get kustomizations -o jsonpath={theirs}"


def _charts(stack: Stack) -> Iterator[tuple[str, str]]:
    for release in catalogue():
        if stack.platform.components[release.component].enabled:
            yield release.namespace, release.chart
