"""What a hand-over will do in a cluster: what is wanted against what is there. Pure."""

from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gpuyard.bootstrap.difference import Action
from gpuyard.bootstrap.handover.engineobjects import WORKLOADS
from gpuyard.bootstrap.handover.sight import Seen
from gpuyard.bootstrap.handover.wishes import PUBLIC_KEY, Part, Wish, Wishes

__all__ = ["Handover", "Move", "compared", "unasked"]


@dataclass(frozen=True, slots=True)
class Move:
    """What happens to one object: create, update or keep; leave: it is another's."""

    wish: Wish
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """All of a cluster's."""

    cluster: str
    moves: tuple[Move, ...]
    left: tuple[str, ...]
    """What people have to do, one sentence each."""
    problems: tuple[str, ...] = ()
    public_key: str = ""
    """Of the deploy key that is there."""
    unknown: str = ""
    """Why the cluster could not be asked; then all counts as missing."""

    @property
    def enters(self) -> bool:
        """Whether the engine is to follow the stack afterwards."""
        return any(move.wish.part is Part.ENTRY for move in self.moves)

    @property
    def writes(self) -> tuple[Move, ...]:
        """The moves that are some."""
        return tuple(move for move in self.moves if move.action in (Action.CREATE, Action.UPDATE))


def unasked(cluster: str, wanted: Wishes, why: str = "") -> Handover:
    """Of a cluster that is not there yet, or does not answer."""
    moves = tuple(Move(wish, Action.CREATE) for wish in wanted.objects)
    left = (*wanted.left, *(text for _, text in wanted.unless))
    return Handover(cluster=cluster, moves=moves, left=left, problems=wanted.problems, unknown=why)


def compared(cluster: str, wanted: Wishes, seen: Mapping[str, Seen]) -> Handover:
    """Of one that was asked."""
    foreign = {part for part in (Part.ENGINE, Part.NETWORK) if _others(part, wanted.objects, seen)}
    moves = tuple(Move(wish, _action(wish, seen.get(wish.id), foreign=foreign)) for wish in wanted.objects)
    keys = [seen[wish.id] for wish in wanted.objects if wish.private_key and wish.id in seen]
    public = next((str(each.metadata.get("annotations", {}).get(PUBLIC_KEY, "")) for each in keys), "")
    left = (*wanted.left, *(text for wish, text in wanted.unless if wish.id not in seen))
    return Handover(cluster=cluster, moves=moves, left=left, problems=wanted.problems, public_key=public)


def _others(part: Part, wanted: Sequence[Wish], seen: Mapping[str, Seen]) -> bool:
    """Whether somebody else has installed it: a program of it is there, and no hand-over made it."""
    programs = [each.id for each in wanted if each.part is part and each.body["kind"] in WORKLOADS]
    return any(name in seen and not seen[name].ours for name in programs)


def _action(wish: Wish, seen: Seen | None, *, foreign: Collection[Part]) -> Action:
    if wish.part in foreign:
        return Action.LEAVE
    if seen is None:
        return Action.CREATE
    return Action.UPDATE if wish.kept and not _covers(_stored(wish.body), seen.content) else Action.KEEP


def _stored(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """As the API server keeps it: the texts of a Secret become its data."""
    if "stringData" not in body:
        return body
    texts = {key: b64encode(text.encode()).decode() for key, text in body["stringData"].items()}
    kept = {key: value for key, value in body.items() if key != "stringData"}
    return {**kept, "data": {**body.get("data", {}), **texts}}


def _covers(wanted: Any, there: Any) -> bool:
    """Whether all that is wanted is there; what others have added does not count."""
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(_covers(value, there.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(there, list) and len(wanted) == len(there) and all(map(_covers, wanted, there))
    return bool(wanted == there)
