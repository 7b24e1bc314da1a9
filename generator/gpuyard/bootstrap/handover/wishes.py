"""What a cluster is to have before its engine can follow the stack. Pure."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gpuyard.bootstrap.handover import hostkeys
from gpuyard.bootstrap.handover.engineobjects import engine_objects
from gpuyard.bootstrap.handover.policyengine import PROGRAM, calico_objects, how
from gpuyard.bootstrap.handover.policyengine import wanted as wants_calico
from gpuyard.catalogue.engines import Manifests
from gpuyard.project.stack import Engine, Stack
from gpuyard.render import argosources
from gpuyard.render.engines import ENGINES
from gpuyard.render.required import Required, required
from gpuyard.resolve import Resolved

__all__ = ["PUBLIC_KEY", "Given", "Part", "Site", "Wish", "Wishes", "wishes"]

PUBLIC_KEY = "gpuyard.dev/public-key"
"""Annotation of the Secret with a deploy key: its other half, so that nobody has to read the Secret."""
_PRIVATE = {Engine.FLUX: "identity", Engine.ARGOCD: "sshPrivateKey"}
_TYPES = {(".dockerconfigjson",): "kubernetes.io/dockerconfigjson", ("tls.crt", "tls.key"): "kubernetes.io/tls"}
_LABEL = "argocd.argoproj.io/secret-type"
Given = Mapping[tuple[str, str], Mapping[str, bytes]]
"""Values by key, by namespace and name of what holds them."""


class Part(StrEnum):
    """What an object is for; in the order in which they are made."""

    NETWORK = "network"
    NAMESPACE = "namespace"
    SECRET = "secret"  # noqa: S105 - the kind of an object
    ENGINE = "engine"
    ENTRY = "entry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """An object that is to be there."""

    part: Part
    body: Mapping[str, Any] = field(repr=False)
    kept: bool = False
    """Nobody else keeps it in step with the repository: where it differs, it is applied again."""
    private_key: str = ""
    """Key of its data that gets a new deploy key when it is made."""

    @property
    def id(self) -> str:
        """As people name it."""
        metadata = self.body["metadata"]
        return f"{self.body['kind']} {'/'.join(filter(None, (metadata.get('namespace'), metadata['name'])))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One cluster, and what the user gave for it."""

    resolved: Resolved
    cluster: str
    manifests: Manifests
    given: Given = field(default_factory=dict, repr=False)
    known_hosts: str = ""
    """Text of a file of that name."""
    facts: Sequence[Mapping[str, Any]] = ()
    """Objects of the cluster's facts file, for an engine that does not read it."""
    calico: Sequence[Mapping[str, Any]] = ()
    """Objects of Calico's own manifest, where the user gave it."""

    @property
    def stack(self) -> Stack:
        """With the settings that hold in the cluster."""
        return self.resolved.stack_at(self.cluster)


@dataclass(frozen=True, slots=True)
class Wishes:
    """Objects in the order in which they are made, and what is left to people."""

    objects: tuple[Wish, ...]
    left: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Why nothing may be written."""
    unless: tuple[tuple[Wish, str], ...] = ()
    """What is left to people, too, unless an object is there."""

    @property
    def looked_for(self) -> tuple[Wish, ...]:
        """Whatever has to be known of the cluster."""
        return (*self.objects, *(wish for wish, _ in self.unless))


def wishes(site: Site) -> Wishes:
    """Of one cluster."""
    stack = site.stack
    network, unless = _network(site)
    if stack.argocd.hub and stack.engine is Engine.ARGOCD:
        text = f"spec.argocd.hub: {stack.argocd.hub} syncs it; the README says how it is added there"
        return Wishes(network, (text,), unless=unless)
    needed = required(site.resolved, site.cluster)
    known, problems = _known_hosts(site)
    held = [each for each in (_held(site, one, known) for one in needed) if each]
    left = [_by_hand(site, each) for each in needed if _held(site, each, known) is None]
    engine: list[Wish] = []
    entry: list[Wish] = []
    if stack.repository.source:
        left.append(f"Flux reads the repository by {stack.repository.source}: the README has the Kustomization to add")
    else:
        made = engine_objects(stack, site.manifests.objects, known)
        engine = [Wish(part=Part.ENGINE, body=each) for each in made]
        entry = list(_entry(site))
        problems += _lacking(stack, site.manifests)
    spaces = dict.fromkeys(each.body["metadata"]["namespace"] for each in held)
    own = {each.id for each in engine}
    first = [each for each in map(_namespace, spaces) if each.id not in own]
    return Wishes((*network, *_ordered(first, engine, held), *entry), tuple(left), tuple(problems), unless)


def _network(site: Site) -> tuple[tuple[Wish, ...], tuple[tuple[Wish, str], ...]]:
    """What enforces NetworkPolicy, which comes first; or what to do for it, unless it is there."""
    cluster = next(each for each in site.resolved.stack.clusters if each.name == site.cluster)
    if not wants_calico(site.resolved.stack, cluster):
        return (), ()
    if not site.calico:
        return (), ((Wish(part=Part.NETWORK, body=PROGRAM), how()),)
    return tuple(Wish(part=Part.NETWORK, body=each) for each in calico_objects(site.stack, site.calico)), ()


def _ordered(first: list[Wish], engine: list[Wish], held: list[Wish]) -> Iterator[Wish]:
    """The engine's namespace comes before the Secrets in it, and its programs after them."""
    yield from first
    yield from (each for each in engine if each.body["kind"] == "Namespace")
    yield from held
    yield from (each for each in engine if each.body["kind"] != "Namespace")


def _namespace(name: str) -> Wish:
    return Wish(part=Part.NAMESPACE, body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def _lacking(stack: Stack, manifests: Manifests) -> list[str]:
    told = stack.flux.notifications or stack.flux.receiver
    return [
        f"spec.flux needs the {part}, which the manifests of gpuyard do not have: give those of "
        f"`flux install --export` by --engine-manifests"
        for part in manifests.lacks
        if told and stack.engine is Engine.FLUX
    ]


def _known_hosts(site: Site) -> tuple[str, list[str]]:
    """The lines of the repository's host; a host that nobody vouches for is a problem."""
    repository = site.stack.repository
    url = repository.url
    if not url.startswith("ssh") or repository.oci or repository.source:
        return "", []
    host = hostkeys.host_of(url)
    if lines := hostkeys.lines_of(host, site.known_hosts):
        return lines, []
    return "", [
        f"nobody has said which SSH host keys {host} has: give them by --known-hosts FILE, as its administrator "
        "publishes them"
    ]


def _held(site: Site, needed: Required, known: str) -> Wish | None:
    """A Secret or ConfigMap with all its keys; None: something is missing."""
    stack, engine = site.stack, site.stack.engine
    values = {key: text.encode() for key, text in needed.literals}
    private = ""
    if (needed.namespace, needed.name) == (engine.namespace, stack.repository.secret) and known:
        private = _PRIVATE[engine]
        values |= {"known_hosts": known.encode()} if engine is Engine.FLUX else {}
    given = site.given.get((needed.namespace, needed.name), {})
    values |= given
    private = "" if private in values else private
    if not given.keys() if "" in needed.keys else set(needed.keys) - values.keys() - {private}:
        return None
    return Wish(part=Part.SECRET, body=_holder(stack, needed, values), private_key=private)


def _holder(stack: Stack, needed: Required, values: Mapping[str, bytes]) -> dict[str, Any]:
    labels = argosources.kinds(stack) if stack.engine is Engine.ARGOCD else {}
    metadata: dict[str, Any] = {"name": needed.name, "namespace": needed.namespace}
    if needed.namespace == stack.engine.namespace and needed.name in labels:
        metadata["labels"] = {_LABEL: labels[needed.name]}
    body: dict[str, Any] = {"apiVersion": "v1", "kind": needed.kind, "metadata": metadata}
    encoded = {key: b64encode(value).decode() for key, value in sorted(values.items())}
    if needed.kind == "ConfigMap":
        return {**body, "binaryData": encoded}
    return {**body, "type": _TYPES.get(needed.keys, "Opaque"), "data": encoded}


def _by_hand(site: Site, needed: Required) -> str:
    context = site.cluster
    return (
        f"{needed.kind} {needed.namespace}/{needed.name} ({needed.read}), {needed.purpose}: give it by --secret, or "
        f"`kubectl --context {context} {needed.command}`"
    )


def _entry(site: Site) -> Iterator[Wish]:
    """What makes the engine follow the repository; what an engine does not keep in step itself, gpuyard does."""
    stack, cluster = site.stack, site.cluster
    engine = ENGINES[stack.engine]
    by_hand = engine.by_hand(stack, cluster)
    file = by_hand.name if by_hand else "sync.yaml"
    for each in (*(site.facts if by_hand else ()), *engine.cluster(site.resolved.at(cluster), cluster, {})[file]):
        yield Wish(part=Part.ENTRY, body=each, kept=bool(by_hand) and each not in site.facts)
