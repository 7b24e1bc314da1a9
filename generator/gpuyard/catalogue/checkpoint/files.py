"""The files of a model: a folder, or only a config.json. Tensors are known by their headers; no weight is read."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gpuyard.catalogue.checkpoint.vocabulary import names
from gpuyard.errors import InputError, Location, MissingError, Problem

__all__ = ["Checkpoint", "Tensor", "open_checkpoint"]

_CONFIG = "config.json"
_INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_SENTENCES = "modules.json"
_MODELOPT = "hf_quant_config.json"
_MOST_JSON = 64 << 20
_MOST_HEADER = 100_000_000
"""Bytes; the format allows no longer one."""


class Tensor(NamedTuple):
    """One tensor, as a header describes it."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the files of a model say."""

    file: str
    """Of the config."""
    text: str
    config: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Of the index."""
    tensors: tuple[Tensor, ...] = ()
    """Of all safetensors files; none where one of them is missing."""
    quantization: Mapping[str, Any] = field(default_factory=dict)
    """From a file of its own, as ModelOpt writes it."""
    sentences: bool = False
    """Made with Sentence Transformers: for embeddings."""


def open_checkpoint(path: Path) -> Checkpoint:
    """The files in a folder, or only the config.json; InputError or MissingError where they aren't a model's."""
    if not path.exists():
        raise MissingError(f"{path}: no such file or folder; give a model's folder, or its {_CONFIG}")
    if not path.is_dir():
        return _alone(path)
    config = path / _CONFIG
    if not config.is_file():
        raise MissingError(_without(path))
    text, data = _json(config)
    _check(config, data)
    index = next((path / name for name in _INDICES if (path / name).is_file()), None)
    listed = _mapping(index) if index else {}
    metadata = listed.get("metadata") if isinstance(listed.get("metadata"), dict) else {}
    modelopt = _mapping(path / _MODELOPT) if (path / _MODELOPT).is_file() else {}
    return Checkpoint(
        str(config), text, data, metadata or {}, tuple(_tensors(path, listed)), modelopt, (path / _SENTENCES).is_file()
    )


def _alone(path: Path) -> Checkpoint:
    if path.suffix in (".safetensors", ".gguf", ".bin"):
        raise _wrong(path, f"holds weights; give the folder that it is in, with its {_CONFIG}")
    if what := names()["others"].get(path.name):
        raise _wrong(path, f"is {what}; give the {_CONFIG} of the model, or its folder")
    text, data = _json(path)
    _check(path, data)
    return Checkpoint(str(path), text, data)


def _without(folder: Path) -> str:
    found = {each.name for each in folder.iterdir()}
    if any(name.endswith(".gguf") for name in found):
        return f"{folder}: holds GGUF files, which vLLM does not load; take the model's repository with safetensors"
    others = [f"{name} is {names()['others'][name]}" for name in sorted(found & set(names()["others"]))]
    return "; ".join([f"{folder}: has no {_CONFIG}", *others])


def _wrong(path: Path, message: str, line: int = 0, column: int = 0) -> InputError:
    return InputError([Problem(Location(str(path), line, column), message)])


def _json(path: Path) -> tuple[str, Any]:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_JSON + 1)
        if len(content) > _MOST_JSON:
            raise _wrong(path, f"is larger than {_MOST_JSON >> 20} MiB, and no {_CONFIG}")
        text = content.decode()
        return text, json.loads(text)
    except json.JSONDecodeError as error:
        raise _wrong(path, f"is not JSON: {error.msg}", error.lineno, error.colno) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise _wrong(path, "is not JSON text in UTF-8") from error
    except ValueError as error:  # a number of thousands of digits
        raise _wrong(path, f"is not JSON: {error}") from error
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}") from error


def _check(path: Path, data: Any) -> None:
    """Another file of a repository, called config.json or not."""
    if not isinstance(data, dict):
        raise _wrong(path, f"holds no mapping of keys; give the {_CONFIG} of a model")
    if "peft_type" in data:
        raise _wrong(path, f"is {names()['others']['adapter_config.json']}; give the {_CONFIG} of that model")
    if "architectures" not in data and "model_type" not in data:
        raise _wrong(path, f"has neither architectures nor model_type, and is no {_CONFIG} of a Hugging Face model")


def _mapping(path: Path) -> Mapping[str, Any]:
    _, data = _json(path)
    if not isinstance(data, dict):
        raise _wrong(path, "holds no mapping of keys")
    return data


def _tensors(folder: Path, index: Mapping[str, Any]) -> Iterator[Tensor]:
    """Of the files that the index names, or else of all; Mistral's repositories have the same weights twice."""
    listed = index.get("weight_map")
    if isinstance(listed, dict):
        wanted = sorted({str(name) for name in listed.values() if str(name).endswith(".safetensors")})
        files = [folder / name for name in wanted if "/" not in name]
    else:
        every = sorted(folder.glob("*.safetensors"))
        files = [each for each in every if not each.name.startswith("consolidated")] or every
    if all(file.is_file() for file in files):
        for file in files:
            yield from _header(file)


def _header(file: Path) -> Iterator[Tensor]:
    """The first eight bytes are the length of the JSON that follows."""
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= _MOST_HEADER:
                raise _wrong(file, "is no safetensors file: no header; a Git LFS pointer has to be pulled first")
            header = json.loads(stream.read(length))
    except OSError as error:
        raise _wrong(file, f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _wrong(file, "is no safetensors file: its header is not JSON") from error
    for name, each in header.items() if isinstance(header, dict) else ():
        if name != "__metadata__":
            try:
                start, end = each["data_offsets"]
                yield Tensor(name, str(each["dtype"]), tuple(map(int, each["shape"])), int(end) - int(start))
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                raise _wrong(file, f"is no safetensors file: its header has no place for {name[:80]}") from error
