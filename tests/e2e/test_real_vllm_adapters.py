"""The real vLLM with an adapter of a commit: found where the download Job leaves it, served by its name."""

import json
from pathlib import Path

from tests.chart.rendering import objects
from tests.e2e.vllm import model
from tests.e2e.vllm.server import NEEDS_VLLM, Pod, Server
from tests.projects import chart_values

pytestmark = NEEDS_VLLM

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ADAPTER = {"name": "sql", "source": f"hf://acme/sql-lora@{COMMIT}", "rank": 8}
SNAPSHOT = f"/cache/hf/hub/models--acme--sql-lora/snapshots/{COMMIT}"


def test_an_adapter_that_was_copied_with_the_weights(tmp_path: Path) -> None:
    found = objects(chart_values({"serving": {"adapters": [ADAPTER]}}, shape="a10"), name="chat")
    there = f"sql={SNAPSHOT}"
    here = f"sql={tmp_path / 'pod'}{SNAPSHOT}"
    spec = found["Deployment"]["spec"]["template"]["spec"]
    pod = Pod(spec, tmp_path / "pod", model.llama(tmp_path / "model"), {there: here})
    model.adapter(pod.inside(SNAPSHOT), ADAPTER["rank"])
    arguments = spec["containers"][0]["args"]
    assert arguments[arguments.index("--lora-modules") + 1] == there
    server = Server(pod, "", tmp_path / "vllm.log")
    try:
        server.wait()
        models = json.loads(server.get("/v1/models")[1])["data"]
        assert {(each["id"], each["parent"]) for each in models} == {("chat", None), ("sql", "chat")}
        for name in ("chat", "sql"):
            status, answer = server.complete(name, 5)
            assert (status, answer["model"], answer["usage"]["completion_tokens"]) == (200, name, 5)
    finally:
        server.close()
