"""Whether a cluster's file of facts holds only what `gpuyard bootstrap` writes: engines apply it, no lock has it."""

import re
from collections.abc import Mapping
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.errors import InputError
from gpuyard.project.stack import Stack
from gpuyard.tree import FACTS

__all__ = ["only_facts"]

_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "provisioner": "fss.csi.oraclecloud.com",
}
_BETWEEN = re.compile(r"^---\n", re.MULTILINE)
_MAP = {"apiVersion": "v1", "kind": "ConfigMap"}


def only_facts(stack: Stack, text: str) -> bool:
    """Classes of file storage, and the ConfigMap of OCIDs; whatever else there is, a pull request brought along."""
    try:  # by the strict reader, one document at a time: an alias could stand for a million objects
        found = [yamlio.read(part.encode(), str(FACTS)).value for part in _BETWEEN.split(text)]
    except InputError:
        return False
    place = {"name": stack.named("oci"), "namespace": stack.engine.namespace}
    return stack.oci is not None and all(
        (_is(each, _CLASS, "parameters") and _named(each)) or (_is(each, _MAP, "data") and each["metadata"] == place)
        for each in found
    )


def _is(each: Any, wanted: Mapping[str, str], content: str) -> bool:
    """With these fields, metadata, and texts in one more."""
    return (
        isinstance(each, Mapping)
        and each.keys() == {*wanted, "metadata", content}
        and all(each[key] == value for key, value in wanted.items())
        and isinstance(each[content], Mapping)
        and all(isinstance(value, str) for value in each[content].values())
    )


def _named(each: Mapping[str, Any]) -> bool:
    """By its name alone: no annotation makes it the cluster's default."""
    return isinstance(each["metadata"], Mapping) and each["metadata"].keys() == {"name"}
