"""What is printed or written for people is text and nothing else, whoever wrote it."""

import ast
import json
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gpuyard.cli import main as command_line
from gpuyard.cli.main import cli
from gpuyard.cli.output import emit_data, emit_json, emit_notes, progress, say
from gpuyard.commit.message import Words, message
from gpuyard.commit.suspicion import shown
from gpuyard.doors.git.process import Result, last_words
from gpuyard.doors.git.remote import parse_url
from gpuyard.doors.redaction import redacted
from gpuyard.doors.yamlio.characters import HIDDEN
from gpuyard.errors import GpuyardError, InputError, Location, OutputError, Problem, ToolError, visible
from gpuyard.render.markdown import prose
from gpuyard.review.placed import Consequence, Effect
from tests.projects import sources
from tests.test_architecture import modules

HOSTILE = {
    "escape": "\x1b[2J",
    "title": "\x1b]0;pwned\x07",
    "clipboard": "\x1b]52;c;cm0=\x07",
    "hyperlink": "\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "C1": "\x9b31m",
    "delete": "\x7f\x08",
    "return": "all is well\rerror",
    "line": "a\n::error file=stack.yaml::fake",
    "mask": "a\n  ::add-mask::x",
    "other lines": "a\x0b::error::\x85::error::\u2028::error::",
    "bidi": "\u202etxt.exe\u2066",
    "zero width": "a\u200bb\u2060c\ufeff",
    "filler": "a\u3164b\u115fc\uffa0",
    "selectors": "a\ufe0fb\U000e0101",
    "tags": "a\U000e0041b",
    "surrogate": "a\udc80b\ud800",
    "noncharacter": "a\uffffb\U0010ffff",
    "group": "##[group]x ##[error]y ##vso[task.setvariable variable=x]y",
}
_SAFE = re.compile(r"^\s*::|##\w*\[", re.MULTILINE)


def harmless(text: str) -> bool:
    """Lines that end as we end them, of characters that are seen, and nothing that CI obeys."""
    lines = text.split("\n")
    return all(line.isprintable() and not HIDDEN.search(line) for line in lines) and not _SAFE.search(text)


def test_whatever_a_blueprint_may_not_have_is_not_printed_either() -> None:
    """One idea of what hides: that of the reader and that of the messages."""
    hidden = [chr(code) for code in range(sys.maxunicode + 1) if HIDDEN.search(chr(code) + "x")]
    assert len(hidden) > 4000
    assert [ascii(char) for char in hidden if not visible(char).isascii()] == []
    assert visible("Grüße 漢字 \\n") == "Grüße 漢字 \\n"


@pytest.mark.attack("A21 printed text")
@pytest.mark.parametrize("case", HOSTILE)
def test_everything_that_prints(case: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = HOSTILE[case]
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr(logging.getLogger("gpuyard"), "propagate", False)  # pytest cannot tell surrogates
    say(text, f"name: {text}")
    say(text, err=True)
    emit_notes([text])
    progress(text)
    logging.getLogger("gpuyard.doors.git.worktree").warning("not touched: %s", text)
    emit_json({"error": text, "notes": [text], "problems": [{"file": text, "message": text}]})
    emit_data({"args": [text]})
    out, err = capsys.readouterr()
    assert harmless(out), ascii(out)
    assert harmless(err), ascii(err)
    assert err.count("\n") == 4


@pytest.mark.parametrize("case", HOSTILE)
def test_data_is_what_it_was(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Objects of a cluster must reach it; what is told to people has been made plain."""
    emit_data({"args": [HOSTILE[case]]})
    assert json.loads(capsys.readouterr().out) == {"args": [HOSTILE[case]]}
    emit_json({"error": f"two lines\n{HOSTILE[case]}", "notes": [HOSTILE[case]]})
    told = json.loads(capsys.readouterr().out)
    assert told["error"].startswith("two lines\n")
    assert told["notes"] == [visible(HOSTILE[case])]
    assert all(line.isprintable() for line in told["error"].split("\n"))


@pytest.mark.attack("A21 printed text")
@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize(
    "error",
    [
        lambda text: GpuyardError(text),
        lambda text: OutputError(f"{text} is in the way", "move it"),
        lambda text: InputError([Problem(Location(text), text), Problem(Location("stack.yaml", 1, 1), text)]),
    ],
    ids=["any", "lines", "problems"],
)
def test_an_error(case: str, error: Callable[[str], GpuyardError], monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: only problems were cleaned, and not the names of their files."""
    found = error(HOSTILE[case])
    lines = 2 if isinstance(found, InputError) or "move it" in str(found) else 1
    assert str(found).count("\n") == lines - 1
    monkeypatch.setattr(command_line, "import_module", lambda name: pytest.fail(name))

    def fail(ctx: click.Context) -> None:
        raise found

    monkeypatch.setattr(click.Group, "invoke", lambda self, ctx: fail(ctx))
    result = CliRunner().invoke(cli, ["check"])
    assert result.exit_code == found.exit_code
    assert harmless(result.output), ascii(result.output)
    assert result.output.count("\n") == lines


@pytest.mark.attack("A21 printed text")
@pytest.mark.parametrize("case", [case for case in HOSTILE if "\0" not in HOSTILE[case] and case != "surrogate"])
def test_a_mistake_in_the_command_line(
    case: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CI hands on names of branches and titles that a pull request has."""
    for arguments in (["check", f"--{HOSTILE[case]}"], [HOSTILE[case]], ["compile", "--trailer", HOSTILE[case]]):
        monkeypatch.setattr(sys, "argv", ["gpuyard", *arguments])
        with pytest.raises(SystemExit):
            command_line.main()
        out, err = capsys.readouterr()
        assert (out, harmless(err)) == ("", True), ascii(err)


@pytest.mark.attack("A21 printed text")
def test_a_branch(tmp_path: Path) -> None:
    for name, data in sources({}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / ".git").mkdir()
    result = CliRunner().invoke(cli, ["compile", "--branch", "::error::x", str(tmp_path)])
    assert (result.exit_code, result.output) == (65, "\\x3a:error::x: not a valid branch name\n")


@pytest.mark.attack("A21 printed text")
@pytest.mark.parametrize("case", HOSTILE)
def test_what_programs_say(case: str) -> None:
    words = last_words(Result("fetch", 128, b"", f"remote: {HOSTILE[case]}\nfatal: {HOSTILE[case]}"))
    assert words.isprintable()
    assert not HIDDEN.search(words)
    assert str(ToolError(f"fetching: {words}")).count("\n") == 0


@pytest.mark.attack("A21 printed text")
@pytest.mark.parametrize("case", HOSTILE)
def test_a_commit_s_message(case: str) -> None:
    text = HOSTILE[case]
    found = [Consequence(cluster="phx", blueprint="chat", effect=Effect.REMOVED, message=text)]
    whole = message("Compile chat", found, "0" * 64, Words(f"Subject\n\n{text}", (f"Key: {text}",)))
    assert all(line.isprintable() and not HIDDEN.search(line) for line in whole.split("\n"))
    assert [line for line in whole.split("\n") if line.startswith(("Key:", "Input-Digest:"))] == [
        f"Key: {visible(text)}",
        f"Input-Digest: {'0' * 64}",
    ]


def test_one_place_prints() -> None:
    """And errors get their lines one by one: a line break in a name must not begin another."""
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called in {"click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"}:
                assert name == "cli.output", f"{name}:{node.lineno} prints by itself"
            if called.endswith("Error") and any("\\n" in ast.unparse(each) for each in node.args):
                split = any("split(" in ast.unparse(each) for each in node.args)
                assert split, f"{name}:{node.lineno} makes lines of one text"


# --- secrets -------------------------------------------------------------------------------------------------


@pytest.mark.attack("A30 credentials in messages")
@pytest.mark.parametrize(
    "url",
    [
        *("git:PW@host:x", "http://bob:a/PW@h/x", "https://bob:a/PW@h/x", "https:/u:PW@h/x", "ext::sh -c PW@x", "ftp://u:PW@h/x"),
        *("https://h/x?private_token=PW", "https://u:b@h/x.git?token=PW", "https://h/x#PW", "http://PW@h/x", "ssh://u:PW@h/x"),
        *("https://u:PW@PW@h/", "git@h:-PW@x", "https://h/?a=b&PW"),
    ],
)  # fmt: skip
def test_c2_a_url_that_is_refused(url: str) -> None:
    with pytest.raises(InputError) as error:
        parse_url(url)
    assert "PW" not in str(error.value)


@pytest.mark.attack("A30 credentials in messages")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://bob:a/b@h/x", "https://bob:…@h/x"),
        ("cloning https:/u:PW@h/x failed", "cloning https:/…@h/x failed"),
        ("//u:PW@h/x: no such directory", "//u:…@h/x: no such directory"),
        ("git:PW@host:x", "git:…@host:x"),
        ("https://h/x?private_token=PW&y=1", "https://h/x?private_token=…&y=1"),
        ("https://h/x?a=1&X-Amz-Signature=PW", "https://h/x?a=1&X-Amz-Signature=…"),
        ("https://h:8080/p@v1 stays", "https://h:8080/p@v1 stays"),
        ("docker.io/vllm:v1@sha256:ab, nginx:1@sha256:cd", "docker.io/vllm:v1@sha256:ab, nginx:1@sha256:cd"),
        ("blueprints/chat.yaml:12:5: hf://a/b@c", "blueprints/chat.yaml:12:5: hf://a/b@c"),
        # Whatever stands before it, however long it is, and where it was cut.
        (f"{'0a' * 30}ssh://bob:PW@h/x", f"{'0a' * 30}ssh://bob:…@h/x"),
        ("xhttps://bob:PW@h/x, XHTTPS://tokenPW@h", "xhttps://…@h/x, XHTTPS://…@h"),
        ("ssh://bob:a@PW@h/x", "ssh://bob:…@h/x"),
        (f"ssh://{'bob' * 100}:{'PW' * 180}@h/x", f"ssh://{'bob' * 100}:…@h/x"),
        ("cannot be 'ssh://bob:secretPW … it", "cannot be 'ssh://bob:… … it"),
        ("cannot be … secretPW@h/x", "cannot be … …@h/x"),
        ("ssh://h:8080/ … and ssh://h:22", "ssh://h:8080/ … and ssh://h:22"),
        # A lock that is damaged is told with what stands in it.
        (f"a name cannot be 'hf_{'Zq7' * 9}PW'; restore", "a name cannot be '…'; restore"),
        (f"did you mean ghp_{'Zq7' * 12}PW?", "did you mean …?"),
        (f"{'0f' * 20} on main, sha256:{'ab' * 32}", f"{'0f' * 20} on main, sha256:{'ab' * 32}"),
    ],
)
def test_c2_a_message(text: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert redacted(text) == expected
    say(text)
    emit_json({"error": text})
    assert "PW" not in "".join(capsys.readouterr())


@pytest.mark.attack("A30 credentials in messages")
@pytest.mark.parametrize("before", range(0, 90, 9))
@pytest.mark.parametrize("secret", ["ssh://bob:PWPWPWPWPWPW@h/x", "git:PWPWPWPWPW@h:x", f"hf_{'PW' * 17}"])
def test_a_value_is_cut_when_nothing_in_it_is_secret_any_more(before: int, secret: str) -> None:
    """A password without the @ behind it would be none any more."""
    assert "PW" not in shown(f"{'-' * before} {secret}")


@pytest.mark.parametrize("text", ["x://a:" * 20_000, "//a:" * 30_000, "?" + "key" * 40_000, "a" * 100_000 + "@"])
def test_a_long_message_is_no_work(text: str) -> None:
    """Each pattern looks a bounded way ahead: these took minutes, and end in any case."""
    assert redacted(text)


@pytest.mark.attack("A30 credentials in messages")
@pytest.mark.parametrize("user", ["ada", "ghp_0123456789abcdefghij0123456789abcdef"])
def test_c2_nobody_in_argv(user: str) -> None:
    """Git hands its URL to a helper's argv, too: the user goes by settings that it reads from its environment."""
    there = parse_url(f"https://{user}@git.example.com/x/y")
    assert user not in there.url
    assert user not in there.label
    assert user not in repr(there)
    (key,) = there.settings
    assert key in ("credential.https://git.example.com.username", "http.https://git.example.com/.extraHeader")
    assert (there.settings[key] == user) == (user == "ada")


@pytest.mark.attack("A30 credentials in messages")
def test_c2_a_directory_that_was_meant_as_a_url() -> None:
    result = CliRunner().invoke(cli, ["check", "//u:PW@h/x"])
    assert (result.exit_code, result.output) == (66, "error: //u:…@h/x: no such directory\n")


# --- Markdown ------------------------------------------------------------------------------------------------


@pytest.mark.attack("A21 printed text")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://evil.example/x now", "see `https://evil.example/x` now"),
        ("WWW.evil.example, http://a", "`WWW.evil.example,` `http://a`"),
        ("mail ada@example.com or @ada", "mail `ada@example.com` or `@ada`"),
        ("fixes #12, !3 and GH-4", "fixes `#12,` `!3` and `GH-4`"),
        ("C# and x://y`z``", "C# and ``` x://y`z`` ```"),
        ("[x](y) <b> a|b *c* `d`", r"\[x\](y) \<b\> a\|b \*c\* \`d\`"),
        ("a\n# b\r\n- c", "a # b - c"),
        ("\u202ea\x1b", r"\\u202ea\\x1b"),
    ],
)
def test_c9_a_description(text: str, expected: str) -> None:
    assert prose(text) == expected
