"""The file of a lock: JSON with a line for each file, written in one order and read with suspicion."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from gpuyard.commit.lock import LOCK, Lock
from gpuyard.errors import GpuyardError
from gpuyard.review.placed import Claim, Placed, Placements
from gpuyard.tree import is_generated

__all__ = ["read_lock", "write_lock"]

_FORMAT = 2
_WITHOUT_PLACEMENTS = 1
_RESTORE = f"`git checkout $(git log -1 --skip=1 --format=%H -- {LOCK}) -- {LOCK}`, `git commit -m 'Restore {LOCK}'`"
_SHOWN = 80
"""Characters of something unexpected."""

# What stands in messages and in commands that people paste has no other characters than these.
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_CLASS = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KIND = re.compile(r"[a-z]{1,40}")
_SIZE = re.compile(r"[1-9][0-9]{0,9}Gi")
_POD = re.compile(r"[0-9a-f]{16}")
_MOST_SECONDS = 10**7
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA256_OR_NONE = re.compile(r"([0-9a-f]{64})?")


class _DamagedError(Exception):
    """Why a lock isn't one that gpuyard wrote."""


@lru_cache(maxsize=1)
def read_lock(text: str | None) -> Lock:
    """A lock from its file; an empty one where there is none. One of format 1 has no placements."""
    if text is None:
        return Lock()
    place = str(LOCK)
    try:
        return _lock(json.loads(text))
    except json.JSONDecodeError as error:
        place, reason = f"{LOCK}:{error.lineno}:{error.colno}", f"not JSON: {error.msg}"
    except (ValueError, RecursionError):  # a number of 5000 digits, 100 kB of brackets
        reason = "more than any lock has"
    except _DamagedError as error:
        reason = str(error)
    raise GpuyardError(f"{place}: damaged ({reason}); restore its previous version and commit it: {_RESTORE}")


def write_lock(lock: Lock) -> str:
    """The file of a lock."""
    data = {
        "format": _FORMAT,
        "input": lock.input,
        "listing": lock.listing,
        "placements": {
            cluster: {name: _written(placed) for name, placed in sorted(found.items())}
            for cluster, found in sorted(lock.placements.items())
        },
        "files": {str(path): digest for path, digest in sorted(lock.files.items(), key=lambda file: file[0].parts)},
    }
    return json.dumps(data, indent=1) + "\n"


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
    }


def _lock(data: object) -> Lock:
    number = data.get("format") if isinstance(data, dict) else None
    if type(number) is not int or number < _WITHOUT_PLACEMENTS:
        raise GpuyardError(
            f"{LOCK}: not written by gpuyard (it has no format); move it, or restore gpuyard's: {_RESTORE}"
        )
    if number > _FORMAT:
        raise GpuyardError(f"{LOCK}: written by a newer gpuyard (format {number}); upgrade gpuyard")
    whole = _mapping(data, "it")
    return Lock(
        _text(whole, "input", _SHA256_OR_NONE),
        _text(whole, "listing", _SHA256_OR_NONE),
        {} if number == _WITHOUT_PLACEMENTS else _placements(_inside(whole, "placements")),
        _files(_inside(whole, "files")),
    )


def _files(found: Mapping[str, object]) -> Mapping[PurePosixPath, str]:
    """Only paths of generated files: what gpuyard deletes and overwrites is decided by them."""
    for path in found:
        if not is_generated(path):
            raise _DamagedError(f"{_shown(path)} is not a file that gpuyard generates")
    return {PurePosixPath(path): _text(found, path, _SHA256) for path in found}


def _placements(found: Mapping[str, object]) -> Placements:
    return {
        _name(cluster): {_name(name): _placed(_inside(models, name)) for name in models}
        for cluster in found
        for models in [_inside(found, cluster)]
    }


def _placed(found: Mapping[str, object]) -> Placed:
    claim = _claim(_inside(found, "claim")) if found.get("claim") is not None else None
    secrets = found.get("secrets", [])
    if not isinstance(secrets, list):
        raise _DamagedError("'secrets' is not a list")
    away = found.get("away", 0)
    if type(away) is not int or not 0 <= away <= _MOST_SECONDS:
        raise _DamagedError(f"away cannot be {_shown(away)}")
    return Placed(
        shape=_text(found, "shape", _NAME),
        namespace=_text(found, "namespace", _NAME),
        claim=claim,
        pod=_text(found, "pod", _POD) if "pod" in found else "",
        weights=_text(found, "weights", _CLASS) if "weights" in found else "",
        secrets=tuple(_checked(secret, "a Secret", _CLASS) for secret in secrets),
        away=away,
    )


def _claim(found: Mapping[str, object]) -> Claim:
    size = _text(found, "size", _SIZE).removesuffix("Gi")
    return Claim(_text(found, "kind", _KIND), _text(found, "storageClassName", _CLASS), int(size))


def _name(name: str) -> str:
    return _checked(name, "a name", _NAME)


def _text(found: Mapping[str, object], key: str, pattern: re.Pattern[str]) -> str:
    return _checked(found.get(key), key, pattern)


def _checked(value: object, what: str, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _DamagedError(f"{what} cannot be {_shown(value)}")
    return value


def _inside(found: Mapping[str, object], key: str) -> Mapping[str, Any]:
    return _mapping(found.get(key), _shown(key))


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _DamagedError(f"{what} is not a mapping")
    return value


def _shown(value: object) -> str:
    """Nothing that a terminal would obey."""
    return ascii(value)[:_SHOWN] if isinstance(value, str) else f"of type {type(value).__name__}"
