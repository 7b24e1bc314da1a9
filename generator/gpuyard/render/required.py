"""Secrets and ConfigMaps that a cluster must have and nothing here makes: what reads them, and how to create them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gpuyard.render.engines import ENGINES
from gpuyard.resolve import Resolved, Workload, monitoring
from gpuyard.resolve.workload import KeyUse, Own

__all__ = ["Required", "blueprint_uses", "objects", "required", "stack_uses"]

Use = tuple[str, KeyUse]
"""A key and the namespace that it is in."""

_KINDS = ("Secret", "ConfigMap")
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
    literals: tuple[tuple[str, str], ...] = ()
    """Keys with what they hold, where that is no secret."""

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
        known = dict(self.literals)
        named = (
            f"--from-literal={key}={known[key]}" if key in known else f"--from-file={key}=FILE" for key in self.keys
        )
        return " ".join(text if key else "--from-file=FOLDER" for key, text in zip(self.keys, named, strict=True))


def required(resolved: Resolved, cluster: str) -> list[Required]:
    """Every one that a cluster must have, in the order in which they are needed; Secrets first."""
    here = [each.workload for each in resolved.placements if each.cluster == cluster]
    own = (use for workload in here for use in blueprint_uses(resolved, cluster, workload))
    return objects((*stack_uses(resolved, cluster), *own))


def objects(uses: Iterable[Use]) -> list[Required]:
    """The objects that hold keys; one that is read several times comes once."""
    found: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    literals: dict[tuple[str, str, str], dict[str, str]] = {}
    for namespace, use in uses:
        if use.literal:
            literals.setdefault((namespace, use.kind, use.name), {})[use.key] = use.literal
        purposes = found.setdefault((namespace, use.kind, use.name), {}).setdefault(use.key, [])
        if use.purpose not in purposes:
            purposes.append(use.purpose)
    every = [
        Required(*names, tuple(keys), _purpose(keys), tuple(literals.get(names, {}).items()))
        for names, keys in found.items()
    ]
    return sorted(every, key=lambda each: _KINDS.index(each.kind))


def stack_uses(resolved: Resolved, cluster: str) -> list[Use]:
    """What a cluster needs whatever runs there, as often as something reads it."""
    return list(_of_site(resolved.own.get(cluster, resolved)))


def blueprint_uses(resolved: Resolved, cluster: str, workload: Workload) -> list[Use]:
    """What a cluster needs in addition where it runs a blueprint."""
    here = resolved.own.get(cluster, resolved)
    known = {(namespace, use.kind, use.name, use.key) for namespace, use in _of_site(here)}
    every = ((here.stack.namespace, use) for use in workload.needs.keys)
    return [(there, use) for there, use in every if (there, use.kind, use.name, use.key) not in known]


def _purpose(keys: dict[str, list[str]]) -> str:
    """What all keys are for, or each of them."""
    texts = {key: "; ".join(purposes) for key, purposes in keys.items()}
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{key or 'all'}: {text}" for key, text in texts.items())


def _of_site(site: Resolved | Own) -> Iterator[Use]:
    """Of the stack's settings, or of those of a cluster that differs."""
    stack = site.stack
    yield from ENGINES[stack.engine].secrets(stack, site.releases)
    ca = stack.network.ca
    for release in site.releases:
        yield from ((release.namespace, use) for use in _pulls(release.pull_secrets))
        if release.options:
            yield from (
                (release.namespace, use) for use in monitoring.secrets(stack.platform.components[release.component])
            )
        if ca and release.trusts:
            yield release.namespace, KeyUse(ca.name, ca.key, "certificate authorities of Prometheus", ca.kind)
    yield from ((stack.namespace, use) for use in _pulls(stack.images.pull_secrets))
    if ca:
        purpose = "certificate authorities that models and downloads trust"
        yield stack.namespace, KeyUse(ca.name, ca.key, purpose, ca.kind)


def _pulls(secrets: Sequence[str]) -> Iterator[KeyUse]:
    return (KeyUse(name, _PULL, "pulling images") for name in secrets)
