"""Which vLLM runs: the version, image and tag of the stack, or of a blueprint."""

from typing import Any

import pytest

from gpuyard.errors import InputError
from gpuyard.project.load import parse
from gpuyard.resolve import resolve
from tests.projects import merged, problems, resolved, sources, workload

OFFICIAL = "docker.io/vllm/vllm-openai"
OWN = "docker.io/acme/vllm"


def image(own: dict[str, str] | None, stack: dict[str, str]) -> str:
    return workload({"vllm": own} if own else {}, {"vllm": stack}).image.upstream


@pytest.mark.parametrize(
    ("own", "stack", "pulled"),
    [
        (None, {}, f"{OFFICIAL}:v0.32.0"),
        (None, {"version": "0.33.0"}, f"{OFFICIAL}:v0.33.0"),
        (None, {"tag": "v0.32.0-cu129"}, f"{OFFICIAL}:v0.32.0-cu129"),
        (None, {"image": OWN, "tag": "2026-11-28"}, f"{OWN}:2026-11-28"),
        ({"version": "0.33.0"}, {"tag": "v0.32.0-cu129"}, f"{OFFICIAL}:v0.33.0"),
        ({"version": "0.33.0"}, {"image": OWN}, f"{OWN}:v0.33.0"),
        ({"image": OWN}, {"tag": "v0.32.0-cu129"}, f"{OWN}:v0.32.0"),
        ({"tag": "nightly-" + "a" * 40}, {"image": OWN, "tag": "x"}, f"{OWN}:nightly-" + "a" * 40),
        ({"version": "0.34.0", "image": OWN, "tag": "y"}, {"tag": "v0.32.0-cu129"}, f"{OWN}:y"),
    ],
)
def test_the_blueprint_s_own_else_the_stack_s(own: dict[str, str] | None, stack: dict[str, str], pulled: str) -> None:
    assert image(own, stack) == pulled


def test_the_image_is_that_of_the_pod() -> None:
    stack = {"images": {"mirrors": {"docker.io": "registry.example.com/hub"}},
             "policy": {"registries": ["registry.example.com"]}}  # fmt: skip
    found = workload({"vllm": {"image": OWN, "tag": "x"}}, stack).values["image"]
    assert found == {"repository": "registry.example.com/hub/acme/vllm", "tag": "x"}


def two(first: dict[str, Any], second: dict[str, Any]) -> dict[str, bytes]:
    """Blueprints chat and talk."""
    talk = sources(second)["blueprints/chat.yaml"].replace(b"name: chat", b"name: talk")
    return {**sources(first), "blueprints/talk.yaml": talk}


def test_every_image_is_listed_once_and_noted_where_it_is_not_pinned() -> None:
    found = resolve(parse(two({}, {"vllm": {"tag": "v0.32.0-cu129"}})))
    ours = [each.upstream for each in found.images if "vllm" in each.upstream]
    assert ours == [f"{OFFICIAL}:v0.32.0", f"{OFFICIAL}:v0.32.0-cu129"]
    loose = [note for note in found.notes if "is not pinned" in note]
    assert [note.partition(" ")[0] for note in loose] == ours


def test_flags_are_checked_by_the_blueprint_s_own_version() -> None:
    gone = {"serving": {"env": {"VLLM_USE_RAY_WRAPPED_PP_COMM": "0"}}}
    assert problems(gone) == []
    assert "was removed in 0.33" in problems({**gone, "vllm": {"version": "0.33.0"}})[0]
    found = resolve(parse(two(gone, {"vllm": {"version": "0.33.0"}})))
    assert {each.name: each.image.tag for each in found.workloads} == {"chat": "v0.32.0", "talk": "v0.33.0"}


# --- builds that nobody here knows ----------------------------------------------------------------------------

TYPO = {"serving": {"args": {"max-log-lenn": 7}}}


@pytest.mark.parametrize(
    "vllm",
    [
        {},
        {"tag": "v0.32.0-cu129"},
        {"image": "ghcr.io/mirror/vllm/vllm-openai"},
        {"version": "0.33.7"},
    ],
)
def test_of_a_release_an_unknown_flag_is_a_mistake(vllm: dict[str, str]) -> None:
    (message,) = problems({**TYPO, "vllm": vllm or None}, {"policy": {"registries": ["docker.io", "ghcr.io"]}})
    assert message.endswith("has no flag --max-log-lenn; did you mean max-log-len?")


@pytest.mark.parametrize(
    "vllm",
    [
        {"tag": "nightly"},
        {"tag": "v0.32.0rc1"},
        {"image": OWN},
        {"image": OWN, "tag": "v1.2.3"},
        {"version": "0.34.0"},
        {"version": "0.31.0"},
    ],
)
def test_of_another_build_it_is_passed_on(vllm: dict[str, str]) -> None:
    spec = merged({**TYPO, "vllm": vllm}, {"serving": {"unsafe": ["max-log-lenn"]}})
    found = resolved(spec)
    base = "0.33.0" if vllm.get("version") == "0.34.0" else "0.32.0"
    assert (
        f"blueprints/chat.yaml: spec.serving.args.max-log-lenn: vLLM {base} of the catalogue has no flag "
        "--max-log-lenn; it is passed on as written; did you mean max-log-len?"
    ) in found.notes
    assert "--max-log-lenn=7" in workload(spec).values["args"]


def test_a_number_is_passed_on_without_an_entry_too() -> None:
    spec = merged(TYPO, {"vllm": {"version": "0.34.0"}})
    assert problems(spec) == []
    assert workload(spec).unsafe == {}
    listed = merged(spec, {"serving": {"unsafe": ["max-log-lenn"]}})
    assert [*workload(listed).unsafe] == ["max-log-lenn"]


def test_what_is_not_checked_is_said_where_the_version_is_named() -> None:
    said = (
        "vLLM 0.34.0 is not in the catalogue: its flags, metrics and GPU memory are taken to be those of 0.33.0, "
        "and flags that 0.33.0 does not have are passed on as written"
    )
    new = {"vllm": {"version": "0.34.0"}}
    assert [note for note in resolved({}, new).notes if "catalogue:" in note] == [f"stack.yaml: {said}"]
    assert [note for note in resolved(new).notes if "catalogue:" in note] == [f"blueprints/chat.yaml: {said}"]


# --- bad input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("version", "0.32.0-cu129", "the rest of a tag such as v0.32.0-cu129 goes into `tag`"),
        ("image", f"{OFFICIAL}:v0.32.0", "the tag goes into `tag`"),
        ("image", f"{OFFICIAL}@sha256:{'a' * 64}", "must be an image without tag"),
        ("tag", "latest", "and not latest, which changes under running pods"),
        ("tag", "latest-cu130", "and not latest, which changes under running pods"),
        ("tag", f"v0.32.0@sha256:{'a' * 64}", "a digest goes into images.lock (`gpuyard images --lock`)"),
        ("tag", f"sha256:{'a' * 64}", "a digest goes into images.lock (`gpuyard images --lock`)"),
        ("tag", "a b", "must be a tag such as v0.32.0-cu129"),
        ("tag", "", "must be a tag such as v0.32.0-cu129"),
    ],
)
def test_what_is_no_version_image_or_tag(key: str, value: str, words: str) -> None:
    for found in (problems({"vllm": {key: value}}), problems({}, {"vllm": {key: value}})):
        (message,) = found
        assert message.startswith(f"spec.vllm.{key} ")
        assert words in message


def test_a_key_of_the_former_format_and_an_empty_mapping() -> None:
    assert problems({"vllm": {"digest": "x"}})[0].startswith("spec.vllm.digest")
    assert problems({"vllm": {}}) == ["spec.vllm has 0 keys; must have at least 1"]


@pytest.mark.parametrize(
    ("own", "stack", "where"),
    [
        ({"tag": "v0.33.0"}, {}, "blueprints/chat.yaml"),
        (None, {"tag": "v0.33.0-cu129"}, "stack.yaml"),
        ({"tag": "v0.33.0"}, {"tag": "v0.32.0"}, "blueprints/chat.yaml"),
    ],
)
def test_a_tag_of_another_version(own: dict[str, str] | None, stack: dict[str, str], where: str) -> None:
    tag = (own or stack)["tag"]
    with pytest.raises(InputError) as raised:
        resolved({"vllm": own} if own else {}, {"vllm": stack})
    (problem,) = raised.value.problems
    assert problem.location.file == where
    assert problem.location.column > 0
    assert problem.message == (
        f"spec.vllm.tag: {tag} is not vLLM 0.32.0, by which flags are checked; set version: 0.33.0"
    )


def test_a_tag_of_another_build_may_look_like_a_version() -> None:
    assert problems({"vllm": {"image": OWN, "tag": "v1.2.3"}}) == []


def test_the_policy_holds_what_a_blueprint_names() -> None:
    with pytest.raises(InputError) as raised:
        resolved({"vllm": {"image": "ghcr.io/acme/vllm"}})
    (problem,) = raised.value.problems
    assert problem.location.file == "blueprints/chat.yaml"
    assert problem.message == (
        "spec.vllm.image: ghcr.io/acme/vllm comes from a registry that is not in spec.policy.registries (docker.io)"
    )
    assert problems({"vllm": {"image": "ghcr.io/acme/vllm"}}, {"policy": {"registries": ["ghcr.io"]}}) == []
