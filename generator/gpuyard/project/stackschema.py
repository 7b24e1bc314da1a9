"""The schema of stack.yaml, with the keys and names that follow from the catalogue and from the engines."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from gpuyard.catalogue import alerts
from gpuyard.catalogue.platform import Switch, catalogue
from gpuyard.project.answered import answer, answer_at
from gpuyard.project.stack import SITE, Engine

__all__ = ["filled"]

Schema = dict[str, Any]


def filled(written: Mapping[str, Any]) -> Schema:
    """The schema as it is written, and a key for each component of the platform, and the engines there are."""
    schema = deepcopy(dict(written))
    settings = schema["properties"]["spec"]["properties"]
    for place in (settings["engine"], settings["moved"]["properties"]["engine"]):
        place["enum"] = [engine.value for engine in Engine]
    _refuse(schema["properties"]["metadata"]["properties"]["name"], [engine.namespace for engine in Engine])
    keys, template = schema["$defs"]["platform"]["properties"], schema["$defs"].pop("component")
    for release in catalogue():
        if release.switch:
            own = keys.get(release.component, {})
            keys[release.component] = _component(release.switch, release.version, template, own)
    _name_alerts(schema["properties"]["spec"]["properties"]["alerts"]["properties"])
    answer(schema, "stack")
    _add_site(schema)
    return schema


def _add_site(schema: Schema) -> None:
    """The settings that a cluster may set differently: as the stack's, but each may be left out or be empty."""
    settings, cluster = schema["properties"]["spec"]["properties"], schema["$defs"]["cluster"]
    for key in SITE:
        own = _partial(settings[key], schema)
        text = f"Merged over the stack's `{key}`, only in this cluster; an empty value (null) removes the stack's."
        own["description"] = text
        schema["$defs"][f"own-{key}"] = own
        cluster["properties"][key] = {"$ref": f"#/$defs/own-{key}"}
    vllm = settings["vllm"]["properties"].items()
    schema["$defs"]["placed"]["properties"]["vllm"]["properties"] = {
        name: {key: value for key, value in part.items() if key != "default"} for name, part in vllm
    }
    others = (key for key in settings if key not in (*SITE, "clusters"))
    answer_at(cluster, {key: f"is one for all clusters; set it as spec.{key}" for key in others})


def _partial(part: Schema, root: Schema) -> Schema:
    """A schema without what must be there and what is there by itself; what is in a list is whole all the same."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        part = {**root["$defs"][name], **{key: value for key, value in part.items() if key != "$ref"}}
    found = {key: value for key, value in part.items() if key not in ("default", "required")}
    if isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    if "properties" in found:
        found["properties"] = {name: _partial(each, root) for name, each in found["properties"].items()}
    if isinstance(found.get("additionalProperties"), Mapping):
        found["additionalProperties"] = _partial(found["additionalProperties"], root)
    return found


def _name_alerts(keys: Schema) -> None:
    """The alerts that there are to switch off, and a key for each of their thresholds."""
    known = alerts.catalogue()
    keys["disabled"]["items"]["enum"] = [alert.name for alert in known.alerts]
    keys["thresholds"]["properties"] = {
        name: {
            "type": "number",
            "default": each.default,
            "minimum": each.minimum,
            "maximum": each.maximum,
            "description": each.description,
        }
        for name, each in known.thresholds.items()
    }


def _refuse(name: Schema, taken: Iterable[str]) -> None:
    """Names that an engine gives to objects of its own."""
    names = tuple(taken)
    name["pattern"] = name["pattern"].replace("^", f"^(?!({'|'.join(names)})$)", 1)
    name["x-error"] += f"; {' and '.join(names)} would be the engine's own"


def _component(switch: Switch, version: str, template: Schema, own: Schema) -> Schema:
    """A component's key: what all have, and what is written for this one."""
    key = deepcopy(template)
    key["description"] = switch.description
    key["properties"]["enabled"]["default"] = switch.default
    if switch.without:
        key["properties"]["enabled"]["description"] += " False: the cluster has it already."
    key["properties"]["version"]["x-error"] += version
    for name, part in own.get("properties", {}).items():
        key["properties"][name] = {**key["properties"].get(name, {}), **part}
    return key
