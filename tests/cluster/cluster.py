"""The small language of the tests: apply, wait, get, patch, delete, reconcile."""

import os
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPException
from uuid import uuid4

from tests.cluster import conditions
from tests.cluster.api import APPLY, MERGE, Api, Object, Resource
from tests.cluster.conditions import Check
from tests.cluster.errors import ApiError, NotFoundError, WaitError, WorldError
from tests.cluster.flux import kubectl_program
from tests.cluster.objects import Content, read, sort
from tests.cluster.pods import Pods
from tests.cluster.references import Reference, reference
from tests.cluster.report import explain
from tests.cluster.state import State

__all__ = ["Cluster"]

_MANAGER = "world"
_KIND_SECONDS = 15
_WATCH_SECONDS = 20  # then the object is read anew: a watch that has gone silent must not cost a whole wait


class Cluster:
    """One API server, seen as its administrator."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.api = Api(state.certificates)
        self.pods = Pods(state, self.api)

    def close(self) -> None:
        """Close the connections to the API server."""
        self.api.close()

    def apply(self, content: Content, *, dry_run: bool = False) -> list[str]:
        """Apply objects (a file, a directory, YAML text, objects) on the server's side; returns its warnings."""
        query = {"fieldManager": _MANAGER, "force": "true", **({"dryRun": "All"} if dry_run else {})}
        warnings: list[str] = []
        for item in sort(read(content)):
            metadata = item["metadata"]
            path = self._resource_of(item).path(metadata.get("namespace", "default"), metadata["name"])
            answer = self.api.send("PATCH", path, item, query=query, content_type=APPLY)
            warnings += [f"{item['kind']}/{metadata['name']}: {warning}" for warning in answer.warnings]
        return warnings

    def create(self, content: Content) -> None:
        """Create objects as they are, with their status where the API server takes one (nodes)."""
        for item in read(content):
            self.api.send("POST", self._resource_of(item).path(item["metadata"].get("namespace", "default")), item)

    def get(self, named: str) -> Object:
        """The object of this name; raises NotFoundError."""
        return self.api.get(self._path(reference(named)))

    def exists(self, named: str) -> bool:
        """Whether there is an object of this name."""
        try:
            self.get(named)
        except NotFoundError:
            return False
        return True

    def objects(
        self, kind: str, *, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> list[Object]:
        """All objects of a kind, in one namespace or in all, with these labels."""
        selector = ",".join(f"{name}={value}" for name, value in (labels or {}).items())
        query = {"labelSelector": selector} if selector else None
        items: list[Object] = self.api.get(self.api.resource(kind).path(namespace), query)["items"]
        return items

    def patch(self, named: str, change: Object, *, subresource: str = "") -> Object:
        """Merge this into the object; returns it as it is then."""
        path = self._path(reference(named), subresource)
        return self.api.send("PATCH", path, change, content_type=MERGE, query={"fieldManager": "by-hand"}).body

    def delete(self, named: str, *, within: float = 60) -> None:
        """Delete the object and wait until it is gone; one that isn't there is gone already."""
        self.discard(named)
        self.wait(named, "deleted", within=within)

    def discard(self, named: str) -> None:
        """Ask for the object's deletion and don't wait for it."""
        with suppress(NotFoundError):
            self.api.send("DELETE", self._path(reference(named)))

    def wait(self, named: str, condition: str | Check = "Ready", *, within: float) -> Object:
        """Wait for a condition ("Ready", "Ready=False", ".status.phase=Bound", "deleted" or a function of the object).

        Returns the object as it was then; raises WaitError with conditions, events and logs.
        """
        __tracebackhide__ = True  # the report below says more than this function's source
        wanted, check = reference(named), conditions.check(condition)
        began = time.monotonic()
        last: Object | None = None
        while True:
            left = began + within - time.monotonic()
            try:
                last, met = self._watch(wanted, self.api.resource(wanted.kind), check, left)
                if met:
                    return last or {}
            except (OSError, HTTPException):
                time.sleep(0.2)  # the API server is away, which ends
            except ApiError as error:
                if not error.is_passing:
                    raise
                time.sleep(0.2)
            if left <= 0:
                break
        said = conditions.name(condition)
        raise WaitError(explain(self.api, self.state, f"{wanted}: not {said} within {within:g} s", wanted, last))

    def reconcile(self, named: str, *, within: float = 60) -> Object:
        """Ask Flux to look at this object now, and wait until it has; what it found is in the object returned."""
        token = uuid4().hex
        self.patch(named, {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}})
        return self.wait(named, f".status.lastHandledReconcileAt={token}", within=within)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as an administrator would; returns its output, raises WorldError with its words."""
        command = [kubectl_program(), *arguments]
        env = {**os.environ, "KUBECONFIG": str(self.state.kubeconfig)}
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=env)
        if done.returncode:
            raise WorldError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def logs(self, namespace: str, pod: str) -> str:
        """What the really running pods whose names begin so have written."""
        files = sorted(
            (self.state.logs / "pods").glob(f"{namespace}_{pod}*.log"), key=lambda path: path.stat().st_mtime
        )
        return "".join(path.read_text(errors="replace") for path in files)

    def _watch(self, wanted: Reference, resource: Resource, check: Check, seconds: float) -> tuple[Object | None, bool]:
        """The object as last seen, and whether the check holds for it."""
        path = resource.path(wanted.namespace or ("default" if resource.namespaced else None))
        query = {"fieldSelector": f"metadata.name={wanted.name}"}
        listed = self.api.get(path, query)
        item: Object | None = next(iter(listed["items"]), None)
        if check(item) or seconds <= 0:
            return item, check(item)
        query["resourceVersion"] = listed["metadata"]["resourceVersion"]
        try:
            for kind, changed in self.api.watch(path, query, seconds=min(seconds, _WATCH_SECONDS)):
                item = None if kind == "DELETED" else changed
                if check(item):
                    return item, True
        except ApiError:
            pass  # the version is too old: the caller lists anew
        return item, False

    def _path(self, wanted: Reference, subresource: str = "") -> str:
        resource = self.api.resource(wanted.kind)
        return resource.path(wanted.namespace or "default", wanted.name, subresource)

    def _resource_of(self, item: Object) -> Resource:
        """The object's resource; a CRD applied a moment ago takes a moment to be served."""
        deadline = time.monotonic() + _KIND_SECONDS
        while True:
            try:
                return self.api.resource_of(item)
            except NotFoundError:
                if time.monotonic() > deadline or not self._is_promised(item):
                    raise
                time.sleep(0.1)

    def _is_promised(self, item: Object) -> bool:
        group = item["apiVersion"].partition("/")[0]
        crds = self.api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]
        return any(crd["spec"]["group"] == group and crd["spec"]["names"]["kind"] == item["kind"] for crd in crds)
