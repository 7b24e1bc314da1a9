"""Sources that mean harm, by the hundred: the stack, blueprints, models, locks of images, and the reader itself.

`make test` tries 2,000 in all, the same each time; `make fuzz` 20,000, and other ones.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuyard.doors import yamlio
from gpuyard.errors import InputError
from tests.conftest import demo_sources
from tests.hostileruns import LONGEST, examples, one_verdict, remembering
from tests.mutations import BYTES, DATA, Change, changed, of, rewritten, written
from tests.scan.project import VARIANTS, maximal
from tests.test_blueprint_fields import FACTS

HEAD = {"apiVersion": "gpuyard.dev/v1alpha1"}
MODEL = {**HEAD, "kind": "Model", **FACTS}
IMAGES = {**HEAD, "kind": "ImagesLock", "images": {"docker.io/vllm/vllm-openai:v0.32.0": f"sha256:{'a' * 64}"}}


def _demo() -> dict[str, Any]:
    return {name: yamlio.read(data, name).value for name, data in demo_sources().items()}


BASES = ("chat", "demo", "more", *VARIANTS)


@cache
def contents(base: str) -> Mapping[str, Any]:
    """The files of a project that is right; to find what the largest ones may hold takes seconds."""
    demo = _demo()
    if base == "chat":
        return {name: demo[name] for name in ("stack.yaml", "blueprints/chat.yaml")}
    if base == "demo":
        return demo
    if base == "more":
        own = {"models/own.yaml": MODEL, "images.lock": IMAGES}
        return {name: demo[name] for name in ("stack.yaml", "blueprints/docs.yaml")} | own
    found = maximal(base).contents
    return {"stack.yaml": found["stack"], "blueprints/chat.yaml": found["blueprint"]}


@pytest.fixture(scope="module", autouse=True)
def fast() -> Iterator[None]:
    with remembering():
        yield


@settings(**examples(700))
@given(
    base=st.sampled_from(BASES),
    number=st.integers(0, 9),
    data=of(DATA),
    text=of(BYTES, 1) | st.just([]) | st.just([]) | st.just([]),
)
def test_stacks_blueprints_models_and_images(
    base: str, number: int, data: list[Change], text: list[Change], tmp_path: Path
) -> None:
    root = Path(tempfile.mkdtemp(dir=tmp_path))
    files = contents(base)
    spoilt = sorted(files)[number % len(files)]
    try:
        for name, value in files.items():
            (root / name).parent.mkdir(exist_ok=True)
            whole = rewritten(written(changed(value, data)), text) if name == spoilt else written(value)
            (root / name).write_bytes(whole)
        one_verdict(root)
    finally:
        shutil.rmtree(root)


@settings(**examples(200))
@given(base=st.sampled_from(BASES), number=st.integers(0, 9), text=of(BYTES))
def test_the_reader(base: str, number: int, text: list[Change]) -> None:
    """A refusal has places and words; what it reads has a place for each value."""
    name, value = sorted(contents(base).items())[number % len(contents(base))]
    data = rewritten(written(value), text)
    before = time.process_time()
    try:
        document = yamlio.read(data, name)
    except InputError as error:
        assert error.problems
        assert [problem for problem in error.problems if not problem.message.isprintable()] == []
    else:
        assert all(document.at(path).line for path, _, _ in document.scalars())
    assert time.process_time() - before < LONGEST
