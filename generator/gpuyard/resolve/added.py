"""Objects of Kubernetes among the values that authors give to a chart, and in files of theirs that are no source."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from gpuyard.catalogue.argocd import facts
from gpuyard.doors import yamlio
from gpuyard.doors.yamlio import Path
from gpuyard.errors import InputError

__all__ = ["added_kinds", "added_namespaces", "manifests", "objects_in", "without_objects"]

Object = Mapping[str, Any]

_NEEDED = frozenset({"apiVersion", "kind", "metadata"})
_EXTRA = "extra"
"""What begins the keys by which charts take objects, as texts, too."""
_DOCUMENT = re.compile(r"^---.*$\n?", re.MULTILINE)
_FIELD = re.compile(r"^(apiVersion|kind): *[\"']?([^\s\"'#]+)", re.MULTILINE)
_METADATA = re.compile(r"^metadata:.*\n((?:[ #].*\n?|\n)*)", re.MULTILINE)
_NAMED = re.compile(r"^ +(name|namespace): *[\"']?([^\s\"'#{]+)", re.MULTILINE)


def objects_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, Object]]:
    """Whatever among values is an object, those of a List one by one; in texts, too, where a chart takes such."""
    if isinstance(value, Mapping):
        if isinstance(value.get("metadata"), Mapping) and value.keys() >= _NEEDED and "items" not in value:
            yield path, value
            return
        for key, each in value.items():
            yield from objects_in(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from objects_in(each, (*path, index))
    elif isinstance(value, str) and any(str(key).startswith(_EXTRA) for key in path):
        yield from ((path, obj) for _, obj in manifests(value))


def without_objects(value: Any) -> Any:
    """The same values without them."""
    if isinstance(value, Mapping):
        kept = {key: without_objects(each) for key, each in value.items()}
        return {} if value.keys() >= _NEEDED else kept
    return [without_objects(each) for each in value] if isinstance(value, list) else value


def manifests(text: str) -> Iterator[tuple[int, Object]]:
    """Those of a text and their lines; of one with a template in it no more than what it is and is called."""
    start, line, counted = 0, 1, 0
    for match in [*_DOCUMENT.finditer(text), None]:
        document = text[start : match.start() if match else None]
        if found := _manifest(document):
            first = _FIELD.search(document)
            begin = start + (first.start() if first else 0)
            line, counted = line + text.count("\n", counted, begin), begin
            for _, each in objects_in(found):
                yield line, each
        start = match.end() if match else start


def added_kinds(values: Object) -> Mapping[str, Collection[str]]:
    """Kinds in no namespace of the objects among values, by group."""
    found: dict[str, set[str]] = {}
    for _, obj in objects_in(values):
        group, kind = str(obj["apiVersion"]).rpartition("/")[0], str(obj["kind"])
        if facts().in_no_namespace(group, kind):
            found.setdefault(group, set()).add(kind)
    return found


def added_namespaces(values: Object) -> Iterator[str]:
    """Namespaces that objects among values name."""
    for _, obj in objects_in(values):
        if isinstance(name := obj["metadata"].get("namespace"), str):
            yield name


def _manifest(text: str) -> Any:
    if "apiVersion:" not in text:
        return None
    try:
        return yamlio.read(text.encode(), "").value
    except InputError:
        fields, metadata = dict(_FIELD.findall(text)), _METADATA.search(text)
        named = dict(reversed(_NAMED.findall(metadata[1]))) if metadata else {}
        return {**fields, "metadata": named} if len(fields) == len(_NEEDED) - 1 else None
