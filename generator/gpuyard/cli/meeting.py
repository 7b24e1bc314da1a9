"""Which forge a directory is about, and what lets us in: its remote's, or that of the CI that runs us."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gpuyard.doors import git
from gpuyard.doors.forge import Address, Forge, Token, address_of, ci_repository, git_login, open_forge, token_of
from gpuyard.errors import MissingError
from gpuyard.project.located import Located, head_of, located

__all__ = ["Meeting", "meet", "whose"]


@dataclass(frozen=True, slots=True)
class Meeting:
    """A checkout, its remote, and the forge that both are about."""

    where: Located
    origin: git.Origin
    address: Address
    forge: Forge
    token: Token

    def shown(self) -> git.Remote:
        """The remote, which Git shows the token as well."""
        return self.origin.shown(git_login(self.token), f"the token of ${self.token.variable}")


def meet(directory: Path, branch: str, kind: str | None, api: str | None) -> Meeting:
    """Whom to ask, and whether we may: before anything is pushed."""
    if (where := located(directory)) is None:
        raise MissingError(f"{directory} is in no Git repository, so nothing can be proposed from it")
    origin = git.origin_of(where.top, branch or head_of(where.top) or "")
    address = address_of(origin.remote.url, kind, api)
    token = token_of(address)
    return Meeting(where, origin, address, open_forge(address, token), token)


def whose(directory: Path, kind: str | None, api: str | None) -> tuple[Forge, PurePosixPath]:
    """The forge of a checkout; or, where nothing is checked out, that of the repository whose CI this is a run of."""
    if where := located(directory):
        return meet(directory, "", kind, api).forge, where.folder
    if (url := ci_repository()) is None:
        raise MissingError(f"{directory} is in no Git repository, and this is no run of CI that says which one it is")
    address = address_of(url, kind, api)
    folder = PurePosixPath() if directory.is_absolute() else PurePosixPath(directory.as_posix())
    return open_forge(address, token_of(address)), folder
