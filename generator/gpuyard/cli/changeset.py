"""A bootstrap's plan and what becomes of it, as lines for people and as data for machines."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from gpuyard.bootstrap.apply import Event, Step
from gpuyard.bootstrap.destroy import ALL_KINDS as KINDS
from gpuyard.bootstrap.destroy import Removal
from gpuyard.bootstrap.difference import Action, Change
from gpuyard.bootstrap.inventory import Item
from gpuyard.bootstrap.planning import Cost, Plan
from gpuyard.bootstrap.probes import Probed, Verdict
from gpuyard.catalogue.oracle import oracle
from gpuyard.cli.handoverplan import handover_data, handover_lines
from gpuyard.cli.output import table

__all__ = [
    "as_event",
    "counted",
    "event_line",
    "inventory_data",
    "inventory_lines",
    "money",
    "plan_data",
    "plan_lines",
    "probe_data",
    "probe_lines",
    "removal_data",
    "removal_lines",
]

_SIGNS = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "!",
    Action.DELETE: "-",
    Action.KEEP: "=",
    Action.LEAVE: "=",
}
_LONGEST = 100


def plan_lines(plan: Plan) -> list[str]:
    """What would happen, why, and what it costs."""
    rows = [_row(change) for change in plan.changes if change.action is not Action.KEEP]
    lines = list(table(rows))
    for change in plan.changes:
        if change.action in (Action.UPDATE, Action.REPLACE):
            lines += ["", f"{change.id}{' was changed outside of gpuyard' if change.drift else ''}:", *_fields(change)]
    lines += handover_lines(plan.handover)
    notes = [check for check in plan.checks if not check.fatal]
    lines += [f"{'refused' if check.fatal else 'note'}: {check.message}" for check in (*notes, *plan.refused)]
    last = [counted(plan.changes), money("all of it", plan.cost), money("new", plan.added)]
    return [*lines, *([""] if lines else []), *last]


def counted(changes: Iterable[Change]) -> str:
    """How many of each."""
    counts: dict[Action, int] = {}
    for change in changes:
        counts[change.action] = counts.get(change.action, 0) + 1
    told = [f"{counts[action]} to {action}" for action in Action if action in counts and action is not Action.KEEP]
    kept = counts.get(Action.KEEP, 0)
    return f"plan: {', '.join(told) or 'nothing to do'}; {kept} as they should be"


def money(what: str, cost: Cost) -> str:
    """Of an hour and a month."""
    return f"{what}: USD/hour {cost.per_hour:.2f}, USD/month {cost.per_month:.0f} (list prices of {cost.date})"


def _row(change: Change) -> tuple[str, ...]:
    cost = change.resource.usd_per_hour if change.resource else 0
    price = f"USD/hour {cost:.2f}" if cost else ""
    return (f"{_SIGNS[change.action]} {change.action}", change.id, KINDS[change.kind].title, price)


def _fields(change: Change) -> Iterator[str]:
    for field in change.fields:
        yield f"    {field.path}: {_text(field.before)} -> {_text(field.after)}"


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if "${" in text:
        return "(known after apply)"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def plan_data(plan: Plan) -> dict[str, Any]:
    """The same for a machine."""
    return {
        "stack": plan.stack,
        "changes": [_change(change) for change in plan.changes],
        "checks": [asdict(check) for check in plan.checks],
        "cost": _cost(plan.cost),
        "added": _cost(plan.added),
        "handover": [handover_data(each) for each in plan.handover],
    }


def _cost(cost: Cost) -> dict[str, Any]:
    return {"usdPerHour": round(cost.per_hour, 4), "usdPerMonth": round(cost.per_month, 2), "date": cost.date}


def _change(change: Change) -> dict[str, Any]:
    return {
        "id": change.id,
        "kind": change.kind,
        "action": change.action.value,
        "ocid": change.found.id if change.found else None,
        "drift": change.drift,
        "fields": [asdict(field) for field in change.fields],
        "usdPerHour": round(change.resource.usd_per_hour, 4) if change.resource else 0,
    }


def removal_lines(what: Removal) -> list[str]:
    """What would be deleted, and what stays."""
    lines = table([_row(change) for change in what.changes])
    lines += [f"stays: {change.id} ({change.found.id if change.found else ''}): {why}" for change, why in what.stays]
    return [*lines, *([""] if lines else []), f"{len(what.changes)} to delete, {len(what.stays)} stay"]


def removal_data(what: Removal) -> dict[str, Any]:
    """The same for a machine."""
    stays = [{**_change(change), "reason": why} for change, why in what.stays]
    return {"stack": what.stack, "changes": [_change(change) for change in what.changes], "stays": stays}


def inventory_lines(items: Sequence[Item]) -> list[str]:
    """What there is, and what it costs."""
    rows = [
        (item.id, KINDS[each.kind].title, each.state, each.region, _hour(item.usd_per_hour), each.id)
        for item in items
        for each in [item.found]
    ]
    return [*table(rows), *([""] if rows else []), money(f"{len(items)} resources", _now(items))]


def _hour(usd: float | None) -> str:
    return f"USD/hour {usd:.2f}" if usd else ""


def _now(items: Sequence[Item]) -> Cost:
    return Cost(sum(item.usd_per_hour or 0 for item in items), oracle().prices.date)


def inventory_data(items: Sequence[Item]) -> dict[str, Any]:
    """The same for a machine."""
    rows = [
        {
            "id": item.id,
            "kind": item.found.kind,
            "ocid": item.found.id,
            "state": item.found.state,
            "region": item.found.region,
            "usdPerHour": item.usd_per_hour,
        }
        for item in items
    ]
    return {"resources": rows, "cost": _cost(_now(items))}


_MARKS = {Verdict.GOOD: "ok", Verdict.BAD: "not ok", Verdict.UNKNOWN: "unknown"}


def probe_lines(asked: Sequence[Probed] | None) -> list[str]:
    """What the clusters answered, if they were asked."""
    if asked is None:
        return []
    return ["", *table([(each.cluster, each.probe, _MARKS[each.verdict], each.message) for each in asked])]


def probe_data(asked: Sequence[Probed] | None) -> dict[str, Any]:
    """The same for a machine."""
    return {} if asked is None else {"probes": [asdict(each) for each in asked]}


def event_line(event: Event) -> str:
    """What has just happened, with the time it took and the time it usually takes."""
    what = f"{event.change.action} {event.change.id}"
    typical = KINDS[event.change.kind].seconds
    match event.step:
        case Step.BEGUN:
            return f"{what} … (usually {_time(typical)})"
        case Step.DONE:
            return f"{what}: done in {_time(event.seconds)}"
        case Step.FAILED:
            return f"{what}: failed after {_time(event.seconds)}"
        case Step.SKIPPED:
            return f"{what}: left out, because something that it needs failed"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def as_event(event: Event) -> dict[str, Any]:
    """A line of the log."""
    change = event.change
    head = {"step": event.step.value, "id": change.id, "kind": change.kind, "action": change.action.value}
    return {**head, "seconds": round(event.seconds, 1), "message": event.message}
