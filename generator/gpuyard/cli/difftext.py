"""What `gpuyard diff` prints for people: clusters and money, dangers, consequences, then objects field by field."""

from collections.abc import Iterator

from gpuyard.cli.output import table
from gpuyard.review.danger import Danger
from gpuyard.review.diff import Diff, Group
from gpuyard.review.differences import COLUMNS, images, rows, sums
from gpuyard.review.fields import What
from gpuyard.review.shown import one_line, shown

__all__ = ["as_text"]

_SIGN = {What.ADDED: "+", What.REMOVED: "-", What.CHANGED: "~"}


def as_text(found: Diff) -> Iterator[str]:
    """Lines without colours, so that a pipe gets the same; none that a name or value could begin or turn around."""
    return map(one_line, _lines(found))


def _lines(found: Diff) -> Iterator[str]:
    commit = f" ({found.base.commit[:12]})" if found.base.commit else ""
    if found.empty:
        yield f"nothing changes in the clusters, compared with {found.base.name}{commit}"
        return
    yield f"compared with {found.base.name}{commit}"
    if found.clusters:
        yield ""
        yield from table([COLUMNS, *(row for each in found.clusters for row in rows(each))])
        yield from (f"{each.name}: {sums(each)}" for each in found.clusters)
        for each in found.clusters:
            for model in each.models:
                yield from (f"image of {model.name} in {each.name}: {text}" for text in images(model))
    yield from _section([line for danger in found.dangers for line in _danger(danger, found.engine)])
    yield from _section([f"in the clusters: {each.message}" for each in found.others])
    yield from _section([f"not compared: {each}" for each in found.unread])
    for group in found.groups:
        yield ""
        yield from _group(group)
    yield ""
    yield "1 generated file differs" if len(found.files) == 1 else f"{len(found.files)} generated files differ"


def _section(lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield from lines


def _danger(each: Danger, engine: str) -> Iterator[str]:
    where = " in ".join(part for part in (each.blueprint, ", ".join(each.clusters)) if part)
    yield f"{each.rule.severity.value}: {each.rule.id}: {each.rule.what} ({where}): {each.detail}"
    if said := each.rule.consequence.get(engine):
        yield f"  {said}"


def _group(group: Group) -> Iterator[str]:
    what = f"{group.blueprint} on {group.shape}" if group.blueprint else "the stack"
    yield f"{what} ({', '.join(group.clusters)})"
    for each in group.told:
        yield f"  {_SIGN[each.what]} {each.identity}"
        for field in each.fields:
            old, new = shown(field, each.identity.kind)
            yield f"      {field.path}: {old} → {new}"
    if count := len(group.changes) - len(group.told):
        yield f"  {count} more only in labels that repeat the version"
