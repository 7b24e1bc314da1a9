"""Another name of a stack whose clusters Argo CD syncs: what keeps everything, and what would happen without it."""

from collections.abc import Iterator

from gpuyard.project.stack import Engine
from gpuyard.render.engines.argoapps import PART_OF

__all__ = ["forget", "rename_danger", "suspend"]

_KUBECTL = f"--namespace {Engine.ARGOCD.namespace}"
_STOP = """'{"spec":{"syncPolicy":{"automated":{"enabled":false}}}}'"""
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


def _each(kind: str, stack: str, context: str) -> str:
    """kubectl patches one object by its name, and none by a label."""
    return f"{_KUBECTL} get {kind} -l {PART_OF}={stack} -o name | xargs -r -n 1 kubectl --context {context} {_KUBECTL}"


def rename_danger(old: str) -> str:
    """Read in Argo CD's source, and not tried."""
    return (
        f"Argo CD deletes what is no longer in the repository: the Application {old} would delete all others of the "
        "stack, and each of them all that it has applied, every model, KEDA and Prometheus. With the commands below "
        "all of it stays; only the pods are replaced once, since a label of theirs is the stack's name, and downloads "
        "look at the cache again"
    )
