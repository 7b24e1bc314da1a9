"""What Flux makes of files in a cluster's folder that are not ours: it applies the folder as it finds it.

Read in fluxcd/pkg/kustomize v1.35.6, kustomize_generator.go, and tried in tests/e2e.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from gpuyard.project.stack import Stack
from gpuyard.tree import FACTS, cluster

__all__ = ["LISTS", "applies", "beside", "effect", "own_files"]

LISTS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""What a list of a folder may be called."""
_BOOTSTRAP = "flux-system/"
_HIDING = {
    ".sourceignore": "Flux no longer sees what it lists, and deletes it from the clusters",
    ".krmignore": "tools of Kustomize no longer see what it lists",
}
_NAMED = 3
"""Files that a note names."""


def beside(stack: Stack, name: str, ours: Iterable[str], theirs: Mapping[str, str]) -> Iterator[str]:
    """Notes on the files of a cluster's folder; theirs with their texts."""
    folder = cluster(name)
    if file := next((each for each in LISTS if each in theirs), None):
        if missing := [each for each in sorted(ours) if not _lists(theirs[file], each)]:
            lines = ", ".join(f"`- {each}`" for each in missing)
            yield (
                f"{folder / file} is not from gpuyard, and Flux applies only what it lists: add {lines} to its "
                f"resources, and use `kubectl apply -k {folder}` instead of -f"
            )
        return
    if stack.repository.source:  # whose folder it is, is its author's affair
        return
    if any(each.startswith(_BOOTSTRAP) for each in theirs):
        yield (
            f"{folder / _BOOTSTRAP} is from `flux bootstrap`, whose Kustomization applies {folder}, too: it and "
            f"{stack.name} would take all objects from each other, and Flux itself could be deleted; set "
            f"spec.repository.source: flux-system, or keep one of them out of this folder"
        )
    known = (_BOOTSTRAP, FACTS)
    others = sorted(each for each in theirs if each.endswith((".yaml", ".yml")) and not each.startswith(known))
    if others:
        shown = ", ".join(each if each.isprintable() else ascii(each) for each in others[:_NAMED])
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        yield (
            f"{folder} has files that are not from gpuyard ({shown}{more}): Flux applies them with "
            f"the stack, deletes what leaves them, and stops at one that is no Kubernetes object"
        )


def applies(theirs: Iterable[str]) -> list[str]:
    """Those that it applies as they are; none where a list of the folder, or of one in it, says which."""
    files = [PurePosixPath(each) for each in theirs]
    listed = {each.parent for each in files if each.name in LISTS}
    read = [each for each in files if each.suffix in (".yaml", ".yml") and not each.name.startswith(".")]
    return [str(each) for each in read if each.name != FACTS and listed.isdisjoint(each.parents)]


def own_files() -> str:
    """All of it is applied."""
    return (
        "Flux applies every YAML file in `clusters/<cluster>/`, generated or not, so manifests of yours can go there."
    )


def effect(path: PurePosixPath, ours: Collection[PurePosixPath]) -> str:
    """What Flux does with a file that isn't ours: the rest of a sentence."""
    if path.name in _HIDING:
        return _HIDING[path.name]
    own = path.parent / LISTS[0]
    if path.name in LISTS and own in ours and own != path:
        return "Kustomize refuses a folder with two of them, and Flux stops there"
    if path.parts[0] != "clusters":
        return "Flux does not apply it; a file that is generated there later would be in its way"
    inside, cluster = PurePosixPath(*path.parts[2:]), path.parts[1]
    if path.name in LISTS and len(inside.parts) == 1:
        return f"Flux applies to cluster {cluster} only what it lists, with its patches"
    lists = (path.parents[number] / LISTS[0] for number in range(len(inside.parts) - 1))
    if found := next((each for each in lists if each in ours), None):
        return f"Flux does not apply it, because {found} does not list it"
    return f"Flux applies it to cluster {cluster}"


def _lists(text: str, file: str) -> bool:
    return bool(re.search(rf"^\s*-\s+[\"']?(\./)?{re.escape(file)}[\"']?\s*(#.*)?$", text, re.MULTILINE))
