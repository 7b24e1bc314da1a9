"""What a scanner found, and which findings are known and explained."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

__all__ = ["Exemption", "Finding", "Report", "exemptions"]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A scanner's rule and what breaks it: overlays/a10/chat/Deployment/chat, or a file."""

    id: str
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that one scanner says; `looked` counts what it was given, such as 149 objects."""

    scanner: str
    looked: str
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Exemption:
    """A finding that stays, with the reason; `objects` is a pattern as in a shell."""

    id: str
    objects: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether this explains the finding."""
        return finding.id == self.id and fnmatchcase(finding.where, self.objects)


def exemptions(file: Path) -> list[Exemption]:
    """What exemptions.toml lists, one for each id and pattern; each must have a reason."""
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["exemption"]
    found = [
        Exemption(name, objects, entry["reason"])
        for entry in entries
        for name in entry["ids"]
        for objects in entry["objects"]
    ]
    if unexplained := [each.id for each in found if len(each.reason.split()) < 5]:
        raise SystemExit(f"{file.name}: say why: {', '.join(unexplained)}")
    return found
