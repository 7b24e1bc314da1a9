"""Keys that users look for and that gpuyard does not have: each is answered where it stands, with what to do."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gpuyard.catalogue.unsupported import answers
from gpuyard.doors import yamlio
from gpuyard.errors import InputError, Problem
from gpuyard.project.formats import schema
from gpuyard.project.load import parse
from tests.projects import merged, sources
from tests.test_blueprint_fields import leaves

FILES = {"stack": "stack.yaml", "blueprint": "blueprints/chat.yaml"}
OCI = {"oci": {"compartment": "gpu"}}


def rows() -> Iterator[tuple[str, str, str, str]]:
    for file in FILES:
        for place, texts in answers(file).items():
            for key, text in texts.items():
                yield file, place, key, text


def with_key(file: str, place: str, key: str) -> dict[str, bytes]:
    """The files, in which one mapping has one key more."""
    found = sources({}, OCI)
    value = yamlio.load_data(found[FILES[file]].decode())
    mapping = value
    for step in place.split("."):
        mapping = mapping.setdefault(step.removesuffix("[]"), {})
        mapping = mapping[0] if step.endswith("[]") else mapping
    mapping[key] = {"enabled": True}
    return {**found, FILES[file]: yamlio.dump(value).encode()}


def problems(files: Mapping[str, bytes]) -> list[Problem]:
    try:
        return list(parse(files).problems)
    except InputError as error:
        return list(error.problems)


@pytest.mark.parametrize(("file", "place", "key", "text"), list(rows()))
def test_each_is_answered_at_its_line_and_column(file: str, place: str, key: str, text: str) -> None:
    files = with_key(file, place, key)
    (problem,) = problems(files)
    lines = files[FILES[file]].decode().splitlines()
    where = problem.location
    assert lines[(where.line or 0) - 1][(where.column or 0) - 1 :].startswith(f"{key}:")
    assert where.file == FILES[file]
    assert problem.message == f"{place.replace('[]', '[0]')}.{key} {text}"
    assert text.startswith("is not supported yet; ")


@pytest.mark.parametrize("key", ["compute_cluster", "ComputeCluster", "compute-clusters", "computecluster"])
def test_however_it_is_written(key: str) -> None:
    (problem,) = problems(with_key("stack", "spec.clusters[].oci", key))
    assert "is not supported yet" in problem.message


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("reservation", "is not known; did you mean reservations?"),
        ("vnc", "is not known; did you mean vcn?"),
        ("region", "is not known; known keys: "),
    ],
)
def test_what_is_mistyped_is_still_that(key: str, message: str) -> None:
    (problem,) = problems(with_key("stack", "spec.clusters[].oci", key))
    assert message in problem.message


def test_a_cluster_s_own_platform_answers_as_well() -> None:
    files = sources({}, OCI)
    value: dict[str, Any] = yamlio.load_data(files["stack.yaml"].decode())
    value["spec"]["clusters"][0]["platform"] = {"gpuOperator": {"enabled": True}}
    (problem,) = problems({**files, "stack.yaml": yamlio.dump(value).encode()})
    assert problem.message.startswith("spec.clusters[0].platform.gpuOperator is not supported yet; ")


def test_all_of_them_are_told_at_once() -> None:
    own = merged(OCI, {"karpenter": {}, "oci": {"keyVault": {}, "rdma": True}})
    told = [each.message.partition(";")[0] for each in problems(sources({}, own))]
    assert sorted(told) == [f"spec.{key} is not supported yet" for key in ("karpenter", "oci.keyVault", "oci.rdma")]


@pytest.mark.parametrize("file", FILES)
def test_none_is_a_key_that_there_is(file: str) -> None:
    """What is built later leaves the table."""
    known = {key.casefold() for key in leaves(file)}
    for place, texts in answers(file).items():
        for key in texts:
            taken = [each for each in known if f"{each}.".startswith(f"{place}.{key}.".casefold())]
            assert not taken, (place, key)
    assert schema(file)
