"""Files of others in a cluster's folder, and a Flux that reads the repository already: who applies what is said."""

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.commit.directory import Directory
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.errors import InputError
from gpuyard.pipeline import Compiled, beside, compile, plan
from gpuyard.project.load import parse
from gpuyard.render import render
from gpuyard.resolve import resolve
from gpuyard.tree import Tree
from tests.conftest import write_tree
from tests.projects import problems, resolved, sources
from tests.test_compile import git, run, save

PHX = Path("clusters/phx")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Compiled."""
    root = tmp_path / "gitops"
    assert run("init", root, "--name", "demo").exit_code == 0
    assert run("compile", root).exit_code == 0
    return root


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / PHX / name).parent.mkdir(parents=True, exist_ok=True)
        (root / PHX / name).write_text(text)


def listed(root: Path, *names: str) -> None:
    """In the stack, as the user's own."""
    stack = root / "stack.yaml"
    head = stack.read_text().partition("  ownFiles:")[0]
    stack.write_text(head.rstrip("\n") + f"\n  ownFiles: [{', '.join(names)}]\n")


def notes(root: Path, *command: str) -> list[str]:
    result = run(*command, root)
    assert result.exit_code == 0, result.output
    return [line for line in result.stderr.splitlines() if "clusters/phx" in line]


def test_nobody_else_s_files_no_note(repository: Path) -> None:
    put(repository, {"README.md": "ours"})
    for command in (("check",), ("compile", "--check")):
        assert notes(repository, *command) == []


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_a_list_that_lacks_ours(name: str, repository: Path) -> None:
    """Nothing of the stack would ever be applied."""
    ours = sorted(file.name for file in (repository / PHX).iterdir())
    put(
        repository,
        {
            name: "# platform.yaml comes later\nresources:\n- apps.yaml\n- ./sync.yaml # the stack\n",
            "apps.yaml": "a: 1\n",
        },
    )
    listed(repository, f"clusters/phx/{name}", "clusters/phx/apps.yaml")
    assert run("compile", repository, "--no-commit").exit_code == 0
    lines = ", ".join(f"`- {each}`" for each in ours if each != "sync.yaml")
    expected = [
        f"note: clusters/phx/{name} is not from gpuyard, and Flux applies only what it lists: add {lines} to its "
        "resources, and use `kubectl apply -k clusters/phx` instead of -f"
    ]
    for command in (("check",), ("compile", "--check")):
        found = notes(repository, *command)
        assert [note for note in found if "lists: add" in note] == expected
        assert any("applies to cluster phx only what it lists, with its patches" in note for note in found)
    rest = "".join(f"- {each}\n" for each in ours if each != "sync.yaml")
    put(repository, {name: f"resources:\n- apps.yaml\n- ./sync.yaml # the stack\n{rest}"})
    assert [note for note in notes(repository, "check") if "lists: add" in note] == []


def test_files_that_flux_takes_along(repository: Path) -> None:
    put(repository, dict.fromkeys(["apps.yaml", "b/deep.yml", "c.yaml", "d.yaml", "notes.txt"], "a: 1\n"))
    listed(repository, *(f"clusters/phx/{name}" for name in ("apps.yaml", "b", "c.yaml", "d.yaml")))
    (note,) = notes(repository, "check")
    assert note.startswith(
        "note: clusters/phx has files that are not from gpuyard (apps.yaml, b/deep.yml, c.yaml and 1 "
    )
    save(repository)
    (repository / "blueprints/chat.yaml").write_text(
        (repository / "blueprints/chat.yaml").read_text().replace("16384", "8192")
    )
    save(repository)
    assert notes(repository, "compile") == [note]


def test_a_name_that_a_terminal_would_obey(repository: Path) -> None:
    put(repository, {"a\x1b[2J.yaml": "a: 1\n"})
    result = run("check", repository)
    assert (result.exit_code, "clusters/phx/a\\x1b[2J.yaml: is not from gpuyard" in result.output) == (65, True)
    put(repository, {"own/a\x1b[2J.yaml": "a: 1\n"})
    (repository / PHX / "a\x1b[2J.yaml").unlink()
    listed(repository, "clusters/phx/own")
    (note,) = notes(repository, "check")
    assert "('own/a\\x1b[2J.yaml')" in note


def test_a_bootstrap_in_the_same_folder(repository: Path) -> None:
    """Two Kustomizations would own the same objects, Flux's controllers among them."""
    put(repository, {"flux-system/gotk-components.yaml": "a: 1\n", "flux-system/kustomization.yaml": "resources: []\n"})
    listed(repository, "clusters/phx/flux-system")
    (note,) = notes(repository, "check")
    assert note.startswith("note: clusters/phx/flux-system is from `flux bootstrap`, whose Kustomization applies")
    assert "set spec.repository.source: flux-system, or" in note


@pytest.mark.attack("A20 linked folders")
def test_a_link_is_not_walked(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    (tmp_path / "else/x.yaml").write_text("a: 1\n")
    (repository / PHX / "more").symlink_to(tmp_path / "else")
    assert notes(repository, "check") == []
    place = Directory(repository)
    (repository / "clusters/iad").symlink_to(tmp_path / "else")
    assert place.below(PurePosixPath("clusters/iad")) == []


# --- a source of the cluster's own ---------------------------------------------------------------------------

SOURCE = {"repository": {"source": "flux-system", "path": "gpu"}}


def made(stack: dict[str, Any]) -> Tree:
    return render(resolved({}, stack), shipped_charts(), Embedded(shipped_charts()))


def cluster(tree: Tree) -> list[dict[str, Any]]:
    texts = [text for path, text in tree.items() if path.parent == PurePosixPath(PHX)]
    return [each for text in texts for each in yamlio.parse_manifests(text)]


def test_with_a_source_nothing_syncs_itself() -> None:
    """No second owner: each object is applied by the one Kustomization that points to the folder."""
    objects = cluster(made(SOURCE))
    names = {each["metadata"]["name"] for each in objects}
    assert "demo" not in names
    assert {each["kind"] for each in objects} == {"Kustomization"}
    sources = [each["spec"]["sourceRef"] for each in objects]
    assert all(each == {"kind": "GitRepository", "name": "flux-system"} for each in sources)


def test_the_readme_has_the_kustomization_that_points_to_the_folder() -> None:
    text = made(SOURCE)[PurePosixPath("README.md")]
    assert "apply -f" not in text
    entry = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    assert entry["metadata"] == {"name": "demo", "namespace": "flux-system"}
    assert entry["spec"]["sourceRef"] == {"kind": "GitRepository", "name": "flux-system"}
    assert entry["spec"]["path"].replace("<cluster>", "phx") == f"./gpu/{PHX}"
    assert entry["spec"]["prune"] is True
    without = made({})[PurePosixPath("README.md")]
    assert "apply -f clusters/phx" in without
    assert "set `spec.repository.source` in `stack.yaml`" in without


def test_in_a_folder_that_another_owns_only_its_list_counts(tmp_path: Path) -> None:
    project, found = parse(sources({}, SOURCE)), resolved({}, SOURCE)
    put(tmp_path, {"flux-system/gotk-sync.yaml": "a: 1\n", "apps.yaml": "a: 1\n"})
    assert list(beside(project, found, Directory(tmp_path))) == []
    put(tmp_path, {"kustomization.yaml": "resources: [apps.yaml]\n"})
    (note,) = beside(project, found, Directory(tmp_path))
    assert "add `- inference" in note


def test_a_source_needs_no_secret() -> None:
    ssh = {"url": "ssh://git@git.example.com/x", "source": "flux-system"}
    assert problems({}, {"repository": ssh}) == []
    (message,) = problems({}, {"repository": {**ssh, "secret": "key"}})
    assert message == "spec.repository.secret: only applies without source: flux-system has its own; remove it"
    assert "| flux-system |" not in made({"repository": ssh})[PurePosixPath("README.md")]


@pytest.fixture(scope="module")
def sourced() -> Compiled:
    return compile(parse(sources({}, {"repository": {"source": "fleet"}})))


def test_an_entry_that_is_there_does_not_go_by_a_merge(tmp_path: Path, sourced: Compiled) -> None:
    """It would find itself among what left, and delete itself with all that it holds."""
    before = compile(parse(sources({})))
    write_tree(tmp_path, dict(plan(before, Directory(tmp_path)).written))
    with pytest.raises(InputError) as refused:
        plan(sourced, Directory(tmp_path))
    (problem,) = refused.value.problems
    assert problem.location.line == 8
    assert "delete kustomization/demo gitrepository/demo`; then `git rm clusters/phx/sync.yaml`" in problem.message
    (tmp_path / "clusters/phx/sync.yaml").unlink()
    assert plan(sourced, Directory(tmp_path)).written


def test_what_it_advises_works(repository: Path) -> None:
    stack = repository / "stack.yaml"
    stack.write_text(stack.read_text().replace("branch: main", "branch: main\n    source: fleet"))
    save(repository)
    refused = run("compile", repository)
    assert refused.exit_code == 65, refused.output
    command = refused.output.partition("`git rm ")[2].partition("`")[0]
    git(repository, "rm", "-q", *command.split())
    save(repository)
    assert run("compile", repository).exit_code == 0
    assert not (repository / PHX / "sync.yaml").exists()


# --- no charts -----------------------------------------------------------------------------------------------


def test_charts_may_stay_out_of_the_repository() -> None:
    whole, without = made({}), made({"repository": {"charts": False}})
    assert {path: text for path, text in whole.items() if path.parts[0] not in ("charts", "README.md")} == {
        path: text for path, text in without.items() if path != PurePosixPath("README.md")
    }
    assert any(path.parts[0] == "charts" for path in whole)
    assert "charts/" not in without[PurePosixPath("README.md")]


def test_a_renamed_file_of_a_blueprint_changes_its_page_alone() -> None:
    """No object follows from the name of a file, so a reviewer needs not read them all."""
    files = sources({})
    renamed = {name.replace("chat", "support"): data for name, data in files.items()}
    before, after = (
        render(resolve(parse(each)), shipped_charts(), Embedded(shipped_charts())) for each in (files, renamed)
    )
    assert {str(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)} == {
        "workloads/chat.md"
    }
    assert "[blueprints/support.yaml](../blueprints/support.yaml)" in after[PurePosixPath("workloads/chat.md")]
