"""What `gpuyard compile` says at its end, as data for machines and as lines for people; an error has the same keys."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from gpuyard.cli.output import table
from gpuyard.cli.report import as_data, as_lines, told, told_as_data
from gpuyard.commit.lock import is_lock

if TYPE_CHECKING:
    from gpuyard.commit.plan import Plan
    from gpuyard.doors.git import Commit, Snapshot
    from gpuyard.resolve import Resolved

__all__ = ["Outcome", "news"]

_SHORT = 12
"""Digits of a commit that people read."""
_NAMED = 12
"""Files that are named one by one; more are counted by folder."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """As far as it has come; `base` is the commit that is up to date, `stale` what a check found."""

    branch: str = ""
    resolved: "Resolved | None" = None
    plan: "Plan | None" = None
    commit: "Commit | None" = None
    base: str | None = None
    pushed: bool = False
    wrote: bool = False
    """Files, to a work tree and without a commit."""
    stale: tuple[PurePosixPath, ...] = ()

    @property
    def notes(self) -> list[str]:
        """What is worth saying."""
        if self.plan:
            return [*self.plan.notes, *told(self.plan.consequences)]
        return list(self.resolved.notes) if self.resolved else []

    @property
    def changes(self) -> "Commit | Plan | None":
        """What was written and deleted; None: nothing was."""
        return self.commit or (self.plan if self.wrote else None)

    def data(self) -> dict[str, Any]:
        """For a machine."""
        changes = self.changes
        empty: dict[str, Any] = {"workloads": [], "refused": [], "placements": [], "prerequisites": []}
        return {
            "ok": True,
            "error": None,
            "problems": [],
            **(as_data(self.resolved) if self.resolved else empty),
            "commit": self.commit.id if self.commit else None,
            "branch": self.branch,
            "base": self.base,
            "pushed": self.pushed,
            "written": sorted(map(str, changes.written)) if changes else [],
            "deleted": sorted(map(str, changes.deleted)) if changes else [],
            "stale": list(map(str, self.stale)),
            "notes": self.notes,
            "consequences": told_as_data(self.plan.consequences if self.plan else ()),
        }

    def lines(self, snapshot: "Snapshot | None", where: str) -> list[str]:
        """For people; `where` is the place that was compiled to."""
        changes = self.changes
        if changes is None:
            if snapshot is None:
                return [f"up to date: {where}"]
            pushed = f", pushed to {_remote(snapshot)}" if self.pushed else ""
            return [f"up to date: {self.branch} at {(self.base or '')[:_SHORT]}{pushed}"]
        fits = as_lines(self.resolved) if self.resolved else []
        counts = _counts(changes.written, changes.deleted)
        if self.commit and snapshot:
            last = f"commit {self.commit.id[:_SHORT]} on {self.branch}: {counts}{self._where(snapshot)}"
        else:
            last = f"{counts} in {where}, not committed"
        return [*news(changes.written, changes.deleted), "", *([*fits, ""] if fits else []), last]

    def _where(self, snapshot: "Snapshot") -> str:
        if self.pushed:
            return f"; pushed to {_remote(snapshot)}"
        if remote := snapshot.remote:
            return f"; not pushed to {remote}, where clusters read it; run this again with --push"
        return ""


def news(written: Iterable[PurePosixPath], deleted: Iterable[PurePosixPath]) -> list[str]:
    """What changes, file by file, or by top folder where there is more."""
    rows = [(path, what) for paths, what in ((written, ""), (deleted, "deleted")) for path in paths]
    rows = [(path, what) for path, what in rows if not is_lock(path)]
    if len(rows) <= _NAMED:
        return table([(str(path), what) for path, what in sorted(rows)])
    counts: dict[str, list[int]] = {}
    for path, what in rows:
        top = f"{path.parts[0]}/" if len(path.parts) > 1 else str(path)
        counts.setdefault(top, [0, 0])[what == "deleted"] += 1
    return table([(name, _of_folder(*count) if name.endswith("/") else "") for name, count in sorted(counts.items())])


def _of_folder(written: int, deleted: int) -> str:
    parts = [f"{written} files"] if written else []
    return ", ".join([*parts, *([f"{deleted} deleted"] if deleted else [])])


def _counts(written: Iterable[PurePosixPath], deleted: Sequence[PurePosixPath]) -> str:
    counts = [(len(list(written)), "written"), (len(deleted), "deleted")]
    return ", ".join(f"{count} files {what}" for count, what in counts if count)


def _remote(snapshot: "Snapshot") -> str:
    return snapshot.remote or snapshot.target.label
