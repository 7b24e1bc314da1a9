"""Parts that the files of several kinds share."""

from dataclasses import dataclass

from gpuyard.doors.yamlio import Path

__all__ = ["PodFile", "RopeScaling", "SecretKey", "Unique", "Vllm"]


@dataclass(frozen=True, slots=True)
class PodFile:
    """What a file of the pod holds: a file of the repository, or a key of a Secret or ConfigMap."""

    file: str | None = None
    secret: str | None = None
    config_map: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key of a Secret in the workload's namespace."""

    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class Vllm:
    """The model server, where it isn't the stack's; None: as there."""

    version: str | None = None
    image: str | None = None
    """Without a tag."""
    tag: str | None = None

    def under(self, above: "Vllm") -> "Vllm":
        """This one, and over it another; a tag belongs to the version and image that are named with it."""
        tag = above.tag or (None if above.version or above.image else self.tag)
        return Vllm(above.version or self.version, above.image or self.image, tag)


@dataclass(frozen=True, slots=True)
class Unique:
    """What no two blueprints of a stack may have in common, and where a blueprint says it."""

    what: str
    """Of which sort: a value of one sort doesn't clash with the same of another."""
    value: str
    path: Path
    clash: str
    """What to say when another blueprint has it; `{other}` is that one's name or file."""


@dataclass(frozen=True, slots=True)
class RopeScaling:
    """A longer context by YaRN; None: the model's own."""

    factor: float
    original_context: int | None = None
