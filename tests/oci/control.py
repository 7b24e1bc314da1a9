"""What a test in another process says to the cloud and hears from it, below /_cloud; and its state as a file."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from tests.oci import leftovers
from tests.oci.cloud import Cloud
from tests.oci.faults import How
from tests.oci.thing import Answer, Logged, Thing

_SET = (
    "home",
    "subscribed",
    "pace",
    "paces",
    "lag",
    "lags",
    "apart",
    "stale",
    "page",
    "capacity",
    "limits",
    "withheld",
    "addons",
    "kubernetes",
)
_HELD = ("tokens", "made", "seconds")


def respond(cloud: Cloud, method: str, target: str, body: bytes) -> Answer:
    """What README.md says of /_cloud."""
    said: dict[str, Any] = json.loads(body) if body else {}
    match (method, target.removeprefix("/_cloud/")):
        case ("GET", "live"):
            return Answer(cloud.live())
        case ("GET", "log"):
            return Answer([dataclasses.asdict(each) for each in cloud.log])
        case ("POST", "settings"):
            for key in said.keys() & set(_SET):
                setattr(cloud, key, said[key])
        case ("POST", "faults"):
            cloud.script.fail(**{**said, "how": How[said.get("how", "ANSWER")]})
        case ("POST", "works"):
            cloud.script.fail_work(**said)
        case ("POST", "turns"):
            cloud.script.turn(**said)
        case ("POST", "leftovers"):
            made = leftovers.KINDS[said.pop("kind")](cloud, said.pop("in"), **said)
            return Answer({"id": made.id})
        case ("POST", "revive"):
            cloud.script.revive()
        case _:
            return Answer({"code": "NotFound", "message": target}, status=404)
    return Answer({})


def save(cloud: Cloud, file: Path) -> None:
    """Write what there is, in one step."""
    state = {name: getattr(cloud, name) for name in (*_SET, *_HELD)}
    state["things"] = [dataclasses.asdict(each) for each in cloud.things.values()]
    state["log"] = [dataclasses.asdict(each) for each in cloud.log]
    state["known"] = cloud.keys.known
    new = file.with_name(f"{file.name}.new")
    new.write_text(json.dumps(state), encoding="utf-8")
    new.replace(file)


def load(file: Path) -> Cloud:
    """The cloud that `save` wrote."""
    state = json.loads(file.read_text(encoding="utf-8"))
    cloud = Cloud(**{name: state[name] for name in (*_SET, *_HELD)})
    cloud.things = {each["id"]: Thing(**each) for each in state["things"]}
    cloud.log = [Logged(**each) for each in state["log"]]
    cloud.keys.known = state["known"]
    return cloud
