"""All that one cluster gets, as the linter sees it: objects, values of charts, and where each is written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpuyard.review.podspecs import containers_of

__all__ = ["OURS", "Given", "Item", "Origin", "World", "mapping", "parts", "runs", "sequence"]

Object = Mapping[str, Any]
Inside = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an author wrote it: a file, and the path in it, or the line; no file: gpuyard's own."""

    file: str
    path: Inside
    line: int = 0
    """Of a file that is none of gpuyard's sources."""

    def below(self, inside: Inside) -> "Origin":
        """Something in it."""
        return Origin(self.file, (*self.path, *inside), self.line)


OURS = Origin("", ())
"""Of what no author wrote."""


@dataclass(frozen=True, slots=True)
class Item:
    """An object that a cluster gets."""

    obj: Object
    step: int
    """Which comes after which; what one step defines, only a later one may use."""
    unit: str
    """What is applied and waited for at once."""
    origin: Origin = OURS
    namespace: str = ""
    """Where it goes if it names none; empty: to the models."""
    staged: bool = True
    """Whether definitions of the same unit are there before it, which Helm looks for before it makes anything."""

    @property
    def kind(self) -> tuple[str, str]:
        """Group and kind."""
        return str(self.obj.get("apiVersion", "")).rpartition("/")[0], str(self.obj.get("kind"))

    @property
    def name(self) -> str:
        """Of the object."""
        return str(mapping(self.obj.get("metadata")).get("name", ""))

    @property
    def defines(self) -> tuple[str, str] | None:
        """Group and kind that it defines, if it is a definition."""
        if self.kind != ("apiextensions.k8s.io", "CustomResourceDefinition"):
            return None
        spec = mapping(self.obj.get("spec"))
        return str(spec.get("group")), str(mapping(spec.get("names")).get("kind"))

    def __str__(self) -> str:
        return f"{self.kind[1]}/{self.name}"


@dataclass(frozen=True, slots=True)
class Given:
    """Values that an author gives to a chart, without the objects among them, which are items."""

    values: Object
    step: int
    unit: str
    origin: Origin
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """All that one cluster gets, and what is known of it."""

    items: tuple[Item, ...]
    namespace: str
    """Of the models, where an object names none."""
    given: tuple[Given, ...] = ()
    """What authors say to charts."""
    defines: Mapping[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    """Step and component that bring a kind, by its group and name."""
    outside: Callable[[tuple[str, str]], bool] = lambda _: False
    """Whether a kind is in no namespace."""
    claims: frozenset[tuple[int, str, str]] = frozenset()
    """Those that gpuyard's own pods mount: step, namespace and name."""
    late: frozenset[str] = frozenset()
    """Storage classes that make a volume once a pod asks for it."""
    stored: Mapping[Origin, tuple[str, int]] = field(default_factory=dict)
    """Releases with values of an author's own, and the bytes of the Secret that each needs."""
    series: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """All that is scraped of names with a prefix."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """What would have to be installed for names with a prefix."""
    services: frozenset[str] = frozenset()
    """Those of the models, in their namespace."""
    mirror: Callable[[str], str | None] | None = None
    """Of an image: how its mirror calls it, nothing if it has none, None if it is in one; None: all are reached."""

    def space(self, item: Item) -> str:
        """The namespace of an object; none, if its kind is in none."""
        if self.outside(item.kind):
            return ""
        own = mapping(item.obj.get("metadata")).get("namespace")
        return str(own or item.namespace or self.namespace)

    @property
    def written(self) -> Iterator[Item]:
        """What authors have written; gpuyard's own objects keep to the rules, as its tests show."""
        return (item for item in self.items if item.origin.file)


def mapping(value: Any) -> Mapping[str, Any]:
    """What an author wrote where a mapping belongs; what is none has nothing in it, and the API server refuses it."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: Any) -> Sequence[Any]:
    """The same of a list."""
    return value if isinstance(value, list) else ()


def parts(value: Any, path: Inside = ()) -> Iterator[tuple[Inside, Any]]:
    """A value and all in it, each with its path."""
    yield path, value
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from parts(each, (*path, key))


def runs(pod: Object, program: str) -> bool:
    """Whether a container is called to run a program: by its image, its command or its arguments."""
    said = (
        (each.get("image"), *sequence(each.get("command")), *sequence(each.get("args"))) for each in containers_of(pod)
    )
    return any(program in str(text) for texts in said for text in texts)
