"""`gpuyard diff`: what a merge changes in the clusters, by its sources and by what clusters have."""

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.commit.digest import own_digest
from gpuyard.doors.cache import Disk
from gpuyard.doors.helm import Embedded
from gpuyard.project.load import parse
from gpuyard.render import render
from gpuyard.resolve import resolve
from gpuyard.review.diff import Fate
from gpuyard.tree import owner
from tests.conftest import ROOT, demo_sources
from tests.differing import FRA, PHX
from tests.gittools import isolate
from tests.projects import sources
from tests.reviewing import built, compared, place, running, two
from tests.test_compile import git, run, save
from tests.test_incremental import Counting
from tests.test_told import CONTEXT, edit, repository

__all__ = ["repository"]

SCHEMA = json.loads((ROOT / "generator/gpuyard/review/diff.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path / "home")


def data(*arguments: str | Path) -> Any:
    result = run("diff", *arguments, "-o", "json")
    found = json.loads(result.stdout)
    jsonschema.validate(found, SCHEMA)
    return found


# --- the command ---------------------------------------------------------------------------------------------


def test_nothing_differs_from_itself(repository: Path) -> None:
    result = run("diff", repository, "--exit-code")
    assert (result.exit_code, result.stdout.startswith("nothing changes in the clusters, compared with ")) == (0, True)
    found = data(repository)
    assert (found["changed"], found["danger"], found["files"], found["clusters"]) == (False, False, [], [])
    assert found["base"]["commit"] == git(repository, "rev-parse", "HEAD")


def test_exit_codes_tell_changes_from_dangers(repository: Path) -> None:
    edit(repository, {"metadata": {"description": "Other words."}})
    assert run("diff", repository, "--exit-code").exit_code == 80
    assert run("diff", repository).exit_code == 0
    edit(repository, CONTEXT)
    assert run("diff", repository, "--exit-code").exit_code == 81
    assert run("diff", repository).exit_code == 0
    found = data(repository)
    assert (found["changed"], found["danger"]) == (True, True)
    assert {each["id"] for each in found["dangers"]} == {"downtime"}


def test_what_the_pull_request_generated_plays_no_part(repository: Path) -> None:
    """Compiled or not, forged or not: what clusters have is compared with what follows from the sources."""
    git(repository, "switch", "-qc", "branch")
    edit(repository, CONTEXT)
    save(repository)
    before = data(repository)
    assert [each["blueprint"] for each in before["clusters"][0]["models"]] == ["chat"]
    assert run("compile", repository, "--branch", "branch").exit_code == 0
    assert data(repository) == before
    git(repository, "rm", "-rq", "base", "overlays", "clusters")
    save(repository, "forged")
    assert data(repository) == before
    assert data(repository, "--base", "main") == {**before, "base": {**before["base"], "name": "main"}}


def test_a_base_that_is_not_there(repository: Path, tmp_path: Path) -> None:
    missing = run("diff", repository, "--base", "nope")
    assert (missing.exit_code, "has no commit nope" in missing.stderr) == (66, True)
    edit(repository, {"spec": {"repository": {"branch": "live"}}}, "stack.yaml")
    unknown = run("diff", repository)
    assert (unknown.exit_code, "knows no branch live, which clusters follow" in unknown.stderr) == (66, True)
    failed = json.loads(run("diff", repository, "-o", "json").stdout)
    jsonschema.validate(failed, SCHEMA)
    assert (failed["ok"], failed["error"]) == (False, unknown.stderr.strip().removeprefix("error: "))
    plain = tmp_path / "plain"
    plain.mkdir()
    for name, content in sources({}).items():
        (plain / name).parent.mkdir(exist_ok=True)
        (plain / name).write_bytes(content)
    outside = run("diff", plain)
    assert (outside.exit_code, "is in no Git repository" in outside.stderr) == (66, True)


def test_a_remote_that_is_gone_is_not_asked(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://127.0.0.1:1/acme/gitops.git")
    result = run("diff", repository, "--exit-code")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    away = run("diff", repository, "--base", "origin/main")
    assert (away.exit_code, "has no commit origin/main" in away.stderr) == (66, True), away.output


def test_a_shallow_clone_says_what_it_lacks(repository: Path, tmp_path: Path) -> None:
    git(repository, "switch", "-qc", "branch")
    edit(repository, CONTEXT)
    save(repository, "branch")
    git(repository, "switch", "-q", "main")
    (repository / "note").write_text("x", encoding="utf-8")
    save(repository, "main goes on")
    git(tmp_path, "clone", "-q", "--depth=1", "--no-single-branch", "-b", "branch", f"file://{repository}", "shallow")
    result = run("diff", tmp_path / "shallow", "--base", "origin/main")
    assert (result.exit_code, "git fetch --unshallow" in result.stderr) == (66, True)
    git(tmp_path / "shallow", "fetch", "-q", "--unshallow")
    assert run("diff", tmp_path / "shallow", "--base", "origin/main", "--exit-code").exit_code == 81


def test_errors_of_the_files_are_those_of_check(repository: Path) -> None:
    edit(repository, {"spec": {"serving": {"contextLenght": 1}}})
    result = run("diff", repository)
    assert (result.exit_code, result.stderr) == (65, run("check", repository).stderr)


# --- without a repository ------------------------------------------------------------------------------------

DEMO = demo_sources()


def without(name: str) -> dict[str, bytes]:
    return {path: text for path, text in DEMO.items() if path != f"blueprints/{name}.yaml"}


def with_text(name: str, old: str, new: str) -> dict[str, bytes]:
    assert old in DEMO[name].decode()
    return {**DEMO, name: DEMO[name].replace(old.encode(), new.encode())}


def test_a_new_model_and_a_removed_one() -> None:
    fewer, all_of_them = built(without("docs")), built(DEMO)
    (added,), (removed,) = compared(fewer, all_of_them).clusters, compared(all_of_them, fewer).clusters
    assert [(each.name, each.fate, each.before) for each in added.models] == [("docs", Fate.ADDED, None)]
    assert [(each.name, each.fate, each.after) for each in removed.models] == [("docs", Fate.REMOVED, None)]
    assert (added.before, added.after) == (removed.after, removed.before)
    assert added.models[0].after == removed.models[0].before
    assert {each.rule.id for each in compared(all_of_them, fewer).dangers} == {"model-deleted"}


def test_a_model_that_moves_and_one_that_goes_nowhere() -> None:
    found = two({}, {"shapes": {"h100": {}}})
    (model,) = found.clusters[0].models
    assert (model.fate, model.shapes) == (Fate.MOVED, ("a10", "h100"))
    assert [group.shape for group in found.groups if group.blueprint] == ["a10 to h100"]
    assert two({}, {}).empty


def test_only_the_changed_blueprint_is_rendered_and_read(tmp_path: Path) -> None:
    """Of many: what the cache knows isn't rendered, and of the base no file of another one is read."""
    cache, helm = Disk(tmp_path, own_digest()), Counting(Embedded(shipped_charts()))
    before, there = built(DEMO), place(built(DEMO))
    render(before.resolved, shipped_charts(), helm, cache)
    helm.rendered.clear()
    project = parse(with_text("blueprints/chat.yaml", "16384", "8192"))
    resolved = resolve(project, running(before))
    tree = render(resolved, shipped_charts(), helm, cache)
    assert set(helm.rendered) == {"chat"}
    after = built(project.sources, before=running(before))
    assert after.tree == tree
    there.reads.clear()
    found = compared(before, after, there)
    assert [group.blueprint for group in found.groups] == ["chat"]
    read = {path for path in there.reads if owner(path) or path.parts[0] == "platform"}
    assert {owner(path) for path in read if path.suffix != ".lock"} == {"chat"}


def test_a_file_of_the_base_that_cannot_be_read_is_named() -> None:
    before = built(DEMO)
    after = built(with_text("blueprints/chat.yaml", "16384", "8192"), before=running(before))
    there = place(before, {"base/chat/deployment.yaml": "a: &a [*a]\n"})
    found = compared(before, after, there)
    assert any(each.startswith("base/chat/deployment.yaml:1:") for each in found.unread)
    assert (found.empty, found.groups) == (False, ())


def test_objects_of_an_odd_form_at_the_base_end_in_no_traceback() -> None:
    before = built(DEMO)
    after = built(with_text("blueprints/chat.yaml", "16384", "8192"), before=running(before))
    for old, new in (("  template:\n", "  template: []\n  other:\n"), ("    spec:\n", "    spec: 1\n    other:\n")):
        path = PurePosixPath("base/chat/deployment.yaml")
        text = before.tree[path]
        assert old in text
        assert compared(before, after, place(before, {str(path): text.replace(old, new)})).files


def test_a_first_compile_has_nothing_to_delete() -> None:
    after = built(DEMO)
    found = compared(replace(after, tree={}, placements={}), after)
    assert {each.fate for each in found.clusters[0].models} == {Fate.ADDED}
    assert {each.rule.id for each in found.dangers} == {"image-unpinned"}
    assert found.unread == ()


def test_an_entry_that_is_new_and_its_flag_are_one_danger() -> None:
    """The entry says what it allows; that its flag is set, too, is no second one."""
    found = two({}, {"serving": {"unsafe": ["trust-remote-code"], "args": {"trust-remote-code": True}}})
    (told,) = (each for each in found.dangers if each.rule.id == "unsafe-flag")
    assert "newly allowed trust-remote-code" in told.detail


def test_clusters_in_which_the_same_changes_are_told_once() -> None:
    both = {"clusters": [PHX, FRA]}
    (group,) = two(CONTEXT["spec"], {"serving": {"contextLength": 4096}}, both).groups
    assert group.clusters == ("fra", "phx")
    own = two({}, {}, both, {"clusters": [PHX, {**FRA, "vllm": {"version": "0.33.0"}}]})
    assert {each.clusters for each in own.groups} == {("fra",)}
    images = [field for group in own.groups for each in group.told for field in each.fields if "image" in field.path]
    assert {(field.old, field.new) for field in images} == {
        ("docker.io/vllm/vllm-openai:v0.32.0", "docker.io/vllm/vllm-openai:v0.33.0")
    }


@pytest.mark.parametrize("engine", ["flux", "argocd"])
def test_what_syncs_a_cluster_is_compared_in_whichever_file_it_stands(engine: str) -> None:
    """With a setting of its own, a cluster has its entries in folders of their own."""
    before = {"engine": engine, "clusters": [PHX, {**FRA, "blueprints": {"chat": "a10"}}]}
    own = {**FRA, "blueprints": {"chat": {"shape": "a10", "min": 2}}, "network": {"dns": ["10.96.5.5/32"]}}
    found = two({}, {}, before, {"clusters": [PHX, own]})
    changes = [change for group in found.groups for change in group.changes]
    assert {(change.identity.kind, change.what.value) for change in changes} >= {("ScaledObject", "changed")}
    assert [str(change.identity) for change in changes if change.what.value != "changed"] == []
    moved = {**own, "blueprints": {"chat": {"shape": "a10", "min": 3}}}
    kinds = two({}, {}, {"engine": engine, "clusters": [PHX, own]}, {"clusters": [PHX, moved]}).groups
    assert {change.identity.kind for group in kinds for change in group.changes} == {"ScaledObject"}
    if engine == "flux":
        account = {"clusters": [PHX, own], "flux": {"serviceAccount": "models"}}
        loosened = two({}, {}, account, {"flux": None})
        assert {name for each in loosened.dangers for name in each.clusters} == {"fra", "phx"}


def test_what_one_cluster_has_for_all_is_compared() -> None:
    """The ApplicationSet and projects of an Argo CD that syncs every cluster."""
    hub = {"engine": "argocd", "argocd": {"hub": "ops"}, "clusters": [PHX, FRA]}
    found = two({}, {}, hub, {"repository": {"branch": "prod"}})
    kinds = {change.identity.kind for group in found.groups for change in group.changes}
    assert "ApplicationSet" in kinds
    assert any("ApplicationSet" in each.detail for each in found.dangers if each.rule.id == "source-moved")


def test_a_cluster_that_leaves_keeps_what_it_has() -> None:
    found = two({}, {}, {"clusters": [PHX, FRA]}, {"clusters": [PHX]})
    assert [each.rule.id for each in found.dangers] == ["cluster-leaves"]
    assert (found.clusters, found.groups, found.dangerous, found.empty) == ((), (), False, False)


def test_what_a_cluster_refuses_is_shown_and_not_only_refused() -> None:
    cache = {"storage": {"cache": {"kind": "fss", "size": "100Gi"}}}
    found = two(cache, {"storage": {"cache": {"size": "50Gi"}}})
    assert {each.rule.id for each in found.dangers} == {"pvc-shrink", "refused"}
