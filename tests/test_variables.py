"""Texts of environment variables that vLLM can't read are refused; what it reads, whatever it may mean, is not."""

from typing import Any

import pytest

from gpuyard.catalogue import vllm
from gpuyard.catalogue.variables import content
from tests.projects import problems

READ = [
    ("VLLM_WORKER_MULTIPROC_METHOD", "spawn"),
    ("VLLM_IMAGE_FETCH_TIMEOUT", "10"),
    ("VLLM_IMAGE_FETCH_TIMEOUT", " 10 "),
    ("VLLM_LOG_STATS_INTERVAL", "2.5"),
    ("VLLM_USE_DEEP_GEMM", "0"),
    ("VLLM_FLOAT32_MATMUL_PRECISION", "HIGH"),
    ("VLLM_GPT_OSS_SYSTEM_TOOL_MCP_LABELS", "container, code_interpreter"),
    ("VLLM_LOGGING_LEVEL", "whatever"),
    ("NCCL_DEBUG", "WARN"),
    ("VLLM_NOT_YET_KNOWN", "x"),
]
REFUSED = [
    ("VLLM_WORKER_MULTIPROC_METHOD", "thread", "must be one of spawn, fork"),
    ("VLLM_WORKER_MULTIPROC_METHOD", "Spawn", "must be one of spawn, fork"),
    ("VLLM_IMAGE_FETCH_TIMEOUT", "10s", "must be a whole number, as text; vLLM cannot read '10s'"),
    ("VLLM_IMAGE_FETCH_TIMEOUT", "1.5", "must be a whole number, as text; vLLM cannot read '1.5'"),
    ("VLLM_IMAGE_FETCH_TIMEOUT", "", "must be a whole number, as text"),
    ("VLLM_LOG_STATS_INTERVAL", "often", "must be a number, as text; vLLM cannot read 'often'"),
    ("VLLM_USE_DEEP_GEMM", "true", "must be 1 or 0, as text; vLLM cannot read 'true'"),
    ("VLLM_GPT_OSS_SYSTEM_TOOL_MCP_LABELS", "container,shell", "must be some of container, code_interpreter, "),
]


@pytest.mark.parametrize(("name", "text"), READ)
def test_what_vllm_reads_is_taken(name: str, text: str) -> None:
    assert list(content(name, text, "0.32.0")) == []


@pytest.mark.parametrize(("name", "text", "says"), REFUSED)
def test_what_vllm_cannot_read_is_refused(name: str, text: str, says: str) -> None:
    (message,) = content(name, text, "0.32.0")
    assert message.startswith(says)


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ({"serving": {"env": {"VLLM_IMAGE_FETCH_TIMEOUT": "10s"}}}, "spec.serving.env.VLLM_IMAGE_FETCH_TIMEOUT"),
        (
            {"shapes": {"h100": {"env": {"VLLM_IMAGE_FETCH_TIMEOUT": "10s"}}}},
            "spec.shapes.h100.env.VLLM_IMAGE_FETCH_TIMEOUT",
        ),
        (
            {"shapes": {"h100": {}}, "values": {"extraEnv": [{"name": "VLLM_IMAGE_FETCH_TIMEOUT", "value": "10s"}]}},
            "spec.values.extraEnv[0].value",
        ),
    ],
    ids=["everywhere", "on a shape", "as a value of the chart"],
)
def test_wherever_a_variable_is_given(spec: dict[str, Any], place: str) -> None:
    assert problems({"model": {"name": "qwen3-8b"}, **spec}) == [f"{place}: {REFUSED[2][2]}"]


def test_what_a_secret_holds_is_not_known() -> None:
    secret = {"secret": "timeouts", "key": "image"}
    assert problems({"model": {"name": "qwen3-8b"}, "serving": {"env": {"VLLM_IMAGE_FETCH_TIMEOUT": secret}}}) == []


@pytest.mark.parametrize("release", vllm.versions())
def test_every_version_of_the_catalogue_has_its_variables(release: str) -> None:
    assert list(content("VLLM_WORKER_MULTIPROC_METHOD", "thread", release)) == ["must be one of spawn, fork"]
    assert list(content("VLLM_IMAGE_FETCH_TIMEOUT", "10s", release))


@pytest.mark.parametrize(
    ("written", "key", "meant"),
    [
        ({"configmap": "c", "key": "k"}, "configMap", "configmap is not known; did you mean configMap?"),
        ({"configMapKeyRef": {"name": "c"}}, "configMap", "configMapKeyRef is not known; did you mean configMap?"),
        ({"secretName": "s", "key": "k"}, "secret", "secretName is not known; did you mean secret?"),
    ],
)
def test_a_misspelled_source_is_the_one_that_its_author_meant(written: dict[str, Any], key: str, meant: str) -> None:
    found = problems({"serving": {"env": {"A": written}}})
    assert f"spec.serving.env.A.{key} is missing; add it" in found
    assert f"spec.serving.env.A.{meant}" in found
