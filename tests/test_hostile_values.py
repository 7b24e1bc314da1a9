"""Values that no program would write: each is refused at its place or passed on, and none ends in a traceback."""

import re
from pathlib import Path
from typing import Any

import pytest

from gpuyard.catalogue import vllm
from gpuyard.errors import InputError
from gpuyard.project.load import parse
from gpuyard.resolve import resolve
from tests.conftest import ROOT
from tests.projects import sources

URLS = (
    *(
        "http://[::1",
        "http://[x]:1",
        "[",
        "http://exa\u2100mple.com",
        "http://h:99999999",
        "http://h:x",
        "//",
        "http://",
    ),
    *("h t", "http://[::1]x", "socks5://[", "http://h:\u0663", "http://a:b@[", "\u2100"),
)
PHX = {"clusters": [{"name": "phx", "region": "us-phoenix-1", "shapes": {"h100": "BM.GPU.H100.8"}}]}


def says(spec: dict[str, Any], stack: dict[str, Any] | None = None) -> list[str]:
    """Notes, or problems; anything else is a traceback."""
    try:
        return list(resolve(parse(sources(spec, {**PHX, **(stack or {})}))).notes)
    except InputError as error:
        return [str(problem) for problem in error.problems]


@pytest.mark.attack("A24 environment")
@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_ENDPOINT", "https_proxy"])
def test_a_variable_that_is_no_url(name: str, url: str) -> None:
    found = [
        *says({"serving": {"env": {name: url}}}),
        *says({"values": {"extraEnv": [{"name": name, "value": url}]}}),
    ]
    assert any(name in each for each in found)


@pytest.mark.attack("A24 environment")
@pytest.mark.parametrize("url", URLS)
def test_an_address_of_the_stack_that_is_no_url(url: str) -> None:
    for stack in (
        {"network": {"proxy": {"http": url, "https": url}}},
        {"platform": {"prometheus": {"enabled": False, "address": url}}},
        {"platform": {"registry": url}},
        {"repository": {"url": url}},
        {"alerts": {"runbookUrl": url}},
        {"images": {"mirrors": {"docker.io": url}}},
    ):
        assert any("stack.yaml:" in each for each in says({}, stack)), stack


@pytest.mark.attack("A23 nested keys")
@pytest.mark.parametrize("value", [8, True, 1.5, [], {}, [[]], [{}], {"a": 8}, -1, ""])
def test_a_flag_of_any_type(value: Any) -> None:
    """Every flag that there is, and those that the fit reads before anybody else."""
    known = vllm.catalogue(sorted(vllm.versions())[-1])
    assert known
    names = sorted(known.flags)
    assert {"kv-cache-dtype", "dtype", "quantization", "limit-mm-per-prompt"} <= set(names)
    for start in range(0, len(names), 60):
        args = dict.fromkeys(names[start : start + 60], value)
        assert says({"serving": {"args": args}})
    assert any("kv-cache-dtype" in each for each in says({"serving": {"args": {"kv-cache-dtype": value}}}))


def test_urls_are_taken_apart_in_one_place() -> None:
    """It raises ValueError for what users write, so nothing else calls it."""
    calls = re.compile(r"\burl(?:split|parse|join)\(")
    files = (ROOT / "generator" / "gpuyard").rglob("*.py")
    assert [str(Path(file).name) for file in files if calls.search(file.read_text(encoding="utf-8"))] == ["urls.py"]
