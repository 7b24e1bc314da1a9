"""The real vLLM with what the chart made: it takes every key, asks for the key, shows every metric, and drains.

Each blueprint on another shape, so that each shape's configuration is read once. A tiny model stands for the weights;
`REPLACED`, `ADDED` and `ENVIRONMENT` in vllm/server.py are all that differs from the pod.
"""

import ast
import json
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import pytest

from gpuyard.catalogue.vllm import catalogue
from tests.e2e.vllm import install, model, workloads
from tests.e2e.vllm.clients import Clients, Request
from tests.e2e.vllm.server import NEEDS_VLLM, Pod, Server

pytestmark = NEEDS_VLLM

KEYS: Final = ("sk-new", "sk-old")
CASES: Final[Mapping[str, tuple[str, Callable[[Path], Path]]]] = {
    "chat": ("a10", model.llama),
    "docs": ("a100", model.qwen_vl),
    "assistant": ("h100", model.llama),
}
# Series that vLLM has only after what they count has happened, and why that doesn't happen here: none so far.
CONDITIONAL: Final[Mapping[str, str]] = {}
IN_FLIGHT, TOKENS = 8, 400


@dataclass(frozen=True)
class Served:
    """A server that is ready, and what it was made from."""

    name: str
    objects: Mapping[str, Any]
    command: Sequence[str]
    server: Server
    seconds: float


@pytest.fixture(scope="module", params=workloads.BLUEPRINTS)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    name, root = request.param, tmp_path_factory.mktemp(request.param)
    (root / "pod").mkdir()
    (root / "pod/cache").symlink_to(tmp_path_factory.getbasetemp())  # shared, as a file system's would be
    shape, make = CASES[name]
    objects = workloads.rendered(name, shape=shape)
    pod = Pod(objects["Deployment"]["spec"]["template"]["spec"], root / "pod", make(root / "model"))
    pod.mount("api-key", {"api-key": "\n".join(KEYS) + "\n"}, container="api-key")
    pod.initialize("api-key")
    server = Server(pod, KEYS[0], root / "vllm.log")
    try:
        yield Served(name, objects, pod.command(), server, server.wait())
    finally:
        server.close()


def test_it_takes_every_flag_of_the_pod(served: Served, record_property: Callable[[str, object], None]) -> None:
    """An unknown one would have ended it; it tells which of its defaults the others have changed."""
    record_property(f"vLLM with the flags of {served.name} was ready", f"after {served.seconds:.1f} s")
    [line] = [line for line in served.server.log().splitlines() if "non-default args: " in line]
    understood = ast.literal_eval(line.partition("non-default args: ")[2])
    known = catalogue(install.VERSION)
    assert known is not None
    given = dict(_given(served.command))
    assert {
        "max-model-len",
        "served-model-name",
        "shutdown-timeout",
        "disable-access-log-for-endpoints",
    } <= given.keys()
    for key, value in given.items():
        heard = understood.get(key.replace("-", "_"), known.flags[key].default)
        assert heard == ([value] if key == "served-model-name" else value), key
    assert understood["api_key"] == "***"
    assert not [key for key in KEYS if key in served.server.log() or key in " ".join(served.command)]


def _given(command: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Flags and values; the file with the keys has been read when vLLM tells what it understood."""
    for argument in command:
        name, given, text = argument.removeprefix("--").partition("=")
        if argument.startswith("--") and name != "config":
            try:
                yield name, json.loads(text) if given else True
            except ValueError:
                yield name, text


def _name(served: Served) -> str:
    """By which clients ask for it."""
    return str(dict(_given(served.command))["served-model-name"])


def test_it_answers_those_who_have_a_key(served: Served) -> None:
    name = _name(served)
    assert [served.server.complete(name, 2, key=key)[0] for key in ("", "sk-wrong", *KEYS)] == [401, 401, 200, 200]
    status, answer = served.server.complete(name, 5)
    assert (status, answer["usage"]["completion_tokens"]) == (200, 5)


def test_it_shows_every_metric_that_queries_alerts_and_dashboards_name(served: Served) -> None:
    wanted = _metrics(workloads.rendered(served.name, shape=CASES[served.name][0], autoscaling={"signal": "composite"}))
    on_dashboards = _metrics(workloads.dashboards())
    assert "vllm:prompt_tokens_total" in on_dashboards - wanted
    wanted |= on_dashboards | _metrics(workloads.alerts())
    assert {"vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"} <= wanted
    status, text = served.server.get("/metrics")
    shown = {line.partition("{")[0]: line for line in text.splitlines() if line.startswith("vllm:")}
    assert status == 200
    assert re.search(r'^http_requests_total\{handler="/v1/[^"]*",method="POST",status="2xx"\}', text, re.MULTILINE)
    assert wanted - shown.keys() == CONDITIONAL.keys()
    label = f'model_name="{_name(served)}"'
    assert [name for name in wanted - CONDITIONAL.keys() if label not in shown[name]] == []


def test_after_sigterm_it_finishes_what_it_has_accepted_and_takes_nothing_new(served: Served) -> None:
    """The last of a server's tests: it ends here."""
    server, name = served.server, _name(served)
    spec = served.objects["Deployment"]["spec"]["template"]["spec"]
    pre_stop = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    clients = Clients(server, name, TOKENS)
    with clients.asking(IN_FLIGHT):
        clients.wait_for(IN_FLIGHT, within=120)
        accepted = clients.in_flight()
        clients.stop()
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        # The signal passes through two processes before the engine hears of it; until then requests are taken.
        statuses = list(takewhile(lambda status: status != 500, _statuses(server, name, accepted)))
        health = server.get("/health")[0]
        assert clients.in_flight(), "the requests are too short to show anything"
        assert set(statuses) <= {200}
        assert health == 200
    assert [(each.tokens, each.error) for each in accepted] == [(TOKENS, "")] * len(accepted)
    server.process.wait(timeout=spec["terminationGracePeriodSeconds"] - pre_stop - (time.monotonic() - began))
    assert server.process.returncode == 0


def _statuses(server: Server, name: str, accepted: list[Request]) -> Iterator[int]:
    """What new requests get while the accepted ones run."""
    while any(not each.is_over for each in accepted):
        yield server.complete(name, 1)[0]


def _metrics(objects: object) -> set[str]:
    """The names of series in a text; those of a histogram's parts as they stand."""
    return set(re.findall(r"vllm:[a-z0-9_]+", json.dumps(objects)))
