"""Fast readers (libyaml) for text that we wrote ourselves: what Helm rendered, and the data we ship.

Never for a user's file: aliases are followed and depth isn't limited here.
"""

from collections.abc import Callable
from typing import Any

import yaml

from gpuyard.doors.yamlio.scalars import Scalar, core, kubernetes

__all__ = ["compose", "load_data", "parse_manifests", "value_of"]

_PLAIN = "plain"
_QUOTED = "quoted"
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # without libyaml: the same, ten times slower


class _Loader(_Base):  # type: ignore[misc]
    """Nodes only, tagged with no more than whether a scalar was quoted: its meaning is our affair."""

    def resolve(self, kind: type[yaml.Node], _value: object, implicit: tuple[bool, bool]) -> str:
        """The tag of a node without one."""
        return _PLAIN if kind is yaml.ScalarNode and implicit[0] else _QUOTED

    def descend_resolver(self, *_: object) -> None:
        """Paths play no part in it."""

    def ascend_resolver(self) -> None:
        """Paths play no part in it."""


def parse_manifests(text: str) -> list[dict[str, Any]]:
    """Every object of a rendered stream, as Kubernetes would read it; empty documents are left out. ValueError."""
    try:
        values = [value_of(node, kubernetes) for node in compose(text)]
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    return [value for value in values if value is not None]


def compose(text: str) -> list[yaml.Node]:
    """The nodes of all documents."""
    return list(yaml.compose_all(text, Loader=_Loader))


def load_data(text: str) -> Any:
    """One document that we ship (a catalogue, a shape), by YAML 1.2's core schema as in users' files; ValueError."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    return None if node is None else value_of(node, core)


def value_of(node: yaml.Node, scalar: Callable[[str], Scalar]) -> Any:
    """A node as plain data, its scalars read by a schema."""
    if isinstance(node, yaml.MappingNode):
        mapping = {key.value: value_of(item, scalar) for key, item in node.value}
        if len(mapping) != len(node.value):
            raise ValueError(f"a key is given twice in our own YAML, in the mapping that begins {node.start_mark}")
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item, scalar) for item in node.value]
    return scalar(node.value) if node.tag == _PLAIN else node.value
