import json
from pathlib import Path

import pytest
import yaml

from gpuyard.catalogue.shapes import Gpu, catalogue, load
from gpuyard.errors import InputError

OVERLAYS = Path(__file__).parents[1] / "overlays"


def shape(**changes: object) -> dict[str, object]:
    """The a10 file as data, with some of its top keys replaced."""
    data: dict[str, object] = yaml.safe_load((OVERLAYS / "a10" / "shape.yaml").read_text("utf-8"))
    return data | changes


def write(folder: Path, name: str, data: object) -> None:
    (folder / name).mkdir()
    (folder / name / "shape.yaml").write_text(json.dumps(data), "utf-8")


def test_catalogue_has_the_oci_shapes() -> None:
    nodes = {shape.name: tuple(shape.nodes) for shape in catalogue().values()}
    assert nodes == {
        "a10": ("VM.GPU.A10.1", "VM.GPU.A10.2", "BM.GPU.A10.4"),
        "a100": ("BM.GPU4.8", "BM.GPU.B4.8", "BM.GPU.A100-v2.8"),
        "h100": ("BM.GPU.H100.8",),
    }


def test_what_can_be_used_is_less_than_the_nameplate_says() -> None:
    for node in (node for shape in catalogue().values() for node in shape.nodes.values()):
        assert 0.9 * node.gpu_memory_gib < node.usable_gib < node.gpu_memory_gib
        assert node.bare_metal == node.name.startswith("BM.")
        assert node.source
        assert node.date >= "2026-01-01"


def test_only_hopper_computes_in_fp8() -> None:
    assert {name: shape.gpu.fp8 for name, shape in catalogue().items()} == {
        "a10": False,
        "a100": False,
        "h100": True,
    }


def test_a_node_costs_all_its_gpus() -> None:
    assert catalogue()["h100"].nodes["BM.GPU.H100.8"].price_usd_per_hour == 80


def test_no_python_in_the_overlays() -> None:
    assert not list(OVERLAYS.rglob("*.py"))


def test_a_new_folder_is_a_new_shape(tmp_path: Path) -> None:
    write(tmp_path, "l40s", shape(name="l40s"))
    assert list(load(tmp_path)) == ["l40s"]


def test_every_malformed_folder_is_named(tmp_path: Path) -> None:
    write(tmp_path, "b1", shape(name="other"))
    write(tmp_path, "b2", shape(name="b2", surprise=1))
    (tmp_path / "b3").mkdir()
    (tmp_path / "b4").mkdir()
    (tmp_path / "b4" / "shape.yaml").write_text("name: [", "utf-8")
    (tmp_path / "README.md").write_text("not a folder", "utf-8")
    with pytest.raises(InputError) as caught:
        load(tmp_path)
    messages = {Path(problem.location.file).parent.name: problem.message for problem in caught.value.problems}
    assert messages["b1"] == "name must be the folder's: b1"
    assert messages["b2"].startswith("surprise is not known; ")
    assert messages["b3"] == "cannot be read: No such file or directory"
    assert messages["b4"] == "the file ends inside a [ or {; close it"
    lines = {Path(problem.location.file).parent.name: problem.location.line for problem in caught.value.problems}
    assert lines == {"b1": 1, "b2": 1, "b3": 0, "b4": 1}


def test_the_nameplate_is_refused_as_usable_memory(tmp_path: Path) -> None:
    data = shape(name="x")
    data["shapes"]["VM.GPU.A10.1"] |= {"usableGiB": 24, "bareMetal": True}  # type: ignore[index]
    write(tmp_path, "x", data)
    with pytest.raises(InputError) as caught:
        load(tmp_path)
    assert [problem.message for problem in caught.value.problems] == [
        'shapes["VM.GPU.A10.1"].bareMetal must be false, as the name says',
        'shapes["VM.GPU.A10.1"].usableGiB must be less than gpuMemoryGiB: what CUDA reports',
    ]
    assert all(problem.location.line for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("architecture", "hopper"),
    [("sm_80", False), ("sm_89", False), ("sm_90", True), ("sm_100", True), ("sm_120", True), ("gfx942", False)],
)
def test_the_generation_is_compared_as_a_number(architecture: str, hopper: bool) -> None:
    assert Gpu("some", architecture, fp8=True, nvlink=True).hopper == hopper
