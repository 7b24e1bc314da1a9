"""Small stacks of one model, whose platform the cluster has already: several fit into one cluster."""

import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from tests.cluster.repository import Repository
from tests.cluster.state import State
from tests.conftest import ROOT

__all__ = ["CLUSTER", "Stack"]

CLUSTER = "phx"
_BUDGET = "  budget: {startSeconds: 60, scheduleSeconds: 0, shutdownSeconds: 1}\n"
_SCALING = "scaling: {min: 1, max: 4}", "scaling: {min: 1, max: 1}"  # nothing that KEDA has to make


class Stack:
    """A stack in a repository of its own, or in a folder of one; compiled and pushed."""

    def __init__(self, world: State, name: str, model: str, *, folder: str = "", **spec: Any) -> None:
        self.name, self.model = name, model
        self.namespace = str(spec.get("namespace", name))
        self.repo = Repository(world, f"{name}-{uuid4().hex[:6]}")
        self.root = self.repo.directory / folder
        self.folder = folder
        repository = {
            "url": self.repo.url,
            "insecure": True,
            **({"path": folder} if folder else {}),
            **spec.pop("repository", {}),
        }
        own = {"enabled": False, "address": "http://prometheus.monitoring.svc:9090"}
        stack = {
            "apiVersion": "gpuyard.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": name},
            "spec": {
                "repository": repository,
                "namespace": name,
                "clusters": [{"name": CLUSTER, "shapes": {"a10": "BM.GPU.A10.4"}}],
                "platform": {"keda": {"enabled": False}, "prometheus": own},
                **spec,
            },
        }
        text = (ROOT / "blueprints/chat.yaml").read_text(encoding="utf-8").replace(*_SCALING) + _BUDGET
        self.write("stack.yaml", yaml.safe_dump(stack))
        self.write(f"blueprints/{model}.yaml", text.replace("  name: chat\n", f"  name: {model}\n"))
        self.compile()

    @property
    def entry(self) -> Path:
        return self.root / "clusters" / CLUSTER

    def read(self, file: str) -> str:
        return (self.root / file).read_text(encoding="utf-8")

    def write(self, file: str, text: str | None) -> None:
        """Write or remove a file of the stack's, and push it."""
        self.repo.commit({str(Path(self.folder, file)): text}, f"Write {file}")

    def compile(self) -> str:
        """Compile and push; what a refusal says."""
        argv = [sys.executable, "-m", "gpuyard", "compile", str(self.root)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            self.repo.push()
            return ""
        return done.stdout + done.stderr

    def names(self) -> list[str]:
        """Its Kustomizations."""
        texts = [file.read_text(encoding="utf-8") for file in sorted(self.entry.glob("*.yaml"))]
        objects = [each for text in texts for each in yaml.safe_load_all(text) if each]
        return [each["metadata"]["name"] for each in objects if each["kind"] == "Kustomization"]
