"""What a cluster would refuse of a model cache, said before the commit reaches it."""

import json
from pathlib import Path

import pytest

from gpuyard.doors import yamlio
from gpuyard.pipeline import placements_of
from gpuyard.review.claims import refusals
from gpuyard.review.placed import Claim, Placed, Placements
from tests.projects import Values, resolved
from tests.test_compile import git, run, save

LARGE = {"model": {"name": "llama-3.3-70b-instruct"}}
ELSEWHERE = {"namespace": "models"}


def placements(spec: Values, stack: Values | None = None) -> Placements:
    return placements_of(resolved(spec, stack))


def said(before: Placements, after: Placements) -> list[str]:
    return [each.message for each in refusals(before, after)]


@pytest.mark.parametrize(
    ("old", "new", "start"),
    [
        (LARGE, {}, "a claim cannot shrink from 300Gi to 50Gi: set chat's storage.cache.size, or delete"),
        ({}, LARGE, None),
        ({}, {}, None),
        (
            {"scaling": {"max": 1}},
            {"scaling": {"max": 1}, "storage": {"cache": {"kind": "block"}}},
            "a claim cannot change from fss to block: set chat's storage.cache.kind back, or delete",
        ),
        ({}, {"storage": {"cache": {"kind": "ephemeral"}}}, None),
        ({"storage": {"cache": {"kind": "ephemeral"}}}, {}, None),
        ({"storage": {"cache": {"claim": "mine"}}}, {}, None),
        ({"storage": {"cache": {"size": "1Ti"}}}, {"storage": {"cache": {"size": "1024Gi"}}}, None),
    ],
)
def test_what_a_claim_refuses(old: Values, new: Values, start: str | None) -> None:
    found = said(placements(old), placements(new))
    assert len(found) == (start is not None)
    assert all(line.startswith(start or "") for line in found), found


def test_another_storage_class() -> None:
    [line] = said(placements({}), placements({}, {"storage": {"fss": "other"}}))
    assert line.startswith("a claim cannot change from oci-fss to other: set spec.storage of the stack back, or delete")


def test_in_another_namespace_it_is_another_claim() -> None:
    assert said(placements(LARGE), placements({}, ELSEWHERE)) == []


def test_each_cluster_refuses_for_itself() -> None:
    """Whatever the shape: the claim of a blueprint has one name in a cluster."""

    def chat(shape: str, gib: int) -> Placed:
        return Placed(shape, "inference", Claim("fss", "oci-fss", gib))

    before = {"iad": {"chat": chat("a10", 100)}, "phx": {"chat": chat("a10", 100), "docs": chat("a10", 100)}}
    after = {"iad": {"chat": chat("a10", 100)}, "phx": {"chat": chat("h100", 50), "docs": chat("h100", 200)}}
    assert [(each.cluster, each.blueprint) for each in refusals(before, after)] == [("phx", "chat")]


def test_compile_says_it(tmp_path: Path) -> None:
    """To people once, to machines for each cluster."""
    run("init", tmp_path)
    stack = (tmp_path / "stack.yaml").read_text(encoding="utf-8")
    more = stack[stack.index("  - name: phx") :].replace("phx", "iad")
    (tmp_path / "stack.yaml").write_text(stack + more, encoding="utf-8")
    save(tmp_path)
    assert "shrink" not in run("compile", tmp_path).output
    blueprint = tmp_path / "blueprints" / "chat.yaml"
    document = yamlio.read(blueprint.read_bytes(), "chat.yaml").value
    document["spec"].setdefault("storage", {}).setdefault("cache", {})["size"] = "50Gi"
    blueprint.write_text(yamlio.dump(document), encoding="utf-8")
    save(tmp_path)
    result = run("compile", tmp_path)
    assert result.stderr.count("note: a claim cannot shrink from 100Gi to 50Gi") == 1
    assert git(tmp_path, "log", "--oneline").count("\n") == 4
    git(tmp_path, "reset", "-q", "--hard", "HEAD~")
    data = json.loads(run("compile", tmp_path, "-o", "json").stdout)
    assert [(each["cluster"], each["blueprint"]) for each in data["consequences"]] == [("iad", "chat"), ("phx", "chat")]
    assert data["notes"].count(data["consequences"][0]["message"]) == 1
