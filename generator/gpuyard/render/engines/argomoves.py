"""Another name of a stack whose clusters Argo CD syncs, or another engine in its place: what keeps everything."""

import json
from collections.abc import Iterable, Iterator, Sequence

from gpuyard import tree
from gpuyard.catalogue.platform import Release
from gpuyard.project.stack import Engine, Stack
from gpuyard.render.engines.argoapps import CLUSTER, PART_OF, RETRY, named, roots

__all__ = ["adopt", "bare", "forget", "give", "managers", "remove", "rename_danger", "stop", "suspend"]

_KUBECTL = f"--namespace {Engine.ARGOCD.namespace}"
_STOP = """'{"spec":{"syncPolicy":{"automated":{"enabled":false}}}}'"""
_BY = "gpuyard-handover"
_OPERATION = {"initiatedBy": {"username": _BY}, "retry": RETRY, "sync": {"syncOptions": ["ServerSideApply=true"]}}
_SYNC = f"""'{json.dumps({"operation": _OPERATION}, separators=(",", ":"))}'"""
"""Tried again like Argo CD's own, so that a busy API server does not leave everybody waiting for a sync that failed."""
_OTHERS = """{range .items[*]}{.metadata.name}={.status.operationState.operation.initiatedBy.username}{"\\n"}{end}"""
_DONE = ("jsonpath='{.status.operationState.phase}'=Succeeded", "jsonpath='{.status.sync.status}'=Synced")
"""What shows that this sync is over, and that nothing is left."""
_OBJECT = (
    '---{{"\\n"}}{apiVersion: {{with .group}}{{.}}/{{end}}{{.version}}, kind: {{.kind}}, metadata: '
    '{name: {{.name}}{{with .namespace}}, namespace: {{.}}{{end}}}}{{"\\n"}}'
)
"""One of an Application's resources, without a single field."""
_KEEP = """'{"metadata":{"finalizers":null}}'"""


def suspend(old: str, context: str) -> Iterator[str]:
    """First what would undo it, the set of a hub; then all at once, among them the one that holds the others."""
    yield f"{_KUBECTL} delete applicationset {old} --cascade=orphan --ignore-not-found"
    yield f"{_each('applications', old, context)} patch --type merge -p {_STOP}"


def forget(old: str, context: str) -> Iterator[str]:
    """Without their finalizers, Applications leave what they applied."""
    which = f"-l {PART_OF}={old}"
    yield f"{_each('applications', old, context)} patch --type merge -p {_KEEP}"
    yield f"{_KUBECTL} delete applications {which}"
    yield f"{_KUBECTL} delete appprojects {which}"


def stop(stack: Stack, context: str) -> Iterator[str]:
    """As before another name."""
    yield from suspend(stack.name, context)


def adopt(stack: Stack, context: str) -> Iterator[str]:
    """First all Applications have to be there; what is in step already isn't applied by itself, such as definitions."""
    kubectl = f"kubectl --context {context} {_KUBECTL}"
    for root in roots(stack):
        for state in ("create", "jsonpath='{.status.operationState.phase}'=Succeeded"):
            yield f"{kubectl} wait application/{root} --timeout=10m --for={state}"
    # A sync that is asked for while another one ends is forgotten.
    listed = f"{kubectl} get applications -l {PART_OF}={stack.name} -o jsonpath='{_OTHERS}' | grep -v ={_BY}"
    asked = f"xargs -n 1 {kubectl} patch --type merge -p {_SYNC} application"
    yield f'while other=$({listed}); do echo "$other" | cut -d = -f 1 | {asked}; sleep 10; done'
    for state in _DONE:
        each = _each("applications", stack.name, context)
        yield f"kubectl --context {context} {each} wait --timeout=90m --for={state}"


def bare(stack: Stack, cluster: str) -> str:
    """Of what it has applied, but for its own Applications and for hooks."""
    ours = f'{{{{if and (eq .status "Synced") (ne .kind "Application")}}}}{_OBJECT}{{{{end}}}}'
    found = f"{{{{range .items}}}}{{{{range .status.resources}}}}{ours}{{{{end}}}}{{{{end}}}}"
    return f"{_KUBECTL} get applications -l {PART_OF}={stack.name},{CLUSTER}={cluster} -o go-template='{found}'"


def give(stack: Stack, cluster: str, releases: Iterable[Release]) -> Iterator[str]:
    """Helm takes over only what carries its marks: they are given to what Argo CD has made of each chart."""
    for release in releases:
        application = named(stack, cluster, tree.PLATFORM, release.chart)
        template = f"{{{{range .status.resources}}}}{_OBJECT}{{{{end}}}}"
        found = (
            f"kubectl --context {stack.argocd.hub or cluster} {_KUBECTL} get application {application} "
            f"-o go-template='{template}' | kubectl --context {cluster}"
        )
        names = f"meta.helm.sh/release-name={release.chart} meta.helm.sh/release-namespace={release.namespace}"
        yield f"{found} label --overwrite -f - app.kubernetes.io/managed-by=Helm"
        yield f"{found} annotate --overwrite -f - {names}"


def managers() -> Sequence[str]:
    """One for all that it applies."""
    return ("argocd-controller",)


def remove(stack: Stack, context: str) -> Iterator[str]:
    """Without their finalizers, Applications leave what they applied."""
    yield from forget(stack.name, context)


def _each(kind: str, stack: str, context: str) -> str:
    """A patch is of one object by its name, and of none by a label."""
    return f"{_KUBECTL} get {kind} -l {PART_OF}={stack} -o name | xargs -r -n 1 kubectl --context {context} {_KUBECTL}"


def rename_danger(old: str) -> str:
    """Read in Argo CD's source, and not tried."""
    return (
        f"Argo CD deletes what is no longer in the repository: the Application {old} would delete all others of the "
        "stack, and each of them all that it has applied, every model, KEDA and Prometheus. With the commands below "
        "all of it stays; only the pods are replaced once, since a label of theirs is the stack's name, and downloads "
        "look at the cache again"
    )
