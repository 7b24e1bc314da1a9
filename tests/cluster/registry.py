"""The world's OCI registry, over plain HTTP, open and behind a login: charts and models are pulled from it."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.addresses import PRIVATE_REGISTRY_HOST, REGISTRY, REGISTRY_HOST
from tests.cluster.errors import WorldError
from tests.cluster.processes import start
from tests.cluster.state import State

__all__ = ["CHARTS", "PASSWORD", "PRIVATE_CHARTS", "USER", "push_chart", "start_registry"]

CHARTS = f"oci://{REGISTRY_HOST}/charts"
PRIVATE_CHARTS = f"oci://{PRIVATE_REGISTRY_HOST}/charts"
"""The same charts, for who is logged in."""
USER, PASSWORD = "reader", "gpuyard-e2e"
_HASH = "$2a$04$hxRQd7dVU5ECY7eE1g829u8F9w8iKOqGfdWa3lkw0hZPvw3kCKqHe"
"""bcrypt of the password, at its lowest cost."""


def start_registry(state: State, programs: Mapping[str, Path], env: Mapping[str, str]) -> None:
    """Start the registry, and the same behind a login, and wait until they answer."""
    users = state.root / "registry.htpasswd"
    users.write_text(f"{USER}:{_HASH}\n")
    login = {"htpasswd": {"realm": "world", "path": str(users)}}
    for name, port, auth, status in (("registry", 5000, {}, 200), ("private-registry", 5001, login, 401)):
        config = state.root / f"{name}.json"  # JSON is YAML
        document = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {
                "filesystem": {"rootdirectory": str(state.data / "registry")},
                "delete": {"enabled": True},
            },
            "http": {"addr": f"{REGISTRY}:{port}"},
            **({"auth": auth} if auth else {}),
        }
        config.write_text(json.dumps(document))
        command: list[str | Path] = [programs["registry"], "serve", config]
        registry = start(state, name, command, {**env, "OTEL_TRACES_EXPORTER": "none"})
        registry.wait_for(f"http://{REGISTRY}:{port}/v2/", accept=(status,))


def push_chart(helm: Path, package: Path, target: str = CHARTS) -> None:
    """Push a packaged chart; must run inside the world."""
    command = [str(helm), "push", "--plain-http", str(package), target]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    if done.returncode:
        raise WorldError(f"{' '.join(command)}: {done.stderr.strip()}")
