"""The one door to Git: what a branch holds, and commits on top of it; hooks, filters and configuration stay outside."""

from gpuyard.doors.git.repository import Commit, Entry, Snapshot, commit, create_repository, read_base, read_tree

__all__ = ["Commit", "Entry", "Snapshot", "commit", "create_repository", "read_base", "read_tree"]
