"""Which charts of the platform a stack wants, from where, and with whose images."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gpuyard.catalogue.chartimages import with_images, with_value
from gpuyard.catalogue.images import image
from gpuyard.catalogue.platform import Access, Release, catalogue
from gpuyard.project.credentials import CertificateAuthority
from gpuyard.project.stack import Images, Network, Platform, Stack
from gpuyard.resolve import monitoring, nodes, prometheus, promrules, proxy
from gpuyard.resolve.added import added_kinds, added_namespaces
from gpuyard.resolve.overrides import Layer, at, given, merged, replaced
from gpuyard.resolve.problems import Problems

__all__ = ["check", "notes", "releases"]

_VOLUME = "site-ca"
_NAMES = ("nameOverride", "fullnameOverride", "namespaceOverride")


def releases(
    platform: Platform, images: Images, network: Network, *, storage: Mapping[str, str], locked: Mapping[str, str]
) -> tuple[Release, ...]:
    """The releases that a stack wants, in the order of their layers and names; their values pull its images."""
    wanted = []
    for release in catalogue():
        component = platform.components[release.component]
        if not component.enabled:
            continue
        # A version names the component's own chart; the CRDs' chart has versions of its own.
        if component.version and release.switch:
            release = replace(release, version=component.version)
        if platform.registry:
            release = replace(release, repository=platform.registry, insecure=platform.insecure)
        release = replace(release, access=_access(release, platform, network))
        if release.gpu_nodes:
            release = replace(release, values=with_value(release.values, release.gpu_nodes, nodes.with_nvidia()))
        release = monitoring.configured(release, component, storage["block"])
        release = _with_images(release, images, locked)
        if network.ca and prometheus.asked_by_https(platform):
            release = _trusting(release, network.ca)
        release = replace(release, computed=release.values)
        if layer := _layer(release, platform):
            release = _with_added(replace(release, values=merged(release.values, [layer])), layer.values)
        wanted.append(release)
    return tuple(wanted)


def _with_added(release: Release, values: Mapping[str, Any]) -> Release:
    """What objects among the stack's own values bring outside of its namespace: an engine may have to permit it."""
    kinds = {group: set(names) for group, names in release.outside_kinds.items()}
    for group, names in added_kinds(values).items():
        kinds[group] = kinds.get(group, set()).union(names)
    spaces = dict.fromkeys((*release.outside_namespaces, *added_namespaces(values)))
    return replace(
        release,
        outside_kinds={group: tuple(sorted(names)) for group, names in kinds.items()},
        outside_namespaces=tuple(each for each in spaces if each != release.namespace),
    )


def check(stack: Stack, problems: Problems) -> None:
    """A login for nothing, and values of the stack's own that nobody reads or that something else counts on."""
    if stack.platform.registry_secret and not stack.platform.registry:
        message = "only applies to charts from a mirror; add registry: oci://host/path, or remove it"
        problems.add(stack.file, ("spec", "platform", "registrySecret"), message, key=True)
    for release in catalogue():
        _check_version(release, stack, problems)
        if release.options:
            monitoring.check(stack, release.component, problems)
        if not (layer := _layer(release, stack.platform)):
            continue
        if not stack.platform.components[release.component].enabled:
            message = "only applies where the component is installed; remove it, or set enabled: true"
            problems.add(stack.file, layer.path, message, key=True)
            continue
        for path, message in promrules.wrong(layer.values):
            problems.add(stack.file, (*layer.path, *path), message)
        fixed = _fixed(release)
        for path, value in given(layer.values):
            name = ".".join(map(str, path))
            ours = isinstance(at(release.values, path), Mapping) or any(each.startswith(f"{name}.") for each in fixed)
            if reason := fixed.get(name):
                problems.add(stack.file, (*layer.path, *path), reason, key=True)
            elif ours and not isinstance(value, Mapping):
                message = "must be a mapping, because gpuyard sets values in it"
                problems.add(stack.file, (*layer.path, *path), message)


def _check_version(release: Release, stack: Stack, problems: Problems) -> None:
    """Of the component's own chart, which is the one that the stack names."""
    version = stack.platform.components[release.component].version
    if version and release.switch and release.oldest:
        oldest, because = release.oldest
        if _numbers(version) < _numbers(oldest):
            message = f"{version} is too old; {oldest} or newer, because {because}"
            problems.add(stack.file, ("spec", "platform", release.component, "version"), message)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def notes(stack: Stack, wanted: Iterable[Release], kinds: Collection[tuple[str, str]]) -> Iterator[str]:
    """What nothing uses, and what the stack's own values replace of ours; `kinds` are those of authors' objects."""
    for release in wanted:
        brought = {(version, kind) for version, names in release.provides.items() for kind in names}
        if release.options:
            yield from monitoring.notes(stack, release.component)
        if release.switch and release.switch.notice:
            yield f"{stack.file}: spec.platform.{release.component}: {release.switch.notice}"
        if release.switch and release.switch.unused and not brought & set(kinds):
            yield f"{stack.file}: spec.platform.{release.component}: {release.switch.unused}"
        if layer := _layer(release, stack.platform):
            yield from (f"{stack.file}: {each}" for each in replaced(release.computed, [layer], release.values))


def _layer(release: Release, platform: Platform) -> Layer | None:
    """The stack's own values: those of a component are for its own chart, not for that of its definitions."""
    values = platform.components[release.component].values
    return Layer(("spec", "platform", release.component, "values"), values) if values and release.switch else None


def _fixed(release: Release) -> Mapping[str, str]:
    """Values that a stack can't set, and what to do instead."""
    named = dict.fromkeys(_NAMES, "gpuyard finds its objects by their names; remove it")
    where = "images come from spec.images.mirrors and images.lock; set those instead"
    pulled = {path: where for each in release.known.images for path in each.values.values()}
    switch = f"set spec.platform.{release.component}.enabled instead"
    return {"enabled": switch, **named, **pulled, **release.fixed}


def _access(release: Release, platform: Platform, network: Network) -> Access:
    """By which Secrets the repository of its chart is reached."""
    host = release.repository.partition("://")[2]
    through = proxy.passes(network, f"http{'' if release.insecure else 's'}://{host}")
    return Access(
        ca=network.ca.name if network.ca and not release.insecure else None,
        login=platform.registry_secret if platform.registry else None,
        proxy=network.proxy.secret if network.proxy and through else None,
        proxied=through,
    )


def _trusting(release: Release, ca: CertificateAuthority) -> Release:
    """A chart whose pods ask Prometheus."""
    if release.trust is None:
        return release
    held = {"secretName" if ca.secret else "name": ca.name, "items": [{"key": ca.key, "path": "ca.crt"}]}
    volume = {"name": _VOLUME, "secret" if ca.secret else "configMap": held}
    mount = {"name": _VOLUME, "mountPath": release.trust.folder, "readOnly": True}
    values = with_value(release.values, release.trust.volumes, [volume])
    return replace(release, values=with_value(values, release.trust.mounts, [mount]), trusts=True)


def _with_images(release: Release, images: Images, locked: Mapping[str, str]) -> Release:
    """Mirrors hold for every version of a chart, digests for the one whose images are known.

    Where its project publishes, images are public: pull secrets are for mirrors.
    """
    known = release.version == release.known.version
    pulled = [image(each.repository, each.tag, mirrors=images.mirrors, locked=locked) for each in release.known.images]
    if not known:
        pulled = [replace(each, digest=None) for each in pulled]
    values = with_images(release.values, zip(release.known.images, pulled, strict=True))
    secrets: tuple[str, ...] = ()
    if release.pull_secrets_at and images.pull_secrets and any(each.mirror for each in pulled):
        secrets = images.pull_secrets
        values = with_value(values, release.pull_secrets_at, [{"name": name} for name in secrets])
    return replace(release, values=values, images=tuple(pulled) if known else None, pull_secrets=secrets)
