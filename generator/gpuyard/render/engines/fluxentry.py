"""How a cluster comes to follow a stack by Flux, in words."""

import shlex

from gpuyard.doors import yamlio
from gpuyard.project.stack import Engine, Stack
from gpuyard.render import fluxsources
from gpuyard.tree import cluster

__all__ = ["way_in"]


def way_in(stack: Stack) -> str:
    """How a cluster comes to follow the stack, and the other way, in Markdown."""
    source, folder = stack.repository.source, cluster("<cluster>")
    if not source:
        return (
            f"{_pushed(stack)}The last command makes the {fluxsources.kind(stack)} and the Kustomization "
            f"`{stack.name}`, which from then on keep\n"
            f"`{folder}` in step, themselves included. If Flux reads this repository already (`flux bootstrap`),\n"
            "set `spec.repository.source` in `stack.yaml` to the name of its GitRepository before the first sync:\n"
            "then one Kustomization of yours points to that folder. Two that apply it take its objects from each\n"
            "other, and when one of them is deleted, so is what it has taken."
        )
    spec = {
        "interval": "10m",
        "path": f"./{stack.folder / folder}",
        "prune": True,
        "sourceRef": {"kind": "GitRepository", "name": source},
    }
    entry = fluxsources.flux_object(
        "kustomize.toolkit.fluxcd.io/v1", "Kustomization", stack.name, Engine.FLUX.namespace, spec
    )
    return (
        f"Flux reads this repository by the GitRepository `{source}`. A cluster follows the stack by one\n"
        "Kustomization of yours, which you put where Flux finds it for that cluster:\n\n"
        f"```yaml\n{yamlio.dump(entry)}```"
    )


def _pushed(stack: Stack) -> str:
    """What has to be in the registry, where clusters read one."""
    artifact = stack.repository.oci
    if artifact is None:
        return ""
    words = ["gpuyard release VERSION"]
    if stack.folder.parts:
        words.append(shlex.quote(str(stack.folder)))
    signed = artifact.verify
    if signed and signed.identity:
        words.append("--keyless")
    elif signed or stack.flux.verify_secret:
        words.append("--sign-key FILE")  # what nobody signed, Flux would not take
    return (
        f"Clusters read an artifact of this repository, `{artifact.url}:{artifact.tag}`, and no commit\n"
        "before its release. This makes the commit that is checked out the next version, which the tag then follows:\n"
        f"`{' '.join(words)}`\n\n"
    )
