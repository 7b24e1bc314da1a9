"""Secrets and ConfigMaps that a cluster must have and nothing here makes: what reads them, and how to create them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gpuyard.render.engines import ENGINES
from gpuyard.resolve import Resolved
from gpuyard.resolve.workload import KeyUse

__all__ = ["KINDS", "Required", "required"]

KINDS = ("Secret", "ConfigMap")
_PULL = ".dockerconfigjson"
_TLS = ("tls.crt", "tls.key")


@dataclass(frozen=True, slots=True)
class Required:
    """A Secret or ConfigMap, and the keys that something reads; an empty key stands for all."""

    namespace: str
    kind: str
    name: str
    keys: tuple[str, ...]
    purpose: str

    @property
    def read(self) -> str:
        """The keys, for people."""
        return ", ".join(key or "all" for key in self.keys)

    @property
    def command(self) -> str:
        """The arguments of kubectl; a word in capitals is what to put in."""
        return f"--namespace {self.namespace} create {self._object()} {self.name} {self._content()}"

    def _object(self) -> str:
        if self.kind == "ConfigMap":
            return "configmap"
        return f"secret {'tls' if self.keys == _TLS else 'docker-registry' if self.keys == (_PULL,) else 'generic'}"

    def _content(self) -> str:
        """A file for each key, so that no shell remembers it; where all are read, they are the author's affair."""
        if self.kind == "Secret" and self.keys == _TLS:
            return "--cert=FILE --key=FILE"
        return " ".join(f"--from-file={key}=FILE" if key else "--from-file=FOLDER" for key in self.keys)


def required(resolved: Resolved, cluster: str | None = None) -> list[Required]:
    """Every one that a cluster must have, or any of them, in the order in which they are needed; Secrets first."""
    found: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for namespace, use in _uses(resolved, cluster):
        purposes = found.setdefault((namespace, use.kind, use.name), {}).setdefault(use.key, [])
        if use.purpose not in purposes:
            purposes.append(use.purpose)
    every = [Required(*names, tuple(keys), _purpose(keys)) for names, keys in found.items()]
    return sorted(every, key=lambda each: KINDS.index(each.kind))


def _purpose(keys: dict[str, list[str]]) -> str:
    """What all keys are for, or each of them."""
    texts = {key: "; ".join(purposes) for key, purposes in keys.items()}
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{key or 'all'}: {text}" for key, text in texts.items())


def _uses(resolved: Resolved, cluster: str | None) -> Iterator[tuple[str, KeyUse]]:
    """Each key with its namespace, as often as something reads it."""
    stack = resolved.stack
    yield from ENGINES[stack.engine].secrets(stack, resolved.releases)
    for release in resolved.releases:
        yield from ((release.namespace, use) for use in _pulls(release.pull_secrets))
        if (ca := stack.network.ca) and release.trusts:
            yield release.namespace, KeyUse(ca.name, ca.key, "certificate authorities of Prometheus", ca.kind)
    yield from ((stack.namespace, use) for use in _pulls(stack.images.pull_secrets))
    for placement in resolved.placements:
        if cluster in (None, placement.cluster):
            yield from ((stack.namespace, use) for use in placement.workload.needs.keys)


def _pulls(secrets: Sequence[str]) -> Iterator[KeyUse]:
    return (KeyUse(name, _PULL, "pulling images") for name in secrets)
