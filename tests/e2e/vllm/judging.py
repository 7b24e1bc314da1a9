"""The judge's side in the tests: blueprints to command lines as gpuyard renders them, and vLLM's verdict on each."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.helm import Embedded
from gpuyard.doors.quantities import GIB
from gpuyard.project.load import parse
from gpuyard.render.kustomize import objects
from gpuyard.resolve import resolve
from gpuyard.resolve.inference.flags import written
from tests.e2e.vllm import install, model
from tests.projects import Values, merged, sources

__all__ = ["FAMILIES", "Line", "Verdict", "judged", "line", "refused_line"]

FAMILIES: Final[Mapping[str, Any]] = yaml.safe_load(Path(__file__).with_name("families.yaml").read_text("utf-8"))
GPUS: Final[Mapping[str, Mapping[str, Any]]] = {
    "a10": {"capability": [8, 6], "name": "NVIDIA A10", "bytes": 22 * GIB},
    "a100": {"capability": [8, 0], "name": "NVIDIA A100-SXM4-80GB", "bytes": 80 * GIB},
    "h100": {"capability": [9, 0], "name": "NVIDIA H100 80GB HBM3", "bytes": 80 * GIB},
}
STACK: Final[Values] = {
    "clusters": [
        {
            "name": "phx",
            "region": "us-phoenix-1",
            "shapes": {"a10": ["VM.GPU.A10.1", "BM.GPU.A10.4"], "a100": "BM.GPU.A100-v2.8", "h100": "BM.GPU.H100.8"},
        }
    ]
}
_SOURCE: Final = "hf://acme/model@" + "1" * 40
_PLACES: Final = ("USER", "HOME", "HF_HOME")
_PLACE: Final = re.compile(r"/(?:cache|models)/([\w.-]+)")
_JUDGE: Final = Path(__file__).with_name("judge.py")


@dataclass(frozen=True)
class Line:
    """What a container would be started with, on which GPUs, for which of the families."""

    args: tuple[str, ...]
    env: Mapping[str, str]
    family: str
    shape: str
    gpus: int


@dataclass(frozen=True)
class Verdict:
    """Of vLLM; `refused` is its message, None: it starts."""

    refused: str | None
    seconds: float


def line(spec: Values, shape: str) -> Line:
    """As gpuyard renders it; InputError where it refuses."""
    whole = resolve(parse(sources(_on(spec, shape), STACK)))
    (found,) = whole.workloads
    (deployment,) = (each for each in objects(whole, found, _helm()) if each["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    _, *args = (each.replace("$$", "$") for each in container["args"])
    env = {each["name"]: each["value"] for each in container["env"] if "value" in each and each["name"] not in _PLACES}
    return Line(tuple(args), env, _family(spec), shape, found.gpus)


def refused_line(spec: Values, shape: str, base: Values, means: Mapping[str, Any]) -> Line:
    """As gpuyard would render it if it did not refuse.

    Its own flags come from a `base` that it takes (what differs from the case without args and env), then the author's,
    and those that other keys of the author's stand for (`means`).
    """
    serving, own = spec.get("serving", {}), (spec.get("shapes") or {}).get(shape) or {}
    plain = merged(spec, {"serving": dict.fromkeys(("args", "env", "unsafe"))})
    if own:
        plain = merged(plain, {"shapes": {shape: dict.fromkeys(("args", "env"))}})
    computed = line(merged(plain, base), shape)
    given = {**serving.get("args", {}), **own.get("args", {}), **means}
    names = {name.removeprefix("no-") for name in given}
    left = [each for each in computed.args if _name(each) not in names]
    added = [each.replace("$$", "$") for each in written(given, install.VERSION)]
    env = {**computed.env, **serving.get("env", {}), **own.get("env", {})}
    return Line((*left, *added), env, _family(spec), shape, given.get("tensor-parallel-size", computed.gpus))


def judged(lines: Sequence[Line], root: Path) -> list[Verdict]:
    """The verdict on each, by one process; folders of models and what vLLM writes go below `root`."""
    families = {each.family for each in lines} | {name for each in lines for name in _named(each)}
    folders = {name: _folder(root / "models" / name, FAMILIES[name]) for name in sorted(families)}
    cases = [
        {
            "args": [str(folders[each.family]), *(_moved(argument, folders) for argument in each.args)],
            "env": each.env,
            "gpu": {**GPUS[each.shape], "count": each.gpus},
            "log": str(root / f"case-{number}.log"),
        }
        for number, each in enumerate(lines)
    ]
    architectures = {name for family in families for name in FAMILIES[family]["config"]["architectures"]}
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(root), "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [str(install.environment() / "bin/python"), str(_JUDGE)],
        input=json.dumps({"families": sorted(architectures), "cases": cases}),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    said = [json.loads(each[8:]) for each in done.stdout.splitlines() if each.startswith("verdict ")]
    assert len(said) == len(cases), done.stderr[-3000:]
    return [Verdict(each["refused"], each["seconds"]) for each in sorted(said, key=lambda each: int(each["number"]))]


def _on(spec: Values, shape: str) -> Values:
    """On one shape, so that what doesn't work there is a problem."""
    shapes = spec.get("shapes") or {}
    model = {"name": None, "source": _SOURCE, **spec["model"]} if "architecture" in spec["model"] else spec["model"]
    return {**spec, "model": model, "shapes": {shape: shapes.get(shape) or {}}}


def _family(spec: Values) -> str:
    return str(spec["model"].get("name") or spec["model"]["architecture"]["name"])


def _name(argument: str) -> str:
    return argument.removeprefix("--").partition("=")[0].removeprefix("no-")


def _named(each: Line) -> list[str]:
    """Other models that flags name by their place on a volume."""
    return [name for argument in each.args for name in _PLACE.findall(argument) if name in FAMILIES]


def _moved(argument: str, folders: Mapping[str, Path]) -> str:
    return _PLACE.sub(lambda found: str(folders.get(found[1], found[0])), argument)


def _folder(folder: Path, family: Values) -> Path:
    """The folder of a model without its weights."""
    if not folder.exists():
        model.tokenizer(folder, "<s>", "</s>")
        for name, content in {"config.json": family["config"], **family.get("files", {})}.items():
            (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


@cache
def _helm() -> Embedded:
    return Embedded(shipped_charts())
