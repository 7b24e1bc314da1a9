"""What a hostile pull request makes of files: strategies for Hypothesis, and the changes that they draw.

A change keeps the structure of a real file: it says what happens, at which of its places, and with which value.
"""

import copy
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.chart.payloads import HOSTILE
from tests.fuzzing import ODD
from tests.test_said import HOSTILE as PRINTED

__all__ = ["BYTES", "CANARY", "DATA", "Change", "changed", "file_names", "planted", "rewritten", "written"]

CANARY = "Zq7Xw3Kp9Rt5Lm2Nv8Bc4Df6Gh1Js0TyUa"
"""Of every secret that is planted; no output may hold even its beginning."""
SECRETS = (
    *(f"{prefix}{CANARY}" for prefix in ("hf_", "ghp_", "glpat-", "sk-", "Bearer ")),
    *(f"{scheme}://bob:{CANARY}@git.example.com/x" for scheme in ("https", "postgres", "ssh")),
    *(f"git:{CANARY}@git.example.com:x", f"https://git.example.com/x?private_token={CANARY}", f"TOKEN={CANARY}"),
)
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([*ODD, *HOSTILE, *PRINTED.values()]),
    st.sampled_from(SECRETS),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    ),
)


@dataclass(frozen=True, slots=True)
class Change:
    """One of `DATA` or of `BYTES`, at one of the places that there are."""

    how: str
    where: int
    value: Any


_MOST = 2_000_000
"""Characters, beyond which nothing is made larger: many of many is no file that anybody could commit."""
_GROWING = ("add", "borrow", "long", "many", "many keys")

# --- of data -------------------------------------------------------------------------------------------------

Step = tuple[Any, Any]
"""What holds a value, and its key or number in there."""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _replace(holder: Any, key: Any, value: Any, other: Step) -> None:
    holder[key] = value


def _delete(holder: Any, key: Any, value: Any, other: Step) -> None:
    del holder[key]


def _rename(holder: Any, key: Any, value: Any, other: Step) -> None:
    """The same order, as far as a key of that name isn't there."""
    if isinstance(holder, dict):
        items = [(_text(value) if name == key else name, each) for name, each in holder.items()]
        holder.clear()
        holder.update(items)


def _add(holder: Any, key: Any, value: Any, other: Step) -> None:
    if isinstance(holder, dict):
        holder[_text(value)] = other[0][other[1]]
    else:
        holder.insert(key, value)


def _many(holder: Any, key: Any, value: Any, other: Step) -> None:
    holder[key] = [copy.deepcopy(holder[key]) for _ in range(min(700, max(2, _MOST // _size(holder[key]))))]


def _many_keys(holder: Any, key: Any, value: Any, other: Step) -> None:
    holder[key] = {f"k{number}": value for number in range(700)}


def _deep(holder: Any, key: Any, value: Any, other: Step) -> None:
    found = holder[key]
    for number in range(40):
        found = [found] if number % 2 else {_text(value)[:9]: found}
    holder[key] = found


def _very_deep(holder: Any, key: Any, value: Any, other: Step) -> None:
    for _ in range(90):  # PyYAML, which writes it, takes ten frames for each of them
        holder[key] = [holder[key]]


def _borrow(holder: Any, key: Any, value: Any, other: Step) -> None:
    holder[key] = copy.deepcopy(other[0][other[1]])


def _long(holder: Any, key: Any, value: Any, other: Step) -> None:
    holder[key] = (_text(value) or "x") * 500


DATA: Mapping[str, Callable[[Any, Any, Any, Step], None]] = {
    "replace": _replace,
    "delete": _delete,
    "rename": _rename,
    "add": _add,
    "many": _many,
    "many keys": _many_keys,
    "deep": _deep,
    "very deep": _very_deep,
    "borrow": _borrow,
    "long": _long,
}


def changed(value: Any, changes: Sequence[Change]) -> Any:
    """A copy of what a file says, after some changes."""
    root = {"": copy.deepcopy(value)}
    for change in changes:
        places = list(_places(root))
        here, there = places[change.where % len(places)], places[change.where // 7 % len(places)]
        if change.how in ("delete", "rename") and here[0] is root:
            continue
        if change.how in _GROWING and _size(root) > _MOST:
            continue
        DATA[change.how](*here, copy.deepcopy(change.value), (copy.deepcopy(there[0]), there[1]))
    return root[""]


def _size(value: Any) -> int:
    return len(json.dumps(value, default=str))


def _places(value: Any) -> Iterator[Step]:
    steps = list(value.items() if isinstance(value, dict) else enumerate(value))
    for key, item in steps[:60]:  # what was made large by a change before isn't all worth a place
        yield value, key
        if isinstance(item, dict | list):
            yield from _places(item)


def written(value: Any) -> bytes:
    """As a file of YAML; where an object stands twice, with anchors."""
    try:
        text = yaml.dump(value, Dumper=yaml.CSafeDumper, allow_unicode=True, encoding=None)
    except UnicodeEncodeError:  # halves of pairs, which only the slow one writes
        text = yaml.safe_dump(value, allow_unicode=True)
    return text.encode("utf-8", "replace")


# --- of bytes ------------------------------------------------------------------------------------------------

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
)
PIECES = (
    *("&a ", "*a", "<<: *a\n", "!!python/object/apply:os.system [id]\n", "!x ", "---\n", "...\n", "%YAML 1.2\n", "\t"),
    *(
        "\r\n",
        "\r",
        "\0",
        "\ufeff",
        "\u2028",
        "\x1b[2J",
        "\u202e",
        "'",
        '"',
        "{",
        "}",
        "[" * 3000,
        "]",
        "- ",
        "? ",
        ": ",
    ),
    *("# ", "|\n", ">-\n", "\n" * 300, " " * 4000, BOMB, "\n::error::x\n", "<<<<<<< HEAD\n=======\n>>>>>>> x\n"),
)


def _text_bytes(value: Any) -> bytes:
    return _text(value).encode("utf-8", "surrogatepass")


BYTES: Mapping[str, Callable[[bytes, int, Any], bytes]] = {
    "insert": lambda data, at, value: data[:at] + _text_bytes(value) + data[at:],
    "piece": lambda data, at, value: data[:at] + PIECES[at % len(PIECES)].encode() + data[at:],
    "line": lambda data, at, value: _lines(data, at, lambda line: line + PIECES[at // 3 % len(PIECES)].encode()),
    "cut": lambda data, at, value: data[:at] + data[at + 9 :],
    "end": lambda data, at, value: data[:at],
    "double": lambda data, at, value: _lines(data, at, lambda line: line * 2),
    "without": lambda data, at, value: _lines(data, at, lambda line: b""),
    "many lines": lambda data, at, value: _lines(data, at, lambda line: line * min(400, 1 + _MOST // len(line))),
    "indent": lambda data, at, value: _lines(data, at, lambda line: b"  " + line),
    "other": lambda data, at, value: data[:at] + bytes([at % 256]) + data[at + 1 :],
    "crlf": lambda data, at, value: data.replace(b"\n", b"\r\n"),
    "utf-16": lambda data, at, value: data.decode("utf-8", "replace").encode("utf-16"),
    "text": lambda data, at, value: _text_bytes(value),
    "json": lambda data, at, value: json.dumps(value, default=str).encode(),
    "yaml": lambda data, at, value: written(value),
}


def _lines(data: bytes, at: int, change: Callable[[bytes], bytes]) -> bytes:
    lines = data.splitlines(keepends=True) or [b"\n"]
    number = at % len(lines)
    return b"".join([*lines[:number], change(lines[number]), *lines[number + 1 :]])


def rewritten(data: bytes, changes: Sequence[Change]) -> bytes:
    """The bytes of a file after some changes."""
    for change in changes:
        data = BYTES[change.how](data, change.where % (len(data) + 1), change.value)
    return data


def of(table: Mapping[str, Any], most: int = 3) -> st.SearchStrategy[list[Change]]:
    """Some changes of a table."""
    each = st.builds(Change, st.sampled_from(sorted(table)), st.integers(0, 9999), VALUES)
    return st.lists(each, min_size=1, max_size=most)


# --- of names ------------------------------------------------------------------------------------------------

NAMES = (
    *("a\nb", "a\n::error::x", "\x1b[31m", "\x1b]0;P\x07"),
    *("\u202e", "-x", "--help", ".", ".x", "..x", "~", "x~", "#x#"),
    *("a b", "a\\b", "'", '"', "`id`", "$(id)", "{{ x }}", "%s", "*", "?", ":", "CON", "aux.txt", "x.", " ", "\udcff"),
    *("e\u0301", "\u00e9", "ﬀ", "x" * 240, "é" * 120, ".git"),
    *(".GIT", "git~1", ".gitattributes", ".gitmodules", ".sourceignore"),
    *(".helmignore", "kustomization.yaml", "Kustomization"),
    *("Chart.yaml", ".gpuyard-x", ".gpuyard.lock", "[x](y)", "a|b"),
    *(f"hf_{CANARY}", f"bob:{CANARY}@host", "chat", "chat.yaml"),
    *("Chat.yaml", "x.yml", "x.YAML", "x.json", "x.lock", "x.md"),
)
KINDS = ("file", "empty", "link out", "link in", "loop", "folder", "pipe", "root", "device")


def file_names() -> st.SearchStrategy[str]:
    """As a file system has them: no slash and no NUL in it, and any bytes."""
    letters = st.characters(exclude_characters="/\0", exclude_categories=("Cs",))
    drawn = st.sampled_from(NAMES) | st.text(letters, min_size=1, max_size=20)
    return st.builds(str.__add__, drawn, st.sampled_from(("", ".yaml", ".lock"))).filter(_is_name)


def _is_name(name: str) -> bool:
    return name not in (".", "..") and len(os.fsencode(name)) < 256


def planted(where: Path, kind: str, machine: Path, data: bytes) -> None:
    """Something of a kind where nothing is; the machine is what it could lead to."""
    where.parent.mkdir(parents=True, exist_ok=True)
    targets = {
        "link out": machine / "secret",
        "link in": where.parent,
        "loop": where,
        "root": "/",
        "device": "/dev/zero",
    }
    if kind in targets:
        where.symlink_to(targets[kind])
    elif kind == "folder":
        (where / "x.yaml").parent.mkdir()
        (where / "x.yaml").write_bytes(data)
    elif kind == "pipe":
        os.mkfifo(where)
    else:
        where.write_bytes(b"" if kind == "empty" else data)
