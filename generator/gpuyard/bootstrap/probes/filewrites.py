"""Whether a pod that is not root writes to file storage: the export has to let user 10001."""

from gpuyard.bootstrap.probes.bench import Bench
from gpuyard.bootstrap.probes.probed import Verdict
from gpuyard.doors.kubernetes import UnansweredError

__all__ = ["writes"]

_WRITE = "echo gpuyard >/data/probe && grep -q gpuyard /data/probe && rm /data/probe"


def writes(bench: Bench, storage: str) -> tuple[Verdict, str]:
    """A claim of the class by which models share a cache, and a pod that writes to it."""
    try:
        bench.api.get(f"/apis/storage.k8s.io/v1/storageclasses/{storage}")
    except UnansweredError as error:
        if error.status != 404:
            raise
        how = "`gpuyard bootstrap facts` commits it, and the engine applies it"
        return Verdict.UNKNOWN, f"there is no StorageClass {storage}; {how}"
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "files"},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": storage,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    bench.create("api/v1/persistentvolumeclaims", claim)
    bench.start("writes", _WRITE, {}, "files")
    if bench.succeeded("writes"):
        return Verdict.GOOD, "written as user 10001"
    return Verdict.BAD, "user 10001 cannot write: the export must have identitySquash ALL with anonymousUid 0"
