"""Identity: what a policy may say: the form of its statements, and the compartments and groups that they name."""

import re
from collections.abc import Iterator
from typing import Any

from tests.oci import hooks
from tests.oci.cloud import TENANCY, Cloud
from tests.oci.errors import Refused, invalid
from tests.oci.thing import Request, Thing

_STATEMENT = re.compile(
    r"(allow|endorse|admit|define)\s+(any-user|any-group|service|group|dynamic-group)\b.+\bto\s+.+\bin\s+"
    r"(tenancy|compartment)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_BY_ID = re.compile(r"\bin\s+compartment\s+id\s+'?(ocid1\.(?:compartment|tenancy)\.[\w.-]+)", re.IGNORECASE)
_BY_NAME = re.compile(r"\bin\s+compartment\s+(?!id\s)([\w.:-]+)", re.IGNORECASE)
_IN_TENANCY = re.compile(r"\bin\s+tenancy\b", re.IGNORECASE)
_GROUPS = re.compile(r"^\s*allow\s+dynamic-group\s+(.+?)\s+to\s", re.IGNORECASE | re.DOTALL)


@hooks.of(hooks.CHECKS, "policy")
def _check(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    _statements(cloud, body["compartmentId"], body["statements"])


@hooks.of(hooks.AMENDED, "policy")
def _amend(cloud: Cloud, thing: Thing, body: dict[str, Any]) -> None:
    if body.get("statements") is not None:
        _statements(cloud, thing.has["compartmentId"], body["statements"])


def _statements(cloud: Cloud, compartment: str, statements: list[str]) -> None:
    if not statements:
        raise invalid("statements: at least one is required")
    for each in statements:
        if not _STATEMENT.fullmatch(each):
            raise invalid(f"No permissions found: unable to parse policy statement: {each}")
        if _IN_TENANCY.search(each) and compartment != TENANCY:
            raise invalid(f"A statement about the tenancy belongs into a policy of the tenancy: {each}")
        for id in _BY_ID.findall(each):
            if not _below(cloud, compartment, _seen(cloud, cloud.things.get(id))):
                raise invalid(f"Compartment {{{id}}} does not exist or is not part of the policy compartment subtree")
        for path in _BY_NAME.findall(each):
            if _by_path(cloud, compartment, path) is None:
                raise _unknown("compartment", path)
        _groups(cloud, each)


def _groups(cloud: Cloud, statement: str) -> None:
    """Dynamic groups by their names, maybe with that of their domain: 'Default'/'nodes'."""
    found = _GROUPS.search(statement)
    for part in found[1].split(",") if found else []:
        name = part.split("/")[-1].strip(" '\"")
        if not name.startswith("id ") and not any(
            _seen(cloud, each) for each in cloud.all("dynamic_group") if each.has["name"] == name
        ):
            raise _unknown("dynamic group", name)


def _unknown(what: str, name: str) -> Refused:
    return invalid(
        f"The {what} {name} specified in the policy statement does not exist under current compartment hierarchy."
    )


def _seen(cloud: Cloud, thing: Thing | None) -> Thing | None:
    """A thing, unless it is gone, or too new to be seen."""
    return None if thing is None or thing.gone or cloud.misses(thing, "policies") else thing


def _below(cloud: Cloud, outer: str, inner: Thing | None) -> bool:
    """Whether a compartment is another one, or in it, however deep."""
    return inner is not None and outer in _line(cloud, inner)


def _line(cloud: Cloud, compartment: Thing) -> Iterator[str]:
    while True:
        yield compartment.id
        if compartment.id == TENANCY:
            return
        compartment = cloud.things[compartment.has["compartmentId"]]


def _by_path(cloud: Cloud, policy: str, path: str) -> Thing | None:
    """The compartment of a path of names, from the policy's own or one in it."""
    first, *rest = path.split(":")
    found = next((each for each in _named(cloud, first) if policy in {each.id, each.has["compartmentId"]}), None)
    for name in rest:
        found = next((each for each in _named(cloud, name) if found and each.has["compartmentId"] == found.id), None)
    return _seen(cloud, found)


def _named(cloud: Cloud, name: str) -> Iterator[Thing]:
    return (each for each in cloud.all("compartment") if each.has["name"].lower() == name.lower())
