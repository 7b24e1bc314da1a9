"""Files of others where an engine, a chart or Git reads them: named with what they do, and refused if not listed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from gpuyard.commit.directory import Directory
from gpuyard.commit.lock import LOCK, sha256
from gpuyard.doors.git import read_tree
from gpuyard.errors import InputError, OutputError, OwnershipError
from gpuyard.pipeline import Compiled, beside, compile, plan, untouched
from gpuyard.project.load import parse
from gpuyard.tree import Tree
from tests.conftest import write_tree
from tests.projects import problems, sources
from tests.test_compile import git, run, save

pytestmark = pytest.mark.attack("A22 engine-read folders")

Put = Callable[[str], None]
BINDING = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: x}\n"


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compile(parse(sources({})))


@pytest.fixture(scope="module")
def tree(compiled: Compiled) -> Tree:
    """A project that is compiled."""
    files = {PurePosixPath(name): data.decode() for name, data in sources({}).items()}
    return {**files, **plan(compiled, Directory(Path("/nowhere"))).written}


@pytest.fixture
def place(tmp_path: Path, tree: Tree) -> Directory:
    write_tree(tmp_path, tree)
    return Directory(tmp_path)


def put(root: Path, name: str, text: str = BINDING) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


def refused(compiled: Compiled, place: Any) -> list[str]:
    try:
        plan(compiled, place)
    except InputError as error:
        return [str(problem) for problem in error.problems]
    return []


READ = [
    ("clusters/phx/zz.yaml", "Flux applies it to cluster phx"),
    ("clusters/phx/deep/er/zz.yml", "Flux applies it to cluster phx"),
    ("clusters/phx/inference-other.yaml", "Flux applies it to cluster phx"),
    ("clusters/phx/zz.json", "Flux applies it to cluster phx"),
    ("clusters/phx/ZZ.YAML", "Flux applies it to cluster phx"),
    ("clusters/phx/kustomization.yaml", "only what it lists, with its patches"),
    ("clusters/phx/kustomization.yml", "only what it lists, with its patches"),
    ("clusters/phx/Kustomization", "only what it lists, with its patches"),
    ("clusters/phx/deep/kustomization.yaml", "Flux applies it to cluster phx"),
    ("clusters/phx/.sourceignore", "deletes it from the clusters"),
    ("clusters/.sourceignore", "deletes it from the clusters"),
    (".sourceignore", "deletes it from the clusters"),
    ("platform/.sourceignore", "deletes it from the clusters"),
    ("base/chat/.sourceignore", "deletes it from the clusters"),
    ("overlays/a10/.krmignore", "no longer see what it lists"),
    (".krmignore", "no longer see what it lists"),
    ("platform/zz.yaml", "would be in its way"),
    ("platform/configs/zz.yaml", "would be in its way"),
    ("platform/configs/kustomization.yml", "a folder with two of them"),
    ("base/chat/Kustomization", "a folder with two of them"),
    ("overlays/a10/chat/weights/kustomization.yml", "a folder with two of them"),
    ("overlays/a10/kustomization.yaml", "would be in its way"),
    ("base/chat/.gitattributes", "Git obeys it"),
    ("clusters/phx/.git", "Git obeys it"),
    ("platform/.gitmodules", "Git obeys it"),
    ("charts/inference/templates/evil.yaml", "Helm renders it with the chart"),
    ("charts/inference/templates/_evil.tpl", "Helm renders it with the chart"),
    ("charts/inference/templates/evil.txt", "Helm renders it with the chart"),
    ("charts/inference/crds/evil.yaml", "Helm installs it with the chart"),
    ("charts/inference/charts/evil-1.0.0.tgz", "a chart that this one depends on"),
    ("charts/inference/charts/evil/Chart.yaml", "a chart that this one depends on"),
    ("charts/demo/charts/evil-1.0.0.tgz", "a chart that this one depends on"),
    ("charts/inference/.helmignore", "Helm packs it with the chart, or obeys it"),
    ("charts/inference/values-evil.yaml", "Helm packs it with the chart"),
    ("charts/inference/servers/vllm/a10/evil.yaml", "Helm packs it with the chart"),
    ("charts/demo/Chart.lock.yaml", "Helm packs it with the chart"),
]


@pytest.mark.parametrize(("name", "words"), READ)
def test_what_is_read_is_named_with_what_it_does(name: str, words: str, place: Directory, compiled: Compiled) -> None:
    put(place.root, name)
    (message,) = refused(compiled, place)
    assert message.startswith(f"{name}: is not from gpuyard: ")
    assert words in message
    assert message.endswith("remove it, or list it in spec.ownFiles of stack.yaml")


@pytest.mark.parametrize(
    "name",
    [
        *("clusters/phx/README.md", "base/notes.txt", "platform/.DS_Store", "charts/inference/CONTRIBUTING.md"),
        *("clusters/elsewhere/apps.yaml", "charts/theirs/templates/x.yaml", "docs/.sourceignore", "apps/x.yaml"),
        *(".gitattributes", ".gitignore", "workloads/notes.md"),
    ],
)
def test_what_nobody_reads_for_the_stack_is_left_alone(name: str, place: Directory, compiled: Compiled) -> None:
    put(place.root, name)
    assert refused(compiled, place) == []


@pytest.mark.parametrize("name", ["clusters/phx/zz.yaml", ".sourceignore", "charts/inference/templates/evil.yaml"])
def test_what_is_listed_is_allowed_and_noted(name: str, place: Directory) -> None:
    put(place.root, name)
    whole = compile(parse(sources({}, {"ownFiles": [name]})))
    assert refused(whole, place) == []
    (note,) = beside(whole.project, whole.resolved, place, whole.tree)
    assert PurePosixPath(name).name in note


def test_a_folder_is_listed_with_all_in_it(place: Directory) -> None:
    put(place.root, "clusters/phx/flux-system/gotk-sync.yaml")
    put(place.root, "clusters/phx/flux-system2/zz.yaml")
    whole = compile(parse(sources({}, {"ownFiles": ["clusters/phx/flux-system"]})))
    assert [message.partition(":")[0] for message in refused(whole, place)] == ["clusters/phx/flux-system2/zz.yaml"]


@pytest.mark.parametrize("entry", ["clusters/phx", "platform/configs", "base/chat", "clusters/phx/sync.yaml"])
def test_generated_files_are_nobody_s_own(entry: str, place: Directory) -> None:
    (message,) = refused(compile(parse(sources({}, {"ownFiles": [entry]}))), place)
    assert "stack.yaml:" in message
    assert f"spec.ownFiles.0: {entry} holds files from gpuyard" in message


@pytest.mark.parametrize(
    "entry",
    ["clusters", "/", "clusters/../stack.yaml", "blueprints/x.yaml", "../x", "clusters/./x", "a b", "/x.yaml", ".git"],
)
def test_entries_that_are_no_paths_of_a_generated_folder(entry: str) -> None:
    (message,) = problems({}, {"ownFiles": [entry]})
    assert "must be a path of yours in base, charts, clusters, overlays or platform" in message


def test_a_lock_that_calls_it_generated_does_not_help(place: Directory, compiled: Compiled) -> None:
    """It has no source and doesn't say that gpuyard made it: it is neither deleted nor called right."""
    put(place.root, "clusters/phx/zz.yaml")
    lock = place.root / LOCK
    data = json.loads(lock.read_text())
    data["files"]["clusters/phx/zz.yaml"] = sha256(BINDING)
    lock.write_text(json.dumps(data))
    with pytest.raises(OwnershipError, match=r"^clusters/phx/zz\.yaml: is in the way and does not say that gpuyard"):
        plan(compiled, place)
    data["placements"] = {}
    lock.write_text(json.dumps(data))
    assert not untouched(compiled.project, place)


def test_a_folder_that_is_not_there_yet_is_empty_and_nothing_makes_it(tmp_path: Path, compiled: Compiled) -> None:
    there, gone = Directory(tmp_path), Directory(tmp_path / "gone")
    whole = plan(compiled, gone)
    assert whole == plan(compiled, there)
    assert (gone.ids([LOCK]), gone.below(PurePosixPath("base"))) == ({}, [])
    with pytest.raises(OutputError, match="gone: cannot be written: No such file or directory"):
        gone.write(whole.written, whole.deleted)
    assert not gone.root.exists()


# --- through the command line --------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "fleet"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    yield root


@pytest.mark.parametrize("folder", ["", "gpu"])
def test_every_command_stops(folder: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the cache knows that nothing else has changed, and where the stack is below the top."""
    monkeypatch.setenv("GPUYARD_COMPILE_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = repository / folder
    assert run("init", root, "--name", "demo").exit_code == 0
    assert run("compile", root).exit_code == 0
    assert run("check", root).exit_code == 0
    put(repository, ".sourceignore", "/platform/\n")
    put(root, "clusters/phx/zz.yaml")
    save(repository, "harmless")
    hiding = "/.sourceignore" if folder else ".sourceignore"
    for command in (("check",), ("compile", "--check"), ("compile",), ("compile", "--no-commit")):
        result = run(*command, root)
        assert result.exit_code == 65, result.output
        assert f"{hiding}: is not from gpuyard: Flux no longer sees" in result.output
        assert "clusters/phx/zz.yaml: is not from gpuyard: Flux applies it to cluster phx" in result.output
    stack = root / "stack.yaml"
    stack.write_text(stack.read_text() + f"  ownFiles: [clusters/phx/zz.yaml, {hiding}]\n")
    save(repository, "listed")
    for command in (("compile",), ("check",), ("compile", "--check")):
        result = run(*command, root)
        assert result.exit_code == 0, result.output
    assert f"note: {hiding} is not from gpuyard (spec.ownFiles)" in run("check", root).output


def test_a_commit_is_read_like_a_directory(repository: Path, tree: Tree, compiled: Compiled) -> None:
    """A submodule and a link are entries of a commit, too."""
    write_tree(repository, tree)
    put(repository, "clusters/phx/zz.yaml")
    put(repository, "clusters/.sourceignore")
    (repository / "clusters/phx/link.yaml").symlink_to("/etc/passwd")
    save(repository)
    with read_tree(repository, "main") as snapshot:
        found = [message.partition(":")[0] for message in refused(compiled, snapshot)]
    assert found == ["clusters/.sourceignore", "clusters/phx/link.yaml", "clusters/phx/zz.yaml"]
