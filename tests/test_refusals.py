"""How large a refusal may be: a hundred problems are told, the rest is counted, in time linear in the input."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from gpuyard import errors
from gpuyard.catalogue.shapes import catalogue as shapes_known
from gpuyard.commit.directory import Directory
from gpuyard.errors import GpuyardError, InputError, Location, Problem
from gpuyard.pipeline import compile, plan
from gpuyard.project import userfiles
from gpuyard.project.load import load, parse
from gpuyard.resolve import resolve
from gpuyard.resolve.inference import options
from tests.projects import BLUEPRINT, STACK, merged, sources, with_token
from tests.test_compile import run

pytestmark = pytest.mark.attack("A25 large refusals")

Files = dict[str, bytes]
Make = Callable[[int], Files]
PHX: dict[str, Any] = {"name": "phx", "region": "us-phoenix-1", "shapes": {"a10": "VM.GPU.A10.2"}}


def written(blueprint: Mapping[str, Any] | None = None, stack: Mapping[str, Any] | None = None) -> Files:
    """In one line each, as a file of 288 KiB may be."""
    whole = with_token(merged(BLUEPRINT, {"spec": blueprint or {}}))
    return {
        "stack.yaml": json.dumps(merged(STACK, {"spec": stack or {}})).encode(),
        "blueprints/chat.yaml": json.dumps(whole).encode(),
    }


def lock(digest: str) -> Make:
    def make(count: int) -> Files:
        images = {f"r.io/x{number}:v1": digest for number in range(count)}
        head = {"apiVersion": "gpuyard.dev/v1alpha1", "kind": "ImagesLock"}
        return {**sources({}), "images.lock": json.dumps({**head, "images": images}).encode()}

    return make


def model(*path: str) -> Make:
    def make(count: int) -> Files:
        value: Any = {f"k{number}": 1 for number in range(count)}
        for key in reversed(path):
            value = {key: value}
        head = {"apiVersion": "gpuyard.dev/v1alpha1", "kind": "Model"}
        return {**sources({}), "models/m.yaml": json.dumps({**head, **value}).encode()}

    return make


def blueprint(*path: str, each: Callable[[int], Any] | None = None) -> Make:
    """A blueprint with many keys of a mapping, or many items of a list, at a place."""
    return lambda count: written(nested(path, count, each))


def stack(*path: str, each: Callable[[int], Any] | None = None) -> Make:
    return lambda count: written(None, nested(path, count, each))


def nested(path: tuple[str, ...], count: int, each: Callable[[int], Any] | None) -> dict[str, Any]:
    value: Any = list(map(each, range(count))) if each else {f"key-{number}": 1 for number in range(count)}
    for key in reversed(path):
        value = {key: value}
    return dict(value)


def cluster(**own: Callable[[int], Any]) -> Make:
    """A cluster with many of something."""
    return lambda count: written(None, {"clusters": [{**PHX, **{key: make(count) for key, make in own.items()}}]})


def rules(count: int, query: str) -> dict[str, Any]:
    """An object with alerts of a query."""
    group = {"name": "mine", "rules": [{"alert": "A", "expr": query}] * count}
    head = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "mine"}}
    return {**head, "spec": {"groups": [group]}}


CASES: dict[str, Make] = {
    "unsafe": blueprint("serving", "unsafe", each=lambda n: f"name-{n}"),
    "args": blueprint("serving", "args"),
    "the arguments of a flag": blueprint("serving", "args", "middleware", each=lambda n: f"m{n}"),
    "keys of a flag": blueprint("serving", "args", "compilation-config"),
    "variables": lambda count: written({"serving": {"env": {f"VLLM_{number}": "1" for number in range(count)}}}),
    "unknown keys": blueprint("serving"),
    "adapters": blueprint("serving", "adapters", each=lambda n: {"name": f"a{n}", "source": "hf://a/b"}),
    "files": lambda count: written({"serving": {"files": {f"/f/{number}": "x" for number in range(count)}}}),
    "shapes of a blueprint": lambda count: written({"shapes": {f"s{number}": {} for number in range(count)}}),
    "nodes of a blueprint": blueprint("shapes", "a10", "nodes", each=lambda n: f"VM.GPU.A{n}"),
    "namespaces": blueprint("clientNamespaces", each=lambda n: f"n{n}"),
    "values": blueprint("values"),
    "labels in values": blueprint("values", "podLabels"),
    "variables in values": blueprint("values", "extraEnv", each=lambda n: {"name": f"VLLM_{n}", "value": "x"}),
    "volumes in values": blueprint("values", "extraVolumes", each=lambda n: {"name": f"v{n}", "emptyDir": {}}),
    "mounts in values": blueprint("values", "extraVolumeMounts", each=lambda n: {"name": f"v{n}", "mountPath": "/x"}),
    "fields of a pod": blueprint("values", "extraPodSpec"),
    "rules of an object": lambda count: written({"values": {"extraObjects": [rules(count, "(" * 60)]}}),
    "long rules": lambda count: written({"values": {"extraObjects": [rules(count // 20, "a + " * 180 + "a")]}}),
    "secrets": lambda count: written({"serving": {"env": {f"K{n}": f"hf_{'a1B2' * 6}{n}" for n in range(count)}}}),
    "clusters": stack("clusters", each=lambda n: {"name": f"c{n}", "shapes": {"zz": "VM.GPU.A10.2"}}),
    "clusters of one name": stack("clusters", each=lambda _: {"name": "c", "shapes": {"a10": "VM.GPU.A10.2"}}),
    "shapes of a cluster": cluster(shapes=lambda count: {f"a{n}": "VM.GPU.A10.2" for n in range(count)}),
    "nodes of a cluster": cluster(shapes=lambda count: {"a10": [f"VM.GPU.A{n}" for n in range(count)]}),
    "placements": cluster(blueprints=lambda count: {f"b{n}": "a10" for n in range(count)}),
    "nodes of a placement": cluster(
        blueprints=lambda count: {"chat": {"shape": "a10", "nodes": [f"VM.GPU.A{n}" for n in range(count)]}}
    ),
    "mirrors": lambda count: written(None, {"images": {"mirrors": {f"r{n}.io": f"m{n}.io" for n in range(count)}}}),
    "registries": stack("policy", "registries", each=lambda n: f"r{n}.io"),
    "egress": stack("network", "egress", each=lambda n: {"cidr": f"10.{n // 256 % 256}.{n % 256}.0/24", "port": 1}),
    "alerts": stack("alerts", "disabled", each=lambda n: f"A{n}"),
    "thresholds": stack("alerts", "thresholds"),
    "components": stack("platform"),
    "values of a component": stack("platform", "keda", "values"),
    "own files": stack("ownFiles", each=lambda n: f"platform/x{n}.yaml"),
    "images": lock("sha256:" + "0" * 64),
    "bad digests": lock("sha256"),
    "keys of a model": model(),
    "flags of a model": model("flags"),
    "facts of a model": model("attention"),
}


def refusal(files: Files) -> InputError | None:
    try:
        resolve(parse(files))
    except InputError as error:
        return error
    except GpuyardError:
        return None
    return None


def cpu(files: Files) -> float:
    began = time.process_time()
    refusal(files)
    return time.process_time() - began


@pytest.mark.parametrize("name", CASES)
def test_the_time_grows_with_the_input(name: str) -> None:
    """Twice the input takes about twice the time; what is wrong is told within a hundred lines."""
    make = CASES[name]
    refusal(make(10))  # what is read and compiled once
    once, twice = (min(cpu(make(count)) for _ in range(2)) for count in (500, 1000))
    assert twice < 3 * once + 0.2
    if error := refusal(make(3000)):
        assert len(error.problems) <= 100
        assert len(str(error)) < 100_000


@pytest.mark.parametrize(
    "name", ["unsafe", "unknown keys", "nodes of a cluster", "placements", "shapes of a blueprint"]
)
def test_all_are_counted(name: str) -> None:
    error = refusal(CASES[name](1500))
    assert error
    assert (len(error.problems), error.more) == (100, 1400)
    assert str(error).endswith("\n… and 1400 more")


@pytest.mark.parametrize("name", ["nodes of a cluster", "shapes of a cluster", "placements", "unknown keys"])
def test_names_are_compared_only_for_what_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = errors.get_close_matches

    def counting(word: str, *args: Any, **kwargs: Any) -> Any:
        compared.append(word)
        return real(word, *args, **kwargs)

    monkeypatch.setattr(errors, "get_close_matches", counting)
    assert refusal(CASES[name](1500))
    assert 0 < len(compared) <= 100


def test_of_the_keys_of_a_flag_a_hundred_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """At each of the few places where its value is read; it stops being so much as the keys are."""
    compared = []
    monkeypatch.setattr(errors, "get_close_matches", lambda word, *args, **kwargs: compared.append(word) or [])
    assert refusal(CASES["keys of a flag"](1500))
    assert "key99" in compared
    assert len({*compared}) == 100


def test_of_the_shapes_that_are_none_a_hundred_are_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags, variables and what they need unsafe for: a millisecond for each shape."""
    seen = []
    real = options.of_shape
    monkeypatch.setattr(options, "of_shape", lambda *of: seen.append(of[1]) or real(*of))
    assert refusal(CASES["shapes of a blueprint"](1500))
    assert len({*seen}) == 100
    assert len(shapes_known()) < 100


# --- where it is compiled to ----------------------------------------------------------------------------------


def planned(root: Path) -> GpuyardError | None:
    try:
        plan(compile(load(root)), Directory(root))
    except GpuyardError as error:
        return error
    return None


def there(root: Path, count: int) -> None:
    """Files that a forged lock calls generated."""
    lock, files = root / "workloads" / "chat.lock", {}
    for number in range(count):
        name = f"base/chat/z{number}.yaml"
        (root / name).write_text("x: 1\n", encoding="utf-8")
        files[name] = "0" * 64
    data = json.loads(lock.read_text(encoding="utf-8"))
    lock.write_text(json.dumps({**data, "files": {**data["files"], **files}}), encoding="utf-8")


def locks(root: Path, count: int) -> None:
    """Locks of blueprints that nobody has."""
    for number in range(count):
        data = {"format": 3, "blueprint": f"b{number}", "placements": {}, "files": {}}
        (root / "workloads" / f"b{number}.lock").write_text(json.dumps(data), encoding="utf-8")


@pytest.mark.parametrize("make", [there, locks])
def test_the_time_grows_with_the_files_of_a_forged_lock(make: Callable[[Path, int], None], tmp_path: Path) -> None:
    root = tmp_path / "gitops"
    assert run("init", root).exit_code == 0
    assert run("compile", root).exit_code == 0
    took = []
    for count in (500, 1500):
        make(root, count)
        began = time.process_time()
        planned(root)
        took.append(time.process_time() - began)
    assert took[1] < 4.5 * took[0] + 0.2
    if error := planned(root):
        assert str(error).endswith("\n… and 1400 more")


def test_of_many_bad_files_no_more_are_read_than_told(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = b"spec:\n" + b"".join(b"  key%d: 1\n" % number for number in range(60))
    error = refusal({**sources({}), **{f"blueprints/x{number}.yaml": bad for number in range(5000)}})
    assert error
    assert len(error.problems) == 100
    assert error.unread > 4900
    assert f"… {error.unread} files were not checked any more" in str(error)


def test_a_machine_reads_how_many_there_are(tmp_path: Path) -> None:
    for name, data in CASES["unknown keys"](400).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    result = run("check", tmp_path, "--output", "json")
    found = json.loads(result.stdout)
    assert (result.exit_code, len(found["problems"]), found["more"], found["unread"]) == (65, 100, 300, 0)
    assert run("check", tmp_path).stderr.splitlines()[-1] == "… and 300 more"


def test_an_error_keeps_the_first_by_place() -> None:
    found = [Problem(Location("a", number), "x") for number in range(250, 0, -1)]
    error = InputError([*found, *found], more=7)
    assert [problem.location.line for problem in error.problems] == list(range(1, 101))
    assert str(error).endswith("\n… and 157 more")
    assert "more" not in str(InputError(found[:100]))


def test_all_files_have_a_budget_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(userfiles, "MOST_BYTES", 400_000)
    for name, data in sources({}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    for number in range(9):
        (tmp_path / f"blueprints/x{number}.yaml").write_bytes(b"#" * 100_000)
    found, problems = userfiles.read(tmp_path)
    assert sum(map(len, found.values())) <= 400_000
    assert [str(problem.location) for problem in problems] == ["blueprints/x3.yaml"]
    with pytest.raises(InputError, match="MiB together; this one and the rest are not read"):
        resolve(load(tmp_path))
