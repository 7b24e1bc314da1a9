"""README.md of the generated repository: every Secret with all that it is for."""

from pathlib import PurePosixPath
from typing import Any

from gpuyard.render import readme
from tests.projects import resolved

GATEWAY = {"gateway": {"name": "public", "namespace": "gateway"}}


def secrets(spec: dict[str, Any]) -> list[str]:
    text = str(readme.files(resolved(spec, GATEWAY))[PurePosixPath("README.md")])
    table = text.partition("## Secrets")[2].partition("##")[0]
    return [line for line in table.splitlines() if line.startswith("| ") and "namespace" not in line]


def test_a_key_for_two_purposes_is_one_row_with_both() -> None:
    key = {"secret": "chat", "key": "all"}
    spec = {"model": {"credentials": key}, "expose": {"host": "chat.example.com", "apiKey": key}}
    assert secrets(spec) == ["| inference | chat | all | chat: download of the weights; chat: API key of the clients |"]


def test_two_keys_of_a_secret_are_two_rows() -> None:
    first, second = {"secret": "chat", "key": "token"}, {"secret": "chat", "key": "api-key"}
    spec = {"model": {"credentials": first}, "expose": {"host": "chat.example.com", "apiKey": second}}
    assert [row.split(" | ")[2] for row in secrets(spec)] == ["token", "api-key"]


def test_without_any() -> None:
    [row] = secrets({"model": {"name": "qwen3-8b"}})
    assert row.endswith("| none is needed |")
