"""Which changes of generated files replace pods."""

from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml

from gpuyard.doors import yamlio
from gpuyard.pipeline import compile, placements_of
from gpuyard.project.load import parse
from gpuyard.resolve import Resolved
from gpuyard.review.placed import Placed
from gpuyard.review.pods import pod_digest, weights_job
from gpuyard.tree import Tree
from tests.projects import Values, merged, sources

A10 = {"clusters": [{"name": "phx", "region": "us-phoenix-1", "shapes": {"a10": ["VM.GPU.A10.2", "BM.GPU.A10.4"]}}]}
"""The stack of the tests without H100."""
DEPLOYMENT = PurePosixPath("base/chat/deployment.yaml")


def chat(spec: Values | None = None, stack: Values | None = None) -> Placed:
    placed = compile(parse(sources(spec or {}, stack))).placements["phx"]["chat"]
    assert placed.pod
    return placed


@pytest.fixture(scope="module")
def plain() -> Placed:
    return chat()


@pytest.mark.parametrize(
    ("spec", "replaced"),
    [
        ({"serving": {"contextLength": 8192}}, True),
        ({"serving": {"env": {"MINE": "a"}}}, True),
        ({"values": {"podLabels": {"mine": "a"}}}, True),
        ({"vllm": {"version": "0.33.0"}}, True),
        ({"scaling": {"max": 3}}, False),
        ({"storage": {"cache": {"size": "200Gi"}}}, False),
        ({"clientNamespaces": ["web"]}, False),
        ({"slo": {"ttft": "5s"}}, False),
    ],
)
def test_what_replaces_pods(plain: Placed, spec: Values, replaced: bool) -> None:
    assert (chat(spec).pod != plain.pod) == replaced


def test_a_shape_more_moves_lines_and_replaces_no_pod(plain: Placed) -> None:
    """With one shape all of it stands in the base."""
    assert chat(stack=A10).pod == plain.pod
    text = {"serving": {"args": {"chat-template": "a\n  b:\n\n- c\n"}}}
    assert chat(text, A10).pod == chat(text).pod != plain.pod


def test_labels_of_a_folder_are_those_of_its_pods() -> None:
    """Where they stand is Kustomize's affair, and no pod's."""
    template = "spec:\n  template:\n    metadata:\n{labels}    spec:\n      containers:\n      - name: a\n"
    inside = {DEPLOYMENT: template.format(labels="      labels:\n        x: a\n        y: b\n")}
    folder = "kind: Kustomization\nlabels:\n- pairs:\n    x: a\n    y: {y}\n  includeTemplates: true\nresources: []\n"
    split = {DEPLOYMENT: template.format(labels=""), DEPLOYMENT.with_name("kustomization.yaml"): folder.format(y="b")}
    other = {**split, DEPLOYMENT.with_name("kustomization.yaml"): folder.format(y="c")}
    assert pod_digest(inside, "chat", "a10") == pod_digest(split, "chat", "a10") != pod_digest(other, "chat", "a10")


def test_what_has_no_deployment_has_no_pods() -> None:
    assert pod_digest({}, "chat", "a10") == ""
    assert weights_job({}, "chat", "a10") == ""


def test_the_job_is_the_one_that_runs(demo: Resolved, demo_tree: Tree) -> None:
    for name, placed in placements_of(demo, demo_tree)["phx"].items():
        overlay = PurePosixPath(f"overlays/{placed.shape}/{name}/weights/job.yaml")
        job = yaml.safe_load(demo_tree.get(overlay) or demo_tree[PurePosixPath(f"base/{name}/weights/job.yaml")])
        assert placed.weights == job["metadata"]["name"]
    assert chat({"storage": {"cache": {"kind": "ephemeral"}}}).weights == ""


def test_each_shape_has_its_own_job_where_they_copy_other_weights() -> None:
    spec = {"shapes": {"a10": {"model": {"name": "llama-3.1-8b-instruct"}}, "h100": {"model": {"name": "qwen3-14b"}}}}
    tree = compile(parse(sources(spec))).tree
    jobs = {shape: weights_job(tree, "chat", shape) for shape in ("a10", "h100")}
    assert len(set(jobs.values())) == 2
    assert all(name.startswith("chat-download-") for name in jobs.values())


LINES: Values = {
    "spec": {
        "template": {
            "metadata": {"annotations": {"text": "a: |\n  b\n\n- c", "colon": "a:"}},
            "spec": {
                "containers": [
                    {
                        "name": "vllm",
                        "args": ["- a", "--b", "x\ny"],
                        "env": [{"name": "A", "value": "1"}],
                        "list": [[1, 2], [3]],
                    },
                    {"name": "other", "resources": {}, "args": ["x |", "y"]},
                ],
                "volumes": [],
            },
        }
    }
}


def changes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of each scalar."""
    if isinstance(value, dict) and value:
        return [found for key, item in value.items() for found in changes(item, (*path, key))]
    if isinstance(value, list) and value:
        return [found for index, item in enumerate(value) for found in changes(item, (*path, index))]
    return [path]


def digest(value: Values) -> str:
    return pod_digest({DEPLOYMENT: yamlio.dump(value)}, "chat", "a10")


@pytest.mark.parametrize("path", changes(LINES), ids=lambda path: "-".join(map(str, path[2:])))
def test_every_value_counts(path: tuple[Any, ...]) -> None:
    """Where it stands, too: the same value under the next key is another pod."""
    changed = merged(LINES, {})
    inside: Any = changed
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = "new"
    assert digest(changed) != digest(LINES)
    del inside[path[-1]]
    assert digest(changed) != digest(LINES)


def test_the_order_of_a_list_counts_and_that_of_keys_does_not() -> None:
    changed = merged(LINES, {})
    containers = changed["spec"]["template"]["spec"]["containers"]
    containers[0] = dict(reversed(containers[0].items()))
    assert digest(changed) == digest(LINES)
    containers.reverse()
    assert digest(changed) != digest(LINES)
