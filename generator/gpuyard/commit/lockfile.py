"""The files of the locks: JSON with a line for each file, written in one order and read with suspicion."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from gpuyard.commit import suspicion
from gpuyard.commit.lock import LOCK, Lock, is_lock, lock_path
from gpuyard.commit.suspicion import (
    NAME,
    NAME_OR_NONE,
    SHA256,
    SHA256_OR_NONE,
    DamagedError,
    inside,
    mapping,
    shown,
    text,
)
from gpuyard.errors import InputError, Location, Problem
from gpuyard.project.stack import Engine
from gpuyard.review.placed import Claim, Placed, Placements
from gpuyard.tree import Tree, are_generated, is_generated, owner, path_of

__all__ = ["MOST_LOCKS", "read_locks", "write_locks"]

_FORMAT = 3
_ONE_FOR_ALL = 2
"""The last format with the blueprints' files in the stack's lock."""
_WITHOUT_PLACEMENTS = 1
_LONGEST = 8 << 20
"""Characters of a lock: of 400 blueprints, an older one for all has two million."""
MOST_LOCKS = 5000
"""Of a place."""
_FIRST_ENGINE = Engine.FLUX.value
"""What a lock means that was written when there was no other."""
_DIGESTS = re.compile(rf"(?:{SHA256.pattern} )*")
_ENGINES = re.compile("|".join(engine.value for engine in Engine))


def read_locks(texts: Mapping[PurePosixPath, str | None]) -> Lock:
    """What the locks of a place say, by their paths; older formats have one for all, and format 1 no placements.

    InputError names each that gpuyard can't have written; None: something is there that is no file of a lock's size.
    """
    if len(texts) > MOST_LOCKS:
        message = f"there are {len(texts):,} locks, {MOST_LOCKS:,} at most"
        raise InputError([Problem(Location(f"{lock_path('*')}"), message)])
    found: dict[PurePosixPath, Lock] = {}
    problems: list[Problem] = []
    for path, content in sorted(texts.items()):
        try:
            found[path] = _read(path, content)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return _together(found)


def _together(found: Mapping[PurePosixPath, Lock]) -> Lock:
    whole = found.get(LOCK, Lock())
    placements = {cluster: dict(placed) for cluster, placed in whole.placements.items()}
    files = dict(whole.files)
    for path, lock in found.items():
        if path != LOCK:
            files.update(lock.files)
            for cluster, placed in lock.placements.items():
                placements.setdefault(cluster, {}).update(placed)
    return Lock(whole.stack, whole.namespace, placements, files, frozenset(found), whole.engine)


@lru_cache(maxsize=2 * MOST_LOCKS)
def _read(path: PurePosixPath, content: str | None) -> Lock:
    place = Location(str(path))
    try:
        data = _parsed(content)
        return _stack(data, _format(path, data)) if path == LOCK else _blueprint(path, data, _format(path, data))
    except json.JSONDecodeError as error:
        place, reason = Location(str(path), error.lineno, error.colno), f"not JSON: {error.msg}"
    except (ValueError, RecursionError):  # a number of 5000 digits, 100 kB of brackets
        reason = "more than any lock has"
    except DamagedError as error:
        reason = str(error)
    message = f"damaged ({reason}); restore its previous version and commit it: {_restore(path)}"
    raise InputError([Problem(place, message)])


def _parsed(content: str | None) -> object:
    if content is None:
        raise DamagedError("not a regular file, or larger than any lock")
    if len(content) > _LONGEST:
        raise DamagedError("longer than any lock")
    return suspicion.parsed(content)


def _restore(path: PurePosixPath) -> str:
    last = f"$(git log -1 --skip=1 --format=%H -- {path})"
    return f"`git checkout {last} -- {path}`, `git commit -m 'Restore {path}'`"


def write_locks(lock: Lock) -> Tree:
    """The files of the locks."""
    files: dict[str, dict[str, str]] = {"": {}}
    for path, digest in sorted(lock.files.items(), key=lambda file: file[0].parts):
        files.setdefault(owner(path), {})[str(path)] = digest
    engine = {"engine": lock.engine} if lock.engine else {}
    stack = {"stack": lock.stack, "namespace": lock.namespace, **engine, "clusters": sorted(lock.placements)}
    tree = {LOCK: _text(stack, files.pop(""))}
    for name, listed in files.items():
        placed = {cluster: found[name] for cluster, found in sorted(lock.placements.items()) if name in found}
        placements = {cluster: _written(each) for cluster, each in placed.items()}
        tree[lock_path(name)] = _text({"blueprint": name, "placements": placements}, listed)
    return tree


def _text(data: Mapping[str, object], files: Mapping[str, str]) -> str:
    """As json.dumps with indent=1 writes it, which would do so in Python for each of thousands of files."""
    head = json.dumps({"format": _FORMAT, **data}, indent=1).removesuffix("\n}")
    lines = json.dumps(files, separators=(",\n  ", ": "))
    return f'{head},\n "files": {{\n  {lines[1:-1]}\n }}\n}}\n' if files else f'{head},\n "files": {{}}\n}}\n'


def _written(placed: Placed) -> Mapping[str, object]:
    claim = placed.claim
    return {
        "shape": placed.shape,
        "namespace": placed.namespace,
        "claim": claim and {"kind": claim.kind, "storageClassName": claim.storage_class, "size": f"{claim.gib}Gi"},
        **({"pod": placed.pod} if placed.pod else {}),
        **({"weights": placed.weights} if placed.weights else {}),
        **({"secrets": list(placed.secrets)} if placed.secrets else {}),
        **({"away": placed.away} if placed.away else {}),
        **({"unsafe": list(placed.unsafe)} if placed.unsafe else {}),
    }


def _format(path: PurePosixPath, data: object) -> int:
    number = data.get("format") if isinstance(data, dict) else None
    if type(number) is not int or number < _WITHOUT_PLACEMENTS:
        message = f"not written by gpuyard (it has no format); move it, or restore gpuyard's: {_restore(path)}"
        raise InputError([Problem(Location(str(path)), message)])
    if number > _FORMAT:
        message = f"written by a newer gpuyard (format {number}); upgrade gpuyard"
        raise InputError([Problem(Location(str(path)), message)])
    return number


def _stack(data: object, number: int) -> Lock:
    whole = mapping(data, "it")
    if number <= _ONE_FOR_ALL:
        for key in ("input", "listing"):
            text(whole, key, SHA256_OR_NONE)
        placements = _of_all(inside(whole, "placements")) if number > _WITHOUT_PLACEMENTS else {}
        return Lock(placements=placements, files=_files(inside(whole, "files"), None), engine=_FIRST_ENGINE)
    clusters: Placements = {name: {} for name in suspicion.names(whole, "clusters", NAME)}
    stack, namespace = (text(whole, key, NAME_OR_NONE) for key in ("stack", "namespace"))
    engine = text(whole, "engine", _ENGINES) if "engine" in whole else _FIRST_ENGINE if clusters else ""
    return Lock(stack, namespace, clusters, _files(inside(whole, "files"), ""), engine=engine)


def _blueprint(path: PurePosixPath, data: object, number: int) -> Lock:
    whole, name = mapping(data, "it"), path.stem
    if number <= _ONE_FOR_ALL or whole.get("blueprint") != name:
        raise DamagedError(f"it is not that of {name}")
    found = inside(whole, "placements")
    placements = {suspicion.name(cluster): {name: _placed(inside(found, cluster))} for cluster in found}
    return Lock(placements=placements, files=_files(inside(whole, "files"), name))


def _files(found: Mapping[str, object], blueprint: str | None) -> Mapping[PurePosixPath, str]:
    """Only paths of generated files: they decide what gpuyard deletes and overwrites. None: of all blueprints."""
    if not _is_plain(found):
        _refuse(found)
    files = {path_of(name): str(digest) for name, digest in found.items()}
    for path in files:
        if blueprint is not None and owner(path) != blueprint:
            whose = f"of {blueprint}" if blueprint else "that only depends on the stack"
            raise DamagedError(f"{shown(str(path))} is not a file {whose}")
    return files


def _is_plain(found: Mapping[str, object]) -> bool:
    """Whether nothing is wrong with any of them: asked for all at once, for there are thousands."""
    digests = " ".join([*(digest if isinstance(digest, str) else "" for digest in found.values()), ""])
    return (
        are_generated(found)
        and not any(is_lock(path_of(name)) for name in found if name.endswith("lock"))
        and len({name.lower() for name in found}) == len(found)
        and digests.count(" ") == len(found)  # none has a space in it, which would make two of one
        and bool(_DIGESTS.fullmatch(digests))
    )


def _refuse(found: Mapping[str, object]) -> None:
    """Says what is wrong with the first of them."""
    alike: dict[str, str] = {}
    for name in found:
        if not is_generated(name) or is_lock(path_of(name)):
            raise DamagedError(f"{shown(name)} is not a file that gpuyard generates")
        if (other := alike.setdefault(name.lower(), name)) != name:
            raise DamagedError(f"{shown(name)} and {shown(other)} are one file where case makes no difference")
        text(found, name, SHA256)


def _of_all(found: Mapping[str, object]) -> Placements:
    return {
        suspicion.name(cluster): {suspicion.name(name): _placed(inside(models, name)) for name in models}
        for cluster in found
        for models in [inside(found, cluster)]
    }


def _placed(found: Mapping[str, object]) -> Placed:
    claim = _claim(inside(found, "claim")) if found.get("claim") is not None else None
    given: dict[str, object] = {
        "pod": "",
        "weights": "",
        "secrets": [],
        "away": 0,
        "unsafe": [],
        **found,
    }  # what isn't there isn't written
    return Placed(
        text(found, "shape", NAME),
        text(found, "namespace", NAME),
        claim,
        text(given, "pod", suspicion.DIGEST_OR_NONE),
        text(given, "weights", suspicion.CLASS_OR_NONE),
        suspicion.names(given, "secrets", suspicion.CLASS),
        suspicion.number(given, "away"),
        suspicion.names(given, "unsafe", suspicion.ENTRY),
    )


def _claim(found: Mapping[str, object]) -> Claim:
    size = text(found, "size", suspicion.SIZE).removesuffix("Gi")
    return Claim(text(found, "kind", suspicion.KIND), text(found, "storageClassName", suspicion.CLASS), int(size))
