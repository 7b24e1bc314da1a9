"""The volumes of a running pod as directories, kept up to date the way a kubelet does: by one symlink's swap."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tests.cluster.api import Api, Object
from tests.cluster.kubelet.changes import Changes, Name
from tests.cluster.kubelet.values import MissingError, data_of, field_of, resource_of

__all__ = ["Volumes", "swap"]

Files = dict[str, bytes]


class Volumes:
    """All volumes of one pod; `refresh` makes them and brings them up to date."""

    def __init__(self, api: Api, changes: Changes, pod: Object, directory: Path, shared: Path) -> None:
        self._api, self._changes, self._pod, self._directory, self._shared = api, changes, pod, directory, shared
        self._namespace: str = pod["metadata"]["namespace"]
        self._tokens: dict[tuple[str, int], tuple[str, float]] = {}
        self._read: dict[Name, str] = {}
        self._failed = True

    def is_behind(self) -> bool:
        """Whether a source has changed since, or couldn't be read, or a token is old."""
        changed = any(self._changes.version(name) != version for name, version in self._read.items())
        return self._failed or changed or any(time.monotonic() >= until for _, until in self._tokens.values())

    def refresh(self) -> None:
        """Bring every volume to what its sources say now; raises MissingError for one that has to be there."""
        self._failed = True
        self._refresh()
        self._failed = False

    def _refresh(self) -> None:
        for volume in self._pod["spec"].get("volumes", []):
            path = self.path(volume["name"])
            path.mkdir(parents=True, exist_ok=True)
            files = self._files(volume)
            if files is not None:
                swap(path, files)

    def path(self, name: str) -> Path:
        """Where the volume lies outside the container; claims outlive the pod."""
        for volume in self._pod["spec"].get("volumes", []):
            if volume["name"] == name and "persistentVolumeClaim" in volume:
                return self._shared / self._namespace / str(volume["persistentVolumeClaim"]["claimName"])
        return self._directory / name

    def _files(self, volume: Object) -> Files | None:
        """The files of a volume that is made of some, None for one that the program fills."""
        sources: dict[str, Callable[[Object], Files]] = {
            "configMap": lambda source: self._data("configmaps", source, "name"),
            "secret": lambda source: self._data("secrets", source, "secretName"),
            "downwardAPI": self._fields,
            "projected": self._projected,
        }
        for kind, read in sources.items():
            if kind in volume:
                return read(volume[kind])
        if "emptyDir" in volume or "persistentVolumeClaim" in volume or "ephemeral" in volume:
            return None
        raise MissingError(f"volume {volume['name']}: {', '.join(volume.keys() - {'name'})} can't be had here")

    def _projected(self, source: Object) -> Files:
        files: Files = {}
        for part in source.get("sources", []):
            if "configMap" in part:
                files |= self._data("configmaps", part["configMap"], "name")
            elif "secret" in part:
                files |= self._data("secrets", part["secret"], "name")
            elif "downwardAPI" in part:
                files |= self._fields(part["downwardAPI"])
            elif "serviceAccountToken" in part:
                wanted = part["serviceAccountToken"]
                files[wanted["path"]] = self._token(wanted).encode()
        return files

    def _data(self, kind: str, source: Object, key: str) -> Files:
        optional = source.get("optional", False)
        name = kind, self._namespace, source[key]
        self._read[name] = self._changes.version(name)  # before it is read: what is newer then is read once more
        data = data_of(self._api, kind, self._namespace, source[key], optional=optional)
        if "items" not in source:
            return data
        missing = [item["key"] for item in source["items"] if item["key"] not in data]
        if missing and not optional:
            raise MissingError(f"{kind[:-1]} {source[key]} has no key {', '.join(missing)}")
        return {item["path"]: data[item["key"]] for item in source["items"] if item["key"] in data}

    def _fields(self, source: Object) -> Files:
        files: Files = {}
        for item in source.get("items", []):
            if "fieldRef" in item:
                files[item["path"]] = field_of(self._pod, item["fieldRef"]["fieldPath"]).encode()
            else:
                owner = self._pod["spec"]["containers"][0]
                files[item["path"]] = resource_of(self._pod, owner, item["resourceFieldRef"]).encode()
        return files

    def _token(self, wanted: Object) -> str:
        """A token bound to the pod, asked for anew when four fifths of its life are over."""
        seconds = int(wanted.get("expirationSeconds", 3600))
        key = (wanted.get("audience", ""), seconds)
        token, until = self._tokens.get(key, ("", 0.0))
        if time.monotonic() < until:
            return token
        metadata = self._pod["metadata"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        spec: Object = {"expirationSeconds": seconds, "boundObjectRef": bound}
        if key[0]:
            spec["audiences"] = [key[0]]
        account = self._pod["spec"].get("serviceAccountName", "default")
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{account}/token"
        token = str(self._api.send("POST", path, request).body["status"]["token"])
        self._tokens[key] = token, time.monotonic() + 0.8 * seconds
        return token


def swap(path: Path, files: Files) -> None:
    """A directory of files per version, `..data` pointing to the present one, and links through it."""
    data = path / "..data"
    if data.exists() and _content(data) == files:
        return
    version = path / f"..{time.time_ns()}"
    version.mkdir()
    for name, content in files.items():
        target = version / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    former = data.resolve() if data.exists() else None
    link = path / "..data_tmp"
    link.symlink_to(version.name)
    Path(link).replace(data)
    wanted = {name.split("/")[0] for name in files}
    for name in wanted:
        if not (path / name).is_symlink():
            (path / name).symlink_to(Path("..data") / name)
    for entry in path.iterdir():
        if not entry.name.startswith("..") and entry.name not in wanted:
            entry.unlink()
    if former:
        shutil.rmtree(former, ignore_errors=True)


def _content(link: Path) -> Files:
    directory = link.resolve()
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
