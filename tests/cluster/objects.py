"""Objects from files, directories and text, in an order in which the API server can take them."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import yaml

from tests.cluster.api import Object

__all__ = ["Content", "read", "sort"]

Content: TypeAlias = Path | str | Object | Iterable[Object]

# CRDs of ten thousand lines take seconds without libyaml.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FIRST = ("Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "Role")


def read(content: Content) -> list[Object]:
    """The objects of a file, of a directory's files, of YAML text, or as given."""
    match content:
        case Path():
            return [item for path in _files(content) for item in _parse(path.read_text())]
        case str():
            return list(_parse(content))
        case dict():
            return list(_unpack(content))
        case _:
            return list(content)


def sort(items: Iterable[Object]) -> list[Object]:
    """Namespaces and CRDs before what needs them; otherwise the order stays."""
    return sorted(items, key=lambda item: _FIRST.index(item["kind"]) if item["kind"] in _FIRST else len(_FIRST))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix in {".yaml", ".yml", ".json"})


def _parse(text: str) -> Iterator[Object]:
    for document in yaml.load_all(text, Loader=_Loader):
        if document:
            yield from _unpack(document)


def _unpack(document: Object) -> Iterator[Object]:
    if document.get("kind") == "List":
        yield from document["items"]
    else:
        yield document
