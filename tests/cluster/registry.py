"""The world's OCI registry, over plain HTTP: charts and models are pulled from it."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.addresses import REGISTRY, REGISTRY_HOST
from tests.cluster.errors import WorldError
from tests.cluster.processes import Process, start
from tests.cluster.state import State

__all__ = ["CHARTS", "push_chart", "start_registry"]

CHARTS = f"oci://{REGISTRY_HOST}/charts"


def start_registry(state: State, programs: Mapping[str, Path], env: Mapping[str, str]) -> Process:
    """Start the registry and wait until it answers."""
    config = state.root / "registry.json"  # JSON is YAML
    document = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {
            "filesystem": {"rootdirectory": str(state.data / "registry")},
            "delete": {"enabled": True},
        },
        "http": {"addr": f"{REGISTRY}:5000"},
    }
    config.write_text(json.dumps(document))
    command: list[str | Path] = [programs["registry"], "serve", config]
    registry = start(state, "registry", command, {**env, "OTEL_TRACES_EXPORTER": "none"})
    registry.wait_for(f"http://{REGISTRY}:5000/v2/")
    return registry


def push_chart(helm: Path, package: Path, target: str = CHARTS) -> None:
    """Push a packaged chart; must run inside the world."""
    command = [str(helm), "push", "--plain-http", str(package), target]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    if done.returncode:
        raise WorldError(f"{' '.join(command)}: {done.stderr.strip()}")
