"""The pods that generated files ask for, as one digest: of each line and where it stands, wherever it is written.

What all shapes agree on stands in a base, the rest in an overlay, and labels may stand once for a whole folder. A shape
more moves lines from one file to another, and no pod restarts for that: so lines are compared by the path of keys and
indexes above them, which is the same in a base and in its patch. This needs files as our own writer makes them.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import PurePosixPath

from gpuyard.doors.cache import Cache, recall, remember
from gpuyard.tree import WEIGHTS, Tree, base, overlay, own, path_of

__all__ = ["Pods", "pod_digest", "pods", "weights_job"]

Pods = tuple[str, str]
"""Their digest, and the name of the Job that comes before them."""
Place = tuple[str, str, str]
"""A blueprint, a shape and, where the cluster differs, its name."""

_DIGITS = 16
_TEMPLATE = re.compile(r"^  template:\n((?:(?: {4}.*)?\n)+)", re.MULTILINE)
_LABELS = re.compile(r"^- pairs:\n((?: {4}.*\n)+)  includeTemplates: true$", re.MULTILINE)
_STEP = re.compile(r"^- .*\n(?:  .*\n|\n)*", re.MULTILINE)
_OF_PODS = re.compile(r"^(?:- |  )path: \"?(?:/spec|/spec/template(?:/.*)?)\"?$", re.MULTILINE)
_LITERAL = re.compile(r"(?:^|: )\|[-+]?$")
_NAME = re.compile(r'^metadata:\n  name: "?([^"\n]+)', re.MULTILINE)


def pods(tree: Tree, places: Iterable[Place], cache: Cache) -> dict[Place, Pods]:
    """Of several places; known, where the same files were looked at before."""
    questions = {place: _question(tree, *place) for place in places}
    known = recall(cache, questions.values(), _read)
    new = {
        question: (pod_digest(tree, *place), weights_job(tree, *place))
        for place, question in questions.items()
        if question not in known
    }
    remember(cache, new, lambda found: json.dumps(found).encode())
    return {place: known.get(question) or new[question] for place, question in questions.items()}


def _question(tree: Tree, blueprint: str, shape: str, cluster: str) -> bytes:
    """All that follows from its place: every file that might be looked at."""
    folders = [base(blueprint), overlay(shape, blueprint), *([own(cluster, blueprint)] if cluster else [])]
    files = ("deployment.yaml", f"deployment-{blueprint}.yaml", "kustomization.yaml", f"{WEIGHTS}/job.yaml")
    texts = [tree.get(path_of(f"{folder}/{file}"), "") for folder in folders for file in files]
    texts += [tree.get(own(cluster, blueprint, WEIGHTS) / "job.yaml", "")] if cluster else []
    facts = json.dumps((blueprint, bool(cluster), [len(text) for text in texts]))
    return f"pods {facts}{''.join(texts)}".encode()


def _read(answer: bytes) -> Pods:
    digest, job = json.loads(answer)
    return str(digest), str(job)


def pod_digest(tree: Tree, blueprint: str, shape: str, cluster: str = "") -> str:
    """Another one where pods of a blueprint are replaced on a shape; empty: it has no Deployment of its name.

    With a cluster it is of the pods there, with what differs in it.
    """
    folders: tuple[PurePosixPath, ...] = (base(blueprint), overlay(shape, blueprint))
    files = ("deployment.yaml", f"deployment-{blueprint}.yaml")
    lines = frozenset[str]().union(*(_template(tree.get(folder / file, "")) for folder in folders for file in files))
    if not lines:
        return ""
    here = own(cluster, blueprint)
    if cluster:
        folders = (*folders, here)
        lines = lines.union(*(_steps(tree.get(here / file, "")) for file in files))
    lines = lines.union(*(_labels(tree.get(folder / "kustomization.yaml", "")) for folder in folders))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:_DIGITS]


def weights_job(tree: Tree, blueprint: str, shape: str, cluster: str = "") -> str:
    """Name of the Job that comes before the pods of a blueprint on a shape, or in a cluster; empty: none does."""
    folders: tuple[PurePosixPath, ...] = (overlay(shape, blueprint, WEIGHTS), base(blueprint, WEIGHTS))
    if cluster:
        folders = (own(cluster, blueprint, WEIGHTS), *folders)
    found = (_NAME.search(tree.get(folder / "job.yaml", "")) for folder in folders)
    return next((match[1] for match in found if match), "")


@lru_cache(maxsize=1024)
def _template(text: str) -> frozenset[str]:
    """The lines of `spec.template`."""
    match = _TEMPLATE.search(text)
    return frozenset(_lines(match[1])) if match else frozenset()


def _steps(text: str) -> frozenset[str]:
    """The steps of a cluster's patch that are about its pods; an object that is the cluster's own has no steps."""
    return frozenset(f"{step}" for step in _STEP.findall(text) if _OF_PODS.search(step)) | _template(text)


def _labels(kustomization: str) -> frozenset[str]:
    match = _LABELS.search(kustomization)
    return frozenset(f"/metadata:/labels:/{line.strip()}" for line in match[1].splitlines()) if match else frozenset()


def _lines(text: str) -> Iterator[str]:
    """Each line with its path; a line of a longer text with its number."""
    above: list[tuple[int, str]] = [(0, "")]  # what a line may stand in: twice its indent, one more for a list's item
    counts: dict[str, int] = {}
    block, inside = 0, ""
    for line in text.split("\n")[:-1]:
        content = line.lstrip(" ")
        indent = len(line) - len(content)
        if block and (not content or indent >= block):
            counts[inside] = counts.get(inside, 0) + 1
            yield f"{inside}/{counts[inside]}/{line}"
            continue
        block = 0
        while content.startswith("- "):
            parent = _parent(above, 2 * indent + 1)
            above.append((2 * indent + 1, f"{parent}/{counts.get(parent, 0)}"))
            counts[parent] = counts.get(parent, 0) + 1
            content, indent = content[2:], indent + 2
        path = f"{_parent(above, 2 * indent)}/{content}"
        if content.endswith(":"):
            above.append((2 * indent, path))
        elif _LITERAL.search(content):
            block, inside = indent + (2 if content[0] != "|" else 0), path
        else:
            yield path


def _parent(above: list[tuple[int, str]], depth: int) -> str:
    """Path of what a line of this depth stands in."""
    while above[-1][0] >= depth and len(above) > 1:
        above.pop()
    return above[-1][1]
