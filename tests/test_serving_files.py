"""serving.files: files of the repository, of ConfigMaps and of Secrets, in the pods of a server."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.cli.report import as_data
from gpuyard.commit.digest import input_digest
from gpuyard.doors.helm import Embedded
from gpuyard.errors import InputError
from gpuyard.project.load import load
from gpuyard.render import render
from gpuyard.render.kustomize import objects
from gpuyard.resolve import resolve
from tests.conftest import gathered, write_tree
from tests.projects import problems, sources
from tests.test_compile import git, save
from tests.test_compile import run as gpuyard
from tests.test_equivalence import by_name, run, scripts

TEMPLATE = "{% for m in messages %}{{ m.content }} ${HOME} $(X)\n{%- endfor %}\n"
TEMPLATE_AT = "/etc/vllm/chat.jinja"
OF_FILE = {TEMPLATE_AT: {"file": "templates/chat.jinja"}}
HELM = Embedded(shipped_charts())


def written(directory: Path, spec: Mapping[str, Any], files: Mapping[str, str | bytes]) -> Path:
    for name, data in {**sources({"shapes": {"h100": {}}, **spec}), **files}.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return directory


def rendered(directory: Path) -> dict[str, Any]:
    """By kind and name."""
    whole = resolve(load(directory))
    (found,) = whole.workloads
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in objects(whole, found, HELM)}


def said(directory: Path) -> list[str]:
    try:
        resolve(load(directory))
    except InputError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_a_file_of_the_repository_reaches_the_pod_as_it_is(tmp_path: Path) -> None:
    spec = {"serving": {"files": OF_FILE, "args": {"chat-template": TEMPLATE_AT}}}
    found = rendered(written(tmp_path, spec, {"templates/chat.jinja": TEMPLATE}))
    ((key, text),) = found["ConfigMap/chat-files"]["data"].items()
    assert text == TEMPLATE
    pod = found["Deployment/chat"]["spec"]["template"]
    (mount,) = (each for each in pod["spec"]["containers"][0]["volumeMounts"] if each["name"] == "files")
    assert mount == {"name": "files", "mountPath": TEMPLATE_AT, "subPath": key, "readOnly": True}
    (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == "files")
    assert volume["projected"]["sources"] == [{"configMap": {"name": "chat-files"}}]


def test_keys_of_others_are_mounted_alone_and_listed(tmp_path: Path) -> None:
    files = {
        "/etc/certs/ca.crt": {"configMap": "corp-ca", "key": "bundle"},
        "/run/keys/ca.crt": {"secret": "signing", "key": "private"},
    }
    directory = written(tmp_path, {"serving": {"files": files}}, {})
    found = rendered(directory)
    assert "ConfigMap/chat-files" not in found
    pod = found["Deployment/chat"]["spec"]["template"]
    assert "annotations" not in pod["metadata"]
    mounts = [each for each in pod["spec"]["containers"][0]["volumeMounts"] if each["name"] == "files"]
    assert [each["mountPath"] for each in mounts] == list(files)
    (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == "files")
    first, second = volume["projected"]["sources"]
    assert first == {"configMap": {"name": "corp-ca", "items": [{"key": "bundle", "path": mounts[0]["subPath"]}]}}
    assert second == {"secret": {"name": "signing", "items": [{"key": "private", "path": mounts[1]["subPath"]}]}}
    assert mounts[0]["subPath"] != mounts[1]["subPath"]
    listed = {
        (each["kind"], each["name"], *each["keys"]) for each in as_data(resolve(load(directory)))["prerequisites"]
    }
    assert {("ConfigMap", "corp-ca", "bundle"), ("Secret", "signing", "private")} <= listed


def test_pods_roll_when_the_file_changes_and_only_then(tmp_path: Path) -> None:
    directory = written(tmp_path, {"serving": {"files": OF_FILE}}, {"templates/chat.jinja": TEMPLATE})
    pods = []
    for text in (TEMPLATE, TEMPLATE.replace("\n", "\r\n"), TEMPLATE + "more\n"):
        (directory / "templates/chat.jinja").write_bytes(text.encode())
        pods.append(rendered(directory)["Deployment/chat"]["spec"]["template"])
    assert pods[0] == pods[1]  # a checkout with CRLF
    assert pods[0]["metadata"]["annotations"] != pods[2]["metadata"]["annotations"]
    assert pods[0]["spec"] == pods[2]["spec"]


def test_it_is_a_source_like_the_blueprint(tmp_path: Path) -> None:
    """So that what follows from it is out of date when it changes, and it is committed before."""
    directory = written(tmp_path, {"serving": {"files": OF_FILE}}, {"templates/chat.jinja": TEMPLATE, "other": "x"})
    before = load(directory)
    assert "templates/chat.jinja" in before.sources
    assert "other" not in before.sources
    (directory / "templates/chat.jinja").write_text("other\n")
    assert input_digest(before.sources) != input_digest(load(directory).sources)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("templates/none.jinja", None, "is not in the repository; its path begins at the folder of stack.yaml"),
        ("templates", None, "is a directory; use a regular file"),
        ("a.bin", b"\xff\xfe", "is not UTF-8 text (byte 0); put it on a volume"),
        ("a.txt", b"", "is empty"),
        ("a.txt", b"x" * (512 * 1024 + 1), "is larger than 524288 bytes"),
        ("a.txt", b"one\ntwo\x00\n", "holds U+0000, which is not text; remove it (line 2)"),
        ("a.txt", "one\u202e\n".encode(), "changes the order in which text is displayed; remove it (line 1)"),
        (
            "a.txt",
            b"token: hf_" + b"a1B2" * 6,
            "has what looks like a Hugging Face token; keep it in a Secret, and name that",
        ),
        ("base/chat/x.yaml", b"a: 1\n", "is a file that gpuyard may write; put yours elsewhere"),
    ],
)
def test_a_file_that_cannot_be_brought(tmp_path: Path, name: str, data: bytes | None, message: str) -> None:
    files = {"templates/chat.jinja": TEMPLATE, **({} if data is None else {name: data})}
    (problem,) = said(written(tmp_path, {"serving": {"files": {TEMPLATE_AT: {"file": name}}}}, files))
    place, _, text = problem.partition(": ")
    assert place.startswith("blueprints/chat.yaml:")
    assert place.count(":") == 2
    assert text.startswith(f'spec.serving.files["{TEMPLATE_AT}"].file: {name} ')
    assert message in text


def test_a_certificate_is_no_secret(tmp_path: Path) -> None:
    lines = [base64.b64encode(hashlib.sha384(bytes([index])).digest()).decode() for index in range(20)]
    text = "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])
    spec = {"serving": {"files": {"/etc/certs/ca.crt": {"file": "ca.crt"}}}}
    assert said(written(tmp_path / "a", spec, {"ca.crt": text})) == []
    assert said(written(tmp_path / "b", spec, {"ca.crt": text.replace("CERTIFICATE", "PRIVATE KEY")})) != []


def test_a_link_is_nobody_s_file(tmp_path: Path) -> None:
    directory = written(tmp_path / "repo", {"serving": {"files": OF_FILE}}, {})
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/chat.jinja").write_text("other people's")
    Path(directory / "templates").symlink_to(tmp_path / "outside")
    (problem,) = said(directory)
    assert "templates/chat.jinja is below templates, a symbolic link; use a folder" in problem


def test_all_files_of_a_blueprint_fit_into_one_object(tmp_path: Path) -> None:
    files = {f"/etc/a/{index}": {"file": f"{index}.txt"} for index in range(2)}
    large = {f"{index}.txt": "x" * (480 * 1024) for index in range(2)}
    (problem,) = said(written(tmp_path, {"serving": {"files": files}}, large))
    assert "spec.serving.files: 983040 bytes are more than a ConfigMap holds; 921600 at most" in problem


KEY = {"secret": "s", "key": "k"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"/models/x": KEY}, "is below /models, where the chart mounts a volume"),
        ({"/cache": KEY}, "is below /cache, where the chart mounts a volume"),
        ({"/tmp/x": KEY}, "is below /tmp, where the chart mounts a volume"),  # noqa: S108 - in pods
        ({"/etc/vllm/api-key.yaml": KEY}, "is below /etc/vllm/api-key.yaml, where the chart mounts a volume"),
        ({"/proc/x": KEY}, "is below /proc, which is the kernel's"),
        ({"/etc/a": KEY, "/etc/a/b": KEY}, "is a folder of /etc/a/b; choose another path for one of them"),
        ({"/etc/../x": KEY}, "must be the path of a file in the pod"),
        ({"/etc//x": KEY}, "must be the path of a file in the pod"),
        ({"etc/x": KEY}, "must be the path of a file in the pod"),
        ({"/etc/x/": KEY}, "must be the path of a file in the pod"),
        ({"/etc/x": {"secret": "s"}}, "key"),
        ({"/etc/x": {"file": "/etc/passwd"}}, "must be a file of the repository"),
        ({"/etc/x": {"file": "a/../../b"}}, "must be a file of the repository"),
        ({"/etc/x": {"file": ".git/config"}}, "must be a file of the repository"),
        ({"/etc/x": {"file": "a.txt", "key": "k"}}, "key"),
    ],
)
def test_paths_and_places_that_are_none(files: dict[str, Any], message: str, tmp_path: Path) -> None:
    found = said(written(tmp_path, {"serving": {"files": files}}, {}))
    assert found
    assert any(message in each for each in found), found


@pytest.mark.parametrize("path", ["/etc/vllm/a", "/etc/vllm/certs/a", "/srv/a.b-c_d", "/.a"])
def test_paths_that_are_free(path: str) -> None:
    assert problems({"serving": {"files": {path: KEY}}}) == []


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ("/etc/certs/ca.crt", "/etc/certs/ca.crt has a volume of serving.files already; choose another path"),
        ("/etc/certs", "holds /etc/certs/ca.crt of serving.files, which would be mounted into it"),
        ("/etc/certs2", ""),
    ],
)
def test_a_mount_of_the_author_s_own(mount: str, message: str) -> None:
    values = {"extraVolumes": [{"name": "x", "emptyDir": {}}], "extraVolumeMounts": [{"name": "x", "mountPath": mount}]}
    found = problems({"serving": {"files": {"/etc/certs/ca.crt": KEY}}, "values": values})
    assert len(found) == bool(message)
    assert all(message in each for each in found)


def test_the_configmap_s_name_is_taken() -> None:
    own = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "chat-files"}, "data": {}}
    assert any("ConfigMap/chat-files is an object of" in each for each in problems({"values": {"extraObjects": [own]}}))


def test_values_of_the_chart_have_a_key_of_their_own() -> None:
    (problem,) = problems({"values": {"files": [{"path": "/a", "content": "x"}]}})
    assert "set spec.serving.files instead" in problem


@pytest.mark.parametrize("shape", ["a10", "h100"])
def test_kustomize_and_helm_make_the_same_of_it(shape: str, tmp_path: Path, helm_binary: Path, kubectl: Path) -> None:
    files = {**OF_FILE, "/etc/certs/ca.crt": {"configMap": "corp-ca", "key": "ca.crt"}}
    text = TEMPLATE + "  <\uff5cbegin\u2581of\u2581sentence\uff5c> # trailing \n\n\t{{- end }} '\"' ---\n" + "x" * 9000
    spec = {"serving": {"files": files}, "shapes": {"h100": {}, "a10": {}}}
    stack = resolve(load(written(tmp_path / "in", spec, {"templates/chat.jinja": text})))
    write_tree(tmp_path, render(stack, shipped_charts(), HELM))
    chart = tmp_path / "charts/inference"
    of_helm = by_name(
        run(helm_binary, "template", "inference", chart, "-f", chart / f"values-{shape}.yaml", "-n", "inference")
    )
    of_kustomize = by_name([*run(kubectl, "kustomize", gathered(tmp_path, shape)), *scripts(tmp_path)])
    assert of_helm == of_kustomize
    assert list(of_helm["ConfigMap", "chat-files"]["data"].values()) == [text]


def test_it_is_committed_before_and_never_out_of_date(tmp_path: Path) -> None:
    """A pull request that changes the file alone is seen by `compile --check`."""
    repository, template = tmp_path / "gitops", tmp_path / "gitops/templates/chat.jinja"
    assert gpuyard("init", repository).exit_code == 0
    template.parent.mkdir()
    template.write_text(TEMPLATE)
    spec = {"shapes": {"h100": {}}, "serving": {"files": OF_FILE}}
    (repository / "blueprints/chat.yaml").write_bytes(sources(spec)["blueprints/chat.yaml"])
    git(repository, "add", "blueprints")
    git(repository, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "by hand")
    result = gpuyard("compile", repository)
    assert (result.exit_code, "  templates/chat.jinja (not in the commit)" in result.output) == (73, True)
    save(repository)
    assert gpuyard("compile", repository).exit_code == 0
    assert gpuyard("compile", "--check", repository).exit_code == 0
    template.write_text("other\n")
    assert "  templates/chat.jinja (differs)" in gpuyard("compile", repository).output
    assert gpuyard("compile", "--check", repository).exit_code == 79
    save(repository)
    assert gpuyard("compile", repository).exit_code == 0
    assert ": |\n    other\n" in (repository / "base/chat/configmap.yaml").read_text()
