"""A kustomization.yaml of an author's own in a cluster's folder, and patches in it that match nothing."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.doors.yamlio import Document
from gpuyard.errors import InputError, Problem
from gpuyard.resolve.added import manifests

__all__ = ["lost_patches"]

_PATCHES = ("patches", "patchesJson6902", "patchesStrategicMerge")
_SIMPLE = re.compile(r"[-\w.\[\]\\]*(\*[-\w.\[\]\\]*){0,2}")
"""A pattern that takes no time, whatever it is held against."""
Named = tuple[str, str]


def lost_patches(file: str, text: str, texts: Mapping[str, str]) -> Iterator[Problem]:
    """Those of a list; none, where it lists something that is not among the files of `texts`, by their paths."""
    try:
        document = yamlio.read(text.encode(), file)
    except InputError:  # Flux says so
        return
    content, folder = document.value, posixpath.dirname(file)
    if not isinstance(content, Mapping) or content.get("components") or content.get("generators"):
        return
    there: list[Named] = []
    for each in _list(content, "resources"):
        path = posixpath.normpath(f"{folder}/{each}")
        if path not in texts:
            return
        there += _named(texts[path])
    for key in _PATCHES:
        for index, patch in enumerate(_list(content, key)):
            for kind, name in _aims(patch, folder, texts):
                if not any(_matches(each, kind, name) for each in there):
                    yield _problem(document, (key, index), kind, name)


def _list(content: Mapping[str, Any], key: str) -> list[Any]:
    found = content.get(key)
    return found if isinstance(found, list) else []


def _problem(document: Document, path: tuple[str | int, ...], kind: str, name: str) -> Problem:
    named = f"{kind or '*'}/{name or '*'}"
    message = f"its patch of {named} matches no object that the file lists; correct it, or remove it"
    return Problem(document.at(path), message)


def _aims(patch: Any, folder: str, texts: Mapping[str, str]) -> Iterator[Named]:
    """Kind and name that a patch is for: by its target, or by the objects in it."""
    target = patch.get("target") if isinstance(patch, Mapping) else None
    if isinstance(target, Mapping):
        if not target.keys() & {"labelSelector", "annotationSelector"}:
            yield str(target.get("kind", "")), str(target.get("name", ""))
        return
    inline = patch.get("patch") if isinstance(patch, Mapping) else patch if "\n" in str(patch) else None
    path = patch.get("path") if isinstance(patch, Mapping) else patch
    text = inline or texts.get(posixpath.normpath(f"{folder}/{path}"), "")
    yield from ((kind, re.escape(name)) for kind, name in _named(str(text)))


def _named(text: str) -> list[Named]:
    return [(str(obj["kind"]), str(obj["metadata"].get("name", ""))) for _, obj in manifests(text)]


def _matches(there: Named, *aim: str) -> bool:
    """As Kustomize selects: whole regular expressions, and nothing stands for anything; any other may match."""
    try:
        pairs = [(wanted, given) for wanted, given in zip(aim, there, strict=True) if _SIMPLE.fullmatch(wanted)]
        return all(not wanted or re.fullmatch(wanted, given) for wanted, given in pairs)
    except re.error:  # of Go's syntax, not of Python's
        return True
