"""The one door to Git: what a branch holds, and commits on top of it; hooks, filters and configuration stay outside."""

from gpuyard.doors.git.host import Host, create_repository, host, ignores
from gpuyard.doors.git.origin import Origin, origin_of
from gpuyard.doors.git.proposal import Proposal, propose
from gpuyard.doors.git.remote import Remote
from gpuyard.doors.git.repository import Commit, Entry, Snapshot, commit, known_as, read_base, read_tree

__all__ = ["Commit", "Entry", "Host", "Snapshot", "commit", "create_repository", "host", "ignores"]
__all__ += ["Origin", "Proposal", "Remote", "known_as", "origin_of", "propose", "read_base", "read_tree"]
