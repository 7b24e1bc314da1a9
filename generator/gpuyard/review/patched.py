"""Patches that match nothing: Kustomize takes a target that selects no object without a word.

Files are read by their lines, as our own writer makes them, for there are thousands of them.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from gpuyard.errors import InputError, Location, Problem
from gpuyard.tree import Tree, path_of

__all__ = ["refuse", "unmatched"]

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


def refuse(lost: Iterable[str], file: str) -> None:
    """InputError with each of them, if there is one: the stack of this file cannot be what it was meant to be."""
    if problems := [Problem(Location(file), each) for each in lost]:
        raise InputError(problems)


def unmatched(tree: Tree, among: Iterable[PurePosixPath] | None = None) -> Iterator[str]:
    """Each patch of a tree without an object, and where it is; of some of its files, or of all."""
    folders: dict[str, list[Named]] = {}
    for path in tree if among is None else among:
        text = tree[path]
        if path.name == _KUSTOMIZATION and "\npatches:\n" in text:
            folder = str(path.parent)
            below = _below(tree, folder, text, folders)
            for patch in _entries(_PATCHES, text):
                kind, name = _target(tree, folder, patch)
                if not any(_matches(each, kind, name) for each in below):
                    yield f"{path}: its patch of {kind}/{name or '*'} matches no object below it"


def _objects(tree: Tree, folder: str, folders: dict[str, list[Named]]) -> list[Named]:
    """What a folder builds, by kind and name."""
    if folder not in folders:
        text = tree.get(path_of(f"{folder}/{_KUSTOMIZATION}"), "")
        found = _below(tree, folder, text, folders)
        for patch in _entries(_PATCHES, text):
            kind, name = _target(tree, folder, patch)
            if new := _new_name(tree, folder, patch):
                found = [(each[0], new) if _matches(each, kind, name) else each for each in found]
        folders[folder] = found
    return folders[folder]


def _below(tree: Tree, folder: str, text: str, folders: dict[str, list[Named]]) -> list[Named]:
    """What its patches meet."""
    found: list[Named] = []
    for entry in _entries(_RESOURCES, text):
        name = entry.removeprefix("- ").strip().strip('"')
        path = path_of(posixpath.normpath(f"{folder}/{name}"))
        if path in tree:
            found += map(_named, tree[path].split("\n---\n"))
        else:
            found += _objects(tree, str(path), folders)
    return found


def _entries(part: re.Pattern[str], text: str) -> list[str]:
    match = part.search(text)
    return _ENTRY.findall(match[1]) if match else []


def _target(tree: Tree, folder: str, patch: str) -> Named:
    """Of a patch: what it says itself, or else the object in its file."""
    if match := _TARGET.search(patch):
        fields = dict(_FIELD.findall(match[1]))
        return fields.get("kind", ".*"), fields.get("name", "")
    return _named(_file(tree, folder, patch))


def _new_name(tree: Tree, folder: str, patch: str) -> str:
    """That a patch gives to its object; empty: none."""
    if match := _RENAMED.search(patch):
        return match[1]
    return _named(_file(tree, folder, patch))[1]


def _file(tree: Tree, folder: str, patch: str) -> str:
    match = _FILE.search(patch)
    return tree.get(path_of(f"{folder}/{match[1]}"), "") if match else ""


def _named(text: str) -> Named:
    kind, name = _KIND.search(text), _NAME.search(text)
    return kind[1] if kind else "", name[1] if name else ""


def _matches(found: Named, kind: str, name: str) -> bool:
    """As Kustomize selects: a whole regular expression, and no name is any."""
    return (not name or bool(re.fullmatch(name, found[1]))) and bool(re.fullmatch(kind, found[0]))
