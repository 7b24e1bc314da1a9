"""Hostile texts at every place where stack.yaml and blueprints take one: refused with a place, or passed on verbatim.

Which places there are follows from the schemas, so that a new key is tested as soon as it is there. A payload goes
to all places at once; a place that refuses it only in that company gets it once more by itself, without the others.
"""

import copy
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache, partial
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from ruamel.yaml import YAML, YAMLError

from gpuyard.catalogue import datafiles
from gpuyard.cli.main import cli
from gpuyard.doors import yamlio
from gpuyard.doors.schema.breaches import StrictValidator
from gpuyard.errors import InputError
from gpuyard.project.formats import schema
from gpuyard.project.load import parse
from gpuyard.render.markdown import prose
from gpuyard.resolve import resolve
from gpuyard.tree import Tree
from tests.chart.payloads import HOSTILE
from tests.conftest import ROOT, demo_sources, write_tree
from tests.scan.leaves import Leaf, Path, fill, get, put
from tests.scan.project import (
    FILES,
    LEAVES,
    VARIANTS,
    alone,
    base,
    data,
    holder,
    made,
    maximal,
    readable,
    replaced,
    resolved_from,
)

PAYLOADS = [
    *HOSTILE,
    *("${{ github.token }}", "{% raw %}", "{{ 7 * 7 }}", "{{ cycler.__init__.__globals__ }}", "{# x", "$(id)", "`id`"),
    *("\u202etxt.exe", "x\u200by", "x\u00a0y", "x\u0301", "\x7f", "../x", "/etc/passwd", "..", ".", "-", "--x"),
    *("x | y", "<script>alert(1)</script>", "[x](javascript:x)", "**x**", "12:30", "1.0", "0", "NaN", "on", "Y", "x,y"),
]
Contents = Mapping[str, dict[str, Any]]


# --- the places ------------------------------------------------------------------------------------------------


def test_every_place_takes_something() -> None:
    """Else nothing hostile can be told from it; leaves.SEEDS and project.VARIANTS say what may stand where."""
    # test_argocd.py has the first of these, test_release_signed.py the other, which exclude a key.
    elsewhere = (("spec", "argocd"), ("spec", "repository", "oci", "verify"))
    assert [str(leaf) for leaf in alone() if not any(leaf.path[: len(each)] == each for each in elsewhere)] == []
    assert len(LEAVES) >= 83
    assert sum(len(maximal(variant).tokens) for variant in VARIANTS) >= 34


# --- values ----------------------------------------------------------------------------------------------------


@pytest.mark.attack("A1 template injection")
@pytest.mark.parametrize("number", range(len(PAYLOADS)))
@pytest.mark.parametrize("variant", VARIANTS)
def test_at_all_places_at_once(variant: str, number: int) -> None:
    payload, tokens = PAYLOADS[number], maximal(variant).tokens
    left = [leaf for leaf in maximal(variant).leaves if not (payload.endswith("\n") and "architecture" in leaf.path)]
    taken = [leaf for leaf in left if _takes(leaf, payload)]
    late = [leaf for leaf in taken if leaf not in tokens or _apart(leaf)]
    left = [leaf for leaf in left if leaf not in late]
    while left:
        files = data(_with(variant, left, payload))
        try:
            project = parse(files)
            if project.problems:
                raise InputError(project.problems)
        except InputError as error:
            check_problems(error)
            refused = _named(files, left, error)
            if refused is None:
                return  # a file can't even be read
            left = [leaf for leaf in left if leaf not in refused]
            continue
        try:
            same(variant, made(resolve(project)), {tokens[leaf]: payload for leaf in left}, exact=True)
            break
        except InputError as error:
            check_problems(error)
            refused = _named(files, left, error)
            assert refused, f"cannot be read: {error}"
            late += [leaf for leaf in refused if leaf in taken]
            left = [leaf for leaf in left if leaf not in refused]
    by_themselves(variant, late, payload)


@pytest.mark.parametrize("leaf", [leaf for leaf in LEAVES if leaf.is_key], ids=str)
def test_as_a_key(leaf: Leaf) -> None:
    """Keys of open mappings: what the schema of the mapping refuses many at once, the rest one by one."""
    refused = [payload for payload in PAYLOADS if not _takes(leaf, payload) and _is_yaml(payload)]
    above = leaf.path[:-1]
    for part in (refused[::2], refused[1::2]):  # of one file, no more than a hundred problems are said
        contents = copy.deepcopy(dict(maximal(holder(leaf)).contents))
        get(contents[leaf.kind], above).update(dict.fromkeys(part, get(contents[leaf.kind], leaf.path)))
        files = data(contents)
        with pytest.raises(InputError) as error:
            resolve(parse(files))
        check_problems(error.value)
        document = _document(files[FILES[leaf.kind]], FILES[leaf.kind])
        named = {problem.location for problem in error.value.problems}
        assert [payload for payload in part if document.at((*above, payload), key=True) not in named] == []
    for payload in PAYLOADS:
        if payload not in refused:
            by_itself(leaf, payload)


def _is_yaml(text: str) -> bool:
    try:
        return bool(yamlio.read(yamlio.dump({text: 0}).encode(), "x.yaml"))
    except InputError:
        return False


def _differs(text: str) -> bool:
    """Whether YAML of either age reads something else than this text where it stands without quotes."""
    for read in (partial(yaml.load, Loader=yaml.CSafeLoader), YAML(typ="safe", pure=True).load):
        try:
            if read(f"key: {text}\n") != {"key": text}:
                return True
        except (yaml.YAMLError, YAMLError, ValueError):
            return True
    return False


@pytest.mark.parametrize("text", [text for text in PAYLOADS if "\n" not in text and _differs(text)], ids=ascii)
def test_without_quotes(text: str) -> None:
    """As YAML, not as text: whatever it means, it makes no key and no tag. What means itself is tested above."""
    for leaf in (
        leaf for leaf in maximal().tokens if leaf.path[-1] in {"description", "servedName", "GREETING", "secret"}
    ):
        token = maximal().tokens[leaf]
        files = data(maximal().contents)
        name = FILES[leaf.kind]
        files[name] = files[name].replace(f" {token}\n".encode(), f" {text}\n".encode("utf-8", "surrogatepass"))
        try:
            resolved = resolve(parse(files))
        except InputError as error:
            check_problems(error)
            continue
        value = get(yamlio.read(files[name], name).value, leaf.path)
        assert isinstance(value, str)
        same("catalogue", made(resolved), {token: value}, exact=True)


def by_themselves(variant: str, late: list[Leaf], payload: str) -> None:
    """Without the others: together where they can be, and else one by one."""
    if len(late) > 1:
        try:
            tree = made(resolved_from(_with(variant, late, payload)))
        except InputError:
            pass
        else:
            same(variant, tree, {}, exact=False)
            return
    for leaf in late:
        by_itself(leaf, payload)


def by_itself(leaf: Leaf, payload: str) -> None:
    """One place only: refused with its place, or the same structure as without it."""
    start = maximal(holder(leaf)).contents
    try:
        tree = made(resolved_from({**start, leaf.kind: fill(start[leaf.kind], leaf, payload)}))
    except InputError as error:
        check_problems(error)
        return
    words = {str(leaf.path[-1]): payload} if leaf.is_key and len(str(leaf.path[-1])) > 3 else {}
    same(holder(leaf), tree, words, exact=False)


def same(variant: str, new: Tree, words: Mapping[str, str], *, exact: bool) -> None:
    """The same files, keys and types as without it; with `exact`, the same texts too but for the words."""
    expected, found = replaced(_readable(variant), words), replaced(readable(new), {})
    if exact:
        assert found == expected
    assert structure(found) == structure(expected)
    assert all(re.fullmatch(r"[A-Za-z0-9._/-]+", str(path)) and ".." not in path.parts for path in new)
    assert not any(path.is_absolute() for path in new)
    check_readme(_benign(variant), new, words, rows=not exact)


def structure(value: Any) -> Any:
    """Keys and types only."""
    if isinstance(value, dict):
        return {key: structure(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted(map(structure, value), key=repr)  # variables are in the order of their names
    return type(value).__name__


def check_problems(error: InputError) -> None:
    assert error.exit_code == 65
    assert error.problems
    for problem in error.problems:
        assert problem.location.file in FILES.values()
        assert problem.location.line or "is longer than" in problem.message


def check_readme(old: Tree, new: Tree, words: Mapping[str, str], *, rows: bool) -> None:
    """The same lines and cells, and what users wrote has no meaning in Markdown or Jinja.

    Two Secrets of one name share a row, so `rows` is off where one payload stands everywhere.
    """
    before, after = (
        [line for path, text in sorted(tree.items()) if path.suffix == ".md" for line in text.split("\n")]
        for tree in (old, new)
    )
    assert _skeleton(before, rows=rows) == _skeleton(after, rows=rows)
    for token, payload in words.items():
        if any(line.endswith(f"**: {token}") for line in before):
            assert any(line.endswith(f"**: {prose(payload)}") for line in after)


def _skeleton(lines: list[str], *, rows: bool) -> list[str]:
    """How each line begins, and how many cells it has."""
    found = [re.sub(r"[^|]", "", line.replace("\\|", "")) or re.match(r"\W*", line)[0][:2] for line in lines]  # type: ignore[index]
    return (
        found
        if rows
        else [shape for shape, following in zip(found, [*found[1:], ""], strict=True) if shape != following]
    )


@cache
def _benign(variant: str = "catalogue") -> Tree:
    return made(resolved_from(maximal(variant).contents))


def _apart(leaf: Leaf) -> bool:
    """In the base only while it is the same on all shapes, or one with another place where the same text stands."""
    of_a_shape = "shapes" in leaf.path and "architecture" not in leaf.path
    return of_a_shape or bool({"clientNamespaces", "proxyNamespace"} & set(leaf.path))


@cache
def _readable(variant: str) -> dict[str, Any]:
    return readable(_benign(variant))


def _takes(leaf: Leaf, payload: str) -> bool:
    """Whether the schema of the place itself does; what it refuses is refused in any company."""
    return bool(StrictValidator(leaf.node).is_valid(payload))


def _with(variant: str, places: list[Leaf], payload: str) -> dict[str, dict[str, Any]]:
    contents = copy.deepcopy(dict(maximal(variant).contents))
    for leaf in places:
        put(contents[leaf.kind], leaf.path, payload)
    return contents


def _named(files: Mapping[str, bytes], places: list[Leaf], error: InputError) -> list[Leaf] | None:
    """The places that the problems name; None when a file couldn't be read at all."""
    try:
        documents = {kind: _document(files[file], file) for kind, file in FILES.items()}
    except InputError:
        return None
    where = {problem.location for problem in error.problems}
    found = [
        leaf
        for leaf in places
        if {documents[leaf.kind].at(leaf.path), documents[leaf.kind].at(leaf.path, key=True)} & where
    ]
    assert found, f"problems that name no place: {error}"
    return found


@lru_cache(maxsize=100)
def _document(text: bytes, file: str) -> yamlio.Document:
    return yamlio.read(text, file)


# --- keys ------------------------------------------------------------------------------------------------------


MISSPELLED: Mapping[str, Callable[[str], str]] = {
    "one more letter": lambda key: f"{key}s",
    "one letter less": lambda key: key[:-1],
    "the other case": str.swapcase,
    "a letter twice": lambda key: key[: len(key) // 2] + key[len(key) // 2 - 1 :],
    "a blank behind": lambda key: f"{key} ",
    "a dash before": lambda key: f"-{key}",
}
OPEN = {leaf.path[:-1] for leaf in LEAVES if leaf.is_key}


def mappings(value: Any, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every mapping of the maximal example whose keys are fixed."""
    if isinstance(value, dict) and path not in OPEN:
        yield path, value
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from mappings(item, (*path, key))


@pytest.mark.parametrize("how", MISSPELLED)
@pytest.mark.parametrize(("kind", "variant"), [("stack", "catalogue"), *(("blueprint", each) for each in VARIANTS)])
def test_a_misspelled_key_is_refused(kind: str, variant: str, how: str) -> None:
    known = f"{schema(kind)}{datafiles.schema('model')}"
    tried = 0
    for path, mapping in mappings(maximal(variant).contents[kind]):
        typos = {MISSPELLED[how](key): item for key, item in mapping.items()}
        typos = {typo: item for typo, item in typos.items() if f"'{typo}':" not in known}
        if not typos:
            continue
        content = copy.deepcopy(maximal(variant).contents[kind])
        get(content, path).update(copy.deepcopy(typos))
        with pytest.raises(InputError) as refused:
            resolved_from({**maximal(variant).contents, kind: content})
        check_problems(refused.value)
        assert [typo for typo in typos if typo not in str(refused.value)] == []
        tried += len(typos)
    assert tried > 20


# --- outside of the files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("x\nkind: Pod\n#.yaml", "a|b.yaml", "\x1b[31m.yaml"),
        *("](x).yaml", "{{ x }}.yaml", "x\u202e.yaml", "--x.yaml"),
    ],
    ids=ascii,
)
def test_the_name_of_a_file(name: str) -> None:
    """A file's name comes with the pull request, as its content does."""
    sources = demo_sources()
    chat = sources.pop("blueprints/chat.yaml")
    try:
        tree = made(resolve(parse({**sources, f"blueprints/{name}": chat})))
    except InputError as error:
        assert error.exit_code == 65
        return
    old = made(resolve(parse(demo_sources())))
    assert structure(readable(tree)) == structure(readable(old))
    check_readme(old, tree, {}, rows=True)


@pytest.mark.parametrize(
    ("place", "payload"),
    [
        *((place, payload) for place in ("model.credentials.key", "expose.apiKey.key") for payload in ("-", "..")),
        *(("serving.env.GREETING", payload) for payload in ("x\r\nkey: value",)),
    ],
)
def test_check_refuses_what_the_chart_refuses(place: str, payload: str) -> None:
    """Else `gpuyard check` passes, and compile fails without a place."""
    leaf = _leaf(f"blueprint.spec.{place}")
    contents = maximal().contents
    with pytest.raises(InputError):
        resolved_from({**contents, leaf.kind: fill(contents[leaf.kind], leaf, payload)})


def test_a_line_feed_at_the_end() -> None:
    leaf = _leaf("blueprint.spec.model.architecture.name")
    contents = maximal(holder(leaf)).contents
    with pytest.raises(InputError):
        resolved_from({**contents, leaf.kind: fill(contents[leaf.kind], leaf, "x\n")})


@pytest.mark.attack("A21 printed text")
@pytest.mark.parametrize(
    ("place", "payload"),
    [
        ("stack.spec.clusters.0.blueprints.chat", "x" * 100_000),
        ("blueprint.spec.shapes.h100 (key)", "x" * 100_000),
        ("blueprint.spec.serving.args.tool-call-parser (key)", "no"),
        ("blueprint.spec.serving.env.GREETING (key)", "x\u202ey"),
    ],
    ids=["long value", "long key", "many names", "bidi"],
)
def test_messages_are_short_and_seen(place: str, payload: str) -> None:
    leaf = _leaf(place)
    start = maximal(holder(leaf)).contents
    with pytest.raises(InputError) as refused:
        resolved_from({**start, leaf.kind: fill(start[leaf.kind], leaf, payload)})
    for problem in refused.value.problems:
        assert len(str(problem)) < 1000
        assert problem.message.isprintable()


def test_the_program_says_it_in_one_line(project: Any) -> None:
    for payload in ("{{ x }}\nkey: value", "\x1b]0;x\x07", "../../x"):
        contents = {**base(), "blueprint": fill(base()["blueprint"], LEAVES[-1], payload)}
        for file, text in data(contents).items():
            (project / file).write_bytes(text)
        result = CliRunner().invoke(cli, ["check", str(project)])
        assert result.exit_code == 65
        assert "Traceback" not in result.output
        assert "\x1b" not in result.output


@pytest.mark.attack("A2 server-side templates")
def test_jinja_sees_no_users_text() -> None:
    """One template, ours; nothing that a user wrote becomes one."""
    code = {file: file.read_text(encoding="utf-8") for file in (ROOT / "generator" / "gpuyard").rglob("*.py")}
    assert [str(file.relative_to(ROOT)) for file, text in code.items() if "jinja2" in text] == [
        "generator/gpuyard/render/readme.py"
    ]
    assert not [
        file for file, text in code.items() if re.search(r"from_string|jinja2\.Template\(|\beval\(|\bexec\(", text)
    ]


AUDIT = """
import sys
from pathlib import Path
from gpuyard.project.load import load
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.helm import Embedded
from gpuyard.render import render
from gpuyard.resolve import resolve

charts, helm = shipped_charts(), Embedded(shipped_charts())
forbidden = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "urllib.", "http.")

def hook(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if writes or event.startswith(forbidden):
        sys.stderr.write(f"{event} {arguments}\\n")
        raise SystemExit(3)

sys.addaudithook(hook)
%s
print(len(render(resolve(load(Path(sys.argv[1]))), charts, helm)))
"""


@pytest.mark.attack("A9 requests while generating")
@pytest.mark.parametrize(("line", "code"), [("", 0), ("import socket; socket.socket()", 3), ("open('x', 'w')", 3)])
def test_no_network_no_process_no_file(line: str, code: int, project: Any) -> None:
    """From load to render nothing is connected to, started or written; the two other cases show that it is seen."""
    argv = [sys.executable, "-B", "-c", AUDIT % line, str(project)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr


@pytest.mark.attack("A5 path traversal")
def test_names_stay_in_their_folders(tmp_path: Any) -> None:
    """Whatever is accepted lies below the root, in the folders that we know."""
    tops = {path.parts[0] for path in _benign()}
    for name in ("a", "a-b", "no", "null", "x" * 40, "con", "aux", "kustomization", "base", "git"):
        contents = {**base(), "blueprint": fill(base()["blueprint"], _leaf("blueprint.metadata.name"), name)}
        tree = made(resolved_from(contents))
        assert {path.parts[0] for path in tree} <= tops | {f"charts/{name}"}
        write_tree(tmp_path / name, tree)
    outside = [path for path in tmp_path.rglob("*") if not path.resolve().is_relative_to(tmp_path)]
    assert outside == []


def _leaf(name: str) -> Leaf:
    return next(leaf for leaf in LEAVES if str(leaf) == name)
