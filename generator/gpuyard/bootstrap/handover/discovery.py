"""Where an API server has the objects of a kind; what it serves, it says itself."""

from collections.abc import Mapping
from typing import Any

from gpuyard.doors.kubernetes import Kubernetes, UnansweredError

__all__ = ["Paths"]


class Paths:
    """Of one API server; a kind that it does not serve (yet) is asked for again."""

    def __init__(self, api: Kubernetes) -> None:
        self._api = api
        self._known: dict[tuple[str, str], str] = {}

    def of(self, body: Mapping[str, Any]) -> str | None:
        """An object's path; None: its kind is not served."""
        listed = self.listed(body)
        return None if listed is None else f"{listed}/{body['metadata']['name']}"

    def listed(self, body: Mapping[str, Any]) -> str | None:
        """That of the list that it is in."""
        version, kind = body["apiVersion"], body["kind"]
        if (version, kind) not in self._known:
            self._learn(version)
        found = self._known.get((version, kind))
        return None if found is None else found.format(**{"namespace": "default", **body["metadata"]})

    def _learn(self, version: str) -> None:
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        try:
            rows = self._api.get(root)["resources"]
        except UnansweredError as error:
            if error.status != 404:
                raise
            return
        for row in rows:
            if "/" not in row["name"]:  # no part of another one, such as its status
                space = "/namespaces/{namespace}" if row["namespaced"] else ""
                self._known[version, row["kind"]] = f"{root}{space}/{row['name']}"
