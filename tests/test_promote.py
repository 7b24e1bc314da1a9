"""`gpuyard promote`: one placement's vLLM in stack.yaml, and every other byte as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpuyard.doors.yamlio import spliced
from gpuyard.errors import InputError, MissingError
from gpuyard.project.load import parse
from gpuyard.project.promotion import promotion
from tests.forges import TOKENS
from tests.gittools import git
from tests.projects import sources
from tests.requesting import Yard, run, yard

STACK = """\
# ours
apiVersion: gpuyard.dev/v1alpha1
kind: Stack
metadata: {name: demo}   # short
spec:
  repository:
    url: https://git.example.com/demo/gitops
  clusters:
  # where we try
  - name: staging
    shapes: {h100: BM.GPU.H100.8}
    blueprints:
      chat: {shape: h100, vllm: {version: 0.32.0, image: docker.io/acme/vllm}, max: 1}   # tried
  - name: fra-prod
    shapes: {h100: BM.GPU.H100.8}
    blueprints:   # careful
      chat: h100   # live
"""
EVERYWHERE = STACK.replace("    blueprints:   # careful\n      chat: h100   # live\n", "").replace(
    "chat: {shape: h100, vllm: {version: 0.32.0, image: docker.io/acme/vllm}, max: 1}   # tried", "{}"
)


def moved(stack: str = STACK, name: str = "chat", source: str = "staging", target: str = "fra-prod") -> tuple[str, ...]:
    found = promotion(parse({**sources({}), "stack.yaml": stack.encode()}), name, source, target)
    parse({**sources({}), "stack.yaml": found.text.encode()})
    return (found.text, *found.moves)


def test_only_the_placement_changes() -> None:
    text, *moves = moved()
    wanted = "chat: {shape: h100, vllm: {image: docker.io/acme/vllm}}   # live"
    assert text == STACK.replace("chat: h100   # live", wanted)
    assert moves == ["vllm.image: docker.io/vllm/vllm-openai -> docker.io/acme/vllm"]


def test_what_was_moved_is_not_moved_again() -> None:
    text, *_ = moved()
    assert moved(text) == (text,)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "chat: h100   # live",
            "chat:\n        shape: h100\n        vllm:\n          image: docker.io/old/vllm\n        min: 2 # busy",
            "          image: docker.io/acme/vllm",
        ),
        ("chat: h100   # live", "chat: {shape: h100, min: 2}   # live", "min: 2, vllm: {"),
        ("chat: h100   # live", "{}", "chat: {shape: h100, vllm: {"),
    ],
)
def test_however_the_target_is_written(old: str, new: str, expected: str) -> None:
    stack = (
        STACK.replace(f"      {old}", f"      {new}")
        if new != "{}"
        else STACK.replace("    blueprints:   # careful\n      chat: h100   # live\n", "    blueprints: {}\n")
    )
    text, *moves = moved(stack)
    assert moves
    if new == "{}":
        assert moves[0] == "chat on h100"
    assert text.split("- name: staging")[0] == stack.split("- name: staging")[0]
    assert "# tried" in text
    assert ("# busy" in new) == ("# busy" in text)
    assert moved(text) == (text,)


def test_a_cluster_whose_own_vllm_was_tried() -> None:
    stack = STACK.replace("vllm: {version: 0.32.0, image: docker.io/acme/vllm}, max: 1", "max: 1").replace(
        "  - name: staging\n", "  - name: staging\n    vllm: {tag: v0.32.0-cu129}\n"
    )
    text, *moves = moved(stack)
    assert moves == ["vllm.tag: none -> v0.32.0-cu129"]
    assert "chat: {shape: h100, vllm: {tag: v0.32.0-cu129}}   # live" in text


def test_back_to_the_stack_s_own() -> None:
    text, *_ = moved()
    back, *moves = moved(
        text.replace("{shape: h100, vllm: {version: 0.32.0, image: docker.io/acme/vllm}, max: 1}", "h100", 1)
    )
    assert moves == ["vllm.image: docker.io/acme/vllm -> docker.io/vllm/vllm-openai"]
    assert "chat: {shape: h100}   # live" in back


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "chta"}, "no blueprint is called chta; did you mean chat?"),
        ({"source": "stagin"}, "no cluster is called stagin; did you mean staging?"),
        ({"target": "fra"}, "no cluster is called fra; did you mean fra-prod?"),
        (
            {"stack": STACK.replace("chat: {shape", "docs: {shape")},
            "chat does not run in staging, so nothing was tried there",
        ),
        (
            {"stack": STACK.replace("    blueprints:   # careful\n      chat: h100   # live\n", "")},
            "fra-prod runs every blueprint that fits, so none of them can have a vLLM of its own there",
        ),
        (
            {"stack": STACK.replace("chat: h100   # live", "{}").replace("h100: BM.GPU.H100.8", "a10: BM.GPU.A10.4")
             .replace("a10: BM.GPU.A10.4", "h100: BM.GPU.H100.8", 1)},
            "chat does not run in fra-prod, which has no nodes of h100; it has a10",
        ),
        (
            {"source": "fra-prod", "target": "staging", "stack": EVERYWHERE},
            "chat does not run in staging, and fra-prod, which runs every blueprint that fits, names no shape for it; "
            "add chat: SHAPE to blueprints of staging in stack.yaml (staging has h100)",
        ),
    ],
)  # fmt: skip
def test_what_is_not_there(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(MissingError) as found:
        moved(**arguments)
    assert str(found.value).startswith(message)


def test_a_cluster_is_not_promoted_to_itself() -> None:
    with pytest.raises(InputError, match="--to: staging is the cluster of --from as well; name the one that"):
        moved(target="staging")


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        ("a: 1 # x\nb: 2\n", ("a",), "y", "a: y # x\nb: 2\n"),
        ("a: 1\r\nb: 2\r\n", ("b",), 3, "a: 1\r\nb: 3\r\n"),
        ("a: {b: 1}\n", ("a", "c"), {"d": "0.33.0"}, "a: {b: 1, c: {d: 0.33.0}}\n"),
        ("a: { b: 1 }\n", ("a", "b"), None, "a: {  }\n"),
        ("a: {b: 1, c: 2}\n", ("a", "b"), None, "a: {c: 2}\n"),
        ("a: {b: 1, c: 2}\n", ("a", "c"), None, "a: {b: 1}\n"),
        ("a:\n  b: 1 # x\n  c: 2\n", ("a", "d"), "true", 'a:\n  d: "true"\n  b: 1 # x\n  c: 2\n'),
        ("a:\n  b: 1\n  c: 2 # x\nd: 3\n", ("a", "c"), None, "a:\n  b: 1\nd: 3\n"),
        ("a:\n- b: 1\n- b: 2\n", ("a", 1, "b"), "1.5", 'a:\n- b: 1\n- b: "1.5"\n'),
        ("a: 1\n", ("b", "c"), "d", "b: {c: d}\na: 1\n"),
    ],
)
def test_one_value_is_changed_in_place(text: str, path: tuple[str | int, ...], value: object, expected: str) -> None:
    assert spliced(text, path, value) == expected


def test_the_command_writes_the_file_and_says_what_moves(tmp_path: Path) -> None:
    (tmp_path / "blueprints").mkdir()
    for name, data in {**sources({}), "stack.yaml": STACK.encode()}.items():
        (tmp_path / name).write_bytes(data)
    arguments = ("promote", "chat", "--from", "staging", "--to", "fra-prod", str(tmp_path))
    first, second = run(*arguments), run(*arguments)
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert "vllm.image: docker.io/vllm/vllm-openai -> docker.io/acme/vllm" in first.stdout
    assert second.stdout == "nothing to move: fra-prod has the vLLM of staging for chat\n"
    assert (tmp_path / "stack.yaml").read_text() == moved()[0]


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    """Two clusters, compiled and pushed."""
    with yard("github", tmp_path, monkeypatch) as found:
        (found.tree / "stack.yaml").write_text(STACK)
        git(found.tree, "commit", "-qam", "Two clusters")
        assert run("compile", str(found.tree)).exit_code == 0
        git(found.tree, "push", "-q", str(found.bare), "main")
        git(found.tree, "update-ref", "refs/remotes/origin/main", "main")
        yield found


PROMOTE = ("promote", "chat", "--from", "staging", "--to", "fra-prod", "--pr", "--forge", "github")


def refused(there: Yard, code: int, said: str) -> None:
    """One message, and nothing at the forge."""
    result = run(*PROMOTE, str(there.tree))
    assert (result.exit_code, said in result.stderr) == (code, True), result.output
    assert len([line for line in result.stderr.splitlines() if line.startswith("error:")]) == 1
    assert (there.branches(), there.forge.requests) == (["main"], [])


def test_its_request_has_nothing_else_in_it(there: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """What else differs is named, and nothing is pushed; put aside, as the message says, it stays aside.

    Whatever else fails, too, the same command again makes the request that the first one would have made.
    """
    there.edit("max: 2", "max: 4")
    for _ in range(2):
        refused(there, 73, "blueprints/chat.yaml would be part of the request, differing from main as well")
    git(there.tree, "stash", "push", "-q", "blueprints/chat.yaml")
    monkeypatch.delenv("GH_TOKEN")
    refused(there, 66, "no token for 127.0.0.1")
    monkeypatch.setenv("GH_TOKEN", "wrong-token-5678")
    refused(there, 69, "does not accept the token of $GH_TOKEN")
    monkeypatch.setenv("GH_TOKEN", TOKENS["github"])
    hook = there.bare / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'Protected branch: ask an owner' >&2\nexit 1\n")
    hook.chmod(0o755)
    refused(there, 69, "Protected branch: ask an owner")
    hook.unlink()
    assert run(*PROMOTE, str(there.tree)).exit_code == 0
    (request,) = there.forge.requests
    assert request["title"] == "Promote chat from staging to fra-prod"
    changed = git(there.bare, "diff", "--name-only", "main", request["branch"]).splitlines()
    assert "stack.yaml" in changed
    assert "blueprints/chat.yaml" not in changed
