"""Base and patch: what is common, and what leads back to each form."""

import pytest

from gpuyard.render.patches import added, common, patch, patchable, shared


def deployment(gpus: int, args: list[str], **more: object) -> dict[str, object]:
    containers = [
        {"name": "vllm", "image": "i", "args": args, "resources": {"limits": {"nvidia.com/gpu": gpus}}},
        {"name": "side", "image": "s"},
    ]
    spec = {"template": {"spec": {"containers": containers, **more}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "chat"}, "spec": spec}


def test_equal_objects_need_no_patch() -> None:
    one = deployment(1, ["a"])
    assert common([one, one]) == one
    assert patch(common([one, one]), one) is None


def test_containers_are_joined_by_name_and_keep_their_order() -> None:
    one, two = deployment(1, ["a"]), deployment(2, ["a"])
    base = common([one, two])
    assert base["spec"]["template"]["spec"]["containers"] == [
        {"name": "vllm", "image": "i", "args": ["a"]},
        {"name": "side", "image": "s"},
    ]
    change = patch(base, two)
    assert change is not None
    assert change["metadata"] == {"name": "chat"}
    assert change["spec"]["template"]["spec"]["containers"] == [
        {"name": "vllm", "resources": {"limits": {"nvidia.com/gpu": 2}}}
    ]


def test_a_patch_names_what_comes_before_a_change_and_not_what_follows() -> None:
    """Kustomize puts the elements of a patch first."""
    one, two = (
        deployment(1, [], env=[{"name": name, "value": value if name == "B" else name} for name in "ABC"])
        for value in "12"
    )
    change = patch(common([one, two]), two)
    assert change is not None
    assert change["spec"]["template"]["spec"]["env"] == [{"name": "A"}, {"name": "B", "value": "2"}]


def test_a_list_that_differs_leaves_the_base_whole() -> None:
    base = common([deployment(1, ["a"]), deployment(1, ["b"])])
    assert "args" not in base["spec"]["template"]["spec"]["containers"][0]


def test_containers_of_other_names_are_not_joined() -> None:
    one, two = deployment(1, ["a"]), deployment(1, ["a"])
    two["spec"]["template"]["spec"]["containers"][1]["name"] = "other"  # type: ignore[index] # test data
    assert "containers" not in common([one, two]).get("spec", {}).get("template", {}).get("spec", {})


def test_custom_resources_have_no_lists_to_join() -> None:
    one = {
        "apiVersion": "x/v1",
        "kind": "Thing",
        "metadata": {"name": "n"},
        "spec": {"env": [{"name": "A", "value": 1}]},
    }
    two = {**one, "spec": {"env": [{"name": "A", "value": 2}]}}
    base = common([one, two])
    assert base == {"apiVersion": "x/v1", "kind": "Thing", "metadata": {"name": "n"}}
    assert patch(base, two) == two


def test_added_rebuilds_what_shared_took_away() -> None:
    one, two = {"a": 1, "b": {"c": 1, "d": 2}}, {"a": 1, "b": {"c": 1, "d": 3}, "e": 4}
    base = shared([one, two])
    assert base == {"a": 1, "b": {"c": 1}}
    assert added(base, two) == {"b": {"d": 3}, "e": 4}


@pytest.mark.parametrize(
    "lists",
    [
        {"hostAliases": [{"ip": "a", "hostnames": ["b"]}, {"ip": "a", "hostnames": ["c"]}]},
        {"env": [{"name": "A", "value": "a"}, {"name": "A", "value": "b"}]},
        {"a": [{"$patch": "delete"}]},
        {"a": None},
    ],
    ids=str,
)
def test_what_a_merge_takes_for_more_than_a_value_is_not_patched(lists: dict[str, object]) -> None:
    plain, special = deployment(1, ["a"]), deployment(1, ["a"], **lists)
    assert not patchable([plain, special])
    assert patchable([special, special])
    assert patchable([plain, deployment(2, ["a"])])


def test_lists_without_names_are_not_joined() -> None:
    one, two = (deployment(1, ["a"], env=items) for items in (["A"], [{"value": "b"}]))
    base = common([one, two])
    assert "env" not in base["spec"]["template"]["spec"]
    change = patch(base, two)
    assert change is not None
    assert change["spec"]["template"]["spec"]["env"] == [{"value": "b"}]


def test_what_one_of_several_lacks_is_no_part_of_the_base() -> None:
    """A patch only ever adds."""
    one, two, three = {"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1}
    assert [shared(maps) for maps in ([one, two, three], [one, three, two], [three, one, two])] == [{"a": 1}] * 3
