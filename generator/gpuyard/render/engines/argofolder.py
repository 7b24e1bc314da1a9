"""What Argo CD makes of files in a folder of a cluster that are not ours: it reads those that are called like ours."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from gpuyard.errors import one_line
from gpuyard.project.stack import Stack
from gpuyard.tree import SERVERS, cluster

__all__ = ["READ", "applies", "beside", "effect", "own_files"]

READ = ("platform.yaml", f"{SERVERS}-*.yaml")
"""Files of a cluster's folder that its own Application reads."""
_LISTS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_OVERRIDE = re.compile(r"[.]argocd-source(-.+)?[.]yaml", re.IGNORECASE)
_MERGED = "Argo CD merges it into the source of the Application of this folder, patches and images included"
_NAMED = 3
"""Files that a note names."""


def beside(stack: Stack, name: str, ours: Iterable[str], theirs: Mapping[str, str]) -> Iterator[str]:
    """Notes on the files of a cluster's folder; it reads those only that are called like ours."""
    for file in sorted(each for each in theirs if _OVERRIDE.fullmatch(PurePosixPath(each).name)):
        yield f"{one_line(str(cluster(name) / file))} is not from gpuyard: {_MERGED}"
    read = sorted(each for each in theirs if _is_read(each))
    if read:
        shown = ", ".join(each if each.isprintable() else ascii(each) for each in read[:_NAMED])
        more = f" and {len(read) - _NAMED} more" if len(read) > _NAMED else ""
        yield (
            f"{cluster(name)} has files that are not from gpuyard and are called like its own ({shown}{more}): "
            "Argo CD applies them with the stack, and deletes what leaves them; give them other names"
        )


def applies(theirs: Iterable[str]) -> list[str]:
    """Those that it applies as they are."""
    return [each for each in theirs if _is_read(each)]


def own_files() -> str:
    """None of it but our own is applied."""
    return (
        "Argo CD applies only generated files in `clusters/<cluster>/`, by their names: manifests of yours need an "
        "Application of your own."
    )


def effect(path: PurePosixPath, ours: Collection[PurePosixPath]) -> str:
    """What Argo CD does with a file that isn't ours: the rest of a sentence."""
    if _OVERRIDE.fullmatch(path.name):
        return _MERGED
    own = path.parent / _LISTS[0]
    if path.name in _LISTS and own in ours and own != path:
        return "Kustomize refuses a folder with two of them, and Argo CD stops there"
    if path.parts[0] == "clusters" and len(path.parts) == 3 and _is_read(path.name):
        return f"Argo CD applies it to cluster {path.parts[1]}"
    return "Argo CD does not apply it; a file that is generated there later would be in its way"


def _is_read(name: str) -> bool:
    return "/" not in name and any(fnmatchcase(name, pattern) for pattern in READ)
