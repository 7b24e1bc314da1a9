"""A path of a flag or a variable at which a server would find nothing is refused, with the key that brings the file."""

from typing import Any

import pytest

from gpuyard.catalogue.flagrules import needed
from tests.projects import merged, problems, resolved

KEY = {"secret": "s", "key": "k"}
CA = {"SSL_CERT_FILE": "/etc/certs/ca.crt"}
ON_CLAIM = {"model": {"source": "pvc://weights/llama"}}


def args(**flags: Any) -> dict[str, Any]:
    given = {name.replace("_", "-"): value for name, value in flags.items()}
    return {"serving": {"args": given, "unsafe": [*needed(given, (), "0.32.0")]}}


def env(**variables: str) -> dict[str, Any]:
    return {"serving": {"env": variables}}


def found(spec: dict[str, Any], stack: dict[str, Any] | None = None) -> list[str]:
    return [each for each in problems({"shapes": {"h100": {}}, **spec}, stack) if "nothing is mounted" in each]


BRING = "; bring the file by serving.files: {%s: {file: FILE}} (of this repository; or configMap or secret, and key)"


@pytest.mark.parametrize(
    ("spec", "place", "path"),
    [
        (args(chat_template="/etc/templates/x.jinja"), "args.chat-template", "/etc/templates/x.jinja"),
        (args(chat_template="/etc/../etc/x.jinja"), "args.chat-template", "/etc/../etc/x.jinja"),
        (args(generation_config="/gen"), "args.generation-config", "/gen"),
        (args(tool_parser_plugin="/plugins/p.py"), "args.tool-parser-plugin", "/plugins/p.py"),
        (args(log_config_file="/etc/log.json"), "args.log-config-file", "/etc/log.json"),
        (args(mm_encoder_fp8_scale_path="/scales.json"), "args.mm-encoder-fp8-scale-path", "/scales.json"),
        (args(tokenizer="/models/tokenizer"), "args.tokenizer", "/models/tokenizer"),
        (args(allowed_local_media_path="/media"), "args.allowed-local-media-path", "/media"),
        (args(otlp_traces_endpoint="/x"), "args.otlp-traces-endpoint", "/x"),
        (args(additional_config={"a": {"b": ["/etc/x"]}}), "args.additional-config", "/etc/x"),
        (args(additional_config='{"a": "/etc/x"}'), "args.additional-config", "/etc/x"),
        (args(lora_modules=["sql=/adapters/sql"]), "args.lora-modules", "/adapters/sql"),
        (args(speculative_config={"model": "/models/draft"}), "args.speculative-config", "/models/draft"),
        (env(**CA), "env.SSL_CERT_FILE", "/etc/certs/ca.crt"),
        (env(SSL_CERT_FILE="/etc/ssl/certs/corp.pem"), "env.SSL_CERT_FILE", "/etc/ssl/certs/corp.pem"),
        (env(REQUESTS_CA_BUNDLE="/etc/ca.pem"), "env.REQUESTS_CA_BUNDLE", "/etc/ca.pem"),
        (env(LMCACHE_CONFIG_FILE="/etc/lmcache.yaml"), "env.LMCACHE_CONFIG_FILE", "/etc/lmcache.yaml"),
        (env(VLLM_TUNED_CONFIG_FOLDER="/tuned"), "env.VLLM_TUNED_CONFIG_FOLDER", "/tuned"),
        (env(MY_OWN_PATH="/data/x"), "env.MY_OWN_PATH", "/data/x"),
        (env(PYTHONPATH="/cache/a:/plugins"), "env.PYTHONPATH", "/plugins"),
        (
            env(OTEL_EXPORTER_OTLP_CERTIFICATE="/etc/otel/ca.crt"),
            "env.OTEL_EXPORTER_OTLP_CERTIFICATE",
            "/etc/otel/ca.crt",
        ),
    ],
)
def test_nothing_is_there(spec: dict[str, Any], place: str, path: str) -> None:
    """And what the message says to write makes it right."""
    (problem,) = found(spec)
    inside = problem.partition(": nothing is mounted at ")[0]
    assert inside.startswith(f"spec.serving.{place}")
    assert f"nothing is mounted at {path}" in problem
    if ".." in path or place.endswith(("tokenizer", "speculative-config")):
        return
    assert BRING % path in problem
    assert found(merged(spec, {"serving": {"files": {path: KEY}}})) == []


@pytest.mark.parametrize(
    ("spec", "written"),
    [
        (args(chat_template="chat.jinja"), "/vllm-workspace/chat.jinja"),
        (env(SSL_CERT_FILE="ca.crt"), "/vllm-workspace/ca.crt"),
    ],
)
def test_a_path_begins_where_the_image_runs(spec: dict[str, Any], written: str) -> None:
    (problem,) = found(spec)
    name = written.rpartition("/")[2]
    assert f"nothing is mounted at {name}, which is {written} in vLLM's image" in problem
    assert f"serving.files: {{/etc/vllm/{name}: " in problem


@pytest.mark.parametrize(
    ("spec", "stack"),
    [
        (args(chat_template="examples/tool_chat_template_hermes.jinja"), {}),
        (args(chat_template="/vllm-workspace/examples/tool_chat_template_hermes.jinja"), {}),
        (args(chat_template="{{ messages }}/x"), {}),
        (args(chat_template="a\nb"), {}),
        (args(generation_config="vllm"), {}),
        (args(generation_config="auto"), {}),
        (args(override_generation_config={"stop": "/s"}), {}),
        (args(disable_access_log_for_endpoints="/health,/metrics"), {}),
        (args(default_chat_template_kwargs={"mode": "/no_think"}), {}),
        ({**args(tokenizer="/models/tokenizer"), **ON_CLAIM}, {}),
        (args(chat_template="/cache/templates/x.jinja"), {}),
        (env(VLLM_DEBUG_DUMP_PATH="/tmp/dump"), {}),  # noqa: S108 - in pods
        (env(SSL_CERT_FILE="/etc/ssl/certs/ca-certificates.crt"), {}),
        (env(SSL_CERT_DIR="/etc/ssl/certs"), {}),
        (env(MY_PREFIX="/api"), {}),
        (env(LD_LIBRARY_PATH="/x:/y"), {}),
        (env(SSL_CERT_FILE="/etc/trust/ca.crt"), {"network": {"ca": {"configMap": "corp-ca"}}}),
        ({"serving": {"env": {"SSL_CERT_DIR": "/etc/certs"}, "files": {"/etc/certs/ca.crt": KEY}}}, {}),
        ({"serving": {"env": {"LMCACHE_CONFIG_FILE": KEY}}}, {}),
    ],
)
def test_something_is_there_or_it_is_no_path(spec: dict[str, Any], stack: dict[str, Any]) -> None:
    assert found(spec, stack) == []


@pytest.mark.parametrize(("mount", "there"), [("/etc/certs", True), ("/etc/certs/", True), ("/etc/cert", False)])
def test_volumes_of_the_author_s_own(mount: str, there: bool) -> None:
    values = {"extraVolumes": [{"name": "x", "emptyDir": {}}], "extraVolumeMounts": [{"name": "x", "mountPath": mount}]}
    assert bool(found({**env(**CA), "values": values})) != there


def test_variables_among_the_values() -> None:
    values = {"extraEnv": [{"name": "SSL_CERT_FILE", "value": "/etc/certs/ca.crt"}]}
    (problem,) = found({"values": values})
    assert problem.startswith("spec.values.extraEnv: nothing is mounted at /etc/certs/ca.crt")
    assert "(authorities of the site: spec.network.ca in stack.yaml)" in problem


def test_a_build_of_one_s_own_may_hold_anything() -> None:
    spec = {"shapes": {"h100": {}}, "clientNamespaces": ["a"], "vllm": {"image": "docker.io/acme/vllm"}}
    spec.update(args(chat_template="/etc/templates/x.jinja"))
    (note,) = [each for each in resolved(spec).notes if "nothing is mounted" in each]
    assert note.startswith("blueprints/chat.yaml: spec.serving.args.chat-template: nothing is mounted at ")
