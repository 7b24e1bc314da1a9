"""`gpuyard bootstrap apply` up to an engine that follows the stack: one command, and again."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gpuyard.cli.main import cli
from gpuyard.doors.oci import cloud as door
from tests.fakecluster import FakeCluster
from tests.fakekubernetes import serving
from tests.gittools import git
from tests.oci.faults import How
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


def vault(place: Place) -> str:
    """One of somebody's, with a token in it, which the stack names; its OCID."""
    there, key, _ = token(place.cloud)
    text = (place.project / "stack.yaml").read_text()
    own = f"  oci:\n    vault: {{id: {there.id}, key: {key.id}}}\n"
    (place.project / "stack.yaml").write_text(text.replace("  oci:\n", own, 1))
    git(place.project, "commit", "--quiet", "--all", "--message", "a vault")
    return str(there.id)


def held(place: Place) -> tuple[str, bytes]:
    """The public half of the deploy key, and the private one that the cluster has."""
    name, key = (
        ("flux-system", "identity") if "flux-system" in place.fake.named("Namespace") else ("argocd", "sshPrivateKey")
    )
    secret = place.fake.objects[f"/api/v1/namespaces/{name}/secrets/git"]
    return secret["metadata"]["annotations"]["gpuyard.dev/public-key"], base64.b64decode(secret["data"][key])


def kept(place: Place, ocid: str) -> bytes:
    """The private half that the vault has."""
    bundle = place.cloud.client("secrets").get_secret_bundle_by_name("demo-phx-deploy-key", ocid).data
    return base64.b64decode(bundle.secret_bundle_content.content)


def test_a_vault_keeps_the_deploy_key_for_the_next_cluster(place: Place) -> None:
    ocid = vault(place)
    given = ("--secret", f"{HF}=vault:hf-token")
    done = place.run("apply", "--yes", "--wait", "0", *given, secret=False)
    assert done.exit_code == 0, done.output
    assert "PRIVATE" not in done.output
    public, private = held(place)
    assert kept(place, ocid) == private
    assert (
        base64.b64decode(place.fake.objects["/api/v1/namespaces/inference/secrets/hf-token"]["data"]["token"])
        == b"hf_x"
    )

    made = place.cloud.count("create_secret")
    assert place.run("apply", "--wait", "0", *given, secret=False).stdout.endswith("up to date\n")
    place.fake.objects = {path: each for path, each in place.fake.objects.items() if not path.endswith("/secrets/git")}
    assert place.run("apply", "--yes", "--wait", "0", *given, secret=False).exit_code == 0
    assert held(place) == (public, private)
    assert place.cloud.count("create_secret") == made

    gone = place.run("destroy", "--yes", "--delete-data", secret=False)
    assert gone.exit_code == 0, gone.output
    assert "stays: phx/deploy-key" in gone.stdout
    assert "the vault keeps it for the next cluster, at no cost" in gone.stdout
    assert {each["kind"] for each in place.cloud.live()} == {"vault", "key", "secret"}


@pytest.mark.parametrize("place", ["flux"], indirect=True)
def test_a_key_whose_deletion_is_scheduled_is_kept_and_used(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is taken until then."""
    monkeypatch.setattr(door.Cloud, "pause", lambda *_: None)
    ocid = vault(place)
    assert place.run("apply", "--yes", "--wait", "0").exit_code == 0
    before = held(place)
    (secret,) = (each for each in place.cloud.all("secret") if each.has["secretName"] == "demo-phx-deploy-key")
    place.cloud.client("vaults").schedule_secret_deletion(secret.id, {})
    place.cloud.pace = 1
    place.fake.objects = {path: each for path, each in place.fake.objects.items() if not path.endswith("/secrets/git")}
    done = place.run("apply", "--yes", "--wait", "0")
    assert done.exit_code == 0, done.output
    assert held(place) == before
    assert kept(place, ocid) == before[1]


@pytest.mark.parametrize("place", ["flux"], indirect=True)
@pytest.mark.parametrize("how", [How.DROP_AFTER, How.KILL_AFTER, How.KILL_BEFORE])
def test_a_key_whose_answer_was_lost_is_the_one_that_is_used(
    place: Place, monkeypatch: pytest.MonkeyPatch, how: How
) -> None:
    monkeypatch.setattr(door, "delay", lambda _: 0.0)
    monkeypatch.setattr(door.Cloud, "pause", lambda *_: None)
    ocid = vault(place)
    place.cloud.script.fail("create_secret", how=how)
    died = place.run("apply", "--yes", "--wait", "0")
    assert died.exit_code == (0 if how is How.DROP_AFTER else 75), died.output
    place.cloud.script.revive()
    assert place.run("apply", "--yes", "--wait", "0").exit_code == 0
    assert held(place)[1] == kept(place, ocid)
    assert sum(each.has["secretName"] == "demo-phx-deploy-key" for each in place.cloud.all("secret")) == 1


@pytest.mark.parametrize("place", ["flux"], indirect=True)
def test_what_is_wrong_with_a_vault_is_said_before_anything_is_made(place: Place) -> None:
    done = place.run("apply", "--yes", "--secret", f"{HF}=vault:hf-token", secret=False)
    assert (done.exit_code, "the stack names no vault; set spec.oci.vault" in done.stderr) == (66, True), done.output
    ocid = vault(place)
    done = place.run("apply", "--yes", "--secret", f"{HF}=vault:hf-tokn", secret=False)
    assert (done.exit_code, f"the vault {ocid} has no secret hf-tokn" in done.stderr) == (66, True), done.output
    place.cloud.find(ocid, place.cloud.home).state = "PENDING_DELETION"
    done = place.run("apply", "--yes")
    assert (done.exit_code, "the vault v is PENDING_DELETION; name one that is ACTIVE" in done.stderr) == (69, True)
    text = (place.project / "stack.yaml").read_text().replace(ocid, "ocid1.vault.oc1.iad.aaaanowhere")
    (place.project / "stack.yaml").write_text(text)
    git(place.project, "commit", "--quiet", "--all", "--message", "another vault")
    done = place.run("apply", "--yes")
    assert (done.exit_code, "read the vault of spec.oci.vault: not found" in done.stderr) == (69, True), done.output
    assert {each["kind"] for each in place.cloud.live()} <= {"vault", "key", "secret"}


@pytest.mark.parametrize("place", ["flux"], indirect=True)
def test_a_secret_of_the_name_that_is_no_key_is_said(place: Place) -> None:
    ocid = vault(place)
    (given,) = place.cloud.all("secret")
    given.has["secretName"] = "demo-phx-deploy-key"
    done = place.run("apply", "--yes", "--wait", "0")
    assert done.exit_code == 75, done.output
    assert "the secret demo-phx-deploy-key of the vault is not an SSH key; delete or rename it" in done.stderr
    assert kept(place, ocid) == b"hf_x"
