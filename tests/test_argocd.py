"""What Argo CD is told, by meaning: bounds, prunes, retries, waits and refreshes; and what a stack can't ask of it."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from gpuyard.catalogue.argocd import facts
from gpuyard.catalogue.health import SCALED_OBJECT, Health
from gpuyard.catalogue.platform import catalogue
from gpuyard.commit.directory import Directory
from gpuyard.doors import yamlio
from gpuyard.errors import InputError
from gpuyard.pipeline import compile, plan
from gpuyard.project.load import parse
from gpuyard.project.stack import Stack
from gpuyard.render.engines import argocd, argohealth
from gpuyard.resolve import Resolved
from gpuyard.review.placed import Running
from gpuyard.tree import Tree
from tests import crds, engines
from tests.chart import pss
from tests.conftest import write_tree
from tests.differing import FRA, PHX
from tests.projects import STACK, merged, resolved, sources
from tests.scan.ours import KUBERNETES, invalid
from tests.test_engines import state
from tests.test_engines_equal import compiled

Object = dict[str, Any]
ON = {"engine": "argocd"}
HUB = {**ON, "argocd": {"hub": "ops"}, "clusters": [PHX, FRA]}


def objects(spec: Mapping[str, Any], stack: Mapping[str, Any], cluster: str = "phx") -> dict[tuple[str, str], Object]:
    found = resolved(spec, {**ON, **stack})
    files = {**argocd.cluster(found.at(cluster), cluster), **argocd.fleet(found)}
    every = [obj for each in files.values() for obj in each if obj["kind"] != "Kustomization"]
    return {(obj["kind"], obj["metadata"]["name"]): obj for obj in every}


def applications(spec: Mapping[str, Any], stack: Mapping[str, Any]) -> dict[str, Object]:
    return {name: obj for (kind, name), obj in objects(spec, stack).items() if kind == "Application"}


@pytest.fixture(scope="module")
def found() -> dict[str, Object]:
    return applications({}, {})


# --- what each Application does --------------------------------------------------------------------------------


def test_one_for_each_chart_layer_and_part_of_a_blueprint(found: dict[str, Object]) -> None:
    assert set(found) == {
        "demo",
        "demo-platform-crds",
        "demo-platform-controllers",
        "demo-platform-configs",
        "demo-platform-keda",
        "demo-platform-kube-prometheus-stack",
        "demo-platform-prometheus-operator-crds",
        "demo-inference-chat",
        "demo-inference-chat-weights",
    }


def test_all_retry_without_an_end_and_with_the_newest_commit(found: dict[str, Object]) -> None:
    """A limit that is spent waits for a new commit; a retry of an old commit never sees the one that repairs it."""
    for each in found.values():
        policy = each["spec"]["syncPolicy"]
        assert (policy["retry"]["limit"], policy["retry"]["refresh"]) == (-1, True)
        assert policy["automated"]["selfHeal"]
        assert {"ServerSideApply=true", "RespectIgnoreDifferences=true"} <= set(policy["syncOptions"])
        assert each["metadata"]["annotations"]["argocd.argoproj.io/compare-options"] == "ServerSideDiff=true"


def test_a_chart_waits_whole_for_its_kinds_and_nothing_else_does(found: dict[str, Object]) -> None:
    """An operator that starts before its definitions never looks for them again."""
    skips = {name for name, each in found.items() if "SkipDryRun" in str(each["spec"]["syncPolicy"]["syncOptions"])}
    assert skips == {name for name, each in found.items() if "chart" not in str(each["spec"].get("source", {}).keys())}


def test_definitions_are_never_pruned_nor_deleted_with_their_application(found: dict[str, Object]) -> None:
    kept = {name for name, each in found.items() if not each["spec"]["syncPolicy"]["automated"]["prune"]}
    assert kept == {"demo-platform-crds", "demo-platform-prometheus-operator-crds"}
    cascading = {name for name, each in found.items() if each["metadata"].get("finalizers")}
    assert cascading == found.keys() - kept - {"demo"}, "what goes takes along what it made, but for the entry"


def test_no_waves_between_applications(found: dict[str, Object]) -> None:
    """One model that is never ready would keep all others from being made."""
    assert "sync-wave" not in str(found)


def test_charts_are_at_their_locked_versions(found: dict[str, Object]) -> None:
    for release in resolved({}).releases:
        source = found[f"demo-platform-{release.chart}"]["spec"]["source"]
        assert (source["chart"], source["targetRevision"]) == (release.chart, release.version)
        assert not source["repoURL"].startswith("oci://"), "the form of a folder in a registry, not of a chart"


def test_a_commit_to_one_blueprint_refreshes_its_applications_only() -> None:
    """Compared as Argo CD does: by the beginning of each changed path."""
    two = merged({}, {**STACK, "spec": {**STACK["spec"], **ON}})
    text = sources({})["blueprints/chat.yaml"]
    files = {"stack.yaml": yamlio.dump(two).encode(), "blueprints/chat.yaml": text}
    files["blueprints/docs.yaml"] = text.replace(b"name: chat", b"name: docs")
    whole = compile(parse(files))
    every = [
        obj
        for path, content in whole.tree.items()
        if path.parts[0] == "clusters" and path.name != "kustomization.yaml"
        for obj in yamlio.parse_manifests(content)
        if obj["kind"] == "Application"
    ]
    for file, expected in (
        ("base/chat/deployment.yaml", {"demo-inference-chat"}),
        ("overlays/a10/docs/deployment.yaml", {"demo-inference-docs"}),
        ("base/docs/weights/job.yaml", {"demo-inference-docs", "demo-inference-docs-weights"}),
        ("platform/configs/alerts.yaml", {"demo-platform-configs"}),
        ("workloads/chat.md", set()),
    ):
        assert {each["metadata"]["name"] for each in every if refreshed(each, file)} == expected, file


def refreshed(each: Object, file: str) -> bool:
    below = each["metadata"]["annotations"].get("argocd.argoproj.io/manifest-generate-paths")
    if below is None:
        return "chart" not in each["spec"]["source"]
    return any(f"/{file}".startswith(f"{path}/") for path in below.split(";"))


@pytest.mark.parametrize(("spec", "ignored"), [({}, True), ({"scaling": {"min": 2, "max": 2}}, False)])
def test_replicas_are_the_scaler_s_where_there_is_one(spec: Object, ignored: bool) -> None:
    each = applications(spec, {})["demo-inference-chat"]
    pointers = [path for rule in each["spec"].get("ignoreDifferences", ()) for path in rule["jsonPointers"]]
    assert pointers == (["/spec/replicas"] if ignored else [])


# --- weights before servers -------------------------------------------------------------------------------------


def gate(tree: Tree, root: Path, kubectl: Path, cluster: str = "phx") -> list[Object]:
    write_tree(root, tree)
    folder = root / "clusters" / cluster / "chat" / "gate"
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return yamlio.parse_manifests(done.stdout)


def test_servers_change_only_when_their_weights_are_there(tmp_path: Path, kubectl: Path) -> None:
    """A hook waits for the very marker that the servers' own pods wait for, and ends when the download must have."""
    whole, tree = compiled({}, {}, "argocd")
    (job,) = gate(tree, tmp_path, kubectl)
    (workload,) = (each.workload for each in whole.placements)
    assert workload.first
    assert job["metadata"]["annotations"] == {
        "argocd.argoproj.io/hook": "PreSync",
        "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation,HookSucceeded",
    }
    assert job["spec"]["activeDeadlineSeconds"] == workload.first.sync_timeout
    (container,) = job["spec"]["template"]["spec"]["containers"]
    server = yamlio.load_data(tree[PurePosixPath("base/chat/deployment.yaml")])["spec"]["template"]["spec"]
    (waits,) = (each for each in server["initContainers"] if each["name"] == "await-weights")
    for key in ("args", "command", "image", "resources", "securityContext"):
        assert container[key] == waits[key], key
    assert not list(pss.restricted(job["spec"]["template"]))
    assert not [said for version in KUBERNETES if (said := invalid(job, version))]


ADAPTER = {"name": "sql", "source": f"hf://acme/sql@{'1' * 40}", "rank": 8}


@pytest.mark.parametrize(
    ("spec", "stack"),
    [
        ({}, {"network": {"ca": {"secret": "ca"}}}),
        ({"model": {"name": "qwen3-8b"}, "serving": {"adapters": [ADAPTER]}}, {}),
        ({"shapes": {"a10": {"model": {"name": "qwen3-8b"}}, "h100": {}}}, {}),
        ({}, {"scheduling": {"priorityClass": "high"}, "images": {"pullSecrets": ["pull"]}}),
    ],
    ids=["authorities", "adapters", "another model on each shape", "site"],
)
def test_it_waits_for_whatever_is_downloaded(spec: Object, stack: Object, tmp_path: Path, kubectl: Path) -> None:
    _, tree = compiled(spec, stack, "argocd")
    (job,) = gate(tree, tmp_path, kubectl)
    done = subprocess.run([kubectl, "kustomize", tmp_path / "overlays/a10/chat"], capture_output=True, text=True)
    (server,) = (each for each in yamlio.parse_manifests(done.stdout) if each["kind"] == "Deployment")
    waits = [each for each in server["spec"]["template"]["spec"]["initContainers"] if each["name"] == "await-weights"]
    assert [each["args"] for each in job["spec"]["template"]["spec"]["containers"]] == [each["args"] for each in waits]


def test_the_gate_is_a_source_of_the_servers_and_of_nothing_else(found: dict[str, Object]) -> None:
    paths = [source["path"] for source in found["demo-inference-chat"]["spec"]["sources"]]
    assert paths == ["overlays/a10/chat", "clusters/phx/chat/gate"]
    others = (str(each["spec"]) for name, each in found.items() if name != "demo-inference-chat")
    assert not any("gate" in each for each in others)


def test_no_gate_without_a_download() -> None:
    files = argocd.cluster(resolved({"storage": {"cache": {"kind": "ephemeral"}}}, ON), "phx")
    assert not any("gate" in file for file in files)
    (each,) = files["inference-chat.yaml"]
    assert each["spec"]["source"]["path"] == "overlays/a10/chat"


def test_a_cluster_that_differs_waits_for_its_own_download(tmp_path: Path, kubectl: Path) -> None:
    own = {"clusters": [PHX, {**FRA, "vllm": {"version": "0.33.0"}}]}
    _, tree = compiled({}, own, "argocd")
    (here,), (there,) = (gate(tree, tmp_path, kubectl, name) for name in ("phx", "fra"))
    images = [each["spec"]["template"]["spec"]["containers"][0]["image"] for each in (here, there)]
    assert images == ["docker.io/vllm/vllm-openai:v0.32.0", "docker.io/vllm/vllm-openai:v0.33.0"]


# --- health -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "conditions",
    [
        None,
        [],
        [("Other", "True")],
        [("{}", "Unknown")],
        [("{}", "True")],
        [("{}", "False")],
        [("Other", "False"), ("{}", "True"), ("More", "Unknown")],
    ],
)
def test_lua_says_what_cel_says(conditions: list[tuple[str, str]] | None) -> None:
    """One set of data, two languages: an object is as well to Argo CD as to Flux."""
    lua = pytest.importorskip("lupa")
    from gpuyard.render.engines.flux import _expression

    names = {"current": "Healthy", "failed": "Degraded", "inProgress": "Progressing", "none": "Progressing"}
    for health in (SCALED_OBJECT, *(each for release in catalogue() for each in release.health)):
        real = conditions and [(kind.format(health.condition), status) for kind, status in conditions]
        given = {} if real is None else {"conditions": [{"type": kind, "status": status} for kind, status in real]}
        runtime = lua.LuaRuntime(unpack_returned_tuples=True)
        (script,) = argohealth.settings("argocd", [health])["data"].values()
        judge = runtime.eval(f"function(obj) {script} end")
        answer = judge(runtime.table_from({"status": given}, recursive=True))
        assert answer["status"] == names[state(_expression(health), real)], health


def test_health_of_every_kind_is_in_the_entry() -> None:
    found = objects({}, {})["ConfigMap", "argocd-cm"]
    assert set(found["data"]) == {
        "resource.customizations.health.keda.sh_ScaledObject",
        "resource.customizations.health.apiregistration.k8s.io_APIService",
    }
    toy = Health("example.com/v1", "Toy", "Up", "True", failed="Unknown")
    (script,) = argohealth.settings("argocd", [toy])["data"].values()
    assert 'each.type == "Up"' in script
    assert 'each.status == "Unknown"' in script


# --- the entry --------------------------------------------------------------------------------------------------


def test_a_project_is_never_in_the_same_sync_as_its_applications(tmp_path: Path) -> None:
    """An Application that is seen before its project stays refused until the next period."""
    _, tree = compiled({}, {}, "argocd")
    write_tree(tmp_path, tree)
    assert {each["kind"] for each in engines.applications(tmp_path, "phx")} == {"Application"}
    assert {each["kind"] for each in engines.entry(tmp_path, "phx")} == {"AppProject", "Application", "ConfigMap"}


def test_a_hub_has_one_set_for_all_clusters_and_keeps_what_a_cluster_that_leaves_runs() -> None:
    found = objects({}, HUB, "fra")
    names = {name for kind, name in found if kind == "Application"}
    assert all(name.startswith("demo-fra-") for name in names)
    where = {str(each["spec"]["destination"]) for (kind, _), each in found.items() if kind == "Application"}
    assert all("'name': 'fra'" in each for each in where)
    spec = found["ApplicationSet", "demo"]["spec"]
    assert spec["syncPolicy"] == {"applicationsSync": "create-update", "preserveResourcesOnDeletion": True}
    assert "finalizers" not in spec["template"]["metadata"]
    permitted = found["AppProject", "demo-inference"]["spec"]["destinations"]
    assert permitted == [{"name": name, "namespace": "inference"} for name in ("phx", "fra")]


@pytest.mark.parametrize(("path", "depth"), [("", 1), ("a", 2), ("platform/gpu", 3)])
def test_a_hub_finds_the_name_of_a_cluster_in_its_path(path: str, depth: int) -> None:
    stack = {**HUB, **({"repository": {"path": path}} if path else {})}
    template = objects({}, stack)["ApplicationSet", "demo"]["spec"]["template"]
    assert template["metadata"]["name"] == f"demo-{{{{ index .path.segments {depth} }}}}"
    assert PurePosixPath(path, "clusters", "phx").parts[depth] == "phx"


def test_a_hub_s_own_file_is_in_no_folder_of_a_cluster() -> None:
    _, tree = compiled({}, {"argocd": {"hub": "ops"}, "clusters": [PHX, FRA]}, "argocd")
    assert {path.name for path in tree if "entry" in path.name or "fleet" in path.name} == {"fleet.yaml"}
    text = tree[PurePosixPath("README.md")]
    assert (
        text.count("kubectl --context ops apply --server-side --field-manager gpuyard-demo -f clusters/fleet.yaml") == 2
    )


def test_an_entry_that_changes_has_to_be_applied(tmp_path: Path) -> None:
    from tests.test_compile import run, save

    root = tmp_path / "gitops"
    assert run("init", root, "--name", "demo", "--engine", "argocd").exit_code == 0
    first = run("compile", root)
    assert "does not apply it itself" not in first.output, "nobody has it yet"
    file = root / "stack.yaml"
    file.write_text(file.read_text("utf-8").rstrip() + "\n  platform: {kuberay: {enabled: true}}\n", "utf-8")
    save(root, "kuberay")
    said = " ".join(run("compile", root).output.split())
    assert "clusters/phx/entry.yaml changes, and Argo CD does not apply it itself: after the push, `kubectl" in said
    assert run("compile", root).output.startswith("up to date")


# --- its own schemas --------------------------------------------------------------------------------------------

STACKS: dict[str, Object] = {
    "plain": {},
    "hub": HUB,
    "project": {"argocd": {"project": {"name": "ml", "namespaces": ["*"]}}},
    "mirror": {"platform": {"registry": "oci://r.example.com/charts", "insecure": True, "kuberay": {"enabled": True}}},
}


@pytest.mark.parametrize("name", STACKS)
def test_argo_cd_s_definitions_take_all_of_it(name: str) -> None:
    schemas = crds.definitions(crds.ARGOCD, "manifests/crds")
    every = [obj for (kind, _), obj in objects({}, STACKS[name]).items() if kind not in ("ConfigMap", "Secret")]
    assert len(every) > 5
    assert crds.wrong(every, schemas) == []


@pytest.mark.parametrize(
    "change",
    [{"sorce": {}}, {"project": 1}, {"destination": None}, {"syncPolicy": {"retry": {"limit": "-1"}}}],
)
def test_the_check_of_schemas_sees_a_fault(change: Object, found: dict[str, Object]) -> None:
    each = found["demo-platform-keda"]
    spec = {key: value for key, value in {**each["spec"], **change}.items() if value is not None}
    assert crds.wrong([{**each, "spec": spec}], crds.definitions(crds.ARGOCD, "manifests/crds"))


# --- what a stack can't ask of it -------------------------------------------------------------------------------

SSH = {"repository": {"url": "ssh://git@git.example.com/demo", "secret": "git"}}
BAD: dict[str, tuple[Object, str, str]] = {
    "did you mean": ({"engine": "argo-cd"}, "engine", 'spec.engine is "argo-cd"; must be one of flux, argocd'),
    "too old": ({**ON, "argocd": {"version": "3.1"}}, "version", "3.1 is too old; 3.2 or newer, because its retries"),
    "much too old": ({**ON, "argocd": {"version": "2.14"}}, "version", "2.14 is too old; 3.2 or newer"),
    "no version": ({**ON, "argocd": {"version": "v3"}}, "version", 'must be a minor version such as "3.6", in quotes'),
    "not Argo CD": ({"argocd": {"hub": "ops"}}, "hub", "only applies with engine: argocd; remove it"),
    "not Argo CD's version": ({"argocd": {"version": "3.5"}}, "version", "only applies with engine: argocd"),
    "a GitRepository": ({**ON, "repository": {"source": "flux-system"}}, "source", "only applies with engine: flux"),
    "a proxy's Secret": (
        {**ON, "network": {"proxy": {"https": "http://10.0.7.9:3128", "secret": "proxy"}}},
        "secret",
        "Argo CD's argocd-repo-server has the proxy in its environment",
    ),
    "one Secret for two": (
        {**ON, **SSH, "platform": {"registry": "oci://r.example.com/charts", "registrySecret": "git"}},
        "registrySecret",
        "Argo CD reads one login from a Secret; give it a Secret of its own",
    ),
    "a project without the models": (
        {**ON, "argocd": {"project": {"name": "ml", "namespaces": ["argocd", "ke*", "kube-system", "monitoring"]}}},
        "namespaces",
        "ml does not permit inference, where the models would be",
    ),
    "a project without a chart's": (
        {**ON, "argocd": {"project": {"name": "ml", "namespaces": ["argocd", "inference", "ke*", "monitoring"]}}},
        "namespaces",
        "ml does not permit kube-system, where the platform's keda would be",
    ),
    "a project without the Applications": (
        {**ON, "argocd": {"project": {"name": "ml", "namespaces": ["inference", "k*", "monitoring"]}}},
        "namespaces",
        "ml does not permit argocd, where the Applications would be",
    ),
    "its namespace": ({"namespace": "argocd"}, "namespace", "argocd belongs to Argo CD"),
}


@pytest.mark.parametrize("name", BAD)
def test_refused_at_its_place(name: str) -> None:
    spec, key, message = BAD[name]
    files = sources({}, spec)
    lines = files["stack.yaml"].decode().splitlines()
    with pytest.raises(InputError) as caught:
        compile(parse(files))
    (problem,) = caught.value.problems
    assert message in problem.message
    assert problem.location.file == "stack.yaml"
    assert lines[problem.location.line - 1].split(":")[0].strip() == key


def test_only_a_cluster_needs_more_than_the_project_permits() -> None:
    own = {"platform": {"kuberay": {"enabled": True}}}
    project = {"project": {"name": "ml", "namespaces": ["argocd", "inference", "keda", "kube-system", "monitoring"]}}
    with pytest.raises(InputError, match="ml does not permit kuberay"):
        resolved({}, {**ON, "argocd": project, "clusters": [PHX, {**FRA, **own}]})


def test_a_blueprint_called_like_the_platform_s_folder() -> None:
    files = sources({}, ON)
    files["blueprints/chat.yaml"] = files["blueprints/chat.yaml"].replace(b"name: chat", b"name: platform")
    with pytest.raises(InputError, match="clusters/<cluster>/platform is the platform's own"):
        compile(parse(files))


def test_the_oldest_version_is_one_that_the_schema_takes() -> None:
    oldest = facts().oldest
    assert resolved({}, {**ON, "argocd": {"version": oldest}}).stack.argocd.version == oldest
    assert facts().too_old("3.1")
    assert not facts().too_old("3.10"), "numbers, not texts"


# --- another name -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "context"), [({}, "phx"), ({"argocd": {"hub": "ops"}, "clusters": [PHX, FRA]}, "ops")]
)
def test_another_name_keeps_what_runs(more: Object, context: str) -> None:
    """All of the old name stops before the push; after it, the new entry comes, and the old ones go without theirs."""
    files = sources({}, {**ON, **more})
    files["stack.yaml"] = files["stack.yaml"].replace(b"name: demo", b"name: acme", 1)
    with pytest.raises(InputError) as caught:
        compile(parse(files), Running("demo", "inference", {"phx": {}}, "argocd"))
    _, danger, before, after = (each.message for each in caught.value.problems)
    assert "would delete all others of the stack, and each of them all that it has applied" in danger
    assert (
        f"before the push, in {context}: `kubectl --context {context} --namespace argocd delete applicationset demo"
        in before
    )
    assert '"automated":{"enabled":false}' in before
    order = ("gpuyard-acme -f clusters/", '"finalizers":null', "delete applications -l app.kubernetes.io/part-of=demo")
    found = [after.index(each) for each in order]
    assert found == sorted(found)
    assert set(re.findall(r"--context (\w+)", before + after)) == {context}


def test_init_knows_the_engines(tmp_path: Path) -> None:
    from tests.test_compile import run

    refused = run("init", tmp_path / "x", "--engine", "argo-cd")
    assert refused.exit_code == 65
    assert '--engine: is "argo-cd"; must be one of flux, argocd (did you mean argocd?)' in refused.output
    assert not (tmp_path / "x").exists()


def test_no_name_is_too_long_for_it() -> None:
    """Only Flux's names are labels of all that they apply."""
    files = sources({}, ON)
    files["stack.yaml"] = files["stack.yaml"].replace(b"name: demo", b"name: " + b"a" * 40, 1)
    files["blueprints/chat.yaml"] = files["blueprints/chat.yaml"].replace(b"name: chat", b"name: " + b"c" * 40)
    assert compile(parse(files)).tree


# --- others' files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "noted"),
    [
        ("inference-mine.yaml", True),
        ("notes.yaml", False),
        ("own/inference-mine.yaml", False),
        ("inference.txt", False),
    ],
)
def test_files_beside_ours_that_it_would_apply(file: str, noted: bool) -> None:
    stack: Stack = resolved({}, ON).stack
    notes = list(argocd.beside(stack, "phx", [], {file: "x"}))
    assert bool(notes) == noted
    assert all(file in note and "give them other names" in note for note in notes)


@pytest.mark.attack("A22 engine-read folders")
@pytest.mark.parametrize("name", [".argocd-source.yaml", ".argocd-source-demo-chat.yaml"])
@pytest.mark.parametrize("folder", ["clusters/phx", "platform/configs", "overlays/a10/chat", "base/chat/weights"])
def test_a_file_that_changes_the_application_of_its_folder(folder: str, name: str, tmp_path: Path) -> None:
    """It is refused, and its owner is told what Argo CD makes of it where the stack lists it."""
    for own in ([], [f"{folder}/{name}"]):
        whole = compile(parse(sources({}, {**ON, "ownFiles": own})))
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).write_text("kustomize: {}\n", encoding="utf-8")
        says = f"{folder}/{name}: is not from gpuyard: Argo CD merges it into the source of the Application"
        if own:
            assert "Argo CD merges it" in " ".join(plan(whole, Directory(tmp_path)).notes)
        else:
            with pytest.raises(InputError, match=re.escape(says)):
                plan(whole, Directory(tmp_path))


def test_no_layer_without_content() -> None:
    """The charts' Applications are the clusters' own; of a layer only its namespaces are left."""
    found: Resolved = resolved({}, {**ON, "platform": {"keda": {"enabled": False}}})
    names = [each["metadata"]["name"] for each in argocd.cluster(found, "phx")["platform.yaml"]]
    assert "demo-platform-controllers" not in names, "the namespace of kube-prometheus-stack is made a layer earlier"
    assert "demo-platform-kube-prometheus-stack" in names
    none = replace(found, releases=())
    assert [each["metadata"]["name"] for each in argocd.cluster(none, "phx")["platform.yaml"]] == [
        "demo-platform-configs"
    ]
