"""What a cluster would refuse of a model cache, said before the commit reaches it."""

from pathlib import Path

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.render import render
from gpuyard.review.claims import VALUES, refusals
from gpuyard.tree import Tree
from tests.projects import Values, resolved
from tests.test_compile import git, run, save

LARGE = {"model": {"name": "llama-3.3-70b-instruct"}}


def values(spec: Values, stack: Values | None = None) -> Tree:
    charts = shipped_charts()
    return render(resolved(spec, stack), charts, Embedded(charts))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (LARGE, {}, ["a claim can't shrink from 300Gi to 50Gi: set chat's storage.cache.size, or delete"]),
        ({}, LARGE, []),
        ({}, {}, []),
        (
            {"scaling": {"max": 1}},
            {"scaling": {"max": 1}, "storage": {"cache": {"kind": "block"}}},
            ["a claim can't change from fss to block: set chat's storage.cache.kind back, or delete"],
        ),
        ({}, {"storage": {"cache": {"kind": "ephemeral"}}}, []),
        ({"storage": {"cache": {"size": "1Ti"}}}, {"storage": {"cache": {"size": "1024Gi"}}}, []),
    ],
)
def test_what_a_claim_refuses(old: Values, new: Values, said: list[str]) -> None:
    found = list(refusals(values(old), values(new)))
    assert len(found) == len(said)
    assert all(line.startswith(start) for line, start in zip(found, said, strict=True)), found


def test_another_storage_class() -> None:
    [line] = refusals(values({}), values({}, {"storage": {"fss": "other"}}))
    assert line.startswith("a claim can't change from oci-fss to other: set spec.storage of the stack back, or delete")


def test_many_blueprints() -> None:
    """More text than a user's file may have: it is our own."""
    values = "".join(f"b{number}: {{cache: {{kind: fss, size: 90Gi}}, text: {'x' * 100}}}\n" for number in range(3000))
    old = {VALUES / "values.yaml": values, VALUES / "values-a10.yaml": values}
    new = {path: text.replace("90Gi", "9Gi") for path, text in old.items()}
    assert len(list(refusals(old, new))) == 3000


def test_compile_says_it(tmp_path: Path) -> None:
    run("init", tmp_path)
    assert "shrink" not in run("compile", tmp_path).output
    blueprint = tmp_path / "blueprints" / "chat.yaml"
    document = yamlio.read(blueprint.read_bytes(), "chat.yaml").value
    document["spec"].setdefault("storage", {}).setdefault("cache", {})["size"] = "50Gi"
    blueprint.write_text(yamlio.dump(document), encoding="utf-8")
    save(tmp_path)
    result = run("compile", tmp_path)
    assert "note: a claim can't shrink from 100Gi to 50Gi" in result.stderr
    assert git(tmp_path, "log", "--oneline").count("\n") == 3
