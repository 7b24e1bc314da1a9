"""The installed monitoring's own keys as values of its chart, and the Secrets that they name."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gpuyard.catalogue.chartimages import with_value
from gpuyard.catalogue.platform import Release, catalogue
from gpuyard.project.stack import Component, Stack
from gpuyard.resolve.overrides import Layer, at, merged
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.workload import KeyUse

__all__ = ["KEYS", "check", "configured", "impatient", "notes", "secrets"]

_Parts = Mapping[str, Any]
_PATIENT = "customRules"
"""Of the chart: other times for its own alerts."""
_TIME = re.compile(r"([0-9]+)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}


def _storage(component: Component, block: str) -> _Parts:
    """The rest of the volume is for what Prometheus writes before it deletes: its documentation says 80 to 85 %."""
    disk = component.storage
    if disk is None:
        return {}
    requests = {"requests": {"storage": disk.size}}
    name = disk.storage_class or block
    claim = {"accessModes": ["ReadWriteOnce"], "storageClassName": name, "resources": requests}
    return {"claim": claim, "limit": f"{int(disk.size.removesuffix('Gi')) * 1024 * 8 // 10}MiB"}


KEYS: Mapping[str, Callable[[Component, str], _Parts]] = {
    "retention": lambda component, _: {"duration": component.retention} if component.retention else {},
    "storage": _storage,
    "alertmanager": lambda component, _: (
        {"configSecret": component.alertmanager.config_secret} if component.alertmanager else {}
    ),
    "grafana": lambda component, _: {"adminSecret": component.grafana.admin_secret} if component.grafana else {},
}
"""What each key holds, by its parts, as the catalogue's options name them; the other argument is the block class."""


def configured(release: Release, component: Component, block: str) -> Release:
    """A release with its options, and without the images of those that are off."""
    values, chosen = release.values, set()
    for name, option in release.options.items():
        if parts := KEYS[name](component, block):
            chosen.add(name)
            values = merged(values, [Layer((), option.values)])
            for part, path in option.at.items():
                values = with_value(values, path, parts[part])
    images = tuple(each for each in release.known.images if each.option is None or each.option in chosen)
    return replace(release, values=values, known=replace(release.known, images=images))


def secrets(component: Component) -> Iterator[KeyUse]:
    """In the namespace of the release."""
    if component.alertmanager:
        purpose = "Alertmanager's configuration, with its receivers"
        yield KeyUse(component.alertmanager.config_secret, "alertmanager.yaml", purpose)
    if component.grafana:
        for key in ("admin-user", "admin-password"):
            yield KeyUse(component.grafana.admin_secret, key, "Grafana's administrator")


def check(stack: Stack, name: str, problems: Problems) -> None:
    """Keys of a component that isn't installed change nothing."""
    component = stack.platform.components[name]
    for key in KEYS:
        if getattr(component, key) and not component.enabled:
            message = "only applies where enabled is true; remove it"
            problems.add(stack.file, ("spec", "platform", name, key), message, key=True)


def impatient(stack: Stack, seconds: int) -> Iterator[str]:
    """Alerts of the installed monitoring that wait for a start, but not for so long."""
    for release in catalogue():
        component = stack.platform.components[release.component]
        if component.enabled and _PATIENT in release.values:
            values = merged(release.values, [Layer((), component.values or {})])
            for name in release.values[_PATIENT]:
                text = str(at(values, (_PATIENT, name, "for")))
                waits = sum(int(number) * _SECONDS[unit] for number, unit in _TIME.findall(text))
                if waits < seconds and not at(values, ("defaultRules", "disabled", name)):
                    yield name


def notes(stack: Stack, name: str) -> Iterator[str]:
    """Of a Grafana that the stack's own values switch on."""
    component = stack.platform.components[name]
    own = at(component.values, ("grafana",)) or {}
    secret = at(own, ("admin", "existingSecret")) or own.get("adminPassword")
    if own.get("enabled") and not component.grafana and not secret:
        yield (
            f"{stack.file}: spec.platform.{name}.values.grafana: its password is generated again with every rendering, "
            f"and its pod replaced; set spec.platform.{name}.grafana.adminSecret instead"
        )
