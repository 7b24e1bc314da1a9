"""What a pull request may bring that means harm, and what the workflow's steps end with."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gpuyard.commit.lock import sha256
from tests.gittools import git

__all__ = ["CANARY", "CASES", "Case", "Spoil"]

Spoil = Callable[[Path, Path], None]
"""Changes a repository; the second folder is the machine's, where what must not happen leaves a file."""

CANARY = "hf_" + "Zq7Kp2Wm9Xv4Tb6Nc1Rd" + "8Yf3LsGh5JaQ"
"""A secret: of a source, of the machine's files and of its environment."""
CHAT, SERVICE, CHAT_LOCK = "blueprints/chat.yaml", "base/chat/service.yaml", "workloads/chat.lock"


@dataclass(frozen=True, slots=True)
class Case:
    """A checkout that means harm."""

    attack: str
    """Its class in SECURITY.md."""
    ends: tuple[int, int, int]
    """What check, diff and compile --check end with."""
    propose: Spoil = lambda repository, machine: None
    """What the pull request has."""
    place: Spoil = lambda workspace, machine: None
    """What Git does not carry: another step, or a machine that is not new each time, may leave it in the work tree."""
    branch: str = "proposal"
    depth: int = 0
    """Of the clone; 0 has all."""


def file(name: str, text: str | bytes, times: int = 1) -> Spoil:
    def make(root: Path, machine: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).unlink(missing_ok=True)
        data = text.encode() if isinstance(text, str) else text
        (root / name).write_bytes(data.replace(b"MACHINE", os.fsencode(machine)) * times)

    return make


def edit(name: str, old: str, new: str) -> Spoil:
    def make(root: Path, machine: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new.replace("MACHINE", str(machine))))

    return make


def link(name: str, target: str) -> Spoil:
    def make(root: Path, machine: Path) -> None:
        here = root / name
        shutil.rmtree(here) if here.is_dir() else here.unlink(missing_ok=True)
        here.parent.mkdir(parents=True, exist_ok=True)
        here.symlink_to(target.replace("MACHINE", str(machine)))

    return make


def pipe(name: str) -> Spoil:
    def make(root: Path, machine: Path) -> None:
        (root / name).unlink(missing_ok=True)
        os.mkfifo(root / name)

    return make


def lock(*names: str) -> Spoil:
    """More files that the locks call gpuyard's."""

    def make(root: Path, machine: Path) -> None:
        for each in (".gpuyard.lock", CHAT_LOCK):
            data = json.loads((root / each).read_text())
            data["files"] |= {name.replace("MACHINE", str(machine)): "0" * 64 for name in names}
            (root / each).write_text(json.dumps(data, indent=1) + "\n")

    return make


def agreed(root: Path, machine: Path) -> None:
    """A generated file that nobody generated, and a lock that says so."""
    text = (root / SERVICE).read_text().replace("ClusterIP", "LoadBalancer") + "# more\n"
    (root / SERVICE).write_text(text)
    data = json.loads((root / CHAT_LOCK).read_text())
    data["files"][SERVICE] = sha256(text)
    (root / CHAT_LOCK).write_text(json.dumps(data, indent=1) + "\n")


def many(root: Path, machine: Path) -> None:
    for number in range(5000):
        (root / f"blueprints/b{number}.yaml").write_text(f"a{number}: [\n")


def names(*all_of_them: bytes) -> Spoil:
    """Blueprints with such names."""

    def make(root: Path, machine: Path) -> None:
        for name in all_of_them:
            (root / "blueprints" / os.fsdecode(name)).write_bytes(b"a: 1\n")

    return make


def library(root: Path, machine: Path) -> None:
    """What Python would take for its own, were it to look here."""
    text = f"open({str(machine / 'ran')!r}, 'w')\n"
    for name in ("sitecustomize", "usercustomize", "jinja2", "click", "yaml", "json", "gpuyard/__init__", "git"):
        file(f"{name}.py", text)(root, machine)
    file("gpuyard/__main__.py", text)(root, machine)
    file("pyproject.toml", "[tool.gpuyard]\nurl = 'http://169.254.169.254/'\n")(root, machine)


def settings(root: Path, machine: Path) -> None:
    """What other programs would take for their settings."""
    file(".env", f"PYTHONPATH=.\nPATH=.\nGPUYARD_COMPILE_CACHE=on\nTOKEN={CANARY}\n")(root, machine)
    file("pip.conf", "[global]\nindex-url = http://169.254.169.254/\n")(root, machine)
    file(".netrc", f"machine git.example.com login a password {CANARY}\n")(root, machine)
    file(".gitconfig", f"[core]\n\tfsmonitor = touch {machine}/ran\n")(root, machine)


def git_settings(root: Path, machine: Path) -> None:
    """Everything in .git by which Git runs programs."""
    ran = f"touch {machine}/ran; cat"
    for key in ("core.fsmonitor", "core.pager", "core.editor", "diff.external", "diff.x.textconv", "diff.x.command"):
        git(root, "config", key, ran)
    for key in ("filter.x.clean", "filter.x.smudge", "filter.x.process", "credential.helper", "gpg.program"):
        git(root, "config", key, ran)
    git(root, "config", "core.hooksPath", ".git/theirs")
    git(root, "config", "core.alternateRefsCommand", ran)
    file(".git/info/attributes", "* diff=x filter=x merge=x\n")(root, machine)
    for folder in ("hooks", "theirs"):
        for hook in ("post-index-change", "reference-transaction", "pre-commit", "post-checkout", "fsmonitor-watchman"):
            file(f".git/{folder}/{hook}", f"#!/bin/sh\ntouch {machine}/ran\n")(root, machine)
            (root / f".git/{folder}/{hook}").chmod(0o755)


def submodule(root: Path, machine: Path) -> None:
    """One at a place that gpuyard reads, with an address that is a command."""
    file(".gitmodules", f'[submodule "x"]\n\tpath = models\n\turl = ext::sh -c touch% {machine}/ran\n')(root, machine)
    (root / "models").mkdir()
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},models")


def both(*all_of_them: Spoil) -> Spoil:
    def make(root: Path, machine: Path) -> None:
        for each in all_of_them:
            each(root, machine)

    return make


def text_for(key: str) -> Spoil:
    return edit(CHAT, "General chat and tool calls.", json.dumps(key))


COMMAND = "::error title=x::y"
OBEYED = (COMMAND, "::add-mask::e", "##[error]x", "##vso[task.setvariable variable=a]b", "::stop-commands::x")
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
)
GREEN, WRONG = (0, 0, 0), (65, 65, 65)
GENERATED, EDITED = (65, 0, 65), (76, 0, 76)
"""What is wrong with generated files alone; diff compares what follows from the sources."""

CASES: Mapping[str, Case] = {
    "nothing that means harm": Case("A15", GREEN),
    "a lock of the machine's files": Case("A18", GENERATED, lock("/etc/passwd", "MACHINE/secret", "../machine/secret")),
    "a lock of the user's files": Case("A18", GENERATED, lock("stack.yaml", CHAT, ".git/config", "notes.txt")),
    "a lock that is deep": Case("A18", GENERATED, file(CHAT_LOCK, "[", 100_000)),
    "a lock that is a link": Case("A20", GENERATED, link(".gpuyard.lock", "MACHINE/secret")),
    "a file that agrees with its lock": Case("A19", (0, 0, 79), agreed),
    "an edited file": Case("A19", EDITED, edit(SERVICE, "ClusterIP", "LoadBalancer")),
    "blueprints of the machine": Case("A20", WRONG, link("blueprints", "/etc")),
    "stack.yaml of the machine": Case("A20", WRONG, link("stack.yaml", "MACHINE/secret")),
    "a blueprint without an end": Case("A20", WRONG, link("blueprints/zero.yaml", "/dev/zero")),
    "a blueprint that waits": Case("A20", WRONG, place=pipe("blueprints/pipe.yaml")),
    "a generated file that waits": Case("A20", EDITED, place=pipe(SERVICE)),
    "a bomb of aliases": Case("A3", WRONG, file("blueprints/bomb.yaml", BOMB)),
    "200 levels": Case("A3", WRONG, file("blueprints/deep.yaml", "a: " + "[" * 200 + "]" * 200 + "\n")),
    "100,000 levels": Case("A3", WRONG, file("blueprints/deep.yaml", "[", 100_000)),
    "5,000 files": Case("A25", WRONG, many),
    "a file of 100 MiB": Case("A25", WRONG, file("blueprints/large.yaml", "# 34567\n" * 1024, 12_800)),
    "a lock of 100 MiB": Case("A25", GENERATED, file(CHAT_LOCK, "[[[[[[[\n" * 1024, 12_800)),
    "names that a terminal obeys": Case(
        "A21", WRONG, names(b"\x1b[2J\x1b]0;x\x07.yaml", b"a\n::error::b.yaml", b"\r::add-mask::e.yaml", b"\x9b1m.yaml")
    ),
    "names that a CI system obeys": Case("A21", WRONG, names(*(f"{each}.yaml".encode() for each in OBEYED))),
    "names that are no text": Case("A21", WRONG, names(b"\xff\xfe.yaml", b"\xed\xa0\x80.yaml")),
    "names of one file in two cases": Case("A21", WRONG, names(b"A.yaml", b"a.yaml")),
    "values that a CI system obeys": Case("A21", (0, 0, 79), text_for("\n".join(OBEYED))),
    "an unknown key that a CI system obeys": Case("A21", WRONG, edit(CHAT, "  slo:", f'  "{COMMAND}": 1\n  slo:')),
    "text that is no text": Case("A21", WRONG, file("blueprints/x.yaml", b"a: \xff\xfe\x00\n")),
    "attributes": Case("A28", GREEN, file(".gitattributes", "* filter=x diff=x ident text eol=crlf -merge\n")),
    "settings and hooks of Git": Case("A7", GREEN, place=git_settings),
    "a submodule": Case("A28", WRONG, submodule),
    "what Flux would apply": Case(
        "A22", GENERATED, file("clusters/phx/kustomization.yaml", "resources: [http://e/x]\n")
    ),
    "what Flux would leave out": Case("A22", GENERATED, file(".sourceignore", "base/\n")),
    "what Helm would leave out": Case("A22", GENERATED, file("charts/inference/.helmignore", "templates/\n")),
    "a library": Case("A15", GREEN, library),
    "settings of other programs": Case("A15", GREEN, settings),
    "a secret": Case("A11", WRONG, edit(CHAT, "  serving:\n", f"  serving:\n    env: {{HF_TOKEN: {CANARY}}}\n")),
    "a secret in a stack that is wrong": Case("A11", WRONG, edit("stack.yaml", "spec:\n", f"spec:\n  x: {CANARY}\n")),
    "a branch that is a command": Case("A15", GREEN, branch="a;touch${IFS}ran;$(id)`id`"),
    "a shallow clone": Case("A28", GREEN, depth=2),
    "a clone without the other branch's past": Case("A28", (66, 66, 66), depth=1),
}
