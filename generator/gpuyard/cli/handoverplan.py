"""What a hand-over will do, as lines for people and as data for machines."""

from collections.abc import Iterator, Sequence
from typing import Any

from gpuyard.bootstrap.difference import Action
from gpuyard.bootstrap.handover.steps import Handover, Move
from gpuyard.bootstrap.handover.wishes import Part
from gpuyard.cli.output import table

__all__ = ["handover_data", "handover_lines"]

_WHOLE = {Part.NETWORK: "Calico", Part.ENGINE: "the engine"}
_SIGNS = {Action.CREATE: "+", Action.UPDATE: "~"}
_ABOUT = {
    Part.NAMESPACE: "",
    Part.SECRET: "from what you give",
    Part.ENGINE: "",
    Part.NETWORK: "",
    Part.ENTRY: "makes the engine follow the stack",
}


def handover_lines(plans: Sequence[Handover]) -> list[str]:
    """An engine, or Calico, is one line, however many objects it has."""
    rows = [row for plan in plans for row in _rows(plan)]
    left = [f"left for you: {plan.cluster}: {text}" for plan in plans for text in plan.left]
    unknown = [f"note: {plan.cluster}: could not be asked: {plan.unknown}" for plan in plans if plan.unknown]
    return [*([""] if rows else []), *table(rows), *left, *unknown]


def _rows(plan: Handover) -> Iterator[tuple[str, ...]]:
    told: set[Part] = set()
    for move in plan.writes:
        part = move.wish.part
        if part not in _WHOLE:
            yield _row(plan.cluster, move.action, move.wish.id, _about(move))
        elif part not in told:
            told.add(part)
            parts = [each for each in plan.writes if each.wish.part is part]
            programs = [each.wish.body["metadata"]["name"] for each in parts if "spec" in each.wish.body]
            what = f"{len(parts)} objects of {_WHOLE[part]}"
            yield _row(plan.cluster, move.action, what, _programs(parts, programs))


def _programs(parts: Sequence[Move], names: Sequence[str]) -> str:
    images = [
        each["image"].rpartition("/")[2]
        for move in parts
        if "template" in move.wish.body.get("spec", {})
        for each in move.wish.body["spec"]["template"]["spec"]["containers"]
    ]
    return ", ".join(dict.fromkeys(images)) or f"{len(names)} of them programs"


def _about(move: Move) -> str:
    return "with a new deploy key" if move.wish.private_key else _ABOUT[move.wish.part]


def _row(cluster: str, action: Action, what: str, about: str) -> tuple[str, ...]:
    return (f"{_SIGNS[action]} {action}", f"{cluster}: {what}", about)


def handover_data(plan: Handover) -> dict[str, Any]:
    """The same for a machine."""
    return {
        "cluster": plan.cluster,
        "asked": not plan.unknown,
        "message": plan.unknown,
        "objects": [
            {"id": move.wish.id, "part": move.wish.part.value, "action": move.action.value} for move in plan.moves
        ],
        "publicKey": plan.public_key,
        "left": list(plan.left),
        "problems": list(plan.problems),
    }
