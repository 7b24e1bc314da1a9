"""Names that vLLM's own modules register for a flag: parsers, formats, ways to quantise, connectors."""

import ast
from pathlib import Path

from tools.vllm_source import Facts, Source

__all__ = ["name_registered"]

Table = dict[str, Facts]
REGISTERED = {
    "load-format": ("LoadFormats", "", True),
    "quantization": ("QuantizationMethods", "", True),
    "reasoning-parser": ("_REASONING_PARSERS_TO_REGISTER", "reasoning-parser-plugin", False),
    "tokenizer-mode": ("_VLLM_TOKENIZERS", "", True),
    "config-format": ("ConfigFormat", "", False),
    "tool-call-parser": ("_TOOL_PARSERS_TO_REGISTER", "tool-parser-plugin", False),
}
"""Flags that take names which vLLM's own modules register: where, the flag whose file may add some, and any case."""
KEYS = {
    "load-format": [("LoadConfig", "load_format")],
    "quantization": [("SpeculativeConfig", "quantization")],
    "reasoning-parser": [("StructuredOutputsConfig", "reasoning_parser"), ("ReasoningConfig", "reasoning_parser")],
}
"""Keys of objects that take the same names as a flag."""


def name_registered(source: Source, known: Table, objects: dict[str, Table]) -> None:
    """Put in what modules of vLLM register, and where others may: `open` is the flag or the key that brings more."""
    for name, (registry, plugin, any_case) in REGISTERED.items():
        names = source.registered(registry)
        keys = [objects.get(cls, {}).get(key, {}) for cls, key in KEYS.get(name, ())]
        for facts in (known.get(name, {}), *keys) if names else ():
            automatic = ["auto"] if facts.get("default") == "auto" else []
            if facts:
                facts |= {"choices": sorted({*automatic, *names}), "open": plugin}
                facts |= {"case": True} if any_case else {}
    if connector := objects.get("KVTransferConfig", {}).get("kv_connector"):
        names = connectors(source.root)
        connector |= {"choices": names, "open": "kv_connector_module_path"} if names else {}


def connectors(root: Path) -> list[str]:
    """What may move KV cache."""
    file = root / "vllm/distributed/kv_transfer/kv_connector/factory.py"
    calls = ast.walk(ast.parse(file.read_text("utf-8"))) if file.exists() else ()
    named = [
        call.args[0] for call in calls if isinstance(call, ast.Call) and "register_connector" in ast.dump(call.func)
    ]
    return sorted(str(name.value) for name in named if isinstance(name, ast.Constant))
