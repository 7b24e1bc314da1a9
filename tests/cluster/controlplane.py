"""etcd, API server, controller manager, scheduler and kwok, with the flags of a small but whole cluster."""

from collections.abc import Mapping
from pathlib import Path

from tests.cluster.addresses import (
    API,
    API_PORT,
    CONTROLLERS,
    DOMAIN,
    ETCD,
    ETCD_URL,
    KWOK,
    SERVICES,
)
from tests.cluster.processes import Process, start
from tests.cluster.state import State

__all__ = ["start_api_server", "start_controllers", "start_etcd", "start_kwok"]

_STAGES = Path(__file__).with_name("stages.yaml")


def start_etcd(state: State, programs: Mapping[str, Path], env: Mapping[str, str]) -> Process:
    """Start etcd and wait until it is healthy."""
    peer = f"http://{ETCD}:2380"
    command: list[str | Path] = [
        *(programs["etcd"], "--name=world", f"--data-dir={state.data / 'etcd'}"),
        *(f"--listen-client-urls={ETCD_URL}", f"--advertise-client-urls={ETCD_URL}"),
        *(
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=world={peer}",
        ),
        *(
            "--unsafe-no-fsync",
            "--log-level=warn",
        ),  # the state lives no longer than the machine's uptime anyway
    ]
    etcd = start(state, "etcd", command, env)
    etcd.wait_for(f"{ETCD_URL}/health")
    return etcd


def start_api_server(state: State, programs: Mapping[str, Path], env: Mapping[str, str]) -> Process:
    """Start kube-apiserver; the caller waits for /readyz when it needs it."""
    directory = state.certificates
    command: list[str | Path] = [
        programs["kube-apiserver"],
        f"--etcd-servers={ETCD_URL}",
        *(f"--bind-address={API}", f"--advertise-address={API}", f"--secure-port={API_PORT}"),
        f"--service-cluster-ip-range={SERVICES}",
        *("--authorization-mode=Node,RBAC", "--allow-privileged=true"),
        *_pair(directory, "tls-cert-file", "tls-private-key-file", "apiserver"),
        f"--client-ca-file={directory / 'ca.crt'}",
        f"--service-account-issuer=https://kubernetes.default.svc.{DOMAIN}",
        f"--service-account-key-file={directory / 'sa.pub'}",
        f"--service-account-signing-key-file={directory / 'sa.key'}",
        f"--requestheader-client-ca-file={directory / 'front-proxy-ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        *("--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group"),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        *_pair(directory, "proxy-client-cert-file", "proxy-client-key-file", "front-proxy"),
        *_pair(directory, "kubelet-client-certificate", "kubelet-client-key", "kubelet-client"),
        "--kubelet-preferred-address-types=InternalIP",
        "--enable-aggregator-routing=true",  # webhooks and aggregated APIs by pod address: no ClusterIP is needed
    ]
    return start(state, "kube-apiserver", command, env)


def start_controllers(state: State, programs: Mapping[str, Path], env: Mapping[str, str]) -> list[tuple[Process, str]]:
    """Start controller manager and scheduler; returns each with the URL that says when it is healthy."""
    directory = state.certificates
    manager: list[str | Path] = [
        programs["kube-controller-manager"],
        f"--kubeconfig={directory / 'kube-controller-manager.kubeconfig'}",
        *("--leader-elect=false", f"--bind-address={CONTROLLERS}", "--use-service-account-credentials=true"),
        f"--service-account-private-key-file={directory / 'sa.key'}",
        f"--root-ca-file={directory / 'ca.crt'}",
        *_pair(directory, "cluster-signing-cert-file", "cluster-signing-key-file", "ca"),
        "--allocate-node-cidrs=false",
        "--horizontal-pod-autoscaler-sync-period=5s",  # the usual 15 s would treble the time of every scaling test
        *("--kube-api-qps=200", "--kube-api-burst=400"),
    ]
    scheduler: list[str | Path] = [
        programs["kube-scheduler"],
        f"--kubeconfig={directory / 'kube-scheduler.kubeconfig'}",
        *("--leader-elect=false", f"--bind-address={CONTROLLERS}"),
    ]
    return [
        (start(state, "kube-controller-manager", manager, env), f"https://{CONTROLLERS}:10257/healthz"),
        (start(state, "kube-scheduler", scheduler, env), f"https://{CONTROLLERS}:10259/healthz"),
    ]


def start_kwok(state: State, programs: Mapping[str, Path], env: Mapping[str, str]) -> Process:
    """Start kwok: it keeps every node alive, and every pod that the node agent marks as simulated."""
    command: list[str | Path] = [
        programs["kwok"],
        f"--kubeconfig={state.certificates / 'node-agent.kubeconfig'}",
        *("--manage-all-nodes=true", "--node-lease-duration-seconds=40", f"--config={_STAGES}"),
        *(f"--node-ip={KWOK}", "--node-port=10250"),
    ]
    return start(state, "kwok", command, env)


def _pair(directory: Path, certificate: str, key: str, name: str) -> list[str]:
    return [f"--{certificate}={directory / name}.crt", f"--{key}={directory / name}.key"]
