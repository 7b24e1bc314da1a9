"""Write generator/gpuyard/catalogue/vllm/architectures/<minor>.yaml from an unpacked source distribution of vLLM.

    tar xf vllm-0.33.0.tar.gz && python tools/vllm_architectures.py vllm-0.33.0

Nothing of vLLM is imported or run: the tables of vllm/model_executor/models/registry.py are read from the syntax tree.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

TARGET = Path(__file__).parents[1] / "generator" / "gpuyard" / "catalogue" / "vllm" / "architectures"
REGISTRY = Path("vllm") / "model_executor" / "models" / "registry.py"
GENERATE = ("_TEXT_GENERATION_MODELS", "_MULTIMODAL_MODELS", "_TRANSFORMERS_SUPPORTED_MODELS")
EMBED = ("_EMBEDDING_MODELS", "_LATE_INTERACTION_MODELS")
SCORE = ("_SEQUENCE_CLASSIFICATION_MODELS",)
CLASSIFY = ("_REWARD_MODELS", "_TOKEN_CLASSIFICATION_MODELS")
REMOVED, PLUGINS = "_PREVIOUSLY_SUPPORTED_MODELS", "_OOT_SUPPORTED_MODELS"


def tables(source: str) -> Mapping[str, dict[str, str]]:
    """Every table of architectures by its name: its keys, and what stands behind each where that is a text."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(source).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and isinstance(getattr(node, "value", None), ast.Dict):
            found[target.id] = dict(_entries(node.value))  # type: ignore[attr-defined]  # has one, as the line above asks
    return found


def _entries(table: ast.Dict) -> Iterator[tuple[str, str]]:
    for key, value in zip(table.keys, table.values, strict=True):
        if isinstance(key, ast.Constant):
            yield str(key.value), str(value.value) if isinstance(value, ast.Constant) else ""


def page(release: str, found: Mapping[str, dict[str, str]]) -> str:
    """The data file; every name is in one list, the first that has it."""
    lists, served = {}, set[str]()
    for task, names in (("generate", GENERATE), ("embed", EMBED), ("score", SCORE), ("classify", CLASSIFY)):
        lists[task] = {name for table in names for name in found[table]} - served
        served |= lists[task]
    lines = [
        f"# Written by tools/vllm_architectures.py from vllm-{release}.tar.gz of PyPI. Do not edit.",
        f'release: "{release}"',
        *(line for task, names in lists.items() for line in _list(task, names)),
        *_mapping("removed", found[REMOVED], served),
        *_mapping("plugins", found[PLUGINS], served),
    ]
    return "\n".join([*lines, ""])


def _list(key: str, names: set[str]) -> list[str]:
    return [f"{key}:", *(f"  - {name}" for name in sorted(names))]


def _mapping(key: str, table: Mapping[str, str], served: set[str]) -> list[str]:
    rows = [f'  {name}: "{value}"' for name, value in sorted(table.items()) if name not in served]
    return [f"{key}:", *rows] if rows else [f"{key}: {{}}"]


def main(root: Path) -> None:
    """Write the file of a minor version."""
    release = root.resolve().name.removeprefix("vllm-")
    TARGET.mkdir(exist_ok=True)
    file = TARGET / f"{release.rpartition('.')[0]}.yaml"
    file.write_text(page(release, tables((root / REGISTRY).read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
