"""The world's keys, certificates and kubeconfigs, made by openssl in half a second."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.cluster.addresses import API, API_URL, DOMAIN, KUBERNETES_SERVICE
from tests.cluster.errors import WorldError
from tests.cluster.state import State

__all__ = ["IDENTITIES", "make"]

# Who may do what follows from the subject alone: system:masters is bound to cluster-admin by the API server itself.
IDENTITIES = {
    "admin": "/O=system:masters/CN=admin",
    "node-agent": "/O=system:masters/CN=node-agent",
    "kube-controller-manager": "/CN=system:kube-controller-manager",
    "kube-scheduler": "/CN=system:kube-scheduler",
    "kubelet-client": "/O=system:masters/CN=kube-apiserver-kubelet-client",
}
_SERVER_NAMES = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    f"kubernetes.default.svc.{DOMAIN}",
]
_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def make(state: State) -> None:
    """Write certificates/<name>.{crt,key}, the service accounts' key pair and one kubeconfig per identity."""
    directory = state.certificates
    directory.mkdir(mode=0o700)
    names = ",".join([f"DNS:{name}" for name in _SERVER_NAMES] + [f"IP:{API}", f"IP:{KUBERNETES_SERVICE}"])
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: _authority(directory, name), ("ca", "front-proxy-ca")))
        signed = [pool.submit(_signed, directory, name, subject) for name, subject in IDENTITIES.items()]
        signed += [
            pool.submit(_signed, directory, "apiserver", "/CN=kube-apiserver", names=names),
            pool.submit(_signed, directory, "front-proxy", "/CN=front-proxy-client", authority="front-proxy-ca"),
            pool.submit(_service_account_keys, directory),
        ]
        for future in signed:
            future.result()
    for name in IDENTITIES:
        _kubeconfig(directory, name, directory / f"{name}.kubeconfig")
    _kubeconfig(directory, "admin", state.kubeconfig)


def _authority(directory: Path, name: str) -> None:
    _openssl(
        *("req", "-x509", "-new", *_KEY, "-days", "30", "-subj", f"/CN={name}"),
        *("-keyout", f"{directory / name}.key", "-out", f"{directory / name}.crt"),
    )


def _signed(directory: Path, name: str, subject: str, *, authority: str = "ca", names: str = "") -> None:
    extensions = ["basicConstraints=CA:FALSE", "extendedKeyUsage=clientAuth,serverAuth"]
    extensions += [f"subjectAltName={names}"] if names else []
    _openssl(
        *("req", "-x509", "-new", *_KEY, "-days", "30", "-subj", subject),
        *("-CA", f"{directory / authority}.crt", "-CAkey", f"{directory / authority}.key"),
        *(argument for extension in extensions for argument in ("-addext", extension)),
        *("-keyout", f"{directory / name}.key", "-out", f"{directory / name}.crt"),
    )


def _service_account_keys(directory: Path) -> None:
    _openssl("genrsa", "-out", str(directory / "sa.key"), "2048")
    _openssl("rsa", "-in", str(directory / "sa.key"), "-pubout", "-out", str(directory / "sa.pub"))


def _kubeconfig(directory: Path, name: str, target: Path) -> None:
    """JSON is YAML, and needs no library."""
    cluster = {"server": API_URL, "certificate-authority": str(directory / "ca.crt")}
    user = {"client-certificate": f"{directory / name}.crt", "client-key": f"{directory / name}.key"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "world", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "world", "context": {"cluster": "world", "user": name}}],
        "current-context": "world",
    }
    target.write_text(json.dumps(document, indent=1))


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise WorldError(f"openssl {' '.join(arguments)}: {done.stderr.strip()} (version 3 or later is needed)")
