"""Kubernetes' API as far as a hand-over asks it: discovery, server-side apply, and programs that run at once."""

from base64 import b64encode
from collections.abc import Mapping
from copy import deepcopy
from typing import Any
from urllib.parse import parse_qs

from tests.fakekubernetes import FakeKubernetes

__all__ = ["FakeCluster"]

_KINDS: Mapping[str, Mapping[str, tuple[str, bool]]] = {
    "v1": {
        "Namespace": ("namespaces", False),
        "Secret": ("secrets", True),
        "ConfigMap": ("configmaps", True),
        "Service": ("services", True),
        "ServiceAccount": ("serviceaccounts", True),
        "ResourceQuota": ("resourcequotas", True),
    },
    "apps/v1": {
        "Deployment": ("deployments", True),
        "StatefulSet": ("statefulsets", True),
        "DaemonSet": ("daemonsets", True),
    },
    "networking.k8s.io/v1": {"NetworkPolicy": ("networkpolicies", True)},
    "storage.k8s.io/v1": {"StorageClass": ("storageclasses", False)},
    "apiextensions.k8s.io/v1": {"CustomResourceDefinition": ("customresourcedefinitions", False)},
    "rbac.authorization.k8s.io/v1": {
        "Role": ("roles", True),
        "RoleBinding": ("rolebindings", True),
        "ClusterRole": ("clusterroles", False),
        "ClusterRoleBinding": ("clusterrolebindings", False),
    },
}
Object = dict[str, Any]


class FakeCluster(FakeKubernetes):
    """It keeps objects by path, with who manages them; what is there already is merged as an API server does it."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: dict[str, dict[str, tuple[str, bool]]] = {group: dict(rows) for group, rows in _KINDS.items()}
        self.writes: list[str] = []
        """Method and path of those that were carried out, in their order."""
        self.requests = 0
        self.dies_after = -1
        """Request after which nobody hears any more: as if the client had been killed."""
        self.says: dict[str, Object] = {}
        """Status by the end of a path, in the place of that of one that works."""

    def revive(self) -> None:
        """Another client comes."""
        self.requests, self.dies_after = 0, -1

    def named(self, kind: str) -> list[str]:
        """Names of all objects of a kind."""
        return sorted(each["metadata"]["name"] for each in self.objects.values() if each["kind"] == kind)

    def put(self, path: str, body: Object, manager: str = "somebody") -> None:
        """What is there from the beginning."""
        self.objects[path] = self._managed(deepcopy(body), manager)
        self._learn(body)

    def answer(self, method: str, path: str, body: Object | None) -> tuple[int, Object]:
        if 0 <= self.dies_after <= self.requests:
            return 0, {}
        self.requests += 1
        found = self._answer(method, path, body)
        return (0, {}) if self.requests == self.dies_after else found

    def _answer(self, method: str, path: str, body: Object | None) -> tuple[int, Object]:
        path, _, query = path.partition("?")
        manager = parse_qs(query).get("fieldManager", [""])[0]
        for end, status in self.refuses.items():
            if path.endswith(end):
                return status, {"message": "by this test"}
        if method == "POST" and body is not None:
            return self._create(path, body, manager)
        if method == "PATCH" and body is not None:
            return self._apply(path, body, manager)
        if path.startswith(("/api/", "/apis/")) and (rows := self._served(path)):
            return 200, {"resources": rows}
        if path in self.objects:
            found = self.objects[path]
            return 200, {**found, "status": self._state(path, found)}
        return 404, {"message": "not found"}

    def _served(self, path: str) -> list[Object]:
        version = path.removeprefix("/apis/").removeprefix("/api/")
        rows = self.kinds.get(version, {})
        return [{"kind": kind, "name": name, "namespaced": spaced} for kind, (name, spaced) in rows.items()]

    def _create(self, path: str, body: Object, manager: str) -> tuple[int, Object]:
        whole = f"{path}/{body['metadata']['name']}"
        if missing := self._missing(whole):
            return 404, {"message": missing}
        if whole in self.objects:
            return 409, {"message": f"{whole} already exists"}
        return self._write("POST", whole, body, manager)

    def _apply(self, path: str, body: Object, manager: str) -> tuple[int, Object]:
        if missing := self._missing(path):
            return 404, {"message": missing}
        there = self.objects.get(path)
        if there and not _same(body, there) and manager not in _managers(there):
            return 409, {"message": "conflict with another field manager"}
        return self._write("PATCH", path, _merged(there or {}, body), manager)

    def _missing(self, path: str) -> str:
        space = path.partition("/namespaces/")[2]
        name, slash, _ = space.partition("/")
        return f"namespaces {name} not found" if slash and f"/api/v1/namespaces/{name}" not in self.objects else ""

    def _write(self, method: str, path: str, body: Object, manager: str) -> tuple[int, Object]:
        self.writes.append(f"{method} {path}")
        self.objects[path] = self._managed(_stored(deepcopy(body)), manager)
        self._learn(body)
        return 201, self.objects[path]

    def _managed(self, body: Object, manager: str) -> Object:
        managers = [*_managers(body), *([] if manager in _managers(body) else [manager])]
        body["metadata"] |= {"managedFields": [{"manager": each} for each in managers], "generation": 1}
        return body

    def _learn(self, body: Object) -> None:
        if body["kind"] == "CustomResourceDefinition":
            spec = body["spec"]
            for version in spec["versions"]:
                known = self.kinds.setdefault(f"{spec['group']}/{version['name']}", {})
                known[spec["names"]["kind"]] = (spec["names"]["plural"], spec["scope"] == "Namespaced")

    def _state(self, path: str, found: Object) -> Object:
        """Of one that works."""
        for end, status in self.says.items():
            if path.endswith(end):
                return status
        good = [{"type": name, "status": "True"} for name in ("Ready", "Available", "Established")]
        return {"conditions": good, "observedGeneration": 1, "readyReplicas": 9, "sync": {"status": "Synced"}}


def _stored(body: Object) -> Object:
    """The texts of a Secret become its data."""
    for key, text in body.pop("stringData", {}).items():
        body.setdefault("data", {})[key] = b64encode(text.encode()).decode()
    return body


def _managers(body: Object) -> list[str]:
    return [each["manager"] for each in body["metadata"].get("managedFields", ())]


def _same(wanted: Any, there: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(key not in there or _same(wanted[key], there[key]) for key in wanted)
    return bool(wanted == there)


def _merged(there: Object, body: Object) -> Object:
    made = {**there}
    for key, value in body.items():
        old = there.get(key)
        made[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return made
