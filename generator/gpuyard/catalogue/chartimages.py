"""Images that the charts of others name, and the values by which such a chart is told another name or a digest."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from gpuyard.catalogue.images import Image

__all__ = ["ChartImage", "ChartImages", "Part", "with_images", "with_value"]


class Part(StrEnum):
    """Of an image's name, as charts take it."""

    REGISTRY = "registry"
    PATH = "path"
    REPOSITORY = "repository"
    DIGEST = "digest"
    HEX = "sha256Hex"
    TAG_AND_DIGEST = "tagAndDigest"


@dataclass(frozen=True, slots=True)
class ChartImage:
    """An image as the chart itself names it, and the path of the value that takes a part of the name."""

    repository: str
    tag: str
    values: Mapping[Part, str]
    option: str | None = None
    """The component's option without which it is not pulled."""


@dataclass(frozen=True, slots=True)
class ChartImages:
    """All of one version of a chart; nothing is known of another version."""

    version: str
    images: tuple[ChartImage, ...]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the catalogue's own words."""
        found = (
            ChartImage(
                repository=each["repository"],
                tag=each["tag"],
                values={Part(part): path for part, path in each["values"].items()},
                option=each.get("option"),
            )
            for each in data["list"]
        )
        return cls(data["version"], tuple(found))


def with_images(values: Mapping[str, Any], images: Iterable[tuple[ChartImage, Image]]) -> Mapping[str, Any]:
    """The chart's values, with what a mirror or a digest changes in its images; nothing else is written."""
    result = copy.deepcopy(dict(values))
    for named, pulled in images:
        parts = _parts(pulled)
        for part, path in named.values.items():
            if part in parts:
                _set(result, path, parts[part])
    return result


def with_value(values: Mapping[str, Any], path: str, value: object) -> Mapping[str, Any]:
    """The chart's values, with one more at a path with dots."""
    result = copy.deepcopy(dict(values))
    _set(result, path, value)
    return result


def _parts(image: Image) -> dict[Part, str]:
    registry, _, path = image.repository.partition("/")
    parts = {Part.REGISTRY: registry, Part.PATH: path, Part.REPOSITORY: image.repository} if image.mirror else {}
    if image.digest:
        parts[Part.DIGEST] = image.digest
        parts[Part.HEX] = image.digest.removeprefix("sha256:")
        parts[Part.TAG_AND_DIGEST] = f"{image.tag}@{image.digest}"
    return parts


def _set(values: dict[str, Any], path: str, value: object) -> None:
    *parents, key = path.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
    values[key] = value
