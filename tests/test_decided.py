"""A compile that remembers what becomes of each blueprint: only what changed is worked out, the rest is the same."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gpuyard.commit.digest import own_digest
from gpuyard.doors import yamlio
from gpuyard.doors.cache import NOTHING, Cache, Disk
from gpuyard.doors.schema import Records
from gpuyard.errors import InputError
from gpuyard.pipeline import compile
from gpuyard.project.imageslock import write_images_lock
from gpuyard.project.load import load, parse
from gpuyard.render import kustomize
from gpuyard.resolve import Resolved, inference, resolve
from gpuyard.review.placed import Running
from gpuyard.review.pods import pods
from gpuyard.tree import Tree, base
from tests.conftest import demo_sources
from tests.test_own_models import mine


@pytest.fixture
def cache(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "cache", own_digest())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The blueprints of which it is worked out what becomes of them."""
    found: list[str] = []
    workloads = inference.workloads

    def told(blueprint: Any, *args: Any) -> Iterator[Any]:
        found.append(blueprint.name)
        return workloads(blueprint, *args)

    monkeypatch.setattr(inference, "workloads", told)
    return found


def resolved(sources: Mapping[str, bytes], cache: Cache) -> Resolved:
    return resolve(parse(sources), cache=cache)


def copies(count: int) -> dict[str, bytes]:
    """A stack with so many blueprints."""
    found = demo_sources()
    chat = found["blueprints/chat.yaml"]
    kept = {name: data for name, data in found.items() if not name.startswith("blueprints/")}
    names = [f"chat-{number}" for number in range(count)]
    return kept | {f"blueprints/{name}.yaml": chat.replace(b"name: chat", f"name: {name}".encode()) for name in names}


def test_what_nothing_changed_for_is_not_resolved_again(demo: Resolved, cache: Disk, asked: list[str]) -> None:
    names = [blueprint.name for blueprint in parse(demo_sources()).blueprints]
    assert resolved(demo_sources(), cache) == demo
    assert asked == names
    assert resolved(demo_sources(), cache) == demo
    assert asked == names


def test_only_the_changed_blueprint_is_resolved(cache: Disk, asked: list[str]) -> None:
    sources = demo_sources()
    resolved(sources, cache)
    asked.clear()
    file = "blueprints/chat.yaml"
    changed = {**sources, file: sources[file].replace(b"concurrency: 32", b"concurrency: 16")}
    found = resolved(changed, cache)
    assert asked == ["chat"]
    assert found == resolved(changed, NOTHING)


IMAGE = "docker.io/vllm/vllm-openai:v0.32.0"
_OTHERS: Mapping[str, Mapping[str, bytes]] = {
    "the stack": {"stack.yaml": demo_sources()["stack.yaml"].replace(b"region: us-phoenix-1", b"region: us-ashburn-1")},
    "the lock of images": {"images.lock": write_images_lock({IMAGE: "sha256:" + "1" * 64}).encode()},
    "a model": {"models/mine.yaml": yamlio.dump(mine()).encode()},
    "another blueprint's name": {
        "blueprints/other.yaml": demo_sources()["blueprints/chat.yaml"].replace(b"name: chat", b"name: other")
    },
}


@pytest.mark.parametrize("what", _OTHERS)
def test_another_file_beside_it_resolves_all(what: str, cache: Disk, asked: list[str]) -> None:
    sources = demo_sources()
    resolved(sources, cache)
    asked.clear()
    changed = {**sources, **_OTHERS[what]}
    found = resolved(changed, cache)
    assert set(asked) == {blueprint.name for blueprint in parse(changed).blueprints}
    assert found == resolved(changed, NOTHING)


def test_a_text_that_a_blueprint_brings_is_part_of_the_question(tmp_path: Path, cache: Disk) -> None:
    file = "blueprints/chat.yaml"
    sources = demo_sources()
    brought = b"serving:\n    files:\n      /srv/chat.jinja: {file: chat.jinja}\n"
    for name, data in {**sources, file: sources[file].replace(b"serving:\n", brought)}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    for text in ("one", "two"):
        (tmp_path / "chat.jinja").write_text(text, encoding="utf-8")
        found = resolve(load(tmp_path), cache=cache)
        (content,) = {each.values["files"][0]["content"] for each in found.workloads if each.name == "chat"}
        assert content == text


def test_where_something_is_wrong_nothing_is_remembered(cache: Disk, asked: list[str]) -> None:
    """Not even of the blueprints that are right: the problem is found and told again."""
    file = "blueprints/chat.yaml"
    sources = demo_sources()
    wrong = {**sources, file: sources[file].replace(b"llama-3.1-8b-instruct", b"llama-3.1-8b-instrukt")}
    told = set()
    for _ in range(2):
        with pytest.raises(InputError) as refused:
            resolved(wrong, cache)
        told.add(str(refused.value))
    assert len(told) == 1
    assert asked.count("chat") == 2


def test_whatever_runs_decides_anew_where_it_runs(cache: Disk) -> None:
    """Placements follow from the clusters, too, and are no part of what is remembered."""
    project = parse(demo_sources())
    first = resolve(project, cache=cache)
    (chat,) = [each for each in first.placements if each.workload.name == "chat"]
    other = next(each.shape.name for each in first.workloads if each.name == "chat" and each != chat.workload)
    placed = dataclasses.replace(compile(project).placements[chat.cluster]["chat"], shape=other)
    running = Running("demo", "inference", {chat.cluster: {"chat": placed}})
    found = resolve(project, running, cache)
    assert [each.workload.shape.name for each in found.placements if each.workload.name == "chat"] == [other]
    assert found == resolve(project, running)


def test_every_blueprint_of_ours_can_be_remembered(demo: Resolved, cache: Disk) -> None:
    """One whose workloads couldn't be written down as they are would be resolved each time, and nobody told."""
    project = parse(demo_sources())
    questions: list[bytes] = []

    class Telling(Disk):
        def read(self, questions_: Collection[bytes]) -> Mapping[bytes, bytes]:
            questions.extend(questions_)
            return super().read(questions_)

    resolve(project, cache=Telling(cache._folder, own_digest()))
    assert len(questions) == len(project.blueprints)
    assert len(cache.read(questions)) == len(questions)


class Odd:
    """Answers everything with the same."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def read(self, questions: Collection[bytes]) -> Mapping[bytes, bytes]:
        return dict.fromkeys(questions, self.answer)

    def write(self, answers: Mapping[bytes, bytes]) -> None:
        pass


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"null",
        b"[]",
        b"1",
        b'"x"',
        b"\xff",
        b"{",
        b"[" * 100_000,
        b"{}",
        b'{"a": 1}',
        b"\0" * 9,
    ],
    ids=repr,
)
def test_an_answer_that_cannot_be_read_is_none(answer: bytes, demo_tree: Tree) -> None:
    sources = demo_sources()
    compiled = compile(parse(sources, cache=Odd(answer)), cache=Odd(answer))
    assert compiled.tree == demo_tree
    assert compiled.placements == compile(parse(sources)).placements


@pytest.mark.parametrize("count", [2, 8])
def test_one_change_costs_one_blueprint_however_many_there_are(
    count: int, cache: Disk, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = copies(count)
    compile(parse(sources), cache=cache)
    assert len(asked) == count
    asked.clear()
    rendered: list[str] = []
    blueprint = kustomize.blueprint

    def told(workloads: Any, objects: Any) -> Tree:
        rendered.append(workloads[0].name)
        return blueprint(workloads, objects)

    monkeypatch.setattr(kustomize, "blueprint", told)
    changed = {**sources, "blueprints/chat-1.yaml": sources["blueprints/chat-1.yaml"].replace(b"32", b"16", 1)}
    found = compile(parse(changed), cache=cache)
    assert (asked, rendered) == (["chat-1"], ["chat-1"])
    assert found.tree == compile(parse(changed)).tree


def test_pods_are_looked_at_again_where_a_file_differs(demo: Resolved, demo_tree: Tree, cache: Disk) -> None:
    places = [(each.name, each.shape.name, "") for each in demo.workloads]
    first = pods(demo_tree, places, cache)
    assert first == pods(demo_tree, places, NOTHING) == pods(demo_tree, places, cache)
    file = base("chat") / "deployment.yaml"
    other = {**demo_tree, file: demo_tree[file].replace("/health", "/ready")}
    assert other != demo_tree
    changed = pods(other, places, cache)
    assert {place[0] for place in places if changed[place] != first[place]} == {"chat"}


@dataclasses.dataclass(frozen=True)
class Kind:
    name: str


KINDS = {name: Kind(name) for name in ("one", "two")}


@dataclasses.dataclass(frozen=True)
class Record:
    kind: Kind
    names: frozenset[str]
    values: Mapping[str, Any]
    other: "Kind | None" = None


RECORDS = Records(Record, {Kind: lambda: KINDS})


def test_a_record_is_read_as_it_was_written() -> None:
    record = Record(KINDS["one"], frozenset({"b", "a"}), {"z": [1, 2.0, True, None], "a": {"b": "c"}})
    text = RECORDS.written(record)
    assert text
    found = RECORDS.read(text)
    assert found == record
    assert found.kind is KINDS["one"]
    assert list(found.values) == ["z", "a"]
    assert [type(each) for each in found.values["z"]] == [int, float, bool, type(None)]


@pytest.mark.parametrize("values", [{"a": (1, 2)}, {"a": {1: "x"}}, {"a": {1, 2}}], ids=repr)
def test_what_json_would_change_is_not_written(values: Mapping[str, Any]) -> None:
    assert RECORDS.written(Record(KINDS["one"], frozenset(), values)) is None


def test_a_record_of_something_that_is_gone_is_none() -> None:
    text = RECORDS.written(Record(KINDS["one"], frozenset(), {}))
    assert text
    with pytest.raises(LookupError):
        Records(Record, {Kind: dict}).read(text)
