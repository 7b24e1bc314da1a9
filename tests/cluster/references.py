"""How an object is named in tests: as one would to kubectl, "kustomization/chat -n flux-system"."""

from dataclasses import dataclass

__all__ = ["Reference", "reference"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A kind, as kubectl knows it, a name and a namespace."""

    kind: str
    name: str
    namespace: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}" + (f" -n {self.namespace}" if self.namespace else "")


def reference(text: str) -> Reference:
    """Parse "kind/name" or "kind/name -n namespace"; raises ValueError when it is neither."""
    match text.split():
        case [named]:
            namespace = None
        case [named, "-n" | "--namespace", namespace]:
            pass
        case _:
            raise ValueError(f"{text!r} is not of the form 'kind/name -n namespace'")
    kind, slash, name = named.partition("/")
    if not (kind and slash and name):
        raise ValueError(f"{text!r} is not of the form 'kind/name -n namespace'")
    return Reference(kind, name, namespace)
