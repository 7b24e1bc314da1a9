"""Final objects are read from generated files, and compared by what they are called, field by field."""

from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuyard.errors import InputError
from gpuyard.pipeline import placements_of
from gpuyard.render.kustomize import objects as rendered
from gpuyard.resolve import Resolved
from gpuyard.resolve.reviewed import world_of
from gpuyard.review.built import documents, objects
from gpuyard.review.fields import ABSENT, Field, What, between, by_identity
from gpuyard.review.placed import Running
from gpuyard.review.served import NodePrice, Served, Sum, served, total
from gpuyard.review.shown import shown
from gpuyard.tree import WEIGHTS, Tree, overlay, own
from tests import differing
from tests.conftest import demo_sources
from tests.reviewing import HELM, built

TOP = PurePosixPath()


def final(tree: Tree, shape: str, name: str, cluster: str = "") -> dict[Any, Any]:
    found: list[Any] = []
    for part in ("", WEIGHTS):
        mine = own(cluster, name, part) if cluster else TOP
        found += objects(tree, mine if mine / "kustomization.yaml" in tree else overlay(shape, name, part))
    return by_identity(found, "inference")


def test_generated_folders_give_the_objects_that_helm_renders(demo: Resolved, demo_tree: Tree) -> None:
    for each in demo.workloads:
        wanted = by_identity(rendered(demo, each, HELM), "inference")
        assert final(demo_tree, each.shape.name, each.name) == wanted, (each.name, each.shape.name)
    assert len(demo.workloads) > 6


@pytest.mark.parametrize(
    "here",
    [
        {"vllm": {"version": "0.33.0"}},
        {"scheduling": {"priorityClass": "gpu"}, "alerts": {"labels": {"team": "fra"}}},
        {"storage": {"fss": "own-fss"}},
        {"policy": {"maxGpus": 8}, "vllm": {"version": "0.33.0"}},
    ],
)
def test_a_cluster_that_differs_has_its_own(here: dict[str, Any]) -> None:
    resolved, tree = differing.compiled({}, differing.stack(here))
    for each in (found for found in resolved.placements if found.cluster == "fra"):
        wanted = by_identity(rendered(resolved.at("fra"), each.workload, HELM), "inference")
        assert final(tree, each.workload.shape.name, each.workload.name, "fra") == wanted


def test_numbers_from_objects_are_those_that_were_resolved() -> None:
    compiled = built(demo_sources())
    world = world_of(compiled.project, compiled.resolved, Running(), (), ())
    placed = placements_of(compiled.resolved, compiled.tree)
    for (cluster, name), known in world.served.items():
        found = served(list(final(compiled.tree, placed[cluster][name].shape, name).values()))
        assert found == known
    assert len(world.served) == 3


def test_a_server_counts_with_the_cheapest_node_at_the_least_and_the_dearest_at_the_most() -> None:
    prices = {"small": NodePrice(2, 1.0, 730.0), "large": NodePrice(4, 1.5, 1095.0)}
    one = Served(gpus=2, few=1, many=3, nodes=("large", "small", "unknown"))
    assert total([one], prices) == Sum((2, 6), (1, 3), (2.0, 9.0), (1460, 6570))
    assert total([one, one], prices) == Sum((4, 12), (2, 6), (4.0, 18.0), (2920, 13140))
    assert total([Served(gpus=8, few=1, many=1, nodes=("small",))], prices) == Sum((8, 8))
    assert total([], prices) == Sum()


# --- files of others -----------------------------------------------------------------------------------------

HEAD = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"kustomization.yaml": "- a\n"}, "not as gpuyard writes it"),
        ({"kustomization.yaml": f"{HEAD}resources: 3\n"}, "not as gpuyard writes it"),
        ({"kustomization.yaml": f"{HEAD}resources:\n- ../../../../up\n"}, "not as gpuyard writes it"),
        ({"kustomization.yaml": f"{HEAD}patches:\n- path: gone.yaml\n"}, "not as gpuyard writes it"),
        ({"kustomization.yaml": f"{HEAD}resources:\n- x.yaml\n", "x.yaml": "kind: ConfigMap\n"}, "not an object"),
        ({"kustomization.yaml": f"{HEAD}resources:\n- x.yaml\n", "x.yaml": "a: &a [*a]\n"}, "x.yaml:1:"),
        (
            {
                "kustomization.yaml": f"{HEAD}resources:\n- x.yaml\npatches:\n- path: p.yaml\n  target: {{kind: K}}\n",
                "x.yaml": MAP.replace("ConfigMap", "K"),
                "p.yaml": "- op: replace\n  path: /data/a/b\n  value: 1\n",
            },
            "not as gpuyard writes it",
        ),
    ],
)
def test_a_file_of_another_form_is_named(files: dict[str, str], message: str) -> None:
    texts = {PurePosixPath("d") / name: text for name, text in files.items()}
    with pytest.raises(InputError, match=message) as caught:
        objects(texts, PurePosixPath("d"))
    assert all(problem.location.file.startswith("d/") for problem in caught.value.problems)


def test_folders_that_name_each_other_come_to_an_end() -> None:
    texts = {PurePosixPath("d/kustomization.yaml"): f"{HEAD}resources:\n- ../d\n- ../d\n"}
    assert objects(texts, PurePosixPath("d")) == []
    assert objects(texts, PurePosixPath("elsewhere")) == []


def test_a_line_of_dashes_within_a_value_begins_no_object() -> None:
    text = f"{MAP}data:\n  a: |\n    x\n    ---\n    y\n---\n{MAP.replace('x', 'y')}"
    assert [each["metadata"]["name"] for each in documents(text, PurePosixPath("f.yaml"))] == ["x", "y"]


# --- fields --------------------------------------------------------------------------------------------------


def changed(old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    """Of one object's spec."""
    one, other = ({"apiVersion": "v1", "kind": "K", "metadata": {"name": "n"}, "spec": spec} for spec in (old, new))
    found = between(by_identity([one], ""), by_identity([other], ""))
    return [(field.path, field.old, field.new) for each in found for field in each.fields]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, [("spec.a", 1, True)]),
        ({"a": None}, {}, [("spec.a", None, ABSENT)]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2}}, [("spec.a.b", 1, 3)]),
        ([{"name": "x", "v": 1}, {"name": "y"}], [{"name": "y"}, {"name": "x", "v": 2}],
         [("spec[x].v", 1, 2), ("spec[order]", ["[x]", "[y]"], ["[y]", "[x]"])]),
        ([{"name": "x"}], [], [("spec", [{"name": "x"}], [])]),
        ([{"name": "x"}, {"name": "x"}], [{"name": "x"}], [("spec", [{"name": "x"}, {"name": "x"}], [{"name": "x"}])]),
        (["m", "--a=1", "--b"], ["m", "--a=2", "--c"],
         [("spec[--a]", "1", "2"), ("spec[--b]", True, ABSENT), ("spec[--c]", ABSENT, True)]),
        (["m", "--a=1"], ["n", "--a=1"], [("spec[0]", "m", "n")]),
        (["x", "y"], ["y", "x"], [("spec", ["x", "y"], ["y", "x"])]),
    ],
)  # fmt: skip
def test_fields(old: Any, new: Any, told: list[tuple[str, Any, Any]]) -> None:
    assert changed(old, new) == told


def test_an_object_is_the_same_whatever_its_version() -> None:
    one, other = (
        {"apiVersion": f"apps/{version}", "kind": "K", "metadata": {"name": "n", "namespace": space}}
        for version, space in (("v1beta1", "a"), ("v1", "b"))
    )
    (changed_one,) = between(by_identity([one], ""), by_identity([{**one, "apiVersion": "apps/v1"}], ""))
    assert (changed_one.what, str(changed_one.identity)) == (What.CHANGED, "K/a/n")
    found = between(by_identity([one], ""), by_identity([other], ""))
    assert [(each.what, str(each.identity)) for each in found] == [(What.REMOVED, "K/a/n"), (What.ADDED, "K/b/n")]


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.just("--flag=1")
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["name", "a", "b", "args"]), inner, max_size=4),
    max_leaves=12,
)
named = st.dictionaries(st.sampled_from("pqrs"), values, max_size=4)


def as_objects(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"apiVersion": "v1", "kind": "K", "metadata": {"name": name}, "spec": spec} for name, spec in found.items()]


@given(named, named, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_nothing_differs_from_itself_and_order_is_no_matter(old: Any, new: Any, random: Any) -> None:
    before, after = as_objects(old), as_objects(new)
    assert between(by_identity(before, ""), by_identity(before, "")) == ()
    found = between(by_identity(before, ""), by_identity(after, ""))
    random.shuffle(before)
    random.shuffle(after)
    assert between(by_identity(before, ""), by_identity(after, "")) == found
    same = {name for name in {*old} & {*new} if repr(old[name]) == repr(new[name])}
    assert {each.identity.name for each in found} >= {*old, *new} - {*old} & {*new}
    assert not {each.identity.name for each in found} & same


# --- values --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "kind", "old", "new", "said"),
    [
        (("spec", "a"), "K", 1, True, ("1", "true")),
        (("spec", "a"), "K", ABSENT, None, ("(none)", "null")),
        (("spec", "a"), "K", "x\ny", "x\u202ey", ("x\\ny", "x\\u202ey")),
        (("spec", "a"), "K", {"b": ["c"]}, "d", ('{"b": ["c"]}', "d")),
        (("data", "a"), "Secret", "c2VjcmV0", ABSENT, ("(hidden)", "(none)")),
        (("spec", "env", "[HF_TOKEN]"), "K", "a", "b", ("(hidden)", "(hidden)")),
        (("spec", "a"), "K", "hf_" + "a" * 30, "b", ("(hidden)", "b")),
        (("spec", "a"), "K", "word " * 100 + "x" + " word" * 100, "word " * 100 + "y" + " word" * 100,
         ("…" + ("word " * 100)[-24:] + "x" + (" word" * 100)[:95] + "…",
          "…" + ("word " * 100)[-24:] + "y" + (" word" * 100)[:95] + "…")),
    ],
)  # fmt: skip
def test_values_as_people_read_them(
    keys: tuple[str, ...], kind: str, old: Any, new: Any, said: tuple[str, str]
) -> None:
    assert shown(Field(keys, old, new), kind) == said
