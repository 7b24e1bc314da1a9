"""Commits are signed where Git is set to sign, by real programs; `git verify-commit` says so."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpuyard.errors import ToolError
from tests.gittools import clone, files_of, git, healthy, isolate, new, put, serve, user_commit

FIRST = {"deploy/a.yaml": "a: 1\n", "deploy/b.yaml": "b: 1\n"}
SECOND = {"deploy/a.yaml": "a: 2\n", "deploy/b.yaml": None}


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    isolate(monkeypatch, tmp_path / "home")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("GNUPGHOME", str(tmp_path / "gnupg"))
    return tmp_path / "home"


@pytest.fixture
def tree(home: Path, tmp_path: Path) -> Path:
    root = new(tmp_path / "tree")
    user_commit(root, {"stack.yaml": "mine\n"})
    return root


def key_of(home: Path, name: str = "key", passphrase: str = "") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(home / name)], check=True)
    public = (home / f"{name}.pub").read_text()
    (home / "allowed").write_text(f"ada@example.com {public}")
    return home / f"{name}.pub"


def sign_with_ssh(home: Path, *, scope: str = "--global", where: Path | None = None) -> Path:
    """As people set it; the file of allowed signers is for `git verify-commit` alone."""
    key = key_of(home)
    for name, value in {"commit.gpgsign": "true", "gpg.format": "ssh", "user.signingkey": str(key)}.items():
        git(where or home, "config", scope, name, value)
    git(home, "config", "--global", "gpg.ssh.allowedSignersFile", str(home / "allowed"))
    return key


def test_a_commit_is_signed_and_else_the_same(home: Path, tree: Path) -> None:
    plain = put(tree, FIRST)
    assert plain is not None
    before = git(tree, "cat-file", "commit", plain.id)
    git(tree, "reset", "-q", "--hard", "HEAD~")
    sign_with_ssh(home)
    signed = put(tree, FIRST)
    assert signed is not None
    git(tree, "verify-commit", signed.id)
    content = git(tree, "cat-file", "commit", signed.id)
    head, _, rest = content.partition("gpgsig -----BEGIN SSH SIGNATURE-----")
    assert head + rest.partition("-----END SSH SIGNATURE-----\n")[2] == before
    assert git(tree, "status", "--porcelain") == ""
    healthy(tree)


def test_each_commit_is_signed(home: Path, tree: Path) -> None:
    sign_with_ssh(home)
    assert put(tree, FIRST)
    assert put(tree, SECOND)
    assert put(tree, SECOND) is None
    for commit in git(tree, "rev-list", "--max-count=2", "HEAD").split():
        git(tree, "verify-commit", commit)
    assert files_of(tree)["deploy/a.yaml"] == "a: 2"
    assert git(tree, "fsck", "--no-reflogs", "--unreachable") == ""  # nothing of the commit before its signature


def test_the_first_commit_of_a_repository(home: Path, tmp_path: Path) -> None:
    sign_with_ssh(home)
    root = new(tmp_path / "empty")
    assert put(root, FIRST)
    git(root, "verify-commit", "HEAD")
    healthy(root)


def test_a_repository_may_say_how_and_by_which_key(home: Path, tree: Path) -> None:
    """The key of this repository; not what is run."""
    sign_with_ssh(home, scope="--local", where=tree)
    assert put(tree, FIRST)
    git(tree, "verify-commit", "HEAD")


def test_a_key_beside_the_repository(home: Path, tree: Path) -> None:
    sign_with_ssh(home)
    git(tree, "config", "user.signingkey", "../home/key.pub")
    assert put(tree, FIRST)
    git(tree, "verify-commit", "HEAD")


@pytest.mark.parametrize("value", ["false", "no", "off", "0", ""])
def test_a_repository_may_go_without(home: Path, tree: Path, value: str) -> None:
    sign_with_ssh(home)
    git(tree, "config", "commit.gpgsign", value)
    assert put(tree, FIRST)
    assert "gpgsig" not in git(tree, "cat-file", "commit", "HEAD")


def test_a_key_without_a_value_is_true(home: Path, tree: Path) -> None:
    sign_with_ssh(home)
    git(home, "config", "--global", "--unset", "commit.gpgsign")
    with (home / ".gitconfig").open("a") as stream:
        stream.write("[commit]\n\tgpgSign\n")
    assert put(tree, FIRST)
    git(tree, "verify-commit", "HEAD")


@pytest.mark.parametrize("name", ["gpg.program", "gpg.ssh.program", "gpg.openpgp.program", "gpg.ssh.defaultKeyCommand"])
@pytest.mark.parametrize("way", ["config", "include", "worktree"])
def test_no_program_of_the_repository_is_run(home: Path, tree: Path, tmp_path: Path, name: str, way: str) -> None:
    """However it comes to be set: whoever packs a repository sets what he likes."""
    trap, canary = tmp_path / "trap", tmp_path / "canary"
    trap.write_text(f"#!/bin/sh\necho sprung > {canary}\nexit 1\n")
    trap.chmod(0o755)
    sign_with_ssh(home)
    if name.endswith("Command"):
        git(home, "config", "--global", "--unset", "user.signingkey")
    elif name != "gpg.ssh.program":
        git(tree, "config", "gpg.format", "openpgp")
    if way == "include":
        git(tree, "config", "--file", ".git/more", name, str(trap))
        git(tree, "config", "include.path", "more")
    elif way == "worktree":
        git(tree, "config", "extensions.worktreeConfig", "true")
        git(tree, "config", "--worktree", name, str(trap))
    else:
        git(tree, "config", name, str(trap))
    if name == "gpg.ssh.program":
        assert put(tree, FIRST)
        git(tree, "config", "--worktree" if way == "worktree" else "--local", "gpg.ssh.program", "ssh-keygen")
        git(tree, "verify-commit", "HEAD")
    else:
        head = git(tree, "rev-parse", "HEAD")
        with pytest.raises(ToolError, match=rf"{name.lower()} of the repository itself is not run, set it with "):
            put(tree, FIRST)
        assert git(tree, "rev-parse", "HEAD") == head
    assert not canary.exists()
    # Git itself would have run it.
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "x"], cwd=tree, capture_output=True, check=False)
    assert canary.exists() or name == "gpg.ssh.program"


def test_the_user_s_own_program_is_run(home: Path, tree: Path) -> None:
    program = home / "signer"
    program.write_text(f'#!/bin/sh\necho run >> {home}/log\nexec ssh-keygen "$@"\n')
    program.chmod(0o755)
    sign_with_ssh(home)
    git(home, "config", "--global", "gpg.ssh.program", str(program))
    assert put(tree, FIRST)
    assert (home / "log").read_text() == "run\n"
    git(tree, "verify-commit", "HEAD")


@pytest.mark.parametrize("key", ["nowhere.pub", "locked.pub"])
def test_a_signature_that_fails_is_an_error_and_writes_nothing(home: Path, tree: Path, key: str) -> None:
    sign_with_ssh(home)
    key_of(home, "locked", "a passphrase that nobody types here")
    git(home, "config", "--global", "user.signingkey", str(home / key))
    head = git(tree, "rev-parse", "HEAD")
    with pytest.raises(
        ToolError, match=r"the commit cannot be signed: .*; nothing was committed; `git config"
    ) as caught:
        put(tree, FIRST)
    assert key.removesuffix(".pub") in str(caught.value)
    assert git(tree, "rev-parse", "HEAD") == head
    assert git(tree, "status", "--porcelain") == ""


def test_what_is_pushed_to_a_url_is_signed_by_the_user_s_own_settings(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_with_ssh(home)
    bare = new(tmp_path / "there.git", "--bare")
    serve(monkeypatch, tmp_path)
    url = f"ssh://git@git.example.com{bare}"
    assert put(url, FIRST)
    assert put(url, SECOND)
    copy = clone(bare, tmp_path / "copy")
    for commit in git(copy, "rev-list", "HEAD").split():
        git(copy, "verify-commit", commit)


@pytest.fixture
def gnupg(tmp_path: Path, home: Path) -> Iterator[None]:
    """A key of GnuPG without a passphrase; its agent ends with the test."""
    (tmp_path / "gnupg").mkdir(mode=0o700)
    make = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "Ada <ada@example.com>", "ed25519"]
    subprocess.run(make, check=True, capture_output=True)
    yield
    subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)


@pytest.mark.usefixtures("gnupg")
def test_openpgp_and_its_default_key(home: Path, tree: Path) -> None:
    """The key is that of the committer's address, where none is named."""
    git(home, "config", "--global", "commit.gpgsign", "true")
    assert put(tree, FIRST)
    git(tree, "verify-commit", "HEAD")
    git(home, "config", "--global", "user.signingkey", "nobody@example.com")
    with pytest.raises(ToolError, match="the commit cannot be signed: "):
        put(tree, SECOND)


def test_a_sha256_repository(home: Path, tmp_path: Path) -> None:
    sign_with_ssh(home)
    root = new(tmp_path / "r", "--object-format=sha256")
    assert put(root, FIRST)
    git(root, "verify-commit", "HEAD")
