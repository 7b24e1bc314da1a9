"""Write generator/gpuyard/catalogue/vllm/removed.yaml: every flag, variable and metric that vLLM no longer has.

    python -m tools.vllm_history vllm-0.6.0 vllm-0.7.0 … vllm-0.33.0

The arguments are unpacked source distributions, in any order (see vllm_catalogue.py for where they come from). A name
went with the first of these releases that lacks it; where minor versions between weren't read, it may have gone before.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.vllm_metrics import environment, metrics

TARGET = Path(__file__).parents[1] / "generator" / "gpuyard" / "catalogue" / "vllm" / "removed.yaml"
FRONTENDS = ("common/cli_args.py", "launchers/cli_args.py", "openai/cli_args.py")
Release = tuple[int, ...]
Names = Mapping[str, frozenset[str]]


def names(root: Path) -> Names:
    """What one release has, by kind."""
    return {
        "flags": frozenset(flags(root)),
        "environment": frozenset(environment(root)),
        "metrics": frozenset(metrics(root)),
    }


def flags(root: Path) -> Iterator[str]:
    """Long flags that are declared by themselves, or as a field of the server's own arguments."""
    files = [root / "vllm/engine/arg_utils.py", *(root / "vllm/entrypoints" / name for name in FRONTENDS)]
    for file in (each for each in files if each.exists()):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
                spelled = [str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)]
                yield from (name[2:].replace("_", "-") for name in spelled if name.startswith("--"))
            elif isinstance(node, ast.ClassDef) and node.name in {"BaseFrontendArgs", "FrontendArgs"}:
                fields = [item.target for item in node.body if isinstance(item, ast.AnnAssign)]
                yield from (field.id.replace("_", "-") for field in fields if isinstance(field, ast.Name))


def removed(releases: Mapping[Release, Names]) -> dict[str, dict[str, tuple[Release, bool]]]:
    """When each name went that the newest release lacks, or an older one than the newest; and whether maybe before."""
    found: dict[str, dict[str, tuple[Release, bool]]] = {"flags": {}, "environment": {}, "metrics": {}}
    ordered = sorted(releases)
    for kind, gone in found.items():
        for name in sorted({name for each in releases.values() for name in each[kind]}):
            last = max(release for release in ordered if name in releases[release][kind])
            after = [release for release in ordered if release > last]
            if after:
                gone[name] = (after[0], after[0][1] - last[1] > 1)
    return found


def document(releases: Mapping[Release, Names]) -> str:
    """The file."""
    read = ", ".join(".".join(map(str, release)) for release in sorted(releases))
    lines = [f"# Written by tools/vllm_history.py from source distributions of PyPI. Do not edit.\n# Read: {read}"]
    for kind, gone in removed(releases).items():
        lines.append(f"{kind}:")
        for name, (release, before) in gone.items():
            more = ", before: true" if before else ""
            lines.append(f'  {name}: {{version: "{release[0]}.{release[1]}"{more}}}')
    return "\n".join(lines) + "\n"


def main(roots: Sequence[Path]) -> None:
    """Write the file from unpacked sources."""
    releases: dict[Release, Names] = {}
    for root in roots:
        match = re.search(r"^Version: (\d+)\.(\d+)\.(\d+)", (root / "PKG-INFO").read_text("utf-8"), re.MULTILINE)
        if match is None:
            raise SystemExit(f"{root / 'PKG-INFO'} states no version")
        releases[tuple(map(int, match.groups()))] = names(root)
    TARGET.write_text(document(releases), "utf-8")
    sys.stderr.write(f"wrote {TARGET}\n")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(f"usage: {sys.argv[0]} vllm-<version>/ vllm-<version>/ …")
    main([Path(argument) for argument in sys.argv[1:]])
