"""Where a repository on disk is pushed to: its remote, with what lets us in."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from gpuyard.doors.git.local import open_local
from gpuyard.doors.git.process import read_config
from gpuyard.doors.git.remote import Remote, is_url
from gpuyard.errors import MissingError

__all__ = ["Origin", "origin_of"]


class Origin(NamedTuple):
    """A remote by its name, and what is known of it."""

    name: str
    remote: Remote
    git_dir: Path
    """Of the repository whose remote it is: who commits, and how commits are signed."""

    def shown(self, header: str, name: str) -> Remote:
        """The remote that is shown a header, unless the user or CI already gave it a login: two would be refused.

        `name` is what messages call it.
        """
        url, known = self.remote.url, self.remote.settings
        if not url.startswith("https://") or any(key.lower().endswith("extraheader") for key in known):
            return self.remote
        server = "/".join(url.split("/")[:3])
        return replace(self.remote, settings={**known, f"http.{server}/.extraHeader": header}, login=name)


def origin_of(top: Path, branch: str) -> Origin:
    """The remote of a branch; MissingError says how to give it one."""
    local = open_local(top)
    config = read_config(local.git_dir, r"^(branch|remote)\.")
    name = config.get(f"branch.{branch}.remote") or "origin"
    url = config.get(f"remote.{name}.pushurl") or config.get(f"remote.{name}.url")
    if not url:
        raise MissingError(f"{local.label} has no remote {name} to push to; `git remote add {name} URL`")
    if not is_url(url):
        raise MissingError(f"the remote {name} of {local.label} is a directory, and no forge that has requests: {url}")
    return Origin(name, local.there(url), local.git_dir)
