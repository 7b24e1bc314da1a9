"""Images that a merge brings, and what becomes of those that a registry was asked for and does not have."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gpuyard.review.danger import Danger, rules
from gpuyard.review.diff import Diff, Group, by_weight
from gpuyard.review.podspecs import images_of

__all__ = ["brought", "with_absent"]

_RULE = "image-absent"


def brought(found: Diff) -> list[str]:
    """Images that objects name after the merge and did not name before, each once."""
    before = {image for group in found.groups for each in group.changes for image in images_of(each.old)}
    after = (image for group in found.groups for image in _new(group))
    return [image for image in dict.fromkeys(after) if image not in before]


def with_absent(found: Diff, absent: Mapping[str, str], unsure: Sequence[str]) -> Diff:
    """With a danger for each image that its registry does not have, and a note where one does not tell."""
    told = [
        Danger(rules()[_RULE], group.clusters, group.blueprint, absent[image])
        for group in found.groups
        for image in dict.fromkeys(_new(group))
        if image in absent
    ]
    return replace(found, dangers=by_weight([*found.dangers, *told]), notes=(*found.notes, *unsure))


def _new(group: Group) -> list[str]:
    return [image for each in group.changes for image in images_of(each.new)]
