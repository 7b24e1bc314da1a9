"""Literals that look like secrets are refused, and never repeated; what only identifies is let through."""

import base64
import random
import time
import uuid
from pathlib import Path

import pytest

from gpuyard.doors.redaction import looks_secret, names_secret
from gpuyard.doors.yamlio import dump, read
from gpuyard.project.secrets import find_secrets
from tests.test_compile import run

MIXED = "aB3dE5gH7jK9mN1pQ3sT5vX7zA9cD1fG3hJ5"
# Put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "a Hugging Face token": ["hf_" + MIXED[:34], f"token is hf_{MIXED[:30]}!"],
    "a GitHub token": ["ghp_" + MIXED, "gho_" + MIXED, "ghs_" + MIXED, "github_pat_" + MIXED],
    "a GitLab token": ["glpat-" + MIXED[:20]],
    "an API key": ["sk-" + MIXED, "sk-proj-" + MIXED, "sk-ant-api03-" + MIXED, "sk-" + "a1b2" * 4],
    "an NVIDIA API key": ["nvapi-" + MIXED],
    "a Google API key": ["AIza" + MIXED],
    "a Slack token": ["xoxb-" + "123456789012-" + MIXED[:24]],
    "an AWS access key": ["AKIA" + "ABCDEFGH12345678", "ASIA" + "ABCDEFGH12345678"],
    "a private key": [
        "-----BEGIN " + "PRIVATE KEY-----\nMIIE\n",
        "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIE\n",
        "-----BEGIN " + "OPENSSH PRIVATE KEY-----\n",
        "-----BEGIN " + "PGP PRIVATE KEY BLOCK-----\n",
    ],
    "a JSON web token": ["eyJ" + "hbGciOiJIUzI1NiJ9." + "eyJ" + "zdWIiOiIxMjM0In0." + MIXED],
    "a pre-authenticated URL": [
        f"https://objectstorage.us-phoenix-1.oraclecloud.com/p/{MIXED}/n/acme/b/models/o/weights",
        f"https://acme.blob.core.windows.net/a?sv=2024&sig={MIXED}",
        f"https://acme.s3.amazonaws.com/a?X-Amz-Signature={'0a1b' * 16}",
    ],
    "a URL with a password": [
        "https://ada:" + "hunter2@git.example.com/acme.git",
        "postgres://ada:" + "hunter2@db/acme",
        f"https://{'0a1b' * 10}@github.com/acme/x",
        "redis://:" + "hunter2@cache",
    ],
    "a bearer token": ["Bearer " + MIXED],
    "a random key": [MIXED, MIXED[:24], "0a1b2c3d" * 4, "0a1b2c3d" * 6, f"--api-key={MIXED}"],
}

PUBLIC = [
    "",
    "llama-3.1-8b-instruct",
    "hf://meta-llama/Llama-3.1-8B-Instruct@0e9e39f249a16976918f6564b8830bc894c89659",
    "hf://neuralmagic/Meta-Llama-3.1-70B-Instruct-quantized.w4a16",
    "docker.io/vllm/vllm-openai:v0.32.0@sha256:" + "0a1b2c3d" * 8,
    "oci://models/Qwen2.5-VL-7B-Instruct/original/consolidated.00.pth",
    "ocid1.tenancy.oc1..aaaaaaaa" + "b3c5d7e2f4" * 5,
    "ocid1.instance.oc1.phx.anyhqljt" + "b3c5d7e2f4" * 5,
    str(uuid.UUID(int=2**127 + 2**90 + 12345)),
    "ssh://git@git.example.com/acme/acme-gitops.git",
    "https://git.example.com:8443/acme/acme-gitops.git",
    'sum(vllm:num_requests_running{namespace="inference",model_name="chat"})',
    "{{ .Values.model | quote }}",
    "VLLM_WORKER_MULTIPROC_METHOD=spawn",
    "Qwen3VLMoeForConditionalGeneration",
    "OciVcnIpNativeNodePoolPodNetworkOptionDetails",
    "podMonitorSelectorNilUsesHelmValues",
    "task-scheduling-of-many-small-jobs-in-one-queue",
    "/models/hf/hub/models--meta-llama--Llama-3.1-8B-Instruct/snapshots",
    "-----BEGIN CERTIFICATE-----\nMII",
    "-----BEGIN PUBLIC KEY-----\nMII",
    f"-----BEGIN CERTIFICATE-----\n{MIXED}\n{MIXED}==\n-----END CERTIFICATE-----\n",
    "node.kubernetes.io/instance-type: BM.GPU.H100.8",
    "a sentence about GPUs, written by somebody who likes long sentences",
    "mlx5_0,mlx5_1,mlx5_3,mlx5_4,mlx5_5,mlx5_6,mlx5_7,mlx5_8",
    "$(HF_TOKEN)",
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in SECRETS.items() for text in texts])
def test_secrets_are_recognised(kind: str, text: str) -> None:
    assert looks_secret(text) == kind


@pytest.mark.parametrize("text", PUBLIC)
def test_identifiers_are_no_secrets(text: str) -> None:
    assert looks_secret(text) == ""


def test_random_keys_are_recognised_nearly_always() -> None:
    source = random.Random(1)  # noqa: S311 - reproducible, not secret
    keys = [base64.b64encode(source.randbytes(32)).decode() for _ in range(500)]
    keys += [source.randbytes(24).hex() for _ in range(500)]
    assert sum(looks_secret(key) != "" for key in keys) > 950


@pytest.mark.attack("A11 committed secrets")
@pytest.mark.parametrize("place", ["key", "value", "item", "deep", "sentence"])
def test_every_secret_in_every_place_is_refused_and_not_repeated(place: str) -> None:
    for secret in [text for texts in SECRETS.values() for text in texts]:
        value: dict[str, object] = {
            "key": {"spec": {secret.replace("\n", " "): "a"}},
            "value": {"spec": {"model": {"source": secret}}},
            "item": {"spec": {"args": ["a", secret]}},
            "deep": {"a": {"b": {"c": [{"d": {"e": secret}}]}}},
            "sentence": {"spec": {"note": f"use {secret} please"}},
        }
        document = read(dump(value[place]).encode(), "blueprints/chat.yaml")
        (problem,) = find_secrets(document)
        assert "keep it in a Secret and name that here" in problem.message
        assert secret not in str(problem)
        assert MIXED[:12] not in str(problem)


def test_message() -> None:
    token = "hf_" + MIXED
    text = f"spec:\n  model:\n    credentials: {token}\n  env: {{{token}: 1}}\n"
    assert [str(problem) for problem in find_secrets(read(text.encode(), "blueprints/chat.yaml"))] == [
        "blueprints/chat.yaml:3:18: spec.model.credentials looks like a Hugging Face token;"
        " keep it in a Secret and name that here (secret: NAME, key: KEY)",
        'blueprints/chat.yaml:4:9: spec.env["***"] looks like a Hugging Face token;'
        " keep it in a Secret and name that here (secret: NAME, key: KEY)",
    ]


@pytest.mark.parametrize("text", ["x", "password", f"hf_{MIXED}"])
def test_a_file_that_is_nothing_but_a_text(text: str, project: Path) -> None:
    """It has no name that could promise anything, but may be a secret."""
    (project / "blueprints/chat.yaml").write_text(text, encoding="utf-8")
    found = run("check", project)
    assert (found.exit_code, "blueprints/chat.yaml:1:1: " in found.stderr) == (65, True), found.output
    assert MIXED[:12] not in found.output


def test_a_name_can_give_a_secret_away() -> None:
    for name in ("api-key", "apiKey", "HF_TOKEN", "password", "OPENAI_API_KEY", "DB_PASSWORD", "clientSecret"):
        assert names_secret(name), name
        (problem,) = find_secrets(read(f"env: {{{name}: hunter2}}".encode(), "f"))
        assert problem.message.startswith(f"env.{name} looks like a secret; ")
    for name in ("stop-token", "max-tokens", "key", "secret", "tokenizer", "HF_TOKEN_PATH", "api-key-file"):
        assert not names_secret(name), name


def test_a_name_beside_a_value_gives_it_away() -> None:
    text = "extraEnv: [{name: DB_PASSWORD, value: hunter2}, {name: DB_HOST, value: db}, {name: A_TOKEN, value: $(B)}]"
    (problem,) = find_secrets(read(text.encode(), "f"))
    assert problem.message.startswith("extraEnv[0].value looks like a secret; ")
    assert "(valueFrom: {secretKeyRef: {name: NAME, key: KEY}})" in problem.message


def test_what_is_made_to_be_in_git_passes() -> None:
    sealed = {"kind": "SealedSecret", "spec": {"encryptedData": {"token": MIXED}}}
    external = {"kind": "ExternalSecret", "spec": {"data": [{"secretKey": "token", "remoteRef": {"key": "hf"}}]}}
    assert find_secrets(read(dump({"extraObjects": [sealed, external]}).encode(), "f")) == []
    assert find_secrets(read(dump({"extraObjects": [{**sealed, "kind": "Secret"}]}).encode(), "f")) != []


@pytest.mark.parametrize("joint", ["-", "_", ""])
def test_every_word_for_a_secret_gives_one_away(joint: str) -> None:
    words = ["password", "passwd", "passphrase", f"client{joint}secret"]
    words += [f"{kind}{joint}key" for kind in ("api", "access", "private", "secret")]
    words += [
        f"{kind}{joint}token"
        for kind in ("hf", "hub", "api", "auth", "access", "bearer", "git", "github", "gitlab", "refresh", "session")
    ]
    for word in (*words, f"security{joint}token"):
        for name in (word, word.upper(), f"registry-{word}", f"MY_{word}"):
            assert names_secret(name), name


def test_references_are_no_secrets() -> None:
    text = "a: {apiKey: {secret: chat-api-key, key: key}, HF_TOKEN: $(TOKEN), password: '', token: {secret: a}}"
    assert find_secrets(read(text.encode(), "f")) == []


def test_hostile_text_takes_no_longer() -> None:
    size = 250_000
    for piece in (
        "sk-",
        "sk-a-",
        "eyJ",
        "eyJaaaaaaaaaa.",
        "://",
        "://a:",
        "/p/",
        "http://a",
        "hf_",
        "aA0",
        "-----BEGIN ",
        "ocid1.",
        "?sig=",
    ):
        text = (piece * size)[:size]
        start = time.process_time()
        looks_secret(text)
        assert time.process_time() - start < 1, piece
