"""A namespace for the pods of a probe: what they are, when they are done, and that nothing of them stays."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

from gpuyard.doors.kubernetes import Kubernetes, UnansweredError
from gpuyard.errors import ToolError

__all__ = ["Bench", "bench"]

_PREFIX = "gpuyard-probe"
_USER = 10001
"""As whom models run."""
_SECONDS = 180
_TICK = 1.0
_OVER = ("Succeeded", "Failed")


class Bench:
    """A namespace that is there for one probe."""

    def __init__(self, api: Kubernetes, namespace: str, image: str, pause: Callable[[float], object]) -> None:
        self.api, self.image, self._pause = api, image, pause
        self.namespace = namespace

    def create(self, plural: str, body: Mapping[str, Any]) -> None:
        """A new object in the namespace; `plural` is the path of its kind, such as api/v1/pods."""
        group, _, kind = plural.rpartition("/")
        self.api.create(f"/{group}/namespaces/{self.namespace}/{kind}", body)

    def start(self, name: str, script: str, environment: Mapping[str, str], claim: str = "") -> None:
        """A pod with a shell script, as restricted as a model's."""
        self.create("api/v1/pods", _pod(name, self.image, script, environment, claim))

    def listening(self, name: str) -> str:
        """The address of a pod as soon as it runs and is ready."""

        def ready(pod: Mapping[str, Any]) -> bool:
            status = pod.get("status", {})
            conditions = {each["type"]: each["status"] for each in status.get("conditions", ())}
            return bool(status.get("podIP")) and conditions.get("Ready") == "True"

        return str(self._until(name, ready)["status"]["podIP"])

    def succeeded(self, name: str) -> bool:
        """How a pod ends."""
        pod = self._until(name, lambda pod: pod.get("status", {}).get("phase") in _OVER)
        return bool(pod["status"]["phase"] == "Succeeded")

    def _until(self, name: str, good: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
        for _ in range(_SECONDS):
            pod = self.api.get(f"/api/v1/namespaces/{self.namespace}/pods/{name}")
            if good(pod):
                return pod
            self._pause(_TICK)
        raise ToolError(f"the pod {name} is not done after {_SECONDS} seconds: {_why(pod)}")


def _why(pod: Mapping[str, Any]) -> str:
    """What its status says."""
    status = pod.get("status", {})
    waiting = [each.get("state", {}).get("waiting", {}) for each in status.get("containerStatuses", ())]
    said = [each.get("message") or each.get("reason") for each in [*waiting, *status.get("conditions", ())]]
    return next((str(each) for each in said if each), str(status.get("phase", "Pending")))


def _pod(name: str, image: str, script: str, environment: Mapping[str, str], claim: str) -> dict[str, Any]:
    volumes: Sequence[tuple[str, str, dict[str, Any]]] = [("tmp", "/tmp", {"emptyDir": {}})]  # noqa: S108 - the pod's own
    if claim:
        volumes = [*volumes, ("data", "/data", {"persistentVolumeClaim": {"claimName": claim}})]
    container = {
        "name": "probe",
        "image": image,
        "command": ["sh", "-c", script],
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": volume, "mountPath": path} for volume, path, _ in volumes],
    }
    if name == "listens":
        container["readinessProbe"] = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"probe": name}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _USER,
                "runAsGroup": _USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": volume, **source} for volume, _, source in volumes],
        },
    }


@contextmanager
def bench(api: Kubernetes, image: str, pause: Callable[[float], object]) -> Iterator[Bench]:
    """One that is removed, whatever happens; what an interrupted probe left is removed, too."""
    for each in api.get(f"/api/v1/namespaces?labelSelector=app.kubernetes.io%2Fname%3D{_PREFIX}")["items"]:
        api.delete(f"/api/v1/namespaces/{each['metadata']['name']}")
    name = f"{_PREFIX}-{token_hex(3)}"
    labels = {"app.kubernetes.io/name": _PREFIX, "pod-security.kubernetes.io/enforce": "restricted"}
    api.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    try:
        _wait_for_account(api, name, pause)
        yield Bench(api, name, image, pause)
    finally:
        api.delete(f"/api/v1/namespaces/{name}")


def _wait_for_account(api: Kubernetes, namespace: str, pause: Callable[[float], object]) -> None:
    """No pod starts in a namespace before Kubernetes has made its account."""
    for _ in range(30):
        try:
            api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
        except UnansweredError as error:
            if error.status != 404:
                raise
            pause(_TICK)
        else:
            return
