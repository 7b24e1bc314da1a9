"""`gpuyard bootstrap apply` up to an engine that follows the stack: one command, and again."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gpuyard.cli.main import cli
from tests.fakecluster import FakeCluster
from tests.fakekubernetes import serving
from tests.gittools import git
from tests.oci.fixture import Running
from tests.ociruns import SPEC, stack
from tests.projects import sources
from tests.test_oci_storage import token

SSH = {"url": "ssh://git@github.com/acme/gitops", "secret": "git"}
HF = "inference/hf-token/token"


@dataclass
class Place:
    """A stack in a clone, a cloud, and the API server of its cluster."""

    project: Path
    remote: Path
    fake: FakeCluster
    cloud: Running
    token: Path

    def run(self, command: str, *arguments: str, secret: bool = True) -> Result:
        given = ("--secret", f"{HF}={self.token}") if secret else ()
        return CliRunner().invoke(cli, ["bootstrap", command, str(self.project), *given, *arguments])


@pytest.fixture(params=["flux", "argocd"])
def place(
    oci_cloud: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Place]:
    oci_cloud.pace = 0
    for key, value in oci_cloud.environment(tmp_path / "oci").items():
        monkeypatch.setenv(key, value)
    project, remote = tmp_path / "gitops", tmp_path / "remote.git"
    for name, data in sources(SPEC, {**stack(), "engine": request.param, "repository": SSH}).items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(data)
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch", "main", str(remote))
    git(project, "init", "--quiet", "--initial-branch", "main")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "first")
    git(project, "remote", "add", "origin", str(remote))
    git(project, "push", "--quiet", "--set-upstream", "origin", "main")
    (tmp_path / "token").write_text("hf_fromafile")
    (tmp_path / "kubernetes").mkdir()
    with serving(tmp_path / "kubernetes", FakeCluster()) as fake:
        oci_cloud.kubernetes = {"server": fake.url, "ca": base64.b64encode(fake.authority).decode()}
        yield Place(project, remote, fake, oci_cloud, tmp_path / "token")


def test_from_nothing_to_an_engine_that_follows(place: Place) -> None:
    """One story, since making a cluster takes seconds."""
    planned = place.run("plan")
    assert planned.exit_code == 2, planned.output
    assert "phx: Secret inference/hf-token" in planned.stdout
    assert "with a new deploy key" in planned.stdout
    assert place.fake.requests == 0

    applied = place.run("apply", "--yes", "--wait", "60")
    assert applied.exit_code == 0, applied.output
    assert "let this key read ssh://git@github.com/acme/gitops" in applied.stderr
    assert "follows the stack" in applied.stderr
    assert "hf_fromafile" not in applied.output
    assert "PRIVATE" not in applied.output

    pushed = git(place.remote, "ls-tree", "-r", "--name-only", "main").split()
    assert {"clusters/phx/oci.yaml", ".gpuyard.lock"} <= set(pushed)
    assert git(place.project, "status", "--porcelain").strip() == ""
    tokens = {base64.urlsafe_b64decode(each.removeprefix("Bearer ")).decode() for each in place.fake.tokens}
    (cluster,) = place.cloud.all("cluster")
    assert all(f"/cluster_request/{cluster.id}?" in token for token in tokens)

    place.fake.writes.clear()
    head = git(place.project, "rev-parse", "HEAD")
    again = place.run("plan", "--output", "json")
    assert again.exit_code == 0, again.output
    (handover,) = json.loads(again.stdout)["handover"]
    assert {each["action"] for each in handover["objects"]} == {"keep"}
    assert handover["publicKey"].startswith("ssh-ed25519 ")
    repeated = place.run("apply", "--wait", "60")
    assert repeated.stdout.endswith("up to date\n"), repeated.output
    assert (place.fake.writes, git(place.project, "rev-parse", "HEAD")) == ([], head)


@pytest.mark.parametrize("place", ["flux"], indirect=True)
def test_what_is_not_committed_is_said_before_money_is_spent(place: Place) -> None:
    (place.project / "blueprints/more.yaml").write_bytes(
        (place.project / "blueprints/chat.yaml").read_bytes().replace(b"name: chat", b"name: more")
    )
    done = place.run("apply", "--yes")
    assert done.exit_code == 73, done.output
    assert "blueprints/more.yaml (not in the commit)" in done.output
    assert not place.cloud.live()


@pytest.mark.parametrize("place", ["flux"], indirect=True)
@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ("inference/hf-tokn/token=x", 66, "no cluster needs it; did you mean inference/hf-token/token?"),
        ("inference/hf-token=x", 2, "must be NAMESPACE/NAME/KEY=FILE"),
        ("inference/hf-token/token=/nowhere", 66, "/nowhere: cannot be read"),
        ("inference/hf-token/token=ocid1.vaultsecret.oc1.phx.a", 69, "read the secret ocid1.vaultsecret.oc1.phx.a"),
    ],
)
def test_what_is_given_wrongly_is_said_before_anything_is_asked(
    place: Place, given: str, code: int, message: str
) -> None:
    done = place.run("plan", "--secret", given, secret=False)
    assert (done.exit_code, message in done.output) == (code, True), done.output


@pytest.mark.parametrize("place", ["flux"], indirect=True)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no YAML"),
        ("- 1\n", "has something else than Kubernetes objects"),
        ("", "has something else than Kubernetes objects"),
        (None, "cannot be read"),
    ],
)
def test_manifests_of_the_user_s_that_are_none(place: Place, tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "install.yaml"
    if text is not None:
        file.write_text(text)
    done = place.run("plan", "--engine-manifests", str(file))
    assert done.exit_code in (66, 69), done.output
    assert f"{file}: {message}" in done.output


@pytest.mark.parametrize("place", ["flux"], indirect=True)
def test_a_host_that_nobody_vouches_for_stops_it_before_anything_is_made(place: Place) -> None:
    text = (place.project / "stack.yaml").read_text().replace("github.com", "git.acme.example")
    (place.project / "stack.yaml").write_text(text)
    git(place.project, "commit", "--quiet", "--all", "--message", "another host")
    done = place.run("apply", "--yes")
    assert done.exit_code == 69, done.output
    assert "refused: phx: nobody has said which SSH host keys git.acme.example has" in done.output
    assert not place.cloud.live()
    hosts = place.project.parent / "hosts"
    hosts.write_text("git.acme.example ssh-ed25519 AAAA\n")
    assert place.run("plan", "--known-hosts", str(hosts)).exit_code == 2


@pytest.mark.parametrize("place", ["flux"], indirect=True)
def test_an_engine_that_cannot_read_the_repository_yet_is_waited_for_and_told(place: Place) -> None:
    why = [{"type": "Ready", "status": "False", "message": "ssh: unable to authenticate"}]
    place.fake.says["gitrepositories/demo"] = {"conditions": why}
    done = place.run("apply", "--yes", "--wait", "0")
    assert done.exit_code == 75, done.output
    assert "phx: GitRepository demo: ssh: unable to authenticate" in done.output
    assert "run the same command again" in done.output
    place.fake.says.clear()
    assert place.run("apply", "--yes", "--wait", "0").exit_code == 0


@pytest.mark.parametrize("place", ["flux"], indirect=True)
def test_a_value_comes_from_the_vault(place: Place) -> None:
    """By the OCID of a secret that somebody keeps there."""
    _, _, secret = token(place.cloud)
    done = place.run("apply", "--yes", "--wait", "0", "--secret", f"{HF}={secret.id}", secret=False)
    assert done.exit_code == 0, done.output
    held = place.fake.objects["/api/v1/namespaces/inference/secrets/hf-token"]["data"]["token"]
    assert base64.b64decode(held) == b"hf_x"
