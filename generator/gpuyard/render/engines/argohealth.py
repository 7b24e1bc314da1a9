"""Health as Argo CD reads it: a Lua script for each kind, from the same data as Flux's CEL."""

from collections.abc import Iterable, Mapping
from typing import Any

from gpuyard.catalogue.health import Health

__all__ = ["settings"]

Object = dict[str, Any]

_CONFIG = "argocd-cm"
_SCRIPT = """\
local hs = {{status = "Progressing", message = "waiting for the condition {condition}"}}
if obj.status == nil or obj.status.conditions == nil then
  return hs
end
for _, each in ipairs(obj.status.conditions) do
  if each.type == "{condition}" then
    if each.status == "{status}" then
      return {{status = "Healthy", message = each.message or ""}}
    end
{failed}    hs.message = each.message or hs.message
  end
end
return hs
"""
_FAILED = """\
    if each.status == "{failed}" then
      return {{status = "Degraded", message = each.message or ""}}
    end
"""


def settings(namespace: str, health: Iterable[Health]) -> Object:
    """What Argo CD's own ConfigMap says of the kinds; a server-side apply leaves the rest of it as it is."""
    scripts = {f"resource.customizations.health.{_group(each)}_{each.kind}": _script(each) for each in health}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": _CONFIG,
            "namespace": namespace,
            # Without it Argo CD doesn't read its ConfigMap.
            "labels": {"app.kubernetes.io/name": _CONFIG, "app.kubernetes.io/part-of": "argocd"},
        },
        "data": dict(sorted(scripts.items())),
    }


def _group(health: Health) -> str:
    return health.api_version.rpartition("/")[0]


def _script(health: Health) -> str:
    """One of a kind, for Argo CD has one for all objects of it; the catalogue's words are plain names."""
    named: Mapping[str, str] = {"condition": health.condition, "status": health.status}
    failed = _FAILED.format(failed=health.failed) if health.failed else ""
    return _SCRIPT.format(**named, failed=failed)
