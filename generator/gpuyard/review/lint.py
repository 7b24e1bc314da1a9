"""What a cluster would refuse or wait for in vain, seen in the objects alone: pure functions, and a table of them.

A rule looks at all that one cluster gets, and says where an author wrote what is wrong.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpuyard.doors import promql
from gpuyard.review.podspecs import pod_specs

__all__ = ["ANNOTATIONS", "OURS", "RULES", "STORED", "Finding", "Item", "Origin", "Rule", "World", "findings"]

Object = Mapping[str, Any]
Said = tuple["Origin", str]

ANNOTATIONS = 262_144
"""Bytes of an object's annotations, keys and values, that the API server takes."""
STORED = 1 << 20
"""Bytes of a Secret, in which Helm stores a release."""
_FULL = 0.7
_LINKS = "VLLM_"
"""What begins the names of vLLM's own variables."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an author wrote it: a file, and the path in it; no file: gpuyard's own."""

    file: str
    path: tuple[str | int, ...]


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

    @property
    def kind(self) -> tuple[str, str]:
        """Group and kind."""
        return str(self.obj.get("apiVersion", "")).rpartition("/")[0], str(self.obj.get("kind"))

    @property
    def name(self) -> str:
        """Of the object."""
        return str(mapping(self.obj.get("metadata")).get("name", ""))

    def __str__(self) -> str:
        return f"{self.kind[1]}/{self.name}"


@dataclass(frozen=True, slots=True)
class World:
    """All that one cluster gets, and what is known of it."""

    items: tuple[Item, ...]
    namespace: str
    """Of the models, where an object names none."""
    defines: Mapping[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    """Step and component that bring a kind, by its group and name."""
    cluster_kinds: frozenset[tuple[str, str]] = frozenset()
    """Kinds in no namespace."""
    consumed: frozenset[str] = frozenset()
    """Claims that gpuyard's own pods mount, as unit/claim."""
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
    mirrored: Callable[[str], bool] | None = None
    """Whether an image comes from a mirror; None: the cluster reaches every registry."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says of something that an author wrote; `refused`: it can't work."""

    rule: str
    origin: Origin
    message: str
    refused: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, and whether what breaks it can't work or is only worth saying."""

    name: str
    check: Callable[[World], Iterator[Said]]
    refuses: bool


def findings(world: World) -> Iterator[Finding]:
    """What all rules find, in their order."""
    for rule in RULES:
        for origin, message in rule.check(world):
            yield Finding(rule.name, origin, message, rule.refuses)


def _early(world: World) -> Iterator[Said]:
    for item in _written(world):
        step, component = world.defines.get(item.kind, (-1, ""))
        if step >= item.step:
            yield _said(
                item,
                f"is applied with {item.unit}, and {component}, which defines {item.kind[1]}, is not there before: the "
                "first sync fails for ever; put it into values.extraObjects of a blueprint",
            )


def _twice(world: World) -> Iterator[Said]:
    owners: dict[tuple[Any, ...], Item] = {}
    for item in sorted(world.items, key=lambda each: each.origin.file != ""):  # gpuyard's own were there first
        metadata = mapping(item.obj.get("metadata"))
        inside = "" if item.kind in world.cluster_kinds else str(metadata.get("namespace") or world.namespace)
        other = owners.setdefault((item.kind, inside, item.name), item)
        if other.unit != item.unit and item.origin.file:
            yield _said(item, f"is already applied with {other.unit}, and both would change it in turn; keep one")


def _waiting(world: World) -> Iterator[Said]:
    for item in _written(world):
        spec = mapping(item.obj.get("spec"))
        if item.kind != ("", "PersistentVolumeClaim") or spec.get("volumeName"):
            continue
        chosen = spec.get("storageClassName")
        if chosen is not None and str(chosen) not in world.late:
            continue
        beside = (each.obj for each in world.items if each.unit == item.unit and each is not item)
        if f"{item.unit}/{item.name}" not in world.consumed and not any(_claims(each, item.name) for each in beside):
            what = f"StorageClass {chosen}" if chosen else "the cluster's default StorageClass"
            yield _said(
                item,
                f"is mounted by no pod of {item.unit}, and {what} makes a volume only when a pod asks for it: every "
                "sync waits until its timeout; mount it there, or remove it",
            )


def _stored(world: World) -> Iterator[Said]:
    most = int(STORED * _FULL)
    for origin, (chart, size) in world.stored.items():
        if size > most:
            message = (
                f"Helm would store about {size >> 10} KiB of {chart} in one Secret, and Kubernetes takes "
                f"{STORED >> 10} KiB; stay below {most >> 10} KiB, with dashboards in ConfigMaps of their own"
            )
            yield origin, message


def _annotated(world: World) -> Iterator[Said]:
    for item in _written(world):
        annotations = mapping(mapping(item.obj.get("metadata")).get("annotations"))
        size = sum(len(str(text).encode()) for pair in annotations.items() for text in pair)
        if size > ANNOTATIONS:
            yield _said(item, f"has annotations of {size} bytes, and Kubernetes takes {ANNOTATIONS}")


def _unscraped(world: World) -> Iterator[Said]:
    rules = [item for item in _written(world) if item.kind == ("monitoring.coreos.com", "PrometheusRule")]
    recorded = {str(each["record"]) for item in rules for each in _rules(item.obj) if "record" in each}
    for item in rules:
        names = dict.fromkeys(name for each in _rules(item.obj) for name in _names(str(each.get("expr", ""))))
        for name in (each for each in names if each not in recorded):
            prefix = next((each for each in (*world.series, *world.absent) if name.startswith(each)), "")
            if prefix in world.absent:
                yield _said(item, f"reads {name}, which nothing shows here: {world.absent[prefix]}")
            elif prefix and name not in world.series[prefix]:
                yield _said(item, f"reads {name}, and nothing that is scraped has such a series")


def _linked(world: World) -> Iterator[Said]:
    named = {item.name for item in world.items if item.kind == ("", "Service")} | world.services
    variables = {name: f"{name.upper().replace('-', '_')}_" for name in sorted(named)}
    clashing = [name for name, variable in variables.items() if variable.startswith(_LINKS)]
    for item in _written(world) if clashing else ():
        for pod in pod_specs(item.obj):
            serves = any("vllm" in str(each.get("image", "")) for each in _containers(pod))
            if serves and pod.get("enableServiceLinks", True):
                yield _said(
                    item,
                    f"runs vLLM, which reads the variable {variables[clashing[0]]}PORT=tcp://… of the Service "
                    f"{clashing[0]} as its own; set enableServiceLinks: false in the spec of its pods",
                )


def _unmirrored(world: World) -> Iterator[Said]:
    for item in _written(world) if world.mirrored else ():
        for image in dict.fromkeys(str(each["image"]) for pod in pod_specs(item.obj) for each in _containers(pod)):
            if world.mirrored and not world.mirrored(image):
                yield _said(item, f"pulls {image} from its own registry, which no mirror covers")


RULES: tuple[Rule, ...] = (
    Rule("a kind before what defines it", _early, refuses=True),
    Rule("an object with two owners", _twice, refuses=True),
    Rule("a claim that waits for a pod", _waiting, refuses=True),
    Rule("a release that is too large to store", _stored, refuses=True),
    Rule("annotations that are too long", _annotated, refuses=True),
    Rule("a metric that nothing scrapes", _unscraped, refuses=False),
    Rule("a Service that sets vLLM's variables", _linked, refuses=True),
    Rule("an image that no mirror has", _unmirrored, refuses=False),
)
"""All of them. A patch that matches nothing can't come from an author: gpuyard.review.patched looks at the files."""


def mapping(value: Any) -> Mapping[str, Any]:
    """What an author wrote where a mapping belongs; what is none has nothing in it, and the API server refuses it."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: Any) -> Sequence[Any]:
    """The same of a list."""
    return value if isinstance(value, list) else ()


def _said(item: Item, message: str) -> Said:
    """Of an object, at the place of it."""
    return item.origin, f"{item} {message}"


def _written(world: World) -> Iterable[Item]:
    """What authors have written; gpuyard's own objects keep to the rules, as its tests show."""
    return (item for item in world.items if item.origin.file)


def _claims(value: Any, name: str) -> bool:
    """Whether anything in an object mounts a claim."""
    if isinstance(value, Mapping):
        return value.get("claimName") == name or any(_claims(each, name) for each in value.values())
    return isinstance(value, list) and any(_claims(each, name) for each in value)


def _containers(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key in ("initContainers", "containers"):
        yield from (each for each in sequence(pod.get(key)) if isinstance(each, Mapping) and each.get("image"))


def _rules(obj: Object) -> Iterator[Mapping[str, Any]]:
    for group in sequence(mapping(obj.get("spec")).get("groups")):
        yield from map(mapping, sequence(mapping(group).get("rules")))


def _names(expression: str) -> Iterator[str]:
    """The series that a query reads; one that is wrong reads none, which the operator says."""
    parsed = promql.parse(expression)
    if not isinstance(parsed, str):
        yield from (each.name for each in parsed.selectors if each.name)
