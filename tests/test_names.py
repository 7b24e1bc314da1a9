"""What a stack's objects are called where other stacks have theirs, and that no change of names empties a cluster."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.commit.directory import Directory
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.errors import InputError
from gpuyard.pipeline import Compiled, compile, plan
from gpuyard.project.load import Sources, parse
from gpuyard.render import render
from gpuyard.resolve import resolve
from tests.conftest import write_tree
from tests.projects import BLUEPRINT, STACK, Values, merged, sources, with_token
from tests.test_compile import run

PLATFORM = {f"platform-{layer}" for layer in ("crds", "controllers", "configs")}
Key = tuple[str, str, str]


def files(stack: str, blueprint: str, spec: Values) -> Sources:
    """A stack with one blueprint."""
    metadata = {"metadata": {"name": blueprint}}
    return {
        "stack.yaml": yamlio.dump(merged(STACK, {"metadata": {"name": stack}, "spec": spec})).encode(),
        "blueprints/one.yaml": yamlio.dump(with_token(merged(BLUEPRINT, metadata))).encode(),
    }


def objects(found: Sources) -> set[Key]:
    """Kind, namespace and name of everything that reaches a cluster, Flux's own objects included."""
    resolved = resolve(parse(found))
    keys = set()
    for path, text in render(resolved, shipped_charts(), Embedded(shipped_charts())).items():
        if (
            path.parts[0] in ("base", "clusters", "platform")
            and path.suffix == ".yaml"
            and path.name != "kustomization.yaml"
        ):
            for each in yamlio.parse_manifests(text):
                namespace = each["metadata"].get("namespace", resolved.stack.namespace)
                keys.add((each["kind"], namespace, each["metadata"]["name"]))
    return keys


def names(found: Sources, namespace: str = "flux-system") -> set[str]:
    return {name for _, place, name in objects(found) if place == namespace}


def test_the_names_begin_with_the_stack_s() -> None:
    flux = {"acme", "acme-inference-chat", "acme-inference-chat-weights", *(f"acme-{each}" for each in PLATFORM)}
    assert names(files("acme", "chat", {})) == flux
    assert {"acme-gpus", "acme-alerts"} <= names(files("acme", "chat", {}), "inference")


def test_plain_names_are_those_of_0_2() -> None:
    found = files("acme", "chat", {"names": "plain"})
    assert names(found) == {"acme", "inference-chat", "inference-chat-weights", *PLATFORM}
    assert "gpus" in names(found, "inference")


@pytest.mark.parametrize("namespace", ["inference", "other"])
@pytest.mark.parametrize("plain", [False, True])
def test_two_stacks_share_a_cluster(namespace: str, plain: bool) -> None:
    """The second brings no platform; without more, a model of another name and no object of the first."""
    without = {"keda": {"enabled": False}, "prometheus": {"enabled": False, "address": "http://p.monitoring.svc:9090"}}
    first = files("acme", "chat", {"names": "plain"} if plain else {})
    second = files("acme-dev", "draft", {"namespace": namespace, "platform": without})
    shared = {("Namespace", namespace, namespace)} if namespace == "inference" else set()
    both = objects(first) & objects(second)
    assert {(kind, name) for kind, _, name in both} == {(kind, name) for kind, _, name in shared}


def test_a_name_that_is_too_long_with_the_stack_s() -> None:
    """As a label's value, which Flux makes of it on every object."""
    stack = "a" * 30
    assert len(f"{stack}-inference-{'b' * 14}-weights") == 63
    assert objects(files(stack, "b" * 14, {}))
    with pytest.raises(InputError) as refused:
        objects(files(stack, "b" * 15, {}))
    (problem,) = refused.value.problems
    assert (problem.location.file, problem.location.line) == ("blueprints/one.yaml", 4)
    assert problem.message == (
        f"metadata.name: Flux would call it {stack}-inference-{'b' * 15}-weights, which has 64 characters, and 63 are "
        f"the most for a label; with {stack} in front, use a name of at most 14"
    )
    assert objects(files(stack, "b" * 15, {"names": "plain"}))


# --- other names would be other objects ----------------------------------------------------------------------


def compiled(names: Mapping[str, str]) -> Compiled:
    return compile(parse(sources({}, names)))


@pytest.fixture(scope="module")
def plain() -> Compiled:
    return compiled({"names": "plain"})


@pytest.fixture(scope="module")
def prefixed() -> Compiled:
    return compiled({})


def test_clusters_of_before_keep_their_names(tmp_path: Path, plain: Compiled, prefixed: Compiled) -> None:
    """Each of Flux's objects deletes what it holds when it leaves: a green merge would empty the cluster."""
    write_tree(tmp_path, dict(plan(plain, Directory(tmp_path)).written))
    with pytest.raises(InputError) as refused:
        plan(prefixed, Directory(tmp_path))
    (problem,) = refused.value.problems
    assert (problem.location.file, problem.location.line) == ("stack.yaml", 6)
    assert "the clusters know platform-configs" in problem.message
    assert problem.message.endswith("keep their names with `names: plain` in spec")
    assert plan(plain, Directory(tmp_path)).empty


def test_and_those_of_now_theirs(tmp_path: Path, plain: Compiled, prefixed: Compiled) -> None:
    write_tree(tmp_path, dict(plan(prefixed, Directory(tmp_path)).written))
    with pytest.raises(InputError, match=r"know demo-platform-configs, .* their names with `names: stack` in spec"):
        plan(plain, Directory(tmp_path))


def test_a_lost_lock_changes_no_name(tmp_path: Path, plain: Compiled, prefixed: Compiled) -> None:
    """What the files say counts; and files whose dependencies alone tell it are enough."""
    write_tree(tmp_path, dict(plain.tree))
    (tmp_path / "clusters/phx/platform.yaml").unlink()
    with pytest.raises(InputError, match="`names: plain`"):
        plan(prefixed, Directory(tmp_path))


def test_the_command_line_says_it_and_its_advice_works(tmp_path: Path, plain: Compiled) -> None:
    write_tree(tmp_path, dict(plan(plain, Directory(tmp_path)).written))
    write_tree(tmp_path, {PurePosixPath(name): data.decode() for name, data in sources({}).items()})
    result = run("compile", "--check", tmp_path)
    assert (result.exit_code, "stack.yaml:6:3: spec.names: the clusters know" in result.output) == (65, True)
    stack = tmp_path / "stack.yaml"
    stack.write_text(stack.read_text().replace("spec:\n", "spec:\n  names: plain\n"))
    result = run("compile", "--check", tmp_path)
    assert "names" not in result.output, result.output
