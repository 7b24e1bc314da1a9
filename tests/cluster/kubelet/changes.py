"""What happens to ConfigMaps and Secrets, watched once for all pods: each of them asking each second costs a core."""

import threading

from tests.cluster.api import Api, Object

__all__ = ["Changes", "Name"]

Name = tuple[str, str, str]
"""Kind as in paths, namespace, name."""


class Changes:
    """The newest version of every ConfigMap and Secret."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._versions: dict[Name, str] = {}

    def follow(self) -> None:
        """Begin to watch, for ever."""
        for kind in ("configmaps", "secrets"):
            threading.Thread(target=self._follow, args=(kind,), name=kind, daemon=True).start()

    def version(self, name: Name) -> str:
        """Changes with the object; empty as long as there is none."""
        return self._versions.get(name, "")

    def note(self, event: str, kind: str, item: Object) -> None:
        """Something has happened to one of them."""
        metadata = item["metadata"]
        name = kind, metadata["namespace"], metadata["name"]
        if event == "DELETED":
            self._versions.pop(name, None)
        else:
            self._versions[name] = metadata["resourceVersion"]

    def _follow(self, kind: str) -> None:
        for event, item in self._api.follow(f"/api/v1/{kind}"):
            self.note(event, kind, item)
