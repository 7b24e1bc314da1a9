"""What a stack says of the monitoring that it installs: where measurements stay, who is told, who may look."""

from dataclasses import dataclass

__all__ = ["Alertmanager", "Disk", "Grafana"]


@dataclass(frozen=True, slots=True)
class Disk:
    """A volume; storage_class None: the stack's for block volumes."""

    size: str
    storage_class: str | None = None


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """Whom alerts go to, in a Secret: receivers hold passwords."""

    config_secret: str


@dataclass(frozen=True, slots=True)
class Grafana:
    """Installed where it is named; with whose password, in a Secret."""

    admin_secret: str
