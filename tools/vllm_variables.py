"""Write generator/gpuyard/catalogue/vllm/variables.yaml from unpacked source distributions of vLLM, one for each minor.

    python tools/vllm_variables.py vllm-0.32.0 vllm-0.33.0

What an environment variable may hold, as vllm/envs.py reads it: a number, or one of some words. Any text may stand in
those that are not listed. tools/vllm_catalogue.py says where the distributions are.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).parents[1] / "generator" / "gpuyard" / "catalogue" / "vllm" / "variables.yaml"
CHOICES = {"env_with_choices": False, "env_list_with_choices": True, "env_set_with_choices": True}
"""Functions that take words, and whether several."""
NUMBERS = {"int": "integer", "maybe_convert_int": "integer", "maybe_convert_bool": "switch", "float": "number"}


def variables(envs: ast.Module) -> Iterator[tuple[str, dict[str, object]]]:
    """Each variable that takes no other text than that."""
    functions = {node.name: node for node in envs.body if isinstance(node, ast.FunctionDef)}
    (table,) = (
        node.value
        for node in envs.body
        if isinstance(node, ast.AnnAssign)
        and getattr(node.target, "id", "") == "environment_variables"
        and isinstance(node.value, ast.Dict)
    )
    for key, value in zip(table.keys, table.values, strict=True):
        name = ast.literal_eval(key) if key else ""
        reader = functions.get(value.id, value) if isinstance(value, ast.Name) else value
        if facts := _choices(value) or _number(reader, name):
            yield name, facts


def _choices(value: ast.expr) -> dict[str, object]:
    if not isinstance(value, ast.Call) or getattr(value.func, "id", "") not in CHOICES:
        return {}
    named = {each.arg: each.value for each in value.keywords}
    words = named.get("choices") or value.args[2]
    sensitive = named.get("case_sensitive") or (value.args[3] if len(value.args) > 3 else None)
    if not isinstance(words, ast.List):
        return {}  # known to a running vLLM alone
    facts: dict[str, object] = {"choices": ast.literal_eval(words)}
    if sensitive is not None and not ast.literal_eval(sensitive):
        facts["anyCase"] = True
    if CHOICES[getattr(value.func, "id", "")]:
        facts["several"] = True
    return facts


def _number(reader: ast.AST, name: str) -> dict[str, object]:
    """By the function that the text goes through first."""
    found = ""
    for call in (node for node in ast.walk(reader) if isinstance(node, ast.Call)):
        function = getattr(call.func, "id", "")
        inside = next((arg for arg in call.args if _reads(arg, name)), None)
        if inside is None:
            continue
        if function in NUMBERS:
            found = "switch" if found == "bool" and NUMBERS[function] == "integer" else NUMBERS[function]
        elif function == "bool":
            found = "bool"
    return {"type": found} if found in {*NUMBERS.values()} else {}


def _reads(node: ast.expr, name: str) -> bool:
    """Whether it is the variable as it is, perhaps in a call that makes a number of it."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in NUMBERS:
        return any(_reads(arg, name) for arg in node.args)
    if isinstance(node, ast.BoolOp):
        return any(_reads(each, name) for each in node.values)
    text = ast.unparse(node)
    return bool(re.fullmatch(rf"os\.(getenv|environ\.get)\('{name}'.*\)|os\.environ\['{name}'\]", text))


def main(sources: list[str]) -> None:
    """Every minor version that is given."""
    releases = {_release(source): source for source in sources}
    written = (
        f"# Written by tools/{Path(__file__).name} from vllm/envs.py of {', '.join(sorted(releases))}. Do not edit."
    )
    lines = [written, "versions:"]
    for release, source in sorted(releases.items()):
        lines.append(f'  "{".".join(release.split(".")[:2])}":')
        envs = ast.parse((Path(source) / "vllm" / "envs.py").read_text("utf-8"))
        lines += [f"    {name}: {json.dumps(facts)}" for name, facts in sorted(variables(envs))]
    TARGET.write_text("\n".join(lines) + "\n", "utf-8")


def _release(source: str) -> str:
    (version,) = re.findall(r"^Version: ([0-9.]+)", (Path(source) / "PKG-INFO").read_text("utf-8"), re.MULTILINE)
    return str(version)


if __name__ == "__main__":
    main(sys.argv[1:])
