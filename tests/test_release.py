"""`gpuyard release` and `gpuyard verify`: the same bytes everywhere, pushed once, and held against the sources."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner, Result

from gpuyard.cli.main import cli
from gpuyard.doors import yamlio
from gpuyard.project.imageslock import write_images_lock
from gpuyard.project.load import parse
from gpuyard.release.artifact import FLUX
from gpuyard.release.tarball import packed, unpacked
from gpuyard.release.versions import newest
from gpuyard.resolve import resolve
from tests.gittools import git
from tests.ocistore import HELM, PASSWORD, USER, OciStore, digest, oci_store
from tests.projects import merged, sources


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OciStore]:
    config = tmp_path / "docker"
    config.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(config))  # whoever runs the tests may be logged in
    for name in ("GITHUB_SERVER_URL", "GITHUB_WORKFLOW_REF", "DOCKER_AUTH_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    with oci_store() as found:
        yield found


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments])


def done(*arguments: str | Path) -> str:
    found = run(*arguments)
    assert found.exit_code == 0, found.output
    return found.output


def files(store: OciStore, **spec: object) -> dict[str, bytes]:
    """A stack whose platform's charts are in the store."""
    platform = {"registry": f"oci://{store.host}/mirror", "insecure": True}
    repository = {"oci": {"url": f"oci://{store.host}/acme/gitops", "tag": "latest", "insecure": True}}
    found = sources({}, merged({"platform": platform, "repository": repository}, spec))
    for release in resolve(parse(found)).releases:
        data = packed({PurePosixPath(release.chart, "Chart.yaml"): f"name: {release.chart}\n".encode()})
        store.put_chart(f"mirror/{release.chart}", release.version, data)
    return found


def commit(folder: Path, message: str = "change") -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


def repository(folder: Path, found: dict[str, bytes]) -> Path:
    """A repository whose generated files are committed."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    change(folder, found)
    return folder


def change(folder: Path, found: dict[str, bytes]) -> None:
    for name, data in found.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    commit(folder)
    done("compile", folder)


@pytest.fixture
def project(store: OciStore, tmp_path: Path) -> Path:
    return repository(tmp_path / "gitops", files(store))


def manifest(store: OciStore, name: str) -> dict[str, object]:
    repository, _, tag = name.rpartition(":")
    found: dict[str, object] = json.loads(store.manifests[repository, store.tags[repository, tag]])
    return found


def layer(store: OciStore, name: str) -> bytes:
    (found,) = manifest(store, name)["layers"]  # type: ignore[misc] # a list
    return store.blobs[found["digest"]]  # type: ignore[index] # of mappings


# --- the bytes ----------------------------------------------------------------------------------------------


def test_an_archive_has_nothing_of_its_machine() -> None:
    found = {PurePosixPath("b/x"): b"2" * 200_000, PurePosixPath("a"): b"", PurePosixPath("b/ä"): b"3"}
    data = packed(found)
    assert data == packed(dict(reversed(found.items())))
    assert unpacked(data, "it") == found
    with tarfile.open(fileobj=BytesIO(data)) as tar:
        members = tar.getmembers()
    assert [each.name for each in members] == ["a", "b/x", "b/ä"]
    assert {(each.mtime, each.uid, each.gid, each.uname, each.gname, each.mode) for each in members} == {
        (0, 0, 0, "", "", 0o644)
    }
    assert data[3:10] == bytes([0, 0, 0, 0, 0, 0, 0xFF])  # of gzip: no name, no time, no system


def test_two_machines_make_the_same_bytes(store: OciStore, project: Path, tmp_path: Path) -> None:
    """Another folder, umask, time zone, locale and order of hashes; the clone has times and modes of its own."""
    clone = tmp_path / "elsewhere" / "clone"
    git(tmp_path, "clone", "--quiet", str(project), str(clone))
    made = []
    for folder, umask, zone, locale, seed in (
        (project, 0o022, "UTC", "C.UTF-8", "1"),
        (clone, 0o077, "Asia/Kathmandu", "tr_TR.UTF-8", "77"),
    ):
        output = tmp_path / f"out-{seed}"
        environment = {**os.environ, "TZ": zone, "LC_ALL": locale, "PYTHONHASHSEED": seed, "HOME": str(tmp_path / seed)}
        command = [sys.executable, "-m", "gpuyard", "release", "1.0.0", str(folder), "--files", str(output)]
        finished = subprocess.run(command, env=environment, umask=umask, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        made.append({each.name: each.read_bytes() for each in output.iterdir()})
    assert made[0] == made[1]
    assert sorted(made[0]) == [
        "demo-1.0.0.tgz",
        "demo-tree-1.0.0.tgz",
        "inference-1.0.0.tgz",
        "notes.md",
        "provenance.intoto.json",
        "sbom.cdx.json",
    ]
    assert store.written == []


# --- what is pushed -----------------------------------------------------------------------------------------


def test_everything_is_in_the_registry_and_the_files_are_those_of_the_commit(store: OciStore, project: Path) -> None:
    said = done("release", "1.0.0", project)
    tags = {name: found for name, found in store.files().items() if not name.startswith("mirror/")}
    main = tags["acme/gitops:1.0.0"]
    assert set(tags) == {
        "acme/gitops:1.0.0",
        "acme/gitops:latest",
        "acme/gitops/charts/demo:1.0.0",
        "acme/gitops/charts/inference:1.0.0",
        f"acme/gitops:{main.replace(':', '-')}.sbom",
        f"acme/gitops:{main.replace(':', '-')}.provenance",
    }
    assert all(f"{store.host}/{name}  {found}" in said for name, found in tags.items())
    assert tags["acme/gitops:latest"] == main
    whole = manifest(store, "acme/gitops:1.0.0")
    assert whole["layers"][0]["mediaType"] == FLUX.layer == "application/vnd.cncf.flux.content.v1.tar+gzip"  # type: ignore[index] # JSON
    found = unpacked(layer(store, "acme/gitops:1.0.0"), "it")
    tracked = git(project, "ls-files", "base", "charts", "clusters", "overlays", "platform", "workloads").split()
    assert {str(path) for path in found} == set(tracked)
    assert all((project / path).read_bytes() == data for path, data in found.items())


def test_helm_reads_the_packages_with_all_that_they_depend_on(store: OciStore, project: Path, tmp_path: Path) -> None:
    done("release", "1.2.3", project)
    package = layer(store, "acme/gitops/charts/demo:1.2.3")
    inside = unpacked(package, "it")
    metadata = yamlio.load_data(inside[PurePosixPath("demo/Chart.yaml")].decode())
    assert metadata["version"] == "1.2.3"
    names = {each["name"]: each["version"] for each in metadata["dependencies"]}
    assert names.pop("inference") == "1.2.3"
    assert PurePosixPath("demo/charts/inference/Chart.yaml") in inside
    assert {f"demo/charts/{name}-{version}.tgz" for name, version in names.items()} <= set(map(str, inside))
    config = store.blobs[manifest(store, "acme/gitops/charts/demo:1.2.3")["config"]["digest"]]  # type: ignore[index] # JSON
    assert json.loads(config)["version"] == "1.2.3"
    helm = shutil.which("helm")
    assert helm, "make tools"
    environment = {**os.environ, "HELM_CONFIG_HOME": str(tmp_path), "HELM_CACHE_HOME": str(tmp_path)}
    pull = [helm, "pull", f"oci://{store.host}/acme/gitops/charts/inference", "--version", "1.2.3", "--plain-http"]
    subprocess.run([*pull, "--destination", str(tmp_path)], env=environment, check=True, capture_output=True)
    pulled = tmp_path / "inference-1.2.3.tgz"
    assert pulled.read_bytes() == layer(store, "acme/gitops/charts/inference:1.2.3")
    template = [helm, "template", "x", str(pulled), "--set", "shape=a10"]
    shown = subprocess.run(template, env=environment, check=True, capture_output=True, text=True).stdout
    assert "kind: Deployment" in shown


def test_the_bill_and_the_statement_name_what_is_in_it(store: OciStore, project: Path, tmp_path: Path) -> None:
    done("release", "1.0.0", project)
    done("release", "1.0.1", project, "--to", f"oci://{store.host}/other", "--files", tmp_path / "out")
    bill = json.loads((tmp_path / "out" / "sbom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    listed = {each["name"] for each in bill["components"]}
    assert {"docker.io/vllm/vllm-openai", "ghcr.io/kedacore/keda", "keda"} <= listed
    statement = json.loads((tmp_path / "out" / "provenance.intoto.json").read_text())
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    subjects = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
    assert subjects == {
        "demo": store.tags["other", "1.0.1"].removeprefix("sha256:"),
        "charts/demo": store.tags["other/charts/demo", "1.0.1"].removeprefix("sha256:"),
        "charts/inference": store.tags["other/charts/inference", "1.0.1"].removeprefix("sha256:"),
    }
    source = statement["predicate"]["buildDefinition"]["resolvedDependencies"][0]
    assert source["digest"] == {"gitCommit": git(project, "rev-parse", "HEAD").strip()}
    main = store.tags["other", "1.0.1"]
    attached = manifest(store, f"other:{main.replace(':', '-')}.provenance")
    assert attached["subject"]["digest"] == main  # type: ignore[index] # JSON


def test_images_have_their_digests_in_the_bill(store: OciStore, tmp_path: Path) -> None:
    found = files(store)
    image = "docker.io/vllm/vllm-openai:v0.32.0"
    pinned = f"sha256:{'7' * 64}"
    found["images.lock"] = write_images_lock({image: pinned}).encode()
    folder = repository(tmp_path / "pinned", found)
    done("release", "1.0.0", folder, "--files", tmp_path / "out")
    text = (tmp_path / "out" / "sbom.cdx.json").read_text()
    (server,) = (each for each in json.loads(text)["components"] if each["name"].endswith("vllm-openai"))
    assert server["hashes"] == [{"alg": "SHA-256", "content": "7" * 64}]
    assert pinned in (tmp_path / "out" / "provenance.intoto.json").read_text().replace('"sha256": "', '"sha256:')


# --- once, and again ----------------------------------------------------------------------------------------


def test_nothing_is_pushed_where_nothing_changed(store: OciStore, project: Path) -> None:
    done("release", "1.0.0", project)
    before, there = len(store.written), store.files()
    (project / "NOTES.txt").write_text("of the user, and in no release\n")
    commit(project)
    assert "nothing changed since" in done("release", "1.1.0", project)
    assert "1.0.0" in done("release", "1.0.0", project)
    assert len(store.written) == before
    assert store.files() == there


def test_the_same_run_again_changes_nothing(store: OciStore, project: Path) -> None:
    done("release", "1.0.0", project)
    there, blobs = store.files(), dict(store.blobs)
    done("release", "1.0.0", project)
    assert (store.files(), store.blobs) == (there, blobs)


def test_a_version_is_never_replaced(store: OciStore, project: Path) -> None:
    done("release", "1.0.0", project)
    there = store.files()
    change(project, files(store, policy={"maxReplicas": 50}, namespace="elsewhere", moved={"namespace": "inference"}))
    found = run("release", "1.0.0", project)
    assert found.exit_code == 73
    assert "exists (from commit" in found.output
    assert "release the next one" in found.output
    assert store.files() == there


@pytest.mark.parametrize("steps", [0, 3, 7, 9, 12, 14, 16])
def test_a_run_that_ends_anywhere_is_repeated_to_the_same_bytes(store: OciStore, project: Path, steps: int) -> None:
    store.stop_after = steps
    broken = run("release", "1.0.0", project)
    assert broken.exit_code == 69, broken.output
    assert "503" in broken.output
    # Whoever asks for the version finds all of it or nothing.
    assert ("acme/gitops", "latest") not in store.tags or ("acme/gitops", "1.0.0") not in store.tags
    store.stop_after = None
    done("release", "1.0.0", project)
    there = store.files()
    store.tags, store.manifests = (
        {key: tag for key, tag in store.tags.items() if key[0].startswith("mirror")},
        {key: data for key, data in store.manifests.items() if key[0].startswith("mirror")},
    )
    done("release", "1.0.0", project)
    assert store.files() == there


def test_what_clusters_follow_goes_forward_only(store: OciStore, project: Path) -> None:
    done("release", "2.0.0", project)
    newest_one = store.tags["acme/gitops", "latest"]
    change(project, files(store, policy={"maxGpus": 32}))
    done("release", "1.9.9", project)
    assert store.tags["acme/gitops", "latest"] == newest_one
    change(project, files(store, policy={"maxGpus": 33}))
    done("release", "3.0.0-rc.1", project)
    assert store.tags["acme/gitops", "latest"] == newest_one
    change(project, files(store, policy={"maxGpus": 34}))
    done("release", "3.0.0", project)
    assert store.tags["acme/gitops", "latest"] == store.tags["acme/gitops", "3.0.0"] != newest_one


def test_notes_say_what_the_release_changes_in_the_clusters(store: OciStore, project: Path, tmp_path: Path) -> None:
    address = f"oci://{store.host}/acme/gitops"
    done("release", "1.0.0", project, "--to", address, "--files", tmp_path / "first")
    assert (tmp_path / "first" / "notes.md").read_text() == "The first release.\n"
    blueprint = yamlio.load_data((project / "blueprints" / "chat.yaml").read_text())
    blueprint = merged(blueprint, {"spec": {"scaling": {"max": 2}}})
    change(project, {"blueprints/chat.yaml": yamlio.dump(blueprint).encode()})
    done("release", "1.1.0", project, "--to", address, "--files", tmp_path / "second")
    notes = (tmp_path / "second" / "notes.md").read_text()
    assert "Compared with `1.0.0`" in notes
    assert "maxReplicaCount" in notes


def test_a_dry_run_pushes_nothing(store: OciStore, project: Path) -> None:
    said = done("release", "1.0.0", project, "--dry-run")
    assert store.written == []
    done("release", "1.0.0", project)
    assert f"{store.host}/acme/gitops:1.0.0  {store.tags['acme/gitops', '1.0.0']}" in said


def test_a_chart_by_itself_is_released_as_helm_pushes_it(store: OciStore, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    shutil.copytree("charts/vllm", folder / "charts" / "vllm")
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder)
    chart = folder / "charts" / "vllm"
    version = yamlio.load_data((chart / "Chart.yaml").read_text())["version"]
    wrong = run("release", "9.9.9", chart, "--to", f"oci://{store.host}/charts")
    assert wrong.exit_code == 65
    assert f"is {version}, and the release 9.9.9" in wrong.output
    done("release", version, chart, "--to", f"oci://{store.host}/charts")
    found = unpacked(layer(store, f"charts/vllm:{version}"), "it")
    assert manifest(store, f"charts/vllm:{version}")["layers"][0]["mediaType"] == HELM  # type: ignore[index] # JSON
    assert PurePosixPath("vllm/Chart.yaml") in found
    assert not [path for path in found if "ci" in path.parts]
    (chart / "values.yaml").write_text("changed: true\n")
    assert "values.yaml" in run("release", version, chart, "--to", f"oci://{store.host}/charts").output


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("v1.0.0", "did you mean 1.0.0?"),
        ("1.0.0+abc", "did you mean 1.0.0?"),
        ("1.0", "write it like 1.4.0"),
        ("01.0.0", "write it like 1.4.0"),
        ("latest", "write it like 1.4.0"),
        ("1.0.0-01", "write it like 1.4.0"),
        ("1.0.0\n", "write it like 1.4.0"),
    ],
)
def test_what_is_no_version_is_refused(version: str, said: str) -> None:
    found = run("release", version, ".")
    assert found.exit_code == 65
    assert said in found.output


def test_versions_are_ordered_as_semver_has_it() -> None:
    tags = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0", "1.10.0"]
    assert [newest([*tags[:count], "latest", "v9"]) for count in range(1, len(tags) + 1)] == tags
    assert newest(["latest"]) is None


def test_what_is_not_committed_is_not_released(store: OciStore, project: Path) -> None:
    (project / "stack.yaml").write_bytes(files(store, policy={"maxGpus": 63})["stack.yaml"])
    found = run("release", "1.0.0", project)
    assert found.exit_code == 73
    assert "  stack.yaml (differs)" in found.output
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "sources alone")
    found = run("release", "1.0.0", project)
    assert found.exit_code == 79
    assert "out of date" in found.output
    assert store.written == []


def test_generated_files_that_were_edited_are_not_released(store: OciStore, project: Path) -> None:
    file = next((project / "clusters" / "phx").glob("*.yaml"))
    file.write_text(f"{file.read_text()}# mine\n")
    commit(project)
    for command in (["release", "1.0.0", project], ["verify", project]):
        found = run(*command)
        assert found.exit_code == 76
        assert "was edited by hand" in found.output


@pytest.mark.parametrize(
    ("status", "said"),
    [(500, "the registry answers 500 (UNAVAILABLE)"), (403, "requires a login"), (429, "the registry answers 429")],
)
def test_a_registry_that_refuses(store: OciStore, project: Path, tmp_path: Path, status: int, said: str) -> None:
    with oci_store() as other:
        other.status = status
        found = run("release", "1.0.0", project, "--to", f"oci://{other.host}/acme")
    assert found.exit_code == 69
    assert said in found.output
    assert "Traceback" not in found.output


def test_no_registry_at_all(project: Path) -> None:
    with oci_store() as gone:
        pass
    found = run("release", "1.0.0", project, "--to", f"oci://{gone.host}/acme")
    assert found.exit_code == 69
    assert "no answer" in found.output


def test_a_login_is_the_one_of_docker_and_is_said_nowhere(
    store: OciStore, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with oci_store() as other:
        other.login = True
        refused = run("release", "1.0.0", project, "--to", f"oci://{other.host}/acme")
        assert refused.exit_code == 69
        assert f"`docker login {other.host}`" in refused.output
        login = {"auths": {other.host: {"username": USER, "password": PASSWORD}}}
        monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps(login))
        assert PASSWORD not in done("release", "1.0.0", project, "--to", f"oci://{other.host}/acme")
        assert ("acme", "1.0.0") in other.tags


@pytest.mark.parametrize(
    "address", ["ghcr.io/acme", "oci://ghcr.io", "oci://ghcr.io/Acme", "oci://user:x@ghcr.io/acme"]
)
def test_what_is_no_address_is_refused(project: Path, address: str) -> None:
    found = run("release", "1.0.0", project, "--to", address)
    assert found.exit_code == 2
    assert "write oci://HOST/PATH" in found.output


def test_a_key_that_is_not_there_and_no_cosign(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run("release", "1.0.0", project, "--sign-key", tmp_path / "cosign.key")
    assert found.exit_code == 66
    assert "cosign generate-key-pair" in found.output
    (tmp_path / "cosign.key").write_text("x")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = run("release", "1.0.0", project, "--sign-key", tmp_path / "cosign.key")
    assert found.exit_code == 69
    assert "there is no cosign on PATH" in found.output


def test_a_registry_where_one_may_read_and_not_push(store: OciStore, project: Path) -> None:
    """Nothing has a tag before all of it may be there; with the right, the same command goes through."""
    store.stop_after, store.stopped = 0, 403
    for _ in range(2):
        found = run("release", "1.0.0", project)
        assert found.exit_code == 69
        (said,) = (line for line in found.stderr.splitlines() if line.startswith("error:"))
        assert f"`docker login {store.host}`" in said
        assert "1.0.0" not in {tag for _, tag in store.tags}
    store.stop_after = None
    done("release", "1.0.0", project)


# --- verify -------------------------------------------------------------------------------------------------


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cosign that says yes: what the files are is told without it."""
    folder = tmp_path / "programs"
    folder.mkdir()
    program = folder / "cosign"
    refuse = f"[ ! -e {tmp_path}/refuse ] || {{ echo 'no matching signatures' >&2; exit 10; }}"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/said\n{refuse}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    file = tmp_path / "cosign.pub"
    file.write_text("public")
    return file


def test_a_release_is_what_the_sources_give(store: OciStore, project: Path, key: Path, tmp_path: Path) -> None:
    done("release", "1.0.0", project)
    reference = f"oci://{store.host}/acme/gitops:1.0.0"
    assert "signed, and what follows" in done("verify", project, "--release", reference, "--key", key)
    # It is asked by digest, for a tag may be moved meanwhile.
    digest_asked = (tmp_path / "said").read_text().split()[-1]
    assert digest_asked == f"{store.host}/acme/gitops@{store.tags['acme/gitops', '1.0.0']}"
    (tmp_path / "refuse").touch()
    found = run("verify", project, "--release", reference, "--key", key)
    assert found.exit_code == 69
    assert "no matching signatures" in found.output


@pytest.mark.attack("A10 swapped dependencies")
def test_a_release_with_another_file_is_refused_whoever_signed_it(store: OciStore, project: Path, key: Path) -> None:
    done("release", "1.0.0", project)
    inside = unpacked(layer(store, "acme/gitops:1.0.0"), "it")
    for name, path in (("has no source", "clusters/phx/evil.yaml"), ("differs", "clusters/phx/sync.yaml")):
        data = packed({**inside, PurePosixPath(path): b"kind: ClusterRoleBinding\n"})
        store.blobs[digest(data)] = data
        altered = {"layers": [{"mediaType": FLUX.layer, "digest": digest(data), "size": len(data)}]}
        store._manifest("acme/gitops", "6.6.6", json.dumps(altered).encode())
        found = run("verify", project, "--release", f"oci://{store.host}/acme/gitops:6.6.6", "--key", key)
        assert found.exit_code == 76
        assert f"{path}: {name}" in found.output


@pytest.mark.attack("A10 swapped dependencies")
def test_bytes_that_are_not_those_of_their_digest_are_refused(store: OciStore, project: Path, key: Path) -> None:
    done("release", "1.0.0", project)
    (listed,) = manifest(store, "acme/gitops:1.0.0")["layers"]  # type: ignore[misc] # JSON
    store.blobs[listed["digest"]] = packed({PurePosixPath("x"): b""})  # type: ignore[index] # JSON
    found = run("verify", project, "--release", f"oci://{store.host}/acme/gitops:1.0.0", "--key", key)
    assert found.exit_code == 69
    assert "the registry sends other bytes" in found.output


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (500, "the registry answers 500 (UNAVAILABLE)"),
        (401, "requires a login"),
        (403, "requires a login"),
        (429, "the registry answers 429"),
    ],
)
def test_a_registry_that_does_not_show_the_release(
    store: OciStore, project: Path, key: Path, status: int, said: str
) -> None:
    done("release", "1.0.0", project)
    words = ("verify", project, "--release", f"oci://{store.host}/acme/gitops:1.0.0", "--key", key)
    store.status = status
    for _ in range(2):
        found = run(*words)
        assert (found.exit_code, said in found.stderr) == (69, True), found.output
        assert len([line for line in found.stderr.splitlines() if line.startswith("error:")]) == 1
    store.status = None
    assert "signed" in done(*words)


def test_what_verify_needs_to_know(store: OciStore, project: Path, key: Path) -> None:
    reference = f"oci://{store.host}/acme/gitops:1.0.0"
    assert "follow from the sources" in done("verify", project)
    assert "there is no such release" in run("verify", project, "--release", reference, "--key", key).output
    assert "whose signature?" in run("verify", project, "--release", reference).output
    assert "with --issuer URL" in run("verify", project, "--release", reference, "--identity", "x").output
    assert "names no version" in run("verify", project, "--release", reference[:-6], "--key", key).output
    assert re.search(r"give --release", run("verify", project, "--key", key).output)
