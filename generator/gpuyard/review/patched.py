"""Patches that match nothing: Kustomize takes a target that selects no object without a word.

Files are read by their lines, as our own writer makes them, for there are thousands of them.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping

from gpuyard.tree import Tree

__all__ = ["unmatched"]

_KUSTOMIZATION = "kustomization.yaml"
_LIST = r"^{}:\n((?:[- ].*\n)+)"
_RESOURCES = re.compile(_LIST.format("resources"), re.MULTILINE)
_PATCHES = re.compile(_LIST.format("patches"), re.MULTILINE)
_ENTRY = re.compile(r"^- .*\n(?:  .*\n)*", re.MULTILINE)
_KIND = re.compile(r'^kind: "?([^"\n]+)', re.MULTILINE)
_NAME = re.compile(r'^metadata:\n(?:  .*\n)*?  name: "?([^"\n]+)', re.MULTILINE)
_FILE = re.compile(r'^(?:- |  )path: "?([^"\n]+)', re.MULTILINE)
_TARGET = re.compile(r"^(?:- |  )target:\n((?:    .*\n)+)", re.MULTILINE)
_FIELD = re.compile(r'^    (kind|name): "?([^"\n]+)', re.MULTILINE)
_RENAMED = re.compile(r'^      path: /metadata/name\n      value: "?([^"\n]+)', re.MULTILINE)
Named = tuple[str, str]
Texts = Mapping[str, str]
"""A tree's, by their paths as texts: to join paths takes longer than all else here."""


def unmatched(tree: Tree) -> Iterator[str]:
    """Each patch of a tree without an object, and where it is."""
    folders: dict[str, list[Named]] = {}
    texts = {str(path): text for path, text in tree.items()}
    for path, text in texts.items():
        folder, _, file = path.rpartition("/")
        if file == _KUSTOMIZATION and "\npatches:\n" in text:
            below = _below(texts, folder, text, folders)
            for patch in _entries(_PATCHES, text):
                kind, name = _target(texts, folder, patch)
                if not any(_matches(each, kind, name) for each in below):
                    yield f"{path}: its patch of {kind}/{name or '*'} matches no object below it"


def _objects(texts: Texts, folder: str, folders: dict[str, list[Named]]) -> list[Named]:
    """What a folder builds, by kind and name."""
    if folder not in folders:
        text = texts.get(f"{folder}/{_KUSTOMIZATION}", "")
        found = _below(texts, folder, text, folders)
        for patch in _entries(_PATCHES, text):
            kind, name = _target(texts, folder, patch)
            if new := _new_name(texts, folder, patch):
                found = [(each[0], new) if _matches(each, kind, name) else each for each in found]
        folders[folder] = found
    return folders[folder]


def _below(texts: Texts, folder: str, text: str, folders: dict[str, list[Named]]) -> list[Named]:
    """What its patches meet."""
    found: list[Named] = []
    for entry in _entries(_RESOURCES, text):
        name = entry.removeprefix("- ").strip().strip('"')
        path = posixpath.normpath(f"{folder}/{name}")
        if path in texts:
            found += map(_named, texts[path].split("\n---\n"))
        else:
            found += _objects(texts, path, folders)
    return found


def _entries(part: re.Pattern[str], text: str) -> list[str]:
    match = part.search(text)
    return _ENTRY.findall(match[1]) if match else []


def _target(texts: Texts, folder: str, patch: str) -> Named:
    """Of a patch: what it says itself, or else the object in its file."""
    if match := _TARGET.search(patch):
        fields = dict(_FIELD.findall(match[1]))
        return fields.get("kind", ".*"), fields.get("name", "")
    return _named(_file(texts, folder, patch))


def _new_name(texts: Texts, folder: str, patch: str) -> str:
    """That a patch gives to its object; empty: none."""
    if match := _RENAMED.search(patch):
        return match[1]
    return _named(_file(texts, folder, patch))[1]


def _file(texts: Texts, folder: str, patch: str) -> str:
    match = _FILE.search(patch)
    return texts.get(f"{folder}/{match[1]}", "") if match else ""


def _named(text: str) -> Named:
    kind, name = _KIND.search(text), _NAME.search(text)
    return kind[1] if kind else "", name[1] if name else ""


def _matches(found: Named, kind: str, name: str) -> bool:
    """As Kustomize selects: a whole regular expression, and no name is any."""
    return (not name or bool(re.fullmatch(name, found[1]))) and bool(re.fullmatch(kind, found[0]))
