import runpy
from pathlib import Path

import pytest
import yaml

from gpuyard.catalogue import vllm
from gpuyard.catalogue.flagkinds import Kind
from gpuyard.catalogue.flagrules import Finding, assumptions, check_args, check_unsafe, deprecations, needed, passed_on

V32, V33 = "0.32.0", "0.33.0"


def found(args: dict[str, object], env: dict[str, str] | None = None, unsafe: tuple[str, ...] = ()) -> list[Finding]:
    return check_args(args, env or {}, unsafe, V32)


def test_versions() -> None:
    assert vllm.versions() == (V32, V33)
    assert vllm.catalogue("0.32.7") is vllm.catalogue(V32)
    assert vllm.catalogue("0.31.0") is None
    assert vllm.base("0.32.7") is vllm.catalogue(V32)


@pytest.mark.parametrize(("version", "base"), [("0.31.9", V32), ("0.33.4", V33), ("0.34.0", V33), ("1.0.0", V33)])
def test_a_version_is_checked_as_the_newest_before_it(version: str, base: str) -> None:
    assert vllm.base(version).release == base


def test_defaults_and_types_as_the_help_prints_them() -> None:
    known = vllm.catalogue(V32)
    assert known
    assert len(known.flags) == 317  # 316 lines of `vllm serve --help=all`, and one other spelling
    assert known.flags["gpu-memory-utilization"] == vllm.Flag(Kind(("number",), above=0, maximum=1), 0.92, None, None)
    assert known.flags["device-memory-utilization"].alias == "gpu-memory-utilization"
    assert known.flags["enable-prefix-caching"].type == "boolean"
    assert known.flags["max-model-len"].type == "integer"
    assert "VLLM_SERVER_DEV_MODE" in known.environment


def test_a_removed_flag_names_its_version_and_successor() -> None:
    assert found({"disable-log-requests": True}) == [
        (
            ("args", "disable-log-requests"),
            "--disable-log-requests was removed in 0.17; logging is off by default",
        )
    ]
    assert found({}, {"VLLM_ATTENTION_BACKEND": "FLASHINFER"}) == [
        (
            ("env", "VLLM_ATTENTION_BACKEND"),
            "VLLM_ATTENTION_BACKEND was removed in 0.16 or before; use the flag attention-backend",
        )
    ]


def test_what_a_later_version_removes_is_still_there() -> None:
    name = "VLLM_USE_RAY_WRAPPED_PP_COMM"
    assert check_args({}, {name: "0"}, (), V32) == []
    assert check_args({}, {name: "0"}, (), V33) == [
        (("env", name), f"{name} was removed in 0.33; a replica runs on one node, without Ray")
    ]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "enable-auto-tool-choise",
            True,
            "vLLM 0.32.0 has no flag --enable-auto-tool-choise; did you mean enable-auto-tool-choice?",
        ),
        (
            "trust-remote-cod",
            True,
            "vLLM 0.32.0 has no flag --trust-remote-cod; did you mean trust-remote-code?",
        ),
        ("no-max-model-len", True, "vLLM 0.32.0 has no flag --no-max-model-len; did you mean max-model-len?"),
        ("max-model-len", 4096, "gpuyard sets it from serving.contextLength; remove it here"),
        (
            "device-memory-utilization",
            0.9,
            "gpuyard sets it from serving.gpuMemoryUtilization; remove it here",
        ),
        ("api-key", "x", "gpuyard sets it from expose.apiKey; remove it here"),
        ("enable-prefix-caching", "yes", "must be a boolean"),
        ("max-lora-rank", True, "must be an integer"),
        ("stream-interval", [1], "must be an integer"),
        ("max-lora-rank", 64, None),
        ("max-log-len", "16k", "must be an integer without a suffix, which few flags take; write 16000"),
        ("no-enable-prefix-caching", True, None),
        ("limit-mm-per-prompt", {"image": 2}, None),
        (
            "no-aggregate-engine-logging",
            True,
            "vLLM 0.32.0 has no flag --no-aggregate-engine-logging; did you mean aggregate-engine-logging?",
        ),
        ("allowed-origins", ["https://a.example.com"], None),
        ("allowed-origins", "https://a.example.com", "must be an array"),
        ("dtype", True, "must be a string"),
        ("no-trust-remote-code", True, None),
        ("trust-remote-code", False, None),
    ],
)
def test_flags(name: str, value: object, message: str | None) -> None:
    assert found({name: value}) == ([] if message is None else [(("args", name), message)])


@pytest.mark.parametrize(
    ("args", "name", "message"),
    [
        (
            {"enable-auto-tool-choice": True},
            "enable-auto-tool-choice",
            "needs tool-call-parser: it names the format",
        ),
        ({"enable-auto-tool-choice": True, "tool-call-parser": "llama3_json"}, "", ""),
        ({"enable-auto-tool-choice": False}, "", ""),
        (
            {"enable-prefix-caching": True, "no-enable-prefix-caching": True},
            "no-enable-prefix-caching",
            "conflicts with enable-prefix-caching; keep one",
        ),
        ({"dtype": "half"}, "", ""),
    ],
)
def test_flags_that_do_not_go_together(args: dict[str, object], name: str, message: str) -> None:
    assert [(key[1], text[: len(message)]) for key, text in found(args)] == ([(name, message)] if name else [])


@pytest.mark.attack("A13 arguments of vLLM")
def test_unsafe_ones_need_an_entry() -> None:
    [(key, message)] = found({"allowed-local-media-path": "/data"})
    assert key == ("args", "allowed-local-media-path")
    assert message.startswith("lets requests read files of the pod; to allow it, add allowed-local-media-path")
    assert found({"allowed-local-media-path": "/data"}, unsafe=("allowed-local-media-path",)) == []
    assert found({}, {"VLLM_SERVER_DEV_MODE": "1"}, ("VLLM_SERVER_DEV_MODE",)) == []
    assert found({}, {"LD_AUDIT": "x"}) != []


@pytest.mark.parametrize(
    "args",
    [{"trust-remote-code": True}, {"no-trust-remote-code": False}, {"middleware": ["a.b", "c.d"]}],
)
def test_unsafe_ones_are_found_however_they_are_written(args: dict[str, object]) -> None:
    [(_, message)] = found(args)
    assert "; to allow it, add " in message


def test_an_entry_that_allows_nothing_is_refused() -> None:
    given = {"max-lora-rank", "no-trust-remote-code"}
    assert list(check_unsafe(("middleware", "max-lora-rank", "trust-remote-code"), given, {"trust-remote-code"})) == [
        (0, "middleware is neither in args nor in env; remove it here too"),
        (1, "max-lora-rank needs no entry here"),
    ]


def test_variables_of_others_pass_and_ours_do_not() -> None:
    assert found({}, {"NCCL_DEBUG": "WARN", "VLLM_LOGGING_LEVEL": "INFO"}) == []
    assert found({}, {"HF_TOKEN": "x", "VLLM_LOGING_LEVEL": "x"}) == [
        (("env", "HF_TOKEN"), "gpuyard sets it from model.credentials; remove it here"),
        (
            ("env", "VLLM_LOGING_LEVEL"),
            "vLLM 0.32.0 has no variable VLLM_LOGING_LEVEL; did you mean VLLM_LOGGING_LEVEL?",
        ),
    ]


def test_a_variable_of_one_service_is_an_endpoint_too() -> None:
    [(key, message)] = found({}, {"AWS_ENDPOINT_URL_S3": "https://example.com"})
    assert (key, message) == (("env", "AWS_ENDPOINT_URL_S3"), "gpuyard sets it from model.source; remove it here")


def test_bounds_that_alerts_read_stay() -> None:
    [(_, message)] = found({"custom-histogram-buckets": {"time_to_first_token": [1]}})
    assert message == (
        "gpuyard sets it from the chart, whose alerts on time to first token read vLLM's own bounds; remove it here"
    )


def test_deprecated_ones_are_only_mentioned() -> None:
    assert found({"disable-cascade-attn": True}) == []
    [(key, message)] = deprecations({"disable-cascade-attn": True, "max-lora-rank": 8}, V32)
    assert key == ("args", "disable-cascade-attn")
    assert "will be removed in v0.33.0" in message


# --- what nobody here knows ----------------------------------------------------------------------------------

NEXT = "0.34.0"


@pytest.mark.parametrize(("version", "released"), [(NEXT, True), (NEXT, False), (V32, False)])
def test_an_unknown_flag_of_another_build_is_passed_on(version: str, released: bool) -> None:
    args, env = {"new-thing": 1, "max-log-lenn": 7}, {"VLLM_NEW_THING": "1", "NCCL_DEBUG": "WARN"}
    unsafe = needed(args, env, version, released=released)
    assert {*unsafe} == {*args, "VLLM_NEW_THING"}
    assert check_args(args, env, unsafe, version, released=released) == []
    known = vllm.base(version).release
    assert passed_on(args, env, version, released=released) == [
        (("args", "new-thing"), f"vLLM {known} of the catalogue has no flag --new-thing; it is passed on as written"),
        (
            ("args", "max-log-lenn"),
            f"vLLM {known} of the catalogue has no flag --max-log-lenn; it is passed on as written; "
            "did you mean max-log-len?",
        ),
        (
            ("env", "VLLM_NEW_THING"),
            f"vLLM {known} of the catalogue has no variable VLLM_NEW_THING; it is passed on as written",
        ),
    ]


def test_of_a_known_release_nothing_is_passed_on() -> None:
    assert passed_on({"new-thing": 1}, {"VLLM_NEW_THING": "1"}, "0.32.4") == []
    assert len(found({"new-thing": 1}, {"VLLM_NEW_THING": "1"})) == 2


@pytest.mark.parametrize(
    ("args", "env", "words"),
    [
        ({"disable-log-requests": True}, {}, "was removed in 0.17"),
        ({}, {"VLLM_USE_RAY_WRAPPED_PP_COMM": "0"}, "was removed in 0.33"),
        ({"max-model-len": 4096}, {}, "gpuyard sets it from serving.contextLength"),
        ({"no-max-model-len": True}, {}, "gpuyard sets it from serving.contextLength"),
        ({}, {"HF_TOKEN": "x"}, "gpuyard sets it from model.credentials"),
        ({"trust-remote-code": True}, {}, "to allow it, add trust-remote-code"),
        ({}, {"VLLM_SERVER_DEV_MODE": "1"}, "to allow it, add VLLM_SERVER_DEV_MODE"),
        ({"enable-prefix-caching": "yes"}, {}, "must be a boolean"),
        ({"new-thing": []}, {}, "must list at least one entry"),
        ({"new-thing": ["-x"]}, {}, "must not begin with a dash"),
        ({"new-thing": "a\x00"}, {}, "must not contain control characters"),
    ],
)
def test_our_rules_hold_in_every_version(args: dict[str, object], env: dict[str, str], words: str) -> None:
    [(_, message)] = check_args(args, env, [each for each in args if each.startswith("new")], NEXT)
    assert words in message


@pytest.mark.parametrize(
    ("name", "value", "whole"),
    [
        ("trust-remote", True, "trust-remote-code"),
        ("no-trust-remote", False, "trust-remote-code"),
        ("no-trust-remote", True, "trust-remote-code"),
        ("allowed-local", "/", "allowed-local-media-path"),
        ("max-model", 7, "max-model-len"),
        ("m", 7, "master-addr"),
    ],
)
def test_the_beginning_of_a_flag_is_no_way_around_a_rule(name: str, value: object, whole: str) -> None:
    """Argparse takes it for the whole name."""
    assert check_args({name: value}, {}, (), NEXT) == [
        (("args", name), f"vLLM may read it as short for {whole}; write the whole name")
    ]


def test_the_beginning_of_a_flag_without_a_rule_is_passed_on() -> None:
    """The next version may have a flag of that name."""
    assert check_args({"stream": 7}, {}, ("stream",), NEXT) == []
    assert passed_on({"stream": 7}, {}, NEXT) != []


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (V32, []),
        ("0.32.4", ["flags and metrics of vLLM 0.32.4 are checked as those of 0.32.0"]),
        (
            NEXT,
            [
                "vLLM 0.34.0 is not in the catalogue: its flags, metrics and GPU memory are taken to be those of "
                "0.33.0, and flags that 0.33.0 does not have are passed on as written"
            ],
        ),
    ],
)
def test_what_is_not_known_of_a_version_is_said(version: str, words: list[str]) -> None:
    assert list(assumptions(version)) == words


# --- the catalogue itself ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", vllm.versions())
def test_rules_speak_of_flags_that_exist(version: str) -> None:
    known = vllm.catalogue(version)
    assert known
    rules = vllm.rules()
    kinds = ("computed", "unsupported", "deprecated", "narrower")
    theirs = {name for kind in kinds for name in rules[kind]}
    theirs |= {place.partition(".")[0] for place in rules["repositories"]}
    unknown = {name for name in theirs if name not in known.flags and name not in known.environment}
    assert unknown == {
        name for name in theirs if name.isupper() and not name.startswith(("VLLM_", "CUDA_VISIBLE", "LD_LIB"))
    }
    named = [rule["flag"] for rule in rules["together"]]
    named += [name for rule in rules["together"] for name in (*rule.get("needs", ()), *rule.get("excludes", ()))]
    named += [rule["at-least"] for rule in rules["together"] if "at-least" in rule]
    for flag, _, key in (name.partition(".") for name in named):
        kind = known.flags[flag].kind
        assert not key or key in known.objects[kind.object or ""], (flag, key)


@pytest.mark.parametrize("version", vllm.versions())
def test_what_is_gone_is_gone_and_says_what_to_do(version: str) -> None:
    """Each of them: a missing sentence would be a traceback for the user who meets it."""
    known = vllm.catalogue(version)
    assert known
    here = known.flags.keys() | known.environment | known.metrics.keys()
    names = vllm.rules()["removed"]
    assert {name for name in names if not vllm.removed(name, version)} == names.keys() & here


def test_the_script_reads_a_source_without_running_it(tmp_path: Path) -> None:
    files = {
        "PKG-INFO": "Name: vllm\nVersion: 0.40.1\n",
        "vllm/config/model.py": (
            "raise SystemExit\n"
            "Kind = Literal['a', 'b']\n"
            "class ModelConfig:\n"
            "    size: int | None = Field(default=None, gt=0, le=9)\n"
            "    kind: Kind = 'a'\n"
            "    rank: Literal[1, 8] = 8\n"
            "    backend: Backend | None = None\n"
            "    @field_validator('backend', mode='before')\n"
            "    def parse(cls, value):\n"
            "        if value.lower() == 'auto':\n"
            "            return None\n"
            "        return Backend[value.upper()]\n"
            "class Backend(Enum):\n"
            "    FLASH = 'vllm.flash'\n"
            "class Level(IntEnum):\n"
            "    OFF = 0\n"
            "    ON = 1\n"
            "@config\n"
            "class InnerConfig:\n"
            "    level: Level = Level.ON\n"
            "    hidden: int = field(init=False)\n"
            "    @field_validator('level', mode='before')\n"
            "    def parse(cls, value):\n"
            "        return Level[value.upper()]\n"
            "@config(config=ConfigDict(arbitrary_types_allowed=True))\n"
            "class PassConfig:\n"
            "    inner: InnerConfig | None = None\n"
            "    key: int = Field(ge=0)\n"
            "    names: list[Literal['x', 'y']] = field(default_factory=list)\n"
            "    other: int | str = 7\n"
            "    engine: SkipValidation[ModelConfig] = None\n"
            "class VllmConfig:\n"
            "    pass_config: PassConfig = Field(default_factory=PassConfig)\n"
        ),
        "vllm/engine/arg_utils.py": (
            "_GOING = '--old is deprecated. ' 'Use --new.'\n"
            "def _compute_kwargs():\n"
            "    human_readable_int_args = {'size'}\n"
            "class EngineArgs:\n"
            "    def add_cli_args(parser):\n"
            "        kwargs = get_kwargs(ModelConfig)\n"
            "        parser.add_argument('--size', '--extent', **kwargs['size'])\n"
            "        parser.add_argument('--kind', **{**kwargs['kind'], 'default': None})\n"
            "        parser.add_argument('--rank', '-r', **kwargs['rank'])\n"
            "        parser.add_argument('--backend', **kwargs['backend'])\n"
            "        parser.add_argument('--pass-config', **get_kwargs(VllmConfig)['pass_config'])\n"
            "        parser.add_argument('--quiet', action='store_true')\n"
            "        parser.add_argument('--old', action=argparse.BooleanOptionalAction, help=_GOING)\n"
        ),
        "vllm/entrypoints/common/cli_args.py": (
            "class BaseFrontendArgs:\n"
            "    chat_template: str | None = None\n"
            "    tool_call_parser: str = ''\n"
            "class FrontendArgs(BaseFrontendArgs):\n"
            "    allowed_origins: list[str] = field(default_factory=list)\n"
            "    middleware: list[str] = field(default_factory=lambda: [])\n"
            "    def _customize_cli_kwargs(cls, given):\n"
            "        given['chat_template']['type'] = json.loads\n"
            "        given['allowed_origins']['type'] = json.loads\n"
            "        given['middleware']['action'] = 'append'\n"
        ),
        "vllm/tool_parsers/__init__.py": "_TOOL_PARSERS_TO_REGISTER = {'hermes': ('hermes', 'Hermes')}\n",
        "vllm/envs.py": "environment_variables: dict = {'VLLM_B': lambda: 1, 'VLLM_A': lambda: 2}\n",
        "vllm/metrics.py": (
            "import prometheus_client\n"
            "def make(self, labelnames):\n"
            '    self._gauge_cls(name="vllm:a", documentation="", labelnames=labelnames)\n'
            '    self._counter_cls(name="vllm:b", documentation="", labelnames=labelnames + ["x"])\n'
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    script = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "vllm_catalogue.py"))
    assert yaml.safe_load(script["document"](tmp_path, "0.40.1", "0.40")) == {
        "version": "0.40",
        "release": "0.40.1",
        "flags": {
            "allowed-origins": {"type": "array", "items": {"type": "string"}, "default": [], "list": "json"},
            "backend": {"type": "string", "choices": ["FLASH", "auto"], "case": True, "null": True, "default": None},
            "chat-template": {"type": "string", "null": True, "default": None},
            "extent": {"alias": "size"},
            "kind": {"type": "string", "choices": ["a", "b"], "default": None},
            "middleware": {"type": "array", "items": {"type": "string"}, "list": "repeat"},
            "old": {"type": "boolean", "deprecated": "--old is deprecated. Use --new."},
            "pass-config": {"type": "object", "object": "PassConfig"},
            "quiet": {"type": "boolean", "switch": True},
            "rank": {"type": "integer", "choices": [1, 8], "default": 8},
            "size": {"type": "integer", "above": 0, "maximum": 9, "null": True, "default": None, "suffix": True},
            "tool-call-parser": {"type": "string", "default": "", "choices": ["hermes"], "open": "tool-parser-plugin"},
        },
        "objects": {
            "InnerConfig": {"level": {"type": ["integer", "string"], "choices": ["OFF", "ON", 0, 1], "case": True}},
            "PassConfig": {
                "inner": {"type": "object", "object": "InnerConfig", "null": True},
                "key": {"type": "integer", "minimum": 0, "required": True},
                "names": {"type": "array", "items": {"type": "string", "choices": ["x", "y"]}},
                "other": {"type": ["integer", "string"]},
            },
        },
        "environment": ["VLLM_A", "VLLM_B"],
        "metrics": {
            "vllm:a": {"type": "gauge", "labels": ["engine", "model_name"]},
            "vllm:b_total": {"type": "counter", "labels": ["engine", "model_name", "x"]},
        },
    }
