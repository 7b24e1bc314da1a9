"""A wrong data file is named with line and column, whatever its kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gpuyard.catalogue.datafiles import read
from gpuyard.catalogue.oracle import rules
from gpuyard.catalogue.shapes import load
from gpuyard.errors import InputError
from tests.conftest import ROOT

CATALOGUE = ROOT / "generator" / "gpuyard" / "catalogue"
SHAPE = ROOT / "overlays" / "a10" / "shape.yaml"
FILES = {
    "architectures": CATALOGUE / "vllm" / "architectures" / "0.32.yaml",
    "configs": CATALOGUE / "checkpoint" / "configs.yaml",
    "alerts": CATALOGUE / "alerts.yaml",
    "argocd": CATALOGUE / "argocd.yaml",
    "images": CATALOGUE / "images.yaml",
    "ingress": CATALOGUE / "ingress.yaml",
    "chartpowers": CATALOGUE / "chartpowers.yaml",
    "vllm-environment": CATALOGUE / "vllm" / "environment.yaml",
    "vllm-powers": CATALOGUE / "vllm" / "powers.yaml",
    "vllm-reach": CATALOGUE / "vllm" / "reach.yaml",
    "model": CATALOGUE / "models" / "gpt-oss-20b.yaml",
    "oci": CATALOGUE / "oci.yaml",
    "engines": CATALOGUE / "engines.yaml",
    "githosts": CATALOGUE / "githosts.yaml",
    "panels": CATALOGUE / "panels.yaml",
    "platform": CATALOGUE / "platform" / "keda.yaml",
    "shape": SHAPE,
    "calico": CATALOGUE / "calico.yaml",
    "unsupported": CATALOGUE / "unsupported.yaml",
    "vllm": CATALOGUE / "vllm" / "0.32.yaml",
    "vllm-formats": CATALOGUE / "vllm" / "formats.yaml",
    "vllm-removed": CATALOGUE / "vllm" / "removed.yaml",
    "vllm-rules": CATALOGUE / "vllm" / "rules.yaml",
    "vllm-variables": CATALOGUE / "vllm" / "variables.yaml",
}


def said(file: Path, kind: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(file, kind)
    return [str(problem).removeprefix(f"{file}:") for problem in caught.value.problems]


def broken(folder: Path, source: Path, old: str, new: str) -> Path:
    """A copy in which one text is another."""
    text = source.read_text("utf-8")
    assert text.count(old) == 1
    file = folder / source.name
    file.write_text(text.replace(old, new), "utf-8")
    return file


def line(file: Path, text: str) -> int:
    (found,) = (number for number, each in enumerate(file.read_text("utf-8").splitlines(), 1) if text in each)
    return found


def test_there_is_a_file_of_every_kind() -> None:
    assert {f"{kind}.schema.json" for kind in FILES} == {file.name for file in (CATALOGUE / "schemas").iterdir()}


@pytest.mark.parametrize("kind", FILES)
def test_a_key_that_is_not_known_has_a_place(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "data.yaml"
    file.write_text(FILES[kind].read_text("utf-8").rstrip("\n") + "\nsurprise: 1\n", "utf-8")
    (problem,) = said(file, kind)
    assert problem.startswith(f"{line(file, 'surprise')}:1: surprise is not known; ")


@pytest.mark.parametrize("kind", FILES)
def test_what_is_no_yaml_has_a_place(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "data.yaml"
    file.write_text(FILES[kind].read_text("utf-8").rstrip("\n") + "\nsurprise: [\n", "utf-8")
    (problem,) = said(file, kind)
    number, column, message = problem.split(":", 2)
    assert int(number) >= line(file, "surprise")
    assert int(column) > 0
    assert message.strip()


def test_a_component_without_a_namespace(tmp_path: Path) -> None:
    file = broken(tmp_path, FILES["platform"], "namespace: keda\n", "")
    assert said(file, "platform") == ["1:1: namespace is missing; add it"]


def test_a_key_that_is_given_twice(tmp_path: Path) -> None:
    file = broken(tmp_path, SHAPE, "name: a10\n", "name: a10\nname: a10\n")
    assert said(file, "shape") == ["3:1: name is given twice, first on line 2; keep one"]


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"name: \xff\n", b"- a\n"])
def test_what_holds_nothing_useful(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "shape.yaml"
    file.write_bytes(content)
    (problem,) = said(file, "shape")
    assert problem in {
        " is empty; one YAML document is needed",
        "1:7: the byte 0xff is not UTF-8; save the file as UTF-8",
        "1:1: the file is a list; must be a mapping",
    }


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert said(tmp_path / "shape.yaml", "shape") == [" cannot be read: No such file or directory"]


def test_a_rule_speaks_only_of_data_that_the_schema_accepts(tmp_path: Path) -> None:
    def rules(data: Mapping[str, Any]) -> list[tuple[tuple[str, ...], str]]:
        return [(("gpu", "product"), f"must not be {data['gpu']['product']}")]

    with pytest.raises(InputError) as caught:
        read(SHAPE, "shape", rules)
    assert str(caught.value) == f"{SHAPE}:5:12: gpu.product must not be NVIDIA A10"
    with pytest.raises(InputError, match="gpu is missing"):
        read(broken(tmp_path, SHAPE, "\ngpu:\n", "\ngpus:\n"), "shape", rules)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "taint: {key: nvidia.com/gpu,",
            "taint: {key: nvidia.com/gpu:NoSchedule,",
            'node.taint.key is "nvidia.com/gpu:NoSchedule"; must be the key of a taint, without value and '
            "effect, such as nvidia.com/gpu",
        ),
        (
            "effect: NoSchedule",
            "effect: NoShedule",
            'node.taint.effect is "NoShedule"; must be one of NoSchedule, PreferNoSchedule, NoExecute '
            "(did you mean NoSchedule?)",
        ),
        (
            "resource: nvidia.com/gpu",
            "resource: gpu",
            'node.resource is "gpu"; must be the name that the device plugin gives the GPUs, such as nvidia.com/gpu',
        ),
        (
            "instanceTypeLabel: node.kubernetes.io/instance-type",
            "instanceTypeLabel: node.kubernetes.io/instance type",
            'node.instanceTypeLabel is "node.kubernetes.io/instance type"; must be the key of a label, such '
            "as node.kubernetes.io/instance-type",
        ),
    ],
)
def test_a_taint_that_no_pod_could_tolerate_and_its_like(old: str, new: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a10").mkdir()
    file = broken(tmp_path / "a10", SHAPE, old, new)
    with pytest.raises(InputError) as caught:
        load(tmp_path)
    (problem,) = caught.value.problems
    place, found = problem.location, problem.message
    assert found == message
    value = new.partition(": ")[2] if new.startswith(("resource", "instance")) else new.rpartition(": ")[2].rstrip(",")
    assert place.line == line(file, new)
    assert file.read_text("utf-8").splitlines()[place.line - 1][place.column - 1 :].startswith(value)


RULE = "{of: pods, way: both, protocol: all, peer: pods,"


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("{of: posd, way: both, protocol: all, peer: pods,", "must be one of the groups"),
        ("{of: pods, way: both, protocol: all, peer: nobody,", "must be one of the groups, or services"),
        ("{of: pods, way: both, protocol: all, ports: 1, peer: pods,", "has ports exactly where"),
        ("{of: pods, way: both, protocol: tcp, peer: pods,", "has ports exactly where"),
    ],
)
def test_a_rule_of_the_network_that_leads_nowhere_has_a_place(tmp_path: Path, new: str, expected: str) -> None:
    file = broken(tmp_path, CATALOGUE / "oci.yaml", RULE, new)
    with pytest.raises(InputError) as caught:
        read(file, "oci", rules)
    assert f"{file}:{line(file, new)}:" in str(caught.value)
    assert expected in str(caught.value)
