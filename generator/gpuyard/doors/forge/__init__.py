"""The one door to forges: pull requests of GitHub, GitLab and Gitea or Forgejo, their comments and labels."""

from gpuyard.doors.forge.address import KINDS, Address, Token, address_of, ci_repository, token_of
from gpuyard.doors.forge.client import Comment, Forge, Request, UnsureError, git_login, open_forge
from gpuyard.doors.forge.gitlab import GitLab
from gpuyard.doors.forge.gitlabruns import Left, left, open_numbers

__all__ = ["KINDS", "Address", "Comment", "Forge", "Request", "Token", "UnsureError", "address_of"]
__all__ += ["GitLab", "Left", "ci_repository", "git_login", "left", "open_forge", "open_numbers", "token_of"]
