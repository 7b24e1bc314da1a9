"""What a flag, or a key at any depth of its value, lets its author do needs an entry in unsafe, however written."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from gpuyard.catalogue import flagpowers, vllm
from gpuyard.catalogue.flagkinds import Kind
from gpuyard.catalogue.flagrules import check_args, check_unsafe, needed
from tests.projects import problems
from tools import vllm_powers

V32, NEXT = "0.32.0", "0.34.0"
DANGEROUS = {
    "known": "mine",
    "plain": {"a": {"b": ["text"]}},
    "module": "team.proposer.Class",
    "words": {"auto_map": {"a": "b"}},
}
OF_TYPE: dict[str, Any] = {
    "boolean": True,
    "integer": 7,
    "number": 7,
    "array": ["a.b"],
    "object": {"a": "a.b"},
    "string": "/a/b.c",
}


class Place(NamedTuple):
    """A flag, keys below it, and a value that is dangerous there."""

    flag: str
    keys: tuple[str, ...]
    value: Any

    @property
    def entry(self) -> str:
        return ".".join((self.flag, *self.keys))


def sample(row: dict[str, Any], kind: Kind) -> Any:
    if "is" in row:
        return row["is"][0]
    if row.get("form") in DANGEROUS:
        return DANGEROUS[row["form"]]
    return OF_TYPE.get(kind.types[0], "/a/b.c")


def places(version: str) -> Iterator[Place]:
    """Every dangerous flag and key of a version."""
    known = vllm.catalogue(version)
    assert known
    rows = flagpowers.table()
    for name, flag in known.flags.items():
        if name in rows["flags"]:
            yield Place(name, (), sample(rows["flags"][name], flag.kind))
        yield from below(known, name, (), flag.kind)


def below(known: vllm.Version, flag: str, keys: tuple[str, ...], kind: Kind) -> Iterator[Place]:
    """Of the object that a flag or a key holds."""
    rows = flagpowers.table()["keys"]
    for key, each in known.objects.get(kind.object or "", {}).items():
        if row := rows.get(f"{kind.object}.{key}"):
            yield Place(flag, (*keys, key), sample(row, each))
        yield from below(known, flag, (*keys, key), each)


def spellings(place: Place) -> Iterator[Any]:
    """The value of the flag, in all forms that vLLM takes."""
    if not place.keys:
        yield place.value
        if isinstance(place.value, dict | list):
            yield json.dumps(place.value)
        return
    for dashes in (False, True):
        value = place.value
        for key in reversed(place.keys):
            value = {key.replace("_", "-") if dashes else key: value}
        yield value
        yield json.dumps(value)
        yield f"  {json.dumps(value, indent=1)}"
        outer, inner = next(iter(value.items()))
        if isinstance(inner, dict):
            yield {outer: inner, "x": [inner]}


EVERY = [(version, place) for version in vllm.versions() for place in places(version)]


def test_there_are_as_many_as_there_were() -> None:
    assert len(EVERY) > 140
    deep = [place for _, place in EVERY if len(place.keys) > 1]
    assert {place.entry for place in deep} >= {"speculative-config.draft_load_config.model_loader_extra_config"}


@pytest.mark.attack("A23 nested keys")
@pytest.mark.parametrize("version", vllm.versions())
def test_each_is_refused_without_its_entry_in_every_spelling(version: str) -> None:
    for _, place in (each for each in EVERY if each[0] == version):
        for value in spellings(place):
            for released in (True, False):
                args = {place.flag: value}
                messages = [message for _, message in check_args(args, (), (), version, released=released)]
                assert messages, (place, value)
                if flagpowers.table()["flags"].get(place.flag, {}).get("form") == "known" and released:
                    continue  # the closed set refuses it
                assert released or any(place.entry in each for each in messages), (place, value, messages)


@pytest.mark.attack("A23 nested keys")
@pytest.mark.parametrize(
    ("args", "entry"),
    [
        (
            {"structured-outputs-config": {"reasoning_parser_plugin": "/cache/hf/evil.py"}},
            "structured-outputs-config.reasoning_parser_plugin",
        ),
        (
            {"structured-outputs-config": {"reasoning-parser-plugin": "/cache/hf/evil.py"}},
            "structured-outputs-config.reasoning_parser_plugin",
        ),
        (
            {"compilation-config": {"inductor_passes": {"post_grad_custom_post_pass": "os.system"}}},
            "compilation-config.inductor_passes",
        ),
        (
            {"compilation-config": '{"inductor-passes": {"a": "os.system"}, "max_cudagraph_capture_size": 1k}'},
            "compilation-config.inductor_passes",
        ),
        ({"compilation-config": {"backend": "a.b"}}, "compilation-config.backend"),
        ({"compilation-config": {"cache_dir": "/cache/x"}}, "compilation-config.cache_dir"),
        ({"compilation-config": {"debug_dump_path": "/cache/x"}}, "compilation-config.debug_dump_path"),
        (
            {"compilation-config": {"inductor_compile_config": {"cpp.cxx": ["/cache/x"]}}},
            "compilation-config.inductor_compile_config",
        ),
        ({"speculative-config": {"method": "custom_class", "model": "x/y"}}, "speculative-config.method"),
        ({"speculative-config": {"model": "os.path"}}, "speculative-config.model"),
        ({"spec-model": "my_module.Proposer"}, "spec-model"),
        ({"spec-method": "custom_class"}, "spec-method"),
        ({"chat-template": "/run/secrets/token"}, "chat-template"),
        ({"chat-template": "/cache/../proc/self/environ"}, "chat-template"),
        ({"chat-template": "examples/../../etc/passwd"}, "chat-template"),
        ({"chat-template": "//proc/self/environ"}, "chat-template"),
        ({"enable-fault-tolerance": True}, "enable-fault-tolerance"),
        ({"no-enable-fault-tolerance": False}, "enable-fault-tolerance"),
        ({"tokens-only": True}, "tokens-only"),
        ({"hf-overrides": {"auto_map": {"AutoConfig": "a.b"}}}, "hf-overrides.auto_map"),
        ({"hf-overrides": {"text-config": {"auto-map": {"AutoConfig": "a.b"}}}}, "hf-overrides.text_config.auto_map"),
        ({"mm-processor-kwargs": {"trust_remote_code": True}}, "mm-processor-kwargs.trust_remote_code"),
        ({"mm-processor-kwargs": {"proxies": {"https": "http://evil:1"}}}, "mm-processor-kwargs"),
        ({"model-loader-extra-config": '{"tensorizer_uri": "s3://evil/x"}'}, "model-loader-extra-config"),
        ({"default-chat-template-kwargs": {"chat_template": "{{ x }}"}}, "default-chat-template-kwargs.chat_template"),
        ({"kv-transfer-config": {"kv_connector_module_path": "evil"}}, "kv-transfer-config.kv_connector_module_path"),
        (
            {
                "kv-transfer-config": {
                    "kv_connector_extra_config": {"connectors": [{"kv_connector_module_path": "evil"}]}
                }
            },
            "kv-transfer-config.kv_connector_extra_config.connectors.kv_connector_module_path",
        ),
        (
            {"kv-transfer-config": {"kv_connector_extra_config": {"spec_module_path": "evil"}}},
            "kv-transfer-config.kv_connector_extra_config",
        ),
        ({"profiler-config": {"torch_profiler_dir": "gs://evil/x"}}, "profiler-config.torch_profiler_dir"),
        (
            {"speculative-config": {"draft_load_config": {"download_dir": "/x"}}},
            "speculative-config.draft_load_config.download_dir",
        ),
        ({"otlp-traces-endpoint": "http://evil:4317"}, "otlp-traces-endpoint"),
        ({"mm-encoder-fp8-scale-path": "/etc/passwd"}, "mm-encoder-fp8-scale-path"),
        ({"additional-config": {"a": 1}}, "additional-config"),
    ],
    ids=str,
)
def test_what_runs_reads_or_reaches_something_has_an_entry_of_its_own(args: dict[str, Any], entry: str) -> None:
    for where in ({"serving": {"args": args}}, {"shapes": {"h100": {"args": args}}}):
        assert [each for each in problems(where) if each.endswith(f"; to allow it, add {entry} to serving.unsafe")]
    needs = needed(args, (), V32)
    assert entry in needs
    assert all("unsafe" not in message for _, message in check_args(args, (), needs, V32))
    assert list(check_unsafe(tuple(needs), args, needs)) == []


@pytest.mark.parametrize(
    "args",
    [
        {"compilation-config": {"backend": "eager", "mode": 3, "inductor_compile_config": {"max_autotune": True}}},
        {"compilation-config": {"backend": None, "inductor_passes": {}, "cache_dir": ""}},
        {"speculative-config": {"method": "eagle3", "model": "org/Qwen2.5.draft"}},
        {"chat-template": "{% for m in messages %}{{ m }}{% endfor %}"},
        {"chat-template": "/etc/vllm/chat.jinja"},
        {"chat-template": "examples/tool_chat_template_hermes.jinja"},
        {"mm-processor-kwargs": {"max_pixels": 1003520, "do_resize": True, "size": {"shortest_edge": 224}}},
        {"model-loader-extra-config": '{"concurrency": 16, "distributed": true}'},
        {"default-chat-template-kwargs": {"reasoning_effort": "high", "enable_thinking": False}},
        {"no-trust-remote-code": True, "enable-fault-tolerance": False},
        {"hf-overrides": {}},
    ],
    ids=str,
)
def test_what_only_tunes_needs_none(args: dict[str, Any]) -> None:
    assert needed(args, (), V32, files=("/etc/vllm/chat.jinja",)) == {}


@pytest.mark.attack("A23 nested keys")
def test_a_template_from_a_secret_needs_an_entry() -> None:
    """Clients can have the text of a template back, token by token."""
    files = {"/etc/vllm/a.jinja": {"secret": "s", "key": "k"}, "/etc/vllm/b.jinja": {"configMap": "c", "key": "k"}}
    for path, refused in (("/etc/vllm/a.jinja", True), ("/etc/vllm/b.jinja", False)):
        found = problems({"serving": {"args": {"chat-template": path}, "files": files}})
        assert any("add chat-template to serving.unsafe" in each for each in found) == refused


@pytest.mark.attack("A23 nested keys")
@pytest.mark.parametrize(
    ("args", "entry"),
    [
        ({"new-plugin": "/cache/x.py"}, "new-plugin"),
        ({"compilation-config": {"new_hook": "os.system"}}, "compilation-config.new_hook"),
        ({"compilation-config.backend": "a.b"}, "compilation-config.backend"),
        (
            {"speculative-config.draft-load-config.download-dir": "/x"},
            "speculative-config.draft_load_config.download_dir",
        ),
        ({"load-format": "mine"}, "load-format"),
    ],
)
def test_what_nobody_knows_needs_an_entry_where_it_is_passed_on(args: dict[str, Any], entry: str) -> None:
    for version, released in ((NEXT, True), (V32, False)):
        assert entry in needed(args, (), version, released=released)
        assert check_args(args, (), (), version, released=released)


@pytest.mark.parametrize("value", [5, 0.5, -1])
def test_a_number_names_nothing_whatever_the_flag(value: float) -> None:
    for args in ({"new-thing": value}, {"compilation-config": {"new_key": value}}):
        assert check_args(args, (), (), NEXT) == []
        (entry,) = needed(args, (), NEXT)
        assert list(check_unsafe([entry], args, {entry})) == []  # and an entry is no mistake
    assert check_args({"new-thing": True}, (), (), NEXT)  # it may add an endpoint
    assert check_args({"grpc-port": value}, (), (), NEXT)  # of those that are known all powers stay


def test_an_entry_for_a_whole_flag_allows_nothing_that_is_in_it() -> None:
    args = {"kv-transfer-config": {"kv_connector_module_path": "evil"}}
    (_, message), *_ = check_args(args, (), ("kv-transfer-config",), V32)
    assert "add kv-transfer-config.kv_connector_module_path to" in message
    inside = {"compilation-config": {"backend": "a.b"}}
    assert list(check_unsafe(("compilation-config",), inside, needed(inside, (), V32))) == [
        (0, "compilation-config needs no entry here, and what is in it needs its own: compilation-config.backend")
    ]


def test_entries_may_have_dashes_or_underscores() -> None:
    args = {"structured-outputs-config": {"reasoning_parser_plugin": "/a.py"}}
    for flag in ("structured-outputs-config", "structured_outputs_config"):
        entry = f"{flag}.reasoning-parser-plugin"
        assert check_args(args, (), (entry,), V32) == []


def test_every_flag_key_and_variable_has_been_looked_at() -> None:
    assert vllm_powers.missing() == []
    assert vllm_powers.stale() == []


def test_a_new_key_is_missed() -> None:
    known = vllm.catalogue(V32)
    assert known
    objects = {**known.objects, "CompilationConfig": {**known.objects["CompilationConfig"], "new_hook": Kind()}}
    flags = {**known.flags, "new-flag": known.flags["seed"]}
    assert list(flagpowers.unclassified(vllm.Version(known.release, flags, objects, known.environment, {}))) == [
        "new-flag",
        "CompilationConfig.new_hook",
    ]


@pytest.mark.attack("A23 nested keys")
def test_deep_json_is_no_way_around() -> None:
    deep = "[" * 2000 + '{"auto_map": "a.b"}' + "]" * 2000
    assert check_args({"hf-overrides": {"a": deep}}, (), (), V32)
