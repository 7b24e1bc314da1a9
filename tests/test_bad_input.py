"""What a user can get wrong: each ends with one clear message, the right exit code, and nothing half-written."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gpuyard.cli.main import cli, main

EDITS: dict[str, tuple[str, str, str, int, str]] = {
    # name: file, old, new, exit code, message
    "unknown key": (
        "blueprints/chat.yaml",
        "contextLength:",
        "contextLenght:",
        65,
        "blueprints/chat.yaml:12:5: spec.serving.contextLenght is not known; did you mean contextLength?",
    ),
    "wrong type": (
        "blueprints/chat.yaml",
        "concurrency: 32",
        'concurrency: "32"',
        65,
        "blueprints/chat.yaml:13:18: spec.serving.concurrency",
    ),
    "duplicate key": (
        "blueprints/chat.yaml",
        "  serving:",
        "  model: {}\n  serving:",
        65,
        "blueprints/chat.yaml:11:3: ",
    ),
    "alias": ("blueprints/chat.yaml", "name: chat", "name: &n chat", 65, "blueprints/chat.yaml:5:9: "),
    "unknown shape": (
        "stack.yaml",
        "a10:",
        "a11:",
        65,
        "is not a shape; did you mean a10?",
    ),
    "unknown OCI shape": (
        "stack.yaml",
        "BM.GPU.H100.8",
        "BM.GPU.H100.9",
        65,
        "BM.GPU.H100.9 is not an OCI shape of h100; did you mean BM.GPU.H100.8?",
    ),
    "name in capitals": (
        "blueprints/chat.yaml",
        "name: chat",
        "name: Chat",
        65,
        'metadata.name is "Chat"; must be lower-case',
    ),
    "name begins with vllm": (
        "blueprints/chat.yaml",
        "name: chat",
        "name: vllm-chat",
        65,
        "not begin with vllm",
    ),
    "unknown model": (
        "blueprints/chat.yaml",
        "llama-3.1-8b-instruct",
        "llama-3.1-8b-instrct",
        65,
        "llama-3.1-8b-instrct is not in the catalogue; did you mean llama-3.1-8b-instruct",
    ),
    "removed flag": (
        "blueprints/chat.yaml",
        "tool-call-parser: llama3_json",
        "disable-log-requests: true",
        65,
        "blueprints/chat.yaml:16:7: spec.serving.args.disable-log-requests",
    ),
    "model that does not fit": (
        "blueprints/assistant.yaml",
        "      model: {name: llama-3.3-70b-instruct-awq}\n",
        "",
        65,
        "blueprints/assistant.yaml:17:5: spec.shapes.a10: ",
    ),
    "a token in the file": (
        "blueprints/chat.yaml",
        "{secret: hf-token, key: token}",
        "{secret: hf-token, key: hf_" + "aB3dE5gH7j" * 3 + "}",
        65,
        "blueprints/chat.yaml:10:42: spec.model.credentials.key looks like a Hugging Face token",
    ),
    "too many GPUs": ("blueprints/chat.yaml", "max: 4", "max: 100", 65, "spec.policy.maxGpus is 64"),
    "plain http": ("stack.yaml", "https://", "http://", 65, "plain http can be read and changed in transit"),
}


def run(*args: str | Path, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args], env=env)


@pytest.mark.parametrize("name", EDITS)
def test_edit(name: str, project: Path) -> None:
    file, old, new, code, message = EDITS[name]
    text = (project / file).read_text(encoding="utf-8")
    assert old in text
    (project / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    result = run("check", project)
    assert result.exit_code == code, result.output
    assert message in result.output
    assert "Traceback" not in result.output


def test_all_problems_at_once(project: Path) -> None:
    for name in ("unknown key", "unknown model", "plain http"):
        file, old, new, *_ = EDITS[name]
        text = (project / file).read_text(encoding="utf-8")
        (project / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    result = run("check", project)
    assert result.exit_code == 65
    # `plain http` is the stack's own, which is wrong in a way that only `resolve` sees.
    for name in ("unknown key", "plain http"):
        assert EDITS[name][4] in result.output


def test_problems_of_all_stages_at_once(project: Path) -> None:
    folder = project / "blueprints"
    chat = (folder / "chat.yaml").read_text(encoding="utf-8")
    (folder / "again.yaml").write_text(chat.replace("token}", "token} # again"), encoding="utf-8")
    (folder / "bounds.yaml").write_text(
        chat.replace("name: chat", "name: bounds").replace("min: 1", "min: 9"), encoding="utf-8"
    )
    (folder / "model.yaml").write_text(
        chat.replace("name: chat", "name: model").replace("llama-3.1", "lama-3.1"), encoding="utf-8"
    )
    (folder / "syntax.yaml").write_text("a: [", encoding="utf-8")
    (folder / "typo.yaml").write_text(
        chat.replace("name: chat", "name: talk").replace("    name: llama", "    nam: llama"), encoding="utf-8"
    )
    stack = (project / "stack.yaml").read_text(encoding="utf-8")
    # What is wrong with a file says nothing about who names its blueprint.
    places = "    blueprints: {talk: a10, syntax: a10, nobody: a10}\n"
    (project / "stack.yaml").write_text(stack + places, encoding="utf-8")
    result = run("check", project)
    assert result.exit_code == 65
    found = [line.split(":")[0] + ":" + line.partition(" ")[2] for line in result.output.splitlines()]
    assert [line[: line.index(";") if ";" in line else None] for line in found] == [
        "blueprints/bounds.yaml:spec.scaling.min: 9 is more than scaling.max, 4",
        "blueprints/chat.yaml:metadata.name chat is blueprints/again.yaml's name already",
        "blueprints/model.yaml:spec.model.name: lama-3.1-8b-instruct is not in the catalogue",
        "blueprints/syntax.yaml:the file ends inside a [ or {",
        "blueprints/typo.yaml:spec.model.nam is not known",
        "stack.yaml:spec.clusters[0].blueprints.nobody: no blueprint is called nobody",
    ]


def test_json_problems(project: Path) -> None:
    import json

    file, old, new, *_ = EDITS["unknown key"]
    text = (project / file).read_text(encoding="utf-8")
    (project / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    result = run("check", project, "--output", "json")
    assert result.exit_code == 65
    (problem,) = json.loads(result.stdout)["problems"]
    assert problem["file"] == "blueprints/chat.yaml"
    assert (problem["line"], problem["column"]) == (12, 5)


def remove_stack(project: Path) -> None:
    (project / "stack.yaml").unlink()


def remove_blueprints(project: Path) -> None:
    for file in (project / "blueprints").iterdir():
        file.unlink()


def huge(project: Path) -> None:
    (project / "blueprints" / "chat.yaml").write_text("a: " + "x" * 300_000, encoding="utf-8")


def link_outside(project: Path) -> None:
    (project / "blueprints" / "secret.yaml").symlink_to("/etc/passwd")


def unreadable_name(project: Path) -> None:
    (project / "blueprints" / "dir.yaml").mkdir()


def pipe(project: Path) -> None:
    os.mkfifo(project / "blueprints" / "pipe.yaml")


def dangling(project: Path) -> None:
    (project / "blueprints" / "gone.yaml").symlink_to("nowhere")


def sub_folder(project: Path) -> None:
    (project / "blueprints" / "team").mkdir()
    (project / "blueprints" / "chat.yaml").rename(project / "blueprints" / "team" / "search.yaml")


def capitals(project: Path) -> None:
    (project / "blueprints" / "chat.yaml").rename(project / "blueprints" / "search.YAML")


def other_ending(project: Path) -> None:
    (project / "blueprints" / "chat.yaml").rename(project / "blueprints" / "search.yaaaml")


def same_name(project: Path) -> None:
    text = (project / "blueprints" / "chat.yaml").read_text(encoding="utf-8")
    (project / "blueprints" / "other.yaml").write_text(text, encoding="utf-8")


def same_served_name(project: Path) -> None:
    text = (project / "blueprints" / "chat.yaml").read_text(encoding="utf-8")
    text = text.replace("name: chat", "name: talk").replace("  model:\n", "  model:\n    servedName: chat\n")
    (project / "blueprints" / "talk.yaml").write_text(text, encoding="utf-8")


def same_host(project: Path) -> None:
    text = (project / "blueprints" / "chat.yaml").read_text(encoding="utf-8") + "  expose: {host: ai.example.com}\n"
    for name in ("chat", "talk"):
        (project / "blueprints" / f"{name}.yaml").write_text(text.replace("name: chat", f"name: {name}"), "utf-8")


def same_cluster(project: Path) -> None:
    text = (project / "stack.yaml").read_text(encoding="utf-8")
    (project / "stack.yaml").write_text(text + text[text.index("  - name: phx") :], encoding="utf-8")


FILES: dict[str, tuple[Callable[[Path], None], int, str]] = {
    "no stack": (remove_stack, 66, "no stack.yaml here; `gpuyard init DIR` makes a new repository"),
    "no blueprints": (remove_blueprints, 0, "no blueprints here, so only the platform is deployed; add one as"),
    "huge file": (huge, 65, "blueprints/chat.yaml: "),
    "link out of the directory": (
        link_outside,
        65,
        "blueprints/secret.yaml: is a symbolic link; use a regular file",
    ),
    "folder as a file": (unreadable_name, 65, "blueprints/dir.yaml: is a directory; use a regular file"),
    "pipe": (pipe, 65, "blueprints/pipe.yaml: is a device, pipe or socket; use a regular file"),
    "link to nothing": (dangling, 65, "blueprints/gone.yaml: is a symbolic link; use a regular file"),
    "file in a sub-folder": (
        sub_folder,
        65,
        "blueprints: 'blueprints/team/search.yaml': gpuyard does not read sub-folders; move it to blueprints/",
    ),
    "ending in capitals": (
        capitals,
        65,
        "blueprints: 'blueprints/search.YAML': gpuyard does not read this extension; rename it to search.yaml",
    ),
    "another ending": (
        other_ending,
        65,
        "blueprints: 'blueprints/search.yaaaml': gpuyard does not read this extension; rename it to search.yaml",
    ),
    "one served name twice": (
        same_served_name,
        65,
        "spec.model.servedName: clients and metrics know the model of blueprints/chat.yaml by chat already",
    ),
    "one host twice": (
        same_host,
        65,
        "spec.expose.host: ai.example.com leads to blueprints/chat.yaml already; give it another host",
    ),
    "one cluster twice": (same_cluster, 65, "spec.clusters: two clusters are called phx"),
    "one name twice": (same_name, 65, "metadata.name chat is blueprints/chat.yaml's name already"),
}


@pytest.mark.attack("A4 ambiguous YAML")
@pytest.mark.parametrize("name", FILES)
def test_files(name: str, project: Path) -> None:
    spoil, code, message = FILES[name]
    spoil(project)
    result = run("check", project)
    assert (result.exit_code, message in result.output) == (code, True), result.output


def test_what_editors_leave_beside_a_file_is_not_read(project: Path) -> None:
    before = run("check", project).output
    for name in (".#chat.yaml", "chat.yaml~", ".chat.yaml.swp", "#chat.yaml#", ".draft.yaml", "README.md"):
        (project / "blueprints" / name).symlink_to("nowhere")
    (project / "blueprints" / "chat.yaml").rename(project / "blueprints" / "chat.yml")
    result = run("check", project)
    assert (result.exit_code, result.output) == (0, before.replace("chat.yaml", "chat.yml"))


def test_missing_directory(tmp_path: Path) -> None:
    result = run("check", tmp_path / "nowhere")
    assert (result.exit_code, result.output) == (66, f"error: {tmp_path / 'nowhere'}: no such directory\n")


def test_unknown_command() -> None:
    result = run("complie")
    assert result.exit_code == 2
    assert "there is no command complie; did you mean compile?" in result.output


def test_an_interrupt_says_what_is_left(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupted)
    with pytest.raises(SystemExit) as end:
        main()
    assert (end.value.code, capsys.readouterr().err) == (130, "interrupted; nothing was left half done\n")


def test_no_helm_at_all(project: Path) -> None:
    result = run("render", "chat", project, "--shape", "a10", env={"GPUYARD_HELM": "/nowhere/helm"})
    assert result.exit_code == 69
    assert "no helm at GPUYARD_HELM=/nowhere/helm" in result.output


@pytest.fixture(params=["absent", "empty"])
def without_library(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Helm's library isn't installed; or pip found no wheel, and its package has no shared library. Returns why."""
    for name in [each for each in sys.modules if each.partition(".")[0] == "helm_python"]:
        monkeypatch.delitem(sys.modules, name)
    if request.param == "absent":
        monkeypatch.setitem(sys.modules, "helm_python", None)
        return "import of helm_python halted"
    package = tmp_path / "site" / "helm_python"
    package.mkdir(parents=True)
    reason = "could not find the helm-c native library"
    (package / "__init__.py").write_text(f"raise RuntimeError('{reason}. Searched:\\n  /x')", encoding="utf-8")
    monkeypatch.syspath_prepend(package.parent)
    return reason


def test_no_library_and_no_helm(project: Path, without_library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    why = f"Helm's library (helm-python-sdk) cannot be loaded: {without_library}"
    result = run("render", "chat", project, "--shape", "a10")
    assert (result.exit_code, result.output.startswith(f"error: there is no helm on PATH, and {why}")) == (69, True)
    assert result.output.endswith("; install helm 3.16 or newer (https://helm.sh)\n")
    result = run("render", "chat", project, "--shape", "a10", env={"GPUYARD_HELM": "embedded"})
    assert (result.exit_code, result.output.startswith(f"error: {why}")) == (69, True)


@pytest.mark.usefixtures("without_library", "helm_binary")
def test_no_library_but_helm(project: Path) -> None:
    result = run("render", "chat", project, "--shape", "a10")
    assert (result.exit_code, "kind: Deployment" in result.output) == (0, True), result.output


@pytest.mark.parametrize(
    ("blueprint", "shape", "message"),
    [
        ("chta", "a10", "no blueprint is called chta; did you mean chat?"),
        ("chat", "a11", "chat does not run on a11; did you mean a10?"),
    ],
)
def test_render_what_isnt_there(project: Path, blueprint: str, shape: str, message: str) -> None:
    result = run("render", blueprint, project, "--shape", shape)
    assert (result.exit_code, message in result.output) == (66, True), result.output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["check", "nowhere"], 66), (["complie"], 2), (["check", "--outptu"], 2), (["--version"], 0), (["shapes"], 0)],
)
def test_the_process_ends_with_the_code(arguments: list[str], code: int, tmp_path: Path) -> None:
    """As a shell sees it, not only as click's test runner does."""
    argv = [sys.executable, "-m", "gpuyard", *arguments]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["schema"], ["shapes"], ["check", "."], ["check", ".", "-o", "json"]])
def test_a_full_disk_behind_stdout(arguments: list[str], project: Path) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gpuyard", *arguments],
            cwd=project,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (74, "error: cannot write the results: No space left on device\n")


def test_a_bug_keeps_its_traceback(project: Path) -> None:
    """Ours, not the user's: nothing may hide it."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import gpuyard.project.load as l; l.parse = None; from gpuyard.cli.main import main; main()",
            "check",
            project,
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ},
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("TypeError: 'NoneType' object is not callable\n"), "another fault than the one planted"
