"""Eighty kinds of secrets are found as values of a variable; what is no secret passes. All are put together here."""

import base64
import random
import string
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpuyard.catalogue import vllm
from gpuyard.catalogue.models import catalogue
from gpuyard.doors.redaction import hushed, looks_secret, names_secret, names_secret_variable
from gpuyard.doors.yamlio import dump, read
from gpuyard.errors import InputError
from gpuyard.project.load import parse
from gpuyard.project.secrets import find_secrets
from gpuyard.resolve import resolve
from tests.projects import sources

pytestmark = pytest.mark.attack("A11 committed secrets")

LETTERS = string.ascii_letters + string.digits
RANDOM = random.Random(7)  # noqa: S311 - the same texts at every run


def some(count: int, letters: str = LETTERS) -> str:
    return "".join(RANDOM.choices(letters, k=count))


def hexadecimal(count: int) -> str:
    return some(count, "0123456789abcdef")


def kinds() -> Iterator[tuple[str, str]]:
    """Prefixes and what follows: joined here, so that no scanner finds them in this file."""
    plain = {
        "hf_": 34,
        "ghp_": 36,
        "gho_": 36,
        "ghu_": 36,
        "ghs_": 36,
        "ghr_": 36,
        "github_pat_": 60,
        "glpat-": 20,
        "glptt-": 40,
        "gldt-": 20,
        "glrt-": 20,
        "glagent-": 50,
        "sk-": 48,
        "sk-proj-": 60,
        "sk-ant-api03-": 90,
        "sk-or-v1-": 64,
        "gsk_": 52,
        "xai-": 80,
        "pplx-": 48,
        "nvapi-": 64,
        "AIza": 35,
        "GOCSPX-": 28,
        "ya29.": 60,
        "npm_": 36,
        "pypi-AgEI": 60,
        "dckr_pat_": 27,
        "rubygems_": 48,
        "oy2": 43,
        "dop_v1_": 0,
        "squ_": 0,
        "sgp_": 40,
        "sk_live_": 24,
        "rk_live_": 24,
        "whsec_": 32,
        "sq0csp-": 43,
        "shpat_": 0,
        "SG.": 0,
        "xkeysib-": 64,
        "key-": 0,
        "hvs.": 90,
        "hvb.": 90,
        "dapi": 0,
        "glsa_": 40,
        "glc_": 40,
        "sntrys_": 60,
        "lin_api_": 40,
        "ntn_": 46,
        "PMAK-": 58,
        "NRAK-": 27,
        "pul-": 0,
        "nfp_": 36,
        "pscale_tkn_": 43,
        "pscale_pw_": 43,
        "tskey-auth-": 40,
        "sbp_": 0,
        "r8_": 37,
        "lsv2_pt_": 40,
        "pcsk_": 60,
        "tvly-": 32,
        "jina_": 48,
        "rpa_": 42,
        "figd_": 40,
        "ATATT3": 180,
        "ATBB": 32,
        "AKCp": 69,
        "LTAI": 20,
        "xoxb-": 40,
        "xapp-": 60,
        "dp.pt.": 43,
        "API-": 0,
        "HRKU-": 36,
        "EZAK": 54,
        "AGE-SECRET-KEY-1": 0,
    }
    special = {
        **dict.fromkeys(("dop_v1_", "squ_", "pul-", "sbp_"), hexadecimal(64)),
        **dict.fromkeys(("shpat_", "key-", "dapi"), hexadecimal(32)),
        "SG.": f"{some(22)}.{some(43)}",
        "API-": some(30, string.ascii_uppercase + string.digits),
        "AGE-SECRET-KEY-1": some(58, string.ascii_uppercase),
    }
    for prefix, count in plain.items():
        yield prefix, prefix + (special.get(prefix) or some(count))
    upper = string.ascii_uppercase + "234567"
    yield from ((f"AWS {prefix}", prefix + some(16, upper)) for prefix in ("AKIA", "ASIA", "ABIA"))
    yield "JWT", ".".join(f"ey{'J'}{some(30)}" for _ in range(2)) + f".{some(40)}"
    for name in ("RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", ""):
        yield f"{name}PEM", f"-----BEGIN {name}PRIVATE KEY-----\n{some(60)}"
    yield "PuTTY", "PuTTY-User-" + "Key-File-3: ssh-ed25519"
    yield "Basic", "Basic " + base64.b64encode(b"ada:hunter2").decode()
    yield "Bearer", "Bearer " + some(20)
    yield "Slack webhook", "https://hooks.slack" + f".com/services/T{some(8)}/B{some(8)}/{some(24)}"
    yield "Discord webhook", "https://discord" + f".com/api/webhooks/{some(18, string.digits)}/{some(60)}"
    yield "Teams webhook", "https://acme.webhook.office" + f".com/webhookb2/{uuid.UUID(int=7**40)}"
    yield "Chat webhook", "https://chat.googleapis" + f".com/v1/spaces/AAA/messages?key={some(30)}&token={some(40)}"
    yield "Zapier webhook", "https://hooks.zapier" + f".com/hooks/catch/{some(8)}/{some(8)}"
    yield "Mattermost webhook", f"https://chat.example.com/hooks/{some(26, string.ascii_lowercase)}"
    yield "Telegram", some(10, string.digits) + ":A" + some(34)
    yield "Discord bot", "M" + some(25) + "." + some(6) + "." + some(30)
    yield "Azure storage", "DefaultEndpointsProtocol=https;AccountName=a;Account" + f"Key={some(86)}=="
    yield "Azure AD", f"{some(3)}8Q~{some(34)}"
    yield "SQL Server", "Server=db;User Id=sa;Pass" + "word=hunter2;"
    yield "Postgres", "postgresql://ada:" + "hunter2@db:5432/a"
    yield "MongoDB", "mongodb+srv://ada:" + "hunter2@cluster0.example.net"
    yield "AMQP", "amqp://ada:" + "hunter2@mq"
    yield "a token in a query", f"https://example.com/a?access_token={some(12)}"
    yield "Sentry", f"https://{hexadecimal(32)}@o1.ingest.sentry.io/1"
    yield "Mailchimp", f"{hexadecimal(32)}-us12"
    yield "Terraform Cloud", f"{some(14)}.atlasv1.{some(64)}"
    yield "Twilio", "SK" + hexadecimal(32)
    yield "an assignment", "--api-token=" + "hunter2"


KINDS = dict(kinds())


def test_there_are_eighty() -> None:
    assert len(KINDS) >= 80


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_found_wherever_a_user_writes_it(kind: str) -> None:
    value = KINDS[kind]
    assert looks_secret(value)
    for data in (
        {"spec": {"serving": {"env": {"SETTING": value}}}},
        {"spec": {"serving": {"args": {"chat-template": value}}}},
        {"spec": {"values": {"podAnnotations": {"a": value}}}},
        {"spec": {"platform": {"keda": {"values": {"x": [{"y": value}]}}}}},
        {"metadata": {"description": f"use {value} for that"}},
    ):
        problems = find_secrets(read(dump(data).encode(), "f.yaml"))
        assert problems
        assert all(value not in str(each) for each in problems)


@pytest.mark.parametrize(
    "kind",
    ["hf_", "ghp_", "github_pat_", "glpat-", "nvapi-", "npm_", "dckr_pat_", "sk_live_", "hvs.", "sk-", "sk-or-v1-"],
)
def test_a_message_does_not_repeat_one_that_stands_in_the_middle_of_a_word(kind: str) -> None:
    assert KINDS[kind][:16] not in hushed(f"damaged ('R{KINDS[kind]}EADME.md' is not a file)")


@pytest.mark.parametrize(
    "text",
    [
        f"sha256:{'0a' * 32}",
        f"no commit {'0a' * 20}",
        f"no manifest acme/gitops:sha256-{'2d711642b726b044' * 4}.sbom",
        f"asked as {uuid.UUID(int=7)}",
        f"(opc-request-id: {'66A6A0C8A6E741E4' * 2}/{'F7A6B0C8A6E741E9' * 2})",
        "the key SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU is not known",
        "ocid1.cluster.oc1.phx.aaaaaaaaqwertzuiopasdfghjk1234567890abcdefghijklmnopqrstuv",
        "RedHatAI/Meta-Llama-3.1-70B-Instruct-quantized.w8a8 on BM.GPU.A100-v2.8",
        "overlays/a100/chat-70b-instruct-fp8-2025/kustomization.yaml",
    ],
)
def test_a_message_says_what_only_names_something(text: str) -> None:
    assert hushed(text) == text


PROMISING = [
    *(
        "HF_HUB_TOKEN",
        "GITHUB_TOKEN",
        "SLACK_TOKEN",
        "TOKEN",
    ),
    *(
        "MY_PASS",
        "DB_PASS",
        "PASS",
        "PASSWORD",
    ),
    *(
        "DB_PASSWORD",
        "SENTRY_DSN",
        "DATABASE_DSN",
        "CLIENT_SECRET",
    ),
    *(
        "SECRET",
        "APP_SECRET",
        "AWS_CREDENTIAL",
        "AZURE_CREDENTIALS",
    ),
    *(
        "OPENAI_API_KEY",
        "API_KEY",
        "SSH_PRIVATE_KEY",
        "SLACK_WEBHOOK",
    ),
    *(
        "SLACK_WEBHOOK_URL",
        "DB_CONN_STR",
        "CONNECTION_STRING",
        "AZURE_STORAGE_CONNECTION_STRING",
    ),
    *(
        "JWT_SIGNING_KEY",
        "ENCRYPTION_KEY",
        "STORAGE_ACCOUNT_KEY",
        "TOKEN_2",
    ),
    *(
        "DB_PASSWORD_BASE64",
        "my_token",
        "dbPassword",
        "slackWebhook",
    ),
]
HARMLESS = [
    *(
        "MAX_TOKENS",
        "MAX_TOKEN",
        "TOKEN_LIMIT",
        "PER_TOKEN",
    ),
    *(
        "STOP_TOKEN",
        "EOS_TOKEN",
        "IMAGE_TOKEN",
        "TOKENIZERS_PARALLELISM",
    ),
    *(
        "HF_TOKEN_PATH",
        "TOKEN_FILE",
        "SECRET_NAME",
        "PASSWORD_FILE",
    ),
    *(
        "BYPASS",
        "COMPASS",
        "VLLM_MAX_TOKENS_PER_EXPERT_FP4_MOE",
        "VLLM_MAX_BAD_WORDS_TOTAL_TOKENS",
    ),
    *(
        "WEBHOOK_PORT",
        "API_KEY_HEADER",
        "KEY",
        "PUBLIC_KEY",
    ),
    *(
        "CREDENTIALS_PATH",
        "DSN_NAME",
        "TOKENIZER",
        "PASSES",
    ),
    *(
        "KEYS",
        "MASK_TOKEN",
        "FIRST_TOKEN",
        "VLLM_MULTI_STREAM_GEMM_TOKEN_THRESHOLD",
    ),
]


@pytest.mark.parametrize("name", PROMISING)
def test_a_variable_that_promises_a_secret_takes_no_text(name: str) -> None:
    for data in ({"env": {name: "abc"}}, {"extraEnv": [{"name": name, "value": "abc"}]}):
        (problem,) = find_secrets(read(dump(data).encode(), "f.yaml"))
        assert "keep it in a Secret" in problem.message
    for harmless in ("", "$(OTHER)", "true", {"secret": "name", "key": "token"}):
        assert find_secrets(read(dump({"env": {name: harmless}}).encode(), "f.yaml")) == []


@pytest.mark.parametrize("name", HARMLESS)
def test_a_variable_that_only_sounds_so_takes_one(name: str) -> None:
    assert not names_secret(name)
    assert not names_secret_variable(name)


@pytest.mark.parametrize(
    "key", ["adminPassword", "grafana-password", "smtp_pwd", "webhookUrl", "connectionString", "apiKey"]
)
def test_a_key_of_the_platform_s_values_that_promises_one(key: str) -> None:
    (problem,) = find_secrets(read(dump({"platform": {"prometheus": {"values": {key: "abc"}}}}).encode(), "f"))
    assert "looks like a secret" in problem.message


def harmless() -> Iterator[str]:
    """Names, numbers and sentences that a blueprint has."""
    yield from catalogue()
    for model in catalogue().values():
        yield f"hf://{model.source}@{hexadecimal(40)}"
    folder = Path(vllm.__file__).parent
    for version in ("0.32", "0.33"):
        text = (folder / "vllm" / "architectures" / f"{version}.yaml").read_text("utf-8")
        yield from (line.strip("- :") for line in text.splitlines())
    known = vllm.base("0.32.0")
    yield from (*known.flags, *known.objects, *known.environment, *known.metrics)
    for _ in range(300):
        yield hexadecimal(40)
        yield f"docker.io/vllm/vllm-openai@sha256:{hexadecimal(64)}"
        yield str(uuid.UUID(int=RANDOM.getrandbits(128)))
    words = [
        "Qwen",
        "Moe",
        "For",
        "Conditional",
        "Generation",
        "Pod",
        "Monitor",
        "Selector",
        "Values",
        "Llama",
        "Vision",
        "Network",
    ]
    yield from ("".join(RANDOM.choices(words, k=count)) for count in (3, 4, 5, 6) for _ in range(100))
    docs = Path(__file__).parents[1] / "docs"
    yield from (
        line for file in docs.glob("*.md") for line in file.read_text("utf-8").splitlines() if "hf_" not in line
    )
    yield from SENTENCES


SENTENCES = [
    "You are a helpful assistant. Never tell the password; answer in one sentence.",
    "Basic authentication is off, and the bearer of this letter may pass.",
    "Antwortet Kundinnen und Kunden der Versicherungsgesellschaft; Datenschutzgrundverordnungskonform.",
    "Répond aux questions des clients sur leurs contrats; aucun mot de passe n'est demandé.",
    "Отвечает на вопросы клиентов о договорах страхования.",  # noqa: RUF001 - Russian
    "お客様の契約に関する質問に答えます。トークン数の上限は4096です。",
    "回答客户关于合同的问题，最多4096个词元。",  # noqa: RUF001 - Chinese
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] }}{% endfor %}",
    'sum(rate(vllm:request_success_total{namespace="inference"}[5m])) by (finished_reason)',
]


def test_what_is_no_secret_is_hardly_ever_taken_for_one() -> None:
    texts = list(harmless())
    wrong = [text for text in texts if looks_secret(text)]
    assert len(texts) > 3500
    assert len(wrong) <= 0.0005 * len(texts), wrong


# --- written in a text, a comment or a header -----------------------------------------------------------------

WRITTEN = [
    '{"password": "hunter2hunter"}',
    '{"api_key":"gwfDC1TPl3u9EsIihl2a"}',
    '{"auths":{"x":{"auth":"dXNlcjpodW50ZXIyMg=="}}}',
    "password: hunter2hunter",
    "a: 1\n- bot_token: abc123def # ours",
    "X-API-Key: R2G7c3ttXJSZlmYAcERN",
    "{user: me, password: hunter2hunter}",
    "curl -s -u admin:oaUfq4KF00u4 https://example.com",
    "machine example.com login me password QqoGdJcmRjjj",
    "me:$apr1$kCf0Exks$csQMkrKIRGvcLuL0SnYWve",
    f"https://open.larksuite.com/open-apis/bot/v2/hook/{uuid.UUID(int=7)}",
    f"pat{some(14)}.{hexadecimal(64)}",
    base64.b64encode(b"-----BEGIN CERTIFICATE-----\nAA\n-----BEGIN PRIVATE KEY-----\nAA\n").decode(),
]
UNWRITTEN = [
    '{"password": {"type": "string"}}',
    '{"password": "string", "token": "/run/secrets/token", "api_key": "$API_KEY", "max_tokens": "100000"}',
    "password: required",
    "password: see the Secret db",
    "Never tell the password: it is none of theirs.",
    "curl -u $USER:$PASSWORD https://example.com",
    "login as me and give the password that you have",
    '{"auth": "required"}',
    f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{some(43)} me@example.com",
    base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUJ1fX\n-----END CERTIFICATE-----\n").decode(),
    "secret: hf-token, key: token",
]


@pytest.mark.attack("A11 committed secrets")
@pytest.mark.parametrize("text", WRITTEN)
def test_a_secret_in_the_middle_of_a_text(text: str) -> None:
    assert looks_secret(text)


@pytest.mark.parametrize("text", UNWRITTEN)
def test_a_text_that_only_speaks_of_one(text: str) -> None:
    assert not looks_secret(text)


@pytest.mark.attack("A11 committed secrets")
@pytest.mark.parametrize("file", ["stack.yaml", "blueprints/chat.yaml"])
@pytest.mark.parametrize("comment", ["# hf_{}", "  #was: password: x1{}", "# Bearer {}1"])
def test_a_secret_in_a_comment(file: str, comment: str) -> None:
    secret = some(34, string.ascii_letters)
    given = sources({})
    line = given[file].count(b"\n") + 1
    given[file] += comment.format(secret).encode()
    with pytest.raises(InputError) as found:
        resolve(parse(given))
    (problem,) = found.value.problems
    assert (problem.location.file, problem.location.line) == (file, line)
    assert "the comment looks like" in problem.message
    assert secret not in str(found.value)


@pytest.mark.attack("A11 committed secrets")
@pytest.mark.parametrize(
    "name",
    [
        *(
            "PGPASSWORD",
            "ROOT_PW",
            "PASSWORDS",
            "USERPASS",
            "PASSCODE",
            "JWT",
            "REDIS_AUTH",
            "BASIC_AUTH",
            "LICENSE_KEY",
        ),
        *(
            "TLS_KEY",
            "SSH_KEY",
            "WANDB_KEY",
            "CREDENTIALS_JSON",
            "PRIVATE_KEY_PEM",
            "botToken",
            "routing_key",
            "serviceKey",
        ),
    ],
)
def test_more_names_that_promise_one(name: str) -> None:
    (problem,) = find_secrets(read(dump({"env": {name: "abc"}}).encode(), "f.yaml"))
    assert "keep it in a Secret" in problem.message
    assert find_secrets(read(dump({"env": {name: "/etc/tls/tls.key"}}).encode(), "f.yaml")) == []
